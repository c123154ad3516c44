"""Out of tensors: numbers, lists, arrays, text; and into other types."""

from __future__ import annotations

import copy
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..ir import dtype as d
from ..ir.builder import Var
from ..ir.dtype import DType
from ..ir.spelling import spoken
from ..ops.composite import op
from ..runtime.device import CPU, Device, as_device
from ..runtime.state import state
from ..runtime.value import Storage, realized
from .core import _ALONE, _ALONE_HELD, TensorCore
from .creation import from_array
from .dispatch import alias, dispatch
from .formats import check_format
from .inplace import assign, instead
from .modes import InferenceStorage
from .node import Handle
from .printing import format_tensor
from .view import View

if TYPE_CHECKING:
    from .tensor import Tensor


@op("ToCopyBackward0")
def _cast(x: Var, dtype: DType) -> Var:
    return x.astype(dtype)


@op("CloneBackward0")
def _clone(x: Var) -> Var:
    return x


class _Export:
    """The memory of a storage, handed to NumPy; alive while any array over it is."""

    __slots__ = ("__array_interface__", "_array", "__weakref__")

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self._array = array
        self.__array_interface__ = array.__array_interface__


def memory_to_share(storage: Storage) -> np.ndarray[Any, Any]:
    """The elements in writable memory that no Value looks at: the storage's own if nobody else holds it, or a copy.

    A tape, a trace, a batch, another storage: whoever reads the Value later holds it, or an array over its memory.
    """
    value = storage.value
    assert value is not None
    value.get()
    storage.place = None
    if sys.getrefcount(value) == _ALONE + 1 and sys.getrefcount(value.array) == _ALONE_HELD:
        flags = value.array.flags
        if flags.owndata and flags.writeable and flags.c_contiguous:
            return cast("np.ndarray[Any, Any]", value.array)
    return np.array(value.get(), order="C")


def export(t: TensorCore) -> np.ndarray[Any, Any]:
    """An array that shares memory with ``t`` from now on, as long as it lives."""
    storage = t._storage
    shared = None if storage.value is not None else storage.settle()
    if shared is None:
        shared = memory_to_share(storage)
        exported = _Export(shared)
        replacement = Storage.sharing(shared, exported)
        array = np.asarray(exported)
        storage.foreign, storage.owner, storage.value = replacement.foreign, replacement.owner, None
        return array if t._view is None else t._view.over(array)
    owner = None if storage.owner is None else storage.owner()
    array = shared if owner is None else np.asarray(owner)
    return array if t._view is None else t._view.over(array)


class ConvertMethods(TensorCore):
    """Tensor's methods that convert it."""

    @property
    def device(self) -> Device:
        return CPU

    @property
    def is_cuda(self) -> bool:
        return False

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    element_size: Callable[..., int] = lambda self: self.dtype.itemsize  # noqa: E731

    @property
    def nbytes(self) -> int:
        return self._aval().size * self.dtype.itemsize

    def is_floating_point(self) -> bool:
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        return self.dtype.is_complex

    def item(self) -> Any:
        """The one element, as a Python number; runs what is pending."""
        array = self._array()
        if array.size != 1:
            raise RuntimeError(f"a Tensor with {array.size} elements cannot be converted to Scalar")
        return array.item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        return self._array().tolist()

    def numpy(self, *, force: bool = False) -> np.ndarray[Any, Any]:
        """The elements as an array that shares memory: writing to one changes the other."""
        if self.dtype.name == "bfloat16":
            raise TypeError(
                "Got unsupported ScalarType BFloat16: NumPy has none: call float() first"
            )
        if force:
            return export(self.detach())
        if self.requires_grad and state.grad:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
            )
        return export(self)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray[Any, Any]:
        """What ``np.asarray`` gives, which shares memory as ``numpy()`` does, and ``np.array``, a copy."""
        if copy and self.dtype.name != "bfloat16" and not (self.requires_grad and state.grad):
            return np.array(self._array(), dtype)
        array = self.numpy()
        if dtype is None or array.dtype == dtype:
            return array
        if copy is False:
            raise ValueError(
                f"Unable to avoid copy while creating an array as requested: the tensor is {self.dtype}, not {dtype}"
            )
        return array.astype(dtype)

    __array_priority__ = 1000

    def __array_wrap__(
        self, array: np.ndarray[Any, Any], context: Any = None, return_scalar: Any = False
    ) -> Tensor:
        """What a NumPy function of a tensor gives; truth values are uint8, as in PyTorch."""
        result = np.asarray(array)
        return from_array(result.astype(np.uint8) if result.dtype == np.bool_ else result.copy())

    def _number(self, kind: str) -> Any:
        array = self._array()
        if array.size != 1:
            raise RuntimeError(
                f"a Tensor with {array.size} elements cannot be converted to Scalar: {kind}() takes one"
            )
        value = array.item()
        if type(value) is complex and kind != "complex":
            if value.imag:
                raise RuntimeError("value cannot be converted to type double without overflow: "
                                   f"{value} has an imaginary part")  # fmt: skip
            return value.real
        return value

    def __float__(self) -> float:
        return float(self._number("float"))

    def __int__(self) -> int:
        return int(self._number("int"))

    def __index__(self) -> int:
        if self.dtype.is_differentiable or self._aval().size != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self._array().item())

    def __complex__(self) -> complex:
        return complex(self._number("complex"))

    def __bool__(self) -> bool:
        size = self._aval().size
        if size != 1:
            what = "no values" if size == 0 else "more than one value"
            raise RuntimeError(f"Boolean value of Tensor with {what} is ambiguous")
        return bool(self._array().item())

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))  # type: ignore

    __hash__ = object.__hash__

    # Types

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        """This tensor as another dtype (or on another device): ``to(dtype)``, ``to(device)``, ``to(other)``."""
        dtype, device, force = (
            kwargs.pop("dtype", None),
            kwargs.pop("device", None),
            kwargs.pop("copy", False),
        )
        check_format(kwargs.pop("memory_format", None), self.ndim)
        kwargs.pop("non_blocking", None)
        if kwargs:
            raise TypeError(f"to() got an unexpected keyword argument {next(iter(kwargs))!r}")
        for a in args:
            if isinstance(a, DType):
                dtype = a
            elif isinstance(a, TensorCore):
                dtype = a.dtype
            elif isinstance(a, str | Device):
                device = a
            elif not isinstance(a, bool) and a is not None:
                raise TypeError(f"to() takes a dtype, a device or a tensor, got {a!r}")
        as_device(device)
        if dtype is None or dtype is self.dtype:
            return self.clone() if force else self  # type: ignore[return-value]
        return dispatch(_cast, (self,), (dtype,))

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The type's name without arguments; else this tensor in ``dtype``: one, a ``LongTensor``, or its name.

        Raises:
            ValueError: there is no type of that name.
            RuntimeError: it is a type of another device.
        """
        if dtype is None:
            return f"{spoken()}.{CLASS_NAMES[self.dtype.name]}"
        return self.to(dtype if isinstance(dtype, DType) else _type_meant(dtype))

    def type_as(self, other: TensorCore) -> Tensor:
        return self.to(other.dtype)

    def float(self, *, memory_format: Any = None) -> Tensor:
        return self.to(d.float32)

    def double(self, *, memory_format: Any = None) -> Tensor:
        return self.to(d.float64)

    def half(self, *, memory_format: Any = None) -> Tensor:
        return self.to(d.float16)

    def bfloat16(self, *, memory_format: Any = None) -> Tensor:
        return self.to(d.bfloat16)

    def cfloat(self, *, memory_format: Any = None) -> Tensor:
        return self.to(d.complex64)

    def cdouble(self, *, memory_format: Any = None) -> Tensor:
        return self.to(d.complex128)

    def long(self, *, memory_format: Any = None) -> Tensor:
        return self.to(d.int64)

    def int(self, *, memory_format: Any = None) -> Tensor:
        return self.to(d.int32)

    def short(self, *, memory_format: Any = None) -> Tensor:
        return self.to(d.int16)

    def char(self, *, memory_format: Any = None) -> Tensor:
        return self.to(d.int8)

    def byte(self, *, memory_format: Any = None) -> Tensor:
        return self.to(d.uint8)

    def bool(self, *, memory_format: Any = None) -> Tensor:
        return self.to(d.bool_)

    def cpu(self) -> Tensor:
        return self  # type: ignore[return-value]

    def cuda(self, device: Any = None) -> Tensor:
        return self.to("cuda")

    # Copies

    def clone(self, *, memory_format: Any = None) -> Tensor:
        """A copy, on the tape."""
        check_format(memory_format, self.ndim)
        return dispatch(_clone, (self,))

    def detach(self) -> Tensor:
        """The same storage without the tape."""
        return alias(self, self._view)

    def detach_(self) -> Tensor:
        """Take this tensor off the tape."""
        if self._base is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead")
        self._node, self._nr, self._requires_grad = None, 0, False
        return self  # type: ignore[return-value]

    @property
    def data(self) -> Tensor:
        """The same storage without the tape; assigning shows the other's storage here."""
        return alias(self, self._view)

    @data.setter
    def data(self, new: TensorCore) -> None:
        self._storage, self._view = new._storage, new._view
        self._seen = None

    def copy_(self, source: TensorCore, non_blocking: bool = False) -> Tensor:  # type: ignore[valid-type]
        """Write ``source``, converted and broadcast, into this tensor."""
        if source.dtype is not self.dtype:
            source = source.to(self.dtype)  # type: ignore
        return assign(self, instead(self, source))

    def _own_attributes(self) -> dict[str, Any]:
        """The attributes that a program gave this tensor."""
        return {k: v for k, v in self.__dict__.items() if k not in _OWN}

    def __deepcopy__(self, memo: dict[Any, Any]) -> Tensor:
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
                "moment: detach() or clone() it first"
            )
        if id(self) in memo:
            return memo[id(self)]
        twin: Any = object.__new__(type(self))
        memo[id(self)] = twin
        storage = memo.get(id(self._storage))
        if storage is None:
            shared = None if self._storage.value is not None else self._storage.settle()
            storage = Storage(
                realized(shared.copy()) if shared is not None else self._storage.value
            )
            memo[id(self._storage)] = storage
        twin._storage, twin._view, twin._node, twin._nr = storage, self._view, None, 0
        twin._requires_grad = self._requires_grad
        if self._grad is not None:
            twin._grad = copy.deepcopy(self._grad, memo)
        for name, held in self._own_attributes().items():
            twin.__dict__[name] = copy.deepcopy(held, memo)
        return twin

    def __copy__(self) -> Tensor:
        """A leaf of its own over the same memory, with the same attributes."""
        twin: Any = object.__new__(type(self))
        twin.__dict__.update(self._own_attributes())
        twin._storage, twin._view, twin._node, twin._nr = self._storage, self._view, None, 0
        twin._requires_grad = self.requires_grad
        return twin

    def __reduce_ex__(self, protocol: Any) -> Any:
        view = self._view
        seen = None if view is None else (view.shape, view.strides, view.offset)
        return _rebuild, (
            type(self), self._storage, seen, self.requires_grad, self._own_attributes(),
        )  # fmt: skip

    # Text

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        node = self.grad_fn
        default = d.get_default_dtype()
        return format_tensor(
            self._array(),
            dtype_name=repr(self.dtype),
            is_default_dtype=self.dtype is default,
            is_common_dtype=self.dtype in (default, default.to_complex(), d.int64, d.bool_),
            requires_grad=self._requires_grad,
            grad_fn_name=None if node is None else type(node).__name__,
        )

    def __format__(self, spec: str) -> str:
        if self.ndim == 0 and not self._is_parameter:
            return format(self.item(), spec)
        return object.__format__(self, spec)

    def __dir__(self) -> list[str]:
        return sorted(set(object.__dir__(self)))

    # Gradients

    @property
    def grad(self) -> Tensor | None:
        """What ``backward()`` accumulated here; None before, and for results that are not leaves."""
        if self._grad is None and self._node is not None and not self.retains_grad:
            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute "
                "won't be populated during autograd.backward(). If you indeed want the .grad field to be populated "
                "for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor.",
                UserWarning,
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, new: TensorCore | None) -> None:
        if new is not None:
            if not isinstance(new, TensorCore):
                raise TypeError(
                    f"assigned grad expected to be a Tensor or None but got grad of type {type(new).__name__}"
                )
            if new.shape != self.shape:
                raise RuntimeError(
                    f"assigned grad has data of a different size: {list(new.shape)}, the tensor's is {list(self.shape)}"
                )
            if new.dtype is not self.dtype:
                raise RuntimeError(
                    f"assigned grad has data of a different type: {new.dtype}, the tensor's is {self.dtype}"
                )
        self._grad = new

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    def requires_grad_(self, requires_grad: Any = True) -> Tensor:
        """Let the tape follow this leaf (or not); gives the tensor itself."""
        self._set_requires_grad(bool(requires_grad))
        return self  # type: ignore[return-value]

    @property
    def retains_grad(self) -> Any:
        return self._node is not None and self._nr in (self._node.retained or {})

    def retain_grad(self) -> None:
        """Keep the gradient of this result, which is not a leaf, in ``grad``."""
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self._node is not None:
            if self._node.retained is None:
                self._node.retained = {}
            self._node.retained[self._nr] = weakref.ref(self)  # type: ignore

    def register_post_accumulate_grad_hook(self, hook: Callable[[Any], None]) -> Handle:
        """Call ``hook(self)`` each time a backward has added to this leaf's ``grad``."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if not self.is_leaf:
            raise RuntimeError(
                "post accumulate grad hooks cannot be registered on non-leaf tensors: use register_hook()"
            )
        self._kept_node = (
            self._accumulate()
        )  # a leaf that is no parameter keeps its node only weakly
        return self._kept_node.register_hook(lambda incoming, outgoing: hook(self))

    @property
    def output_nr(self) -> Any:
        return self._nr

    @property
    def _version(self) -> Any:
        if self._inference:
            raise RuntimeError("Inference tensors do not track version counter.")
        return self._storage.version

    @property
    def _inference(self) -> Any:  # type: ignore[override]  # an attribute of the core
        return isinstance(self._storage, InferenceStorage)

    def is_inference(self) -> Any:
        """Whether this tensor, or what it is a view of, was made in inference mode."""
        return self._inference


_OWN = frozenset(TensorCore.__annotations__) | {"_kept_node"}
CLASS_NAMES = {
    "float32": "FloatTensor", "float64": "DoubleTensor", "int64": "LongTensor", "int32": "IntTensor",
    "float16": "HalfTensor", "bfloat16": "BFloat16Tensor", "complex64": "ComplexFloatTensor",
    "complex128": "ComplexDoubleTensor", "uint16": "UInt16Tensor", "uint32": "UInt32Tensor", "uint64": "UInt64Tensor",
    "int16": "ShortTensor", "int8": "CharTensor", "uint8": "ByteTensor", "bool": "BoolTensor",
}  # fmt: skip
_BY_CLASS_NAME = {long: short for short, long in CLASS_NAMES.items()}


def _type_meant(kind: Any) -> DType | str:
    """The element type that a tensor class, or its name, stands for; "cuda" for a class of that device."""
    if isinstance(kind, type):
        if issubclass(kind, TensorCore):
            return d.get_default_dtype()
        dtype = getattr(kind, "dtype", None)
        if isinstance(dtype, DType):
            return "cuda" if getattr(kind, "is_cuda", False) else dtype
        kind = kind.__name__
    home, _, name = str(kind).rpartition(".")
    framework, _, device = home.partition(".")
    if (
        name not in _BY_CLASS_NAME
        or framework not in ("torch", "thalweg")
        or device not in ("", "cuda")
    ):
        raise ValueError(f"invalid type: {kind!r}: '{spoken()}.FloatTensor' is one, or a dtype")
    return device or d.by_name(_BY_CLASS_NAME[name])


def _rebuild(
    cls: type[Any], storage: Storage, seen: Any, requires_grad: Any, extra: dict[str, Any]
) -> Any:
    """A pickled tensor, again: a leaf over the pickled storage."""
    t: Any = object.__new__(cls)
    t._storage, t._view, t._node, t._nr = storage, None if seen is None else View(*seen), None, 0
    t._requires_grad = requires_grad
    t.__dict__.update(extra)
    return t
