"""Native elementwise code against NumPy's: every primitive in every type that it takes, ordinary and special values."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import thalweg  # noqa: F401  # fills the registry
from thalweg.compiler.math import can_emit, refuses_zero
from thalweg.compiler.text import ELEMENT
from thalweg.ir.aval import Aval
from thalweg.ir.builder import Builder
from thalweg.ir.dtype import ALL, bool_, float32, from_numpy
from thalweg.ir.primitive import Primitive
from thalweg.runtime.native import NativeProgram

SPECIAL = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -2.5,
    3.5,
    1e-40,
    -1e-40,
    1e30,
    -1e30,
    np.inf,
    -np.inf,
    np.nan,
    88.0,
    -88.0,
]
ELEMENTWISE = [
    p for _, p in sorted(Primitive.registry.items()) if p.elementwise and p.name != "cast"
]


def values(dtype, seed):
    rng = np.random.RandomState(seed)
    if dtype is bool_:
        return rng.rand(67) < 0.5
    if dtype.is_floating_point:
        mixed = rng.permutation(np.r_[SPECIAL, rng.randn(32) * 3, rng.randn(19)])
        with np.errstate(over="ignore"):
            return mixed.astype(dtype.numpy)
    limits = np.iinfo(dtype.numpy)
    small = rng.randint(0 if limits.min == 0 else -5, 6, 63)
    return np.r_[small, limits.min, limits.max, 0, 1].astype(dtype.numpy)


def native_and_reference(record, arrays, statics=None):
    statics = statics or {}
    builder = Builder(tuple(Aval(a.shape, from_numpy(a.dtype)) for a in arrays))
    result = builder.emit(record, tuple(builder.inputs()), record.pack(statics))
    graph = builder.finish((result,))
    program = NativeProgram(graph)
    assert program.is_worth_it(), "computed by a host call"
    with np.errstate(all="ignore"):
        return program(arrays)[0], np.asarray(record.reference(*arrays, **statics))


def assert_close(found, expected, ulps):
    assert found.dtype == expected.dtype and found.shape == expected.shape
    if from_numpy(found.dtype).is_half:
        found, expected = found.astype(np.float32), expected.astype(np.float32)
    if found.dtype.kind != "f":
        np.testing.assert_array_equal(found, expected)
        return
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    tiny = np.finfo(found.dtype).smallest_normal
    with np.errstate(all="ignore"):
        bound = ulps * np.maximum(np.spacing(np.abs(expected)), tiny)
        near = np.abs(found.astype(np.float64) - expected) <= bound
    assert np.all(near | (found == expected) | np.isnan(expected)), (found, expected)


COMPUTED = [d for d in ALL if d.name in ELEMENT and not d.is_half]  # the others are only cast
CASES = [
    pytest.param(record, dtype, id=f"{record.name}-{dtype.name}")
    for record in ELEMENTWISE
    for dtype in ALL
    if record.name != "where"
    and can_emit(record.name, dtype, (dtype,) * len(record.samples()[0][0]))
]  # fmt: skip


@pytest.mark.parametrize(("record", "dtype"), CASES)
def test_as_the_reference(record, dtype):
    arrays = [values(dtype, seed) for seed in range(len(record.samples()[0][0]))]
    if refuses_zero(record.name, dtype):
        arrays = [arrays[0][:, None], arrays[1][arrays[1] != 0]]  # the least number by -1, too
    exact = not dtype.is_floating_point or record.name in {
        "add",
        "sub",
        "mul",
        "div",
        "neg",
        "abs",
        "sqrt",
        "square",
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_close(*native_and_reference(record, arrays), 0 if exact else 4)


@pytest.mark.parametrize("want", ALL, ids=lambda d: d.name)
@pytest.mark.parametrize("have", ALL, ids=lambda d: d.name)
def test_casts(have, want):
    record = Primitive.registry["cast"]
    if not can_emit("cast", want, (have,)):
        pytest.skip("a host call: NumPy's result for numbers out of range is the processor's")
    x = values(have, 0)
    if have.is_floating_point and not want.is_floating_point and want is not bool_:
        x = np.nan_to_num(x, nan=3, posinf=7, neginf=-7).clip(-1e9, 1e9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_close(*native_and_reference(record, [x], {"dtype": want}), 0)


@pytest.mark.parametrize("dtype", COMPUTED, ids=lambda d: d.name)
def test_where(dtype):
    arrays = [values(bool_, 1), values(dtype, 2), values(dtype, 3)]
    assert_close(*native_and_reference(Primitive.registry["where"], arrays), 0)


def bits_of_every_size() -> np.ndarray:
    """Float32 numbers spread evenly over all their bit patterns, NaNs aside."""
    x = np.arange(0, 1 << 32, 32_347, np.uint64).astype(np.uint32).view(np.float32)
    return x[~np.isnan(x)]


@pytest.mark.parametrize(
    ("name", "exact", "ulps"),
    [
        ("exp", np.exp, 1.0),
        ("log", np.log, 1.0),
        ("tanh", np.tanh, 2.0),
        ("erf", np.vectorize(math.erf), 2.0),
        ("sigmoid", lambda x: 1 / (1 + np.exp(-x)), 2.0),
    ],
)
def test_float32_functions_against_float64(name, exact, ulps):
    x = bits_of_every_size()
    dense = np.random.RandomState(0).uniform(-20, 20, 200_000).astype(np.float32)
    x = np.r_[x, np.abs(dense) if name == "log" else dense]
    found, _ = native_and_reference(Primitive.registry[name], [x])
    with np.errstate(all="ignore"):
        truth = exact(x.astype(np.float64))
        rounded = truth.astype(np.float32)
        step = np.maximum(np.spacing(np.abs(rounded)), np.spacing(np.float32(0)))
        error = np.abs(found.astype(np.float64) - truth) / step
    ordinary = np.isfinite(rounded)
    assert error[ordinary].max() <= ulps
    np.testing.assert_array_equal(found[~ordinary], rounded[~ordinary])


@pytest.mark.parametrize("name", ["exp", "log", "tanh", "sigmoid", "erf"])
def test_one_lane_has_the_bits_of_sixteen(name):
    record = Primitive.registry[name]
    ends = [
        np.nan,
        np.inf,
        -np.inf,
        0.0,
        -0.0,
        1e-45,
        -1e-45,
        88.7,
        -87.5,
        -95.0,
        -103.9,
        9.1,
        -9.1,
    ]
    x = np.r_[ends, np.random.RandomState(1).uniform(-20, 20, 150)].astype(np.float32)
    together, _ = native_and_reference(record, [x])
    builder = Builder((Aval((), float32),))
    program = NativeProgram(builder.finish((builder.emit(record, tuple(builder.inputs()), ()),)))
    alone = [program([np.array(v)])[0] for v in x]
    np.testing.assert_array_equal(np.array(alone).view(np.int32), together.view(np.int32))


def test_what_float32_is_native():
    """The functions that training is made of are never host calls."""
    needed = {
        "exp",
        "log",
        "tanh",
        "sigmoid",
        "erf",
        "relu",
        "sqrt",
        "pow",
        "maximum",
        "where",
        "abs",
        "log1p",
    }
    for name in needed:
        assert can_emit(name, float32, (float32,) * 3)
