"""Files of the safetensors format: names, types, shapes and bytes of tensors, and nothing that could run.

The library of that name reads and writes the format; it is loaded when the first file is.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ..nn.module import Module
from ..runtime.device import as_device
from ..tensor import Tensor
from ..tensor.creation import from_array
from .rebuild import DTYPES
from .unpickle import LoadError
from .whole import written_whole

_NAMES = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64", "F16": "float16",
    "BF16": "bfloat16", "F32": "float32", "F64": "float64", "C64": "complex64", "U16": "uint16", "U32": "uint32",
    "U64": "uint64",
}  # fmt: skip


def save(tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """The tensors as the bytes of a safetensors file.

    Args:
        tensors: by name; each (*), contiguous, of memory of its own.
        metadata: text to keep beside them.
    Raises:
        RuntimeError: some tensors share memory, which the format cannot say.
        ValueError: a tensor is not contiguous, or something is no tensor.
        TypeError: a name or a piece of metadata is no text.
    """
    from safetensors.numpy import save as serialized

    content: bytes = serialized(_checked(tensors, metadata), metadata)
    return content


def save_file(
    tensors: dict[str, Tensor],
    filename: str | os.PathLike[str],
    metadata: dict[str, str] | None = None,
) -> None:
    """Write ``tensors`` to a safetensors file, whole or not at all; as ``save`` otherwise."""
    content = save(tensors, metadata)
    with written_whole(filename) as out:
        out.write(content)


def load(data: bytes) -> dict[str, Tensor]:
    """The tensors of the bytes of a safetensors file.

    Raises:
        LoadError: the bytes are damaged, or hold a type that Thalweg has not.
    """
    import safetensors

    read: Any = safetensors.deserialize
    try:
        found = read(data)
    except safetensors.SafetensorError as error:
        raise LoadError(f"load_file: no safetensors file, or a damaged one: {error}") from error
    return {name: _tensor(name, parts) for name, parts in found}


def load_file(filename: str | os.PathLike[str], device: Any = "cpu") -> dict[str, Tensor]:
    """The tensors of a safetensors file, by name.

    Raises:
        FileNotFoundError: there is no such file.
        LoadError: it is damaged, or holds a type that Thalweg has not.
    """
    as_device(device)
    if not Path(filename).is_file():
        raise FileNotFoundError(f"No such file or directory: {os.fspath(filename)}")
    return load(Path(filename).read_bytes())


def save_model(
    model: Module,
    filename: str | os.PathLike[str],
    metadata: dict[str, str] | None = None,
    force_contiguous: bool = True,
) -> None:
    """Write a module's state; of names for the same memory one is kept, and the metadata says of which.

    Raises:
        RuntimeError: tensors share memory and none of them shows all of it.
    """
    state = dict(model.state_dict())
    notes = dict(metadata or {})
    for names in _shared(state):
        whole = sorted(name for name in names if _is_whole(state[name]))
        if not whole:
            raise RuntimeError(
                f"save_model: {sorted(names)} share memory and none shows all of it: clone() them first"
            )
        for name in sorted(names - {whole[0]}):
            notes.setdefault(name, whole[0])
            del state[name]
    if force_contiguous:
        state = {name: t.contiguous() for name, t in state.items()}
    save_file(state, filename, notes or None)


def load_model(
    model: Module,
    filename: str | os.PathLike[str],
    strict: bool = True,
    device: Any = "cpu",
) -> tuple[list[str], list[str]]:
    """Load into ``model`` what ``save_model`` wrote; gives the names that are missing, and those in excess.

    Raises:
        RuntimeError: with ``strict``, names do not fit.
    """
    state = load_file(filename, device)
    own = model.state_dict()
    missing, unexpected = (list(names) for names in model.load_state_dict(state, strict=False))
    for names in _shared(own):
        if names & state.keys():
            missing = [name for name in missing if name not in names]
    if strict and (missing or unexpected):
        raise RuntimeError(
            f"Error(s) in loading state_dict for {type(model).__name__}: missing {missing}, unexpected {unexpected}"
        )
    return missing, unexpected


def _tensor(name: str, parts: dict[str, Any]) -> Tensor:
    dtype = DTYPES.get(_NAMES.get(parts["dtype"], ""))
    if dtype is None:
        raise LoadError(f"load_file: {name!r} is of type {parts['dtype']}, which Thalweg has not")
    raw = np.frombuffer(parts["data"], np.uint8)
    elements = raw != 0 if dtype.name == "bool" else raw.view(dtype.numpy).copy()
    return from_array(elements.reshape(parts["shape"]))


def _checked(tensors: Any, metadata: Any) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays to be written, after the questions that safetensors asks of PyTorch's tensors."""
    if not isinstance(tensors, dict):
        raise ValueError(f"Expected a dict of [str, thalweg.Tensor] but received {type(tensors)}")
    for name, t in tensors.items():
        if not isinstance(name, str):
            raise TypeError(f"save_file: a tensor's name is text, got {name!r}")
        if not isinstance(t, Tensor):
            raise ValueError(
                f"Key `{name}` is invalid, expected thalweg.Tensor but received {type(t)}"
            )
    for key, value in (metadata or {}).items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"save_file: metadata is text by text, got {key!r}: {value!r}")
    shared = _shared(tensors)
    if shared:
        raise RuntimeError(
            "Some tensors share memory, this will lead to duplicate memory on disk and potential differences when "
            f"loading them again: {[sorted(names) for names in shared]}. A potential way to correctly save your model "
            "is to use `save_model`, or clone() all but one of each group first."
        )
    for name, t in tensors.items():
        if not t.is_contiguous():
            raise ValueError(
                f"You are trying to save a non contiguous tensor: `{name}` which is not allowed: call .contiguous() "
                "on it, or save the tensor that it is a part of"
            )
    return {name: np.ascontiguousarray(t._array()).reshape(t.shape) for name, t in tensors.items()}


def _shared(tensors: dict[str, Any]) -> list[set[str]]:
    """Groups of names whose tensors look at the same memory."""
    groups: dict[int, set[str]] = {}
    for name, t in tensors.items():
        if t.numel():
            groups.setdefault(id(t._storage), set()).add(name)
    return [names for names in groups.values() if len(names) > 1]


def _is_whole(t: Tensor) -> bool:
    return t.numel() == t._storage.aval.size
