"""Layers that bring their input to mean 0 and variance 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..ir.dtype import DType, int64
from ..tensor import Tensor
from ..tensor.creation import empty, ones, tensor, zeros
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter


class _Scaled(Module):
    """A layer whose output is scaled by ``weight`` and moved by ``bias``, each (*) or None."""

    weight: Parameter | None
    bias: Parameter | None

    def _make_scale(
        self, shape: Any, affine: bool, bias: bool, device: Any, dtype: DType | None
    ) -> None:
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            made = Parameter(empty(shape, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, made)

    def reset_parameters(self) -> None:
        """Set the scale to one and the shift to zero."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class _NormBase(_Scaled):
    """What the norms with running statistics share.

    Attributes:
        weight, bias: (num_features,) or None.
        running_mean, running_var: (num_features,) or None.
        num_batches_tracked: () int64, or None.
    """

    _version = 2
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._make_scale(num_features, affine, bias, device, dtype)
        kind = {"device": device, "dtype": dtype}
        track = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, **kind) if track else None)
        self.register_buffer("running_var", ones(num_features, **kind) if track else None)
        self.register_buffer("num_batches_tracked", tensor(0, dtype=int64) if track else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the statistics of the batches seen so far."""
        if self.running_mean is not None and self.running_var is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Set the scale to one, the shift to zero, and forget the running statistics."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_input_dim(self, input: Tensor) -> None:
        """Raise where ``input`` (*) does not have this layer's number of axes."""
        raise NotImplementedError

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *args: Any
    ) -> None:
        # State dictionaries written before version 2 do not count batches.
        version = local_metadata.get("version")
        key = prefix + "num_batches_tracked"
        if (version is None or version < 2) and self.track_running_stats and key not in state_dict:
            counted = self.num_batches_tracked
            state_dict[key] = tensor(0, dtype=int64) if counted is None else counted
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_NormBase):
    """Normalizes each channel over the batch; with running statistics once in evaluation mode."""

    def _average_factor(self) -> float:
        """How much of the new statistics the running ones take in; counts the batch."""
        factor = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                factor = 1.0 / float(self.num_batches_tracked)
        return factor

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, num_features, ...); gives the same shape."""
        self._check_input_dim(input)
        factor = self._average_factor()
        mean, var = self.running_mean, self.running_var
        by_batch = self.training or (mean is None and var is None)
        if self.training and not self.track_running_stats:
            mean = var = None
        return F.batch_norm(input, mean, var, self.weight, self.bias, by_batch, factor, self.eps)


class BatchNorm1d(_BatchNorm):
    """Batch normalization of (N, num_features) or (N, num_features, L).

    Source: Ioffe and Szegedy 2015.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        """Raise where ``input`` is neither (N, C) nor (N, C, L)."""
        if input.ndim not in (2, 3):
            raise ValueError(
                f"expected 2D or 3D input (got {input.ndim}D input): shape {list(input.shape)}"
            )


class BatchNorm2d(_BatchNorm):
    """Batch normalization of (N, num_features, H, W).

    Source: Ioffe and Szegedy 2015.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        """Raise where ``input`` is not (N, C, H, W)."""
        if input.ndim != 4:
            raise ValueError(
                f"expected 4D input (got {input.ndim}D input): shape {list(input.shape)}"
            )


class BatchNorm3d(_BatchNorm):
    """Batch normalization of (N, num_features, D, H, W).

    Source: Ioffe and Szegedy 2015.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        """Raise where ``input`` is not (N, C, D, H, W)."""
        if input.ndim != 5:
            raise ValueError(
                f"expected 5D input (got {input.ndim}D input): shape {list(input.shape)}"
            )


class _InstanceNorm(_NormBase):
    """Normalizes each channel of each sample.

    Source: Ulyanov, Vedaldi and Lempitsky 2016.
    """

    _axes: ClassVar[int]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def _check_input_dim(self, input: Tensor) -> None:
        """Raise where ``input`` is not (N, C, ...) or (C, ...) with this layer's number of axes."""
        n = self._axes
        if input.ndim not in (n + 1, n + 2):
            raise ValueError(
                f"expected {n + 1}D or {n + 2}D input (got {input.ndim}D input): shape {list(input.shape)}"
            )

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, num_features, ...) or (num_features, ...); gives the same shape."""
        self._check_input_dim(input)
        single = input.ndim == self._axes + 1
        batch = input.unsqueeze(0) if single else input
        by_sample = self.training or not self.track_running_stats
        factor = 0.0 if self.momentum is None else self.momentum
        result = F.instance_norm(
            batch,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            by_sample,
            factor,
            self.eps,
        )
        return result.squeeze(0) if single else result


class InstanceNorm1d(_InstanceNorm):
    """Instance normalization of (N, num_features, L) or (num_features, L)."""

    _axes = 1


class InstanceNorm2d(_InstanceNorm):
    """Instance normalization of (N, num_features, H, W) or (num_features, H, W)."""

    _axes = 2


class InstanceNorm3d(_InstanceNorm):
    """Instance normalization of (N, num_features, D, H, W) or (num_features, D, H, W)."""

    _axes = 3


class LayerNorm(_Scaled):
    """Normalizes each sample over its last axes.

    Attributes:
        weight: (*normalized_shape) or None.
        bias: (*normalized_shape) or None.
    Source: Ba, Kiros and Hinton 2016.
    """

    _repeats = True

    normalized_shape: tuple[int, ...]

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        shape = (
            (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        )
        self.normalized_shape = shape
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._make_scale(shape, elementwise_affine, bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """input: (*, *normalized_shape); gives the same shape."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """Divides each sample by the root of its mean square over its last axes.

    Attributes:
        weight: (*normalized_shape) or None.
    Source: Zhang and Sennrich 2019.
    """

    _repeats = True

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        shape = (
            (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        )
        self.normalized_shape = shape
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        made = Parameter(empty(shape, device=device, dtype=dtype)) if elementwise_affine else None
        self.register_parameter("weight", made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the scale to one."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        """input: (*, *normalized_shape); gives the same shape."""
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(_Scaled):
    """Normalizes each sample over groups of channels.

    Attributes:
        weight: (num_channels,) or None.
        bias: (num_channels,) or None.
    Source: Wu and He 2018.
    """

    _repeats = True

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups != 0:
            raise ValueError(
                f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._make_scale(num_channels, affine, bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, num_channels, ...); gives the same shape."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )
