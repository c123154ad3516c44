"""The ``thalweg`` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command; typer and rich are loaded only here, and not where a program is run."""
    if sys.argv[1:2] == ["run"] and len(sys.argv) > 2 and not sys.argv[2].startswith("-"):
        from .run import run

        run(sys.argv[2], sys.argv[3:])
        return
    from .app import app

    app()


__all__ = ["main"]
