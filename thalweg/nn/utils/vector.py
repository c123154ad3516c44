"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from ...ir.builder import Var
from ...ops.composite import op, promoted
from ...ops.movement import cat
from ...tensor import Tensor
from ...tensor.dispatch import dispatch


@op("CatBackward0")
def _joined(*vars: Var) -> Var:
    """All elements, one tensor after another."""
    joined: Var = cat(*promoted(*[x.reshape((x.size,)) for x in vars]), axis=0)
    return joined


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """(N,) all elements of the parameters, each (*), one after another."""
    vector: Tensor = dispatch(_joined, tuple(parameters))
    return vector


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Make slices of ``vec`` (N,) the values of the parameters, each (*), in order."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected thalweg.Tensor, but got: {type(vec).__name__}")
    start = 0
    for parameter in parameters:
        stop = start + parameter.numel()
        parameter.data = vec[start:stop].view(parameter.shape).data
        start = stop
