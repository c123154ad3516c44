"""A program written for PyTorch, run as ``python`` would run it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from ..tensor import Tensor
from .finder import install
from .missing import explanation
from .names import in_torch

_HERE = str(Path(__file__).parent)


class Unreadable(OSError):
    """The file of a program cannot be read."""


def run_script(script: str, arguments: Sequence[str] = ()) -> None:
    """Run the file ``script`` as the main program, with ``torch`` served by Thalweg: the last thing a process does.

    What it raises is raised here; where nobody catches it, the interpreter shows it without the frames of Thalweg, and
    ends as it does for ``python script``.

    Raises:
        Unreadable: the file cannot be read.
        RuntimeError: PyTorch itself is already imported.
    """
    path = os.path.abspath(script)
    try:
        source = Path(path).read_bytes()
    except OSError as error:
        raise Unreadable(error.errno, error.strerror, path) from None
    install()
    main: Any = ModuleType("__main__")
    main.__file__ = path
    main.__loader__ = SourceFileLoader("__main__", path)
    main.__builtins__ = sys.modules["builtins"]
    for name, value in (("__annotations__", {}), ("__cached__", None)):
        if name in vars(sys.modules["__main__"]):  # what this Python gives a main program
            setattr(main, name, value)
    sys.modules["__main__"] = main
    sys.argv = [script, *arguments]
    if not sys.flags.safe_path:
        sys.path[:1] = [os.path.dirname(os.path.realpath(path))]
    try:
        exec(compile(source, path, "exec", dont_inherit=True), main.__dict__)
    except BaseException as error:
        if isinstance(error, AttributeError):
            _note(error)
        _show_from_the_script_on()
        raise


def _note(error: AttributeError) -> None:
    """Tell of a method that PyTorch's Tensor has."""
    name = error.name or ""
    if isinstance(error.obj, Tensor) and in_torch(f"torch.Tensor.{name}"):
        error.add_note(explanation("torch.Tensor", name))


def _show_from_the_script_on() -> None:
    """Let what shows an uncaught exception, the program's own hook or the interpreter's, see the program's frames."""
    shown = sys.excepthook

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        trace = _of_the_script(trace)
        shown(kind, error.with_traceback(trace), trace)

    sys.excepthook = show


def _of_the_script(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without the frames that led to the program, and without those in which a missing name was told."""
    first = trace
    while first is not None and first.tb_frame.f_code is not run_script.__code__:
        first = first.tb_next
    first = trace if first is None else first.tb_next
    last, here = first, first
    while here is not None:
        if not here.tb_frame.f_code.co_filename.startswith((_HERE, "<frozen importlib")):
            last = here
        here = here.tb_next
    if last is not None:
        last.tb_next = None
    return first
