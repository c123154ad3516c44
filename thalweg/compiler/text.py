"""LLVM IR as text: names, types, constants, blocks and loops."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from ..ir.dtype import DType

ELEMENT = {
    "float32": "float", "float64": "double", "int64": "i64", "int32": "i32", "int16": "i16", "int8": "i8",
    "uint8": "i8", "bool": "i1", "float16": "i16", "bfloat16": "i16",
}  # fmt: skip


class Type(NamedTuple):
    """An element type, in one lane or in several."""

    element: str
    lanes: int

    def __str__(self) -> str:
        return self.element if self.lanes == 1 else f"<{self.lanes} x {self.element}>"

    @property
    def suffix(self) -> str:
        """As it stands in the names of intrinsics."""
        kind = {"float": "f32", "double": "f64"}.get(self.element, self.element)
        return kind if self.lanes == 1 else f"v{self.lanes}{kind}"

    def of(self, element: str) -> Type:
        """As many lanes of another element type."""
        return Type(element, self.lanes)

    @property
    def is_float(self) -> bool:
        return self.element in ("float", "double")


def type_of(dtype: DType, lanes: int) -> Type:
    return Type(ELEMENT[dtype.name], lanes)


def constant(t: Type, value: Any) -> str:
    """``value`` in every lane."""
    if t.is_float:
        if t.element == "float":
            value = struct.unpack("f", struct.pack("f", value))[0]
        text = f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
    else:
        text = str(int(value))
    return text if t.lanes == 1 else f"splat ({t.element} {text})"


class Writer:
    """Collects the lines of one function."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.slots: list[str] = []
        self.declared: dict[str, str] = {}
        self._n = 0
        self.block = "entry"

    def name(self, hint: str = "v") -> str:
        self._n += 1
        return f"{hint}{self._n}"

    def do(self, text: str) -> None:
        self.lines.append(f"  {text}")

    def set(self, text: str) -> str:
        """A new value, computed by ``text``."""
        result = "%" + self.name()
        self.lines.append(f"  {result} = {text}")
        return result

    def call(self, name: str, result: Type | str, *args: tuple[Type | str, str]) -> str:
        """Call a declared function or intrinsic."""
        self.declared[name] = f"declare {result} @{name}({', '.join(str(t) for t, _ in args)})"
        return self.set(f"call {result} @{name}({', '.join(f'{t} {v}' for t, v in args)})")

    def intrinsic(self, name: str, t: Type, *args: str) -> str:
        """An intrinsic overloaded on one type, which its operands and its result have."""
        return self.call(f"llvm.{name}.{t.suffix}", t, *((t, a) for a in args))

    def splat(self, t: Type, scalar: str) -> str:
        """A scalar in every lane of ``t``."""
        if t.lanes == 1:
            return scalar
        first = self.set(f"insertelement {t} poison, {t.element} {scalar}, i32 0")
        return self.set(f"shufflevector {t} {first}, {t} poison, <{t.lanes} x i32> zeroinitializer")

    def load(self, t: Type, place: str, align: int, mask: str | None = None) -> str:
        """The neighbors at an address; 0 in lanes that ``mask`` leaves out."""
        if mask is None:
            return self.set(f"load {t}, ptr {place}, align {align}")
        name, truths = f"llvm.masked.load.{t.suffix}.p0", t.of("i1")
        self.declared[name] = f"declare {t} @{name}(ptr, i32, {truths}, {t})"
        return self.set(
            f"call {t} @{name}(ptr {place}, i32 {align}, {truths} {mask}, {t} zeroinitializer)"
        )

    def store(self, t: Type, value: str, place: str, align: int, mask: str | None = None) -> None:
        """Write neighbors to an address, but for lanes that ``mask`` leaves out."""
        if mask is None:
            self.do(f"store {t} {value}, ptr {place}, align {align}")
            return
        name, truths = f"llvm.masked.store.{t.suffix}.p0", t.of("i1")
        self.declared[name] = f"declare void @{name}({t}, ptr, i32, {truths})"
        self.do(f"call void @{name}({t} {value}, ptr {place}, i32 {align}, {truths} {mask})")

    def variable(self, t: Type, start: str) -> str:
        """A place for a value that changes, set to ``start`` here."""
        place = "%" + self.name("slot")
        self.slots.append(f"  {place} = alloca {t}, align 64")
        self.do(f"store {t} {start}, ptr {place}")
        return place

    def label(self, name: str) -> None:
        self.lines.append(f"{name}:")
        self.block = name

    @contextmanager
    def loop(self, start: str, stop: str, step: int = 1) -> Iterator[str]:
        """``for index in range(start, stop, step)``."""
        head, body, latch, end = (self.name(k) for k in ("head", "body", "latch", "end"))
        index, following = "%" + self.name("i"), "%" + self.name("next")
        before = self.block
        self.do(f"br label %{head}")
        self.label(head)
        self.do(f"{index} = phi i64 [ {start}, %{before} ], [ {following}, %{latch} ]")
        more = self.set(f"icmp slt i64 {index}, {stop}")
        self.do(f"br i1 {more}, label %{body}, label %{end}")
        self.label(body)
        yield index
        self.do(f"br label %{latch}")
        self.label(latch)
        self.do(f"{following} = add nsw i64 {index}, {step}")
        self.do(f"br label %{head}")
        self.label(end)

    @contextmanager
    def when(self, condition: str) -> Iterator[None]:
        """``if condition``."""
        body, end = self.name("then"), self.name("end")
        self.do(f"br i1 {condition}, label %{body}, label %{end}")
        self.label(body)
        yield
        self.do(f"br label %{end}")
        self.label(end)

    def function(self, name: str, attributes: str) -> str:
        """The text of the module with the function ``name``."""
        head = f"define void @{name}(ptr %table, ptr %meta, i64 %begin, i64 %end) #0 {{"
        declared = sorted(self.declared.values())
        body = [head, "entry:", *self.slots, *self.lines, "  ret void", "}"]
        return "\n".join([*body, *declared, f"attributes #0 = {{ nounwind {attributes} }}", ""])
