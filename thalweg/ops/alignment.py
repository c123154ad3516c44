"""Primitives of connectionist temporal classification: sums over all alignments of labels with time.

Letters: T steps, N samples, C classes, S labels of the longest target, L = 2 S + 1 states: the labels with a blank
before, between and after them.
Source: Graves, Fernandez, Gomez and Schmidhuber 2006.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.aval import Aval
from ..ir.builder import Var
from ..ir.primitive import Primitive, primitive
from .samples import draw

Array = np.ndarray[Any, Any]


def _states(targets: Array, blank: int) -> tuple[Array, Array]:
    """(N, L) the class of each state, and whether it may follow the state two before it."""
    classes = np.full((targets.shape[0], 2 * targets.shape[1] + 1), blank, np.int64)
    classes[:, 1::2] = targets
    skips = np.zeros(classes.shape, np.bool_)
    skips[:, 2:] = (classes[:, 2:] != blank) & (classes[:, 2:] != classes[:, :-2])
    return classes, skips


def _emitted(log_probs: Array, classes: Array) -> Array:
    """(T, N, L) the log-probability of each state's class at each step."""
    whole = np.broadcast_to(classes, (log_probs.shape[0], *classes.shape))
    return np.take_along_axis(log_probs, whole, 2)


def _shifted(x: Array, by: int) -> Array:
    """``x`` (N, L) moved ``by`` states, -inf moving in."""
    found = np.full_like(x, -np.inf)
    if by > 0:
        found[:, by:] = x[:, :-by]
    else:
        found[:, :by] = x[:, -by:]
    return found


def _forward(emitted: Array, skips: Array) -> Array:
    """(T, N, L) the log-sums over the alignments of what came until a step, with that step."""
    sums = np.full_like(emitted, -np.inf)
    sums[0, :, :2] = emitted[0, :, :2]
    for t in range(1, len(sums)):
        last = sums[t - 1]
        twice = np.where(skips, _shifted(last, 2), -np.inf)
        reached = np.logaddexp(np.logaddexp(last, _shifted(last, 1)), twice)
        sums[t] = reached + emitted[t]
    return sums


def _ends(target_lengths: Array, states: int, kind: Any) -> Array:
    """(N, L) 0 at the last label and the blank after it, -inf elsewhere."""
    place = np.arange(states)
    last = 2 * target_lengths[:, None]
    return np.where((place == last) | (place == last - 1), 0.0, -np.inf).astype(kind)


def _likelihoods(sums: Array, input_lengths: Array, target_lengths: Array) -> Array:
    """(N,) the logarithm of the probability of each target."""
    n = np.arange(sums.shape[1])
    final = sums[np.maximum(input_lengths - 1, 0), n]
    whole = np.logaddexp.reduce(final + _ends(target_lengths, sums.shape[2], sums.dtype), axis=1)
    nothing = np.where(target_lengths == 0, 0.0, -np.inf)
    return np.where(input_lengths == 0, nothing, whole).astype(sums.dtype)


def _ctc(
    log_probs: Array, targets: Array, input_lengths: Array, target_lengths: Array, blank: int
) -> Array:
    """(N,) the negative log-likelihood of each target."""
    classes, skips = _states(targets, blank)
    sums = _forward(_emitted(log_probs, classes), skips)
    return -_likelihoods(sums, input_lengths, target_lengths)


def _backward(emitted: Array, skips: Array, input_lengths: Array, target_lengths: Array) -> Array:
    """(T, N, L) the log-sums over the alignments of what comes after a step."""
    sums = np.full_like(emitted, -np.inf)
    ends = _ends(target_lengths, emitted.shape[2], emitted.dtype)
    for t in range(len(sums) - 1, -1, -1):
        if t + 1 < len(sums):
            ahead = sums[t + 1] + emitted[t + 1]
            twice = _shifted(np.where(skips, ahead, -np.inf), -2)
            sums[t] = np.logaddexp(np.logaddexp(ahead, _shifted(ahead, -1)), twice)
        here = input_lengths - 1 == t
        sums[t, here] = ends[here]
    return sums


def _ctc_grad(
    g: Array,
    log_probs: Array,
    targets: Array,
    input_lengths: Array,
    target_lengths: Array,
    blank: int,
) -> Array:
    """(T, N, C) the gradient of ``ctc`` for its log-probabilities: minus how often each class is expected."""
    classes, skips = _states(targets, blank)
    emitted = _emitted(log_probs, classes)
    sums = _forward(emitted, skips)
    whole = _likelihoods(sums, input_lengths, target_lengths)
    after = _backward(emitted, skips, input_lengths, target_lengths)
    with np.errstate(invalid="ignore"):
        expected = np.exp(sums + after - whole[:, None])
    timely = np.arange(len(sums))[:, None] < input_lengths
    counted = (timely & (g != 0))[..., None]
    weights = np.where(counted, -expected * g[:, None], 0).astype(log_probs.dtype)
    result = np.zeros(log_probs.shape, log_probs.dtype)
    n = np.arange(log_probs.shape[1])
    for state in range(classes.shape[1]):
        result[:, n, classes[:, state]] += weights[:, :, state]
    return result


def _samples() -> list[Any]:
    log_probs = np.log(np.exp(draw(5, 3, 4)) / np.exp(draw(5, 3, 4)).sum(2, keepdims=True))
    targets = np.array([[1, 2], [3, 3], [2, 0]])
    return [log_probs, targets, np.array([5, 4, 3]), np.array([2, 2, 1])]


def _once(h: Var, out: Var, g: Var, *operands: Var, blank: int) -> Var:
    raise RuntimeError(
        "ctc_loss: there is no gradient of its gradient: leave out create_graph, or take another loss"
    )


ctc: Primitive = primitive(
    "ctc",
    infer=lambda log_probs, *others, blank: Aval((log_probs.shape[1],), log_probs.dtype),
    reference=_ctc,
    grads=(
        lambda g, out, *operands, blank: ctc_grad(g, *operands, blank=blank),
        None,
        None,
        None,
    ),
    statics=("blank",),
    samples=lambda: [(tuple(_samples()), {"blank": 0})],
    source="Graves, Fernandez, Gomez and Schmidhuber 2006",
)
ctc_grad: Primitive = primitive(
    "ctc_grad",
    infer=lambda g, log_probs, *others, blank: Aval(log_probs.shape, log_probs.dtype),
    reference=_ctc_grad,
    grads=(
        lambda h, out, g, *operands, blank: (
            h * ctc_grad(g.ones_like(), *operands, blank=blank)
        ).sum((0, 2)),
        _once,
        None,
        None,
        None,
    ),
    statics=("blank",),
    samples=lambda: [((draw(3, seed=1), *_samples()), {"blank": 0})],
)
