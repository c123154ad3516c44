"""Which names of PyTorch does a program use that are not there? Read from its text, without running it."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from .missing import explanation
from .names import sections
from .places import ROOTS, look_up, present, served, targets

_GUARDS = {"ImportError", "ModuleNotFoundError", "AttributeError", "Exception", "BaseException"}
_OTHERS = (str, bytes, list, dict, set, tuple, int, float, np.ndarray, Path)
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | _Comprehension


@dataclass(frozen=True, order=True)
class Finding:
    """A name that is missing: on which line, what is said of it, and whether it is one of PyTorch's for certain."""

    line: int
    name: str
    text: str
    certain: bool = True


def check(source: str | bytes, file: str = "<script>") -> list[Finding]:
    """The names of PyTorch, as ``torch.nn.LSTM``, that ``source`` uses and that are missing, by line.

    A method that PyTorch's Tensor has and Thalweg's has not is given as uncertain: what it is called on is known only
    when the program runs. A name that the program itself is ready to miss, in a ``try`` that catches the error of it,
    is not given.

    Raises:
        SyntaxError: ``source`` is no Python.
    """
    return _Reader(ast.parse(source, file)).findings()


def first_missing(full: str) -> tuple[str, str] | None:
    """(module, name) where the way to ``full`` ends, or None: it is there."""
    home, *rest = full.split(".")
    if targets(home) is None:
        return "", home
    for k, name in enumerate(rest):
        try:
            found = look_up(home, name)
        except AttributeError:
            if targets(f"{home}.{name}") is None:
                return home, name
            home = f"{home}.{name}"
            continue
        if found is look_up("torch", "Tensor") and rest[k + 1 :]:
            method = rest[k + 1]
            return None if hasattr(found, method) else ("torch.Tensor", method)
        return None
    return None


class _Reader(ast.NodeVisitor):
    """Follows a program's imports of PyTorch to where they are used."""

    def __init__(self, tree: ast.AST) -> None:
        self.found: dict[tuple[int, str], Finding] = {}
        self.meant: dict[str, str] = {}  # a name in the program: what of PyTorch it is
        self.star: list[str] = []
        self.local: list[set[str]] = []
        self.guarded = 0
        self.tree = tree
        self.bound = set(_bound(tree))
        self.again = set(
            _bound(tree, inside=False)
        )  # names of the program that it may have imported before

    def findings(self) -> list[Finding]:
        for node in ast.walk(self.tree):
            for name, full in _imported(node):
                if name == "*":
                    self.star.append(full)
                else:
                    self.meant[name] = full
        self.visit(self.tree)
        return sorted(self.found.values())

    def _use(self, line: int, full: str) -> None:
        gap = None if self.guarded else first_missing(full)
        if gap is not None:
            self._say(line, *gap)

    def _say(self, line: int, home: str, name: str, certain: bool = True) -> None:
        text = explanation(home, name)
        finding = Finding(line, f"{home}.{name}".strip("."), text, certain)
        self.found.setdefault((line, finding.name), finding)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name.split(".")[0] in ROOTS:
                self._use(node.lineno, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if not node.level and node.module and node.module.split(".")[0] in ROOTS:
                ending = "" if alias.name == "*" else f".{alias.name}"
                self._use(alias.lineno, node.module + ending)

    def visit_Try(self, node: ast.Try) -> None:
        caught = {
            name.id
            for handler in node.handlers
            for name in ast.walk(handler.type or ast.Name("Exception"))
            if isinstance(name, ast.Name)
        }
        self.guarded += bool(caught & _GUARDS)
        for statement in node.body:
            self.visit(statement)
        self.guarded -= bool(caught & _GUARDS)
        for part in (*node.handlers, *node.orelse, *node.finalbody):
            self.visit(part)

    def visit_FunctionDef(self, node: _Scope) -> None:
        self.local.append(set(_bound(node, inside=False)))
        self.generic_visit(node)
        self.local.pop()

    visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef
    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_FunctionDef

    def visit_Name(self, node: ast.Name) -> None:
        """A name that only ``from torch.nn import *`` could have brought."""
        if node.id in self.bound or hasattr(builtins, node.id) or self.guarded:
            return
        for module in self.star:
            if node.id in sections().get(module, ()) and not served(module, node.id):
                self._say(node.lineno, module, node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        full = self._of_torch(node)
        if full is None:
            self.generic_visit(node)
        else:
            self._use(node.lineno, full)

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        called = node.func
        if not isinstance(called, ast.Attribute) or called.attr not in _methods_to_come():
            return
        if self._of_torch(called) is None and not self.guarded:
            line = called.end_lineno or node.lineno
            self._say(line, "torch.Tensor", called.attr, certain=False)

    def _of_torch(self, node: ast.Attribute) -> str | None:
        """The full name of what ``node`` says, if it begins at one of PyTorch's modules or names."""
        names = [node.attr]
        inner = node.value
        while isinstance(inner, ast.Attribute):
            names.insert(0, inner.attr)
            inner = inner.value
        if not isinstance(inner, ast.Name) or inner.id not in self.meant:
            return None
        if inner.id in self.again or any(inner.id in scope for scope in self.local):
            return None
        return ".".join((self.meant[inner.id], *names))


@cache
def _methods_to_come() -> set[str]:
    """Methods of PyTorch's Tensor that are missing, and that nothing else which programs often hold has."""
    missing = set(sections()["torch.Tensor"]) - set(present("torch.Tensor"))
    return {m for m in missing if not any(hasattr(other, m) for other in _OTHERS)}


def _imported(node: ast.AST) -> Iterator[tuple[str, str]]:
    """(name in the program, what of PyTorch it is) of an import; a name "*" for all of a module."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            root = alias.name.split(".")[0]
            if root in ROOTS:
                yield (alias.asname, alias.name) if alias.asname else (root, root)
    elif isinstance(node, ast.ImportFrom) and not node.level:
        module = node.module or ""
        for alias in node.names if module.split(".")[0] in ROOTS else ():
            if alias.name == "*":
                yield "*", module
            else:
                yield alias.asname or alias.name, f"{module}.{alias.name}"


def _bound(node: ast.AST, inside: bool = True) -> Iterator[str]:
    """The names that ``node`` binds other than by importing from PyTorch."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Name) and not isinstance(child.ctx, ast.Load):
            yield child.id
        elif isinstance(child, ast.arg):
            yield child.arg
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield child.name
        elif isinstance(child, ast.Import | ast.ImportFrom) and not any(_imported(child)):
            yield from ((a.asname or a.name).split(".")[0] for a in child.names)
        if inside or not isinstance(child, _Scope):
            yield from _bound(child, inside)
