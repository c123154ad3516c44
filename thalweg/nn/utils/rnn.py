"""Batches of sequences of different lengths: padded, or packed without the padding.

Note: packed sequences. The sequences of a batch stand in the order of their lengths, the longest first, and the rows of
all steps one after another: of each step those sequences that have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from ...ir.builder import Var
from ...ir.dtype import float32, float64, int8, int16, int32, int64, uint8
from ...ops.composite import op
from ...ops.movement import cat, pad
from ...tensor import Tensor
from ...tensor.creation import as_tensor, from_array, full
from ...tensor.dispatch import dispatch
from ...tensor.sorting import sort

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class PackedSequence_(NamedTuple):
    """The parts of a PackedSequence."""

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(PackedSequence_):
    """Sequences of different lengths without padding; recurrent layers take and give them.

    Attributes:
        data: (sum of lengths, *), the rows step after step.
        batch_sizes: (T,) int64, how many sequences have each step.
        sorted_indices: (N,) which of the sequences stands at each place; None where they were sorted.
        unsorted_indices: (N,) the inverse.
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> Self:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:
            if not (isinstance(data, list | tuple) and len(data) == 2):
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """This with the data converted by ``Tensor.to``; itself where nothing changes."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        return type(self)(data, self.batch_sizes, self.sorted_indices, self.unsorted_indices)

    def cpu(self, *args: Any, **kwargs: Any) -> Self:
        """This: all memory is the CPU's."""
        return self.to(*args, **{"device": "cpu", **kwargs})

    def double(self) -> Self:
        """This as float64."""
        return self.to(dtype=float64)

    def float(self) -> Self:
        """This as float32."""
        return self.to(dtype=float32)

    def long(self) -> Self:
        """This as int64."""
        return self.to(dtype=int64)

    def int(self) -> Self:
        """This as int32."""
        return self.to(dtype=int32)

    def short(self) -> Self:
        """This as int16."""
        return self.to(dtype=int16)

    def char(self) -> Self:
        """This as int8."""
        return self.to(dtype=int8)

    def byte(self) -> Self:
        """This as uint8."""
        return self.to(dtype=uint8)

    def pin_memory(self) -> Self:
        """This: there is no memory to pin for."""
        return self

    def is_pinned(self) -> bool:
        """No."""
        return False

    @property
    def is_cuda(self) -> bool:
        """No."""
        return False


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The inverse of a permutation (N,), None of None."""
    if permutation is None:
        return None
    places = permutation._array()
    inverse = np.empty_like(places)
    inverse[places] = np.arange(len(places))
    return from_array(inverse)


def _order(lengths: np.ndarray[Any, Any], steps: int) -> tuple[Any, Any]:
    """Of sorted lengths: how many sequences have each step; (step, sequence) of each packed row, as two arrays."""
    present = np.arange(lengths[0])[:, None] < lengths
    if lengths[0] > steps:
        raise RuntimeError(
            f"pack_padded_sequence: the longest of the lengths is {lengths[0]}, but the input has {steps} steps"
        )
    return present.sum(1), np.nonzero(present)


def pack_padded_sequence(
    input: Tensor,
    lengths: Tensor | Sequence[int],
    batch_first: bool = False,
    enforce_sorted: bool = True,
) -> PackedSequence:
    """A padded batch without its padding.

    Args:
        input: (T, N, *), with ``batch_first`` (N, T, *).
        lengths: (N,) of the sequences, each at least 1.
        enforce_sorted: the lengths must be decreasing; otherwise the sequences are sorted here.
    Returns:
        packed data (sum of lengths, *).
    Raises:
        RuntimeError: the lengths are not as many as the sequences, not positive, not sorted where they must be, or
            longer than the input.
    """
    given = as_tensor(lengths, dtype=int64)
    if given.ndim != 1:
        raise RuntimeError(
            f"'lengths' argument should be a 1D CPU int64 tensor, but got {given.ndim}D cpu Long tensor"
        )
    sorted_indices = None
    batch_axis = 0 if batch_first else 1
    if not enforce_sorted:
        given, sorted_indices = sort(given, descending=True)
        input = input.index_select(batch_axis, sorted_indices)
    counts = given._array()
    batch, steps = input.shape[batch_axis], input.shape[1 - batch_axis]
    if not input.numel():
        raise RuntimeError("Cannot pack empty tensors.")
    if len(counts) != batch:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(counts)} (batch_size={batch})"
        )
    if counts.min() <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if (np.diff(counts) > 0).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if "
            "you do not need ONNX exportability."
        )
    batch_sizes, (step, sequence) = _order(counts, steps)
    rows = sequence * steps + step if batch_first else step * batch + sequence
    data = input.flatten(0, 1).index_select(0, from_array(rows))
    return PackedSequence(data, from_array(batch_sizes), sorted_indices, None)


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Packed sequences as a padded batch, in the order that they had.

    Args:
        sequence: N sequences, the longest of T steps.
        total_length: the padded length, T by default.
    Returns:
        (T, N, *), with ``batch_first`` (N, T, *); the lengths (N,).
    Raises:
        ValueError: total_length is less than T.
    """
    sizes = sequence.batch_sizes._array()
    steps, batch = len(sizes), int(sizes[0])
    if total_length is not None and total_length < steps:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but got "
            f"total_length={total_length} and max sequence length being {steps}"
        )
    steps = total_length or steps
    step, place = np.nonzero(np.arange(batch) < sizes[:, None])
    order = sequence.sorted_indices
    if order is None:
        order = invert_permutation(sequence.unsorted_indices)
    number = place if order is None else order._array()[place]
    rows = number * steps + step if batch_first else step * batch + number
    data, rest = sequence.data, tuple(sequence.data.shape[1:])
    blank = full((steps * batch, *rest), padding_value, dtype=data.dtype)
    shape = (batch, steps) if batch_first else (steps, batch)
    lengths = np.bincount(number, minlength=batch)
    return blank.index_copy(0, from_array(rows), data).view(*shape, *rest), from_array(lengths)


@op("PadSequenceBackward0")
def _padded(*parts_and_statics: Any) -> Any:
    *parts, axis, before = parts_and_statics
    value, *sequences = parts
    steps = max(x.shape[0] for x in sequences)
    rows: list[Var] = []
    for x in sequences:
        missing, none = steps - x.shape[0], (0,) * (x.ndim - 1)
        low, high = (missing, 0) if before else (0, missing)
        if missing:
            x = pad(x, value.astype(x.dtype), low=(low, *none), high=(high, *none))
        rows.append(x.reshape((*x.shape[:axis], 1, *x.shape[axis:])))
    first = rows[0].dtype
    return cat(*[x.astype(first) for x in rows], axis=axis)


def pad_sequence(
    sequences: Any,
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences of different lengths as one batch.

    Args:
        sequences: N tensors (L, *), the longest of T steps.
        padding_side: "right", or "left".
    Returns:
        (T, N, *), with ``batch_first`` (N, T, *), in the first one's type.
    Raises:
        RuntimeError: there are none, or their other sizes differ.
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    parts = tuple(sequences)
    if not parts:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("right", "left"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}."
        )
    rest = parts[0].shape[1:]
    for x in parts:
        if not x.ndim or x.shape[1:] != rest:
            raise RuntimeError(
                f"pad_sequence: all sizes but the first must be equal, but there are tensors of shapes "
                f"{list(parts[0].shape)} and {list(x.shape)}"
            )
    value = padding_value if parts[0].dtype.is_floating_point else int(padding_value)
    statics = (0 if batch_first else 1, padding_side == "left")
    result: Tensor = dispatch(_padded, (value, *parts), statics)
    return result


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False
) -> list[Tensor]:
    """The sequences (L, *) of a padded batch (T, N, *), with ``batch_first`` (N, T, *), whose lengths are (N,)."""
    batch = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    counts = as_tensor(lengths).tolist()
    return [rows[: max(n, 0)].clone() for rows, n in zip(batch.unbind(0), counts, strict=True)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences (L, *) packed; see ``pack_padded_sequence``."""
    lengths = [x.shape[0] for x in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences (L, *) of packed ones."""
    return unpad_sequence(
        *pad_packed_sequence(packed_sequences, batch_first=True), batch_first=True
    )
