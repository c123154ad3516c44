"""Forward-mode differentiation: tensors with a tangent each, and what becomes of the tangents.

Note: duals are on the tape. A dual is an alias of its tensor that a gradient can be walked to; nothing is carried along
beside what is computed. The tangent of a result y is asked for by ``unpack_dual`` and comes of two walks backward, as in
``functional.jvp``: u -> u J is linear, and its own gradient is t -> J t, with the tangents t of all duals of the level.
So a dual wants a gradient (``requires_grad``), and under ``no_grad`` nothing of it is followed.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, NamedTuple

from ..runtime.state import state
from ..tensor.core import TensorCore
from ..tensor.creation import zeros
from ..tensor.modes import enable_grad
from ..tensor.shape import alias_of
from .engine import Walk
from .functional import _walk

__all__ = [
    "UnpackedDualTensor",
    "dual_level",
    "enter_dual_level",
    "exit_dual_level",
    "make_dual",
    "unpack_dual",
]


class UnpackedDualTensor(NamedTuple):
    """A tensor (*) and its tangent (*), None where it has none."""

    primal: Any
    tangent: Any


class _Level:
    """The duals of the level that is entered, and their tangents; None while none is."""

    duals: list[tuple[Any, Any]] | None = None


def enter_dual_level() -> int:
    """Begin a level in which duals are made; gives its number, 0: PyTorch has one, too."""
    if _Level.duals is not None:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    _Level.duals = []
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """End the level: its duals have no tangents any more."""
    if _Level.duals is None:
        raise RuntimeError("Dual level must be a positive number: no level was entered")
    if level not in (None, 0):
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created. This is not supported: the "
            f"level is 0, given {level}"
        )
    _Level.duals = None


class dual_level:  # noqa: N801  # PyTorch's name
    """Within it duals are made and taken apart: ``with dual_level(): ...``."""

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        exit_dual_level()


def make_dual(tensor: Any, tangent: Any, *, level: int | None = None) -> Any:
    """A view of ``tensor`` (*) that has the ``tangent`` (*).

    Raises:
        RuntimeError: no level was entered, shapes differ, the tensor has a tangent already, or under ``no_grad``.
        ValueError: one of both is neither floating nor complex.
    """
    if _Level.duals is None:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    if level not in (None, 0):
        raise RuntimeError(f"Invalid level given to make_dual: the level is 0, given {level}")
    for what, t in (("primal", tensor), ("tangent", tangent)):
        if not isinstance(t, TensorCore):
            raise TypeError(f"make_dual: the {what} must be Tensor, not {type(t).__name__}")
        if not t.dtype.is_differentiable:
            raise ValueError(f"Expected {what} to be floating point or complex, but got: {t.dtype}")
    if tuple(tensor.shape) != tuple(tangent.shape):
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
            f"supported. Tensor is of size {list(tensor.shape)} while the given forward gradient is of size "
            f"{list(tangent.shape)}."
        )
    if not state.grad:
        raise RuntimeError(
            "make_dual: forward mode follows the tape, which no_grad() switches off: make the dual outside of it"
        )
    if any(tensor is dual for dual, _ in _Level.duals):
        raise RuntimeError(
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the same level 0 is not "
            "supported."
        )
    dual = alias_of(tensor) if tensor.requires_grad else tensor.detach().requires_grad_()
    _Level.duals.append((dual, tangent))
    return dual


def unpack_dual(tensor: Any, *, level: int | None = None) -> UnpackedDualTensor:
    """``tensor`` (*) without its tangent, and that, J t: (*), or None where it depends on no dual of the level."""
    if not isinstance(tensor, TensorCore):
        raise TypeError(f"unpack_dual: the argument must be Tensor, not {type(tensor).__name__}")
    given: Any = tensor
    if _Level.duals and not (state.grad or given.requires_grad):
        raise RuntimeError(
            "unpack_dual: forward mode follows the tape, which no_grad() switches off, so that it can't be told whether "
            "the tensor has a tangent: compute and unpack it outside of no_grad()"
        )
    if not _Level.duals or level not in (None, 0) or not given.requires_grad:
        return UnpackedDualTensor(given, None)
    for dual, tangent in _Level.duals:
        if given is dual:
            return UnpackedDualTensor(_without_tangent(given), tangent)
    duals = tuple(dual for dual, _ in _Level.duals)
    with enable_grad():
        seed = zeros(tuple(given.shape), dtype=given.dtype).requires_grad_()
        sums = _walk([given], duals, [seed], True)
        if all(s is None for s in sums):
            return UnpackedDualTensor(given, None)
        tangents = [tangent.to(dual.dtype) for dual, tangent in _Level.duals]
        moved = _walk(sums, (seed,), tangents, True)[0]
    if moved is None:  # what flows back does not depend on what is given: J is 0
        moved = zeros(tuple(given.shape), dtype=given.dtype)
    kept = _on_others(given) or any(tangent.requires_grad for _, tangent in _Level.duals)
    return UnpackedDualTensor(_without_tangent(given), moved if kept else moved.detach())


def _on_others(tensor: Any) -> bool:
    """Whether a gradient of ``tensor`` (*) would reach leaves that are no duals."""
    edge = tensor._edge()
    own = {id(dual) for dual, _ in _Level.duals or ()}
    ends: Any = [] if edge is None else Walk([edge[0]]).leaves
    return any(id(end.variable) not in own for end in ends)


def _without_tangent(tensor: Any) -> Any:
    """The primal (*): off the tape where only duals are on it."""
    return tensor if _on_others(tensor) else tensor.detach()
