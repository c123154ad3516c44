"""What a tensor can be asked about itself, and what fills, resizes or goes through it element by element."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..runtime.state import state
from ..runtime.value import Storage, realized
from . import formats
from .core import TensorCore
from .creation import from_array, size_of
from .inplace import assign, check_writable
from .inspection import is_same_size, is_signed
from .shape import alias_of
from .view import View, row_major

if TYPE_CHECKING:
    from .tensor import Tensor


def resize_as_(input: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """``input`` in the shape of ``the_template``, as ``Tensor.resize_`` makes it."""
    return input.resize_(the_template.shape, memory_format=memory_format)


def _of_sparse(name: str, layout: str) -> Any:
    """A method that only sparse tensors have: it raises what PyTorch raises of a dense one."""

    def refuse(self: TensorCore) -> Any:
        raise RuntimeError(
            f"{name} expected sparse {layout}tensor layout but got Strided: tensors are dense"
        )

    refuse.__name__ = name
    refuse.__doc__ = "Of sparse tensors."
    return refuse


class PropertyMethods(TensorCore):
    """Tensor's answers about itself."""

    is_cpu = True
    is_quantized = is_sparse = is_sparse_csr = is_meta = is_mkldnn = is_nested = False
    is_mps = is_xpu = is_xla = is_vulkan = is_ipu = is_maia = is_mtia = False
    name: Any = None
    volatile = False

    is_same_size, is_signed = is_same_size, is_signed

    @property
    def layout(self) -> formats.layout:
        """How it is stored: ``strided``."""
        return formats.strided

    def get_device(self) -> int:
        """The device's number: -1, the CPU has none."""
        return -1

    def is_nonzero(self) -> bool:
        """Whether its one element is not 0."""
        return bool(self)

    is_coalesced, coalesce = (_of_sparse(n, "coordinate ") for n in ("is_coalesced", "coalesce"))
    indices, values = _of_sparse("indices", "coordinate "), _of_sparse("values", "")
    crow_indices = _of_sparse("crow_indices", "row compressed ")
    col_indices = _of_sparse("col_indices", "row compressed ")

    def dense_dim(self) -> int:
        """How many axes are dense: all."""
        return self.ndim

    def sparse_dim(self) -> int:
        """How many axes are sparse: none."""
        return 0

    def is_distributed(self) -> bool:
        """Whether it is a part of a tensor on several machines."""
        return False

    def dim_order(self) -> tuple[int, ...]:
        """The axes from the one with the largest stride to the one with the smallest."""
        strides = self._layout().strides
        return tuple(sorted(range(self.ndim), key=lambda axis: -strides[axis]))

    @property
    def grad_dtype(self) -> Any:
        """The type of its gradient."""
        return self.dtype

    def to_dense(self, dtype: Any = None, *, masked_grad: Any = None) -> Tensor:
        """This tensor, in ``dtype`` if given: it is dense."""
        return self if dtype is None else self.to(dtype)  # type: ignore

    def record_stream(self, stream: Any) -> None:
        """Of tensors on devices with streams."""
        raise NotImplementedError(
            "record_stream: the CPU's memory belongs to no stream: leave the call out"
        )

    # Making and changing

    def as_subclass(self, cls: type) -> Any:
        """This tensor, on the tape and in its memory, as an object of ``cls``, a subclass of Tensor."""
        if not (isinstance(cls, type) and issubclass(cls, TensorCore)):
            raise RuntimeError(
                f"as_subclass: cls must be a type that is a subclass of Tensor, got {cls!r}"
            )
        seen: Any = alias_of(self)  # type: ignore[arg-type]
        seen.__class__ = cls
        return seen

    def module_load(self, other: TensorCore, assign: bool = False) -> Any:
        """What ``load_state_dict`` would put in the place of this tensor for the entry ``other`` (*)."""
        if assign:
            return other.detach()  # type: ignore[attr-defined]
        return self.copy_(other).detach()  # type: ignore[attr-defined]

    def resize_(self, *sizes: Any, memory_format: Any = None) -> Tensor:
        """Give it another shape in place: the elements stay in order, further ones come from the storage behind
        them, or are 0 where it ends.

        Raises:
            RuntimeError: it requires a gradient.
        """
        if self.requires_grad:
            raise RuntimeError("cannot resize variables that require grad")
        shape = size_of(sizes)
        formats.check_format(memory_format, len(shape))
        old, count = self._layout(), math.prod(shape)
        whole = math.prod(self._storage.aval.shape)
        if old.offset + count > whole:
            behind = as_line(self, whole)
            longer = np.zeros(old.offset + count, self.dtype.numpy)
            longer[:whole] = behind
            self._storage = Storage(realized(longer))
        self._view = View(shape, row_major(shape), old.offset)
        self._seen = None
        return self  # type: ignore[return-value]

    resize_as_ = resize_as_

    def apply_(self, callable: Callable[[Any], Any]) -> Tensor:
        """Write ``callable(element)`` for each element, one by one in Python."""
        return self._through("apply_", lambda *numbers: callable(*numbers))

    def map_(self, tensor: TensorCore, callable: Callable[[Any, Any], Any]) -> Tensor:
        """Write ``callable(element, other)`` for each element and the one of ``tensor``, which broadcasts."""
        return self._through("map_", callable, tensor)

    def map2_(
        self, x: TensorCore, y: TensorCore, callable: Callable[[Any, Any, Any], Any]
    ) -> Tensor:
        """Write ``callable(element, one, other)`` for each element and those of ``x`` and ``y``."""
        return self._through("map2_", callable, x, y)

    def _through(self, name: str, function: Callable[..., Any], *others: TensorCore) -> Tensor:
        if self.requires_grad or any(x.requires_grad for x in others):
            raise RuntimeError(
                f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead."
            )
        check_writable(self)
        shape = tuple(self.shape)
        lines = [np.broadcast_to(x._array(), shape).ravel().tolist() for x in (self, *others)]
        found = [function(*numbers) for numbers in zip(*lines, strict=True)]
        return assign(self, from_array(np.array(found, self.dtype.numpy).reshape(shape)))


def as_line(t: TensorCore, count: int) -> Any:
    """All ``count`` elements of the storage behind ``t``, as one line."""
    value = t._storage.value
    if value is not None:
        return np.asarray(value.get()).reshape(count)
    state.trace.run()
    shared = t._storage.settle()
    if shared is None:
        settled = t._storage.value
        assert settled is not None
        shared = settled.get()
    return np.asarray(shared).reshape(count)
