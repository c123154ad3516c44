"""Which public names of PyTorch are there? Writes docs/parity.md from the code and the stored list of names.

python -m thalweg.testing.parity            # the page, after names were added
python -m thalweg.testing.parity --names    # the stored list first, from the PyTorch that is installed
"""

from __future__ import annotations

import argparse
import pkgutil
import re
import textwrap
import types
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from ..compat.names import COUNTED, STORED, TORCH, sections
from ..compat.places import served

PAGE = Path(__file__).parents[2] / "docs" / "parity.md"
_WALKED = ("nn", "optim", "utils.data", "autograd", "distributions", "cuda", "utils")
_NOT_WALKED = re.compile(
    r"torch\.(nn\.(intrinsic|quant|qat|attention|backends|cpp)|cuda\.(jiterator|nccl|tunable|gds|green|streams|comm)"
    r"|utils\.(benchmark|bottleneck|data\.datapipes|hip|jit|serialization|viz|weak|model_dump|show_pickle|cpp)"
    r"|distributions\.(constraint_registry|utils)|autograd\.profiler_)|\.__main__$"
)
_PRIVATE_BUT_USED = ("torch.utils.data._utils", "torch.utils.data._utils.collate")
# Not counted: the script language's and the exporter's, quantization's, and what only raises in 2.13.
_INTERNAL = re.compile(
    r"(q?u?int[1-7]|q(u?int|scheme)\w*|bits?\d*(x\d)?|float[48]_\w*|import_ir_\w+|parse_\w+|merge_type_\w+|unify_type_list"
    r"|fork|wait|init_num_threads|[sS]ym\w+|fake_quantize\w*|quantize\w*|dequantize|get_file_path|has_\w+|classproperty"
    r"|native_channel_shuffle|DispatchKey|ScriptClass|ScriptFunction|Tag|Aggregat\w+|q_\w+"
    r"|SUM|AVG|DisableTorchFunction\w*|JITException|FatalError|\w*Storage|compiled_with_\w+|prepare_multi\w+|profiler_\w+"
    r"|thread_safe_generator|\w*_notes|common_args|\w+_with_indices|assert_int_or_pair|boolean_dispatch"
    r"|Broadcasting\w+|\w*_qparams\w*|per_(channel|tensor)_\w+|PRIVATE_OPS|jagged|factory_kwargs|LoggerBase|int_repr"
    r"|is_(ipu|maia|mtia|vulkan|xla|xpu|hpu|quantized)|ipu|xpu|hpu|mtia)"
)
_RAISING = frozenset({"cond", "eig", "lstsq", "matrix_rank", "solve", "symeig", "while_loop"})
_PLAIN = frozenset(
    {"Size", "Tensor", "device", "dtype", "finfo", "iinfo", "layout", "memory_format"}
)
_UNDOCUMENTED = frozenset({"data", "dtype", "grad_fn", "layout"})


def page() -> str:
    """The text of docs/parity.md: names that are there and names that are not, section by section."""
    rows, absent = [], []
    total = here = 0
    for section in COUNTED:
        names = sections()[section]
        missing = [n for n in names if not served(section, n)]
        total, here = total + len(names), here + len(names) - len(missing)
        rows.append(_row(section, len(names) - len(missing), len(names)))
        if missing:
            listed = textwrap.fill(
                ", ".join(f"`{n}`" for n in missing), 118, break_long_words=False
            )
            absent.append(f"### {section}: {len(missing)}\n\n{listed}\n")
    return _TEXT.format(
        torch=TORCH[:-2], rows="\n".join(rows), all=_row("together", here, total), absent="\n".join(absent)
    )  # fmt: skip


def _row(section: str, here: int, total: int) -> str:
    return f"| `{section}` | {here} | {total - here} | {total} | {100 * here / total:.0f} % |"


_TEXT = """# Parity with PyTorch {torch}

Which public names of PyTorch are there under Thalweg, in the namespaces that it means to have whole. Written by
`python -m thalweg.testing.parity` from the code and from the list in `thalweg/compat/torch_names.txt`.

Counted is what a user would count: the names of `__all__` where there is one, else those without a leading underscore,
if PyTorch documents them (a docstring) or they are types, constants or layouts; a function of `torch` without a docstring
counts if the Tensor or `torch.nn.functional` documents it under the same name. Not counted are modules, the in-place twins
in `torch` (`torch.abs_`; the method counts), what belongs to the script language, the exporter and quantization, storages,
devices that only PyTorch has, and names that raise in PyTorch {torch}.

A name that is there was found, not tried: that it does what PyTorch does is for the tests to say.

| namespace | there | missing | counted | |
|---|---:|---:|---:|---:|
{rows}
{all}

## Missing

{absent}"""


def stored() -> str:
    """The text of the stored list, from the PyTorch that is installed.

    Raises:
        RuntimeError: it is another version than the list's.
    """
    torch = import_module("torch")
    if torch.__version__.split("+")[0] != TORCH:
        raise RuntimeError(
            f"the list is of PyTorch {TORCH}, installed is {torch.__version__}: install that one"
        )
    lines = [
        f"# The public names of PyTorch {TORCH}, written by `python -m thalweg.testing.parity --names`."
    ]
    for section in dict.fromkeys((*COUNTED, *sorted(_modules(torch)))):
        lines += ["", f"[{section}]", *textwrap.wrap(" ".join(_public(torch, section)), 118)]
    return "\n".join(lines) + "\n"


def _modules(torch: Any) -> Iterator[str]:
    """PyTorch's public modules: all that lie directly in it, and those below the packages that programs import from."""
    for info in pkgutil.iter_modules(torch.__path__, "torch."):
        if not info.name.rpartition(".")[2].startswith("_"):
            yield info.name
    for package in _WALKED:
        whole = import_module(f"torch.{package}")
        for info in pkgutil.walk_packages(
            whole.__path__, f"{whole.__name__}.", onerror=lambda name: None
        ):
            if "._" not in info.name and not _NOT_WALKED.match(info.name):
                yield info.name
    for parent, shown in (("torch", torch), ("torch.backends", torch.backends)):
        for name, found in vars(shown).items():
            if (
                isinstance(found, types.ModuleType)
                and name[0] != "_"
                and found.__name__ == f"{parent}.{name}"
            ):
                yield found.__name__
    yield from ("torch.signal.windows", "torch.cuda.amp", *_PRIVATE_BUT_USED)


def _public(torch: Any, section: str) -> list[str]:
    """The names of one section, sorted."""
    try:
        module = torch.Tensor if section == "torch.Tensor" else import_module(section)
    except Exception:  # what a module of PyTorch needs may not be installed
        return []
    listed = vars(module).get("__all__")
    if section == "torch" or (listed is None and section in COUNTED):
        names = dir(module)
    elif listed is None:
        names = [
            n for n, found in vars(module).items() if getattr(found, "__module__", None) == section
        ]
    else:
        names = list(listed)
    return sorted({n for n in names if n[0] != "_" and _counts(torch, section, module, n)})


def _counts(torch: Any, section: str, module: Any, name: str) -> bool:
    found = getattr(module, name, None)
    if isinstance(found, types.ModuleType) or (section in COUNTED and _INTERNAL.fullmatch(name)):
        return False
    if section not in COUNTED or section == "torch.distributions":
        return True
    if section in ("torch", "torch.Tensor") and name in _RAISING:
        return False
    if name in (
        _PLAIN if section == "torch" else _UNDOCUMENTED if section == "torch.Tensor" else ()
    ):
        return True
    constants = (torch.dtype, torch.layout, torch.memory_format, torch.Generator, float, type(None))
    if section == "torch" and (
        isinstance(found, constants) or type(found).__name__ == "tensortype"
    ):
        return True
    documented = found is not None and bool(found.__doc__)
    if isinstance(found, type):
        of_torch = found.__module__.startswith("torch") or section == "torch.utils.data"
        plain = section != "torch.nn.functional" and "pybind11" not in type(found).__name__
        return of_torch and plain and documented and name != "Tensor"
    if section in ("torch", "torch.Tensor") and not documented:
        twins = [getattr(place, name, None) for place in (torch, torch.Tensor, torch.nn.functional)]
        return name[-1] != "_" and any(twin is not None and twin.__doc__ for twin in twins)
    if section == "torch.Tensor":
        return documented
    home = str(getattr(found, "__module__", None) or "torch")
    inner = ("torch.overrides", "torch._jit", "torch._C._functorch")
    return (
        callable(found)
        and documented
        and home.startswith(("torch", "builtins"))
        and not home.startswith(inner)
    )


def main() -> None:
    """Write the page, and the list before it with ``--names``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--names", action="store_true", help="write the stored list too; needs PyTorch"
    )
    if parser.parse_args().names:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            STORED.write_text(stored())
        sections.cache_clear()
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
