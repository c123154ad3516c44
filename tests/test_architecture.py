"""How the code reads, checked: who imports whom, how large things are, what loads at import."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "thalweg"
ROOMS = [
    ["ir"], ["ops"], ["compiler"], ["runtime"], ["tensor"], ["autograd"], ["nn"],
    ["optim", "data", "io", "func", "amp"], ["vision", "learn", "insight", "distributed", "distributions", "cpu", "cuda", "backends"],
    ["compat"], ["cli"], ["testing"],
]  # fmt: skip
LEVEL = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}
FILES = sorted(PACKAGE.rglob("*.py"))
RECORD_TABLES = set((PACKAGE / "ops").glob("*.py")) - {PACKAGE / "ops" / "composite.py"}
LATE_IMPORTS = {
    "thalweg/autograd/backward.py": "vmap loads when a batch of gradients is asked for",
    "thalweg/autograd/function.py": "what goes with vmap loads when it is under way",
    "thalweg/runtime/program.py": "the compiler loads when a loop has come round",
    "thalweg/cli/__init__.py": "typer and rich load only when the command runs",
    "thalweg/cli/app.py": "rich loads only when a training runs",
}
PLAIN_NAMES = {"utils", "helpers", "common", "misc", "manager"}
NAMED_LIKE_TORCH = {"thalweg/utils", "thalweg/nn/utils", "thalweg/distributions/utils"}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def own_imports(path: Path) -> list[tuple[str, bool, bool]]:
    """(module, only for types, inside a function) of each import of our own modules."""
    found = []
    package = list(path.relative_to(ROOT).with_suffix("").parts)[:-1]

    def visit(node: ast.AST, for_types: bool, inside: bool) -> None:
        for child in ast.iter_child_nodes(node):
            typed = for_types or (
                isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            )
            within = inside or isinstance(
                child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
            )
            if isinstance(child, ast.ImportFrom) and child.level:
                base = package[: len(package) - child.level + 1]
                module = [*base, *(child.module.split(".") if child.module else [])]
                for alias in child.names:
                    whole = [*module, alias.name]
                    target = (
                        whole
                        if ROOT.joinpath(*whole).with_suffix(".py").exists()
                        or ROOT.joinpath(*whole).is_dir()
                        else module
                    )
                    found.append((".".join(target), typed, within))
            visit(child, typed, within)

    visit(ast.parse(path.read_text()), False, False)
    return found


def file_of(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@pytest.mark.parametrize("path", FILES, ids=name)
def test_imports_go_downward(path):
    parts = path.relative_to(PACKAGE).parts
    if len(parts) == 1 or parts[0] == "utils":
        return
    for module, for_types, _ in own_imports(path):
        pieces = module.split(".")
        if for_types or len(pieces) < 2 or pieces[1] not in LEVEL:
            continue
        same_room = pieces[1] == parts[0]
        assert same_room or LEVEL[pieces[1]] < LEVEL[parts[0]], (
            f"{name(path)} imports {module}, which is not below it"
        )


def test_no_import_cycles():
    graph = {path: set() for path in FILES}
    for path in FILES:
        if path.name == "__init__.py":
            continue
        for module, for_types, inside in own_imports(path):
            target = file_of(module)
            if not for_types and not inside and target in graph and target.name != "__init__.py":
                graph[path].add(target)
    done: set[Path] = set()

    def walk(path: Path, way: list[Path]) -> None:
        assert path not in way, "a cycle: " + " -> ".join(name(p) for p in [*way, path])
        if path not in done:
            for target in graph[path]:
                walk(target, [*way, path])
            done.add(path)

    for path in FILES:
        walk(path, [])


@pytest.mark.parametrize("path", FILES, ids=name)
def test_late_imports_have_a_reason(path):
    late = [module for module, for_types, inside in own_imports(path) if inside and not for_types]
    assert not late or name(path) in LATE_IMPORTS, f"late imports of {late}"


def lines_without_docstring(node: ast.AST) -> int:
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    doc = node.body[0] if ast.get_docstring(node) else None
    spoken = (doc.end_lineno - doc.lineno + 1) if doc is not None else 0
    return node.end_lineno - node.lineno + 1 - spoken


@pytest.mark.parametrize("path", FILES, ids=name)
def test_sizes(path):
    text = path.read_text()
    limit = 800 if path in RECORD_TABLES else 600
    assert len(text.splitlines()) <= limit, f"{name(path)} is longer than {limit} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert lines_without_docstring(node) <= 80, (
                f"{name(path)}: {node.name} is longer than 80 lines"
            )


def test_the_median_function_is_short():
    sizes = [
        lines_without_docstring(node)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert sorted(sizes)[len(sizes) // 2] <= 8


@pytest.mark.parametrize("path", FILES, ids=name)
def test_lines_are_not_crowded(path):
    skip = {
        tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING,
        tokenize.ENDMARKER,
    }  # fmt: skip
    tokens, inside = [], 0
    for t in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        kind = tokenize.tok_name[t.type]
        inside -= kind == "FSTRING_END"  # from Python 3.12 on; before, an f-string is one token
        if not inside and t.type not in skip and kind != "FSTRING_END":
            tokens.append(t)
        inside += kind == "FSTRING_START"
    lines = {t.start[0] for t in tokens}
    limit = 15 if path in RECORD_TABLES else 13
    assert len(tokens) <= limit * max(len(lines), 10), (
        f"{name(path)}: {len(tokens) / len(lines):.1f} tokens a line"
    )


def test_functional_docstrings_give_shapes():
    shape = re.compile(r"\(|shape|any shape|sizes")
    for path in (PACKAGE / "nn" / "functional").glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                doc = ast.get_docstring(node) or ""
                assert shape.search(doc), f"{name(path)}: {node.name}'s docstring gives no shapes"


def test_names_say_something():
    for path in FILES:
        parts = path.relative_to(ROOT).with_suffix("").parts
        for depth, part in enumerate(parts, 1):
            if part in PLAIN_NAMES:
                assert "/".join(parts[:depth]) in NAMED_LIKE_TORCH, (
                    f"{name(path)}: {part} says nothing"
                )


def test_nothing_heavy_at_import():
    heavy = ["scipy", "sklearn", "matplotlib", "PIL", "rich", "typer", "llvmlite", "torch"]
    code = f"import sys, thalweg; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "[]"


def test_no_machine_paths():
    pattern = re.compile(r"""["'( =`](/(root|home|tmp|opt|mnt|srv|work)/|[A-Z]:\\)""")
    tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT)
    listed = tracked.stdout.splitlines() if tracked.returncode == 0 else [name(p) for p in FILES]
    for file in listed:
        path = ROOT / file
        if (
            path.suffix in (".py", ".md", ".toml", ".yaml")
            and path.is_file()
            and path != Path(__file__)
        ):
            found = pattern.search(path.read_text())
            assert found is None, f"{file}: {found.group(0)}"
