"""Writing to tensors: a new Value for the storage, and the tape kept in step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ir.builder import Var
from ..ir.dtype import bool_
from ..ops.composite import Op, op
from ..ops.elementwise import where
from ..ops.movement import strided_write
from ..runtime.state import state
from .core import TensorCore
from .dispatch import dispatch
from .modes import InferenceStorage


def _copy_slices(base: Any, value: Any, offset: Any, shape: Any, strides: Any) -> Any:
    return strided_write(base, value.astype(base.dtype), offset, shape=shape, strides=strides)


_COPY_SLICES = Op(_copy_slices, "CopySlices", (0, 1))


def _overwritten(old: Var, new: Var) -> Var:
    """``new``, with a gradient of zero for what was there: the result still belongs to the tape."""
    result: Var = where(old.builder.constant(False, bool_), old, new.astype(old.dtype))
    return result


_OVERWRITTEN = Op(_overwritten, "CopyBackwards")


_FILLS = {
    name: Op(_overwritten, name, (0, 1) if name == "FillBackward3" else (0,))
    for name in (
        "ZeroBackward0", "FillBackward2", "FillBackward3", "UniformBackward0", "NormalBackward0", "BernoulliBackward2",
        "ExponentialBackward0", "GeometricBackward0", "CauchyBackward0", "LogNormalBackward0", "RandomBackward0", "RandomBackward1", "RandomBackward2",
    )
}  # fmt: skip


@op("CopyBackwards")
def _convert(value: Any, dtype: Any, shape: Any) -> Any:
    return value.astype(dtype).broadcast_to(shape)


def check_writable(target: TensorCore) -> None:
    """Raise where an in-place write would change a leaf that the tape needs, or one element twice."""
    if type(target._storage) is InferenceStorage and not state.inference:
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed. You can make a clone to get a "
            "normal tensor before doing inplace update."
        )
    view = target._view
    if view is not None and any(
        s == 0 and n > 1 for n, s in zip(view.shape, view.strides, strict=True)
    ):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            f"Please clone() the tensor before performing the operation: shape {list(view.shape)}, strides "
            f"{list(view.strides)}"
        )
    if not state.grad:
        return
    if target._requires_grad and target._node is None:
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation."
        )
    base = target._base
    if base is not None and base._requires_grad and base._node is None:
        raise RuntimeError(
            "a view of a leaf Variable that requires grad is being used in an in-place operation."
        )


def assign(target: Any, new: Any) -> Any:
    """Make ``target`` show ``new`` (a tensor of a shape that broadcasts to it); gives ``target``."""
    check_writable(target)
    aval = target._aval()
    if new.dtype is not aval.dtype or tuple(new.shape) != aval.shape:
        if new.dtype.category > aval.dtype.category:
            raise RuntimeError(
                f"result type {new.dtype} can't be cast to the desired output type {aval.dtype}: "
                "use a tensor of the higher type, or convert the value first"
            )
        new = fitted(new, aval)
    return put(target, new)


def instead(target: Any, new: Any) -> Any:
    """``new``, as what overwrites all of ``target``: on the tape what was there before has a gradient of zero."""
    if not (state.grad and new.requires_grad and target._base is None):
        return new
    check_writable(target)
    check_fits(new, target._aval())
    return dispatch(_OVERWRITTEN, (target, new))


def fitted(new: Any, aval: Any) -> Any:
    """``new`` in the type and, broadcast, the shape of ``aval``."""
    check_fits(new, aval)
    return dispatch(_convert, (new,), (aval.dtype, aval.shape))


def check_fits(new: Any, aval: Any) -> None:
    """Raise where ``new`` does not broadcast to the shape of ``aval``."""
    shape = tuple(new.shape)
    if len(shape) > len(aval.shape) or any(
        n not in (1, m) for n, m in zip(reversed(shape), reversed(aval.shape), strict=False)
    ):
        raise RuntimeError(
            f"in-place write: a value of shape {list(shape)} does not broadcast to the tensor's {list(aval.shape)}"
        )


def put(target: Any, new: Any) -> Any:
    """``assign`` where shape and type are known to fit."""
    if target._levels or new._levels:
        return state.here.watch.put(target, new)
    if not (state.grad and (target.requires_grad or new.requires_grad)):
        target._write(new._read())
        return target
    base = target._base
    if base is None:
        if not new.requires_grad:
            new = dispatch(_OVERWRITTEN, (target, new))
        elif new._node is None:  # a leaf: the target needs a node of its own
            new = dispatch(_convert, (new,), (new.dtype, tuple(new.shape)))
        target._write(new._read())
        target._node, target._nr, target._requires_grad = new._node, new._nr, False
        target._tape_version += 1
        return target
    layout, start = target._layout(), base._layout()
    if not start.is_contiguous():
        raise RuntimeError(
            "in-place write through a view of a strided view: clone() the base first"
        )
    operands = (base, new, layout.offset - start.offset)
    written = dispatch(_COPY_SLICES, operands, (layout.shape, layout.strides))
    base._write(written._read())
    base._node, base._nr = written._node, written._nr
    base._tape_version += 1
    return target


def overwrite(target: Any, new: Any, node: str) -> Any:
    """``assign`` of what does not depend on the old value, as a tape node called ``node``."""
    if state.grad and target._base is None and (target.requires_grad or new.requires_grad):
        check_writable(target)
        return put(target, dispatch(_FILLS[node], (target, new)))
    return assign(target, new)


def inplace(function: Callable[..., Any]) -> Callable[..., Any]:
    """The method ``name_`` of the function ``name``: computes, then writes the result into the tensor."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        check_writable(self)
        return assign(self, function(self, *args, **kwargs))

    method.__name__ = method.__qualname__ = f"{function.__name__}_"
    method.__doc__ = f"{function.__doc__} In place."
    return method
