"""The list of what a file may ask for, and what a program adds to it."""

from __future__ import annotations

import functools
import types
from collections import Counter, OrderedDict
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ..ir.dtype import by_name
from ..nn.parameter import Parameter
from ..runtime.device import Device
from ..tensor import Size, Tensor
from ..tensor.formats import strided
from . import rebuild
from .unpickle import Found, LoadError, check_key

_PLAIN_KINDS = "biufc"


def _encoded(text: Any, encoding: Any) -> bytes:
    """``_codecs.encode``, by which pickles of protocol 2 hold bytes."""
    if type(text) is not str or encoding != "latin1":
        raise LoadError("load: the file encodes something that is no bytes: it is damaged")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """What pickles of protocol 2 hold in the place of ``b""``."""
    return b""


def _set(items: Any = ()) -> set[Any]:
    for item in items:
        check_key(item)
    return set(items)


def _ordered(pairs: Any = ()) -> OrderedDict[Any, Any]:
    for key, _ in pairs:
        check_key(key)
    return OrderedDict(pairs)


def _counter(counts: Any = ()) -> Counter[Any]:
    if not isinstance(counts, dict | tuple):
        raise LoadError("load: the file has a Counter that is none: it is damaged")
    return Counter(dict(counts))


def _size(sizes: Any) -> Size:
    if any(type(n) is not int for n in sizes):
        raise LoadError("load: the file has a Size that is none: it is damaged")
    return Size(sizes)


def _layout(name: Any) -> Any:
    if name != "torch.strided":
        raise LoadError(
            "load: the file has a tensor that is not strided, a kind that Thalweg has not"
        )
    return strided


# NumPy's arrays and numbers: plain ones hold nothing that could run


def _array_dtype(kind: Any, align: Any = False, copy: Any = True) -> np.dtype[Any]:
    made = np.dtype(kind, copy=True) if type(kind) is str else np.dtype(object)
    if made.kind not in _PLAIN_KINDS:
        raise LoadError("load: the file has a NumPy type that is no plain number: refused")
    return made


def _set_dtype(dtype: Any, state: Any) -> None:
    if state[1] not in ("<", "|", "=") or state[2:5] != (None, None, None):
        raise LoadError("load: the file has a NumPy type that is no plain number: refused")


def _array(cls: Any, shape: Any, kind: Any) -> np.ndarray[Any, Any]:
    if cls is not np.ndarray or shape != (0,):
        raise LoadError("load: the file has a NumPy array that is none: it is damaged")
    return np.empty(0, np.int8)


def _set_array(array: Any, state: Any) -> None:
    version, shape, dtype, _, content = state
    rebuild.check_sizes(shape)
    fits = type(content) is bytes and len(content) == prod(shape) * dtype.itemsize
    if version != 1 or dtype.kind not in _PLAIN_KINDS or not fits:
        raise LoadError("load: the file has a NumPy array of the wrong size: it is damaged")
    array.__setstate__(state)


def _scalar(dtype: Any, content: Any) -> Any:
    return np.frombuffer(content, dtype, 1)[0]


def _table() -> dict[str, Found]:
    own: dict[str, Callable[..., Any]] = {
        "torch._utils._rebuild_tensor_v2": rebuild.tensor,
        "torch._utils._rebuild_tensor_v3": rebuild.tensor_of_bytes,
        "torch._utils._rebuild_parameter": rebuild.parameter,
        "torch._utils._rebuild_parameter_with_state": rebuild.parameter,
        "torch._tensor._rebuild_from_type_v2": rebuild.subclass,
        "torch.serialization._get_layout": _layout,
        "_codecs.encode": _encoded,
    }
    table = {name: Found(make, make) for name, make in own.items()}
    table |= {
        "torch.Tensor": Found(Tensor),
        "torch.nn.parameter.Parameter": Found(Parameter),
        "torch.Size": Found(Size, _size),
        "torch.device": Found(Device, rebuild.device),
        "collections.OrderedDict": Found(OrderedDict, _ordered),
        "collections.Counter": Found(Counter, _counter),
        "numpy.dtype": Found(np.dtype, _array_dtype, np.dtype, _set_dtype),
        "numpy.ndarray": Found(np.ndarray, None, np.ndarray, _set_array),
        "torch.storage.UntypedStorage": Found(rebuild.UNTYPED),
    }
    for core in ("numpy._core.multiarray", "numpy.core.multiarray"):
        table[f"{core}._reconstruct"] = Found(_array, _array)
        table[f"{core}.scalar"] = Found(_scalar, _scalar)
    for module in ("__builtin__", "builtins"):
        table[f"{module}.set"] = Found(set, _set)
        table[f"{module}.frozenset"] = Found(frozenset, lambda items=(): frozenset(_set(items)))
        table[f"{module}.complex"] = Found(complex, _complex)
        table[f"{module}.bytes"] = Found(bytes, _no_bytes)
        table[f"{module}.bytearray"] = Found(bytearray, _bytearray)
    table |= {name: Found(kind) for name, kind in rebuild.KINDS.items()}
    table |= {f"torch.{name}": Found(by_name(name)) for name in rebuild.DTYPES}
    return table


def _complex(real: Any = 0.0, imaginary: Any = 0.0) -> complex:
    return complex(float(real), float(imaginary))


def _bytearray(content: Any = b"") -> bytearray:
    if type(content) not in (bytes, bytearray):
        raise LoadError("load: the file has a bytearray that is none: it is damaged")
    return bytearray(content)


_SAFE = _table()
_MISSING = {
    f"torch.{kind}": name for name, kind in rebuild.STORAGES.items() if name not in rebuild.DTYPES
}
_ADDED: dict[str, Any] = {}


def find(module: str, name: str) -> Found:
    """What ``module.name`` stands for in a file; LoadError with the name for what is not on the list."""
    full = f"{module}.{name}"
    found = _SAFE.get(full)
    if found is not None:
        return found
    if full in _ADDED:
        return _added(_ADDED[full])
    if full in _MISSING:
        raise LoadError(
            f"load: the file holds {_MISSING[full]} elements, a type that Thalweg has not"
        )
    raise LoadError(
        f"load: the file asks for {full[:200]!r}, which is not on the list of what a file may hold: refused. If you know "
        "that it is harmless, allow it with thalweg.serialization.add_safe_globals; if you trust the file, "
        "weights_only=False runs what it says"
    )


def _added(thing: Any) -> Found:
    """What a program allowed: it may be called, and the state of its instances may be set."""
    if isinstance(thing, type):
        return Found(thing, thing, thing, _set_state, functools.partial(thing.__new__, thing))
    return Found(thing, thing if callable(thing) else None)


def _set_state(thing: Any, state: Any) -> None:
    if hasattr(thing, "__setstate__"):
        thing.__setstate__(state)
        return
    attributes, slots = state if isinstance(state, tuple) else (state, None)
    thing.__dict__.update(attributes or {})
    for name, value in (slots or {}).items():
        setattr(thing, name, value)


# PyTorch's functions on the list


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Let files ask for these classes and functions, each itself or as a pair (it, the name in the file)."""
    for entry in safe_globals:
        thing, name = entry if isinstance(entry, tuple) else (entry, None)
        if name is None:
            if not isinstance(thing, type | types.FunctionType | types.BuiltinFunctionType):
                raise TypeError(
                    f"add_safe_globals: wants classes and functions, or pairs (thing, name), got {thing!r}"
                )
            name = f"{thing.__module__}.{thing.__qualname__}"
        _ADDED[name] = thing


def get_safe_globals() -> list[Any]:
    """What ``add_safe_globals`` added."""
    return list(_ADDED.values())


def clear_safe_globals() -> None:
    """Forget what ``add_safe_globals`` added."""
    _ADDED.clear()


class safe_globals:
    """``with safe_globals([A, b]):`` files may ask for these within."""

    def __init__(self, safe_globals: list[Any]) -> None:
        self.safe_globals = safe_globals

    def __enter__(self) -> None:
        self._before = dict(_ADDED)
        add_safe_globals(self.safe_globals)

    def __exit__(self, *error: object) -> None:
        _ADDED.clear()
        _ADDED.update(self._before)
