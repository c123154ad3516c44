"""What every optimizer shares: groups, state, and a step that is one recorded edge.

Note: the step edge. ``step()`` hands all parameters, gradients and states to one operation, whose graph is
each group's ``update`` written on Vars. Numbers (lr, momentum, ...) are run-time scalars; whatever the
update branches on is a static flag. The new Values are put into the storages only when the edge is taken,
and the trace takes them back if it fails, so a step that fails leaves everything as it was.
"""

from __future__ import annotations

import copy
import functools
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from ..ir.builder import Var
from ..ir.dtype import float64
from ..ops.composite import Op
from ..runtime.recorder import record
from ..runtime.state import state as thread
from ..runtime.trace import Failed
from ..runtime.value import Value, number
from ..tensor import Tensor
from ..tensor.core import TensorCore
from ..tensor.dispatch import wrap
from ..tensor.modes import enable_grad
from ..tensor.node import Handle
from .on_tape import step_on_tape
from .settings import check_groups, check_road, listed, required
from .state import filled, new_counter, taken

State = dict[str, Any]
Hook = Callable[..., Any]


def _step_graph(*operands: Any) -> list[Var]:
    """Every group's update, one parameter after another. The last operand is the layout."""
    given, layout = iter(operands[:-1]), operands[-1]
    update, groups, n_counters = layout
    ticked = [next(given) + 1 for _ in range(n_counters)]
    results: list[Var] = list(ticked)
    for flags, names, carried, members in groups:
        hyper = {name: _wide(next(given)) for name in names}
        for present, counter in members:
            p, g = next(given), next(given)
            state = {name: next(given) for name in present}
            if counter is not None:
                state["step"] = ticked[counter]
            new_p, new_state = update(g, p, state, hyper, dict(flags))
            for name, value, old in [("parameter", new_p, p)] + [
                (n, new_state[n], state.get(n, new_state[n])) for n in carried
            ]:
                if value.shape != old.shape or value.dtype is not old.dtype:
                    raise ValueError(
                        f"step: {name} is {old.aval}, its update {value.aval}: the loaded state belongs to another "
                        "model, or update changes shapes"
                    )
                results.append(value)
    return results


def _wide(x: Var) -> Var:
    """A setting as a float64 scalar."""
    return (x if x.dtype is float64 else x.astype(float64)).reshape(())


STEP = Op(_step_graph, "Step")
STEP.rounds = True
_STATELESS: tuple[tuple[str, ...], None] = ((), None)


def _with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    """``step`` between the hooks on it."""

    @functools.wraps(step)
    def hooked(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        self._opt_called = True
        if not self._hooks:
            return step(self, *args, **kwargs)
        before, after = self._hooks["step before"], self._hooks["step after"]
        for hook in tuple(before.values()):
            changed = hook(self, (self, *args), kwargs)
            if changed is not None:
                if not (isinstance(changed, tuple) and len(changed) == 2):
                    raise RuntimeError(
                        f"{step.__qualname__}: a pre hook must return None or a tuple of (new_args, new_kwargs), "
                        f"but got {changed}"
                    )
                (_, *args), kwargs = changed
        result = step(self, *args, **kwargs)
        for hook in tuple(after.values()):
            hook(self, (self, *args), kwargs)
        return result

    return hooked


class Optimizer:
    """Base class. A subclass gives ``update``, and ``hyper``, ``flags``, ``carried``, ``init`` as it needs them.

    A subclass may also define ``step`` itself, as in PyTorch, and use ``param_groups`` and ``state`` freely.

    Attributes:
        reads: the group's numbers that ``update`` reads.
        state_names: the state that ``update`` reads and gives back beside the parameter.
        counts: whether each parameter counts its steps, as ``state["step"]``, a tensor ().
        numbers: the state that is a tensor () of its own type, whatever the parameter's is.
    Raises:
        TypeError: ``params`` is a tensor, or holds something that is none.
        ValueError: there are no parameters, or one is no leaf, or is in two groups.
    """

    reads: ClassVar[tuple[str, ...]] = ("lr",)
    state_names: ClassVar[tuple[str, ...]] = ()
    counts: ClassVar[bool] = False
    numbers: ClassVar[tuple[str, ...]] = ("step",)
    _opt_called = False  # whether a step was made; schedules look at it

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in vars(cls):
            setattr(cls, "step", _with_hooks(vars(cls)["step"]))

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        if isinstance(params, TensorCore):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                f"{type(params).__name__}: write [tensor]"
            )
        check_road(defaults)
        self.defaults = defaults
        self._begin()
        self.state: defaultdict[Any, State] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def _begin(self) -> None:
        self._hooks: defaultdict[str, dict[int, Hook]] = defaultdict(dict)
        self._made: list[tuple[State, str]] = []  # state tensors that the last step brought
        self._repeats = False  # whether a group lists a parameter twice

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Let ``param_group["params"]`` be trained too, with its own settings beside the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        differentiable = self.defaults.get("differentiable")
        params, names = listed(param_group["params"])
        for p in params:
            if not isinstance(p, TensorCore):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}"
                )
            if not (differentiable or p.is_leaf or p.retains_grad):  # type: ignore[attr-defined]
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    f"parameter group didn't specify a value of required optimization parameter {name}"
                )
        if len({id(p) for p in params}) != len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters: each is updated once for every "
                "time it is listed",
                stacklevel=3,
            )
            self._repeats = True
        known = {id(p) for other in self.param_groups for p in other["params"]}
        if any(id(p) in known for p in params):
            raise ValueError("some parameters appear in more than one parameter group")
        if any(("param_names" in other) != bool(names) for other in self.param_groups):
            raise ValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{'with' if names else 'without'} names to the optimizer"
            )
        param_group["params"] = params
        if names:
            param_group["param_names"] = names
        for name, default in self.defaults.items():
            param_group.setdefault(name, default)
        self.param_groups.append(param_group)

    # What a subclass says

    def flags(self, group: dict[str, Any]) -> tuple[tuple[str, bool], ...]:
        """What ``update`` branches on, as (name, value) pairs."""
        return (("maximize", group["maximize"]), ("weight_decay", group["weight_decay"] != 0))

    def hyper(self, group: dict[str, Any]) -> dict[str, Any]:
        """The group's numbers that ``update`` reads at run time."""
        read = {name: group[name] for name in self.reads}
        if group["weight_decay"] != 0:
            read["weight_decay"] = group["weight_decay"]
        return read

    def carried(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The names of the state that ``update`` gives back; it reads those that are there."""
        return self.state_names

    def init(self, parameter: Any, group: dict[str, Any]) -> State:
        """The state before a parameter's first step: as a rule zeros of its shape."""
        names = self.carried(group)
        state = {"step": new_counter()} if self.counts else {}
        return {**state, **{name: filled(parameter, 0) for name in names}}

    @staticmethod
    def update(
        gradient: Var,
        parameter: Var,
        state: dict[str, Var],
        hyper: dict[str, Var],
        flags: dict[str, bool],
    ) -> tuple[Var, dict[str, Var]]:
        """The new parameter and the new state, on Vars.

        Args:
            gradient: (*) of the parameter.
            parameter: (*).
            state: by name what is there, each (*) or (); ``step`` is the number of this step, from 1.
            hyper: by name () float64.
            flags: what to branch on.
        Returns:
            The parameter (*), and by name the state that ``carried`` lists.
        """
        raise NotImplementedError

    # The step

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient. ``closure`` computes the loss again, and is called first."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for groups in _rounds(self.param_groups) if self._repeats else (self.param_groups,):
            if self.defaults.get("differentiable"):
                step_on_tape(STEP, self, groups)
            else:
                self._step(groups)
        return loss

    def _step(self, groups: list[dict[str, Any]]) -> None:
        if self._made:
            self._forget_failed()
        operands: list[Value | None] = []
        layout: list[Any] = []
        targets: list[Any] = []  # where the results go: tensors, or (state, name) of a new one
        counters: dict[Value, int] = {}
        counted: list[list[Any]] = []
        begun: list[State] = []
        for group in groups:
            carried, start = self.carried(group), len(operands)
            members: list[Any] = []
            for p in group["params"]:
                grad = p._grad
                if grad is None:
                    continue
                value = p._storage.value
                operands.append(p._read() if value is None or p._view is not None else value)
                value = grad._storage.value
                operands.append(grad._read() if value is None or grad._view is not None else value)
                targets.append(p)
                if not (carried or self.counts):
                    members.append(_STATELESS)
                    continue
                state = self.state[p]
                if not state:
                    state.update(self.init(p, group))
                    begun.append(state)
                present = carried
                for name in carried:
                    held = state.get(name)
                    if held is None:
                        targets.append((state, name))
                        present = tuple([n for n in carried if n in state])
                    else:
                        targets.append(held)
                        operands.append(_value(held))
                counter = None
                if self.counts:
                    step = state["step"]
                    counter = counters.setdefault(_value(step), len(counters))
                    if counter == len(counted):
                        counted.append([])
                    counted[counter].append(step)
                members.append((present, counter))
            if members:
                hyper = self.hyper(group)
                operands[start:start] = [_setting(h) for h in hyper.values()]
                layout.append((self.flags(group), tuple(hyper), carried, tuple(members)))
        if not targets:
            return
        statics = (type(self).update, tuple(layout), len(counters))
        try:
            results = record(STEP, [*counters, *operands], (statics,))
        except BaseException:
            for state in begun:
                state.clear()
            raise
        self._put(results, targets, counted)

    def _put(self, results: list[Value], targets: list[Any], counted: list[list[Any]]) -> None:
        """Put the new Values into parameters and states: into all of them, Ctrl-C or not."""
        try:
            self._put_each(results, targets, counted)
        except BaseException:
            self._put_each(results, targets, counted)
            raise

    def _put_each(self, results: list[Value], targets: list[Any], counted: list[list[Any]]) -> None:
        for steps, value in zip(counted, results, strict=False):
            for step in steps:
                step._write(value)
        trace = thread.here.trace
        overwritten = trace.overwritten
        for target, value in zip(targets, results[len(counted) :], strict=True):
            if type(target) is tuple:
                state, name = target
                state[name] = wrap(value)
                self._made.append(target)
                continue
            storage = target._storage
            old = storage.value
            if value.array is None and target._view is None and old is not None:
                if old.trace is not trace:  # as Trace.overwrite, without the call
                    overwritten.setdefault(storage, old)
                storage.value = value
                storage.version += 1
            else:
                target._write(value)

    def _forget_failed(self) -> None:
        """Drop state tensors that came with a step which then failed."""
        for state, name in self._made:
            if name in state and isinstance(_value(state[name]).trace, Failed):
                del state[name]
        self._made.clear()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or fill them with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p._grad = None
                elif p._grad is not None:
                    p._grad.detach_()
                    p._grad.requires_grad_(False)
                    p._grad.zero_()

    # Hooks

    def _register(self, when: str, hook: Hook, first: bool = False) -> Handle:
        return Handle(self._hooks[when], hook, first)

    def _call(self, when: str, *args: Any) -> Any:
        """Call hooks that may replace their last argument; gives that."""
        for hook in tuple(self._hooks.get(when, {}).values()):
            changed = hook(self, *args)
            if changed is not None:
                args = (changed,)
        return args[0] if args else None

    def register_step_pre_hook(self, hook: Hook) -> Handle:
        """Call ``hook(optimizer, args, kwargs)`` before each step; it may give back other (args, kwargs)."""
        return self._register("step before", hook)

    def register_step_post_hook(self, hook: Hook) -> Handle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return self._register("step after", hook)

    def register_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> Handle:
        """Call ``hook(optimizer)`` before ``state_dict``."""
        return self._register("save before", hook, prepend)

    def register_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> Handle:
        """Call ``hook(optimizer, state_dict)`` after ``state_dict``; it may give back another one."""
        return self._register("save after", hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> Handle:
        """Call ``hook(optimizer, state_dict)`` before loading; it may give back another one."""
        return self._register("load before", hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> Handle:
        """Call ``hook(optimizer)`` after loading."""
        return self._register("load after", hook, prepend)

    # Files, copies, text

    def state_dict(self) -> dict[str, Any]:
        """State and groups, with parameters as numbers in order."""
        self._call("save before")
        self._forget_failed()
        order: dict[int, int] = {}
        for i, p in enumerate(_all_params(self.param_groups)):
            order.setdefault(id(p), i)
        groups = []
        for g in self.param_groups:
            packed = {k: v for k, v in g.items() if k != "params"}
            groups.append({**packed, "params": [order[id(p)] for p in g["params"]]})
        state = {order[id(p)] if isinstance(p, TensorCore) else p: s for p, s in self.state.items()}
        return self._call("save after", {"state": state, "param_groups": groups})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over state and settings from ``state_dict`` of an optimizer with groups of the same sizes.

        Raises:
            ValueError: the groups differ in number or size; nothing is changed then.
        """
        state_dict = self._call("load before", dict(state_dict))
        saved = state_dict["param_groups"]
        check_groups(saved, self.param_groups)
        numbers = [i for g in saved for i in g["params"]]
        params = dict(zip(numbers, _all_params(self.param_groups), strict=True))
        state: defaultdict[Any, State] = defaultdict(dict)
        for i, held in state_dict["state"].items():
            if i in params:
                state[params[i]] = taken(held, params[i], self.numbers)
            else:
                state[i] = held
        groups = []
        for own, new in zip(self.param_groups, saved, strict=True):
            group = copy.deepcopy({k: v for k, v in new.items() if k != "params"})
            group["params"] = own["params"]
            if "param_names" in own:
                group.setdefault("param_names", own["param_names"])
            groups.append(group)
        self.__setstate__({"state": state, "param_groups": groups})
        self._call("load after")

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if "_hooks" not in vars(self):
            self._begin()
        self._made.clear()
        self._repeats = len(_rounds(self.param_groups)) > 1
        for group in self.param_groups:
            for name, default in self.defaults.items():
                group.setdefault(name, default)
        self._share_counters()

    def _share_counters(self) -> None:
        """Let counters that stand at the same number hold one Value, so that a step computes with them once."""
        if not self.counts:
            return
        shared: dict[float, Value] = {}
        for state in self.state.values():
            if "step" not in state:
                continue
            step = state["step"]
            count = float(step)
            if not isinstance(step, Tensor):
                step = state["step"] = new_counter(count)
            step._storage.value = shared.setdefault(count, step._read())

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for i, group in enumerate(self.param_groups):
            text += f"\nParameter Group {i}\n"
            for key in sorted(group):
                if key != "params":
                    text += f"    {key}: {group[key]}\n"
        return text + ")"


setattr(Optimizer, "step", _with_hooks(Optimizer.step))


def _value(t: Any) -> Value:
    """The Value that a tensor shows, by the short way where there is one."""
    value = t._storage.value
    return value if value is not None and t._view is None else t._read()


def _setting(value: Any) -> Value:
    """A group's number as an operand."""
    if type(value) is float:
        return number(value)
    return value._read() if isinstance(value, TensorCore) else number(float(value))


def _all_params(groups: Iterable[dict[str, Any]]) -> list[Any]:
    return [p for g in groups for p in g["params"]]


def _rounds(groups: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The groups with each parameter once, then with what is listed a second time, and so on."""
    rounds = []
    left = groups
    while any(g["params"] for g in left):
        once = [{id(p): p for p in g["params"]} for g in left]
        rounds.append([{**g, "params": list(o.values())} for g, o in zip(left, once, strict=True)])
        left = [
            {**g, "params": _without(g["params"], set(o))} for g, o in zip(left, once, strict=True)
        ]
    return rounds


def _without(params: list[Any], first: set[int]) -> list[Any]:
    """``params`` without the first of each that ``first`` names by id."""
    rest = []
    for p in params:
        if id(p) in first:
            first.remove(id(p))
        else:
            rest.append(p)
    return rest
