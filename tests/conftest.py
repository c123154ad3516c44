"""On which tier a test runs: those of the rooms in ``TABLES`` on both, the others on "auto"; `pytest --tier native`
runs all on native.

Native means nothing but native, so that a table of operations is one of kernels: what other tiers compute at its line,
since it is data, is recorded and compiled as well. And on every tier a program that cannot be compiled, or that fails
where the interpreter doesn't, is an error here and not a word in the log. The mark ``own_tier`` is for a test that
chooses a tier for itself, is about what the tiers do unlike each other, or makes the compiler fail.

Each run notes what it ran; `pytest --skipped-before` runs what that one skipped, as after PyTorch was installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import thalweg as tw
from thalweg.runtime.program import Program
from thalweg.runtime.state import state
from thalweg.tensor import dispatch

TABLES = {"ops", "tensor", "autograd", "func", "nn", "optim", "books", "conformance"}
BOTH = ("interpret", "native")
_at_once = dispatch._at_once
_RAN = "thalweg/ran"
_ran: list[str] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--tier", choices=("auto", *BOTH), help="the one tier to run all tests on")
    parser.addoption("--skipped-before", action="store_true", help="run what the last run skipped")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "own_tier: left alone by tests/conftest.py, see there")
    if config.getoption("--skipped-before") and _ran_before(config) is None:
        raise pytest.UsageError("--skipped-before: no run before this one noted what it ran")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    chosen = metafunc.config.getoption("--tier")
    room = Path(metafunc.definition.path).parent.name
    if metafunc.definition.get_closest_marker("own_tier") is None and (chosen or room in TABLES):
        metafunc.parametrize("_tier", [chosen] if chosen else BOTH, indirect=True)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and (not report.skipped or hasattr(report, "wasxfail")):
        _ran.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    worker = hasattr(config, "workerinput")
    if config.cache is not None and not worker and not config.getoption("--skipped-before"):
        config.cache.set(_RAN, _ran)


def _ran_before(config: pytest.Config) -> list[str] | None:
    return config.cache.get(_RAN, None) if config.cache is not None else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--skipped-before"):
        ran = set(_ran_before(config) or ())
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid in ran])
        items[:] = [item for item in items if item.nodeid not in ran]


@pytest.fixture(autouse=True)
def _tier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if request.node.get_closest_marker("own_tier") is None:
        monkeypatch.setattr(Program, "_refuse", _fail)
    name = getattr(request, "param", tw.current_tier())
    if name == "native":
        monkeypatch.setattr(dispatch, "_at_once", _recorded)
    with tw.tier(name):
        yield


def _recorded(
    op: Any, statics: Any, args: Any, operands: Sequence[Any], edges: Any, wanted: int
) -> Any:
    """What ``_at_once`` computes, recorded on every tier but "eager"."""
    if state.eager:
        return _at_once(op, statics, args, operands, edges, wanted)
    assert not wanted
    return dispatch._untaped(op, state.trace.record(op, operands, statics)[1])


def _fail(program: Program, doing: str, error: Exception) -> None:
    """In place of staying on the interpreter."""
    raise AssertionError(f"{doing} a program failed on the native tier only: {error}") from error
