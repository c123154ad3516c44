"""What the command line understands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import __version__

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Train networks, plainly and fast.",
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"thalweg {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version and stop."
        ),
    ] = False,
) -> None:
    """Train networks, plainly and fast."""


def fail(message: str) -> Any:
    """End with one line on standard error and exit code 2."""
    print(f"thalweg: {message}", file=sys.stderr)
    raise typer.Exit(2)


@app.command()
def train(
    dataset: Annotated[
        str, typer.Argument(help="digits (comes with scikit-learn), or mnist with --data.")
    ],
    data: Annotated[Path | None, typer.Option(help="Folder with MNIST's idx files.")] = None,
    epochs: Annotated[
        int, typer.Option(min=1, help="How often to go through the training images.")
    ] = 30,
    lr: Annotated[
        float, typer.Option(help="Highest learning rate of the one-cycle schedule.")
    ] = 0.01,
    batch_size: Annotated[int, typer.Option(min=1, help="Images per step.")] = 64,
    hidden: Annotated[int, typer.Option(min=1, help="Width of the hidden layers.")] = 128,
    seed: Annotated[int, typer.Option(help="Seed of weights and shuffling.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder in which the run's folder is made.")] = Path(
        "runs"
    ),
) -> None:
    """Train a small network on handwritten digits and keep model, history and a picture."""
    from .train import Settings, load_images, run_training

    if not lr > 0:
        fail(f"--lr must be greater than 0, got {lr}")
    try:
        images = load_images(dataset, data, seed)
        settings = Settings(dataset, epochs, lr, batch_size, hidden, seed)
        run_training(images, settings, out)
    except (ValueError, OSError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        print("\nthalweg: stopped by you; nothing was written.", file=sys.stderr)
        raise typer.Exit(130) from None


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def run(
    script: Annotated[str, typer.Argument(help="A Python file written for PyTorch.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(help="What the program finds in sys.argv.")
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Don't run it: list the names of PyTorch in it that are missing."
        ),
    ] = False,
) -> None:
    """Run a program written for PyTorch as it stands, with its imports of torch served by Thalweg."""
    from . import run as program

    if check:
        raise typer.Exit(program.look(script))
    program.run(script, arguments or [])
