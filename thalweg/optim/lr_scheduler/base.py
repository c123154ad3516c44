"""What every schedule shares: where it stands, moving on, and writing rates into the optimizer's groups.

Note: chainable rates. A schedule gives each new rate as a factor on the rate that the group has now, so
several schedules steer one optimizer together, and a rate changed by hand stays changed.
"""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable
from typing import Any

from ...tensor import Tensor
from ..optimizer import Optimizer

Rates = list[Any]

EPOCH_IS_DEPRECATED = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible: use "
    "`scheduler.step()` to step the scheduler. With an epoch, the closed form is used instead of the chainable "
    "form, where there is one."
)


class LRScheduler:
    """Base class: ``get_lr`` gives the groups' rates for ``last_epoch``; ``step`` moves on.

    Args:
        optimizer: the one whose groups are steered.
        last_epoch: -1 to begin; otherwise the step to resume at, with ``initial_lr`` in every group.
    Raises:
        TypeError: ``optimizer`` is no Optimizer.
        KeyError: a group lacks ``initial_lr`` when resuming.
    """

    _get_lr_called_within_step = False
    _is_initial = False
    _step_count: int
    _last_lr: Rates

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = checked(optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with "
                    f"last_epoch >= 0: load the optimizer's state_dict first, or begin with last_epoch=-1"
                )
        self.base_lrs: Rates = [copied(g["initial_lr"]) for g in optimizer.param_groups]
        self.last_epoch: Any = last_epoch
        self._initial_step()

    def _initial_step(self) -> None:
        """Set the rates to begin with."""
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def get_lr(self) -> Rates:
        """The rate of each group at ``last_epoch``. To look at the rates, use ``get_last_lr()``."""
        raise NotImplementedError

    def get_last_lr(self) -> Rates:
        """The rates that were set last."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Move on by one (or to ``epoch``) and set the rates."""
        if self._step_count == 1:
            self._check_order()
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_IS_DEPRECATED, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _check_order(self) -> None:
        """Warn when the schedule moves on although the optimizer has not made a step."""
        if "step" in vars(self.optimizer):
            warnings.warn(
                "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. "
                "Please, make sure to call `optimizer.step()` before `lr_scheduler.step()`.",
                UserWarning,
                stacklevel=3,
            )
        elif not self.optimizer._opt_called:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. Call them in the opposite order: "
                "`optimizer.step()` before `lr_scheduler.step()`. Otherwise the first value of the learning rate "
                "schedule is skipped.",
                UserWarning,
                stacklevel=3,
            )

    def _update_lr(self, epoch: int | None = None) -> None:
        """Move on and write the rates, without a look at the order of steps."""
        self._get_lr_called_within_step = True
        try:
            self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
            closed = None if epoch is None else getattr(self, "_get_closed_form_lr", None)
            rates = self.get_lr() if closed is None else closed()
        finally:
            self._get_lr_called_within_step = False
        self._set(rates)

    def _set(self, rates: Rates) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            put(group, "lr", rate)
        self._last_lr = self._now()

    def _now(self) -> Rates:
        return [copied(g["lr"]) for g in self.optimizer.param_groups]

    def _times(self, factor: float) -> Rates:
        return [g["lr"] * factor for g in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer."""
        return {k: v for k, v in vars(self).items() if k != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what ``state_dict`` gave."""
        vars(self).update(state_dict)


class _LRScheduler(LRScheduler):
    """The name that old programs derive from."""


class Schedule(LRScheduler):
    """A schedule of the library: ``rates`` gives what ``get_lr`` shows."""

    def rates(self) -> Rates:
        """The rate of each group at ``last_epoch``."""
        raise NotImplementedError

    def get_lr(self) -> Rates:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning,
                stacklevel=2,
            )
        return self.rates()


def checked(optimizer: Any) -> Optimizer:
    """``optimizer``, or a TypeError if it is none."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
    return optimizer


def copied(value: Any) -> Any:
    """A setting's value; a tensor's own copy, which nobody else writes to."""
    return value.clone() if isinstance(value, Tensor) else value


def put(group: dict[str, Any], name: str, value: Any) -> None:
    """Change a group's setting; a tensor () is filled and stays the same tensor."""
    if isinstance(group[name], Tensor):
        group[name].fill_(float(value))
    else:
        group[name] = value


def per_group(optimizer: Optimizer, value: Any, name: str) -> list[Any]:
    """``value`` for each group: one for all, or a list with one for each."""
    count = len(optimizer.param_groups)
    if not isinstance(value, list | tuple):
        return [copied(value) for _ in range(count)]
    if len(value) != count:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. "
            f"{name} has {len(value)} values, param_groups has {count}."
        )
    return [copied(v) for v in value]


def held_state(function: Callable[..., Any] | None) -> dict[str, Any] | None:
    """What a user's callable object remembers; None for a plain function, which is not saved."""
    if function is None or isinstance(function, types.FunctionType):
        return None
    return vars(function).copy()
