"""Modules called with other parameters than their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..nn.module import Module
from ..nn.registry import structure
from ..tensor import Tensor
from ..tensor.joining import stack

_STORES = ("_parameters", "_buffers")


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """What ``module(*args, **kwargs)`` gives with other parameters and buffers.

    Args:
        parameter_and_buffer_dicts: tensors by dotted name, in one dict or several; what is not named stays.
        args: a tuple, or the one argument.
        tie_weights: a tensor that the module has under several names is replaced under all of them.
        strict: all must be named, and no others.
    Raises:
        ValueError: no dict, or a name in two of them.
        RuntimeError: ``strict``, and names are missing or unknown.
    """
    if kwargs is None:
        kwargs = {}
    given = () if args is None else args if isinstance(args, tuple) else (args,)
    with _reparametrized(module, _merged(parameter_and_buffer_dicts), tie_weights, strict):
        return module(*given, **kwargs)


def _merged(dicts: Any) -> dict[str, Any]:
    if isinstance(dicts, Mapping):
        return dict(dicts)
    if not isinstance(dicts, Sequence) or not all(isinstance(d, Mapping) for d in dicts):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    names = [name for d in dicts for name in d]
    repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if repeated:
        raise ValueError(
            f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous"
        )
    return {name: t for d in dicts for name, t in d.items()}


def _places(module: Module) -> dict[str, tuple[Any, str]]:
    """For each dotted name of a parameter or buffer the dict it is in, and its name there."""
    found = {}
    for path, part in module.named_modules(remove_duplicate=False):
        for store in _STORES:
            for name, t in getattr(part, store).items():
                if t is not None:
                    found[f"{path}.{name}" if path else name] = getattr(part, store), name
    return found


def _tied(places: dict[str, tuple[Any, str]], replaced: dict[str, Any]) -> dict[str, Any]:
    """With a replacement for the other names of what is replaced, unless they have their own."""
    names: dict[int, list[str]] = {}
    for name, (store, key) in places.items():
        names.setdefault(id(store[key]), []).append(name)
    found = dict(replaced)
    for same in names.values():
        given = [name for name in same if name in replaced]
        if given:
            for name in same:
                found.setdefault(name, replaced[given[0]])
    return found


def _check_names(module: Module, places: dict[str, Any], replaced: dict[str, Any]) -> None:
    missing = [name for name in places if name not in replaced]
    unknown = [name for name in replaced if name not in places]
    if missing or unknown:
        lines = [f"Error(s) in reparametrizing for {type(module).__name__}:"]
        for title, names in (("Unexpected", unknown), ("Missing", missing)):
            if names:
                lines.append(f"\t{title} key(s): {', '.join(map(repr, names))}.")
        raise RuntimeError("\n".join(lines))


@contextmanager
def _reparametrized(
    module: Module, replaced: dict[str, Any], tie_weights: bool, strict: bool
) -> Iterator[None]:
    """Within it ``module`` has the tensors of ``replaced``."""
    places = _places(module)
    if tie_weights:
        replaced = _tied(places, replaced)
    if strict:
        _check_names(module, places, replaced)
    for name, t in replaced.items():
        if name in places and not isinstance(t, Tensor):
            raise TypeError(f"{t!r} is not an instance of thalweg.Tensor: the parameter {name!r}")
    before = []
    try:
        for name, t in replaced.items():
            if name in places:
                store, key = places[name]
                before.append((store, key, store[key]))
                store[key] = t
        structure.changes += 1
        yield
    finally:
        for store, key, old in reversed(before):
            store[key] = old
        structure.changes += 1


def stack_module_state(models: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the buffers of M models alike, stacked: (M, *) tensors by dotted name.

    Raises:
        RuntimeError: there is no model, or they differ in class or in training mode.
    """
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({m.training for m in models}) > 1:
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    if len({type(m) for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = _stacked([dict(m.named_parameters()) for m in models])
    buffers = _stacked([dict(m.named_buffers()) for m in models])
    return parameters, buffers


def _stacked(states: list[dict[str, Any]]) -> dict[str, Any]:
    found = {}
    for name, first in states[0].items():
        whole = stack([state[name].detach() for state in states], 0)
        found[name] = whole.requires_grad_(first.requires_grad)
    return found


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Take the running statistics from ``root`` and all modules in it that normalize by batches, so that they always go
    by the batch at hand, and may be called under ``vmap``; gives ``root``."""
    for module in root.modules():
        if getattr(module, "track_running_stats", False):
            module.track_running_stats = False
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                module._buffers[name] = None
    return root
