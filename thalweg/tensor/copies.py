"""Views as tensors of their own, and the writes of a part that give a new whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .core import TensorCore
from .dispatch import owned

if TYPE_CHECKING:
    from .tensor import Tensor


def _copied(name: str, view: str) -> Callable[..., Tensor]:
    def function(input: Any, *args: Any, **named: Any) -> Any:
        return getattr(input, view)(*args, **named).clone()

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"What ``{view}`` shows, in memory of its own; shapes as there."
    return function


def _parts_copied(name: str, view: str) -> Callable[..., tuple[Tensor, ...]]:
    def function(input: Any, *args: Any, **named: Any) -> Any:
        return tuple(part.clone() for part in getattr(input, view)(*args, **named))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"The parts that ``{view}`` gives, in memory of their own; shapes as there."
    return function


as_strided_copy = _copied("as_strided_copy", "as_strided")
diagonal_copy = _copied("diagonal_copy", "diagonal")
expand_copy = _copied("expand_copy", "expand")
narrow_copy = _copied("narrow_copy", "narrow")
permute_copy = _copied("permute_copy", "permute")
squeeze_copy = _copied("squeeze_copy", "squeeze")
t_copy = _copied("t_copy", "t")
transpose_copy = _copied("transpose_copy", "transpose")
unfold_copy = _copied("unfold_copy", "unfold")
unsqueeze_copy = _copied("unsqueeze_copy", "unsqueeze")
view_copy = _copied("view_copy", "view")
split_with_sizes_copy = _parts_copied("split_with_sizes_copy", "split_with_sizes")
unbind_copy = _parts_copied("unbind_copy", "unbind")
unsafe_chunk = _parts_copied("unsafe_chunk", "chunk")
unsafe_split = _parts_copied("unsafe_split", "split")


select_copy = _copied("select_copy", "select")
split_copy = _parts_copied("split_copy", "split")
unsafe_split_with_sizes = _parts_copied("unsafe_split_with_sizes", "split_with_sizes")


def slice_copy(
    input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """What ``start:end:step`` along ``dim`` shows, in memory of its own; as many axes as the input."""
    axis = dim % max(input.ndim, 1)
    return input[(slice(None),) * axis + (slice(start, end, step),)].clone()


def detach_copy(input: Tensor) -> Tensor:
    """The same numbers in memory of their own, off the tape; any shape in, the same out."""
    return input.detach().clone()


def alias_copy(input: Tensor) -> Tensor:
    """The same numbers in memory of their own; any shape in, the same out."""
    return input.clone()


def positive(input: Tensor) -> Tensor:
    """``+input``; any shape in, the same out.

    Raises:
        RuntimeError: the input is bool.
    """
    if repr(input.dtype).endswith("bool"):
        raise RuntimeError("positive: the `+` operator on a bool tensor is not supported")
    return input


def _written(input: Tensor, part: Callable[[Tensor], Tensor], src: Tensor, name: str) -> Tensor:
    """A copy of ``input`` in which ``src`` stands where ``part`` shows."""
    whole = owned(input.clone(), src)
    shown = part(whole)
    if tuple(shown.shape) != tuple(src.shape):
        raise RuntimeError(
            f"{name}: expected src to have a size equal to the part of self, {list(shown.shape)}, "
            f"but it is {list(src.shape)}: expand it"
        )
    shown.copy_(src)
    return whole


def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """``input`` with ``src`` on a diagonal: (..., N, M) and the diagonal's shape give (..., N, M)."""
    return _written(input, lambda x: x.diagonal(offset, dim1, dim2), src, "diagonal_scatter")


def slice_scatter(
    input: Tensor,
    src: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
    """``input`` with ``src`` at ``start:end:step`` along ``dim``: any shape and the slice's give the same."""
    axis = dim % max(input.ndim, 1)
    place = (slice(None),) * axis + (slice(start, end, step),)
    return _written(input, lambda x: x[place], src, "slice_scatter")


def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """``input`` with ``src`` at ``index`` of the axis ``dim``: any shape and that without ``dim`` give the first."""
    return _written(input, lambda x: x.select(dim, index), src, "select_scatter")


def as_strided_scatter(
    input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None
) -> Tensor:
    """``input`` with ``src`` where ``as_strided`` of these looks: any shape and ``size`` give the first."""
    return _written(
        input, lambda x: x.as_strided(size, stride, storage_offset), src, "as_strided_scatter"
    )


def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """``input`` summed over what broadcasting ``size`` to it would repeat; gives shape ``size``."""
    wanted = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
    if not wanted:
        return input.sum()
    shape = tuple(input.shape)
    extra = len(shape) - len(wanted)
    if extra < 0 or any(
        n not in (1, m) for n, m in zip(wanted, shape[max(extra, 0) :], strict=True)
    ):
        raise RuntimeError(f"size {list(wanted)} is not expandable to size {list(shape)}")
    axes = tuple(a for a, n in enumerate(shape) if a < extra or (wanted[a - extra] == 1 and n != 1))
    return (input.sum(axes, True) if axes else input).reshape(wanted)


def fill(input: Tensor, value: Any) -> Tensor:
    """``value`` everywhere, in the shape and type of ``input``; a 0-d tensor may be the value."""
    if isinstance(value, TensorCore):
        if value.ndim:
            raise RuntimeError(
                f"fill only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions"
            )
        return value.to(input.dtype).expand(input.shape).clone()  # type: ignore[attr-defined]
    return (input * 0).clone().fill_(value) if input.requires_grad else input.clone().fill_(value)


class CopyMethods(TensorCore):
    """Tensor's methods of this room."""

    positive, narrow_copy, sum_to_size = positive, narrow_copy, sum_to_size
    diagonal_scatter, slice_scatter = diagonal_scatter, slice_scatter
    select_scatter, as_strided_scatter = select_scatter, as_strided_scatter
    unsafe_split_with_sizes = unsafe_split_with_sizes
    unsafe_chunk, unsafe_split = unsafe_chunk, unsafe_split
