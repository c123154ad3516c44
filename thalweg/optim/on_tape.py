"""A step that is on the tape, so that gradients flow through it to what came before (``differentiable=True``)."""

from __future__ import annotations

from typing import Any

from ..ops.composite import Op
from ..tensor import Tensor
from ..tensor.dispatch import dispatch
from ..tensor.inplace import assign
from ..tensor.modes import enable_grad, no_grad


@enable_grad()
def step_on_tape(applied: Op, optimizer: Any, groups: list[dict[str, Any]]) -> None:
    """``applied``, the graph of a step, on tensors; its results overwrite parameters and states in place.

    Raises:
        RuntimeError: a parameter is a leaf that requires grad: clone it first.
    """
    operands: list[Any] = []
    layout: list[Any] = []
    targets: list[Any] = []  # tensors, or (state, name) of a new one
    counters: list[Tensor] = []
    for group in groups:
        carried, members, start = optimizer.carried(group), [], len(operands)
        for p in group["params"]:
            if p.grad is None:
                continue
            state = optimizer.state[p]
            if not state and (carried or optimizer.counts):
                state.update(optimizer.init(p, group))
            present = tuple(name for name in carried if name in state)
            operands += [p, p.grad, *(state[name] for name in present)]
            targets += [p, *(state.get(name, (state, name)) for name in carried)]
            if optimizer.counts:
                counters.append(state["step"])
            members.append((present, len(counters) - 1 if optimizer.counts else None))
        if members:
            hyper = optimizer.hyper(group)
            operands[start:start] = [
                h if isinstance(h, Tensor) else float(h) for h in hyper.values()
            ]
            layout.append((optimizer.flags(group), tuple(hyper), carried, tuple(members)))
    if not targets:
        return
    statics = (type(optimizer).update, tuple(layout), len(counters))
    results = dispatch(applied, (*counters, *operands), (statics,))
    results = results if isinstance(results, tuple) else (results,)
    with no_grad():
        for step, counted in zip(counters, results, strict=False):
            assign(step, counted.detach())
    for target, result in zip(targets, results[len(counters) :], strict=True):
        if isinstance(target, tuple):
            state, name = target
            state[name] = result
        else:
            assign(target, result)
