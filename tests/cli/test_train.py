"""``thalweg train``: what it writes, and how it fails."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import thalweg as tw
from thalweg.cli.app import app

ROOT = Path(__file__).parents[2]
QUICK = ["--epochs", "2", "--hidden", "16"]


def _invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def _run_folder(out: Path) -> Path:
    (folder,) = out.iterdir()
    return folder


def _history(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "history.csv").read_text().splitlines()))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    out = tmp_path_factory.mktemp("out") / "runs"
    result = _invoke("train", "digits", "--epochs", "4", "--hidden", "32", "--out", str(out))
    return result, out


def test_three_files(trained: tuple[Any, Path]) -> None:
    result, out = trained
    assert result.exit_code == 0, result.output
    folder = _run_folder(out)
    assert folder.name.startswith("digits-")
    assert sorted(p.name for p in folder.iterdir()) == [
        "history.csv",
        "model.thalweg",
        "picture.png",
    ]
    assert folder.stat().st_mode & 0o777 == 0o755
    assert (folder / "picture.png").read_bytes().startswith(b"\x89PNG")
    assert folder.name in result.output


def test_history(trained: tuple[Any, Path]) -> None:
    result, out = trained
    rows = _history(_run_folder(out))
    assert list(rows[0]) == ["epoch", "train_loss", "test_loss", "accuracy", "seconds"]
    assert [r["epoch"] for r in rows] == ["1", "2", "3", "4"]
    losses = [float(r["train_loss"]) for r in rows]
    assert losses[-1] < losses[0] / 2
    assert float(rows[-1]["accuracy"]) > 0.9
    said = re.search(r"accuracy\s+([\d.]+)%", result.output)
    assert said and float(said[1]) == pytest.approx(100 * float(rows[-1]["accuracy"]), abs=0.006)


def test_the_model_gives_the_accuracy_of_the_history(trained: tuple[Any, Path]) -> None:
    from thalweg.cli.train import network
    from thalweg.vision import digits

    folder = _run_folder(trained[1])
    kept = tw.load(folder / "model.thalweg")
    assert kept["settings"]["epochs"] == 4 and kept["settings"]["hidden"] == 32
    net = network(64, 32, 10)
    net.load_state_dict(kept["model"])
    images = digits(kept["settings"]["seed"])
    with tw.no_grad():
        right = (net(images.x_test).argmax(1) == images.y_test).float().mean().item()
    rows = _history(folder)
    assert right == pytest.approx(float(rows[-1]["accuracy"]), abs=1e-6)


def test_the_same_seed_gives_the_same_run(tmp_path: Path) -> None:
    columns = []
    for name in ("a", "b"):
        _invoke("train", "digits", *QUICK, "--seed", "3", "--out", str(tmp_path / name))
        rows = _history(_run_folder(tmp_path / name))
        columns.append([(r["train_loss"], r["test_loss"], r["accuracy"]) for r in rows])
    assert columns[0] == columns[1]


def test_two_runs_in_one_second_get_folders_of_their_own(tmp_path: Path) -> None:
    for _ in range(2):
        assert (
            _invoke(
                "train", "digits", "--epochs", "1", "--hidden", "4", "--out", str(tmp_path)
            ).exit_code
            == 0
        )
    assert len(list(tmp_path.iterdir())) == 2


FAILURES = {
    "no such data set": ["cifar"],
    "mnist without a folder": ["mnist"],
    "a folder that is not there": ["mnist", "--data", "nowhere"],
    "rate of 0": ["digits", "--lr", "0"],
    "rate that is no number": ["digits", "--lr", "nan"],
}  # fmt: skip


@pytest.mark.parametrize("name", FAILURES)
def test_failures_are_one_line(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "thalweg", "train", *FAILURES[name], "--out", "runs"]
    if not (ROOT / "thalweg" / "__main__.py").exists():
        command[1:3] = ["-c", "from thalweg.cli import main; main()"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("thalweg: ") and done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr + done.stdout and not done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options", [["--epochs", "0"], ["--batch-size", "-1"], ["--epochs", "x"], ["--no"]]
)
def test_options_that_cannot_be(options: list[str], tmp_path: Path) -> None:
    result = _invoke("train", "digits", *options, "--out", str(tmp_path))
    assert result.exit_code == 2 and not list(tmp_path.iterdir())


def test_a_damaged_data_file(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "train-images-idx3-ubyte").write_bytes(b"no images")
    result = _invoke("train", "mnist", "--data", str(data), "--out", str(tmp_path / "runs"))
    assert result.exit_code == 2 and not (tmp_path / "runs").exists()
    assert "train-images-idx3-ubyte" in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), ValueError("no picture")]
)
def test_a_failure_while_writing_leaves_no_half_run(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from thalweg.cli import train

    def fails(*arguments: Any) -> None:
        raise error

    monkeypatch.setattr(train, "picture", fails)
    result = _invoke("train", "digits", "--epochs", "1", "--hidden", "4", "--out", str(tmp_path))
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_an_interrupt_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from thalweg.cli import train

    def interrupted(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "evaluate", interrupted)
    result = _invoke(
        "train", "digits", "--epochs", "1", "--hidden", "4", "--out", str(tmp_path / "runs")
    )
    assert result.exit_code == 130 and "stopped" in result.stderr
    assert not (tmp_path / "runs").exists()


def test_where_the_out_folder_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    result = _invoke(
        "train", "digits", "--epochs", "1", "--hidden", "4", "--out", str(tmp_path / "runs")
    )
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert (tmp_path / "runs").read_text() == "a file"


def test_mnist_files_of_any_size(tmp_path: Path) -> None:
    import numpy as np

    data = tmp_path / "data"
    data.mkdir()
    for part, n in (("train", 24), ("t10k", 12)):
        images, labels = np.zeros((n, 4, 4), np.uint8), np.arange(n, dtype=np.uint8) % 10
        images[np.arange(n), labels % 4, labels // 4] = 255
        head = bytes([0, 0, 8, 3]) + np.array([n, 4, 4], ">u4").tobytes()
        (data / f"{part}-images-idx3-ubyte").write_bytes(head + images.tobytes())
        head = bytes([0, 0, 8, 1]) + np.array([n], ">u4").tobytes()
        (data / f"{part}-labels-idx1-ubyte").write_bytes(head + labels.tobytes())
    result = _invoke("train", "mnist", "--data", str(data), *QUICK, "--out", str(tmp_path / "runs"))
    assert result.exit_code == 0, result.output
    assert _run_folder(tmp_path / "runs").name.startswith("mnist-")


def test_version_and_help() -> None:
    assert _invoke("--version").output.strip() == f"thalweg {tw.__version__}"
    for arguments in (["--help"], ["train", "--help"]):
        result = _invoke(*arguments)
        assert result.exit_code == 0 and "train" in result.output
