"""PyTorch's table of operations under `vmap`: over a batch of a sample's tensors, against the operation on each.

`python -m tests.conformance.mapped --update` rewrites `mapped.txt`, the list of entries that agree.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import torch

import thalweg as tw

from . import harness

MAPPED = Path(__file__).with_name("mapped.txt")
EXAMPLES = 2
MOST_SAMPLES = 1


def example(t: Any, k: int) -> Any:
    """Other numbers of the kind: floats moved toward zero, whole numbers (indices) and bools turned around."""
    a = t.numpy()
    if a.dtype.kind in "fc":
        return tw.tensor(a * (1 - 0.05 * k))
    return tw.tensor(np.ascontiguousarray(np.flip(a)) if k % 2 and a.ndim else a)


def tensors(x: Any) -> list[Any]:
    return [t for t in harness.flat(x) if isinstance(t, tw.Tensor)]


class Call:
    """A sample as a function of its tensors, which gives tensors."""

    def __init__(self, function: Any, sample: Any) -> None:
        self.function = function
        self.args = harness.ours((sample.input, *sample.args), False)
        self.named = harness.ours(sample.kwargs, False)
        self.tensors = tensors((self.args, self.named))

    def __call__(self, *given: Any) -> tuple[Any, ...]:
        left = iter([t.clone() for t in given])
        args, named = harness.changed((self.args, self.named), tw.Tensor, lambda _: next(left))
        return tuple(tensors(self.function(*args, **named)))


def each(call: Call, rows: list[list[Any]]) -> list[Any] | None:
    """The results for each example, stacked; None where they have other shapes, or the sample fails."""
    try:
        found = [call(*row) for row in rows]
        return [np.stack([t.detach().numpy() for t in c]) for c in zip(*found, strict=True)] or None
    except Exception:  # the sample is none for these numbers
        return None


def check(info: Any) -> int:
    """Run samples of an entry, floating ones if there are; gives how many, raises at the first that is wrong."""
    function = harness.counterpart(info)
    count = 0
    for dtype in (torch.float64, torch.int64, torch.complex128):
        if count or dtype not in info.supported_dtypes("cpu"):
            continue
        torch.manual_seed(0)
        samples = info.sample_inputs("cpu", dtype, requires_grad=False)
        for sample in itertools.islice(samples, MOST_SAMPLES):
            call = Call(function, sample)
            n = len(call.tensors)
            masks = [(True,) * n] if n else []
            masks += [(True, False), (False, True)] if n == 2 else []
            for mask in masks:
                count += _check(call, mask, dtype is not torch.int64 and info.supports_autograd)
    return harness.some(count)


def _check(call: Call, mask: tuple[bool, ...], gradients: bool) -> int:
    rows = [
        [example(t, k) if m else t for t, m in zip(call.tensors, mask, strict=True)]
        for k in range(EXAMPLES)
    ]
    expected = each(call, rows)
    if expected is None:
        return 0
    columns = zip(zip(*rows, strict=True), mask, strict=True)
    whole = [tw.stack(list(column)) if m else column[0] for column, m in columns]
    over = tw.vmap(call, in_dims=tuple(0 if m else None for m in mask))
    found = over(*whole)
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a.numpy().dtype == b.dtype and tuple(a.shape) == b.shape
        np.testing.assert_allclose(a.numpy(), b, rtol=1e-9, atol=1e-11)
    if gradients:
        _check_gradients(call, over, rows, whole, mask)
    return 1


def _gradients(function: Any, given: list[Any], weigh: Any) -> list[Any]:
    """The gradients of the weighed results by the floating operands; None for another."""
    leaves = [
        t.detach().clone().requires_grad_(t.dtype.is_floating_point or t.dtype.is_complex)
        for t in given
    ]
    results = [t for t in function(*leaves) if t.requires_grad]
    wanted = [t for t in leaves if t.requires_grad]
    if not (wanted and results):
        return [None] * len(leaves)
    found = iter(tw.autograd.grad(results, wanted, [weigh(t) for t in results], allow_unused=True))
    return [next(found) if t.requires_grad else None for t in leaves]


def _check_gradients(call: Call, over: Any, rows: Any, whole: Any, mask: Any) -> None:
    """Each example's results weigh ones, so that weights are the same inside and outside."""
    found = _gradients(over, whole, tw.ones_like)
    singly = [_gradients(call, row, tw.ones_like) for row in rows]
    for k, m in enumerate(mask):
        parts = [row[k] for row in singly]
        if found[k] is None or None in [p if p is None else 0 for p in parts]:
            continue
        together = [p.numpy() for p in parts]
        expected = np.stack(together) if m else np.sum(together, axis=0)
        np.testing.assert_allclose(found[k].numpy(), expected, rtol=1e-7, atol=1e-9)


def main() -> None:
    harness.command(__doc__, harness.passing(), (MAPPED, check, "agree under vmap"))


if __name__ == "__main__":
    main()
