"""The tensor types of older books: ``FloatTensor``, ``LongTensor`` and the others, one for each element type."""

from __future__ import annotations

import warnings
from typing import Any

from ..ir import dtype as d
from ..ir.dtype import DType
from ..ir.spelling import spoken
from .constructor import construct
from .convert import CLASS_NAMES
from .core import TensorCore
from .creation import set_default_dtype
from .tensor import Tensor


class TensorType(type):
    """The class of ``FloatTensor`` and the others: they make Tensors, and are asked whether a Tensor is of theirs."""

    dtype: DType
    is_cuda: bool = False
    is_sparse: bool = False

    def __call__(cls, *data: Any, device: Any = None, **named: Any) -> Any:
        if cls.is_cuda:
            raise TypeError(
                f"type {spoken()}.cuda.{cls.__name__} not available: this build of Thalweg has the device 'cpu' only"
            )
        if named.keys() <= {"data", "size"} and len(named) == 1 and not data:
            ((kind, value),) = named.items()
            data = (value,) if kind == "data" else tuple(value)
        elif named:
            raise TypeError(
                f"{cls.__name__}() got an unexpected keyword argument {next(iter(named))!r}: it takes sizes, "
                "or data, and device"
            )
        return construct(data, cls.dtype, device)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, TensorCore) and not cls.is_cuda and instance.dtype is cls.dtype

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        return getattr(Tensor, name)

    def __repr__(cls) -> str:
        return f"<class '{spoken()}.{'cuda.' if cls.is_cuda else ''}{cls.__name__}'>"


def _typed(name: str, is_cuda: bool = False) -> Any:
    names = {short: long for long, short in CLASS_NAMES.items()}
    module = "thalweg.cuda" if is_cuda else "thalweg"
    members = {"dtype": d.by_name(names[name]), "is_cuda": is_cuda, "__module__": module}
    return TensorType(name, (), members)


FloatTensor, DoubleTensor = _typed("FloatTensor"), _typed("DoubleTensor")
LongTensor, IntTensor, ShortTensor = (
    _typed("LongTensor"),
    _typed("IntTensor"),
    _typed("ShortTensor"),
)
CharTensor, ByteTensor, BoolTensor = (
    _typed("CharTensor"),
    _typed("ByteTensor"),
    _typed("BoolTensor"),
)
HalfTensor, BFloat16Tensor = _typed("HalfTensor"), _typed("BFloat16Tensor")
ON_CUDA = {name: _typed(name, True) for name in CLASS_NAMES.values()}


def set_default_tensor_type(t: Any) -> None:
    """Make the element type of ``t`` (``FloatTensor``, ``DoubleTensor``, or such a name) that of new floating tensors.

    Raises:
        TypeError: ``t`` is no tensor type, its elements are no floating numbers, or it lives on another device.
    """
    if isinstance(t, str):
        t = _by_name(t)
    if not isinstance(t, TensorType) or not t.dtype.is_floating_point:
        raise TypeError(
            "invalid type object: only floating-point types are supported as the default type, "
            f"got {t!r}: give FloatTensor or DoubleTensor"
        )
    if t.is_cuda:
        raise TypeError(
            f"type {t!r} not available: this build of Thalweg has the device 'cpu' only"
        )
    warnings.warn(
        f"{spoken()}.set_default_tensor_type() is deprecated, please use set_default_dtype()",
        UserWarning,
        stacklevel=2,
    )
    set_default_dtype(t.dtype)


def _by_name(name: str) -> Any:
    home, _, short = name.rpartition(".")
    known = {
        "": {},
        "torch": _HERE,
        "thalweg": _HERE,
        "torch.cuda": ON_CUDA,
        "thalweg.cuda": ON_CUDA,
    }
    found = known.get(home, {}).get(short)
    if found is None:
        raise TypeError(f"set_default_tensor_type: no type {name!r}: 'torch.FloatTensor' is one")
    return found


_HERE: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        FloatTensor, DoubleTensor, HalfTensor, BFloat16Tensor, LongTensor, IntTensor, ShortTensor, CharTensor,
        ByteTensor, BoolTensor,
    )
}  # fmt: skip
