"""Protocol Buffers' messages, and the file of records that TensorBoard reads.

A message is a dict: by a field's number what it holds, bytes for a text or a message within. A list is a repeated field.
Fields that hold None are left out; what protocol buffers leave out by themselves, zeros, is left out by who makes the
dict.

Source: "Protocol Buffers encoding", protobuf.dev; tensorflow/core/lib/io/record_writer.h; Castagnoli and others 1993
for the polynomial.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

__all__ = ["Double", "Float", "check_sum", "message", "packed", "record"]


class Float(float):
    """A number that is written in four bytes; a plain float is written in eight."""


Double = float


def message(fields: Mapping[int, Any]) -> bytes:
    """Fields by their numbers, each a number, a text, bytes or a list of them, as bytes."""
    return b"".join(
        _field(number, part)
        for number, value in fields.items()
        for part in (value if isinstance(value, list) else [value])
        if part is not None
    )


def _field(number: int, value: Any) -> bytes:
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return _whole(number << 3 | 2) + _whole(len(value)) + value
    if isinstance(value, int):
        return _whole(number << 3) + _whole(value)
    if isinstance(value, Float):
        return _whole(number << 3 | 5) + struct.pack("<f", value)
    return _whole(number << 3 | 1) + struct.pack("<d", value)


def _whole(value: int) -> bytes:
    """Seven bits a byte, least first; numbers below 0 as if of 64 bits."""
    left = value & (1 << 64) - 1
    made = bytearray()
    while left > 127:
        made.append(left & 127 | 128)
        left >>= 7
    made.append(left)
    return bytes(made)


def packed(numbers: list[float], kind: str = "d") -> bytes:
    """A repeated field of floats of eight bytes ("d") or four ("f"), one after the other."""
    return struct.pack(f"<{len(numbers)}{kind}", *numbers)


def _table() -> tuple[int, ...]:
    made = []
    for k in range(256):
        for _ in range(8):
            k = k >> 1 ^ (0x82F63B78 if k & 1 else 0)
        made.append(k)
    return tuple(made)


_TABLE = _table()


def check_sum(data: bytes) -> int:
    """CRC-32C, turned and shifted as the file wants it, so that sums of sums differ."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 255] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return (crc >> 15 | crc << 17) + 0xA282EAD8 & 0xFFFFFFFF


def record(data: bytes) -> bytes:
    """One record of the file: how long it is, and what it holds, each with its check sum."""
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", check_sum(length)) + data + struct.pack("<I", check_sum(data))
