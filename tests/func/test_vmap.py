"""vmap by itself: random numbers, memory, what is not recorded anew, and where it has to go example by example."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.func import (
    debug_unwrap,
    functional_call,
    functionalize,
    grad,
    jacrev,
    replace_all_batch_norm_modules_,
    stack_module_state,
    vmap,
)
from thalweg.ir.aval import Aval
from thalweg.ir.builder import Builder
from thalweg.ir.primitive import Primitive
from thalweg.ops.mapping import Batch, _mapped
from thalweg.runtime.interpreter import compile_graph

DRAWS: dict[str, Any] = {
    "rand": lambda m, x: m.rand(2),
    "randn": lambda m, x: m.randn(2),
    "rand_like": lambda m, x: m.rand_like(x),
    "randint": lambda m, x: m.randint(0, 9, (2,)),
    "randint_like": lambda m, x: m.randint_like(x, 9),
    "randperm": lambda m, x: m.randperm(4),
    "dropout": lambda m, x: m.nn.functional.dropout(x, 0.5),
    "alpha_dropout": lambda m, x: m.nn.functional.alpha_dropout(x, 0.5, True),
    "dropout1d": lambda m, x: m.nn.functional.dropout1d(x[None, :, None], 0.5),
    "bernoulli of each": lambda m, x: m.bernoulli(x),
    "bernoulli of one": lambda m, x: m.bernoulli(m.full((3,), 0.5)),
    "normal": lambda m, x: m.normal(x, 1.0),
    "multinomial": lambda m, x: m.multinomial(x.exp(), 2),
    "multinomial with replacement": lambda m, x: m.multinomial(x.exp(), 2, True),
    "normal_": lambda m, x: x.clone().normal_(),
    "uniform_": lambda m, x: x.clone().uniform_(),
    "bernoulli_": lambda m, x: x.clone().bernoulli_(x * 0.5),
    "gumbel_softmax": lambda m, x: m.nn.functional.gumbel_softmax(x),
}


@pytest.mark.parametrize("randomness", ["same", "different"])
@pytest.mark.parametrize("name", DRAWS)
def test_draws_as_pytorch(name: str, randomness: str) -> None:
    torch = pytest.importorskip("torch")

    def drawn(m: Any) -> Any:
        m.manual_seed(3)
        try:
            f = m.func.vmap(lambda x: DRAWS[name](m, x), randomness=randomness)
            return f(m.ones(2, 3) * 0.5).tolist()
        except RuntimeError as error:
            return str(error)[:40]

    found, expected = drawn(tw), drawn(torch)
    if isinstance(expected, str):
        assert found == expected
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_same_draw_for_all() -> None:
    found = vmap(lambda x: x + tw.rand(3), randomness="same")(tw.zeros(4, 3))
    assert (found == found[0]).all()
    other = vmap(lambda x: x + tw.rand(3), randomness="different")(tw.zeros(4, 3))
    assert not (other == other[0]).all()


def test_per_sample_gradients_by_numbers() -> None:
    def loss(w: Any, x: Any, t: Any) -> Any:
        return (w @ x - t) ** 2

    x = tw.tensor([[1.0, 2.0], [3.0, 4.0]])
    found = vmap(grad(loss), in_dims=(None, 0, 0))(tw.tensor([1.0, 1.0]), x, tw.tensor([1.0, 5.0]))
    assert found.tolist() == [[4, 8], [12, 16]]


def test_jacobian_by_numbers() -> None:
    found = jacrev(lambda x: tw.stack([x.prod(), x.sum()]))(tw.tensor([2.0, 3.0, 5.0]))
    assert found.tolist() == [[15, 10, 6], [1, 1, 1]]


def test_looking_behind() -> None:
    seen: list[Any] = []

    def look(x: Any) -> Any:
        seen.extend([tuple(debug_unwrap(x).shape), tuple(debug_unwrap(x, recurse=False).shape)])
        return x

    vmap(vmap(look))(tw.ones(2, 4, 3))
    assert seen == [(2, 4, 3), (4, 3)]
    assert functionalize(look) is look
    with pytest.raises(RuntimeError, match="invalid argument for remove="):
        functionalize(look, remove="views")


def test_a_tensor_that_has_left_is_an_error() -> None:
    kept: list[Any] = []
    vmap(lambda x: (kept.append(x * 2), x)[1])(tw.ones(2, 3))
    w = tw.ones(3, requires_grad=True)
    for use in (lambda x: x + 1, lambda x: x * (w * 2), lambda x: x.tolist()):
        with pytest.raises(RuntimeError, match="vmap"):
            use(kept[0])


def test_anomalies_are_told_under_vmap() -> None:
    with warnings.catch_warnings(record=True) as told, tw.autograd.set_detect_anomaly(True):
        warnings.simplefilter("always")
        with pytest.raises(RuntimeError, match="Function 'SqrtBackward0' returned nan"):
            vmap(grad(lambda x: (tw.sqrt(x) * 0).sum()))(tw.zeros(2, 3))
    assert "tw.sqrt(x) * 0" in str(told[0].message)


def test_none_at_all() -> None:
    found = vmap(lambda x, w: (w @ x).softmax(0).sort(0).values, (0, None))(
        tw.zeros(0, 3), tw.ones(2, 3)
    )
    assert tuple(found.shape) == (0, 2)


def test_arguments_are_not_changed() -> None:
    x = tw.arange(6.0).reshape(2, 3)

    def written(row: Any) -> Any:
        row = row.clone()
        row[0] = -1
        return row

    assert vmap(written)(x).tolist() == [[-1, 1, 2], [-1, 4, 5]]
    assert x.tolist() == [[0, 1, 2], [3, 4, 5]]
    vmap(lambda row: row.mul_(2))(x)
    assert x.tolist() == [[0, 2, 4], [6, 8, 10]]


def test_writes_to_an_argument_mapped_at_1() -> None:
    x = tw.arange(6.0).reshape(2, 3)
    vmap(lambda column: column[1:].fill_(9.0), in_dims=1)(x)
    assert x.tolist() == [[0, 1, 2], [9, 9, 9]]


def test_gradients_flow_through_writes() -> None:
    x = tw.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)

    def written(row: Any) -> Any:
        row = row * 1
        row[0] *= row[1]
        return row

    vmap(written)(x).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [[2, 2], [4, 4]]


def test_functions_of_numbers_go_by_example() -> None:
    x = tw.tensor([[1.0, 0.0], [0.0, 0.0]])
    assert vmap(tw.count_nonzero)(x).tolist() == [1, 0]
    assert vmap(lambda a: tw.isclose(a, tw.zeros(2)))(x).tolist() == [[False, True], [True, True]]
    assert vmap(lambda t: tw.nn.functional.one_hot(t, 3))(tw.tensor([0, 2])).tolist() == [
        [1, 0, 0],
        [0, 0, 1],
    ]


def test_a_network_without_its_own_parameters() -> None:
    model = tw.nn.Sequential(tw.nn.Linear(3, 4), tw.nn.Tanh(), tw.nn.Linear(4, 2))
    x = tw.randn(5, 3)
    expected = model(x)
    parameters = {k: v.detach() for k, v in model.named_parameters()}
    assert (functional_call(model, parameters, (x,)) == expected).all()
    zeros = {k: tw.zeros_like(v) for k, v in parameters.items()}
    assert not functional_call(model, zeros, (x,)).any()
    assert (functional_call(model, zeros | {"2.bias": tw.ones(2)}, x) == 1).all()
    assert (model(x) == expected).all()
    each = vmap(lambda p, row: functional_call(model, p, (row,)), (None, 0))(parameters, x)
    np.testing.assert_allclose(each.numpy(), expected.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_tied_weights() -> None:
    model = tw.nn.Sequential(tw.nn.Linear(2, 2, bias=False), tw.nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    x, twice = tw.ones(1, 2), {"0.weight": tw.eye(2) * 2}
    assert functional_call(model, twice, x).tolist() == [[4, 4]]
    assert functional_call(model, {"1.weight": tw.eye(2) * 2}, x).tolist() == [[4, 4]]
    assert functional_call(model, {**twice, "1.weight": tw.eye(2)}, x).tolist() == [[2, 2]]
    own = model[1](x).detach() * 0 + functional_call(model, twice, x, tie_weights=False)
    assert own.tolist() == (2 * model[1](x)).tolist()


def test_an_ensemble() -> None:
    models = [tw.nn.Linear(3, 2) for _ in range(4)]
    parameters, buffers = stack_module_state(models)
    assert not buffers and parameters["weight"].is_leaf and parameters["weight"].requires_grad
    x = tw.randn(5, 3)
    found = vmap(lambda p: functional_call(models[0], p, (x,)))(parameters)
    for k, model in enumerate(models):
        np.testing.assert_allclose(
            found[k].detach().numpy(), model(x).detach().numpy(), rtol=1e-6, atol=1e-6
        )


def test_batch_norm_by_the_batch_at_hand() -> None:
    model = replace_all_batch_norm_modules_(
        tw.nn.Sequential(tw.nn.Linear(3, 2), tw.nn.BatchNorm1d(2))
    )
    x = tw.randn(4, 5, 3)
    found = vmap(model)(x)
    for k in range(4):
        np.testing.assert_allclose(
            found[k].detach().numpy(), model(x[k]).detach().numpy(), atol=1e-5
        )
    assert (model.eval()(x[0]) == model.train()(x[0])).all()


def test_calls_again_compile_nothing() -> None:
    from thalweg.runtime.trace import trie

    def step() -> Any:
        per_sample = vmap(grad(lambda w, x: ((w @ x).tanh() ** 2).sum()), (None, 0))
        return per_sample(tw.ones(2, 3), tw.ones(4, 3)).tolist()

    first = step()
    assert step() == first
    size = trie.size
    assert step() == first and trie.size == size


# Every primitive, for every choice of mapped operands


def _runs(name: str) -> list[tuple[int, Any, Any, tuple[bool, ...]]]:
    primitive = Primitive.registry[name]
    found = []
    for n, (arrays, statics) in enumerate(primitive.samples()):
        count = len(arrays)
        masks = {
            tuple(bool(bits >> k & 1) for k in range(count))
            for bits in range(1, 2 ** min(count, 3))
        }
        found += [(n, arrays, statics, mask) for mask in sorted(masks) if len(mask) == count]
    return found


def _run(primitive: Primitive, arrays: Any, statics: Any, mask: Any, size: int) -> list[Any]:
    avals = [Aval(a.shape, tw.tensor(a).dtype) for a in arrays]
    builder = Builder(tuple(avals))
    operands: Any = tuple(builder.inputs())
    results = (
        _mapped(Batch(primitive, size, mask), operands, statics)
        if size
        else primitive(*operands, **statics)
    )
    outputs = results if isinstance(results, tuple) else (results,)
    with np.errstate(all="ignore"):
        return list(compile_graph(builder.finish(outputs))(arrays))


@pytest.mark.own_tier
@pytest.mark.parametrize("name", [n for n, p in Primitive.registry.items() if n != "constant"])
def test_every_primitive_over_a_batch(name: str) -> None:
    primitive = Primitive.registry[name]
    for _, arrays, statics, mask in _runs(name):
        arrays = [np.asarray(a) for a in arrays]
        rows = [
            [_varied(a, k) if m else a for a, m in zip(arrays, mask, strict=True)] for k in range(3)
        ]
        stacked = [
            np.stack(c) if m else c[0] for c, m in zip(zip(*rows, strict=True), mask, strict=True)
        ]
        found = _run(primitive, stacked, statics, mask, 3)
        each = [_run(primitive, row, statics, mask, 0) for row in rows]
        for k, whole in enumerate(found):
            np.testing.assert_allclose(whole, np.stack([e[k] for e in each]), rtol=1e-9, atol=1e-12)


def _varied(a: Any, k: int) -> Any:
    """Other numbers of the kind: floats moved a little, whole numbers (indices) and bools turned around."""
    if a.dtype.kind == "f":
        return a * (1 - 0.05 * k)
    return a if k % 2 == 0 or a.ndim == 0 else np.ascontiguousarray(np.flip(a))


def test_a_write_through_strides_reaches_each_example() -> None:
    def written(x: Any, y: Any) -> Any:
        x = x.clone()
        x.as_strided((2,), (3,)).copy_(y)
        return x

    x = tw.arange(8.0).reshape(2, 2, 2)
    y = tw.tensor([[10.0, 20.0], [30.0, 40.0]])
    expected = [[[10, 1], [2, 20]], [[30, 5], [6, 40]]]
    assert vmap(written)(x, y).tolist() == expected
    scattered = vmap(lambda x, y: x.as_strided_scatter(y, (2,), (3,)))
    assert scattered(x, y).tolist() == expected


def test_factors_of_each_example_and_a_singular_one() -> None:
    matrices = tw.tensor([[[4.0, 3], [2, 1]], [[1, 0], [0, 2]]])
    found = vmap(tw.linalg.lu_factor)(matrices)
    assert found[0].tolist() == [[[4, 3], [0.5, -0.5]], [[1, 0], [0, 2]]]
    with pytest.raises(tw.linalg.LinAlgError, match="Batch element 1"):
        vmap(tw.linalg.lu_factor)(tw.tensor([[[4.0, 3], [2, 1]], [[1, 1], [1, 1]]]))
