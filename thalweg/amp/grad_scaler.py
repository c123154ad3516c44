"""``GradScaler``: losses scaled up, so that small gradients don't vanish in float16.

The scale grows after some steps without an infinite gradient, and shrinks at one, whose step is left out.
Source: Micikevicius et al. 2018, "Mixed precision training", section 3.2.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..ir.dtype import float16
from ..tensor.core import TensorCore
from ..tensor.modes import no_grad
from ..tensor.pointwise import isfinite
from .autocast_mode import check_device

if TYPE_CHECKING:
    from ..optim.optimizer import Optimizer

_READY, _UNSCALED, _STEPPED = "ready", "unscaled", "stepped"


class GradScaler:
    """Scales losses before ``backward`` and unscales gradients before a step.

    Args:
        device: "cpu"; for another device there is none here, so nothing is scaled.
        init_scale: the scale at the start.
        growth_factor, backoff_factor: what the scale is multiplied by to grow (> 1) and to shrink (< 1).
        growth_interval: steps in a row without an infinite gradient, after which the scale grows.
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = check_device(device)
        if enabled and self._device != "cpu":
            warnings.warn(
                f"GradScaler is enabled for {self._device}, but there is no such device here.  Disabling.",
                stacklevel=2,
            )
            enabled = False
        self._enabled = enabled
        if enabled:
            assert growth_factor > 1.0, "The growth factor must be > 1.0."
            assert backoff_factor < 1.0, "The backoff factor must be < 1.0."
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval, self._init_scale = growth_interval, init_scale
        self._scale: float | None = None  # until something is scaled
        self._growth_tracker = 0
        self._stages: dict[int, str] = {}  # of optimizers, by id
        self._found_inf: dict[int, bool] = {}

    def scale(self, outputs: Any) -> Any:
        """A tensor, or each of an iterable, times the scale.

        Raises:
            ValueError: it is neither.
        """
        if not self._enabled:
            return outputs
        if self._scale is None:
            self._scale = float(self._init_scale)
        if isinstance(outputs, TensorCore):
            return outputs * self._scale  # type: ignore[operator]
        if not isinstance(outputs, Iterable):
            raise ValueError("outputs must be a Tensor or an iterable of Tensors")
        scaled = [self.scale(part) for part in outputs]
        return tuple(scaled) if isinstance(outputs, tuple) else scaled

    def _scale_for(self, doing: str) -> float:
        assert self._scale is not None, (
            f"Attempted {doing} but _scale is None.  This may indicate your script did not use scaler.scale(loss or "
            "outputs) earlier in the iteration."
        )
        return self._scale

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients of an optimizer's parameters by the scale, and note whether one is infinite or NaN.

        Raises:
            RuntimeError: it was done since the last ``update``, or after the step.
            ValueError: a gradient is float16, which may not hold the quotient.
        """
        if not self._enabled:
            return
        scale, stage = (
            self._scale_for("unscale_"),
            self._stages.get(id(optimizer), _READY),
        )
        if stage == _UNSCALED:
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        if stage == _STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        bad: Any = None
        with no_grad():
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    g = parameter.grad
                    if g is None:
                        continue
                    if g.dtype is float16:
                        raise ValueError("Attempting to unscale FP16 gradients.")
                    here = isfinite(g).logical_not().any()
                    bad = here if bad is None else bad | here
                    g.mul_(1.0 / scale)
        if bad is not None:
            self._found_inf[id(optimizer)] = bool(bad)
        self._stages[id(optimizer)] = _UNSCALED

    def step(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
        """``optimizer.step()`` with unscaled gradients; left out where one of them is infinite or NaN.

        Raises:
            RuntimeError: it has stepped since the last ``update``, or a closure is given.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._scale_for("step")
        key = id(optimizer)
        if self._stages.get(key) == _STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if self._stages.get(key) != _UNSCALED:
            self.unscale_(optimizer)
        assert key in self._found_inf, "No inf checks were recorded for this optimizer."
        result = None if self._found_inf[key] else optimizer.step(*args, **kwargs)
        self._stages[key] = _STEPPED
        return result

    def update(self, new_scale: Any = None) -> None:
        """Let the scale grow or shrink after the steps of all optimizers; or make it ``new_scale``."""
        if not self._enabled:
            return
        scale = self._scale_for("update")
        if new_scale is not None:
            self._scale = float(new_scale)
        else:
            assert self._found_inf, "No inf checks were recorded prior to update."
            self._scale = self._moved(scale, any(self._found_inf.values()))
        self._stages.clear()
        self._found_inf.clear()

    def _moved(self, scale: float, found_inf: bool) -> float:
        if found_inf:
            self._growth_tracker = 0
            return scale * self._backoff_factor
        self._growth_tracker += 1
        if self._growth_tracker < self._growth_interval:
            return scale
        self._growth_tracker = 0
        grown = scale * self._growth_factor
        return grown if math.isfinite(grown) and grown < 2.0**128 else scale

    def get_scale(self) -> float:
        """The scale; 1.0 where nothing is scaled."""
        if not self._enabled:
            return 1.0
        return float(self._init_scale) if self._scale is None else self._scale

    def get_growth_factor(self) -> float:
        """What the scale is multiplied by to grow."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Make that ``new_factor``."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What the scale is multiplied by to shrink."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Make that ``new_factor``."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """After how many steps without an infinite gradient the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Make that ``new_interval``."""
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        """Whether anything is scaled."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """The scale and how it moves; empty where nothing is scaled."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what ``state_dict`` gave.

        Raises:
            RuntimeError: it is empty, so it was given by one that scaled nothing.
        """
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        if self._scale is not None:
            self._scale = float(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = state_dict["_growth_tracker"]
