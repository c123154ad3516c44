"""Nothing falls out of the list of optim_db's entries that are right here."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="compares with PyTorch 2.13")
pytest.importorskip("expecttest", reason="PyTorch's sample table needs it")

from . import optimizers  # noqa: E402  # only where torch is installed

LISTED = Path(__file__).with_name("optimizers.txt").read_text().splitlines()
TABLE = optimizers.entries()


@pytest.mark.parametrize("name", LISTED)
def test_steps_and_refusals_are_pytorchs(name):
    assert optimizers.outcome(TABLE[name]) == ""


def test_nine_of_ten_entries_are_right():
    assert len(LISTED) >= 0.9 * len(TABLE)
