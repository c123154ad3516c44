"""How elements lie in memory, by PyTorch's names. Here they lie row by row, whatever is asked for."""

from __future__ import annotations

from ..ir.spelling import spoken


class memory_format:
    """An order of axes in memory. It is accepted where PyTorch takes one, and changes no number."""

    def __init__(self, name: str, ndim: int | None = None) -> None:
        self.name, self.ndim = name, ndim

    def __repr__(self) -> str:
        return f"{spoken()}.{self.name}"

    def __reduce__(self) -> str:
        return self.name


class layout:
    """What storage a tensor has."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"{spoken()}.{self.name}"

    def __reduce__(self) -> str:
        return self.name


contiguous_format = memory_format("contiguous_format")
legacy_contiguous_format = contiguous_format
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last", 4)
channels_last_3d = memory_format("channels_last_3d", 5)
strided = layout("strided")


def check_format(wanted: memory_format | None, ndim: int) -> None:
    """RuntimeError where a tensor of ``ndim`` axes cannot have that order."""
    if wanted is not None and wanted.ndim is not None and wanted.ndim != ndim:
        raise RuntimeError(f"required rank {wanted.ndim} tensor to use {wanted.name} format")
