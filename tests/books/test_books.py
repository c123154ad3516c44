"""What a book's program prints, it prints here too, to the character but for the framework's name."""

from __future__ import annotations

import contextlib
import io
import re

import pytest

from .programs import PROGRAMS


def printed(program: str, framework: str) -> str:
    out = io.StringIO()
    text = f"import torch\n{program}".replace("torch", framework)
    with contextlib.redirect_stdout(out):
        exec(compile(text, "book", "exec"), {"__name__": "book"})
    return re.sub(rf"\b{framework}\.", "torch.", out.getvalue())


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.filterwarnings("ignore")
def test_prints_what_pytorch_prints(name):
    pytest.importorskip("torch", reason="the other side of the comparison")
    assert printed(PROGRAMS[name], "thalweg") == printed(PROGRAMS[name], "torch")
