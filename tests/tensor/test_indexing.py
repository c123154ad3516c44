"""Reading and writing by index and mask: against PyTorch, and by themselves."""

from __future__ import annotations

import numpy as np
import pytest

import thalweg as tw

pytestmark = [
    pytest.mark.filterwarnings("ignore:thalweg. this training loop has not repeated"),
    pytest.mark.filterwarnings("ignore:Using a non-tuple sequence:UserWarning"),  # torch's own
]
TABLE = np.random.RandomState(0).randn(3, 4)
BLOCK = np.random.RandomState(0).randn(2, 3, 4, 5)
TIES = np.array([[1.0, 1, 2, 2], [3, 3, 3, 0], [1, 0, 1, 0]])
TRIED = np.array([True, False, True])

READ = {
    "int": lambda m, x: x[1],
    "negative int": lambda m, x: x[-1],
    "int outside": lambda m, x: x[5],
    "two ints": lambda m, x: x[0, 0],
    "too many": lambda m, x: x[0, 0, 0],
    "of a 0-d tensor": lambda m, x: x[0, 0][0],
    "text": lambda m, x: x["a"],
    "float": lambda m, x: x[1.0],
    "dictionary": lambda m, x: x[{}],
    "slice": lambda m, x: x[1:, ::3],
    "whole slice": lambda m, x: x[:],
    "slice backwards": lambda m, x: x[::-1],
    "slice outside": lambda m, x: x[-10:10],
    "slice of nothing": lambda m, x: x[3:1],
    "slice to a tensor": lambda m, x: x[0 : m.tensor(2)],
    "slice of text": lambda m, x: x[slice("a")],
    "dots": lambda m, x: x[...],
    "dots, int": lambda m, x: x[..., 0],
    "dots twice": lambda m, x: x[..., ...],
    "None": lambda m, x: x[None],
    "None between": lambda m, x: x[0, None, 1:],
    "None around dots": lambda m, x: x[None, ..., None],
    "True": lambda m, x: x[True],
    "False": lambda m, x: x[False],
    "int and False": lambda m, x: x[0, False],
    "0-d tensor": lambda m, x: x[m.tensor(1)],
    "0-d tensor and None": lambda m, x: x[m.tensor(1), None],
    "0-d bool tensor": lambda m, x: x[m.tensor(True)],
    "list": lambda m, x: x[[0, 2]],
    "empty list": lambda m, x: x[[]],
    "list of bools": lambda m, x: x[[True, False, True]],
    "list of lists": lambda m, x: x[[[0, 1], [1, 2]]],
    "list with a slice": lambda m, x: x[[slice(0, 1), 0]],
    "range": lambda m, x: x[range(2)],
    "lists that do not broadcast": lambda m, x: x[[0, 1], [0, 1, 2]],
    "tensor": lambda m, x: x[m.tensor([0, 2, 0])],
    "matrix of numbers": lambda m, x: x[m.tensor([[0, 2], [1, 1]])],
    "second axis": lambda m, x: x[:, m.tensor([0, 2, 0]), None],
    "pairs": lambda m, x: x[m.tensor([0, 2]), m.tensor([1, 3])],
    "crossed": lambda m, x: x[m.tensor([[0], [2]]), m.tensor([1, 3])],
    "negative numbers": lambda m, x: x[m.tensor([-1, -3])],
    "numbers outside": lambda m, x: x[m.tensor([5])],
    "numbers far below": lambda m, x: x[m.tensor([-5])],
    "no numbers": lambda m, x: x[m.zeros(0).long()],
    "int32": lambda m, x: x[m.tensor([1], dtype=m.int32)],
    "int8": lambda m, x: x[m.ones(3, dtype=m.int8)],
    "floats": lambda m, x: x[m.tensor([1.0])],
    "arrays": lambda m, x: x[np.array([0, 1])],
    "NumPy integer": lambda m, x: x[np.int64(1)],
    "NumPy mask": lambda m, x: x[TRIED],
    "mask of rows": lambda m, x: x[m.tensor(TRIED), 1],
    "mask": lambda m, x: x[x > 0],
    "mask of columns": lambda m, x: x[:, m.tensor([True, False, True, True])],
    "mask of wrong shape": lambda m, x: x[:, m.tensor([True, False])],
    "mask and numbers": lambda m, x: x[m.tensor(TRIED), m.tensor([0, 1])],
}
PLACED = {
    "int first": lambda m, x: x[0, :, [1, 2]],
    "apart": lambda m, x: x[:, [0], :, [1, 2]],
    "int last": lambda m, x: x[[0], :, 1],
    "side by side": lambda m, x: x[:, [0, 1], [1, 2]],
    "None between": lambda m, x: x[[0, 1], :, None, [1, 2]],
    "dots between": lambda m, x: x[0, [0, 1], ..., [1, 2]],
    "matrix": lambda m, x: x[:, :, [[0, 1], [2, 3]]],
    "mask and list": lambda m, x: x[[True, False], :, [1]],
    "mask of two axes": lambda m, x: x[:, m.tensor([[True, False, True, False]] * 3)],
    "of a transpose": lambda m, x: x.transpose(0, 2)[[1, 2], :, 0],
}
PICK = {
    "index_select": lambda m, x: x.index_select(1, m.tensor([3, 3, 0])),
    "index_select outside": lambda m, x: x.index_select(0, m.tensor([5])),
    "index_select negative": lambda m, x: x.index_select(0, m.tensor([-1])),
    "index_select by floats": lambda m, x: x.index_select(0, m.tensor([1.0])),
    "index_select by a matrix": lambda m, x: x.index_select(0, m.tensor([[1]])),
    "index_select of 0-d": lambda m, x: x[0, 0].index_select(0, m.tensor([0])),
    "gather": lambda m, x: x.gather(0, m.tensor([[0, 2, 1, 1]])),
    "gather of a part": lambda m, x: x.gather(1, m.tensor([[0, 2], [1, 1]])),
    "gather outside": lambda m, x: x.gather(0, m.tensor([[5]])),
    "gather negative": lambda m, x: x.gather(0, m.tensor([[-1]])),
    "gather by a vector": lambda m, x: x.gather(0, m.tensor([1])),
    "gather by floats": lambda m, x: x.gather(1, m.tensor([[1.0]])),
    "gather by more rows": lambda m, x: x.gather(1, m.zeros(4, 1).long()),
    "gather of 0-d": lambda m, x: x[0, 0].gather(0, m.tensor([0, 0])),
    "gather of nothing": lambda m, x: x.gather(0, m.zeros(0, 4).long()),
    "take": lambda m, x: x.take(m.tensor([[0, 5], [-1, 2]])),
    "take outside": lambda m, x: x.take(m.tensor([50])),
    "take_along_dim": lambda m, x: x.take_along_dim(m.tensor([[1]]), 0),
    "take_along_dim flat": lambda m, x: x.take_along_dim(m.tensor([1, 2])),
    "take_along_dim, axes": lambda m, x: x.take_along_dim(m.tensor([1]), 0),
    "masked_select": lambda m, x: x.masked_select(m.tensor([True, False, True, False])),
    "masked_select by numbers": lambda m, x: x.masked_select(m.tensor([1])),
    "where": lambda m, x: m.where(x > 0, x, x * 2),
    "where, number": lambda m, x: m.where(x > 0, x, 1.0),
    "where, numbers": lambda m, x: m.where(x > 0, 1, 2),
    "where, promoting": lambda m, x: m.where(x > 0, x.long(), 2.0),
    "where by numbers": lambda m, x: m.where(m.tensor([1, 0, 1, 1]), x, 0),
    "where alone": lambda m, x: m.where(x > 0),
    "nonzero": lambda m, x: (x > 0).nonzero(),
    "nonzero as a tuple": lambda m, x: (x > 0).nonzero(as_tuple=True),
    "argwhere": lambda m, x: m.argwhere(x > 0),
}
PUT = {
    "scatter": lambda m, x: x.scatter(0, m.tensor([[0, 2, 1, 0]]), x[:1] * 2),
    "scatter a number": lambda m, x: x.scatter(1, m.tensor([[0, 2], [1, 0]]), 7.0),
    "scatter a value": lambda m, x: x.scatter(1, m.tensor([[0, 2], [1, 0]]), value=7),
    "scatter outside": lambda m, x: x.scatter(0, m.tensor([[5]]), 1.0),
    "scatter another type": lambda m, x: x.scatter(0, m.tensor([[1]]), x.float()),
    "scatter by more": lambda m, x: x.scatter(0, m.zeros(4, 4).long(), x),
    "scatter_add": lambda m, x: x.scatter_add(1, m.tensor([[0, 2, 0], [1, 0, 1]]), x[:2, :3]),
    "index_add": lambda m, x: x.index_add(0, m.tensor([0, 0, 2]), x),
    "index_add scaled": lambda m, x: x.index_add(0, m.tensor([0, 0]), x[:2], alpha=3),
    "index_add inside": lambda m, x: x.index_add(1, m.tensor([3, 3]), x[:, :2]),
    "index_add, count": lambda m, x: x.index_add(0, m.tensor([0, 1]), x[:1]),
    "index_copy": lambda m, x: x.index_copy(0, m.tensor([0, 2]), x[:2]),
    "index_copy outside": lambda m, x: x.index_copy(0, m.tensor([5]), x[:1]),
    "index_fill": lambda m, x: x.index_fill(1, m.tensor([0, 3]), 9.0),
    "index_fill by a tensor": lambda m, x: x.index_fill(1, m.tensor([0, 2]), x.sum()),
    "index_fill outside": lambda m, x: x.index_fill(0, m.tensor([5]), 1),
    "index_put": lambda m, x: x.index_put((m.tensor([0, 2]),), x[0]),
    "index_put, adding": lambda m, x: x.index_put((m.tensor([0, 0]),), x[1], accumulate=True),
    "index_put pairs": lambda m, x: x.index_put(
        (m.tensor([0, 0]), m.tensor([1, 1])), x[1, :2], accumulate=True
    ),
    "index_put by a mask": lambda m, x: x.index_put((x > 0,), x.sum()),
    "index_put outside": lambda m, x: x.index_put((m.tensor([5]),), x[0]),
    "put adding": lambda m, x: m.Tensor.put(x, m.tensor([0, 5, 5]), x[0, :3], accumulate=True),
    "masked_fill": lambda m, x: x.masked_fill(x > 0, 1.0),
    "masked_fill by a tensor": lambda m, x: x.masked_fill(x > 0, x.sum()),
    "masked_fill by numbers": lambda m, x: x.masked_fill(m.tensor([1, 0, 0, 0]), 1),
    "masked_fill by a vector": lambda m, x: x.masked_fill(x > 0, m.ones(2)),
    "masked_scatter": lambda m, x: x.masked_scatter(x > 0, x * 2),
    "masked_scatter, too few": lambda m, x: x.masked_scatter(x > 0, m.ones(2).double()),
}
FOLDS = ("sum", "prod", "mean", "amax", "amin")
COUNT = {
    "bincount": lambda m, x: m.bincount(m.tensor([1, 1, 3]), minlength=5),
    "bincount weighted": lambda m, x: m.bincount(m.tensor([1, 1, 3]), x.detach()[0, :3]),
    "bincount negative": lambda m, x: m.bincount(m.tensor([-1])),
    "bincount of floats": lambda m, x: m.bincount(m.tensor([1.0])),
    "isin": lambda m, x: m.isin(x, x[0]),
    "searchsorted": lambda m, x: m.searchsorted(m.tensor([1, 3, 5]), m.tensor([2, 3]), right=True),
    "searchsorted in rows": lambda m, x: m.searchsorted(x.sort()[0], x),
    "searchsorted of a number": lambda m, x: m.searchsorted(m.tensor([1, 3, 5]), 3),
    "bucketize": lambda m, x: m.bucketize(x, m.tensor([-1.0, 0.0, 1.0]).double()),
    "count_nonzero": lambda m, x: m.count_nonzero((x * 2).long(), 0),
    "unique": lambda m, x: m.unique((x * 2).long(), return_inverse=True, return_counts=True),
    "unique columns": lambda m, x: m.unique((x * 2).long(), dim=1),
    "unique_consecutive": lambda m, x: m.unique_consecutive(
        (x * 2).long(), return_inverse=True, return_counts=True
    ),
    "unique_consecutive of nothing": lambda m, x: m.unique_consecutive(x[:, :0], True, True, dim=1),
    "unique_consecutive rows": lambda m, x: m.unique_consecutive((x / 5).long(), dim=0),
}


@pytest.mark.parametrize("case", READ.values(), ids=READ)
def test_reading_as_in_torch(agree, case):
    agree(case, TABLE)


@pytest.mark.parametrize("case", PLACED.values(), ids=PLACED)
def test_where_indexed_axes_go_as_in_torch(agree, case):
    agree(case, BLOCK)


@pytest.mark.parametrize("case", PICK.values(), ids=PICK)
def test_picking_as_in_torch(agree, case):
    agree(case, TABLE)


@pytest.mark.parametrize("case", PUT.values(), ids=PUT)
def test_putting_as_in_torch(agree, case):
    agree(case, TABLE)


@pytest.mark.parametrize("own", [True, False], ids=["with itself", "without itself"])
@pytest.mark.parametrize("fold", FOLDS)
@pytest.mark.parametrize("table", [TABLE, TIES], ids=["plain", "ties"])
def test_scatter_reduce_as_in_torch(agree, fold, own, table):
    """Without itself PyTorch counts what was there as a tie of the result, or multiplies by it: not followed."""

    def case(m, x):
        index = m.tensor([[0, 2, 0], [1, 0, 1]])
        return x.scatter_reduce(1, index, x[:2, :3] * 2, fold, include_self=own)

    unsure = not own and (fold == "prod" or (table is TIES and fold in ("amax", "amin")))
    agree(case, table, gradient=not unsure)


@pytest.mark.parametrize("case", COUNT.values(), ids=COUNT)
def test_counting_as_in_torch(agree, case):
    agree(case, TABLE, gradient=False)


# Writing


def writes(key, value=-1.0):
    def case(m, x):
        y = x * 1
        y[key(m, y) if callable(key) else key] = value(m, y) if callable(value) else value
        return y

    return case


WRITE = {
    "row": writes(0),
    "element": writes((0, 1)),
    "column": writes((slice(None), 1)),
    "step": writes((slice(None), slice(None, None, 2)), lambda m, y: m.tensor([1.0, 2.0])),
    "row of integers": writes(0, lambda m, y: m.tensor([1, 2, 3, 4])),
    "leading ones": writes(0, lambda m, y: m.zeros(1, 1, 4)),
    "too many values": writes(0, lambda m, y: m.zeros(3)),
    "list": writes(([0, 2],)),
    "pairs": writes(([0, 2], [1, 3]), lambda m, y: m.tensor([4.0, 5.0]).double()),
    "another type": writes(([0, 1],), lambda m, y: m.zeros(4)),
    "too many rows": writes(([0, 1],), lambda m, y: m.zeros(3, 4).double()),
    "mask": writes(lambda m, y: y > 0),
    "mask, one value": writes(lambda m, y: y > 0, lambda m, y: m.tensor([2.0])),
    "mask, values": writes(lambda m, y: y > 100, lambda m, y: m.zeros(0).double()),
    "mask of columns": writes(lambda m, y: (slice(None), m.tensor([True, False, True, False]))),
    "True": writes(True),
    "None": writes(None),
    "outside": writes(5),
    "index outside": writes(([5],)),
    "too many": writes((0, 0, 0)),
    "backwards": writes(slice(None, None, -1)),
    "a list": writes(0, lambda m, y: [1.0, 2.0, 3.0, 4.0]),
    "from itself": writes(0, lambda m, y: (y * 2)[1]),
    "from its sum": writes((..., 0), lambda m, y: y.sum()),
    "a mask from its sum": writes(lambda m, y: y > 0, lambda m, y: y.sum()),
}


@pytest.mark.parametrize("case", WRITE.values(), ids=WRITE)
def test_writing_as_in_torch(agree, case):
    agree(case, TABLE, nodes=False)


INPLACE = {
    "index_fill_": lambda m, y: y.index_fill_(0, m.tensor([0, 2]), 3.0),
    "index_add_": lambda m, y: y.index_add_(0, m.tensor([0, 0]), m.ones(2, 4).double()),
    "index_copy_": lambda m, y: y.index_copy_(1, m.tensor([0, 2]), m.ones(3, 2).double()),
    "index_put_": lambda m, y: y.index_put_(
        (m.tensor([0, 0]),), m.ones(4).double(), accumulate=True
    ),
    "scatter_": lambda m, y: y.scatter_(1, m.tensor([[0], [1], [2]]), 9.0),
    "scatter_add_": lambda m, y: y.scatter_add_(1, m.tensor([[0], [1]]), m.ones(2, 1).double()),
    "masked_fill_": lambda m, y: y.masked_fill_(y > 0, -1.0),
    "masked_fill_, wider": lambda m, y: y.masked_fill_(m.ones(2, 3, 4).bool(), -1.0),
    "masked_scatter_": lambda m, y: y.masked_scatter_(y > 0, m.ones(12).double()),
    "put_": lambda m, y: y.put_(m.tensor([0, 5]), m.tensor([1.0, 2.0]).double()),
    "tril_": lambda m, y: y.tril_(),
    "a row's masked_fill_": lambda m, y: y[0].masked_fill_(y[0] > 0, -1.0),
    "augmented": lambda m, y: y[0].add_(1),
}


@pytest.mark.parametrize("change", INPLACE.values(), ids=INPLACE)
def test_changes_in_place_as_in_torch(agree, change):
    def case(m, x):
        y = x * 1
        change(m, y)
        return y

    agree(case, TABLE, nodes=False)


def test_gradients_of_what_is_written():
    v = tw.tensor([1.0, 2.0], requires_grad=True)
    y = tw.zeros(3, 2)
    for k in range(3):
        y[k] = v * (k + 1)
    y[[0, 1]] = v
    y[y > 5] = 0.0
    y.sum().backward()
    assert y.tolist() == [[1.0, 2.0], [1.0, 2.0], [3.0, 0.0]]
    assert v.grad.tolist() == [5.0, 2.0]


def test_a_leaf_that_requires_grad_is_not_written():
    x = tw.ones(3, requires_grad=True)
    for key in (0, [0], x > 0, slice(1)):
        with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
            x[key] = 2.0
    with tw.no_grad():
        x[0] = 2.0
        x[x > 1] = 5.0
    assert x.tolist() == [5.0, 1.0, 1.0]


def test_integers_take_numbers_as_in_torch():
    x = tw.arange(4)
    x[0] = 1.7
    x[x > 2] = 9.9
    assert x.tolist() == [1, 1, 2, 9] and x.dtype is tw.int64


def test_a_number_written_everywhere_keeps_the_shape():
    for key in ((slice(0, 2), slice(0, 3)), slice(None), ...):
        x = tw.zeros(2, 3)
        x[key] = 4.0
        assert x.tolist() == [[4.0] * 3] * 2


def test_an_index_out_of_bounds_is_an_error_on_its_line():
    x = tw.ones(3, requires_grad=True)
    for wrong in (lambda: x[[5]], lambda: x.index_select(0, tw.tensor([3]))):
        with pytest.raises(
            IndexError, match="index [35] is out of bounds for dimension 0 with size 3"
        ):
            wrong()
    with pytest.raises(RuntimeError, match="index 3 is out of bounds"):
        x.gather(0, tw.tensor([3]))


def test_basic_indexing_shares_memory_and_lists_do_not():
    x = tw.arange(6).view(2, 3)
    x[0][1] = 10
    x[[1]][0, 0] = 99
    assert x.tolist() == [[0, 10, 2], [3, 4, 5]]


def test_repeated_rows_gather_their_gradients():
    x = tw.arange(6.0).view(3, 2).requires_grad_()
    (x[tw.tensor([2, 0, 2])] * tw.tensor([[1.0], [2.0], [3.0]])).sum().backward()
    assert x.grad.tolist() == [[2.0, 2.0], [0.0, 0.0], [4.0, 4.0]]


def test_whether_an_element_is_in_a_tensor():
    x = tw.tensor([[1.0, 3.0], [1.0, 1.0]])
    assert 3 in x and tw.tensor(1.0) in x and 2.0 not in x
    with pytest.raises(RuntimeError, match="only supports Tensor or scalar"):
        assert "a" in x


@pytest.mark.own_tier
def test_no_step_is_recorded_for_data():
    from thalweg.runtime.state import state

    x = tw.arange(12.0).view(3, 4)
    tw.synchronize()
    for key in (0, slice(1, 3), [0, 2], x[:, 0] > 1, (slice(None), 1)):
        assert x[key]._read().array is not None
    assert not state.trace.values


def test_foreign_memory_is_written_through():
    array = np.zeros((2, 2))
    x = tw.from_numpy(array)
    x[0, 1] = 3.0
    x[1] = tw.ones(2).double()
    x[[0]] = tw.full((2,), 5.0).double()
    assert array.tolist() == [[5.0, 5.0], [1.0, 1.0]]
