"""What builds a network, by its name, with or without trained weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from fnmatch import fnmatch
from functools import wraps
from typing import Any, TypeVar

from ... import nn
from .weights import CLASSES, WeightsEnum, fill

__all__ = [
    "builder", "get_model", "get_model_builder", "get_model_weights", "get_weight", "list_models",
]  # fmt: skip
Built = TypeVar("Built", bound=nn.Module)
_BUILDERS: dict[str, Callable[..., nn.Module]] = {}
_WEIGHTS: dict[str, type[WeightsEnum]] = {}


def builder(
    weights: type[WeightsEnum],
    rename: Callable[[str], str] = str,
    **when_trained: Any,
) -> Callable[[Callable[..., Built]], Callable[..., Built]]:
    """A function that makes a network, as one that takes ``weights`` too and is known by its name.

    Args:
        weights: the trained weights that there are.
        rename: what a name in their files is called here.
        when_trained: other defaults of the function where trained weights are asked for.
    """

    def decorate(make: Callable[..., Built]) -> Callable[..., Built]:
        @wraps(make)
        def build(
            weights: Any = None, progress: bool = True, *, pretrained: Any = None, **options: Any
        ) -> Built:
            chosen = _chosen(known, weights, pretrained)
            if chosen is None:
                return make(**options)
            if options.setdefault("num_classes", CLASSES) != CLASSES:
                raise ValueError(
                    f"The parameter 'num_classes' expected value {CLASSES} but got {options['num_classes']} instead: "
                    f"that is how many {chosen} tell apart; build with them and put another last layer there"
                )
            found = chosen.get_state_dict()
            model = make(**{**when_trained, **options})
            fill(model, found, rename)
            return model

        known = weights
        _BUILDERS[make.__name__], _WEIGHTS[make.__name__] = build, weights
        return build

    return decorate


def _chosen(known: type[WeightsEnum], weights: Any, pretrained: Any) -> Any:
    """The member of ``known`` that is asked for, by its old spelling (True) or the new one; or None."""
    if isinstance(weights, bool):
        weights, pretrained = None, weights
    if pretrained is not None:
        warnings.warn(
            "The parameter 'pretrained' is deprecated since 0.13 and may be removed in the future, "
            "please use 'weights' instead.",
            stacklevel=3,
        )
        weights = next(iter(known)) if pretrained else weights
    return known.verify(weights)


def list_models(module: Any = None, include: Any = None, exclude: Any = None) -> list[str]:
    """The names of the networks, sorted.

    Args:
        module: only those of this module.
        include, exclude: patterns as of file names, or several: only those that fit one, none that fits one.
    """

    def fits(name: str, patterns: Any) -> bool:
        several = [patterns] if isinstance(patterns, str) else patterns
        return any(fnmatch(name, pattern) for pattern in several)

    names = [
        name
        for name, build in _BUILDERS.items()
        if (module is None or build.__module__.rpartition(".")[2] == _last(module))
        and (include is None or fits(name, include))
        and (exclude is None or not fits(name, exclude))
    ]
    return sorted(names)


def _last(module: Any) -> str:
    """The last part of a module's name."""
    name: str = module.__name__
    return name.rpartition(".")[2]


def get_model_builder(name: str) -> Callable[..., nn.Module]:
    """What builds the network of that name, whatever its case.

    Raises:
        ValueError: there is none.
    """
    found = _BUILDERS.get(name.lower())
    if found is None:
        raise ValueError(f"Unknown model {name}: list_models() names those that are there")
    return found


def get_model(name: str, **config: Any) -> nn.Module:
    """The network of that name, with the arguments that its builder takes."""
    return get_model_builder(name)(**config)


def get_model_weights(name: str | Callable[..., nn.Module]) -> type[WeightsEnum]:
    """The weights that there are for a network, given by its name or its builder."""
    known = name.__name__ if callable(name) else name.lower()
    if known not in _WEIGHTS:
        raise ValueError(f"Unknown model {known}: list_models() names those that are there")
    return _WEIGHTS[known]


def get_weight(name: str) -> WeightsEnum:
    """Weights by their whole name, as "ResNet50_Weights.IMAGENET1K_V2".

    Raises:
        ValueError: there are none of that name.
    """
    home, _, member = name.rpartition(".")
    for weights in _WEIGHTS.values():
        if weights.__name__ == home and member in weights.__members__:
            return weights[member]
    raise ValueError(
        f"get_weight: no weights {name!r}: a name is as 'ResNet50_Weights.IMAGENET1K_V2'"
    )
