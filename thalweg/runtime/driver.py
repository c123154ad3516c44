"""The native driver: one foreign call runs a list of commands (commands.py), or leaves it to the pool.

Kernels (compiler/emit.py) have the form of a command, and so have products (contraction.py).
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..compiler.cache import functions
from .commands import text

WORDS = 9  # of a block


def block(
    commands: Any, first: int, last: int, table: Any, pool: int = 0, objects: Any = None, n: int = 0, gate: int = -1,
    flags: Any = None,
) -> Any:  # fmt: skip
    """What the driver is given: see commands.py. The arrays must outlive it."""
    ids, watched = (0 if x is None else x.ctypes.data for x in (objects, flags))
    data = (commands.ctypes.data, first, last, table.ctypes.data, pool, ids, n, gate, watched)
    return np.array(data, np.int64)


class Driver(NamedTuple):
    """The native routines, as ctypes functions.

    ``run(block)`` carries out a list of commands; ``run_holding`` does so without letting other Python threads in;
    ``submit(block)`` leaves it to the pool, and ``wait(pool, n)`` ends when its first n commands (ALL) are done.
    """

    run: Any
    run_holding: Any
    submit: Any
    wait: Any


@cache
def driver() -> Driver:
    """Compile and load the driver, once in a process.

    Raises:
        RuntimeError: this Python's arrays are not laid out as expected.
    """
    found = functions({name: text(name) for name in ("run", "submit", "wait")})
    pointer = ctypes.c_void_p
    run = ctypes.CFUNCTYPE(None, pointer)(found["run"])
    holding = ctypes.PYFUNCTYPE(None, pointer)(found["run"])
    submit = ctypes.PYFUNCTYPE(None, pointer)(found["submit"])
    wait = ctypes.CFUNCTYPE(None, pointer, ctypes.c_int64)(found["wait"])
    table = np.zeros(1, np.int64)
    objects = np.array([id(table)], np.int64)
    given = block(np.zeros(0, np.int64), 0, 0, table, 0, objects, 1)
    holding(given.ctypes.data)
    if table[0] != table.ctypes.data:
        raise RuntimeError("driver: an ndarray's data pointer is not where it was expected")
    return Driver(run, holding, submit, wait)
