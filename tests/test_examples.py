"""The examples do what they say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import thalweg as tw
from thalweg.utils.data import DataLoader, TensorDataset

ROOT = Path(__file__).parents[1]
MNIST = ROOT.parent / "shared" / "data" / "mnist"


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def example() -> ModuleType:
    return _module("mnist")


def _loaders(limit: int | None = None) -> tuple[Any, Any]:
    from thalweg.vision import idx_folder

    images = idx_folder(MNIST)
    x, y = images.x.unsqueeze(1)[:limit], images.y[:limit]
    train = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True)
    test = DataLoader(TensorDataset(images.x_test.unsqueeze(1), images.y_test), batch_size=500)
    return train, test


@pytest.mark.skipif(not MNIST.is_dir(), reason="MNIST's files are not beside the repository")
def test_the_mlp_learns_mnist(example: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    train, test = _loaders()
    tw.manual_seed(0)
    net = example.mlp()
    example.train(net, train, 3, 3e-3)
    assert example.accuracy(net, test) >= 0.94
    losses = [
        float(line.split("loss ")[1].split(",")[0]) for line in capsys.readouterr().out.splitlines()
    ]
    assert len(losses) == 3 and losses[2] < losses[0] / 2


def test_the_nets_give_scores_for_ten_classes(example: ModuleType) -> None:
    for make in (example.mlp, example.conv_net):
        net = make()
        assert tuple(net(tw.zeros(2, 1, 28, 28)).shape) == (2, 10)
        net.train()
        labels = tw.tensor([0, 1, 1, 9])
        loader = DataLoader(TensorDataset(tw.rand(4, 1, 28, 28), labels), batch_size=2)
        before = [p.tolist() for p in net.parameters()]
        example.train(net, loader, 1, 1e-3)
        assert [p.tolist() for p in net.parameters()] != before
        assert 0 <= example.accuracy(net, loader) <= 1 and net.training
