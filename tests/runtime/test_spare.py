"""Memory of large results: used again when free, never while held, and bounded."""

from __future__ import annotations

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.runtime import spare as module
from thalweg.runtime.spare import Spare

F32 = np.dtype(np.float32)
MB = 1 << 20


def megabytes(spare: Spare, n: int) -> np.ndarray:
    return spare.empty((n, MB // 4), F32)


def test_an_array_is_given_out_again_when_nobody_holds_it():
    spare = Spare()
    a = megabytes(spare, 1)
    place = a.ctypes.data
    b = megabytes(spare, 1)
    assert b.ctypes.data != place
    seen = a[0, :10]  # a view holds it too
    del a
    assert megabytes(spare, 1).ctypes.data not in (place, b.ctypes.data)
    del seen
    assert place in {megabytes(spare, 1).ctypes.data for _ in range(2)}


def test_two_sets_of_arrays_of_one_shape_are_enough_for_a_loop_that_renews_them():
    spare = Spare()
    sets = [[megabytes(spare, 1) for _ in range(40)] for _ in range(2)]
    gradients = [megabytes(spare, 1) for _ in range(10)]
    places = {a.ctypes.data for s in (*sets, gradients) for a in s}
    for n in range(50):
        sets[n % 2].clear()
        gradients.clear()
        sets[n % 2] += [megabytes(spare, 1) for _ in range(40)]
        gradients += [megabytes(spare, 1) for _ in range(10)]
        assert {a.ctypes.data for s in (*sets, gradients) for a in s} <= places
    assert spare.bytes == 90 * MB


def test_what_is_free_is_at_most_what_is_held_and_a_little():
    spare = Spare()
    held = [megabytes(spare, 4) for _ in range(5)]

    def after_shapes_that_never_come_again(first: int) -> float:
        most = 0
        for n in range(first, first + 300):
            spare.empty((MB // 2 + n,), F32)
            most = max(most, spare.bytes)
        assert spare.bytes == sum(e[0].nbytes for a in spare.kept.values() for e in a.entries)
        return most / MB

    # a second set and 16 MiB, and as much before it is looked through, and one more
    assert after_shapes_that_never_come_again(0) <= 2 * 20 + 16 + 16 + 3
    held.clear()
    spare.look_through()
    assert after_shapes_that_never_come_again(1000) <= 16 + 16 + 3
    held.append(megabytes(spare, 100))
    spare.look_through()
    assert spare.bytes >= 100 * MB


def test_what_somebody_holds_for_long_does_not_make_each_request_slow(monkeypatch):
    looked = [0]
    references = module._Alike.references
    monkeypatch.setattr(
        module._Alike,
        "references",
        lambda self: (looked.__setitem__(0, looked[0] + 1), references(self))[1],
    )
    spare = Spare()
    held = [spare.empty((128, 128), F32) for _ in range(3000)]
    assert looked[0] <= 3000 * 40
    assert len({a.ctypes.data for a in held}) == 3000


def test_results_that_a_user_keeps_are_never_written_again():
    with tw.tier("native"), tw.no_grad():
        layer = nn.Linear(64, 512)
        kept = []
        for n in range(30):
            out = layer(tw.full((64, 64), float(n))) * 2
            kept.append((out if n % 2 else out.numpy()[3:5], float(out[3, 7])))
        for out, value in kept:
            row = out[3] if isinstance(out, tw.Tensor) else out[0]
            assert float(row[7]) == pytest.approx(value, rel=0)
