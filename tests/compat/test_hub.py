"""``torch.hub`` over what lies on this machine, and what programs ask of devices that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

import thalweg as tw
from thalweg import compat
from thalweg.vision.models import weights

pytestmark = pytest.mark.usefixtures("served")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hubconf.py").write_text(
        "dependencies = ['numpy']\nfrom beside_hubconf import twice\n"
        "def net(width=2, pretrained=False):\n    'A net.'\n    return twice(width)\n"
    )
    (tmp_path / "beside_hubconf.py").write_text(
        "import torch.nn as nn\ndef twice(n): return nn.Linear(n, 2 * n)\n"
    )
    return tmp_path


def test_networks_of_a_folder(folder: Path) -> None:
    from torch import hub  # type: ignore[import-not-found, unused-ignore]

    assert hub.load(str(folder), "net", 3, source="local").weight.shape == (6, 3)
    assert hub.load(str(folder), "net", source="local", trust_repo=True).weight.shape == (4, 2)
    assert hub.help(folder, "net", source="local") == "A net."
    assert "net" in hub.list(folder, source="local")
    with pytest.raises(RuntimeError, match="Cannot find callable nope"):
        hub.load(folder, "nope", source="local")
    with pytest.raises(ValueError, match="Unknown source"):
        hub.load(folder, "net", source="elsewhere")
    with pytest.raises(FileNotFoundError, match=r"hubconf\.py"):
        hub.load(folder / "none", "net", source="local")
    (folder / "hubconf.py").write_text("dependencies = ['no_such_package']\n")
    with pytest.raises(RuntimeError, match="Missing dependencies: no_such_package"):
        hub.load(folder, "net", source="local")


def test_networks_of_torchvision() -> None:
    from torch import hub

    model = hub.load("pytorch/vision:v0.9.0", "squeezenet1_1", weights=None, num_classes=3)
    assert model(tw.zeros(1, 3, 64, 64)).shape == (1, 3)
    assert "resnet18" in hub.list("pytorch/vision")
    with pytest.raises(RuntimeError, match="downloads nothing"):
        hub.load("somebody/else", "net")


def test_weights_are_read_where_they_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from torch.utils import model_zoo  # type: ignore[import-not-found, unused-ignore]

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert torch.hub.get_dir() == str(tmp_path / "hub")
    monkeypatch.setattr(weights, "_chosen", None)
    torch.hub.set_dir(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "checkpoints").mkdir(parents=True)
    tw.save({"w": tw.arange(3)}, tmp_path / "elsewhere" / "checkpoints" / "net-0123.pth")
    for read in (torch.hub.load_state_dict_from_url, model_zoo.load_url):
        state = read("https://example.org/models/net-0123.pth?x=1", progress=False)
        assert state["w"].tolist() == [0, 1, 2]
    with pytest.raises(RuntimeError, match="there is no file"):
        torch.hub.load_state_dict_from_url("https://example.org/net.pth", str(tmp_path))


def test_devices_that_are_not_there() -> None:
    import torch

    for asked in (
        lambda: torch.cuda.Event(enable_timing=True),
        lambda: torch.cuda.Stream(),
        lambda: torch.cuda.memory_summary(),
        lambda: torch.cuda.mem_get_info(),
        lambda: torch.cuda.device(0).__enter__(),
        lambda: torch.accelerator.set_device_index(0),
        lambda: torch.accelerator.current_device_index(),
        lambda: torch.accelerator.device_index(0).__enter__(),
    ):
        with pytest.raises(RuntimeError):
            asked()
    with torch.cuda.device(-1), torch.cuda.device(None), torch.accelerator.device_index(None):
        assert torch.ones(1).item() == 1
    backend = torch.distributed.get_default_backend_for_device
    assert [backend(d) for d in ("cpu", torch.device("cpu"))] == ["gloo", "gloo"]


def test_versions_are_no_missing_names() -> None:
    asked = "import torch, torchvision, torch.utils.tensorboard.writer\nprint(torch.__version__, torchvision.__version__, torch.version.__version__)\n"
    assert compat.check(asked) == []
