"""What may be given to an optimizer: parameters, settings, state dicts."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from ..tensor.core import TensorCore


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


def listed(params: Any) -> tuple[list[Any], list[str]]:
    """A group's parameters as a list, and their names, if they came with names."""
    if isinstance(params, TensorCore):
        return [params], []
    if isinstance(params, set):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
            "will change between runs. Please use a list instead."
        )
    given = list(params)
    names = [p[0] for p in given if isinstance(p, tuple)]
    if names and len(names) != len(given):
        raise ValueError(
            "all optimizer params should be with/without names. Some param names are missing"
        )
    return [p[1] if isinstance(p, tuple) else p for p in given], names


def check_road(defaults: dict[str, Any]) -> None:
    """Refuse what contradicts itself; ``foreach``, ``fused`` and ``capturable`` change nothing here."""
    fused, differentiable = defaults.get("fused"), defaults.get("differentiable")
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and defaults.get("foreach"):
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def check_groups(saved: list[Any], own: list[Any]) -> None:
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


def is_complex(p: Any) -> bool:
    """Whether a parameter holds complex numbers."""
    return bool(p.dtype.is_complex)


def check_complex(name: str, groups: list[dict[str, Any]]) -> None:
    """RuntimeError where a parameter with a gradient is complex."""
    if any(p._grad is not None and is_complex(p) for g in groups for p in g["params"]):
        raise RuntimeError(f"{name} does not support complex parameters")


def check_range(name: str, value: Any, low: float = 0.0, high: float | None = None) -> None:
    """ValueError where a setting is out of its range [low, high)."""
    if isinstance(value, Tensor) and value.numel() != 1:
        raise ValueError(f"Tensor {name} must be 1-element, its shape is {list(value.shape)}")
    shown = value.item() if isinstance(value, Tensor) else value
    if not (low <= shown and (high is None or shown < high)):
        raise ValueError(f"Invalid {name}: {shown}")


def check_tensors(settings: dict[str, Any]) -> None:
    """ValueError where a setting is a tensor and ``foreach`` asks for numbers."""
    if not settings["foreach"] or settings["capturable"]:
        return
    named = {"lr": settings["lr"], **{f"betas[{i}]": b for i, b in enumerate(settings["betas"])}}
    for name, value in named.items():
        if isinstance(value, Tensor):
            raise ValueError(
                f"{name} as a Tensor is not supported for capturable=False and foreach=True"
            )


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
