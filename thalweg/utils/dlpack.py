"""``thalweg.utils.dlpack``: the functions that live beside Tensor's."""

from ..tensor.exchange import from_dlpack, to_dlpack

__all__ = ["from_dlpack", "to_dlpack"]
