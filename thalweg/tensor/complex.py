"""Complex numbers: made of parts, taken apart, turned.

Parts of a tensor are memory of their own here: what is written into ``x.real`` is not seen in ``x``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..ir.builder import Var
from ..ir.dtype import float32, float64
from ..ops import complex as c
from ..ops import elementwise as e
from ..ops.composite import op
from ..ops.movement import cat, slice_
from .core import TensorCore
from .dispatch import dispatch
from .inplace import inplace
from .outputs import give

if TYPE_CHECKING:
    from .tensor import Tensor


def _check_parts(name: str, one: Any, other: Any) -> None:
    if one.dtype not in (float32, float64) or other.dtype not in (float32, float64):
        raise RuntimeError(
            f"{name}: Expected both inputs to be float or double tensors but got {one.dtype} and {other.dtype}: "
            "convert them"
        )
    if one.dtype is not other.dtype:
        raise RuntimeError(
            f"{name}: Expected object of scalar type {one.dtype} but got scalar type {other.dtype} for second "
            "argument: convert one"
        )


@op("ComplexBackward0")
def _complex(re: Var, im: Var) -> Var:
    return c.join(re, im)


@op("PolarBackward0")
def _polar(size: Var, angle: Var) -> Var:
    return c.join(size * e.cos(angle), size * e.sin(angle))


@op("SelectBackward0")
def _real(x: Var) -> Var:
    return c.real(x)


@op("SelectBackward0")
def _imag(x: Var) -> Var:
    return c.imag(x)


@op("ConjBackward0")
def _conj(x: Var) -> Var:
    return c.conj(x)


@op("ViewAsRealBackward0")
def _view_as_real(x: Var) -> Var:
    parts = [part.reshape((*x.shape, 1)) for part in (c.real(x), c.imag(x))]
    return cat(*parts, axis=x.ndim)


@op("ViewAsComplexBackward0")
def _view_as_complex(x: Var) -> Var:
    shape = x.shape[:-1]
    ends: list[Any] = []
    for k in range(2):
        starts, stops = (*(0 for _ in shape), k), (*shape, k + 1)
        part = slice_(x, starts=starts, stops=stops, steps=(1,) * x.ndim)
        ends.append(part.reshape(shape))
    return c.join(*ends)


def complex(real: Tensor, imag: Tensor, *, out: Any = None) -> Tensor:
    """``real + i imag``, broadcast; both float32 (gives complex64) or float64 (complex128).

    Raises:
        RuntimeError: they are of other types, or not of the same.
    """
    _check_parts("complex", real, imag)
    return give(dispatch(_complex, (real, imag)), out, cast=False)


def polar(abs: Tensor, angle: Tensor, *, out: Any = None) -> Tensor:
    """``abs * (cos(angle) + i sin(angle))``, broadcast; types as of ``complex``.

    Raises:
        RuntimeError: they are of other types, or not of the same.
    """
    _check_parts("polar", abs, angle)
    return give(dispatch(_polar, (abs, angle)), out)


def real(input: Tensor) -> Tensor:
    """The real parts, any shape in, the same out; ``input`` itself where it is real."""
    return dispatch(_real, (input,)) if input.dtype.is_complex else input


def imag(input: Tensor) -> Tensor:
    """The imaginary parts, any shape in, the same out.

    Raises:
        RuntimeError: the input is real.
    """
    if not input.dtype.is_complex:
        raise RuntimeError(
            f"imag is not implemented for tensors with non-complex dtypes: got {input.dtype}"
        )
    return dispatch(_imag, (input,))


def conj(input: Tensor) -> Tensor:
    """Complex conjugates, in memory of their own; ``input`` itself where it is real. Any shape in, the same out."""
    return dispatch(_conj, (input,)) if input.dtype.is_complex else input


conj_physical = conj


def resolve_conj(input: Tensor) -> Tensor:
    """``input`` itself: conjugates are never put off here."""
    return input


resolve_neg = resolve_conj


def view_as_real(input: Tensor) -> Tensor:
    """(*, 2) real and imaginary parts of complex (*), in memory of their own.

    Raises:
        RuntimeError: the input is real.
    """
    if not input.dtype.is_complex:
        raise RuntimeError(
            f"view_as_real is only supported for complex tensors: this is {input.dtype}"
        )
    return dispatch(_view_as_real, (input,))


def view_as_complex(input: Tensor) -> Tensor:
    """(*) complex numbers whose parts are (*, 2), in memory of their own.

    Raises:
        RuntimeError: the last axis is not of size 2, or the type is neither float32 nor float64.
    """
    if input.dtype not in (float32, float64):
        raise RuntimeError(
            f"view_as_complex is only supported for float and double tensors, but got a tensor of type {input.dtype}"
        )
    if not input.ndim:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if input.shape[-1] != 2:
        raise RuntimeError(
            f"Tensor must have a last dimension of size 2: its shape is {list(input.shape)}"
        )
    return dispatch(_view_as_complex, (input,))


def isreal(input: Tensor) -> Tensor:
    """Where the number has no imaginary part. Any shape in, bools of the same out."""
    if input.dtype.is_complex:
        return imag(input).eq(0)
    return input.eq(input) | input.ne(input)


def adjoint(input: Tensor) -> Tensor:
    """(..., M, N) conjugated and transposed: (..., N, M)."""
    return _adjoint(input, "adjoint()")


def _adjoint(input: Tensor, name: str) -> Tensor:
    if input.ndim == 1:
        raise RuntimeError(
            f"tensor.{name} is only supported on matrices or batches of matrices. Got 1-D tensor."
        )
    return conj(input.transpose(-2, -1) if input.ndim else input)


class ComplexMethods(TensorCore):
    """Tensor's methods of complex numbers."""

    conj, conj_physical, resolve_conj, resolve_neg = conj, conj_physical, resolve_conj, resolve_neg
    isreal, adjoint = isreal, adjoint
    conj_physical_ = inplace(conj)

    def is_conj(self) -> bool:
        """Whether the conjugate is put off: never here."""
        return False

    def is_neg(self) -> bool:
        """Whether the negation is put off: never here."""
        return False

    @property
    def real(self) -> Tensor:
        """The real parts; assigning writes them."""
        return real(self)  # type: ignore[arg-type]

    @real.setter
    def real(self, value: Any) -> None:
        if self.dtype.is_complex:
            value = complex(_spread(value, self), imag(self))  # type: ignore[arg-type]
        self.copy_(value)  # type: ignore[attr-defined]

    @property
    def imag(self) -> Tensor:
        """The imaginary parts; assigning writes them."""
        return imag(self)  # type: ignore[arg-type]

    @imag.setter
    def imag(self, value: Any) -> None:
        self.copy_(complex(real(self), _spread(value, self)))  # type: ignore[attr-defined,arg-type]

    @property
    def H(self) -> Tensor:
        """(M, N) conjugated and transposed: (N, M)."""
        if self.ndim not in (0, 2):
            raise RuntimeError(
                f"tensor.H is only supported on matrices (2-D tensors). Got {self.ndim}-D tensor."
                + (" For batches of matrices, consider using tensor.mH" if self.ndim > 2 else "")
            )
        return _adjoint(self, "H")  # type: ignore[arg-type]

    @property
    def mH(self) -> Tensor:
        """(..., M, N) conjugated and transposed: (..., N, M)."""
        return _adjoint(self, "mH")  # type: ignore[arg-type]


def _spread(value: Any, like: Any) -> Any:
    """``value``, a number or a tensor, as real parts of ``like``."""
    part = real(like)
    if isinstance(value, TensorCore):
        return value.to(part.dtype).expand(part.shape)  # type: ignore[attr-defined]
    return part.detach().clone().fill_(value)
