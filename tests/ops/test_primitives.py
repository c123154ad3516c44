"""Every primitive's record against itself: shapes, gradients, strides, untouched inputs, errors; on both tiers, and
native code beside the reference."""

from __future__ import annotations

import numpy as np
import pytest

import thalweg as tw
from thalweg.ir.aval import Aval
from thalweg.ir.builder import Builder
from thalweg.ir.dtype import from_numpy
from thalweg.ir.primitive import Primitive
from thalweg.ir.vjp import vjp
from thalweg.testing import fuzz
from thalweg.testing.graphs import program_of

ONE_AT_A_TIME = fuzz._OneAtATime()
TABLE = [
    pytest.param(record, arrays, statics, id=f"{name}-{number}")
    for name, record in sorted(Primitive.registry.items())
    for number, (arrays, statics) in enumerate(record.samples())
]
ERRORS = [
    pytest.param(record, *case, id=f"{name}-{number}")
    for name, record in sorted(Primitive.registry.items())
    for number, case in enumerate(record.errors())
]
ONCE = {("ctc_grad", 1)}  # operands with a gradient rule that only says that there is none
JUMPING = {"maximum", "minimum", "fmod", "remainder"}


def graph_of(record, arrays, statics):
    avals = tuple(Aval(a.shape, from_numpy(a.dtype), False, a.flags.c_contiguous) for a in arrays)
    builder = Builder(avals)
    operands = tuple(builder.inputs())
    results = builder.emit(record, operands, record.pack(statics))
    return builder.finish(results if isinstance(results, tuple) else (results,))


def differentiable(record, arrays, statics):
    """Which operands have a gradient that differences can check at this sample."""
    if not graph_of(record, arrays, statics).out_avals()[0].dtype.is_floating_point:
        return None
    if record.name in JUMPING and np.array_equal(arrays[-1], arrays[-2]):
        return None  # a tie or a jump: its convention is checked against PyTorch
    wanted = tuple(
        record.rule(i) is not None
        and (record.name, i) not in ONCE
        and np.asarray(a).dtype.kind == "f"
        for i, a in enumerate(arrays)
    )
    smooth = all(np.isfinite(a).all() and np.asarray(a).size for a in arrays)
    return wanted if any(wanted) and smooth else None


GRADIENTS = [p for p in TABLE if differentiable(*p.values) is not None]


def run(graph, arrays):
    return program_of(graph).run(list(arrays), tw.current_tier(), False)[0]


@pytest.mark.parametrize(("record", "arrays", "statics"), TABLE)
def test_the_shape_rule_says_what_the_reference_gives(record, arrays, statics):
    graph = graph_of(record, arrays, statics)
    for aval, result in zip(graph.out_avals(), run(graph, arrays), strict=True):
        assert np.asarray(result).shape == aval.shape
        assert np.asarray(result).dtype == aval.dtype.numpy


def with_gaps(a):
    room = np.full((*a.shape, 2), 7).astype(a.dtype)
    room[..., 0] = a
    return room[..., 0]


def transposed(a):
    return np.array(a.T, order="C").T


@pytest.mark.parametrize("spread", [with_gaps, transposed])
@pytest.mark.parametrize(("record", "arrays", "statics"), TABLE)
def test_strided_operands_change_nothing_and_are_not_written(record, arrays, statics, spread):
    plain = run(graph_of(record, arrays, statics), arrays)
    given = [spread(a) for a in arrays]
    before = [np.array(a) for a in given]
    strided = run(graph_of(record, given, statics), given)
    for a, b in zip(plain, strided, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    for a, b in zip(before, given, strict=True):
        np.testing.assert_array_equal(a, b)
    assert all(np.asarray(r).flags.c_contiguous for r in strided)


@pytest.mark.own_tier
@pytest.mark.parametrize("single", [False, True], ids=["as given", "float32"])
@pytest.mark.parametrize(("record", "arrays", "statics"), TABLE)
def test_native_code_gives_what_the_reference_gives(record, arrays, statics, single):
    if single:
        arrays = [a.astype(np.float32) if a.dtype == np.float64 else a for a in arrays]
    fuzz.check(graph_of(record, arrays, statics), list(arrays), ONE_AT_A_TIME)


def directional(graph, arrays, wanted, steps):
    """The change of all results along ``steps`` by central differences."""
    eps = 1e-6
    sides = []
    for sign in (1, -1):
        moved = [
            a + sign * eps * s if w else a for a, s, w in zip(arrays, steps, wanted, strict=True)
        ]
        sides.append(run(graph, moved))
    return [(np.asarray(a) - np.asarray(b)) / (2 * eps) for a, b in zip(*sides, strict=True)]


@pytest.mark.parametrize(("record", "arrays", "statics"), GRADIENTS)
def test_the_gradient_agrees_with_differences(record, arrays, statics):
    wanted = differentiable(record, arrays, statics)
    graph = graph_of(record, arrays, statics)
    rng = np.random.RandomState(3)
    steps = [rng.uniform(-1, 1, a.shape) for a in arrays]
    if record.symmetric:
        steps = [s + s.swapaxes(-1, -2) for s in steps]
    floats = tuple(aval.dtype.is_floating_point for aval in graph.out_avals())
    tape = vjp(graph, wanted, floats)
    results = run(graph, arrays)
    weights = [rng.uniform(-1, 1, np.shape(r)) for r in results]
    saved = [arrays[k] for k in tape.saved_inputs] + [results[k] for k in tape.saved_outputs]
    grads = run(tape.graph, saved + [weights[k] for k in tape.grads_of])
    change = directional(graph, arrays, wanted, steps)
    expected = sum(np.sum(w * c) for w, c, f in zip(weights, change, floats, strict=True) if f)
    found = sum(
        np.sum(grads[reach] * step)
        for reach, step in zip(tape.reaches, steps, strict=True)
        if reach is not None
    )
    for reach, array in zip(tape.reaches, arrays, strict=True):
        assert reach is None or grads[reach].shape == array.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("record", "arrays", "statics", "kind", "text"), ERRORS)
def test_errors_say_what_is_wrong(record, arrays, statics, kind, text):
    with pytest.raises(kind, match=text):
        run(graph_of(record, arrays, statics), arrays)


def test_a_name_is_declared_once():
    with pytest.raises(ValueError, match="declared twice"):
        Primitive("add", infer=None, reference=None, grads=None, samples=list)


def test_every_record_has_samples():
    assert [r.name for r in Primitive.registry.values() if not r.samples()] == []
