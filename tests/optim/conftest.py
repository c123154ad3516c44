"""Optimizers on fixed numbers, of Thalweg and of PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch")


@pytest.fixture
def weights():
    """Gives three parameters of ``library``, equal in every library: (3, 4), (4,) and ()."""

    def make(library: Any, dtype: str = "float64") -> list[Any]:
        draw = np.random.default_rng(0)
        kind = getattr(library, dtype)
        return [
            library.nn.Parameter(library.tensor(draw.normal(size=shape), dtype=kind))
            for shape in [(3, 4), (4,), ()]
        ]

    return make
