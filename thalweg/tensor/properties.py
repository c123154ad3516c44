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
from .view import View, row_major

if TYPE_CHECKING:
    from .tensor import Tensor


def resize_as_(input: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """``input`` in the shape of ``the_template``, as ``Tensor.resize_`` makes it."""
    return input.resize_(the_template.shape, memory_format=memory_format)


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

    def is_coalesced(self) -> bool:
        """Of sparse tensors."""
        raise RuntimeError("is_coalesced expected sparse coordinate tensor layout but got Strided")

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

    # Making and changing

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
