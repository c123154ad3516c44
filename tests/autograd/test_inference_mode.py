"""Inference mode: what is made within it, and what may be done with that outside; told by both libraries alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw

from .test_node_table import DIFFERENT, EXPRESSIONS, _names

# What the two keep of the operands differs: there the index of a sum into places too.
KEPT_OTHERWISE = {
    "x.index_put((rows,), p[:2], accumulate=True)",
    'x.scatter_reduce(1, index, p, "sum")',
    "F.soft_margin_loss(x, p)",
    "written(p, rows, x[:2])",
}


def _made(m: Any) -> Any:
    with m.inference_mode():
        return m.ones(3)


def _made_in_mode(m: Any) -> Any:
    with m.inference_mode():
        new = [m.ones(2), m.tensor([1.0]), m.arange(2), m.rand(2), m.zeros_like(m.ones(1))]
        off = m.inference_mode(False)
        with off:
            inside = [m.ones(1).is_inference(), m.is_grad_enabled(), m.is_inference_mode_enabled()]
    return [t.is_inference() for t in new], inside, m.is_inference(new[0]), m.ones(1).is_inference()


def _views(m: Any) -> Any:
    t = _made(m)
    views = (t[0], t[:2], t.view(3, 1), t.expand(2, 3), t.detach(), t.data, t.reshape(1, 3))
    return [v.is_inference() for v in views]


def _new_tensors(m: Any) -> Any:
    t = _made(m)
    made = (t.clone(), t * 2, t.exp(), t.max(0)[0], m.cat([t, t]))
    return [v.is_inference() for v in made], t.clone().requires_grad_().requires_grad


def _within(m: Any) -> Any:
    plain = m.ones(3)
    with m.inference_mode():
        t = m.ones(3)
        t.add_(1)
        t[0] = 5
        plain.mul_(2)
        leaf = m.ones(2).requires_grad_()
    return t.tolist(), plain.tolist(), plain.is_inference(), leaf.requires_grad


def _refused(m: Any) -> Any:
    def assigned() -> None:
        _made(m)[0] = 1.0

    def flagged() -> None:
        _made(m).requires_grad = True

    def quietly() -> None:
        with m.no_grad():
            _made(m).zero_()

    errors = []
    for refused in (
        lambda: _made(m).add_(1), lambda: _made(m)[:2].mul_(2), lambda: _made(m).requires_grad_(), assigned, flagged,
        quietly, lambda: m.ones(3).copy_(_made(m)), lambda: _made(m)._version,
    ):  # fmt: skip
        try:
            refused()
        except RuntimeError as error:
            errors.append(str(error)[:40])
        else:
            errors.append("")
    return errors


def _saved(m: Any) -> Any:
    class Doubled(m.autograd.Function):  # type: ignore[misc,name-defined]
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            ctx.save_for_backward(y)
            return x * 2

    x, made = m.ones(3, requires_grad=True), _made(m)
    refused = (
        lambda: x * made,
        lambda: made.data * x,
        lambda: Doubled.apply(x, made),
        lambda: x * made.view(1, 3),
    )
    allowed = (
        x + made,
        x * made.clone(),
        m.nn.functional.l1_loss(x, made),
        Doubled.apply(x.detach(), made),
    )
    with m.no_grad():
        quiet = x * made
    errors = []
    for function in refused:
        with pytest.raises(RuntimeError) as raised:
            function()
        errors.append(str(raised.value)[:46])
    return errors, [t.requires_grad for t in allowed], quiet.tolist()


SCENARIOS: tuple[Callable[[Any], Any], ...] = (
    _made_in_mode, _views, _new_tensors, _within, _refused, _saved,
)  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda f: f.__name__.strip("_"))
def test_as_in_pytorch(scenario: Callable[[Any], Any]) -> None:
    torch = pytest.importorskip("torch")
    assert scenario(tw) == scenario(torch)


def _refusal(m: Any, expression: str) -> str:
    """How an expression ends in which everything that does not require grad is an inference tensor."""
    names = _names(m)
    with m.inference_mode():
        for name in ("p", "k", "rows", "labels", "mask", "index"):
            names[name] = names[name].clone()
    try:
        eval(expression, names)
    except RuntimeError as error:
        return str(error)[:46]
    return ""


@pytest.mark.filterwarnings("ignore")
def test_inference_tensors_are_refused_where_pytorch_saves_them() -> None:
    torch = pytest.importorskip("torch")
    expressions = EXPRESSIONS.strip().splitlines() + DIFFERENT.strip().splitlines()
    differing = {e for e in expressions if _refusal(tw, e) != _refusal(torch, e)}
    assert differing == KEPT_OTHERWISE


def test_a_refused_operation_leaves_the_step_whole() -> None:
    w = tw.nn.Parameter(tw.ones(3))
    with tw.inference_mode():
        made = tw.full((3,), 2.0)
    for _ in range(4):
        w.grad = None
        loss = (w * w).sum()
        with pytest.raises(RuntimeError, match=r"clone\(\) it outside of inference mode"):
            w * made
        loss.backward()
        assert w.grad.tolist() == [2.0] * 3
