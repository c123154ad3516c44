"""Nothing falls out of the lists of module_db's entries that are right here."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="compares with PyTorch 2.13")
pytest.importorskip("expecttest", reason="PyTorch's sample table needs it")

from . import harness, modules  # noqa: E402  # only where torch is installed

HERE = Path(__file__).parent
TABLE = modules.entries()


def listed(name: str) -> list[str]:
    return (HERE / name).read_text().split()


@pytest.mark.parametrize("name", listed("modules_passing.txt"))
def test_weights_outputs_and_gradients_are_right(name):
    assert harness.outcome(TABLE[name], modules.check_entry) == ""


@pytest.mark.parametrize("name", listed("modules_refusing.txt"))
def test_errors_have_the_type_of_pytorchs(name):
    assert harness.outcome(TABLE[name], modules.check_errors) == ""


def test_enough_entries_are_complete():
    assert len(listed("modules_passing.txt")) >= 114
