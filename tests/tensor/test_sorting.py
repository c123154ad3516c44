"""Order: against PyTorch, and by itself."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import thalweg as tw

pytestmark = pytest.mark.filterwarnings("ignore:thalweg. this training loop has not repeated")
TABLE = np.random.RandomState(0).randn(3, 4)
TIES = np.array([[1.0, 1, 2, 2], [3, 3, 3, 0], [1, 0, 1, 0]])
MISSING = np.array([[3.0, np.nan, 2, 1], [1, 2, 3, 4], [np.inf, -np.inf, 0, np.nan]])

ORDER = {
    "sort": lambda m, x: x.sort(),
    "sort rows, descending": lambda m, x: x.sort(0, True),
    "sort, outside": lambda m, x: x.sort(2),
    "sort, stable": lambda m, x: m.sort(x, stable=True, dim=0),
    "sort 0-d": lambda m, x: x[0, 0].sort(),
    "sort nothing": lambda m, x: x[:0].sort(),
    "sort a transpose": lambda m, x: x.t().sort(0),
    "argsort": lambda m, x: x.argsort(1),
    "argsort descending": lambda m, x: x.argsort(0, descending=True),
    "msort": lambda m, x: x.msort(),
    "median": lambda m, x: x.median(),
    "median along": lambda m, x: x.median(0, True),
    "median of nothing along": lambda m, x: x[:0].median(0),
    "median along, of nothing": lambda m, x: x[:0].median(1),
    "median 0-d": lambda m, x: x[0, 0].median(0),
    "nanmedian": lambda m, x: x.nanmedian(),
    "nanmedian along": lambda m, x: x.nanmedian(0),
    "mode": lambda m, x: x.mode(),
    "mode of nothing": lambda m, x: x[:0].mode(0),
    "mode 0-d": lambda m, x: x[0, 0].mode(0),
    "cummax": lambda m, x: x.cummax(1),
    "cummin": lambda m, x: x.cummin(0),
    "cummax 0-d": lambda m, x: x[0, 0].cummax(0),
    "max": lambda m, x: x.max(),
    "max along": lambda m, x: x.max(1),
    "max along, kept": lambda m, x: m.max(x, 0, keepdim=True),
    "max of pairs": lambda m, x: m.max(x, x * 2),
    "max of nothing": lambda m, x: x[:0].max(0),
    "max 0-d": lambda m, x: x[0, 0].max(0),
    "min along": lambda m, x: x.min(-1),
    "min, outside": lambda m, x: x.min(5),
    "logcumsumexp": lambda m, x: x.logcumsumexp(1),
}
CHOICE = {
    "topk": lambda m, x: x.topk(2),
    "topk smallest": lambda m, x: x.topk(2, 0, False),
    "topk, none": lambda m, x: x.topk(0),
    "topk, too many": lambda m, x: x.topk(5),
    "topk 0-d": lambda m, x: x[0, 0].topk(1),
    "kthvalue": lambda m, x: x.kthvalue(2),
    "kthvalue kept": lambda m, x: x.kthvalue(2, 0, True),
    "kthvalue, none": lambda m, x: x.kthvalue(0),
    "kthvalue 0-d": lambda m, x: x[0, 0].kthvalue(1),
}


@pytest.mark.parametrize("case", [*ORDER.values(), *CHOICE.values()], ids=[*ORDER, *CHOICE])
def test_order_as_in_torch(agree, case):
    agree(case, TABLE)


@pytest.mark.parametrize("case", ORDER.values(), ids=ORDER)
def test_ties_as_in_torch(agree, case):
    agree(case, TIES)


@pytest.mark.parametrize("name", [n for n in ORDER if n != "logcumsumexp"])
def test_missing_numbers_as_in_torch(agree, name):
    agree(ORDER[name], MISSING, gradient=False)


@pytest.mark.parametrize("name", ["sort", "max along", "median along", "cummax", "mode", "argsort"])
@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float32])
def test_other_types_as_in_torch(agree, name, dtype):
    agree(ORDER[name], TIES.astype(dtype), gradient=False)


@pytest.mark.parametrize("largest", [True, False])
def test_topk_of_many(agree, largest):
    agree(lambda m, x: x.topk(5, 1, largest), np.random.RandomState(0).randn(2, 500))


def test_sorting_is_stable_both_ways():
    x = tw.tensor([1.0, 0.0, 1.0, 0.0])
    assert x.argsort().tolist() == [1, 3, 0, 2]
    assert x.argsort(descending=True).tolist() == [0, 2, 1, 3]


def test_pairs_have_names_and_a_printed_form():
    pair = tw.tensor([3.0, 1.0]).max(0)
    assert repr(pair) == "thalweg.return_types.max(\nvalues=tensor(3.),\nindices=tensor(0))"
    values, indices = pair
    assert (
        pair.values is values and pair.indices is indices and isinstance(pair, tw.return_types.max)
    )
    assert (
        copy.deepcopy(pair).values.item() == pickle.loads(pickle.dumps(pair)).values.item() == 3.0
    )


def test_gradients_go_where_the_values_came_from():
    x = tw.tensor([[3.0, 1.0, 2.0]], requires_grad=True)
    values, indices = (x * 1).sort(1)
    assert not indices.requires_grad and indices.grad_fn is None
    (values * tw.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert x.grad.tolist() == [[100.0, 1.0, 10.0]]


def test_the_full_median_shares_among_ties():
    x = tw.tensor([1.0, 2.0, 2.0, 3.0], requires_grad=True)
    x.median().backward()
    assert x.grad.tolist() == [0.0, 0.5, 0.5, 0.0]


def test_logcumsumexp_does_not_overflow():
    x = tw.tensor([1000.0, 1000.0], requires_grad=True)
    y = x.logcumsumexp(0)
    assert y.tolist() == pytest.approx([1000.0, 1000.6931], rel=1e-6)
    y.sum().backward()
    assert x.grad.tolist() == pytest.approx([1.5, 0.5], rel=1e-4)
