"""Which line of the forward pass made a gradient NaN, or made ``backward`` fail."""

from __future__ import annotations

import sys
import traceback
import warnings
from pathlib import Path
from types import FrameType
from typing import Any

from ..runtime.state import state
from .slow_road import TRACEBACK, anomaly
from .watching import Watcher

_PACKAGE = str(Path(__file__).resolve().parent.parent)


def _stack() -> str:
    """The calls that led here, as far as to the package."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return "" if frame is None else "".join(traceback.format_stack(frame))


class _Tracer(Watcher):
    """Notes on each node which line made it."""

    def noted(self, node: Any) -> None:
        node.metadata[TRACEBACK] = _stack()


class set_detect_anomaly:
    """Set at once whether ``backward`` looks for NaN and tells the line of the forward pass; as a context manager,
    until its end."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = (anomaly.enabled, anomaly.check_nan, state.here.watch)
        _set(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        anomaly.enabled, anomaly.check_nan, state.here.watch = self._before


def _set(mode: bool, check_nan: bool) -> None:
    here = state.here
    anomaly.enabled, anomaly.check_nan = bool(mode), bool(check_nan)
    if mode and not isinstance(here.watch, _Tracer):
        here.watch = _Tracer(here.watch)
    elif not mode and isinstance(here.watch, _Tracer):
        here.watch = here.watch.inner


class detect_anomaly:
    """Within it ``backward`` fails where it makes a NaN, and tells the line of the forward pass made within it."""

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for "
            "debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        self._mode = set_detect_anomaly(True, self.check_nan)

    def __exit__(self, *exc: object) -> None:
        self._mode.__exit__(*exc)


def is_anomaly_enabled() -> bool:
    """Whether anomalies are looked for."""
    return anomaly.enabled


def is_anomaly_check_nan_enabled() -> bool:
    """Whether NaN is one, where they are looked for."""
    return anomaly.check_nan
