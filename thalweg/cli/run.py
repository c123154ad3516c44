"""``thalweg run``: a program written for PyTorch, as it stands, or a look at what it needs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ..compat import check, run_script
from ..compat.script import Unreadable


def run(script: str, arguments: Sequence[str]) -> None:
    """Run the file ``script`` with ``torch`` served by Thalweg; exit code 2 where it cannot be read."""
    try:
        run_script(script, arguments)
    except Unreadable as error:
        _cannot_read(error)


def look(script: str) -> int:
    """Print the names of PyTorch that ``script`` uses and that are missing; 1 if there are any for certain, else 0."""
    try:
        source = Path(script).read_bytes()
    except OSError as error:
        _cannot_read(error)
    try:
        findings = check(source, script)
    except SyntaxError as error:
        print(f"thalweg: {script}:{error.lineno}: {error.msg}", file=sys.stderr)
        raise SystemExit(2) from None
    for finding in findings:
        doubt = "" if finding.certain else "perhaps "
        print(f"{script}:{finding.line}: {doubt}{finding.text}")
    certain = sum(finding.certain for finding in findings)
    if not findings:
        print(f"{script}: all names of PyTorch that it uses are there")
    return int(certain > 0)


def _cannot_read(error: OSError) -> None:
    path = os.path.abspath(str(error.filename))
    print(
        f"thalweg: can't open file {path!r}: [Errno {error.errno}] {error.strerror}",
        file=sys.stderr,
    )
    raise SystemExit(2) from None
