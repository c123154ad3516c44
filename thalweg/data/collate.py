"""Many items into one batch, and arrays inside one item into tensors."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from ..ir.dtype import float64
from ..tensor import Tensor
from .arrays import array_kind, as_tensor, from_array, joined, stacked, tensor


def default_collate(batch: Sequence[Any]) -> Any:
    """A batch of items, as one item of batches.

    Args:
        batch: N items alike: tensors or arrays (*) each, numbers, strings, or mappings, named tuples and
            sequences of such.
    Returns:
        (N, *) tensor for tensors and arrays; (N,) tensor for numbers (Python floats give float64); strings
        stay a list; containers hold a batch for each of their places, where tuples become lists.
    Raises:
        TypeError: items of another type.
        RuntimeError: shapes or lengths differ among the items.
        IndexError: the batch is empty.
    """
    if not len(batch):
        raise IndexError(
            "default_collate: list index out of range: the batch is empty: it needs an item"
        )
    first = batch[0]
    if isinstance(first, Tensor):
        return joined(batch)
    if isinstance(first, np.ndarray | np.generic) and not isinstance(first, str | bytes):
        return _collate_arrays(batch)
    if isinstance(first, float):
        return tensor(list(batch), dtype=float64)
    if type(first) is int and set(map(type, batch)) == {int}:
        return _whole_numbers(batch)
    if isinstance(first, int):
        return tensor(list(batch))
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        places = {key: default_collate([item[key] for item in batch]) for key in first}
        return _mapping_like(first, places)
    if isinstance(first, Sequence):
        return _collate_sequences(batch)
    raise _unknown(type(first))


def _whole_numbers(batch: Sequence[int]) -> Tensor:
    try:
        return from_array(np.array(batch, np.int64))
    except OverflowError:
        raise ValueError(
            "default_collate: Overflow when unpacking long long: a number does not fit in 64 bits: "
            "give floats, or numbers in [-2**63, 2**63)"
        ) from None


def _unknown(kind: Any) -> TypeError:
    return TypeError(
        f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {kind}: "
        "pass a collate_fn that knows how to join such items"
    )


def _collate_arrays(batch: Sequence[Any]) -> Tensor:
    first = batch[0].dtype
    if not array_kind(first):
        raise _unknown(first)
    return stacked([x._array() if isinstance(x, Tensor) else np.asarray(x) for x in batch])


def _collate_sequences(batch: Sequence[Any]) -> Any:
    first = batch[0]
    lengths = [len(item) for item in batch]
    if any(n != lengths[0] for n in lengths):
        raise RuntimeError(
            "each element in list of batch should be of equal size: "
            f"default_collate got lengths {lengths[:8]}: pad the items, or pass a collate_fn"
        )
    places = [default_collate(column) for column in zip(*batch, strict=True)]
    return _named(first, places) if hasattr(first, "_fields") else _sequence_like(first, places)


def _named(item: Any, places: list[Any]) -> Any:
    return type(item)(*places)


def _mapping_like(item: Mapping[Any, Any], places: dict[Any, Any]) -> Any:
    """``places`` in a mapping of the kind of ``item``; a dict where that kind cannot be made."""
    if type(item) is dict:
        return places
    try:
        if isinstance(item, MutableMapping):
            made = copy.copy(item)
            made.update(places)
            return made
        return type(item)(places)  # type: ignore[call-arg]  # tried: most mappings take a dict
    except TypeError:
        return places


def _sequence_like(item: Sequence[Any], places: list[Any]) -> Any:
    """``places`` in a sequence of the kind of ``item``; a list for tuples and what cannot be made."""
    if isinstance(item, tuple) or type(item) is list:
        return places
    try:
        if isinstance(item, MutableSequence):
            made = copy.copy(item)
            for k, place in enumerate(places):
                made[k] = place
            return made
        return type(item)(places)  # type: ignore[call-arg]  # tried: most sequences take a list
    except TypeError:
        return places


def default_convert(data: Any) -> Any:
    """One item with its arrays as tensors, at any depth; what is no array or container stays as it is.

    Args:
        data: an item; arrays in it are (*) of any shape.
    Returns:
        The item; tensors (*) share the arrays' memory; tuples become lists.
    """
    if isinstance(data, Tensor | str | bytes):
        return data
    if isinstance(data, np.ndarray | np.generic):
        return as_tensor(data) if array_kind(data.dtype) else data
    if isinstance(data, Mapping):
        return _mapping_like(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, Sequence):
        places = [default_convert(value) for value in data]
        return _named(data, places) if hasattr(data, "_fields") else _sequence_like(data, places)
    return data


Collate = Callable[[list[Any]], Any]
