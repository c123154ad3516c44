"""A pickle read opcode by opcode: only what is on a list is made, and nothing else is ever called.

Note: what a hostile pickle can cost. Python's own unpickler calls what a file names, and lets a memo number or a
copy of a copy take any amount of memory. Here a file can only name what ``find`` knows; a length is believed up to
the bytes that are there; what a named thing copies is paid from a budget of the pickle's own length; and a
dictionary's key may have few parts, since hashing a tuple of tuples of one tuple takes for ever. Nothing recurses.
"""

from __future__ import annotations

import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class LoadError(RuntimeError, ValueError, pickle.UnpicklingError):
    """A file that cannot be read: damaged, of no known format, or asking for what no file may ask for.

    It is each of the errors that PyTorch raises for such files, and a ValueError.
    """


class Found(NamedTuple):
    """What a name in a pickle stands for.

    Attributes:
        thing: what is put on the stack.
        make: called where the pickle calls ``thing``; None where it must not.
        instances: the type of the objects whose state the pickle may set, with ``set_state``.
        new: makes an instance without ``__init__``; ``make`` where left out.
    """

    thing: Any
    make: Callable[..., Any] | None = None
    instances: type | None = None
    set_state: Callable[[Any, Any], None] | None = None
    new: Callable[..., Any] | None = None


_MAX_KEY_PARTS, _MAX_KEY_BITS = 1000, 1 << 12
_COPIED = (str, bytes, bytearray, tuple, list, dict, set, frozenset)
_LINE = 1 << 12

_NUMBERS = {
    pickle.BININT: "<i", pickle.BININT1: "<B", pickle.BININT2: "<H", pickle.BINFLOAT: ">d",
    pickle.BINGET: "<B", pickle.LONG_BINGET: "<I", pickle.BINPUT: "<B", pickle.LONG_BINPUT: "<I",
    pickle.PROTO: "<B", pickle.FRAME: "<Q",
}  # fmt: skip
_SIZED = {
    pickle.BINUNICODE: "<I", pickle.SHORT_BINUNICODE: "<B", pickle.BINUNICODE8: "<Q", pickle.BINBYTES: "<I",
    pickle.SHORT_BINBYTES: "<B", pickle.BINBYTES8: "<Q", pickle.BYTEARRAY8: "<Q", pickle.SHORT_BINSTRING: "<B",
    pickle.BINSTRING: "<I", pickle.LONG1: "<B", pickle.LONG4: "<I",
}  # fmt: skip
_NUMBER_AT = {op[0]: struct.Struct(form) for op, form in _NUMBERS.items()}
_SIZE_AT = {op[0]: struct.Struct(form) for op, form in _SIZED.items()}
_GLOBAL, _STOP = pickle.GLOBAL[0], pickle.STOP[0]


def opcodes(data: bytes, start: int = 0) -> Iterator[tuple[int, Any, int]]:
    """(opcode, argument, position behind it) of each instruction from ``start`` to the end of one pickle."""
    at, end = start, len(data)
    while at < end:
        op = data[at]
        at += 1
        if op in _NUMBER_AT:
            form = _NUMBER_AT[op]
            (argument,) = form.unpack_from(data, at)
            at += form.size
        elif op in _SIZE_AT:
            form = _SIZE_AT[op]
            (length,) = form.unpack_from(data, at)
            at += form.size
            if length > end - at:
                raise LoadError(
                    f"load: the pickle has a text of {length} bytes and {end - at} bytes left: it is damaged"
                )
            argument = data[at : at + length]
            at += length
        elif op == _GLOBAL:
            lines = data[at : at + _LINE].split(b"\n", 2)
            if len(lines) < 3:
                raise LoadError("load: the pickle has a name without an end: it is damaged")
            argument = lines[0].decode(), lines[1].decode()
            at += len(lines[0]) + len(lines[1]) + 2
        else:
            argument = None
        yield op, argument, at
        if op == _STOP:
            return
    raise LoadError("load: the pickle ends in its middle: it is damaged")


def end_of(data: bytes, start: int = 0) -> int:
    """The position behind the pickle that begins at ``start``."""
    return max(behind for _, _, behind in opcodes(data, start))


class Reader:
    """One pickle's stack machine.

    Args:
        data: the bytes.
        find: what a (module, name) stands for; raises LoadError for what is not on the list.
        persistent: the object of a persistent id.
        encoding: of the texts that Python 2 wrote, which may be bytes as well ("latin1" keeps those).
    """

    def __init__(
        self,
        data: bytes,
        find: Callable[[str, str], Found],
        persistent: Callable[[Any], Any],
        encoding: str = "utf-8",
    ) -> None:
        self.data = data
        self.encoding = encoding
        self.find = find
        self.persistent = persistent
        self.budget = len(data) + 1000
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.known: dict[int, Found] = {}
        self.kinds: dict[type, Callable[[Any, Any], None]] = {OrderedDict: self._attributes}

    def read(self, start: int = 0) -> Any:
        """The object; LoadError for anything that does not fit together."""
        table = _INSTRUCTIONS
        try:
            for op, argument, _ in opcodes(self.data, start):
                if op == _STOP:
                    (result,) = self.stack
                    return result
                step = table.get(op)
                if step is None:
                    raise LoadError(
                        f"load: the pickle has an instruction {bytes([op])!r}, which no saved file needs: refused"
                    )
                step(self, argument)
        except (LoadError, MemoryError):
            raise
        except (
            Exception
        ) as error:  # a stack that runs empty, a key that cannot be one, a bad number
            what = f"{type(error).__name__}: {str(error)[:200]}"
            raise LoadError(f"load: the pickle is damaged: {what}") from error
        raise AssertionError("opcodes end with STOP or an error")

    def pay(self, count: int) -> None:
        """Take what copying ``count`` elements costs from the budget."""
        self.budget -= count
        if self.budget < 0:
            raise LoadError("load: the pickle unfolds to more than it holds: refused")

    # What the instructions do

    def since_mark(self) -> list[Any]:
        at = self.marks.pop()
        items = self.stack[at:]
        del self.stack[at:]
        return items

    def pop(self) -> Any:
        if self.marks and len(self.stack) <= self.marks[-1]:
            raise LoadError("load: the pickle takes more than it put: it is damaged")
        return self.stack.pop()

    def remember(self, number: int) -> None:
        self.memo[number] = self.stack[-1]

    def name(self, module: str, name: str) -> None:
        found = self.find(module, name)
        self.known[id(found.thing)] = found
        if found.instances is not None and found.set_state is not None:
            self.kinds[found.instances] = found.set_state
        self.stack.append(found.thing)

    def call(self, plain: bool = True) -> None:
        arguments, thing = self.pop(), self.pop()
        found = self.known.get(id(thing))
        make = None if found is None else found.make if plain else found.new or found.make
        if make is None or type(arguments) is not tuple:
            raise LoadError(
                f"load: the pickle calls {_shown(thing)}, which no file may call: refused"
            )
        self.pay(sum(len(a) for a in arguments if isinstance(a, _COPIED)))
        self.stack.append(make(*arguments))

    def build(self) -> None:
        state, thing = self.pop(), self.stack[-1]
        kinds = (self.kinds.get(kind) for kind in type(thing).__mro__)
        set_state = next((found for found in kinds if found is not None), None)
        if set_state is None:
            raise LoadError(
                f"load: the pickle sets the state of a {type(thing).__name__}, which no file may set: refused"
            )
        if isinstance(state, _COPIED):
            self.pay(len(state))
        set_state(thing, state)

    def _attributes(self, thing: Any, state: Any) -> None:
        """Attributes of an OrderedDict, which module states have (``_metadata``)."""
        for key in state:
            if type(key) is not str or hasattr(OrderedDict, key):
                raise LoadError(f"load: the pickle sets the attribute {_shown(key)}: refused")
        thing.__dict__.update(state)

    def append(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not list:
            raise LoadError(f"load: the pickle appends to a {type(target).__name__}: it is damaged")
        target.extend(items)

    def put(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or len(items) % 2:
            raise LoadError(
                f"load: the pickle sets items of a {type(target).__name__}: it is damaged"
            )
        for key, value in zip(items[::2], items[1::2], strict=True):
            check_key(key)
            target[key] = value

    def add(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not set:
            raise LoadError(f"load: the pickle adds to a {type(target).__name__}: it is damaged")
        for item in items:
            check_key(item)
            target.add(item)


def check_key(key: Any) -> None:
    """LoadError for a key whose hash would walk over very many parts, or digits."""
    if type(key) is str:
        return
    waiting: list[Any] = [(key,)]
    parts = 0
    while waiting:
        part = waiting.pop()
        parts += len(part)
        if parts > _MAX_KEY_PARTS:
            raise LoadError(
                f"load: a key of more than {_MAX_KEY_PARTS} parts, which no saved file has: refused"
            )
        waiting.extend(item for item in part if isinstance(item, tuple | frozenset))
        if any(isinstance(item, int) and item.bit_length() > _MAX_KEY_BITS for item in part):
            raise LoadError("load: a number of a thousand digits as a key: refused")


def _shown(thing: Any) -> str:
    """A short text for an error, without asking for a long ``repr``."""
    name = getattr(thing, "__qualname__", None)
    return repr(thing)[:80] if isinstance(thing, str | int | None) else name or type(thing).__name__


def _last(count: int) -> Callable[[Reader, Any], None]:
    def tuple_of_last(reader: Reader, argument: Any) -> None:
        items = tuple([reader.pop() for _ in range(count)][::-1])
        reader.stack.append(items)

    return tuple_of_last


def _stack_name(reader: Reader, argument: Any) -> None:
    name, module = reader.pop(), reader.pop()
    if type(name) is not str or type(module) is not str:
        raise LoadError("load: the pickle has a name that is no text: it is damaged")
    reader.name(module, name)


def _put_pair(reader: Reader, argument: Any) -> None:
    value, key = reader.pop(), reader.pop()
    reader.put([key, value])


def _frozen(reader: Reader, argument: Any) -> None:
    items = reader.since_mark()
    for item in items:
        check_key(item)
    reader.stack.append(frozenset(items))


_Step = Callable[[Reader, Any], Any]


def _pushing(make: Callable[[Any], Any]) -> _Step:
    return lambda reader, argument: reader.stack.append(make(argument))


def _same(argument: Any) -> Any:
    return argument


def _nothing(reader: Reader, argument: Any) -> None:
    pass


_TABLE: dict[bytes, _Step] = {
    pickle.PROTO: _nothing,
    pickle.FRAME: _nothing,
    pickle.MARK: lambda reader, _: reader.marks.append(len(reader.stack)),
    pickle.POP: lambda reader, _: reader.pop(),
    pickle.POP_MARK: lambda reader, _: reader.since_mark(),
    pickle.NONE: _pushing(_same),
    pickle.NEWTRUE: _pushing(lambda _: True),
    pickle.NEWFALSE: _pushing(lambda _: False),
    **dict.fromkeys(
        (pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.BINFLOAT), _pushing(_same)
    ),
    **dict.fromkeys(
        (pickle.LONG1, pickle.LONG4), _pushing(lambda x: int.from_bytes(x, "little", signed=True))
    ),
    **dict.fromkeys(
        (pickle.BINUNICODE, pickle.SHORT_BINUNICODE, pickle.BINUNICODE8),
        _pushing(lambda x: x.decode("utf-8", "surrogatepass")),
    ),
    **dict.fromkeys(
        (pickle.BINSTRING, pickle.SHORT_BINSTRING),
        lambda reader, x: reader.stack.append(x.decode(reader.encoding)),
    ),
    **dict.fromkeys((pickle.BINBYTES, pickle.SHORT_BINBYTES, pickle.BINBYTES8), _pushing(_same)),
    pickle.BYTEARRAY8: _pushing(bytearray),
    pickle.EMPTY_TUPLE: _pushing(lambda _: ()),
    pickle.EMPTY_LIST: _pushing(lambda _: []),
    pickle.EMPTY_DICT: _pushing(lambda _: {}),
    pickle.EMPTY_SET: _pushing(lambda _: set()),
    pickle.TUPLE: lambda reader, _: reader.stack.append(tuple(reader.since_mark())),
    pickle.TUPLE1: _last(1),
    pickle.TUPLE2: _last(2),
    pickle.TUPLE3: _last(3),
    pickle.APPEND: lambda reader, _: reader.append([reader.pop()]),
    pickle.APPENDS: lambda reader, _: reader.append(reader.since_mark()),
    pickle.SETITEM: _put_pair,
    pickle.SETITEMS: lambda reader, _: reader.put(reader.since_mark()),
    pickle.ADDITEMS: lambda reader, _: reader.add(reader.since_mark()),
    pickle.FROZENSET: _frozen,
    pickle.BINPUT: lambda reader, number: reader.remember(number),
    pickle.LONG_BINPUT: lambda reader, number: reader.remember(number),
    pickle.MEMOIZE: lambda reader, _: reader.remember(len(reader.memo)),
    pickle.BINGET: lambda reader, number: reader.stack.append(reader.memo[number]),
    pickle.LONG_BINGET: lambda reader, number: reader.stack.append(reader.memo[number]),
    pickle.GLOBAL: lambda reader, names: reader.name(*names),
    pickle.STACK_GLOBAL: _stack_name,
    pickle.REDUCE: lambda reader, _: reader.call(),
    pickle.NEWOBJ: lambda reader, _: reader.call(plain=False),
    pickle.BUILD: lambda reader, _: reader.build(),
    pickle.BINPERSID: lambda reader, _: reader.stack.append(reader.persistent(reader.pop())),
}  # fmt: skip
_INSTRUCTIONS = {op[0]: step for op, step in _TABLE.items()}
