"""The page that says which of PyTorch's names are there, and the list that it comes from."""

from __future__ import annotations

import re
import warnings

import pytest

from thalweg.compat.names import COUNTED, TORCH, in_torch, planned, sections
from thalweg.testing import parity


def test_the_page_is_up_to_date() -> None:
    assert parity.PAGE.read_text() == parity.page(), (
        "names came or went: run `python -m thalweg.testing.parity` and commit docs/parity.md"
    )


def test_the_page_counts() -> None:
    rows = re.findall(r"\| `([\w.]+)` \| (\d+) \| (\d+) \| (\d+) \|", parity.page())
    assert [section for section, *_ in rows] == [*COUNTED, "together"]
    numbers = [[int(n) for n in row] for _, *row in rows]
    assert all(here + missing == counted > 0 for here, missing, counted in numbers)
    assert [sum(column) for column in zip(*numbers[:-1], strict=True)] == numbers[-1]


def test_the_list() -> None:
    assert in_torch("torch.nn.Linear") and in_torch("torch.nn") and in_torch("torch.onnx")
    assert not in_torch("torch.nn.Linaer") and not in_torch("torch.nope") and not in_torch("nope")
    assert planned("torch.nn.Linear") and planned("torch.fft") and not planned("torch.onnx")
    assert not planned("torch.sparse_coo_tensor") and not planned("torch.nn.DataParallel")
    for section in COUNTED:
        names = sections()[section]
        assert names and list(names) == sorted(set(names))


@pytest.mark.parametrize("section", COUNTED)
def test_the_list_is_pytorchs(section: str) -> None:
    torch = pytest.importorskip("torch")
    if torch.__version__.split("+")[0] != TORCH:
        pytest.skip(f"the list is of PyTorch {TORCH}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert tuple(parity._public(torch, section)) == sections()[section]
