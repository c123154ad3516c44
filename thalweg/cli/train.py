"""``thalweg train``: the textbook loop, shown as it goes, and what is kept of it."""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from .. import nn, optim
from ..data import DataLoader
from ..io import save
from ..nn import functional as F
from ..runtime.tiers import tier
from ..tensor.modes import no_grad
from ..tensor.random import manual_seed
from ..vision import LabelledImages, digits, idx_folder


@dataclass(frozen=True)
class Settings:
    """What a run is made with."""

    dataset: str
    epochs: int
    lr: float
    batch_size: int
    hidden: int
    seed: int


@dataclass(frozen=True)
class Epoch:
    """One row of the history: mean losses, share of right answers, seconds."""

    epoch: int
    train_loss: float
    test_loss: float
    accuracy: float
    seconds: float


def load_images(dataset: str, folder: Path | None, seed: int) -> LabelledImages:
    """The images of a data set by name.

    Raises:
        ValueError: no data set of that name, or it needs a folder.
    """
    if dataset == "digits":
        return digits(seed)
    if dataset == "mnist":
        if folder is None:
            raise ValueError("mnist: say where its idx files are with --data FOLDER")
        return idx_folder(folder)
    raise ValueError(f"no data set {dataset!r}: choose digits or mnist")


def network(pixels: int, hidden: int, classes: int) -> nn.Module:
    """Two hidden layers: images (N, H, W) in, class scores (N, classes) out."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(pixels, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, classes),
    )


def evaluate(net: nn.Module, loader: DataLoader[Any]) -> tuple[float, float]:
    """Mean loss and share of right answers over a loader of (images, labels)."""
    net.eval()
    loss, right, count = 0.0, 0, 0
    with no_grad():
        for x, y in loader:
            scores = net(x)
            loss += F.cross_entropy(scores, y, reduction="sum").item()
            right += int((scores.argmax(1) == y).sum().item())
            count += len(y)
    net.train()
    return loss / count, right / count


def fit(net: nn.Module, images: LabelledImages, settings: Settings, show: Any) -> list[Epoch]:
    """Train, calling ``show(epoch)`` after each epoch."""
    train: DataLoader[Any] = DataLoader(images.train, batch_size=settings.batch_size, shuffle=True)
    test: DataLoader[Any] = DataLoader(images.test, batch_size=512)
    optimizer = optim.AdamW(net.parameters(), lr=settings.lr)
    steps = settings.epochs * len(train)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, settings.lr, total_steps=steps + 1)
    history = []
    for number in range(1, settings.epochs + 1):
        start, total = time.perf_counter(), 0.0
        for x, y in train:
            loss = F.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(y)
        test_loss, accuracy = evaluate(net, test)
        history.append(
            Epoch(number, total / len(images.y), test_loss, accuracy, time.perf_counter() - start)
        )
        show(history[-1])
    return history


# What a person sees


def _table(settings: Settings, history: list[Epoch]) -> Table:
    table = Table(title=f"{settings.dataset}: epoch {len(history)} of {settings.epochs}")
    for name in ("epoch", "train loss", "test loss", "accuracy", "seconds"):
        table.add_column(name, justify="right")
    for e in history[-10:]:
        table.add_row(
            str(e.epoch),
            f"{e.train_loss:.4f}",
            f"{e.test_loss:.4f}",
            f"{e.accuracy:.2%}",
            f"{e.seconds:.2f}",
        )
    return table


def run_training(images: LabelledImages, settings: Settings, out: Path) -> Path:
    """Train with a live table and keep model, history and picture; gives the run's folder."""
    console = Console()
    manual_seed(settings.seed)
    pixels = images.x.shape[1] * images.x.shape[2]
    net = network(pixels, settings.hidden, len(images.classes))
    shown: list[Epoch] = []
    with Live(
        _table(settings, shown), console=console, refresh_per_second=8, transient=False
    ) as live:

        def show(epoch: Epoch) -> None:
            shown.append(epoch)
            live.update(_table(settings, shown))

        with tier("native"):  # from the first step on, so that a seed gives the same run each time
            history = fit(net, images, settings, show)
    folder = keep(net, images, settings, history, out)
    last = history[-1]
    console.print(
        f"{len(images.y_test)} held-out images: accuracy [bold]{last.accuracy:.2%}[/bold], loss {last.test_loss:.4f}, "
        f"after {sum(e.seconds for e in history):.1f} s of training"
    )
    console.print(f"model, history and picture: {folder}", soft_wrap=True)
    return folder


# What is kept


def keep(
    net: nn.Module, images: LabelledImages, settings: Settings, history: list[Epoch], out: Path
) -> Path:
    """Write the run's folder: it appears whole, under a name that was free, or not at all."""
    out.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".run-", dir=out))
    try:
        save({"model": net.state_dict(), "settings": asdict(settings)}, draft / "model.thalweg")
        (draft / "history.csv").write_text(history_csv(history))
        picture(net, images, history, draft / "picture.png")
        draft.chmod(0o755)
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
        for number in range(1, 1000):
            folder = out / (f"{settings.dataset}-{stamp}" + ("" if number == 1 else f"-{number}"))
            if not folder.exists():
                draft.rename(folder)
                return folder
        raise OSError(f"no free name for a run in {str(out)!r}")
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def history_csv(history: list[Epoch]) -> str:
    """The history as comma-separated text with a heading."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(asdict(history[0])), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(e) for e in history)
    return text.getvalue()


def picture(net: nn.Module, images: LabelledImages, history: list[Epoch], path: Path) -> None:
    """Curves of loss and accuracy above some held-out digits with their predictions, mistakes first."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    net.eval()
    with no_grad():
        guesses = net(images.x_test).argmax(1).numpy()
    net.train()
    truth, pixels = images.y_test.numpy(), images.x_test.numpy()
    wrong = [i for i in range(len(truth)) if guesses[i] != truth[i]][:8]
    shown = wrong + [i for i in range(len(truth)) if guesses[i] == truth[i]][: 20 - len(wrong)]
    figure = Figure(figsize=(10, 7), layout="constrained")
    FigureCanvasAgg(figure)
    top, bottom = figure.subfigures(2, 1, height_ratios=(3, 2), squeeze=False)[:, 0]
    left, right = top.subplots(1, 2)
    epochs = [e.epoch for e in history]
    left.plot(epochs, [e.train_loss for e in history], label="training")
    left.plot(epochs, [e.test_loss for e in history], label="held out")
    left.set(title="loss", xlabel="epoch", yscale="log")
    left.legend()
    right.plot(epochs, [100 * e.accuracy for e in history], color="tab:green")
    right.set(
        title=f"accuracy on held-out images: {history[-1].accuracy:.2%}", xlabel="epoch", ylabel="%"
    )
    for axes in (left, right):
        axes.grid(alpha=0.3)
    grid = bottom.subplots(2, 10)
    bottom.suptitle("held-out digits and what the network says (red: wrong)", fontsize=10)
    for axes, i in zip(grid.ravel(), shown, strict=False):
        axes.imshow(pixels[i], cmap="gray_r")
        right_answer = guesses[i] == truth[i]
        said = images.classes[guesses[i]]
        title = said if right_answer else f"{said}, is {images.classes[truth[i]]}"
        axes.set_title(title, fontsize=8, color="black" if right_answer else "tab:red")
    for axes in grid.ravel():
        axes.set_axis_off()
    figure.savefig(path, dpi=120)
