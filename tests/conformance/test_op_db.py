"""Nothing falls out of the lists of op_db's entries that are right here."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="compares with PyTorch 2.13")
pytest.importorskip("expecttest", reason="PyTorch's sample table needs it")

from . import harness  # noqa: E402  # only where torch is installed

HERE = Path(__file__).parent
TABLE = harness.entries()


def listed(name: str) -> list[str]:
    return (HERE / name).read_text().split()


@pytest.mark.parametrize("name", listed("passing.txt"))
def test_values_and_gradients_are_right(name):
    assert harness.outcome(TABLE[name]) == ""


@pytest.mark.parametrize("name", listed("refusing.txt"))
def test_errors_have_the_type_of_pytorchs(name):
    assert harness.outcome(TABLE[name], harness.check_errors) == ""


def test_enough_entries_are_complete():
    assert len(listed("passing.txt")) >= 665
    assert len(listed("refusing.txt")) >= 200
