"""Operations with a gradient of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw

from .outcomes import error_of

Scenario = Callable[[Any], Any]


def _exp(m: Any) -> Any:
    class Exp(m.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            result = x.exp()
            ctx.save_for_backward(result)
            return result

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (result,) = ctx.saved_tensors
            return g * result

    return Exp


def _chain(m: Any) -> Any:
    exp = _exp(m)
    w = m.tensor([0.5, 1.0], requires_grad=True)
    y = exp.apply(w * 2)
    (y * 3).sum().backward()
    node = y.grad_fn
    return [w.grad, y.requires_grad, y.is_leaf, type(node).__name__, node.name(),
            [n.name() for n, _ in node.next_functions]]  # fmt: skip


def _without_tape(m: Any) -> Any:
    exp = _exp(m)
    plain = exp.apply(m.ones(1))
    with m.no_grad():
        quiet = exp.apply(m.ones(1, requires_grad=True))
    return [plain.requires_grad, quiet.requires_grad, plain]


def _constants_and_several_inputs(m: Any) -> Any:
    class Scale(m.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, factor: float, y: Any, name: str = "n") -> Any:
            ctx.factor, ctx.name = factor, name
            ctx.save_for_backward(x, y)
            return x * factor + y * y

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            x, y = ctx.saved_tensors
            log.append(list(ctx.needs_input_grad))
            return g * ctx.factor, None, g * 2 * y, None

    log: list[Any] = []
    x, y = m.tensor([1.0, 2.0], requires_grad=True), m.tensor([3.0, 4.0], requires_grad=True)
    Scale.apply(x, 5.0, y, "name").sum().backward()
    Scale.apply(x, 5.0, y.detach(), "name").sum().backward()
    return [x.grad, y.grad, log]


def _several_outputs(m: Any) -> Any:
    class Both(m.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x.sin(), x.cos()

        @staticmethod
        def backward(ctx: Any, g: Any, h: Any) -> Any:
            (x,) = ctx.saved_tensors
            log.append([g.tolist(), h.tolist()])
            return g * x.cos() - h * x.sin()

    log: list[Any] = []
    x = m.tensor([0.0, 1.0], requires_grad=True)
    a, b = Both.apply(x)
    a.sum().backward(retain_graph=True)
    (a.sum() + 2 * b.sum()).backward()
    return [x.grad, log, a.output_nr, b.output_nr]


def _unmaterialized(m: Any) -> Any:
    class Pair(m.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx: Any, g: Any, h: Any) -> Any:
            log.append([g is None, h is None])
            return (0 if g is None else g * 2) + (0 if h is None else h * 3)

    log: list[Any] = []
    x = m.ones(1, requires_grad=True)
    Pair.apply(x)[1].sum().backward()
    return [x.grad, log]


def _not_differentiable(m: Any) -> Any:
    class Sorted(m.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            values, order = x.sort()
            ctx.mark_non_differentiable(order)
            ctx.save_for_backward(order)
            return values, order

        @staticmethod
        def backward(ctx: Any, g: Any, _: Any) -> Any:
            (order,) = ctx.saved_tensors
            return m.zeros(3).scatter(0, order, g)

    x = m.tensor([3.0, 1.0, 2.0], requires_grad=True)
    values, order = Sorted.apply(x)
    (values * m.tensor([1.0, 10.0, 100.0])).sum().backward()
    return [x.grad, values.requires_grad, order.requires_grad]


def _straight_through(m: Any) -> Any:
    class Step(m.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return (x > 0).float()

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g

    x = m.tensor([-1.0, 1.0], requires_grad=True)
    (Step.apply(x) * m.tensor([3.0, 4.0])).sum().backward()
    return [x.grad]


def _identity(m: Any) -> Any:
    class Reverse(m.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.view_as(x)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return -g

    class Same(m.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 7

    x = m.ones(2, requires_grad=True)
    Reverse.apply(x * 2).sum().backward()
    Same.apply(x).sum().backward()
    return [x.grad, x.is_leaf, x.grad_fn]


def _setup_context(m: Any) -> Any:
    class Cube(m.autograd.Function):
        @staticmethod
        def forward(x: Any) -> Any:
            return x**3

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return 3 * ctx.saved_tensors[0] ** 2 * g

    x = m.tensor([2.0], requires_grad=True)
    Cube.apply(x).backward()
    return [x.grad]


def _twice(m: Any) -> Any:
    exp = _exp(m)
    x = m.tensor(0.5, dtype=m.float64, requires_grad=True)
    y = exp.apply(x)
    (g,) = m.autograd.grad(y, x, create_graph=True)
    (h,) = m.autograd.grad(g, x)
    return [g, h]


def _errors(m: Any) -> Any:
    class Few(m.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            return x + y

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g

    class NoBackward(m.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

    class NoForward(m.autograd.Function):
        pass

    class Raises(m.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            raise KeyError("inside")

    x = m.ones(1, requires_grad=True)
    return [
        error_of(lambda: Few.apply(x, x).backward()), error_of(lambda: NoBackward.apply(x).backward()),
        error_of(lambda: NoForward.apply(x)), error_of(lambda: Raises.apply(x).backward()),
        m.is_grad_enabled(), x.grad,
    ]  # fmt: skip


def _modes_within(m: Any) -> Any:
    class Probe(m.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            log.append([m.is_grad_enabled(), (x * 2).requires_grad])
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            log.append(m.is_grad_enabled())
            return g * 2

    log: list[Any] = []
    x = m.ones(1, requires_grad=True)
    Probe.apply(x).backward()
    m.autograd.grad(Probe.apply(x), x, create_graph=True)
    return log


def _in_a_loop(m: Any) -> Any:
    exp = _exp(m)
    w = m.tensor([0.1, 0.2], requires_grad=True)
    for _ in range(60):
        loss = exp.apply(w).sum()
        loss.backward()
        with m.no_grad():
            w -= 0.01 * w.grad
        w.grad = None
    return [w]


SCENARIOS: dict[str, Scenario] = {
    f.__name__.strip("_"): f
    for f in (_chain, _without_tape, _constants_and_several_inputs, _several_outputs, _unmaterialized,
              _not_differentiable, _straight_through, _identity, _setup_context, _twice, _errors,
              _modes_within, _in_a_loop)
}  # fmt: skip


@pytest.mark.parametrize("name", SCENARIOS)
def test_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    mine, theirs = SCENARIOS[name](tw), SCENARIOS[name](torch)
    assert repr(mine).replace("thalweg", "torch") == repr(theirs)


def test_the_error_counts_the_gradients() -> None:
    class Many(tw.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g, g

    with pytest.raises(RuntimeError, match="expected 1, got 2"):
        Many.apply(tw.ones(1, requires_grad=True)).backward()


def test_a_custom_gradient_within_a_network() -> None:
    exp = _exp(tw)
    tw.manual_seed(0)
    layer = tw.nn.Linear(3, 2)
    x = tw.randn(4, 3)
    exp.apply(layer(x)).sum().backward()
    found = layer.weight.grad
    layer.zero_grad()
    layer(x).exp().sum().backward()
    assert found is not None and layer.weight.grad is not None
    assert tw.allclose(found, layer.weight.grad)
