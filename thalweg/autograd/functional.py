"""Products with Jacobians and Hessians, and these themselves, of functions of tensors or tuples of tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..tensor.core import TensorCore
from ..tensor.creation import eye, ones_like, zeros, zeros_like
from ..tensor.joining import stack
from ..tensor.modes import enable_grad
from ..tensor.shape import alias_of
from .backward import grad

Tensors = tuple[Any, ...]
_LINEAR = (
    "While computing the hessian, found that the jacobian of the user-provided function with respect to input {} is "
    "independent of the input. This is not allowed in strict mode. You should ensure that your function is twice "
    "differentiable and that the jacobian depends on the inputs (this would be violated by a linear function for example)."
)
_RESULTS = "outputs of the user-provided function"


def _as_tuple(x: Any, what: str, name: str) -> Tensors:
    many = x if isinstance(x, tuple) else (x,)
    for k, t in enumerate(many):
        if not isinstance(t, TensorCore):
            found = f"the value at index {k}" if isinstance(x, tuple) else f"the given {what}"
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but {found} has type {type(t)}."
            )
    return many


def _like(pattern: Any, found: Sequence[Any]) -> Any:
    """A tuple where ``pattern`` is one, else the only one."""
    return tuple(found) if isinstance(pattern, tuple) else found[0]


class _Call:
    """One call of a function, with fresh inputs: aliases of those on the tape if ``taped``, else leaves."""

    def __init__(
        self, name: str, func: Callable[..., Any], inputs: Any, taped: bool, strict: bool
    ) -> None:
        self.name, self.taped, self.strict = name, taped, strict
        self.given = inputs
        self.inputs = tuple(_fresh(t, taped) for t in _as_tuple(inputs, "inputs", name))
        self.result = func(*self.inputs)
        self.outputs = _as_tuple(self.result, _RESULTS, name)
        if strict:
            self._check_depend()

    def _check_depend(self) -> None:
        for k, t in enumerate(self.outputs):
            if not t.requires_grad:
                raise RuntimeError(
                    f"Output {k} of the user-provided function does not require gradients. The outputs must be computed "
                    "in a differentiable manner from the input when running in strict mode."
                )

    def scalar(self) -> Any:
        """The one output, of one element."""
        if isinstance(self.result, tuple):
            raise RuntimeError(f"The function given to {self.name} should return a single Tensor")
        if self.outputs[0].numel() != 1:
            raise RuntimeError(
                f"The Tensor returned by the function given to {self.name} should contain a single element"
            )
        return self.outputs[0]

    def vector(self, v: Any, pattern: Tensors, what: str) -> Tensors:
        """``v`` as a tuple of the shapes of ``pattern``; 1 by default."""
        if v is None:
            if len(pattern) != 1 or pattern[0].numel() != 1:
                raise RuntimeError(
                    f"The vector v can only be None if the {what} a single Tensor with a single element."
                )
            return (ones_like(pattern[0]),)
        found = _as_tuple(v, "v", self.name)
        if len(found) != len(pattern):
            raise RuntimeError(
                f"v is a tuple of invalid length: should be {len(pattern)} but got {len(found)}."
            )
        for t, other in zip(found, pattern, strict=True):
            if tuple(t.shape) != tuple(other.shape):
                raise RuntimeError(
                    f"v has invalid size: should be {t.shape.__class__(other.shape)} but got {t.shape}."
                )
        return tuple(_fresh(t, self.taped) if self.taped else t.detach() for t in found)

    def done(self, pattern: Any, found: Sequence[Any]) -> Any:
        """What is given back: off the tape, unless it is wanted there."""
        return _like(pattern, found if self.taped else [t.detach() for t in found])


def _fresh(t: Any, taped: bool) -> Any:
    if taped and t.requires_grad:
        return alias_of(t)
    if not t.dtype.is_floating_point:
        raise RuntimeError("only Tensors of floating point dtype can require gradients")
    return t.detach().requires_grad_()


def _walk(
    outputs: Sequence[Any], inputs: Tensors, v: Sequence[Any], create_graph: bool, **options: Any
) -> list[Any]:
    """As ``grad``, with None where nothing flows, also where an output is not on the tape."""
    pairs = [(t, g) for t, g in zip(outputs, v, strict=True) if t is not None and t.requires_grad]
    if not pairs:
        return [None] * len(inputs)
    ends, grads = [t for t, _ in pairs], [g for _, g in pairs]
    return list(
        grad(
            ends,
            inputs,
            grads,
            retain_graph=True,
            create_graph=create_graph,
            allow_unused=True,
            **options,
        )
    )


def _filled(found: Sequence[Any], like: Sequence[Any], strict: str = "") -> list[Any]:
    """Zeros of the shape of ``like`` where there is None; RuntimeError ``strict``, if that is not empty."""
    for k, g in enumerate(found):
        if g is None and strict:
            raise RuntimeError(strict.format(k))
    return [zeros_like(t) if g is None else g for g, t in zip(found, like, strict=True)]


def _independent(strict: bool) -> str:
    text = "The output of the user-provided function is independent of input {}. This is not allowed in strict mode."
    return text if strict else ""


# Products


@enable_grad()
def vjp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """(what ``func`` gives, v J) with its Jacobian J at ``inputs``.

    Args:
        func: of tensors; gives a tensor or a tuple of tensors.
        inputs: a floating tensor or a tuple of such, of any shapes.
        v: like the outputs; 1 by default, for one output of one element.
        create_graph: the results are on the tape.
        strict: an output that does not depend on an input is an error.
    Raises:
        TypeError: inputs or outputs are no tensors.
        RuntimeError: v is not like the outputs; what ``strict`` forbids.
    """
    call = _Call("vjp", func, inputs, create_graph, strict)
    given = call.vector(v, call.outputs, "user-provided function returns")
    found = _walk(call.outputs, call.inputs, given, create_graph)
    whole = _filled(found, call.inputs, _independent(strict))
    return call.done(call.result, call.outputs), call.done(inputs, whole)


def _linear(call: _Call, outputs: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Leaves u like the ``outputs``, and u J on the tape: linear in u."""
    seeds = [zeros(tuple(t.shape), dtype=t.dtype).requires_grad_() for t in outputs]
    return seeds, _walk(outputs, call.inputs, seeds, True)


@enable_grad()
def jvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """(what ``func`` gives, J v) with its Jacobian J at ``inputs``, by two walks backward; v is like the inputs.

    As ``vjp``.
    """
    call = _Call("jvp", func, inputs, create_graph, strict)
    given = call.vector(v, call.inputs, "input to the user-provided function is")
    seeds, sums = _linear(call, call.outputs)
    _filled(sums, call.inputs, _independent(strict))
    moved = _filled(_walk(sums, tuple(seeds), given, create_graph), call.outputs)
    return call.done(call.result, call.outputs), call.done(call.result, moved)


def _gradient(call: _Call) -> list[Any]:
    """The gradient of the one output, on the tape."""
    out = call.scalar()
    found = _walk([out], call.inputs, [ones_like(out)], True)
    return _filled(found, call.inputs, _independent(call.strict))


def _by_hessian(call: _Call, v: Any) -> tuple[Any, Any]:
    """What the function gives, and v H."""
    given = call.vector(v, call.inputs, "input to the user-provided function is")
    found = _walk(_gradient(call), call.inputs, given, call.taped)
    whole = _filled(found, call.inputs, _LINEAR if call.strict else "")
    return call.done(call.result, call.outputs), call.done(call.given, whole)


@enable_grad()
def vhp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """(what ``func`` gives, v H) with its Hessian H at ``inputs``; the output has one element, v is like the inputs.

    As ``vjp``.
    """
    return _by_hessian(_Call("vhp", func, inputs, create_graph, strict), v)


@enable_grad()
def hvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """(what ``func`` gives, H v). As ``vhp``, since H is symmetric."""
    return _by_hessian(_Call("hvp", func, inputs, create_graph, strict), v)


# Whole matrices


def _products(
    ends: Sequence[Any], k: int, starts: Tensors, create_graph: bool, vectorize: bool
) -> list[Any]:
    """For each start (size of ends[k], *its shape): the walk back from each element of an end; None if unused."""
    end = ends[k]
    size = end.numel()
    units = eye(size, dtype=end.dtype).reshape(size, *end.shape)
    if vectorize and size:
        return _walk([end], starts, [units], create_graph, is_grads_batched=True)
    rows = [_walk([end], starts, [units[n]], create_graph) for n in range(size)]
    columns = zip(*rows, strict=True) if rows else [()] * len(starts)
    return [
        None
        if not column or None in [g if g is None else 0 for g in column]
        else stack(list(column), 0)
        for column in columns
    ]


def _check_options(strict: bool, create_graph: bool, vectorize: bool, strategy: str) -> None:
    where = "thalweg.autograd.functional.jacobian"
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs '
            'than inputs, "forward-mode" tends to be more performant. Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode":
        if create_graph:
            raise NotImplementedError(
                f'{where}: `create_graph=True` and `strategy="forward-mode"` are not supported together: take '
                '`strategy="reverse-mode"`'
            )
        if strict:
            raise RuntimeError(
                f'{where}: `strict=True` and `strategy="forward-mode"` are not supported together: take '
                '`strategy="reverse-mode"`'
            )
        if not vectorize:
            raise NotImplementedError(
                f'{where}: `strategy="forward-mode"` is only implemented for `vectorize=True`'
            )
    if strict and vectorize:
        raise RuntimeError(
            f"{where}: `strict=True` and `vectorized=True` are not supported together: set one of them to False"
        )


@enable_grad()
def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of ``func`` at ``inputs``: (*, **) for an output (*) and an input (**).

    Args:
        func, inputs, create_graph, strict: as in ``vjp``.
        vectorize: all rows at once, under ``vmap``.
        strategy: "reverse-mode", a walk for each element of the output, or "forward-mode", for each of the input.
    Returns:
        A tensor; a tuple of them for several inputs, or outputs; a tuple for the outputs of tuples for the inputs.
    """
    _check_options(strict, create_graph, vectorize, strategy)
    call = _Call("jacobian", func, inputs, create_graph, strict)
    outputs, starts = call.outputs, call.inputs
    if strategy == "forward-mode":
        seeds, sums = _linear(call, outputs)
        columns = [
            [None] * len(outputs) if s is None else _products(sums, n, tuple(seeds), False, True)
            for n, s in enumerate(sums)
        ]
        found = [[_turned(column[k]) for column in columns] for k in range(len(outputs))]
    else:
        found = [
            _products(outputs, k, starts, create_graph, vectorize) for k in range(len(outputs))
        ]
    rows = []
    for k, (out, row) in enumerate(zip(outputs, found, strict=True)):
        for n, block in enumerate(row):
            if strict:
                _check_block(block, k, n, create_graph)
        shapes = [(*out.shape, *t.shape) for t in starts]
        whole = [
            zeros(shape, dtype=t.dtype) if block is None else block.reshape(shape)
            for block, shape, t in zip(row, shapes, starts, strict=True)
        ]
        rows.append(call.done(inputs, whole))
    return _like(call.result, rows)


def _turned(block: Any) -> Any:
    """With the first axis, of an input's elements, last."""
    return None if block is None else block.movedim(0, -1)


def _check_block(block: Any, k: int, n: int, create_graph: bool) -> None:
    if block is None:
        raise RuntimeError(
            f"Output {k} of the user-provided function is independent of input {n}. This is not allowed in strict mode."
        )
    if create_graph and not block.requires_grad:
        raise RuntimeError(
            f"The jacobian of the user-provided function is independent of input {n}. This is not allowed in strict mode "
            "when create_graph=True."
        )


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian at ``inputs`` of ``func``, whose output has one element: (*, **) for inputs (*) and (**).

    As ``jacobian`` of its gradient; a tuple of tuples for several inputs.
    """
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')

    def gradient(*given: Any) -> Any:
        call = _Call("hessian", func, given, True, strict)
        found = _gradient(call)
        for n, g in enumerate(found):
            if strict and not g.requires_grad:
                raise RuntimeError(_LINEAR.format(n))
        return _like(inputs, found)

    _as_tuple(inputs, "inputs", "hessian")
    return jacobian(gradient, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)
