"""Files of events: their bytes read back by hand, and beside PyTorch's where TensorBoard is installed."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import thalweg as tw
from thalweg import nn
from thalweg.utils.tensorboard import FileWriter, SummaryWriter
from thalweg.utils.tensorboard.records import check_sum


def fields(data: bytes) -> dict[int, list[Any]]:
    """A message's fields by number, as they lie there."""
    found: dict[int, list[Any]] = {}
    at = 0

    def whole() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = whole()
        value: Any
        if key & 7 == 0:
            value = whole()
        else:
            size = {1: 8, 5: 4}.get(key & 7) or whole()
            value = data[at : at + size]
            at += size
            value = struct.unpack({1: "<d", 5: "<f"}[key & 7], value)[0] if key & 7 != 2 else value
        found.setdefault(key >> 3, []).append(value)
    return found


def events(folder: Path) -> list[dict[int, list[Any]]]:
    """Of all files in the folder."""
    return [fields(data) for path in sorted(folder.glob("*tfevents*")) for data in records(path)]


def records(path: Path) -> Iterator[bytes]:
    data = path.read_bytes()
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        assert struct.unpack("<I", data[8:12])[0] == check_sum(data[:8])
        content = data[12 : 12 + length]
        assert struct.unpack("<I", data[12 + length : 16 + length])[0] == check_sum(content)
        yield content
        data = data[16 + length :]


def values(folder: Path) -> list[tuple[str, int, dict[int, list[Any]]]]:
    """(tag, step, fields) of what was summarized."""
    found = []
    for event in events(folder):
        for summary in event.get(5, []):
            value = fields(fields(summary)[1][0])
            found.append((value[1][0].decode(), event.get(2, [0])[0], value))
    return found


def test_a_known_check_sum() -> None:
    """Of "123456789" it is 0xE3069283 (RFC 3720, before turning and shifting)."""
    crc = 0xE3069283
    assert check_sum(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_scalars(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path, purge_step=3) as writer:
        writer.add_scalar("loss", tw.tensor(1.5), 7, walltime=12.5)
        writer.add_scalar("zero", 0.0)
        writer.add_scalar("new", 2.5, 1, new_style=True)
        writer.add_scalars("both/of", {"a": 1, "b": np.float32(2)}, 300)
        with pytest.raises(AssertionError, match="one element"):
            writer.add_scalar("many", tw.ones(2))
    first, forgotten, started, loss, *_ = events(tmp_path)
    assert first[3] == [b"brain.Event:2"] and forgotten[2] == started[2] == [3]
    assert fields(started[7][0]) == {1: [1]} and loss[1] == [12.5]
    (tag, step, value), zero, new = values(tmp_path)
    assert (tag, step, value[2]) == ("loss", 7, [1.5]) and zero[2][2] == [0.0]
    assert struct.unpack("<f", fields(new[2][8][0])[5][0]) == (2.5,)
    for name, number in (("a", 1), ("b", 2)):
        ((tag, step, value),) = values(tmp_path / f"both_of_{name}")
        assert (tag, step, value[2]) == ("both/of", 300, [number])


def test_histograms(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as writer:
        writer.add_histogram(
            "x", tw.tensor([[1.0, 2.0], [2.0, -3.0]]), 2, bins=[-4, -2, 0, 1, 2, 3]
        )
        writer.add_histogram("many", np.arange(100.0), bins=50, max_bins=10)
        writer.add_histogram("default", tw.zeros(3))
        writer.add_histogram_raw("raw", 0, 3, 2, 3, 9, [1.0, 3.0], [1, 1])
        with pytest.raises(ValueError, match="no element"):
            writer.add_histogram("none", tw.zeros(0))
    told = [fields(value[5][0]) for _, _, value in values(tmp_path)]
    x = told[0]
    assert [x[k][0] for k in range(1, 6)] == [-3, 2, 4, 2, 18]
    assert np.frombuffer(x[6][0]).tolist() == [-4, -2, 0, 1, 2, 3]
    assert np.frombuffer(x[7][0]).tolist() == [0, 1, 0, 0, 1, 2]
    assert np.frombuffer(told[1][7][0]).tolist() == [0, *[10] * 10]
    assert np.frombuffer(told[2][7][0]).tolist() == [0, 3] and 1 not in told[2]
    assert np.frombuffer(told[3][6][0]).tolist() == [1, 3]


def test_pictures(tmp_path: Path) -> None:
    elements = np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5)
    with SummaryWriter(tmp_path) as writer:
        writer.add_image("chw", tw.tensor(elements[0]))
        writer.add_image("hw", tw.tensor([[0.0, 0.5], [1.0, 2.0]]), dataformats="HW")
        writer.add_images("nchw", tw.tensor(elements))
        with pytest.raises(AssertionError, match="input format"):
            writer.add_image("wrong", tw.zeros(2, 3, 4, 5))
    images = [fields(value[4][0]) for _, _, value in values(tmp_path)]
    shown = [np.asarray(Image.open(io.BytesIO(image[4][0]))) for image in images]
    assert [image[1] + image[2] + image[3] for image in images] == [
        [4, 5, 3],
        [2, 2, 3],
        [4, 10, 3],
    ]
    assert (shown[0] == elements[0].transpose(1, 2, 0)).all()
    assert shown[1][..., 0].tolist() == [[0, 127], [255, 255]]
    assert (shown[2] == np.concatenate(list(elements.transpose(0, 2, 3, 1)), 1)).all()


def test_texts_and_curves(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as writer:
        writer.add_text("words", "*héllo*", 4)
        writer.add_pr_curve("pr", [0, 1, 1, 0], np.array([0.1, 0.9, 0.4, 0.6]), num_thresholds=3)
    words, pr = (fields(value[8][0]) for _, _, value in values(tmp_path))
    assert words[8] == ["*héllo*".encode()]
    rows = np.frombuffer(pr[5][0], np.float32).reshape(6, 3)
    assert rows[:4].tolist() == [[2, 1, 0], [2, 1, 0], [0, 1, 2], [0, 1, 2]]
    assert rows[4:].tolist() == [[0.5, 0.5, 0], [1, 0.5, 0]]


def test_hyperparameters(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as writer:
        writer.add_hparams({"lr": 0.5, "name": "sgd", "none": None}, {"acc": 0.75}, run_name="run")
        with pytest.raises(TypeError, match="dictionary"):
            writer.add_hparams([], {})  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="value should be"):
            writer.add_hparams({"a": []}, {})
        with pytest.raises(TypeError, match="same type"):
            writer.add_hparams({"a": 1}, {}, {"a": ["b"]})
    told = {tag: value for tag, _, value in values(tmp_path / "run")}
    assert told["acc"][2] == [0.75]
    content = fields(fields(fields(told["_hparams_/session_start_info"][9][0])[1][0])[2][0])
    pairs = [fields(pair) for pair in fields(content[3][0])[1]]
    assert [(p[1][0], fields(p[2][0])) for p in pairs] == [
        (b"lr", {2: [0.5]}),
        (b"name", {3: [b"sgd"]}),
    ]


def test_the_graph_is_the_tape(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    with SummaryWriter(tmp_path) as writer:
        writer.add_graph(model, tw.ones(4, 2))
        with pytest.raises(RuntimeError, match="no graph to draw"):
            writer.add_graph(nn.Identity(), tw.arange(3))
    (drawn,) = [event[4][0] for event in events(tmp_path) if 4 in event]
    nodes = {n[1][0].decode(): n for n in map(fields, fields(drawn)[1])}
    assert {"Sequential/0.weight", "Sequential/2.bias", "input/0", "ReluBackward0"} <= set(nodes)
    assert nodes["ReluBackward0"][3] == [b"AddmmBackward0"]
    assert nodes["output/0"][3] == [b"AddmmBackward0_1"]


def test_drawing_the_graph_changes_nothing(tmp_path: Path) -> None:
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(), nn.Linear(2, 2))
    model[2].eval()
    tw.manual_seed(1)
    with SummaryWriter(tmp_path) as writer:
        writer.add_graph(model, tw.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert [m.training for m in model.modules()] == [True, True, True, False]
    assert model[0].running_mean.tolist() == [0, 0]
    drawn = tw.rand(1)
    tw.manual_seed(1)
    assert drawn.item() == tw.rand(1).item()


def test_embeddings(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as writer:
        writer.add_embedding(tw.eye(2), ["a", "b"], tw.ones(2, 3, 4, 4), 7, "my/tag")
        writer.add_embedding(tw.eye(2), [["a", 1], ["b", 2]], metadata_header=["x", "y"])
        with pytest.raises(AssertionError, match="data points"):
            writer.add_embedding(tw.eye(2), ["a"])
    folder = tmp_path / "00007" / "my%2ftag"
    assert (folder / "tensors.tsv").read_text() == "1.0\t0.0\n0.0\t1.0\n"
    assert (folder / "metadata.tsv").read_text() == "a\nb\n"
    with Image.open(folder / "sprite.png") as sprite:
        assert sprite.size == (8, 8)
    assert (tmp_path / "00000/default/metadata.tsv").read_text() == "x\ty\na\t1\nb\t2\n"
    assert (tmp_path / "projector_config.pbtxt").read_text().count("embeddings {") == 2


def test_figures(tmp_path: Path) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figures = [pyplot.figure(figsize=(0.5, 0.4), dpi=100) for _ in range(3)]
    with SummaryWriter(tmp_path) as writer:
        writer.add_figure("one", figures[0])
        writer.add_figure("two", figures[1:])
    sizes = [fields(value[4][0]) for _, _, value in values(tmp_path)]
    assert [image[1] + image[2] for image in sizes] == [[40, 50], [40, 100]]


def test_closing_and_beginning_anew(tmp_path: Path) -> None:
    writer = SummaryWriter(tmp_path)
    writer.add_scalar("a", 1)
    writer.close()
    assert writer.file_writer is None
    writer.add_scalar("b", 2)
    writer.flush()
    assert [tag for tag, _, _ in values(tmp_path)] == ["a", "b"]
    writer.close()
    assert len(list(tmp_path.iterdir())) == 2


def test_events_are_on_disk_when_the_queue_is_full(tmp_path: Path) -> None:
    writer = FileWriter(tmp_path, max_queue=2)
    for k in range(3):
        writer.add_event({3: f"{k}"})
    assert len(events(tmp_path)) == 4
    writer.add_event({3: "not yet"})
    assert len(events(tmp_path)) == 4
    writer.close()
    assert len(events(tmp_path)) == 5


def test_the_folder_of_a_run_is_named_by_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with SummaryWriter(comment="_LR_0.1") as writer:
        assert str(writer.get_logdir()).startswith("runs/")
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.endswith("_LR_0.1")
