"""Layers for several devices, on the one that there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..ir.dtype import DType
from ..tensor import Tensor
from ..tensor.modes import no_grad
from .module import Module
from .normalization import _BatchNorm


class _Calling(Module):
    """Calls its ``module``."""

    module: Module

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """inputs, kwargs: what ``module`` takes; gives what it gives."""
        return self.module(*inputs, **kwargs)


class DataParallel(_Calling):
    """Calls its ``module``: on a machine without further devices there is nothing to divide the batch among."""

    def __init__(
        self,
        module: Module,
        device_ids: Sequence[Any] | None = None,
        output_device: Any = None,
        dim: int = 0,
    ) -> None:
        super().__init__()
        self.module = module
        self.device_ids: list[int] = []


class DistributedDataParallel(_Calling):
    """Calls its ``module``: the mean of the gradients of all processes is that of the one there is.

    Args:
        module: a module with parameters that are trained.
        device_ids, output_device, dim, options: PyTorch's; they say how several devices and processes would share.
    Raises:
        RuntimeError: no parameter of ``module`` requires a gradient.
    """

    def __init__(
        self,
        module: Module,
        device_ids: Sequence[Any] | None = None,
        output_device: Any = None,
        dim: int = 0,
        **options: Any,
    ) -> None:
        super().__init__()
        if not any(p.requires_grad for p in module.parameters()):
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameter that requires a gradient."
            )
        self.module = module
        self.device_ids, self.dim = device_ids, dim
        self.require_backward_grad_sync = True

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Gradients are not averaged over processes until the block ends; with one process nothing is."""
        before, self.require_backward_grad_sync = self.require_backward_grad_sync, False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before


class SyncBatchNorm(_BatchNorm):
    """Batch normalization over all processes: of the one that there is."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )
        self.process_group = process_group

    def _check_input_dim(self, input: Tensor) -> None:
        """Raise where ``input`` is not (N, C, ...)."""
        if input.ndim < 2:
            raise ValueError(f"expected at least 2D input (got {input.ndim}D input)")
        if input.shape[1] == 0:
            raise ValueError("SyncBatchNorm number of input channels should be non-zero")

    @classmethod
    def convert_sync_batchnorm(cls, module: Any, process_group: Any = None) -> Any:
        """``module`` with every batch norm in it as a SyncBatchNorm on the same parameters."""
        found = module
        if isinstance(module, _BatchNorm):
            found = cls(
                module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats,
                process_group, bias=module.bias is not None,
            )  # fmt: skip
            if module.affine:
                with no_grad():
                    found.weight, found.bias = module.weight, module.bias
            found.running_mean, found.running_var = module.running_mean, module.running_var
            found.num_batches_tracked = module.num_batches_tracked
            found.training = module.training
        for name, child in module.named_children():
            found.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return found
