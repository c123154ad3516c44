"""What the tests of the data room share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from thalweg.runtime.generator import default_generator


@pytest.fixture
def torch() -> Any:
    """PyTorch, where it is installed."""
    return pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def _stream() -> Iterator[None]:
    """Leave the default random stream as it was."""
    state = default_generator.get_state()
    yield
    default_generator.set_state(state)


def spelled_out(x: Any) -> Any:
    """Tensors as (type, shape, numbers), at any depth; classes of containers kept apart from their contents."""
    if hasattr(x, "requires_grad"):
        return (str(x.dtype).partition(".")[2], tuple(x.shape), x.detach().tolist())
    if isinstance(x, dict):
        return (type(x).__name__, {k: spelled_out(v) for k, v in x.items()})
    if isinstance(x, list | tuple):
        return (type(x).__name__, [spelled_out(v) for v in x])
    return x


def outcome(action: Callable[[], Any]) -> Any:
    """What ``action`` gives back, spelled out, or the type of the error that it raises."""
    try:
        return spelled_out(action())
    except Exception as error:
        return type(error).__name__


@pytest.fixture
def plain() -> Callable[[Any], Any]:
    return spelled_out


@pytest.fixture
def tried() -> Callable[[Callable[[], Any]], Any]:
    return outcome
