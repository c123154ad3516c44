"""Gradients against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..ir.dtype import DType
from ..tensor import Tensor
from ..tensor.creation import from_array
from ..tensor.modes import enable_grad, no_grad
from .backward import grad


class GradcheckError(RuntimeError):
    """A gradient differs from finite differences."""


def _outputs(result: Any) -> list[Any]:
    many = result if isinstance(result, tuple | list) else [result]
    return [t for t in many if isinstance(t, Tensor) and t.dtype.is_differentiable]


def _parts(array: Any) -> Any:
    """The numbers one after another; complex ones as their parts."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(flat.real.dtype) if flat.dtype.kind == "c" else flat


def _numerical(
    function: Callable[..., Any], inputs: Sequence[Any], which: int, eps: float
) -> list[Any]:
    """For each output the Jacobian (inputs' elements, outputs' elements) by central differences; a complex number is
    two elements."""
    base = np.array(inputs[which]._array())
    rows: list[list[Any]] = []
    with no_grad():
        for k in range(_parts(base).size):
            pair = []
            for sign in (1, -1):
                moved = base.copy()
                _parts(moved)[k] += sign * eps
                args = [from_array(moved) if i == which else t for i, t in enumerate(inputs)]
                pair.append([_parts(t._array()) for t in _outputs(function(*args))])
            rows.append([(a - b) / (2 * eps) for a, b in zip(*pair, strict=True)])
    count = len(_outputs(function(*inputs)))
    return [np.array([row[o] for row in rows]) for o in range(count)]


def _analytical(out: Any, leaf: Any, size: int) -> Any:
    """The Jacobian (the leaf's elements, the output's elements) by one walk backward for each of the latter."""
    found = np.zeros((_parts(leaf._array()).size, size))
    for k in range(size):
        seed = np.zeros(tuple(out.shape), out.dtype.numpy)
        _parts(seed)[k] = 1
        (g,) = grad(out, leaf, from_array(seed), retain_graph=True, allow_unused=True)
        if g is not None:
            found[:, k] = _parts(g._array())
    return found


def _jacobians(
    function: Callable[..., Any], inputs: Sequence[Any], which: int, eps: float, outputs: list[Any]
) -> list[tuple[Any, Any]]:
    """For each output the Jacobian by differences and the one of the tape."""
    expected = _numerical(function, inputs, which, eps)
    return [
        (by, _analytical(out, inputs[which], by.shape[1]) if out.requires_grad else by)
        for by, out in zip(expected, outputs, strict=True)
    ]


def _projections(
    function: Callable[..., Any], inputs: Sequence[Any], which: int, eps: float, outputs: list[Any]
) -> list[tuple[Any, Any]]:
    """For each output u J v by differences and by the tape: u and v are drawn, J is the Jacobian, v has length 1."""
    rng = np.random.RandomState(which)
    leaf = inputs[which]
    base = np.array(leaf._array())
    v = _drawn(rng, base.shape, leaf.dtype)
    v /= max(float(np.linalg.norm(v)), 1e-300)
    with no_grad():
        moved = [from_array(base + step * v) for step in (eps, -eps)]
        both = [
            [
                _parts(t._array())
                for t in _outputs(function(*inputs[:which], x, *inputs[which + 1 :]))
            ]
            for x in moved
        ]
    pairs = []
    for out, up, down in zip(outputs, *both, strict=True):
        u = _drawn(rng, tuple(out.shape), out.dtype)
        by_differences = (_parts(u) * ((up - down) / (2 * eps))).sum()
        by_tape = by_differences
        if out.requires_grad:
            (g,) = grad(out, leaf, from_array(u), retain_graph=True, allow_unused=True)
            by_tape = np.zeros(()) if g is None else (_parts(g._array()) * _parts(v)).sum()
        pairs.append((by_differences, by_tape))
    return pairs


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    fast_mode: bool = False,
    **accepted: Any,
) -> bool:
    """Whether the gradients of ``func`` at ``inputs`` (float64, complex128) agree with central differences.

    Args:
        fast_mode: one drawn direction of each input and of each output is compared, not every element.
    Raises:
        GradcheckError: they differ, and ``raise_exception`` is set.
        ValueError: no input requires grad.
    """
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    followed = [i for i, t in enumerate(inputs) if isinstance(t, Tensor) and t.requires_grad]
    if not followed:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have "
            "requires_grad=True."
        )
    outputs = _outputs(func(*inputs))
    slopes = _projections if fast_mode else _jacobians
    for which in followed:
        for o, (expected, found) in enumerate(slopes(func, inputs, which, eps, outputs)):
            if not np.allclose(found, expected, rtol, atol, equal_nan=True):
                if not raise_exception:
                    return False
                raise GradcheckError(
                    f"Jacobian mismatch for output {o} with respect to input {which},\n"
                    f"numerical:{expected}\nanalytical:{found}\n"
                )
    return True


def _drawn(rng: np.random.RandomState, shape: tuple[int, ...], dtype: DType) -> Any:
    array = rng.uniform(-1, 1, shape)
    drawn = np.asarray(array + 1j * rng.uniform(-1, 1, shape) if dtype.is_complex else array)
    return drawn.astype(dtype.numpy)


def gradgradcheck(
    func: Callable[..., Any], inputs: Any, grad_outputs: Any = None, **options: Any
) -> bool:
    """Whether the gradients of the gradients of ``func`` agree with central differences."""
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    outputs = _outputs(func(*inputs))
    if grad_outputs is None:
        rng = np.random.RandomState(0)
        grad_outputs = [from_array(_drawn(rng, tuple(o.shape), o.dtype), True) for o in outputs]
    n = len(inputs)

    def first(*args: Any) -> tuple[Any, ...]:
        followed = [t for t in args[:n] if isinstance(t, Tensor) and t.requires_grad]
        results = _outputs(func(*args[:n]))
        found = grad(results, followed, list(args[n:]), create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    leaves = [
        t.detach().requires_grad_() if isinstance(t, Tensor) and t.requires_grad else t
        for t in inputs
    ]
    return gradcheck(_keeping_leaves(first, leaves), (*leaves, *grad_outputs), **options)


def _keeping_leaves(function: Callable[..., Any], leaves: list[Any]) -> Callable[..., Any]:
    """Finite differences replace an input by a plain tensor: let it be followed again."""

    def call(*args: Any) -> Any:
        again = [
            a if i >= len(leaves) or not isinstance(a, Tensor) or a.requires_grad or not _followed(leaves[i])
            else a.requires_grad_()
            for i, a in enumerate(args)
        ]  # fmt: skip
        with enable_grad():
            return function(*again)

    return call


def _followed(t: Any) -> bool:
    return isinstance(t, Tensor) and t.requires_grad
