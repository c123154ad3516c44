"""Equal avals are one object as long as somebody has it; what nobody has is forgotten."""

from __future__ import annotations

import gc
import threading

from thalweg.ir import aval as module
from thalweg.ir.aval import Aval
from thalweg.ir.dtype import float32, int64


def test_equal_ones_are_the_same_object():
    a = Aval((3, 5), float32)
    assert Aval((3, 5), float32) is a
    assert Aval((3, 5), int64) is not a and Aval((3, 5), float32, False, False) is not a


def test_one_in_use_stays_the_same_while_others_are_forgotten(monkeypatch):
    monkeypatch.setattr(module, "_MOST_RECENT", 50)
    held = Aval((7, 11, 13), float32)
    before = len(Aval._living)
    for n in range(1, 2000):
        Aval((17, 19, n), float32)
    gc.collect()
    assert len(Aval._living) <= before + 50
    assert len(Aval._recent) <= 50
    assert Aval((7, 11, 13), float32) is held


def test_threads_meet_in_one_object(monkeypatch):
    monkeypatch.setattr(module, "_MOST_RECENT", 5)
    found: list[list[Aval]] = []

    def make() -> None:
        found.append([Aval((23, n), float32) for n in range(300)])

    threads = [threading.Thread(target=make) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert all(len({id(a) for a in same}) == 1 for same in zip(*found, strict=True))
