"""Queues of work, as devices have them that run beside the program. The CPU's are always done."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from .device import CPU, Device, as_device
from .recorder import synchronize


class Stream:
    """A queue of work; all of the CPU are one, and equal.

    Args:
        device: "cpu", or left out.
        priority: of no effect.
    """

    stream_id, device_index, device_type = 0, -1, 0

    def __init__(self, device: Device | str | None = None, *, priority: int = 0) -> None:
        as_device(device)

    @property
    def device(self) -> Device:
        """Where it runs."""
        return CPU

    def query(self) -> bool:
        """Whether all is done: True."""
        return True

    def synchronize(self) -> None:
        """Wait until what was recorded is computed."""
        synchronize()

    def wait_event(self, event: Event) -> None:
        """Wait for ``event``: it is over."""

    def wait_stream(self, stream: Stream) -> None:
        """Of devices with events."""
        _refuse()

    def record_event(self, event: Event | None = None) -> Event:
        """Of devices with events."""
        return _refuse()

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream)

    def __hash__(self) -> int:
        return hash(Stream)

    def __repr__(self) -> str:
        return "Stream device_type=cpu, device_index=-1, stream_id=0"


def _refuse() -> Any:
    raise RuntimeError("cpu backend doesn't support events: measure with time.perf_counter()")


class Event:
    """A place in a queue; on the CPU it is over, and can't be recorded."""

    event_id = 0

    def __init__(
        self,
        device: Device | str | None = None,
        *,
        enable_timing: bool = False,
        blocking: bool = False,
        interprocess: bool = False,
    ) -> None:
        as_device(device)
        self._timing = enable_timing

    @property
    def device(self) -> Device:
        """Where it is."""
        return CPU

    def query(self) -> bool:
        """Whether it is over: True."""
        return True

    def synchronize(self) -> None:
        """Wait for it: it is over."""

    def wait(self, stream: Stream | None = None) -> None:
        """Let a queue wait for it: it is over."""

    def record(self, stream: Stream | None = None) -> None:
        """Of devices with events."""
        _refuse()

    def elapsed_time(self, end_event: Event) -> float:
        """Of recorded events."""
        if not (self._timing and end_event._timing):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        raise ValueError(
            "Both events must be recorded before calculating elapsed time, and the CPU's can't be: measure with "
            "time.perf_counter()"
        )

    def __repr__(self) -> str:
        return f"Event device_type=cpu, device_index=-1, event_flag={int(self._timing)}, event_id=0"
