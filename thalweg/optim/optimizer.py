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
from ..ir.dtype import float32, float64, get_default_dtype
from ..ops.composite import Op
from ..runtime.recorder import record
from ..runtime.trace import Failed
from ..runtime.value import Value, number, realized
from ..tensor import Tensor
from ..tensor.core import TensorCore
from ..tensor.creation import full
from ..tensor.dispatch import wrap
from ..tensor.modes import enable_grad
from ..tensor.node import Handle

State = dict[str, Any]
Hook = Callable[..., Any]


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


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


def _with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    """``step`` between the hooks on it."""

    @functools.wraps(step)
    def hooked(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        self._opt_called = True
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
        _check_road(type(self).__name__, defaults)
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

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Let ``param_group["params"]`` be trained too, with its own settings beside the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params, names = _listed(param_group["params"])
        for p in params:
            if not isinstance(p, TensorCore):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}"
                )
            if not (p.is_leaf or p.retains_grad):  # type: ignore[attr-defined]
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
        self._step()
        return loss

    def _step(self) -> None:
        if self._made:
            self._forget_failed()
        operands: list[Value | None] = []
        layout: list[Any] = []
        targets: list[tuple[Any, State | None, tuple[str, ...]]] = []
        counters: dict[Value, tuple[int, list[State]]] = {}
        begun: list[State] = []
        for group in self.param_groups:
            carried, start = self.carried(group), len(operands)
            members: list[Any] = []
            for p in group["params"]:
                grad = p._grad
                if grad is None:
                    continue
                operands.append(_value(p))
                operands.append(_value(grad))
                if not (carried or self.counts):
                    targets.append((p, None, ()))
                    members.append(((), None))
                    continue
                state = self.state[p]
                if not state:
                    state.update(self.init(p, group))
                    begun.append(state)
                present = tuple([n for n in carried if n in state])
                for name in present:
                    operands.append(_value(state[name]))
                targets.append((p, state, carried))
                counter = None
                if self.counts:
                    counter, counted = counters.setdefault(
                        _value(state["step"]), (len(counters), [])
                    )
                    counted.append(state)
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
        self._put(results, targets, [states for _, states in counters.values()])

    def _put(self, results: list[Value], targets: list[Any], counted: list[list[State]]) -> None:
        """Put the new Values into parameters and states."""
        given = iter(results)
        for states in counted:
            value = next(given)
            for state in states:
                state["step"]._write(value)
        for p, state, names in targets:
            p._write(next(given))
            for name in names:
                held = state.get(name)
                if held is None:
                    state[name] = wrap(next(given))
                    self._made.append((state, name))
                else:
                    held._write(next(given))

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
        for hook in tuple(self._hooks[when].values()):
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
        _check_groups(saved, self.param_groups)
        numbers = [i for g in saved for i in g["params"]]
        params = dict(zip(numbers, _all_params(self.param_groups), strict=True))
        state: defaultdict[Any, State] = defaultdict(dict)
        for i, held in state_dict["state"].items():
            if i in params:
                state[params[i]] = _taken(held, params[i], self.numbers)
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


def _listed(params: Any) -> tuple[list[Any], list[str]]:
    """A group's parameters as a list, and their names, if they came with names."""
    if isinstance(params, TensorCore):
        return [params], []
    if isinstance(params, set):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
            "will change between runs. Please use a list instead."
        )
    listed = list(params)
    names = [p[0] for p in listed if isinstance(p, tuple)]
    if names and len(names) != len(listed):
        raise ValueError(
            "all optimizer params should be with/without names. Some param names are missing"
        )
    return [p[1] if isinstance(p, tuple) else p for p in listed], names


def _check_road(name: str, defaults: dict[str, Any]) -> None:
    """Refuse what asks for another kind of step; ``foreach``, ``fused`` and ``capturable`` change nothing here."""
    fused, differentiable = defaults.get("fused"), defaults.get("differentiable")
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and defaults.get("foreach"):
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
    if differentiable:
        raise NotImplementedError(
            f"{name}: differentiable=True is not supported: write the update with tensor operations and "
            "autograd.grad(create_graph=True)"
        )


def _check_groups(saved: list[Any], own: list[Any]) -> None:
    if len(saved) != len(own):
        raise ValueError(
            f"loaded state dict has a different number of parameter groups: {len(saved)}, here are {len(own)}"
        )
    for i, (a, b) in enumerate(zip(saved, own, strict=True)):
        if len(a["params"]) != len(b["params"]):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                f"group {i} has {len(a['params'])} parameters, here {len(b['params'])}"
            )


def _taken(value: Any, parameter: Any, numbers: tuple[str, ...], name: Any = None) -> Any:
    """A saved state for ``parameter``: tensors copied, in its type unless they are ``numbers``."""
    if isinstance(value, Tensor):
        as_it_is = name in numbers or not parameter.is_floating_point()
        return value.detach().to(value.dtype if as_it_is else parameter.dtype, copy=True)
    if isinstance(value, dict):
        return {k: _taken(v, parameter, numbers, k) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([_taken(v, parameter, numbers) for v in value])
    return value


def filled(parameter: Any, value: float) -> Tensor:
    """A state tensor of a parameter's shape and type."""
    return full(tuple(parameter.shape), value, dtype=parameter.dtype)


def new_counter(count: float = 0.0) -> Tensor:
    """A state tensor () of one number; all that begin at 0 share one Value."""
    kind = float64 if get_default_dtype() is float64 else float32
    return wrap(_counters.get((count, kind)) or realized(kind.numpy.type(count).reshape(())))


_counters = {(0.0, kind): realized(kind.numpy.type(0).reshape(())) for kind in (float32, float64)}


# What updates are written with


def ascent_or_descent(
    gradient: Var, parameter: Var, hyper: dict[str, Var], flags: dict[str, bool]
) -> Var:
    """The gradient (*), turned round to maximize, with the decay of the parameter (*) added."""
    if flags["maximize"]:
        gradient = -gradient
    if flags["weight_decay"]:
        gradient = gradient + parameter * hyper["weight_decay"].astype(parameter.dtype)
    return gradient


def toward(mean: Var, value: Var, share: Var) -> Var:
    """The running mean (*), moved by a share () of the way to a value (*)."""
    return mean + (value - mean) * share.astype(mean.dtype)


def with_square(mean: Var, value: Var, kept: Var, share: Var) -> Var:
    """What is kept of a running mean (*) and a share () of a value's (*) square."""
    return mean * kept.astype(mean.dtype) + value * share.astype(mean.dtype) * value


def check_range(name: str, value: Any, low: float = 0.0, high: float | None = None) -> None:
    """ValueError where a setting is out of its range [low, high)."""
    if isinstance(value, Tensor) and value.numel() != 1:
        raise ValueError(f"Tensor {name} must be 1-element, its shape is {list(value.shape)}")
    shown = value.item() if isinstance(value, Tensor) else value
    if not (low <= shown and (high is None or shown < high)):
        raise ValueError(f"Invalid {name}: {shown}")


def checked_betas(betas: Any) -> tuple[float, float]:
    """The two shares that running means keep, as floats."""
    for i in (0, 1):
        check_range(f"beta parameter at index {i}", betas[i], 0.0, 1.0)
    if len({isinstance(b, Tensor) for b in betas}) > 1 or not all(
        isinstance(b, float | Tensor) for b in betas
    ):
        raise ValueError("betas must be either both floats or both Tensors")
    first, second = (b.item() if isinstance(b, Tensor) else b for b in betas)
    return first, second
