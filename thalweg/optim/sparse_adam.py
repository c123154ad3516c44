"""SparseAdam: Adam for gradients of a sparse layout, which no operation here gives."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from .optimizer import Optimizer
from .settings import check_range, is_complex


class SparseAdam(Optimizer):
    """Adam that moves only what a sparse gradient names; here every gradient is dense, and it refuses those.

    Args:
        params: tensors, or dicts with "params" and settings of their own.
        betas: how much of the two running means stays at each step.
        eps: added to the root.
    Raises:
        ValueError: a setting is out of its range, or a parameter is complex.
        RuntimeError: in ``step``, a gradient is dense: use Adam.
    Source: Kingma and Ba 2015.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError(f"Tensor lr must be 1-element, its shape is {list(lr.shape)}")
        for name, value in (("learning rate", lr), ("epsilon value", eps)):
            if not float(value) > 0.0:
                raise ValueError(f"Invalid {name}: {value}")
        for i in (0, 1):
            check_range(f"beta parameter at index {i}", betas[i], 0.0, 1.0)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        for i, group in enumerate(self.param_groups):
            found = [[i, k] for k, p in enumerate(group["params"]) if is_complex(p)]
            if found:
                raise ValueError(
                    f"Complex params at indices {found}: SparseAdam does not support complex parameters"
                )

    def _step(self, groups: list[dict[str, Any]]) -> None:
        if any(p._grad is not None for group in groups for p in group["params"]):
            raise RuntimeError(
                "SparseAdam does not support dense gradients, please consider Adam instead"
            )
