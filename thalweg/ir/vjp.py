"""Reverse mode over a Graph: from what it computes to the graph of its gradients.

Note: what a tape node saves. The gradient graph may read only the forward graph's inputs and outputs
(and the incoming gradients); what lies between is written again. In one trace the program's common
subexpressions find it again at no cost; across a cut it is recomputed.

Note: complex gradients. PyTorch's gradient of a real loss L by z = x + iy is dL/dx + i dL/dy. Through a holomorphic f it
is g times the conjugate of f'(z). A rule r(g) written for real numbers gives g f'(z), so conj(r(conj(g))) is what is
wanted, whatever the rule; primitives that are not holomorphic have rules of their own (ops/complex.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from .aval import Aval, Shape
from .builder import Builder, Var
from .graph import Graph, Instr
from .primitive import Primitive


@dataclass(frozen=True, eq=False)
class Vjp:
    """The gradient graph of a forward graph for some of its inputs.

    Attributes:
        graph: reads the saved inputs, the saved outputs, then the gradients of the outputs that count.
        saved_inputs, saved_outputs: which of the forward graph's inputs and outputs it reads.
        grads_of: for which outputs it takes an incoming gradient.
        reaches: for each forward input, the output of ``graph`` that is its gradient, or None.
        avals: of the forward graph's outputs.
    """

    graph: Graph
    saved_inputs: tuple[int, ...]
    saved_outputs: tuple[int, ...]
    grads_of: tuple[int, ...]
    reaches: tuple[int | None, ...]
    avals: tuple[Aval, ...]


def sum_to(g: Var, shape: Shape) -> Var:
    """``g`` summed down to ``shape``: the adjoint of broadcasting."""
    if g.shape == shape:
        return g
    lead = g.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(
        axis for axis, size in enumerate(shape, lead) if size == 1 and g.shape[axis] != 1
    )
    return g.sum(axes).reshape(shape)


def vjp(forward: Graph, wanted: tuple[bool, ...], given: tuple[bool, ...]) -> Vjp:
    """The gradient graph of ``forward`` for the inputs ``wanted``, from the outputs ``given``."""
    key = (wanted, given)
    found = forward.vjps.get(key)
    if found is None:
        found = forward.vjps[key] = _vjp(forward, wanted, given)
    result: Vjp = found
    return result


def _vjp(forward: Graph, wanted: tuple[bool, ...], given: tuple[bool, ...]) -> Vjp:
    n_in, n_out = forward.n_inputs, len(forward.outputs)
    outs = forward.out_avals()
    b = Builder((*forward.avals[:n_in], *outs, *outs))
    primal: list[Var | None] = b.inputs()[:n_in]
    saved_out = {slot: b.var(n_in + k) for k, slot in enumerate(forward.outputs) if slot >= n_in}
    rounded = _rounded_outputs(forward)
    for instr in forward.instrs:
        results = b.emit(
            instr.primitive, tuple(_known(primal[s]) for s in instr.ins), instr.statics
        )
        many = results if isinstance(results, tuple) else (results,)
        for slot, var in zip(instr.outs, many, strict=True):
            saved = saved_out.get(rounded.get(slot, slot))
            primal.append(var if saved is None else saved.astype(var.dtype))
    grads: dict[int, Var] = {}
    for k, slot in enumerate(forward.outputs):
        if given[k]:
            _accumulate(grads, slot, b.var(n_in + n_out + k))
    flows = _reachable(forward, wanted)
    for instr in reversed(forward.instrs):
        if any(slot in grads for slot in instr.outs):
            _step_back(instr, grads, primal, flows)
    reached = [k for k in range(n_in) if wanted[k] and k in grads]
    graph, kept = b.finish(tuple(grads[k] for k in reached)).pruned()
    place = {k: n for n, k in enumerate(reached)}
    return Vjp(
        graph,
        tuple(k for k in kept if k < n_in),
        tuple(k - n_in for k in kept if n_in <= k < n_in + n_out),
        tuple(k - n_in - n_out for k in kept if k >= n_in + n_out),
        tuple(place.get(k) for k in range(n_in)),
        outs,
    )


def _rounded_outputs(forward: Graph) -> dict[int, int]:
    """Slots in float32 whose rounding to a half type is an output: that is what the tape saves, as PyTorch's does."""
    return {
        instr.ins[0]: instr.outs[0]
        for instr in forward.instrs
        if instr.primitive.name == "cast"
        and instr.statics[0].is_half
        and instr.ins[0] >= forward.n_inputs
        and instr.outs[0] in forward.outputs
    }


def _known(var: Var | None) -> Var:
    assert var is not None
    return var


def _reachable(forward: Graph, wanted: tuple[bool, ...]) -> set[int]:
    """The slots that depend on a wanted input: no gradient is written for the others."""
    flows = {k for k in range(forward.n_inputs) if wanted[k]}
    for instr in forward.instrs:
        if not flows.isdisjoint(instr.ins):
            flows.update(instr.outs)
    return flows


def conjugate(x: Var | None) -> Var | None:
    """The complex conjugate; a real number is its own."""
    if x is None or not x.dtype.is_complex:
        return x
    maker = x.builder.maker(x)
    if maker is not None and maker.primitive.name == "conj":
        return x.builder.var(maker.ins[0])
    result: Var = Primitive.registry["conj"](x)
    return result


def _accumulate(grads: dict[int, Var], slot: int, g: Var) -> None:
    grads[slot] = grads[slot] + g if slot in grads else g


def _step_back(
    instr: Instr, grads: dict[int, Var], primal: list[Var | None], flows: set[int]
) -> None:
    """Carry the gradients of one instruction's results to its operands."""
    primitive = instr.primitive
    inputs = tuple(_known(primal[s]) for s in instr.ins)
    results = tuple(_known(primal[s]) for s in instr.outs)
    incoming = tuple(grads.get(s) for s in instr.outs)
    statics = primitive.unpack(instr.statics)
    single = len(instr.outs) == 1
    for index, slot in enumerate(instr.ins):
        rule = primitive.rule(index)
        if rule is None or slot not in flows or not inputs[index].dtype.is_differentiable:
            continue
        turned = primitive.holomorphic and inputs[index].dtype.is_complex
        arriving = tuple(map(conjugate, incoming)) if turned else incoming
        g = rule(
            arriving[0] if single else arriving,
            results[0] if single else results,
            *inputs,
            **statics,
        )
        if turned:
            g = conjugate(g)
        if g is not None:
            _accumulate(grads, slot, sum_to(g, inputs[index].shape) if primitive.elementwise else g)
