"""``autocast``: operations in a lower precision where that does no harm.

Note: who asked. Casts are made where operations are dispatched, by the outermost function of this package that is on the
way there and in the lists (policies.py): a loss that is made of several operations is computed in float32 as a whole.
Outside of ``autocast`` nothing of this is looked at.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any

from ..ir.dtype import DType, bfloat16, float16, float32, float64
from ..runtime.state import state
from ..tensor.core import TensorCore
from ..tensor.watching import Watcher
from .policies import FLOAT32, LOWER, of_functions, of_operations

_PACKAGE = __name__.partition(".")[0]
_DEVICES = {"cpu", "cuda", "ipu", "xpu", "hpu", "mtia", "maia", "xla", "mps", "meta", "privateuseone"}  # fmt: skip
_lower: dict[str, DType] = {"cpu": bfloat16, "cuda": float16}
_caching = True


class Casting(Watcher):
    """What watches a thread's operations while autocast is in force: it casts what they read. One within another, or
    within which autocast is off (``ThreadState.casting``), casts alone.

    Attributes:
        dtype: the lower type.
        cache: of trainable leaves, cast before; None where nothing is to be kept.
    """

    def __init__(self, inner: Any, dtype: DType, caching: bool) -> None:
        super().__init__(inner)
        self.dtype = dtype
        self.cache: dict[tuple[int, bool], tuple[Any, Any]] | None = {} if caching else None

    def passed(self, op: Any, args: tuple[Any, ...], statics: tuple[Any, ...]) -> Any:
        policy = _policy(op) if state.here.casting is self else None
        if policy == LOWER:
            args = tuple([self._lowered(a) for a in args])
        elif policy == FLOAT32:
            args = tuple([a.to(float32) if _is_half(a) else a for a in args])
        return super().passed(op, args, statics)

    def _lowered(self, a: Any) -> Any:
        if not isinstance(a, TensorCore) or a.dtype is self.dtype:
            return a
        if not a.dtype.is_floating_point or a.dtype is float64:
            return a
        kept = self.cache is not None and a.requires_grad and a.is_leaf and a.dtype is float32
        if not kept:
            return a.to(self.dtype)  # type: ignore[attr-defined]
        assert self.cache is not None
        key = (id(a), state.grad)
        found = self.cache.get(key)
        if found is None:
            found = self.cache[key] = (a, a.to(self.dtype))  # type: ignore[attr-defined]
        return found[1]


def _is_half(a: Any) -> bool:
    return isinstance(a, TensorCore) and a.dtype.is_half


def _policy(op: Any) -> str | None:
    """That of the outermost listed function on the way from the user's code, or of the operation itself."""
    functions, found = of_functions(), of_operations().get(op)
    frame = sys._getframe(4)  # beyond dispatch
    while frame is not None and frame.f_globals.get("__name__", "").startswith(_PACKAGE):
        found = functions.get(frame.f_code, found)
        frame = frame.f_back  # type: ignore[assignment]
    return found


class autocast:
    """Context and decorator: matrix products and convolutions in ``dtype``, losses in float32, the rest as it comes.

    Args:
        device_type: "cpu"; for another device there is none here, so nothing is cast.
        dtype: bfloat16 (by default) or float16.
        cache_enabled: trainable tensors are cast once in a context, not at each use.
    Raises:
        RuntimeError: there is no such device type.
    """

    def __init__(
        self,
        device_type: str,
        dtype: DType | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(
                f"Expected `device_type` of type `str`, got: `{type(device_type)}`: give 'cpu'"
            )
        self.device = check_device(device_type)
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        self._cache_enabled = _caching if cache_enabled is None else cache_enabled
        if enabled and self.device != "cpu":
            name = self.device.upper()
            warnings.warn(f"{name} is not available. Disabling autocast.", stacklevel=2)
            enabled = False
        if enabled and self.fast_dtype not in (bfloat16, float16):
            warnings.warn(
                "In CPU autocast, but the target dtype is not supported. Disabling autocast.\nCPU Autocast only supports "
                "dtypes of bfloat16, float16 currently.",
                stacklevel=2,
            )
            enabled = False
        self._enabled = enabled
        self._before: list[Any] = []

    def __enter__(self) -> autocast:
        here = state.here
        self._before.append((here.watch, here.casting))
        if self.device == "cpu":
            outer = here.casting
            here.casting = None
            if self._enabled:
                here.watch = here.casting = Casting(
                    here.watch, self.fast_dtype, self._cache_enabled
                )
                if outer is not None and outer.dtype is self.fast_dtype and self._cache_enabled:
                    here.casting.cache = outer.cache
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        state.here.watch, state.here.casting = self._before.pop()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def within(*args: Any, **named: Any) -> Any:
            with self:
                return function(*args, **named)

        return within


def check_device(name: str) -> str:
    """``name`` without its number; RuntimeError where PyTorch has no such device type."""
    kind = name.partition(":")[0]
    if kind not in _DEVICES:
        raise RuntimeError(
            f"Expected one of {', '.join(sorted(_DEVICES))} device type at start of device string: {name}"
        )
    return kind


def is_autocast_available(device_type: str) -> bool:
    """Whether autocast can be in force for a device: for the CPU."""
    return check_device(device_type) == "cpu"


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether autocast is in force for a device; as in PyTorch the name that is not given is "cuda"."""
    return check_device(device_type) == "cpu" and state.here.casting is not None


def is_autocast_cpu_enabled() -> bool:
    """Whether autocast is in force for the CPU."""
    return is_autocast_enabled("cpu")


def get_autocast_dtype(device_type: str) -> DType:
    """The lower type in force for a device, or what it is by default."""
    kind, casting = check_device(device_type), state.here.casting
    if kind == "cpu" and casting is not None:
        lower: DType = casting.dtype
        return lower
    return _lower.get(kind, bfloat16)


def get_autocast_cpu_dtype() -> DType:
    """The lower type for the CPU."""
    return get_autocast_dtype("cpu")


def get_autocast_gpu_dtype() -> DType:
    """The lower type for CUDA devices, of which there is none."""
    return get_autocast_dtype("cuda")


def set_autocast_dtype(device_type: str, dtype: DType) -> None:
    """Make ``dtype`` the lower type of a device, now and by default."""
    kind, casting = check_device(device_type), state.here.casting
    _lower[kind] = dtype
    if kind == "cpu" and casting is not None:
        casting.dtype, casting.cache = dtype, None if casting.cache is None else {}


def set_autocast_enabled(device_type: str, enabled: bool) -> None:
    """Put autocast in force for a device from here on, or out of it."""
    if check_device(device_type) == "cpu":
        here = state.here
        here.casting = None
        while isinstance(here.watch, Casting):
            here.watch = here.watch.inner
        if enabled:
            here.watch = here.casting = Casting(here.watch, _lower["cpu"], _caching)


def is_autocast_cache_enabled() -> bool:
    """Whether trainable tensors are cast once in a context, where it does not say otherwise."""
    return _caching


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Cast trainable tensors once in a context, or at each use."""
    global _caching
    _caching = enabled


def clear_autocast_cache() -> None:
    """Forget what was cast in the context that is in force."""
    casting = state.here.casting
    if casting is not None and casting.cache is not None:
        casting.cache.clear()
