"""What numbers are made of: common divisors, mantissas and exponents, the next number that there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..ir.builder import Var
from ..ops import elementwise as e
from ..ops import special as s
from ..ops.composite import Op, floating, op, promoted
from . import return_types
from .core import TensorCore
from .dispatch import dispatch
from .inplace import inplace
from .pointwise import binary, trunc

if TYPE_CHECKING:
    from .tensor import Tensor


def _whole(name: str, primitive: Any) -> Op:
    def function(x: Var, y: Var) -> Var:
        x, y = promoted(x, y)
        if x.dtype.is_floating_point:
            raise NotImplementedError(
                f'"{name}_cpu" not implemented for {x.dtype}: convert to an integer type'
            )
        result: Var = primitive(x, y)
        return result

    function.__name__ = name
    return Op(function, "")


@op("NextafterBackward0")
def _nextafter(x: Var, y: Var) -> Var:
    x, y = promoted(x, y)
    if not x.dtype.is_floating_point or x.dtype.is_half:
        raise NotImplementedError(
            f'"nextafter_cpu" not implemented for {x.dtype}: convert to float32 or float64'
        )
    result: Var = s.nextafter(x, y)
    return result


@op("FrexpBackward0")
def _frexp(x: Var) -> tuple[Var, Var]:
    if not x.dtype.is_floating_point:
        raise RuntimeError(f"torch.frexp() only supports floating-point dtypes, got {x.dtype}")
    return e.mantissa(floating(x)), e.exponent(x)


gcd = binary("gcd", _whole("gcd", e.gcd), "", "The greatest common divisor of each pair.")
lcm = binary("lcm", _whole("lcm", e.lcm), "", "The least common multiple of each pair.")
nextafter = binary(
    "nextafter",
    _nextafter,
    "",
    "The next number after ``input`` towards ``other``; slope 1, where they are equal 0.",
)
fix = trunc


def frexp(input: Tensor) -> Any:
    """Mantissas in [1/2, 1) and int32 exponents with x = mantissa * 2**exponent; shapes as the input's."""
    return return_types.frexp(*dispatch(_frexp, (input,)))


class NumeralMethods(TensorCore):
    """Tensor's methods of this kind."""

    gcd, lcm, nextafter, frexp, fix = gcd, lcm, nextafter, frexp, fix
    gcd_, lcm_, nextafter_, fix_ = inplace(gcd), inplace(lcm), inplace(nextafter), inplace(fix)
