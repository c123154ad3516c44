"""Transforms and regions: there and back, volumes, shapes, and what PyTorch's give."""

from __future__ import annotations

import math

import numpy as np
import pytest

import thalweg as tw
import thalweg.distributions as d
from thalweg.distributions import constraints as c


def transforms(room, library):
    """Every kind, made from one of the two libraries."""
    return {
        "exp": room.ExpTransform(),
        "sigmoid": room.SigmoidTransform(),
        "softplus": room.SoftplusTransform(),
        "tanh": room.TanhTransform(),
        "power": room.PowerTransform(library.tensor(2.5, dtype=library.float64)),
        "affine": room.AffineTransform(1.0, -2.0),
        "affine of vectors": room.AffineTransform(1.0, 2.0, event_dim=1),
        "abs": room.AbsTransform(),
        "softmax": room.SoftmaxTransform(),
        "stick": room.StickBreakingTransform(),
        "correlation": room.CorrCholeskyTransform(),
        "composed": room.ComposeTransform([room.ExpTransform(), room.StickBreakingTransform()]),
        "independent": room.IndependentTransform(room.ExpTransform(), 1),
        "reshape": room.ReshapeTransform((3,), (3, 1)),
        "cat": room.CatTransform([room.ExpTransform(), room.AffineTransform(1, 2)], -1, [1, 2]),
        "stack": room.StackTransform([room.ExpTransform(), room.TanhTransform(), room.ExpTransform()], -1),
        "law": room.CumulativeDistributionTransform(
            room.Normal(library.zeros(3, dtype=library.float64), 2.0)
        ),
    }  # fmt: skip


MATRICES = {"lower": "LowerCholeskyTransform", "definite": "PositiveDefiniteTransform"}
NAMES = list(transforms(d, tw))
X = [[0.3, 0.2, 0.9], [1.2, 0.4, 0.1]]


@pytest.mark.parametrize("name", NAMES)
def test_there_and_back_beside_torch(name):
    torch = pytest.importorskip("torch")
    mine, other = transforms(d, tw)[name], transforms(torch.distributions, torch)[name]
    x, y = tw.tensor(X, dtype=tw.float64), torch.tensor(X, dtype=torch.float64)
    found, expected = mine(x), other(y)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), 1e-9)
    np.testing.assert_allclose(mine.inv(found).numpy(), other.inv(expected).numpy(), 1e-7)
    assert tuple(mine.forward_shape((2, 3))) == tuple(other.forward_shape((2, 3)))
    assert tuple(mine.inverse_shape(found.shape)) == tuple(other.inverse_shape(expected.shape))
    assert mine.bijective == other.bijective
    assert mine.domain.event_dim == other.domain.event_dim
    assert mine.codomain.event_dim == other.codomain.event_dim
    assert bool(mine.codomain.check(found).all())
    try:
        stretch = other.log_abs_det_jacobian(y, expected)
    except NotImplementedError:
        with pytest.raises(NotImplementedError):
            mine.log_abs_det_jacobian(x, found)
    else:
        np.testing.assert_allclose(
            mine.log_abs_det_jacobian(x, found).numpy(), stretch.numpy(), 1e-9
        )
    try:
        sign = other.sign
    except NotImplementedError:
        with pytest.raises(NotImplementedError):
            _ = mine.sign
    else:
        assert float(mine.sign) == float(sign)


@pytest.mark.parametrize("name", MATRICES)
def test_matrices_there_and_back(name):
    x = tw.tensor([[0.5, 9.0], [-1.0, 0.2]], dtype=tw.float64)
    transform = getattr(d, MATRICES[name])()
    y = transform(x)
    assert bool(transform.codomain.check(y).all())
    np.testing.assert_allclose(transform.inv(y).numpy(), x.tril().numpy(), 1e-9)


def test_the_stretch_is_the_determinant():
    """Of stick-breaking, by differences."""
    x, eps = np.array([0.3, -0.2, 0.5]), 1e-6
    transform = d.StickBreakingTransform()
    columns = []
    for step in np.eye(3) * eps:
        up, down = (transform(tw.tensor(x + s)).numpy()[:-1] for s in (step, -step))
        columns.append((up - down) / (2 * eps))
    expected = math.log(abs(np.linalg.det(np.stack(columns))))
    y = transform(tw.tensor(x))
    assert transform.log_abs_det_jacobian(tw.tensor(x), y).item() == pytest.approx(expected)


def test_a_cache_gives_back_the_very_tensor():
    x = tw.tensor([0.3, 0.4])
    transform = d.ExpTransform(cache_size=1)
    assert transform.inv(transform(x)) is x
    assert d.ExpTransform().with_cache(1)._cache_size == 1
    with pytest.raises(ValueError, match="cache_size must be 0 or 1"):
        d.ExpTransform(cache_size=3)


def test_equality():
    assert d.ExpTransform() == d.ExpTransform() and d.ExpTransform().inv == d.ExpTransform().inv
    assert d.AffineTransform(1, 2) == d.AffineTransform(1, 2) != d.AffineTransform(1, 3)
    assert d.transforms.identity_transform == d.ComposeTransform([])


REGIONS = [
    (c.boolean, [0, 1, 2], [1, 1, 0]),
    (c.nonnegative_integer, [0.0, -1.0, 1.5], [1, 0, 0]),
    (c.integer_interval(1, 3), [1, 4, 3], [1, 0, 1]),
    (c.real, [0.0, math.inf, math.nan], [1, 1, 0]),
    (c.positive, [0.0, 1.0], [0, 1]),
    (c.nonnegative, [0.0, -1.0], [1, 0]),
    (c.less_than(2.0), [2.0, 1.0], [0, 1]),
    (c.unit_interval, [0.0, 1.0, 1.1], [1, 1, 0]),
    (c.half_open_interval(0, 1), [0.0, 1.0], [1, 0]),
    (c.simplex, [[0.5, 0.5], [0.5, 0.6], [1.5, -0.5]], [1, 0, 0]),
    (c.one_hot, [[0, 1], [1, 1], [0, 0]], [1, 0, 0]),
    (c.multinomial(3), [[1, 2], [2, 2], [-1, 1]], [1, 0, 0]),
    (c.lower_triangular, [[[1.0, 0.0], [2.0, -1.0]], [[1.0, 3.0], [2.0, 1.0]]], [1, 0]),
    (c.lower_cholesky, [[[1.0, 0.0], [2.0, -1.0]], [[1.0, 0.0], [2.0, 1.0]]], [0, 1]),
    (c.corr_cholesky, [[[1.0, 0.0], [0.6, 0.8]], [[1.0, 0.0], [0.6, 0.9]]], [1, 0]),
    (c.positive_definite, [[[2.0, 1.0], [1.0, 2.0]], [[1.0, 2.0], [2.0, 1.0]]], [1, 0]),
    (c.positive_semidefinite, [[[1.0, 0.0], [0.0, 0.0]], [[1.0, 2.0], [2.0, 1.0]]], [1, 0]),
    (c.symmetric, [[[2.0, 1.0], [1.5, 2.0]], [[1.0, 2.0], [2.0, 1.0]]], [0, 1]),
    (c.independent(c.positive, 1), [[1.0, 2.0], [1.0, -2.0]], [1, 0]),
    (c.cat([c.positive, c.real]), [1.0, -2.0], [1, 1]),
    (c.stack([c.positive, c.real], -1), [-1.0, -2.0], [0, 1]),
]


@pytest.mark.parametrize(("region", "values", "inside"), REGIONS, ids=lambda r: repr(r)[:30])
def test_regions(region, values, inside):
    assert region.check(tw.tensor(values)).tolist() == [bool(i) for i in inside]


def test_a_dependent_region_knows_nothing():
    with pytest.raises(ValueError, match="Cannot determine validity"):
        c.dependent.check(tw.ones(1))
    with pytest.raises(NotImplementedError, match="event_dim cannot be determined"):
        _ = c.dependent.event_dim
    assert c.is_dependent(c.dependent) and not c.is_dependent(c.real)


ONTO = [
    c.real, c.positive, c.nonnegative, c.greater_than(2.0), c.less_than(2.0), c.unit_interval, c.interval(1.0, 3.0),
    c.half_open_interval(1.0, 3.0), c.simplex, c.independent(c.positive, 1), c.corr_cholesky,
    c.cat([c.real, c.positive, c.unit_interval], -1), c.stack([c.real, c.positive, c.unit_interval], -1),
]  # fmt: skip


@pytest.mark.parametrize("region", ONTO, ids=repr)
@pytest.mark.parametrize("registry", [d.biject_to, d.transform_to], ids=["biject", "transform"])
def test_from_all_numbers_to_a_region(region, registry):
    transform = registry(region)
    x = tw.tensor([0.3, -1.2, 0.7], dtype=tw.float64)
    y = transform(x)
    assert bool(region.check(y).all())
    if transform.bijective:
        np.testing.assert_allclose(transform.inv(y).numpy(), x.numpy(), 1e-7)


def test_regions_without_a_transform():
    with pytest.raises(NotImplementedError, match="Cannot transform _Boolean constraints"):
        d.biject_to(c.boolean)
    square = tw.tensor([[0.5, 9.0], [-1.0, 0.2]], dtype=tw.float64)
    for region in (c.lower_cholesky, c.positive_definite):
        assert bool(region.check(d.transform_to(region)(square)).all())
    with pytest.raises(TypeError, match="Expected constraint"):
        d.biject_to.register(int, d.ExpTransform)
