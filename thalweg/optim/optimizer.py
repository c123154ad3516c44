"""What every optimizer shares: groups, state, and a step that is one recorded edge.

Note: the step edge. ``step()`` hands all parameters, gradients and states to one operation, whose graph is
each group's ``update`` written on Vars. Numbers (lr, momentum, ...) are run-time scalars; whatever the
update branches on is a static flag. The new Values are put into the storages only when the edge is taken,
so a step that fails leaves everything as it was.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np

from ..ir.builder import Var
from ..ops.composite import Op
from ..runtime.recorder import record
from ..runtime.value import Value, number
from ..tensor import Tensor
from ..tensor.core import TensorCore
from ..tensor.creation import from_array
from ..tensor.dispatch import wrap
from ..tensor.modes import enable_grad
from ..tensor.node import Handle

State = dict[str, Any]


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


def _step_graph(*operands: Any) -> list[Var]:
    """Every group's update, one parameter after another. The last operand is the layout."""
    given, layout = iter(operands[:-1]), operands[-1]
    update, groups, n_counters = layout
    counters = [next(given) for _ in range(n_counters)]
    ticked = [c + 1 for c in counters]
    results: list[Var] = list(ticked)
    for flags, names, members in groups:
        hyper = dict(zip(names, [next(given) for _ in names], strict=True))
        for state_names, counter in members:
            p, g = next(given), next(given)
            state = {name: next(given) for name in state_names}
            if counter is not None:
                state["step"] = ticked[counter]
            new_p, new_state = update(g, p, state, hyper, dict(flags))
            results.append(new_p)
            results.extend(new_state.values())
    return results


STEP = Op(_step_graph, "Step")


class Optimizer:
    """Base class. A subclass gives ``hyper``, ``flags``, ``init`` and ``update``.

    Attributes:
        state_names: what ``update`` gives back beside the parameter, in order.
        counts: whether each parameter counts its steps, as ``state["step"]``.
    """

    state_names: ClassVar[tuple[str, ...]] = ()
    counts: ClassVar[bool] = False
    _opt_called = False  # whether a step was made; schedules look at it

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        if isinstance(params, TensorCore):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                f"{type(params).__name__}: write [tensor]"
            )
        self.defaults = defaults
        self.state: defaultdict[Any, State] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self._pre_hooks: dict[int, Callable[..., Any]] = {}
        self._post_hooks: dict[int, Callable[..., Any]] = {}
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Let ``param_group["params"]`` be trained too, with its own settings beside the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        listed = [params] if isinstance(params, TensorCore) else params
        if isinstance(listed, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections: a set has no order"
            )
        named = [p if isinstance(p, tuple) else (None, p) for p in listed]
        group = {**self.defaults, **{k: v for k, v in param_group.items() if k != "params"}}
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    f"parameter group didn't specify a value of required optimization parameter {name}"
                )
        known = {id(p) for other in self.param_groups for p in other["params"]}
        for _, p in named:
            if not isinstance(p, TensorCore):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}"
                )
            if not p.is_leaf:
                raise ValueError("can't optimize a non-leaf Tensor")
            if id(p) in known:
                raise ValueError("some parameters appear in more than one parameter group")
        group["params"] = [p for _, p in named]
        if any(name is not None for name, _ in named):
            group["param_names"] = [name for name, _ in named]
        self.param_groups.append(group)

    # What a subclass says

    def flags(self, group: dict[str, Any]) -> tuple[tuple[str, bool], ...]:
        """What ``update`` branches on, as sorted (name, value) pairs."""
        return ()

    def hyper(self, group: dict[str, Any]) -> dict[str, Any]:
        """The group's numbers that ``update`` reads at run time."""
        raise NotImplementedError

    def init(self, parameter: Any, group: dict[str, Any]) -> State:
        """The state before a parameter's first step."""
        return {}

    @staticmethod
    def update(
        gradient: Var,
        parameter: Var,
        state: dict[str, Var],
        hyper: dict[str, Var],
        flags: dict[str, bool],
    ) -> tuple[Var, dict[str, Var]]:
        """The new parameter and the new state, on Vars."""
        raise NotImplementedError

    # The step

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient. ``closure`` computes the loss again, and is called first."""
        for hook in tuple(self._pre_hooks.values()):
            hook(self, (closure,), {})
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        self._opt_called = True
        self._step()
        for hook in list(self._post_hooks.values()):
            hook(self, (closure,), {})
        return loss

    def _step(self) -> None:
        operands: list[Value | None] = []
        layout = []
        targets: list[Any] = []
        counters: dict[Any, int] = {}
        counter_values: list[Value] = []
        counted: list[list[Any]] = []
        for group in self.param_groups:
            members = []
            start = len(operands)
            for p in group["params"]:
                grad = p._grad
                if grad is None:
                    continue
                state = self.state[p]
                if not state and (self.counts or self.state_names):
                    state.update(self.init(p, group))
                names = tuple([n for n in self.state_names if n in state])
                operands.append(_value(p))
                operands.append(_value(grad))
                for name in names:
                    operands.append(_value(state[name]))
                targets.append((p, state, self.updated(state, group)))
                counter = None
                if self.counts:
                    step = _value(state["step"])
                    counter = counters.get(step)
                    if counter is None:
                        counter = counters[step] = len(counter_values)
                        counter_values.append(step)
                        counted.append([])
                    counted[counter].append(state)
                members.append((names, counter))
            if members:
                hyper = self.hyper(group)
                operands[start:start] = [
                    h._read() if isinstance(h, TensorCore) else number(float(h))
                    for h in hyper.values()
                ]
                layout.append((self.flags(group), tuple(hyper), tuple(members)))
        if targets:
            statics = (type(self).update, tuple(layout), len(counter_values))
            self._put(record(STEP, [*counter_values, *operands], (statics,)), targets, counted)

    def _put(self, results: list[Value], targets: list[Any], counted: list[list[Any]]) -> None:
        """Put the new Values into parameters and states."""
        given = iter(results)
        for states in counted:
            value = next(given)
            for state in states:
                state["step"]._write(value)
        for p, state, names in targets:
            p._write(next(given))
            for name in names:
                value = next(given)
                held = state.get(name)
                if held is None:
                    state[name] = wrap(value)
                else:
                    held._write(value)

    def updated(self, state: State, group: dict[str, Any]) -> tuple[str, ...]:
        """The names of the state that ``update`` gives back, in its order."""
        return tuple([n for n in self.state_names if n in state])

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or fill them with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p._grad = None
                elif p._grad is not None:
                    p._grad.detach_()
                    p._grad.zero_()

    # Hooks, files, text

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call ``hook(optimizer, args, kwargs)`` before each step."""
        return Handle(self._pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return Handle(self._post_hooks, hook)

    def state_dict(self) -> dict[str, Any]:
        """State and groups, with parameters as numbers in order."""
        order = {id(p): i for i, p in enumerate(_all_params(self.param_groups))}
        groups = [
            {
                **{k: v for k, v in g.items() if k != "params"},
                "params": [order[id(p)] for p in g["params"]],
            }
            for g in self.param_groups
        ]
        state = {order[id(p)]: dict(s) for p, s in self.state.items() if id(p) in order and s}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over state and settings from ``state_dict`` of an optimizer with groups of the same sizes.

        Raises:
            ValueError: the groups differ in number or size; nothing is changed then.
        """
        saved = state_dict["param_groups"]
        if len(saved) != len(self.param_groups):
            raise ValueError(
                f"loaded state dict has a different number of parameter groups: {len(saved)}, here are {len(self.param_groups)}"
            )
        if any(
            len(a["params"]) != len(b["params"])
            for a, b in zip(saved, self.param_groups, strict=True)
        ):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        numbers = [i for g in saved for i in g["params"]]
        params = dict(zip(numbers, _all_params(self.param_groups), strict=True))
        state: defaultdict[Any, State] = defaultdict(dict)
        for i, held in state_dict["state"].items():
            p = params[i]
            state[p] = {k: _like(v, p) if k != "step" else _counter(v) for k, v in held.items()}
        for group, new in zip(self.param_groups, saved, strict=True):
            group.update(copy.deepcopy({k: v for k, v in new.items() if k != "params"}))
        self.state = state

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._pre_hooks, self._post_hooks = {}, {}

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for i, group in enumerate(self.param_groups):
            text += f"\nParameter Group {i}\n"
            for key in sorted(group):
                if key != "params":
                    text += f"    {key}: {group[key]}\n"
        return text + ")"


def _value(t: Any) -> Value:
    """The Value that a tensor shows, by the short way where there is one."""
    value = t._storage.value
    return value if value is not None and t._view is None else t._read()


def _all_params(groups: Iterable[dict[str, Any]]) -> list[Any]:
    return [p for g in groups for p in g["params"]]


def _like(value: Any, p: Any) -> Any:
    """A state tensor as a copy, in the parameter's floating type."""
    if not isinstance(value, Tensor):
        return value
    return (
        value.detach().to(p.dtype, copy=True)
        if value.dtype.is_floating_point
        else value.detach().clone()
    )


def _counter(value: Any) -> Tensor:
    count = value.item() if isinstance(value, Tensor) else value
    return from_array(np.asarray(count, np.float32))


def zeros_like(p: Any) -> Tensor:
    """Zeros of a parameter's shape and type, for a state."""
    return from_array(np.zeros(tuple(p.shape), p.dtype.numpy))


def new_counter() -> Tensor:
    """A step counter at 0."""
    return from_array(np.zeros((), np.float32))


def check_range(name: str, value: Any, low: float, high: float | None = None) -> None:
    """ValueError where a setting is out of its range."""
    shown = value.item() if isinstance(value, Tensor) else value
    if not (low <= shown and (high is None or shown < high)):
        raise ValueError(f"Invalid {name}: {shown}")
