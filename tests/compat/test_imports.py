"""Imports of torch, served: every spelling gives the same object, and what is missing says so at its use."""

from __future__ import annotations

import importlib
import importlib.util
import pickle
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any
from unittest import mock

import pytest

import thalweg as tw
from thalweg import compat
from thalweg.compat import names
from thalweg.compat.places import targets
from thalweg.vision import datasets, image_files, models, ops, pictures, transforms

pytestmark = pytest.mark.usefixtures("served")


def run(text: str) -> dict[str, Any]:
    """The names that the program ``text`` leaves behind."""
    found: dict[str, Any] = {}
    exec(text, found)
    return found


SPELLINGS = {
    "import torch; x = torch.nn.Linear": tw.nn.Linear,
    "import torch.nn; x = torch.nn.Linear": tw.nn.Linear,
    "import torch.nn as nn; x = nn.Linear": tw.nn.Linear,
    "from torch import nn; x = nn.modules.Linear": tw.nn.Linear,
    "from torch.nn import Linear as x": tw.nn.Linear,
    "from torch.nn import *; x = Linear": tw.nn.Linear,
    "from torch.nn.modules.linear import Linear as x": tw.nn.Linear,
    "import torch.nn.modules.linear; x = torch.nn.modules.linear.Linear": tw.nn.Linear,
    "import importlib; x = importlib.import_module('torch.nn').Linear": tw.nn.Linear,
    "from torch.nn.modules import Module as x": tw.nn.Module,
    "from torch.nn.modules.module import Module as x": tw.nn.Module,
    "from torch.nn.modules.linear import NonDynamicallyQuantizableLinear as x": tw.nn.linear.NonDynamicallyQuantizableLinear,
    "import torch; x = torch.utils.checkpoint.checkpoint": tw.utils.checkpoint.checkpoint,
    "from torch.nn.modules.loss import _Loss as x": tw.nn.loss._Loss,
    "from torch.nn.parameter import Parameter as x": tw.nn.Parameter,
    "from torch.nn import functional; x = functional.relu": tw.nn.functional.relu,
    "import torch.nn.functional as F; x = F.relu": tw.nn.functional.relu,
    "from torch.nn.utils.clip_grad import clip_grad_norm_ as x": tw.nn.utils.clip_grad_norm_,
    "from torch.optim.sgd import SGD as x": tw.optim.SGD,
    "from torch.optim.adamw import AdamW as x": tw.optim.AdamW,
    "from torch.optim.optimizer import Optimizer as x": tw.optim.Optimizer,
    "from torch.optim.lr_scheduler import _LRScheduler as x": tw.optim.lr_scheduler._LRScheduler,
    "import torch; x = torch.utils.data.DataLoader": tw.data.DataLoader,
    "from torch.utils.data.dataloader import DataLoader as x": tw.data.DataLoader,
    "from torch.utils.data.sampler import SubsetRandomSampler as x": tw.data.SubsetRandomSampler,
    "from torch.utils.data._utils.collate import default_collate as x": tw.data.default_collate,
    "from torch.autograd import Variable as x": tw.autograd.Variable,
    "from torch.autograd.variable import Variable as x": tw.autograd.Variable,
    "from torch.autograd.function import Function as x": tw.autograd.Function,
    "from torch import Tensor as x": tw.Tensor,
    "from torch import conv2d as x": tw.nn.functional.conv2d,
    "from torch import GradScaler as x": tw.amp.GradScaler,
    "from torch.distributions.normal import Normal as x": tw.distributions.Normal,
    "from torch.nn.utils.rnn import pad_sequence as x": tw.nn.utils.rnn.pad_sequence,
    "import torch; x = torch.func.vmap": tw.func.vmap,
    "import torch; x = torch.fft.rfft": tw.fft.rfft,
    "from torch import FloatTensor as x": tw.FloatTensor,
    "import torch; x = torch.cuda.FloatTensor": tw.cuda.FloatTensor,
    "import torch; x = torch.float32": tw.float32,
    "from torch.random import manual_seed as x": tw.manual_seed,
    "from torch.functional import einsum as x": tw.einsum,
    "from torch.serialization import load as x": tw.load,
    "from torch.serialization import add_safe_globals as x": tw.serialization.add_safe_globals,
    "from torch.utils.dlpack import from_dlpack as x": tw.from_dlpack,
    "from safetensors.torch import save_file as x": tw.io.save_file,
    "import safetensors.torch; x = safetensors.torch.load_model": tw.io.load_model,
    "from torch.signal.windows import hann as x": tw.signal.windows.hann,
    "import torch; x = torch.linalg.norm": tw.linalg.norm,
    "import torchvision; x = torchvision.models.resnet18": models.resnet18,
    "from torchvision.models import ResNet18_Weights as x": models.ResNet18_Weights,
    "from torchvision.models.resnet import ResNet as x": models.ResNet,
    "import torchvision.models as models; x = models.vgg.VGG": models.VGG,
    "import torchvision.transforms as T; x = T.Resize": transforms.Resize,
    "import torchvision.transforms.functional as TF; x = TF.rotate": transforms.functional.rotate,
    "from torchvision import transforms; x = transforms.functional.rotate": transforms.functional.rotate,
    "from torchvision.transforms import v2; x = v2.Resize": transforms.Resize,
    "from torchvision.transforms.v2 import functional as F; x = F.horizontal_flip": transforms.functional.hflip,
    "from torchvision.datasets import CIFAR10 as x": datasets.CIFAR10,
    "import torchvision.datasets as dset; x = dset.ImageFolder": datasets.ImageFolder,
    "from torchvision.datasets.folder import default_loader as x": datasets.classes.default_loader,
    "from torchvision.ops.misc import Conv2dNormActivation as x": ops.Conv2dNormActivation,
    "from torchvision.io import read_image as x": image_files.read_image,
    "from torchvision.utils import make_grid as x": pictures.make_grid,
}


@pytest.mark.parametrize("program", SPELLINGS)
def test_every_spelling_is_the_same_object(program: str) -> None:
    assert run(program)["x"] is SPELLINGS[program]


@pytest.mark.parametrize("module", [m for m in names.COUNTED if m != "torch.Tensor"])
def test_what_thalweg_has_is_served_and_listed(module: str) -> None:
    if targets(module) is None:
        with pytest.raises(ModuleNotFoundError, match=f"{module}: .* planned"):
            importlib.import_module(module)
        return
    shown = importlib.import_module(module)
    listed = shown.__all__
    assert (
        listed and set(listed) <= set(dir(shown)) and set(listed) <= set(names.sections()[module])
    )
    assert all(hasattr(shown, name) for name in listed)


MISSING = {
    "import torch.fx": (ModuleNotFoundError, "torch.fx: in PyTorch 2.13, and not planned"),
    "from torch import fx": (ModuleNotFoundError, "torch.fx: in PyTorch 2.13, and not planned"),
    "import torch; torch.fx": (AttributeError, "torch.fx: in PyTorch 2.13, and not planned"),
    "import torch; torch.sparse_coo_tensor": (AttributeError, "in PyTorch 2.13, and not planned .*: tensors are dense"),
    "from torch.nn.functional import scaled_mm": (ImportError, "torch.nn.functional.scaled_mm: in PyTorch 2.13"),
    "from torch.nn import Linaer": (ImportError, "no public name of PyTorch 2.13; nearest here: torch.nn.Linear"),
    "import torch; torch.nn.Linaer": (AttributeError, "torch.nn.Linaer: no public name .*torch.nn.Linear"),
    "import torch; torch.zeroes(2)": (AttributeError, "torch.zeroes: .*nearest here: torch.zeros"),
    "import torch.nn.functional as F; F.rellu": (AttributeError, "torch.nn.functional.rellu: .*functional.relu"),
    "import torch.nope": (ImportError, "torch.nope: no public name"),
    "import torch.ops": (ModuleNotFoundError, "torch.ops"),
    "import torch.ir": (ImportError, "torch.ir: no public name"),
    "from torch.utils.throughput_benchmark import ThroughputBenchmark": (ModuleNotFoundError, "torch.utils.throughput_benchmark"),
    "from torchvision.transforms import Scale": (ImportError, "no longer: torchvision.transforms.Resize took its"),
    "import torch; torch.set_deterministic": (AttributeError, "no longer: torch.use_deterministic_algorithms took"),
    "from torchvision.models import detection": (ImportError, "torchvision.models.detection: planned"),
    "from torchvision.datasets import ImageNet": (ImportError, "torchvision.datasets.ImageNet: planned"),
    "from fastai.vision.all import *": (ModuleNotFoundError, "fastai: planned"),
}  # fmt: skip


@pytest.mark.parametrize("program", MISSING)
def test_missing_names_say_what_they_are(program: str) -> None:
    kind, text = MISSING[program]
    with pytest.raises(kind, match=text) as raised:
        run(program)
    assert type(raised.value) is kind


def test_a_name_to_come_is_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(tw.nn, "Bilinear")
    with pytest.raises(
        ImportError,
        match="torch.nn.Bilinear: in PyTorch 2.13, and planned: not yet in Thalweg 0.1.0",
    ):
        run("from torch.nn import Bilinear")


def test_programs_ask_before_they_use() -> None:
    asked = run(
        "import torch\n"
        "a = hasattr(torch, 'fx'), hasattr(torch.nn, 'Linear'), hasattr(torch.Tensor, 'nope')\n"
        "try:\n    from torch.utils.throughput_benchmark import ThroughputBenchmark\nexcept ImportError:\n    ThroughputBenchmark = None\n"
        "b = getattr(torch, 'xpu', None), torch.cuda.is_available(), torch.backends.mps.is_available()\n"
    )
    assert asked["a"] == (False, True, False) and asked["ThroughputBenchmark"] is None
    assert asked["b"] == (None, False, False)


def test_a_module_is_one_and_speaks_of_torch() -> None:
    import torch  # type: ignore[import-not-found, unused-ignore]

    assert isinstance(torch, ModuleType) and torch is sys.modules["torch"]
    assert torch.nn is sys.modules["torch.nn"] and "served by Thalweg" in repr(torch.nn)
    assert importlib.util.find_spec("torch.nn") is not None
    assert (repr(torch.float32), repr(torch.ones(2).shape)) == ("torch.float32", "torch.Size([2])")
    assert torch.ones(2).type() == "torch.FloatTensor"
    layer = pickle.loads(pickle.dumps(torch.nn.Linear(2, 3)))
    assert type(layer) is tw.nn.Linear


def test_versions_compare() -> None:
    import torch

    version = torch.__version__
    assert version == f"2.13.0+thalweg{tw.__version__}" and torch.version.__version__ == version
    assert (
        version > "2.2" and version >= "2.13" and not version < "1.10.0a0" and version <= "2.13.0"
    )
    assert version > (1, 9) and version >= (2, 13, 0) and version < (3,)
    assert tuple(int(n) for n in version.split("+")[0].split(".")[:2]) == (2, 13)
    assert torch.version.cuda is None


def test_what_is_set_is_seen_where_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    import torch.nn.functional as F

    with mock.patch("torch.nn.functional.relu", lambda x, inplace=False: x + 100):
        assert torch.nn.ReLU()(torch.tensor([-1.0])).item() == 99
        assert F.relu is tw.nn.functional.relu
    assert torch.nn.ReLU()(torch.tensor([-1.0])).item() == 0
    assert not torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    assert torch.backends.cudnn.benchmark and tw.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = False
    torch.mine = 3
    assert torch.mine == 3 and not hasattr(tw, "mine")
    del torch.mine
    assert not hasattr(torch, "mine")


def test_importing_a_file_does_not_hide_what_has_its_name() -> None:
    found = run(
        "import torch.autograd.variable, torch.nn.utils.clip_grad, torch\nx = torch.autograd.Variable"
    )
    assert found["x"] is tw.autograd.Variable


def test_one_process_for_each_device() -> None:
    import torch.multiprocessing as mp

    seen: list[Any] = []
    assert mp.spawn(lambda rank, x: seen.append((rank, x)), args=("a",), nprocs=1) is None
    context = mp.spawn(lambda rank: seen.append(rank), nprocs=0, join=False)
    assert context is not None and context.join() and seen == [(0, "a")]
    with pytest.raises(RuntimeError, match="4 processes"):
        mp.spawn(print, nprocs=4)
    with pytest.raises(AssertionError, match="no strategy"):
        mp.set_sharing_strategy("none")
    assert mp.cpu_count() > 0 and mp.get_sharing_strategy() in mp.get_all_sharing_strategies()


def test_what_containers_hold() -> None:
    from torch.utils import _pytree as trees

    tree = {"a": [1, (2,)], "b": 3}
    leaves, structure = trees.tree_flatten(tree)
    assert leaves == trees.tree_leaves(tree) == [1, 2, 3]
    assert trees.tree_unflatten(leaves, structure) == tree and structure == trees.tree_structure(
        tree
    )
    assert trees.tree_map(lambda a, b: a + b, tree, tree) == {"a": [2, (4,)], "b": 6}
    assert trees.tree_map_only(int, str, [1, "x"]) == ["1", "x"]
    with pytest.raises(ValueError, match="tree_map: containers"):
        trees.tree_map(max, [1], (1,))


def test_exporting_is_refused_when_it_is_asked_for() -> None:
    import torch.onnx

    assert not torch.onnx.is_in_onnx_export()
    with pytest.raises(NotImplementedError, match="writes no ONNX"):
        torch.onnx.export(torch.nn.ReLU(), torch.ones(1), "model.onnx")


def test_compile_and_script_change_nothing() -> None:
    import torch

    def double(x: Any) -> Any:
        return x * 2

    layer = torch.nn.Linear(2, 2)
    assert torch.compile(layer, mode="max-autotune") is layer and torch.compile(double) is double
    assert torch.compile(fullgraph=True)(double) is double
    assert torch.jit.script(double) is double and torch.jit.trace(layer, torch.ones(1, 2)) is layer
    assert torch.jit.ignore(double) is double and torch.jit.unused()(double) is double
    assert torch.compiler.disable(double) is double and not torch.compiler.is_compiling()

    class Doubling(torch.jit.ScriptModule):
        @torch.jit.script_method
        def forward(self, x: Any) -> Any:
            return 2 * x

    assert Doubling()(torch.ones(1)).item() == 2
    assert not torch.jit.is_scripting() and not torch.jit.is_tracing()


def test_sizes_by_axis() -> None:
    from torch.nn.modules.utils import (  # type: ignore[import-not-found, unused-ignore]
        _pair,
        _reverse_repeat_tuple,
    )

    assert _pair(3) == (3, 3) and _pair([1, 2]) == (1, 2)
    assert _reverse_repeat_tuple((1, 2), 2) == (2, 2, 1, 1)


def test_a_package_that_thalweg_gets_is_served_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    new: Any = ModuleType("thalweg.package")
    new.__spec__, new.load = ModuleSpec("thalweg.package", None), lambda: "loaded"
    monkeypatch.setitem(sys.modules, "thalweg.package", new)
    targets.cache_clear()
    try:
        assert run("import torch.package as h; x = h.load()")["x"] == "loaded"
    finally:
        targets.cache_clear()


def test_programs_choose_by_a_text() -> None:
    found = run(
        "import torch.nn as nn, torch.optim as optim, torchvision.models as models\n"
        "names = sorted(n for n in models.__dict__ if n.islower() and not n.startswith('__')\n"
        "               and callable(models.__dict__[n]))\n"
        "model = models.__dict__['squeezenet1_1'](num_classes=2)\n"
        "step = optim.__dict__['SGD'](model.parameters(), lr=0.1)\n"
        "act = vars(nn)['ReLU']()\n"
    )
    assert {"resnet18", "vgg16_bn", "get_model"} <= set(found["names"])
    assert "ResNet" not in found["names"]
    assert type(found["step"]) is tw.optim.SGD and type(found["act"]) is tw.nn.ReLU


def test_installing_again_and_undoing() -> None:
    compat.install()
    import torch

    assert sum(type(f).__module__ == "thalweg.compat.finder" for f in sys.meta_path) == 1
    compat.uninstall()
    assert "torch" not in sys.modules and repr(torch.float32) == "thalweg.float32"
    compat.install()


def test_pytorch_itself_must_not_be_there() -> None:
    before = mock.patch.dict(sys.modules, torch=ModuleType("torch"))
    with (
        before,
        pytest.raises(
            RuntimeError,
            match="torch itself is already imported.*anew.*before the first `import torch`",
        ),
    ):
        compat.install()
