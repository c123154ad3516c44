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

_ELSEWHERE = re.compile(
    r"[sS]parse|smm|sspaddmm|coalesce|col_indices|crow_indices|mkldnn|Distributed|DataParallel"
)
"""What these sections have of sparse tensors, several devices and libraries of others: not planned so far."""

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


def planned(full: str) -> bool:
    """Whether Thalweg means to have ``full``, which PyTorch has."""
    home, _, name = full.rpartition(".")
    if full in COUNTED:
        return True
    return home in COUNTED and name in sections()[home] and not _ELSEWHERE.search(name)
