"""The Tensor class that people hold in their hands: its methods stand beside the functions they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.dtype import get_default_dtype
from ..runtime.device import as_device
from .arithmetic import ArithmeticMethods
from .bessel import BesselMethods
from .complex import ComplexMethods
from .constructor import construct
from .convert import ConvertMethods
from .copies import CopyMethods
from .core import TensorCore
from .creation import from_array, infer_array, size_of
from .decompositions import DecompositionMethods
from .dispatch import owned, set_result_class
from .draws import DrawMethods
from .einsum import NamedProductMethods
from .equations import EquationMethods
from .exchange import ExchangeMethods
from .gamma import GammaMethods
from .indexing import IndexMethods
from .inplace import overwrite
from .linear_algebra import ProductMethods
from .logarithms import LogarithmMethods
from .matrices import MatrixMethods
from .norms import NormMethods
from .numerals import NumeralMethods
from .operators import OperatorMethods
from .parts import PartMethods
from .places import PlaceMethods
from .pointwise import PointwiseMethods
from .properties import PropertyMethods
from .reduce import ReduceMethods
from .scalars import scalar_of
from .segments import SegmentMethods
from .shape import ShapeMethods
from .softmax import SoftmaxMethods
from .sorting import SortMethods
from .special import SpecialMethods
from .spectrogram import SpectrogramMethods
from .statistics import StatisticsMethods
from .storage import StorageMethods
from .strided import StridedMethods
from .thresholds import ThresholdMethods


class Tensor(
    OperatorMethods,
    ArithmeticMethods,
    PointwiseMethods,
    ReduceMethods,
    ShapeMethods,
    PartMethods,
    IndexMethods,
    SortMethods,
    SoftmaxMethods,
    ProductMethods,
    NamedProductMethods,
    MatrixMethods,
    DecompositionMethods,
    EquationMethods,
    NormMethods,
    LogarithmMethods,
    StatisticsMethods,
    SpecialMethods,
    GammaMethods,
    BesselMethods,
    NumeralMethods,
    PlaceMethods,
    PropertyMethods,
    StridedMethods,
    SpectrogramMethods,
    CopyMethods,
    DrawMethods,
    StorageMethods,
    SegmentMethods,
    ThresholdMethods,
    ExchangeMethods,
    ComplexMethods,
    ConvertMethods,
    TensorCore,
):
    """Numbers in a grid of any rank, with the tape behind them.

    ``Tensor(2, 3)`` is uninitialized (here: zeros) of that size; ``Tensor([[1, 2]])`` holds these numbers in the
    default floating type; ``Tensor(x)`` looks at the tensor ``x``. Prefer ``thalweg.tensor``.
    """

    __module__ = "thalweg"  # its name to people, as `type(x)` prints it

    def __new__(cls, *given: Any, data: Any = None, device: Any = None) -> Any:
        if data is not None:
            given = (*given, data)
        made = construct(given, get_default_dtype(), device, checked=False)
        if cls is Tensor:
            return made
        twin: Any = object.__new__(cls)
        twin.__dict__.update(made.__dict__)
        return twin

    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add the gradient of this tensor to ``grad`` of every leaf it came from."""
        self._backward(self, gradient, retain_graph, create_graph, inputs)

    def fill_(self, value: Any) -> Tensor:
        """Write ``value`` everywhere."""
        if isinstance(value, TensorCore):
            if value.ndim:
                raise RuntimeError(
                    "fill_ only supports 0-dimension value tensor but got tensor with "
                    f"{value.ndim} dimensions."
                )
            return overwrite(self, value, "FillBackward3")
        return self._filled(value, "FillBackward2")

    def _filled(self, number: Any, node: str) -> Tensor:
        return overwrite(self, from_array(np.asarray(scalar_of(number, self.dtype))), node)

    def zero_(self) -> Tensor:
        """Write 0 everywhere."""
        return self._filled(0, "ZeroBackward0")

    def fill_diagonal_(self, fill_value: float, wrap: bool = False) -> Tensor:
        """Write ``fill_value`` where all indices are equal; ``wrap`` starts again below, in a tall matrix."""
        if self.ndim < 2 or (self.ndim > 2 and len(set(self.shape)) > 1):
            raise RuntimeError(
                f"fill_diagonal_: wants 2 axes or more, of one size if more: the shape is {list(self.shape)}"
            )
        shape = tuple(self.shape)
        mask = np.zeros(shape, np.bool_)
        np.fill_diagonal(mask, True, wrap)
        return self.masked_fill_(from_array(mask), fill_value)

    def new(self, *given: Any, device: Any = None) -> Tensor:
        """What this tensor's type makes of sizes, of nested numbers or of a tensor: ``new(2, 3)``, ``new([1, 2])``."""
        made: Tensor = construct(given, self.dtype, device)
        return made

    def new_tensor(self, data: Any, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
        """A new tensor of ``data``, in this tensor's type by default."""
        return owned(from_array(infer_array(data, dtype or self.dtype), requires_grad), self)

    def new_zeros(
        self, *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None,
        requires_grad: bool = False, layout: Any = None, pin_memory: bool = False,
    ) -> Tensor:  # fmt: skip
        """Zeros in this tensor's type by default."""
        given = sizes if size is None else (size,)
        return self.new_full(given, 0, dtype=dtype, device=device, requires_grad=requires_grad)

    def new_ones(
        self, *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None,
        requires_grad: bool = False, layout: Any = None, pin_memory: bool = False,
    ) -> Tensor:  # fmt: skip
        """Ones in this tensor's type by default."""
        given = sizes if size is None else (size,)
        return self.new_full(given, 1, dtype=dtype, device=device, requires_grad=requires_grad)

    def new_empty(self, *sizes: Any, **made: Any) -> Tensor:
        """A tensor yet to be written, in this tensor's type by default."""
        return self.new_zeros(*sizes, **made)

    def new_full(
        self, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None,
        requires_grad: bool = False, layout: Any = None, pin_memory: bool = False,
    ) -> Tensor:  # fmt: skip
        """``fill_value`` everywhere, in this tensor's type by default."""
        as_device(device)
        sizes = size_of(tuple(size) if isinstance(size, tuple | list) else (size,))
        made = from_array(np.full(sizes, scalar_of(fill_value, dtype or self.dtype)), requires_grad)
        return owned(made, self)


set_result_class(Tensor)
