"""Functions of functions: gradients, and products with Jacobians, all on the tape.

Note: what is differentiated. A function gets its arguments as fresh leaves, or, where they are on the tape already, as
fresh aliases of themselves: the gradient is walked as far as to these, so that transformations nest. Under ``vmap`` a
fresh argument is spread over all examples, so that each has a gradient of its own. The walk is itself noted on the tape
only if it ends, beside the fresh leaves, at others, which may want a gradient of the gradient.
Forward products J t come of two walks backward: v -> v J is linear, and its own gradient is t -> J t.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..autograd import grad as walk
from ..autograd.engine import Walk
from ..runtime.state import state
from ..tensor import Tensor
from ..tensor.creation import zeros, zeros_like
from ..tensor.mapped import spread, under_way
from ..tensor.modes import enable_grad
from ..tensor.shape import alias_of
from .pytree import Structure, flatten, tree_map, unflatten

Argnums = int | tuple[int, ...]


def _fresh(t: Any) -> Any:
    """``t`` as something that a gradient can be walked to."""
    if not isinstance(t, Tensor):
        raise ValueError(f"Thing passed to transform API must be Tensor, got {type(t)}")
    if not t.dtype.is_floating_point:
        raise RuntimeError("only Tensors of floating point dtype can require gradients")
    t = spread(t, under_way())
    return alias_of(t) if t.requires_grad else t.detach().requires_grad_()


class Recorded:
    """What a function gave, with the way back to its arguments.

    Args:
        where: what was called, for errors.
        args: containers of tensors; all are differentiated.
        taping: whether whoever called is in grad mode.
    Attributes:
        sources: the arguments' leaves; fresh.
        outputs: the result's leaves.
        aux: what came beside the result, where ``has_aux``.
    """

    sources: list[Any]
    outputs: list[Any]
    structure: Structure
    aux: Any

    def __init__(
        self,
        where: str,
        func: Callable[..., Any],
        args: Sequence[Any],
        has_aux: bool,
        call: Callable[[Callable[..., Any], Sequence[Any]], Any] | None = None,
    ) -> None:
        self.where, self.taping, self.aux = where, state.grad, None
        leaves, self.given = flatten(tuple(args))
        if not self.taping:
            leaves = [t.detach() if isinstance(t, Tensor) else t for t in leaves]
        with enable_grad():
            self.sources = [_fresh(t) for t in leaves]
            again = unflatten(self.sources, self.given)
            result = func(*again) if call is None else call(func, again)
        if has_aux:
            if not (isinstance(result, tuple) and len(result) == 2):
                raise RuntimeError(
                    f"{where}: output of function f should be a tuple: (output, aux) if has_aux is True"
                )
            result, self.aux = result
        self.result = result

    def read(self) -> None:
        """Take the result apart; RuntimeError where a leaf is no tensor."""
        self.outputs, self.structure = flatten(self.result)
        for t in self.outputs:
            if not isinstance(t, Tensor):
                short = self.where.partition("(")[0]
                raise RuntimeError(
                    f"{self.where}: expected f(*primals) to return only tensors, got unsupported type {type(t)}: {short} "
                    "needs tensors to go back from"
                )

    @functools.cached_property
    def taped(self) -> bool:
        """Whether somebody else may want a gradient of what comes of this."""
        own = {id(t._inner if t._levels else t) for t in self.sources}
        ends = [e[0] for t in self.outputs if (e := t._edge()) is not None]
        return self.taping and any(id(end.variable) not in own for end in Walk(ends).leaves)  # type: ignore[attr-defined]

    def given_back(self, tree: Any) -> Any:
        """What comes out of the transformation: without tape where only this one's fresh leaves are on it."""
        if self.taped:
            return tree
        return tree_map(lambda t: t.detach() if isinstance(t, Tensor) else t, tree)

    def back(self, cotangents: Sequence[Any], create_graph: bool | None = None) -> list[Any]:
        """For each source the sum over outputs of cotangent times Jacobian; None for a cotangent of zero."""
        pairs = zip(self.outputs, cotangents, strict=True)
        used = [(t, g) for t, g in pairs if g is not None and t.requires_grad]
        create = self.taped if create_graph is None else create_graph
        if not used:
            return [zeros_like(t) for t in self.sources]
        wanted = [g for _, g in used]
        with enable_grad():
            found = walk(
                [t for t, _ in used],
                self.sources,
                wanted,
                retain_graph=True,
                create_graph=create or (self.taping and any(g.requires_grad for g in wanted)),
                allow_unused=True,
            )
        return [zeros_like(t) if g is None else g for t, g in zip(self.sources, found, strict=True)]

    @functools.cached_property
    def linear(self) -> tuple[list[Any], list[Any]]:
        """Cotangents that are leaves, and what ``back`` gives for them, on the tape; see the note above."""
        seeds = []
        for t in self.outputs:
            seed = zeros(tuple(t.shape), dtype=t.dtype)
            floats = t.dtype.is_floating_point
            seeds.append(spread(seed, t._levels).requires_grad_() if floats else None)
        return seeds, self.back(seeds, create_graph=True)

    def forth(self, tangents: Sequence[Any]) -> list[Any]:
        """For each output the sum over sources of Jacobian times tangent; None for a tangent of zero."""
        seeds, sums = self.linear
        pairs = zip(sums, tangents, strict=True)
        used = [(s, t) for s, t in pairs if t is not None and s.requires_grad]
        ends = [seed for seed in seeds if seed is not None]
        found: Iterable[Any] = [None] * len(ends)
        if used and ends:
            create = self.taped or (self.taping and any(t.requires_grad for _, t in used))
            with enable_grad():
                found = walk(
                    [s for s, _ in used],
                    ends,
                    [t for _, t in used],
                    retain_graph=True,
                    create_graph=create,
                    allow_unused=True,
                )
        arrived = iter(found)
        moved = [None if seed is None else next(arrived) for seed in seeds]
        return [zeros_like(t) if g is None else g for t, g in zip(self.outputs, moved, strict=True)]


# Arguments by number


def chosen(argnums: Argnums, args: tuple[Any, ...]) -> tuple[int, ...]:
    """The numbers of the arguments that are differentiated, counted from the front."""
    if not (
        isinstance(argnums, int)
        or (isinstance(argnums, tuple) and all(isinstance(a, int) for a in argnums))
    ):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    numbers = (argnums,) if isinstance(argnums, int) else argnums
    if not numbers:
        raise RuntimeError("argnums must be non-empty")
    for number in numbers:
        if not -len(args) <= number < len(args):
            raise RuntimeError(f"Got argnum={number}, but only {len(args)} positional inputs")
    found = tuple(n % len(args) for n in numbers)
    if len(set(found)) != len(found):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    return found


def recorded_at(
    where: str,
    func: Callable[..., Any],
    argnums: Argnums,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    has_aux: bool,
) -> Recorded:
    """``func(*args, **kwargs)`` with the way back to the arguments that ``argnums`` says."""
    numbers = chosen(argnums, args)

    def with_others(*fresh: Any) -> Any:
        given = list(args)
        for n, arg in zip(numbers, fresh, strict=True):
            given[n] = arg
        return func(*given, **kwargs)

    return Recorded(where, with_others, [args[n] for n in numbers], has_aux)


def _of_arguments(argnums: Argnums, found: tuple[Any, ...]) -> Any:
    return found[0] if isinstance(argnums, int) else found


# The transformations


def grad_and_value(
    func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """The function that gives (gradient of ``func``, what ``func`` gives).

    Args:
        func: gives a () tensor; a pair of it and anything with ``has_aux``.
        argnums: which arguments are differentiated: containers of floating tensors of any shape.
    Returns:
        The function; its gradient has the containers and shapes of the argument, for several ``argnums`` it is a
        tuple. With ``has_aux`` it gives (gradient, (value, aux)).
    Raises:
        RuntimeError: the result is no () tensor, or ``argnums`` does not fit.
    """
    where = "grad_and_value(f)(*args)"

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        run = recorded_at(where, func, argnums, args, kwargs, has_aux)
        value = run.result
        if not isinstance(value, Tensor):
            raise RuntimeError(f"{where}: Expected f(*args) to return a Tensor, got {type(value)}")
        if value.ndim:
            raise RuntimeError(
                f"{where}: Expected f(*args) to return a scalar Tensor, got tensor with {value.ndim} dims. Maybe you "
                "wanted to use the vjp or jacrev APIs instead?"
            )
        run.read()
        one = spread(zeros((), dtype=value.dtype) + 1, value._levels)
        gradient = unflatten(run.back([one]), run.given)
        value = run.given_back(value)
        found = _of_arguments(argnums, gradient)
        return (found, (value, run.given_back(run.aux))) if has_aux else (found, value)

    return call


def grad(
    func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """The function that gives the gradient of ``func``; with ``has_aux`` (gradient, aux). See ``grad_and_value``."""

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        found, value = grad_and_value(func, argnums, has_aux)(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return call


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """What ``func`` gives at ``primals``, and the function v -> v J with its Jacobian J there.

    Args:
        func: of containers of floating tensors of any shapes; gives containers of tensors.
    Returns:
        (output, vjp_fn), with ``has_aux`` (output, vjp_fn, aux). ``vjp_fn`` takes containers like the output and gives
        a tuple with containers like each of ``primals``; it may be called again.
    Raises:
        RuntimeError: the output holds anything but tensors, or a cotangent has another structure or shape.
    """
    run = Recorded("vjp(f, *primals)", func, primals, has_aux)
    run.read()

    def vjp_fn(cotangents: Any) -> Any:
        given, structure = flatten(cotangents)
        if structure != run.structure:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function. "
                f"cotangents: {structure}, primal output: {run.structure}"
            )
        return unflatten(run.back(given), run.given)

    output = run.given_back(run.result)
    return (output, vjp_fn, run.given_back(run.aux)) if has_aux else (output, vjp_fn)


def _checked_primals(primals: Any, where: str) -> None:
    if not isinstance(primals, tuple):
        raise RuntimeError(
            f"{where}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
    if not any(isinstance(t, Tensor) for t in flatten(primals)[0]):
        raise RuntimeError(f"{where}: Expected primals to contain at least one Tensor.")


def _checked_tangents(run: Recorded, tangents: Any, where: str) -> list[Any]:
    found, structure = flatten(tangents)
    if structure != run.given:
        raise RuntimeError(
            f"{where}: Expected primals and tangents to have the same python structure. For example, if primals is a "
            f"tuple of 3 tensors, tangents also must be. Got primals with structure {run.given} and tangents with "
            f"structure {structure}"
        )
    for t, tangent in zip(run.sources, found, strict=True):
        if tuple(t.shape) != tuple(tangent.shape):
            raise RuntimeError(
                "Trying to set a forward gradient that has a different size than that of the original Tensor, this is "
                f"not supported. Tensor is of size {list(t.shape)} while the given forward gradient is of size "
                f"{list(tangent.shape)}."
            )
    return found


def jvp(
    func: Callable[..., Any],
    primals: Any,
    tangents: Any,
    *,
    strict: bool = False,
    has_aux: bool = False,
) -> Any:
    """What ``func`` gives at ``primals``, and J t for its Jacobian J there and the ``tangents`` t.

    Args:
        primals, tangents: tuples of like containers of floating tensors, of the same shapes.
        strict: an output that does not depend on the primals is an error.
    Returns:
        (output, J t), of like containers and shapes; with ``has_aux`` (output, J t, aux).
    Raises:
        RuntimeError: structures or shapes differ, or the output holds anything but tensors.
    """
    where = "jvp(f, primals, tangents)"
    _checked_primals(primals, where)
    run = Recorded(where, func, primals, has_aux)
    run.read()
    given = _checked_tangents(run, tangents, where)
    if strict and not all(t.requires_grad for t in run.outputs):
        raise RuntimeError(
            "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not allowed "
            "with strict=True."
        )
    moved = unflatten(run.forth(given), run.structure)
    output = run.given_back(run.result)
    return (output, moved, run.given_back(run.aux)) if has_aux else (output, moved)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """What ``func`` gives at ``primals``, and the function t -> J t with its Jacobian J there.

    Args:
        primals: containers of floating tensors of any shapes; the function takes tangents of the same.
    """
    where = "linearize(f, *primals)"
    run = Recorded(where, func, primals, False)
    run.read()

    def jvp_fn(*tangents: Any) -> Any:
        return unflatten(run.forth(_checked_tangents(run, tangents, where)), run.structure)

    return run.given_back(run.result), jvp_fn
