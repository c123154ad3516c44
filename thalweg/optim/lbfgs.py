"""LBFGS: steps along a direction that past gradients tell, as far as a line search says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..tensor import Tensor
from ..tensor.joining import cat
from ..tensor.modes import enable_grad, no_grad
from .optimizer import Optimizer
from .settings import check_range

DESCENT, CURVATURE = 1e-4, 0.9  # of the strong Wolfe conditions
LEAST_WIDTH = 1e-9
LEAST_PRODUCT = 1e-10


class LBFGS(Optimizer):
    """The limited-memory method of Broyden, Fletcher, Goldfarb and Shanno; one group of parameters, a closure a step.

    Args:
        params: tensors.
        max_iter: the most directions in one step.
        max_eval: the most calls of the closure in one step; 1.25 times ``max_iter`` by default.
        tolerance_grad: a step ends where no element of the gradient is larger.
        tolerance_change: a step ends where the loss or the parameters change by less.
        history_size: how many directions are remembered.
        line_search_fn: "strong_wolfe", or None to go ``lr`` along each direction.
    Raises:
        ValueError: a setting is out of its range, or there are several groups.
        RuntimeError: in ``step``, an unknown line search.
    Source: Nocedal and Wright 2006, algorithms 7.4 and 7.5.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError(f"Tensor lr must be 1-element, its shape is {list(lr.shape)}")
        check_range("learning rate", lr)
        super().__init__(params, {
            "lr": lr, "max_iter": max_iter, "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change, "history_size": history_size,
            "line_search_fn": line_search_fn,
        })  # fmt: skip
        if len(self.param_groups) != 1:
            raise ValueError(
                "LBFGS doesn't support per-parameter options (parameter groups): "
                f"there are {len(self.param_groups)}, make one optimizer for each"
            )

    @property
    def _params(self) -> list[Any]:
        params: list[Any] = self.param_groups[0]["params"]
        return params

    def _flat_grad(self) -> Tensor:
        """(N,) the gradients of all parameters; zeros where there is none."""
        flat: Tensor = cat([
            p.new_zeros(p.numel()) if p.grad is None else p.grad.reshape(-1) for p in self._params
        ])  # fmt: skip
        return flat

    def _move(self, size: Any, direction: Tensor) -> None:
        """Add ``size`` times ``direction`` (N,) to the parameters."""
        start = 0
        for p in self._params:
            end = start + p.numel()
            p.add_(direction[start:end].view_as(p), alpha=float(size))
            start = end

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Up to ``max_iter`` directions; ``closure`` clears the gradients, computes the loss and goes backward.

        Gives the loss at the start.
        """
        if closure is None:
            raise TypeError("LBFGS.step() missing 1 required positional argument: 'closure'")
        with no_grad():
            return self._iterate(enable_grad()(closure))

    def _iterate(self, closure: Callable[[], Any]) -> Any:
        group, state = self.param_groups[0], self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = closure()
        loss, evaluations = float(first_loss), 1
        state["func_evals"] += 1
        grad = self._flat_grad()
        if grad.abs().max() <= group["tolerance_grad"]:
            return first_loss
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            direction = _direction(state, grad, group["history_size"])
            size = lr = _number(group["lr"])
            if state["n_iter"] == 1:
                size = min(1.0, 1.0 / grad.abs().sum()) * lr
            state["t"], state["prev_loss"] = size, loss
            slope = grad.dot(direction)
            if slope > -group["tolerance_change"]:
                break
            if group["line_search_fn"] is not None:
                start = _Point(0, loss, grad, slope)
                left = group["max_eval"] - evaluations
                point, count = self._search(closure, direction, start, size, left)
                loss, grad, size = point.loss, point.grad, point.size
                state["t"] = size
                self._move(size, direction)
            else:
                self._move(size, direction)
                count = int(iteration != group["max_iter"])
                if count:
                    loss, grad = float(closure()), self._flat_grad()
            evaluations += count
            state["func_evals"] += count
            if iteration == group["max_iter"] or evaluations >= group["max_eval"]:
                break
            if self._settled(group, grad, direction * size, loss - state["prev_loss"]):
                break
        return first_loss

    def _settled(self, group: dict[str, Any], grad: Tensor, moved: Tensor, change: float) -> bool:
        """Whether gradient, step or change of the loss is within its tolerance."""
        if grad.abs().max() <= group["tolerance_grad"]:
            return True
        if moved.abs().max() <= group["tolerance_change"]:
            return True
        return bool(abs(change) < group["tolerance_change"])

    def _search(
        self, closure: Callable[[], Any], direction: Tensor, start: _Point, size: Any, most: int
    ) -> tuple[_Point, int]:
        """The point that the line search finds, and how often it called ``closure``."""
        name = self.param_groups[0]["line_search_fn"]
        if name != "strong_wolfe":
            raise RuntimeError(f"only 'strong_wolfe' is supported, not {name!r}")
        here = [p.clone() for p in self._params]

        def at(size: Any) -> _Point:
            self._move(size, direction)
            loss = float(closure())
            grad = self._flat_grad()
            for p, value in zip(self._params, here, strict=True):
                p.copy_(value)
            return _Point(size, loss, grad, grad.dot(direction))

        return strong_wolfe(at, start, size, direction.abs().max(), most)


class _Point(NamedTuple):
    """What the loss is at ``size`` along a direction, with its gradient (N,) and its slope ()."""

    size: Any
    loss: float
    grad: Tensor
    slope: Any


def _number(rate: Any) -> Any:
    """A rate as a number or a tensor ()."""
    return rate.reshape(()) if isinstance(rate, Tensor) else rate


def _direction(state: dict[str, Any], grad: Tensor, history: int) -> Tensor:
    """(N,) the direction at a gradient (N,), with the memory in ``state`` brought up to it."""
    if state["n_iter"] == 1:
        state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
        d: Tensor = -grad
        state["d"], state["prev_flat_grad"] = d, grad.clone()
        return d
    changes, steps, inverses = state["old_dirs"], state["old_stps"], state["ro"]
    change, step = grad - state["prev_flat_grad"], state["d"] * state["t"]
    product = change.dot(step)
    if product > LEAST_PRODUCT:
        if len(changes) == history:
            for memory in (changes, steps, inverses):
                memory.pop(0)
        changes.append(change)
        steps.append(step)
        inverses.append(1.0 / product)
        state["H_diag"] = product / change.dot(change)
    shares = state.setdefault("al", [None] * history)
    d = -grad
    for i in reversed(range(len(changes))):
        shares[i] = steps[i].dot(d) * inverses[i]
        d = d - changes[i] * shares[i]
    d = d * state["H_diag"]
    for i in range(len(changes)):
        d = d + steps[i] * (shares[i] - changes[i].dot(d) * inverses[i])
    state["d"], state["prev_flat_grad"] = d, grad.clone()
    return d


def strong_wolfe(
    at: Callable[[Any], _Point], start: _Point, size: Any, longest: Any, most: int
) -> tuple[_Point, int]:
    """A point that fulfills the strong Wolfe conditions, or the best one found, and the number of evaluations.

    Args:
        at: evaluates a size along the direction.
        start: the point at size 0.
        size: the first to try.
        longest: () the largest element of the direction.
        most: about the most evaluations.
    Source: Nocedal and Wright 2006, algorithms 3.5 and 3.6; the cubic of equation 3.59.
    """
    before, point = start, at(size)
    count, done, bracket = 0, False, [start, point]
    while count < most:
        if _too_high(start, point) or (count > 1 and point.loss >= before.loss):
            bracket = [before, point]
            break
        if abs(point.slope) <= -CURVATURE * start.slope:
            bracket, done = [point], True
            break
        if point.slope >= 0:
            bracket = [before, point]
            break
        reach = (point.size + 0.01 * (point.size - before.size), point.size * 10)
        before, point = point, at(_least_of_cubic(before, point, reach))
        count += 1
    if count == most:
        bracket = [start, point]
    if not done:
        count = _zoom(at, start, bracket, longest, count, most)
    return _lowest(bracket), count + 1


def _zoom(
    at: Callable[[Any], _Point], start: _Point, bracket: list[_Point], longest: Any, count: int, most: int
) -> int:  # fmt: skip
    """Draw ``bracket`` together round a point that fulfills the conditions; gives the count of evaluations."""
    stuck = False
    low = 0 if bracket[0].loss <= bracket[1].loss else 1
    while count < most and abs(bracket[1].size - bracket[0].size) * longest >= LEAST_WIDTH:
        size, stuck = _inside(bracket, _least_of_cubic(bracket[0], bracket[1]), stuck)
        point = at(size)
        count += 1
        if _too_high(start, point) or point.loss >= bracket[low].loss:
            bracket[1 - low] = point
            low = 0 if bracket[0].loss <= bracket[1].loss else 1
            continue
        flat = abs(point.slope) <= -CURVATURE * start.slope
        if not flat and point.slope * (bracket[1 - low].size - bracket[low].size) >= 0:
            bracket[1 - low] = bracket[low]
        bracket[low] = point  # the lowest now
        if flat:
            break
    return count


def _inside(bracket: list[_Point], size: Any, stuck: bool) -> tuple[Any, bool]:
    """``size`` moved off the bracket's ends where it is at one, or near one a second time; and whether it is near."""
    least, most = sorted((bracket[0].size, bracket[1].size))
    margin = 0.1 * (most - least)
    if not min(most - size, size - least) < margin:
        return size, False
    if not (stuck or size >= most or size <= least):
        return size, True
    return (most - margin if abs(size - most) < abs(size - least) else least + margin), False


def _too_high(start: _Point, point: _Point) -> bool:
    """Whether the loss has not fallen enough."""
    return bool(point.loss > start.loss + DESCENT * point.size * start.slope)


def _lowest(bracket: list[_Point]) -> _Point:
    return bracket[0] if bracket[0].loss <= bracket[-1].loss else bracket[-1]


def _least_of_cubic(a: _Point, b: _Point, reach: tuple[Any, Any] | None = None) -> Any:
    """The size at which the cubic through two points, with their slopes, is least, within ``reach``."""
    low, high = (a, b) if a.size <= b.size else (b, a)
    least, most = (low.size, high.size) if reach is None else reach
    mean = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.size - b.size)
    square = mean**2 - a.slope * b.slope
    if not square >= 0:
        return (least + most) / 2.0
    root = square.sqrt()
    share = (high.slope + root - mean) / (high.slope - low.slope + 2 * root)
    return min(max(high.size - (high.size - low.size) * share, least), most)
