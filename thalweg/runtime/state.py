"""What belongs to one thread: its trace, its grad mode, its tier."""

from __future__ import annotations

import os
import threading

from .trace import Trace

default_tier = "eager" if os.environ.get("THALWEG_EAGER", "") not in ("", "0") else "auto"


class ThreadState(threading.local):
    """Read on every operation; one object so that one look-up finds it all."""

    def __init__(self) -> None:
        self.grad = True
        self.inference = False
        self.tier = default_tier
        self.eager = default_tier == "eager"
        self.trace = Trace()


state = ThreadState()
