"""Layers that find out the size of their input at the first call, and then become ordinary ones.

Note: lazy layers. Until then their parameters are UninitializedParameters (parameter.py), which have no shape; a hook
before the first call, or before a state is loaded, gives them one.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..ir.dtype import DType, int64
from ..tensor import Tensor
from ..tensor.creation import tensor
from ..tensor.modes import no_grad
from .conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    Sizes,
)
from .linear import Linear
from .module import Module
from .normalization import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    _NormBase,
)
from .parameter import UninitializedBuffer, UninitializedParameter, is_lazy


class LazyModuleMixin(Module):
    """What lazy layers share: the first call ends with the layer being of the class ``cls_to_become``."""

    cls_to_become: ClassVar[type[Module] | None] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(
            self._infer_parameters, with_kwargs=True
        )

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give the parameters their shapes, for the arguments of the first call."""
        raise NotImplementedError(
            f"initialize_parameters is not implemented for {type(self).__name__}"
        )

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer has no shape yet."""
        return any(is_lazy(t) for t in (*self._parameters.values(), *self._buffers.values()))

    def _infer_parameters(
        self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None
    ) -> None:
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {self._get_name()} has not been fully initialized")
        module._initialize_hook.remove()
        module._load_hook.remove()
        del module._initialize_hook, module._load_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _lazy_load_hook(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Take the shapes from a state that is about to be loaded."""
        for name, mine in (*self._parameters.items(), *self._buffers.items()):
            given = state_dict.get(prefix + name)
            if is_lazy(mine) and given is not None and not is_lazy(given):
                with no_grad():
                    mine.materialize(given.shape)  # type: ignore[union-attr]

    def _save_to_state_dict(
        self, destination: dict[str, Any], prefix: str, keep_vars: bool
    ) -> None:
        for name, t in self._own_state().items():
            destination[prefix + name] = t if keep_vars or is_lazy(t) else t.detach()


class LazyLinear(LazyModuleMixin, Linear):
    """Linear, with as many input features as the first input has."""

    cls_to_become = Linear

    def __init__(
        self, out_features: int, bias: bool = True, device: Any = None, dtype: DType | None = None
    ) -> None:
        super().__init__(0, 0, False)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_features = out_features
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw new weights, once there are some."""
        if not self.has_uninitialized_params() and self.in_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """input: (..., in_features)."""
        if not self.has_uninitialized_params():
            self.in_features = int(self.weight.shape[1])
            return
        self.in_features = int(input.shape[-1])
        with no_grad():
            _materialize(
                self, weight=(self.out_features, self.in_features), bias=(self.out_features,)
            )
            self.reset_parameters()


def _materialize(module: Module, **shapes: tuple[int, ...]) -> None:
    """Give those of ``module``'s tensors that have no shape yet the one of their name."""
    for name, shape in shapes.items():
        found = getattr(module, name)
        if is_lazy(found):
            found.materialize(shape)


class _LazyConv(LazyModuleMixin):
    """What the lazy convolutions share."""

    in_channels: int
    out_channels: int
    groups: int
    transposed: bool
    kernel_size: tuple[int, ...]

    def _forget(self, out_channels: int, bias: bool, device: Any, dtype: DType | None) -> None:
        """Put places without a shape where the weight, and the bias if there is one, will be."""
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw new weights, once there are some."""
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """input: (N, C_in, ...) or (C_in, ...)."""
        if not self.has_uninitialized_params():
            ends = [int(n) for n in self.weight.shape[:2]]
            self.in_channels = ends[0] if self.transposed else ends[1] * self.groups
            return
        axes = len(self.kernel_size)
        if input.ndim not in (axes + 1, axes + 2):
            raise RuntimeError(
                f"Expected {axes + 1}D (unbatched) or {axes + 2}D (batched) input to {type(self).__name__}, but "
                f"got input of size: {list(input.shape)}"
            )
        self.in_channels = int(input.shape[-axes - 1])
        if self.in_channels % self.groups:
            raise ValueError(
                f"in_channels must be divisible by groups: {self.in_channels} is not by {self.groups}"
            )
        ends = [self.out_channels, self.in_channels // self.groups]
        if self.transposed:
            ends = [self.in_channels, self.out_channels // self.groups]
        _materialize(self, weight=(*ends, *self.kernel_size), bias=(self.out_channels,))
        self.reset_parameters()


class _LazyConvPlain(_LazyConv):
    """A lazy convolution that is not transposed."""

    def __init__(
        self,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: str | Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(
            0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode, device, dtype
        )
        self._forget(out_channels, bias, device, dtype)


class _LazyConvTransposed(_LazyConv):
    """A lazy transposed convolution."""

    def __init__(
        self,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(
            0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation, padding_mode,
            device, dtype,
        )  # fmt: skip
        self._forget(out_channels, bias, device, dtype)


class LazyConv1d(_LazyConvPlain, Conv1d):  # type: ignore[misc]
    """Conv1d, with as many input channels as the first input has."""

    cls_to_become = Conv1d


class LazyConv2d(_LazyConvPlain, Conv2d):  # type: ignore[misc]
    """Conv2d, with as many input channels as the first input has."""

    cls_to_become = Conv2d


class LazyConv3d(_LazyConvPlain, Conv3d):  # type: ignore[misc]
    """Conv3d, with as many input channels as the first input has."""

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTransposed, ConvTranspose1d):  # type: ignore[misc]
    """ConvTranspose1d, with as many input channels as the first input has."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTransposed, ConvTranspose2d):  # type: ignore[misc]
    """ConvTranspose2d, with as many input channels as the first input has."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTransposed, ConvTranspose3d):  # type: ignore[misc]
    """ConvTranspose3d, with as many input channels as the first input has."""

    cls_to_become = ConvTranspose3d


class _LazyNorm(LazyModuleMixin, _NormBase):
    """What the lazy norms share."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, False, False, device, dtype, bias=False)
        self.affine = affine
        self.track_running_stats = track_running_stats
        if affine:
            self.weight = UninitializedParameter(device=device, dtype=dtype)
            if bias:
                self.bias = UninitializedParameter(device=device, dtype=dtype)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(device=device, dtype=dtype)
            self.running_var = UninitializedBuffer(device=device, dtype=dtype)
            self.num_batches_tracked = tensor(0, dtype=int64)

    def reset_parameters(self) -> None:
        """Set the scale to one, the shift to zero, the statistics to none, once there are some."""
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """input: (N, num_features, ...)."""
        if not self.has_uninitialized_params():
            known = self.weight if self.weight is not None else self.running_mean
            self.num_features = int(known.shape[0]) if known is not None else 0
            return
        size = self.num_features = int(input.shape[1])
        names = ("weight", "bias", "running_mean", "running_var")
        _materialize(self, **dict.fromkeys(names, (size,)))
        self.reset_parameters()


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """BatchNorm1d, with as many features as the first input has."""

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """BatchNorm2d, with as many features as the first input has."""

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """BatchNorm3d, with as many features as the first input has."""

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, InstanceNorm1d):
    """InstanceNorm1d, with as many features as the first input has."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, InstanceNorm2d):
    """InstanceNorm2d, with as many features as the first input has."""

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, InstanceNorm3d):
    """InstanceNorm3d, with as many features as the first input has."""

    cls_to_become = InstanceNorm3d
