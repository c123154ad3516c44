"""Where buffers live. There is one device today, the CPU."""

from __future__ import annotations


class Device:
    """A device, as in ``Device("cpu")``."""

    __slots__ = ("type", "index")

    type: str
    index: int | None

    def __init__(self, type: str | Device, index: int | None = None) -> None:
        if isinstance(type, Device):
            name, index = type.type, type.index
            self.type, self.index = name, index
            return
        name, _, number = type.partition(":")
        if name != "cpu":
            known = ("cuda", "mps", "xpu", "meta", "cpu")
            if name in known:
                raise RuntimeError(
                    f"device {type!r} is not available: this build of Thalweg has the device 'cpu' only"
                )
            raise RuntimeError(
                f"Expected one of {', '.join(known)} device type at start of device string: {type}"
            )
        self.type = name
        self.index = int(number) if number else index

    def __repr__(self) -> str:
        return (
            f"device(type='{self.type}'"
            + ("" if self.index is None else f", index={self.index}")
            + ")"
        )

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))


CPU = Device("cpu")


def as_device(device: Device | str | None) -> Device:
    """The device meant by ``device``; RuntimeError where it does not exist."""
    return CPU if device is None else Device(device)


class OutOfMemoryError(RuntimeError):
    """A device has no memory left. Programs catch it by this name; the CPU raises MemoryError."""


class AcceleratorError(RuntimeError):
    """A device failed. Programs catch it by this name; the CPU does not raise it."""


OutOfMemoryError.__module__ = AcceleratorError.__module__ = "thalweg"
