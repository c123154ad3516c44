"""Ctrl-C anywhere in a training step: the parameters are old or new, and the loop can go on."""

from __future__ import annotations

import linecache
import sys

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.runtime.state import state
from thalweg.runtime.trace import Trace

STEPS = 6
SPREAD = 61  # one of so many lines of a step is interrupted


class Training:
    """A small network with its optimizer and the parameters after each step."""

    def __init__(self, optimizer: str) -> None:
        tw.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        kwargs = {"momentum": 0.9} if optimizer == "SGD" else {}
        self.opt = getattr(tw.optim, optimizer)(self.net.parameters(), lr=0.05, **kwargs)
        self.x, self.y = tw.randn(8, 3), tw.randn(8, 1)

    def step(self) -> None:
        self.opt.zero_grad()
        nn.functional.mse_loss(self.net(self.x), self.y).backward()
        self.opt.step()
        tw.synchronize()

    def parameters(self) -> list[np.ndarray]:
        return [p.detach().numpy().copy() for p in self.net.parameters()]


def interrupted(function, at: int) -> str | int:
    """Call it, with KeyboardInterrupt at the ``at``-th line of Thalweg; gives where that is, or how many lines ran.

    Lines with ``with`` don't count: Python comes back to them to leave the block, and there it asks for no signals.
    """
    count, place = 0, ""

    def on_line(frame, event, arg):
        nonlocal count, place
        source = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
        if event == "line" and not source.lstrip().startswith("with "):
            count += 1
            if count == at:
                place = f"{frame.f_code.co_filename.rpartition('thalweg/')[2]}:{frame.f_lineno} {frame.f_code.co_name}"
                raise KeyboardInterrupt
        return on_line

    def on_call(frame, event, arg):
        path = frame.f_code.co_filename
        return on_line if "thalweg" in path and "tests" not in path else None

    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        function()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return place or count


def is_one_of(found, states) -> bool:
    return any(all(map(np.array_equal, found, one)) for one in states)


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize("tier", ["interpret", "native"])
def test_a_step_that_is_interrupted_is_done_or_not(tier, optimizer):
    with tw.tier(tier):
        reference = Training(optimizer)
        states = [reference.parameters()]
        for _ in range(STEPS):
            reference.step()
            states.append(reference.parameters())
        lines = interrupted(reference.step, -1)
        assert lines > 100
        wrong = []
        for at in range(1, lines, max(lines // SPREAD, 1)):
            training = Training(optimizer)
            for _ in range(3):
                training.step()
            place = interrupted(training.step, at)
            what = after_interrupt(training, states[3:6])
            if what is not None:
                wrong.append((place, what))
                state.trace = Trace(tier)
        assert not wrong, "\n".join(map(str, wrong))


def after_interrupt(training, states) -> str | None:
    """What is wrong: states are those before the step, after it, and after one more."""
    try:
        if not is_one_of(training.parameters(), states[:2]):
            return "the parameters are neither old nor new"
        training.step()
        return (
            None if is_one_of(training.parameters(), states[1:]) else "the next step goes elsewhere"
        )
    except Exception as error:
        return f"{type(error).__name__}: {error}"
