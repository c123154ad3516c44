"""The vector functions' errors, in units of the last place, against wider arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest

import thalweg  # noqa: F401  # fills the registry
from thalweg.compiler.vectors import DOUBLE, SINGLE
from thalweg.ir.aval import Aval
from thalweg.ir.builder import Builder
from thalweg.ir.dtype import from_numpy
from thalweg.ir.primitive import Primitive
from thalweg.runtime.native import NativeProgram

NUMPY = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh",
         "pow": "power"}  # fmt: skip
MOSTLY_SINGLE = ("erf", "exp", "log", "tanh")  # math.py has its own for float32
BY_HAND = {"erf": np.vectorize(math.erf, otypes=[np.float64])}


def native(name, *arrays):
    builder = Builder(tuple(Aval(a.shape, from_numpy(a.dtype)) for a in arrays))
    result = builder.emit(Primitive.registry[name], tuple(builder.inputs()), ())
    return NativeProgram(builder.finish((result,)))(list(arrays))[0]


def truth(name, *arrays):
    function = BY_HAND.get(name) or getattr(np, NUMPY.get(name, name))
    with np.errstate(all="ignore"):
        return function(*arrays)


def error(found, true):
    """The greatest distance of finite results in units of the last place; infinities and NaNs must agree."""
    with np.errstate(all="ignore"):
        rounded = true.astype(found.dtype)
        np.testing.assert_array_equal(np.isnan(found), np.isnan(rounded))
        np.testing.assert_array_equal(np.isinf(found), np.isinf(rounded))
        unit = np.spacing(np.abs(rounded)).astype(true.dtype)
        ok = np.isfinite(rounded)
        zero = ok & (rounded == 0) & (found == 0) & (true == 0)
        np.testing.assert_array_equal(np.signbit(found[zero]), np.signbit(rounded[zero]))
        return float((np.abs(found.astype(true.dtype) - true)[ok] / unit[ok]).max())


def samples(dtype, seed=0):
    rng = np.random.RandomState(seed)
    special = [
        0.0,
        -0.0,
        1,
        -1,
        0.5,
        2,
        3,
        -3,
        8,
        1e-40,
        -1e-40,
        1e5,
        1e30,
        -1e30,
        np.inf,
        -np.inf,
        np.nan,
    ]
    spread = rng.choice([-1, 1], 20_000) * np.exp(rng.uniform(-80, 80, 20_000))
    parts = [special, rng.uniform(-1, 1, 30_000), rng.uniform(-20, 20, 30_000), rng.uniform(-750, 750, 5_000), spread,
             1 + rng.uniform(-1e-3, 1e-3, 5_000)]  # fmt: skip
    return np.concatenate(parts).astype(dtype)


@pytest.mark.parametrize("name", sorted(SINGLE))
def test_float32(name):
    arrays = [samples(np.float32)]
    if name in ("pow", "hypot"):
        arrays = [arrays[0], np.random.RandomState(3).permutation(samples(np.float32, 1))]
    limit = 2 if name in MOSTLY_SINGLE else 0.51
    assert (
        error(native(name, *arrays), truth(name, *(a.astype(np.float64) for a in arrays))) <= limit
    )


@pytest.mark.parametrize("name", sorted(DOUBLE))
def test_float64(name):
    x = samples(np.float64)
    wide = np.float64 if name in BY_HAND else np.longdouble
    assert error(native(name, x), truth(name, x.astype(wide))) <= 4


def test_power_of_pairs_of_special_values():
    values = np.array(
        [0, -0.0, 1, -1, 0.5, -0.5, 2, -2, 3, -3, np.inf, -np.inf, np.nan], np.float32
    )
    x, y = (v.ravel() for v in np.meshgrid(values, values))
    assert (
        error(native("pow", x, y), truth("pow", x.astype(np.float64), y.astype(np.float64))) <= 0.51
    )


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_angles_far_from_zero_and_near_its_multiples(name):
    k = np.arange(-3000, 3000)
    near = np.r_[k * (np.pi / 2), k * 349.7 * (np.pi / 2), 2.0 ** np.arange(64), 1e22]
    assert error(native(name, near), truth(name, near.astype(np.longdouble))) <= 4
