"""Where in Thalweg lives what PyTorch's modules hold?

A module of PyTorch is served by the module of the same path here, if there is one; a file of a package that is cut up
otherwise here (``torch.nn.modules.linear``) by the package. What is said below goes before both.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from ..tensor import Tensor
from .names import COUNTED, sections
from .torch_only.version import VERSIONS

ROOTS = ("torch", "torchvision", "fastai")
GUESTS = ("safetensors.torch",)
"""Modules of packages that stay themselves, which are written for PyTorch's tensors."""
_ONLY = "thalweg.compat.torch_only"
_FAMILIES = (
    "alexnet", "convnext", "densenet", "efficientnet", "googlenet", "inception", "mobilenetv2", "mobilenetv3", "resnet", "shufflenetv2", "squeezenet", "vgg", "vision_transformer",
)  # fmt: skip
_SAID: dict[str, tuple[str, ...]] = {
    "safetensors.torch": ("thalweg.io.safetensors",),
    "torch": ("thalweg", _ONLY),
    "torch.autograd.grad_mode": ("thalweg.autograd",),
    "torch.compiler": (f"{_ONLY}.compiler",),
    "torch.functional": ("thalweg",),
    "torch.hub": (f"{_ONLY}.hub",),
    "torch.jit": (f"{_ONLY}.jit",),
    "torch.multiprocessing": (f"{_ONLY}.multiprocessing",),
    "torch.nn.attention": (f"{_ONLY}.attention",),
    "torch.nn.modules": ("thalweg.nn",),
    "torch.nn.modules.batchnorm": ("thalweg.nn", "thalweg.nn.normalization"),
    "torch.nn.modules.conv": ("thalweg.nn", "thalweg.nn.conv"),
    "torch.nn.modules.linear": ("thalweg.nn", "thalweg.nn.linear"),
    "torch.nn.modules.loss": ("thalweg.nn", "thalweg.nn.loss"),
    "torch.nn.modules.utils": (f"{_ONLY}.tuples",),
    "torch.nn.parallel": ("thalweg.nn.parallel",),
    "torch.onnx": (f"{_ONLY}.onnx",),
    "torch.return_types": ("thalweg.tensor.return_types",),
    "torch.testing": (f"{_ONLY}.testing",),
    "torch.utils._pytree": (f"{_ONLY}.pytree",),
    "torch.utils.data": ("thalweg.data",),
    "torch.utils.data._utils": ("thalweg.data",),
    "torch.utils.data._utils.collate": ("thalweg.data",),
    "torch.utils.model_zoo": (f"{_ONLY}.model_zoo",),
    "torch.utils.tensorboard.writer": ("thalweg.utils.tensorboard.writer",),
    "torch.version": (f"{_ONLY}.version",),
    "torchvision": (),
    "torchvision.datasets": ("thalweg.vision.datasets",),
    "torchvision.datasets.celeba": ("thalweg.vision.datasets.celeba",),
    "torchvision.datasets.cifar": ("thalweg.vision.datasets.cifar",),
    "torchvision.datasets.fakedata": ("thalweg.vision.datasets.fake",),
    "torchvision.datasets.folder": ("thalweg.vision.datasets.classes",),
    "torchvision.datasets.food101": ("thalweg.vision.datasets.food101",),
    "torchvision.datasets.mnist": ("thalweg.vision.datasets.mnist",),
    "torchvision.datasets.svhn": ("thalweg.vision.datasets.svhn",),
    "torchvision.datasets.vision": ("thalweg.vision.datasets.folders",),
    "torchvision.io": ("thalweg.vision.image_files",),
    "torchvision.io.image": ("thalweg.vision.image_files",),
    "torchvision.models": ("thalweg.vision.models",),
    **{
        f"torchvision.models.{family}": (f"thalweg.vision.models.{family}",) for family in _FAMILIES
    },
    "torchvision.ops": ("thalweg.vision.ops",),
    "torchvision.ops.boxes": ("thalweg.vision.ops.boxes",),
    "torchvision.ops.misc": ("thalweg.vision.ops.layers",),
    "torchvision.ops.stochastic_depth": ("thalweg.vision.ops.stochastic_depth",),
    "torchvision.transforms": ("thalweg.vision.transforms",),
    "torchvision.transforms.autoaugment": ("thalweg.vision.transforms.augmenting",),
    "torchvision.transforms.functional": ("thalweg.vision.transforms.functional",),
    "torchvision.transforms.transforms": ("thalweg.vision.transforms",),
    "torchvision.transforms.v2": ("thalweg.vision.transforms.v2",),
    "torchvision.transforms.v2.functional": ("thalweg.vision.transforms.v2.functional",),
    "torchvision.utils": ("thalweg.vision.pictures",),
}
_OTHER_THINGS = ("torch.ops", "torch.compat", "torch.cli")
"""What goes by the same name here, and is not what PyTorch means by it."""


@cache
def targets(module: str) -> tuple[ModuleType, ...] | None:
    """The modules here in which the names of PyTorch's ``module`` are looked up; None where it is not served."""
    if module in _SAID:
        return tuple(import_module(place) for place in _SAID[module])
    root, _, path = module.partition(".")
    home = module.rpartition(".")[0]
    if root != "torch" or module not in sections() or module in _OTHER_THINGS:
        return None
    above = targets(home)
    if above is None:
        return None
    own = _of_same_path(f"thalweg.{path}")
    if own and (module in COUNTED or home == "torch"):
        return own
    names = sections()[module]
    if own or (home != "torch" and any(hasattr(place, n) for place in above for n in names)):
        return (*above, *own)
    return None


def _of_same_path(module: str) -> tuple[ModuleType, ...]:
    """The module of that name, if there is one: a file, or a module that another one shows."""
    home, _, name = module.rpartition(".")
    try:
        above = import_module(home)
    except ModuleNotFoundError:
        return ()
    if hasattr(above, "__path__") and find_spec(module) is not None:
        return (import_module(module),)
    shown = getattr(above, name, None)
    return (shown,) if isinstance(shown, ModuleType) else ()


def look_up(module: str, name: str) -> object:
    """What ``name`` is in PyTorch's ``module``, or AttributeError; other modules are no answer."""
    if name == "__version__" and module in VERSIONS:
        return VERSIONS[module]
    for place in _holders(module):
        found = getattr(place, name, None)
        if not isinstance(found, ModuleType) and (found is not None or hasattr(place, name)):
            return found
    raise AttributeError(name)


def _holders(module: str) -> tuple[object, ...]:
    """Its targets; the Tensor, which has a section of its own, is one."""
    return (Tensor,) if module == "torch.Tensor" else targets(module) or ()


def present(module: str) -> list[str]:
    """The names that are served in PyTorch's ``module``."""
    stored = sections().get(module, ())
    here = [n for n in stored if served(module, n)]
    for place in _holders(module):
        listed = getattr(place, "__all__", None) or [n for n in dir(place) if n[0] != "_"]
        here += [n for n in listed if n not in stored and served(module, n)]
    return sorted(set(here))


def served(module: str, name: str) -> bool:
    """Whether ``name``, a module or not, is there in PyTorch's ``module``."""
    try:
        look_up(module, name)
    except AttributeError:
        return targets(f"{module}.{name}") is not None
    return True
