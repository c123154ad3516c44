"""Which names PyTorch has: told from a stored list, so that a name yet to come is told from a slip of the pen.

The list, ``torch_names.txt``, has one section for each of PyTorch's modules, ``[torch.nn]``, and one for the Tensor;
``python -m thalweg.testing.parity --names`` writes it where PyTorch is installed.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

TORCH = "2.13.0"
COUNTED = (
    "torch", "torch.Tensor", "torch.nn", "torch.nn.functional", "torch.nn.init", "torch.nn.utils", "torch.nn.utils.rnn",
    "torch.nn.utils.parametrize", "torch.nn.utils.parametrizations", "torch.nn.utils.prune", "torch.optim",
    "torch.optim.lr_scheduler", "torch.optim.swa_utils", "torch.autograd", "torch.autograd.forward_ad",
    "torch.autograd.functional", "torch.func", "torch.linalg", "torch.fft", "torch.special", "torch.distributions",
    "torch.utils.data", "torch.amp",
)  # fmt: skip
"""The sections that Thalweg means to have whole, as far as they make sense on its devices."""

_INSTEAD = {
    r"(to_)?sparse_\w+|to_sparse|(s|hsp)mm|sspaddmm|((col_|crow_)?indices|values)_copy": (
        "tensors are dense here: `zeros(size).index_put(tuple(indices), values, accumulate=True)` makes one of places "
        "and values, and `@` multiplies it"
    ),
    r"to_mkldnn|\w*mkldnn\w*": "tensors have one layout here: leave it out",
    r"complex32|chalf": "the smallest complex type here is complex64",
    r"\w*DataParallel": "there is one device here: call the module itself",
    r"IterDataPipe": "subclass IterableDataset",
    r"MapDataPipe": "subclass Dataset",
    r"NestedIOFunction": "subclass autograd.Function",
    r"to_padded_tensor": "nn.utils.rnn.pad_sequence makes one tensor of sequences of several lengths",
    r"(scaled_)?grouped_mm|scaled_mm": "matmul of tensors in float32, float16 or bfloat16",
}
"""What these sections have of sparse tensors, several devices, libraries of others and of what PyTorch gives up itself:
not planned so far. And what does it here."""

GONE = {
    "torch.set_deterministic": "torch.use_deterministic_algorithms",
    "torch.is_deterministic": "torch.are_deterministic_algorithms_enabled",
    "torch.gels": "torch.linalg.lstsq",
    "torchvision.transforms.Scale": "torchvision.transforms.Resize",
    "torchvision.transforms.RandomSizedCrop": "torchvision.transforms.RandomResizedCrop",
}
"""Names of older versions, and what took their place."""

STORED = Path(__file__).with_name("torch_names.txt")


@cache
def sections() -> dict[str, tuple[str, ...]]:
    """The public names of each of PyTorch's modules."""
    found: dict[str, tuple[str, ...]] = {}
    section = ""
    for line in STORED.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
            found[section] = ()
        elif section and not line.startswith("#"):
            found[section] += tuple(line.split())
    return found


def in_torch(full: str) -> bool:
    """Whether PyTorch has ``full``, as ``torch.nn.Linear``: a module, or a public name in one."""
    known = sections()
    home, _, name = full.rpartition(".")
    return full in known or name in known.get(home, ())


def instead(full: str) -> str:
    """What to use for ``full``, which PyTorch has and Thalweg does not plan to have; empty where nothing is said."""
    home, _, name = full.rpartition(".")
    if home not in COUNTED or name not in sections()[home]:
        return ""
    return next((text for known, text in _INSTEAD.items() if re.fullmatch(known, name)), "")


def planned(full: str) -> bool:
    """Whether Thalweg means to have ``full``, which PyTorch has."""
    home, _, name = full.rpartition(".")
    if full in COUNTED:
        return True
    return home in COUNTED and name in sections()[home] and not instead(full)
