"""Averages of a model's weights along its training, and the schedule and statistics that go with them."""

from __future__ import annotations

import copy
import itertools
import math
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from ..nn.module import Module
from ..nn.normalization import _BatchNorm
from ..tensor import Tensor
from ..tensor.creation import tensor
from ..tensor.modes import no_grad
from .lr_scheduler.base import LRScheduler, per_group
from .optimizer import Optimizer

__all__ = [
    "AveragedModel",
    "SWALR",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]
One = Callable[[Tensor, Tensor, Any], Tensor]
Many = Callable[[Any, Any, Any], None]


def _checked(decay: float) -> float:
    if decay < 0.0 or decay > 1.0:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )
    return decay


def get_ema_multi_avg_fn(decay: float = 0.999) -> Many:
    """A function that moves averages toward current values, lists of (*), by 1 - ``decay`` of the way."""
    _checked(decay)

    @no_grad()
    def ema_update(ema_param_list: Any, current_param_list: Any, _: Any) -> None:
        for average, current in zip(ema_param_list, current_param_list, strict=True):
            if average.is_floating_point():
                average.lerp_(current, 1 - decay)
            else:
                average.copy_(average * decay + current * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn() -> Many:
    """A function that takes current values into the plain means of ``num_averaged``, lists of (*)."""

    @no_grad()
    def swa_update(averaged_param_list: Any, current_param_list: Any, num_averaged: Any) -> None:
        count = float(num_averaged) + 1
        for average, current in zip(averaged_param_list, current_param_list, strict=True):
            if average.is_floating_point():
                average.lerp_(current, 1 / count)
            else:
                average.copy_(average + (current - average) / count)

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> One:
    """A function of an average, a current value, both (*), and their count, that gives the next running mean."""
    _checked(decay)

    @no_grad()
    def ema_update(ema_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        average: Tensor = decay * ema_param + (1 - decay) * current_param
        return average

    return ema_update


def get_swa_avg_fn() -> One:
    """A function of an average, a current value, both (*), and their count, that gives the next plain mean."""

    @no_grad()
    def swa_update(averaged_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        moved: Tensor = (current_param - averaged_param) / (num_averaged + 1)
        moved = averaged_param + moved
        return moved

    return swa_update


class AveragedModel(Module):
    """A copy of a model whose parameters are averages of what the model's were at each ``update_parameters``.

    Args:
        model: the one to follow; it is copied.
        avg_fn: (average, current, count) to the next average; or
        multi_avg_fn: (averages, currents, count), which writes into the averages. By default plain means.
        use_buffers: average buffers too; otherwise they are copied.
    Attributes:
        module: the copy.
        n_averaged: () how often it was updated.
    Raises:
        AssertionError: both functions are given.
    Source: Izmailov et al. 2018, "Averaging weights leads to wider optima and better generalization".
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: One | None = None,
        multi_avg_fn: Many | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged module gives."""
        return self.module(*args, **kwargs)

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take the parameters of ``model`` into the averages."""
        pairs = [(a.detach(), b.detach()) for a, b in zip(*map(self._averaged, (self.module, model)), strict=False)]  # fmt: skip
        if self.n_averaged == 0:
            for average, current in pairs:
                average.copy_(current)
        elif self.avg_fn is not None:
            for average, current in pairs:
                average.copy_(self.avg_fn(average, current, self.n_averaged))
        else:
            update = self.multi_avg_fn or get_swa_multi_avg_fn()
            for dtype in dict.fromkeys(a.dtype for a, _ in pairs):
                alike = [pair for pair in pairs if pair[0].dtype is dtype]
                update([a for a, _ in alike], [b for _, b in alike], self.n_averaged)
        if not self.use_buffers:
            for kept, now in zip(self.module.buffers(), model.buffers(), strict=True):
                kept.detach().copy_(now.detach())
        self.n_averaged += 1

    def _averaged(self, module: Module) -> Iterable[Tensor]:
        """What of a model is averaged, in order."""
        buffers = module.buffers() if self.use_buffers else ()
        return itertools.chain(module.parameters(), buffers)


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of batch-norm layers anew, as means over what ``loader`` gives.

    Of a batch that is a list or tuple the first part is the input.
    """
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    if not norms:
        return
    momenta, was_training = [m.momentum for m in norms], model.training
    model.train()
    for m in norms:
        m.reset_running_stats()
        m.momentum = None
    for batch in loader:
        input = batch[0] if isinstance(batch, list | tuple) else batch
        model(input if device is None else input.to(device))
    for m, momentum in zip(norms, momenta, strict=True):
        m.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """From each group's rate to ``swa_lr``, in ``anneal_epochs`` steps, then constant.

    Args:
        swa_lr: one rate, or a list with one for each group.
        anneal_epochs: how many steps it takes; 0: at once.
        anneal_strategy: along a cosine ("cos") or a line ("linear").
    Raises:
        ValueError: a setting is none of these.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: Any,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        for group, rate in zip(optimizer.param_groups, per_group(optimizer, swa_lr, "swa_lr"), strict=True):  # fmt: skip
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def anneal_func(self, t: float) -> float:
        """How much of the way is done at ``t`` of the time, both from 0 to 1."""
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def get_lr(self) -> list[Any]:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning,
                stacklevel=2,
            )
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = (
            self.anneal_func(max(0, min(1, s / max(1, self.anneal_epochs))))
            for s in (step - 1, step)
        )
        rates = []
        for group in self.optimizer.param_groups:
            last, lr = group["swa_lr"], group["lr"]
            first = last if before == 1 else (lr - before * last) / (1 - before)
            rates.append(last * now + first * (1 - now))
        return rates
