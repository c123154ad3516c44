"""The ``thalweg`` command."""

from __future__ import annotations


def main() -> None:
    """Run the command; typer and rich are loaded only here."""
    from .app import app

    app()


__all__ = ["main"]
