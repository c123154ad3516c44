"""Views, parts, joins and rearrangements: against PyTorch, and by themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tw

pytestmark = pytest.mark.filterwarnings("ignore:thalweg. this training loop has not repeated")
BLOCK = np.random.RandomState(0).randn(2, 3, 4)

VIEWS = {
    "view": lambda m, x: x.view(6, 4),
    "view infers": lambda m, x: x.view(6, -1),
    "view of a sequence": lambda m, x: x.view((3, 8)),
    "view, two unknown": lambda m, x: x.view(-1, -1),
    "view, wrong count": lambda m, x: x.view(5),
    "view, indivisible": lambda m, x: x.view(-1, 5),
    "view of a transpose": lambda m, x: x.transpose(0, 1).view(-1),
    "reshape": lambda m, x: x.reshape(-1),
    "reshape of a transpose": lambda m, x: x.transpose(0, 1).reshape(-1),
    "reshape of nothing": lambda m, x: x[:0].reshape(0, -1),
    "flatten": lambda m, x: x.flatten(1),
    "flatten, backwards": lambda m, x: x.flatten(2, 1),
    "flatten 0-d": lambda m, x: x[0, 0, 0].flatten(),
    "unflatten": lambda m, x: x.unflatten(-1, (2, -1)),
    "unflatten, wrong": lambda m, x: x.unflatten(-1, (3,)),
    "ravel": lambda m, x: x.ravel(),
    "t": lambda m, x: x[0].t(),
    "t of 3-d": lambda m, x: x.t(),
    "mT": lambda m, x: x.mT,
    "T": lambda m, x: x[0].T,
    "transpose": lambda m, x: x.transpose(0, -1),
    "transpose 0-d": lambda m, x: x[0, 0, 0].transpose(0, 0),
    "transpose, outside": lambda m, x: x.transpose(0, 3),
    "swapaxes": lambda m, x: x.swapaxes(0, 1),
    "permute": lambda m, x: x.permute(1, 0, 2),
    "permute of a sequence": lambda m, x: m.permute(x, (2, 0, 1)),
    "permute, twice the same": lambda m, x: x.permute(0, 0, 1),
    "permute, too few": lambda m, x: x.permute(0, 1),
    "movedim": lambda m, x: x.movedim(0, 1),
    "movedim of several": lambda m, x: x.movedim((0, 1), (2, 0)),
    "squeeze": lambda m, x: x.unsqueeze(0).squeeze(),
    "squeeze one": lambda m, x: x.unsqueeze(0).squeeze(0),
    "squeeze several": lambda m, x: x.unsqueeze(0).squeeze((0, 1)),
    "unsqueeze": lambda m, x: x.unsqueeze(-1),
    "unsqueeze, outside": lambda m, x: x.unsqueeze(4),
    "expand": lambda m, x: x.expand(5, 2, 3, 4),
    "expand with -1": lambda m, x: x.unsqueeze(1).expand(-1, 6, 3, 4),
    "expand, too few": lambda m, x: x.expand(3),
    "expand, unequal": lambda m, x: x.expand(5, 3, 4),
    "broadcast_to": lambda m, x: m.broadcast_to(x, (2, 2, 3, 4)),
    "narrow": lambda m, x: x.narrow(1, -2, 2),
    "narrow, too long": lambda m, x: x.narrow(0, 1, 2),
    "narrow, outside": lambda m, x: x.narrow(0, 3, 0),
    "select": lambda m, x: x.select(-1, -1),
    "select, outside": lambda m, x: x.select(0, 2),
    "unfold": lambda m, x: x.unfold(2, 3, 1),
    "unfold, too long": lambda m, x: x.unfold(2, 5, 2),
    "unfold 0-d": lambda m, x: x[0, 0, 0].unfold(0, 1, 1),
    "as_strided": lambda m, x: x.as_strided((2, 2), (1, 2), 3),
    "as_strided, outside": lambda m, x: x.as_strided((20, 2), (1, 2), 30),
    "diagonal": lambda m, x: x.diagonal(1, 1, 2),
    "diagonal below": lambda m, x: x.diagonal(-1, 2, 0),
    "diagonal far off": lambda m, x: x.diagonal(9),
    "diagonal of one axis": lambda m, x: x.diagonal(0, 1, 1),
    "contiguous": lambda m, x: x.transpose(0, 1).contiguous(),
}
PARTS = {
    "unbind": lambda m, x: x.unbind(1),
    "unbind 0-d": lambda m, x: x[0, 0, 0].unbind(),
    "chunk": lambda m, x: x.chunk(2),
    "chunk with a rest": lambda m, x: x.chunk(3, -1),
    "chunk, none": lambda m, x: x.chunk(0),
    "split": lambda m, x: x.split(2, 1),
    "split by sizes": lambda m, x: x.split([1, 2], 1),
    "split, wrong sum": lambda m, x: x.split([1, 1], 1),
    "split, negative": lambda m, x: x.split(-1),
    "split, zero": lambda m, x: x.split(0),
    "tensor_split": lambda m, x: x.tensor_split(3, 2),
    "tensor_split at": lambda m, x: x.tensor_split((1, 2, 7), 2),
    "hsplit": lambda m, x: m.hsplit(x, 3),
    "hsplit, uneven": lambda m, x: m.hsplit(x, 2),
    "vsplit": lambda m, x: m.vsplit(x, 2),
    "dsplit": lambda m, x: m.dsplit(x, [1, 3]),
}
NEW = {
    "diag": lambda m, x: x[0, 0].diag(-2),
    "diag of 3-d": lambda m, x: x.diag(),
    "diag_embed": lambda m, x: x.diag_embed(1, 0, 2),
    "diag_embed below": lambda m, x: x.diag_embed(-1, 1, 0),
    "repeat": lambda m, x: x.repeat(2, 2, 1, 3),
    "repeat, too few": lambda m, x: x.repeat(2),
    "repeat, none": lambda m, x: x.repeat(0, 1, 1),
    "tile": lambda m, x: x.tile(2, 1, 1, 2),
    "tile, fewer": lambda m, x: x.tile((2,)),
    "repeat_interleave": lambda m, x: x.repeat_interleave(3, 1),
    "repeat_interleave flat": lambda m, x: x.repeat_interleave(2),
    "repeat_interleave by counts": lambda m, x: x.repeat_interleave(m.tensor([2, 0, 1]), 1),
    "repeat_interleave, negative": lambda m, x: x.repeat_interleave(-3, 1),
    "flip": lambda m, x: x.flip(0, 2),
    "flip, twice": lambda m, x: x.flip(0, 0),
    "fliplr": lambda m, x: m.fliplr(x),
    "fliplr of 1-d": lambda m, x: m.fliplr(x[0, 0]),
    "rot90": lambda m, x: m.rot90(x),
    "rot90 twice": lambda m, x: m.rot90(x, 2),
    "rot90 back": lambda m, x: m.rot90(x, -1, (2, 0)),
    "roll flat": lambda m, x: x.roll(1),
    "roll": lambda m, x: x.roll((1, -2), (0, 2)),
    "roll, unequal": lambda m, x: x.roll(1, (0, 1)),
    "tril": lambda m, x: x.tril(1),
    "triu": lambda m, x: x.triu(-1),
    "tril of 1-d": lambda m, x: x[0, 0].tril(),
    "cat": lambda m, x: m.cat([x, x * 2], -1),
    "cat of unequal": lambda m, x: m.cat([x, x[:1]], 1),
    "cat of nothing": lambda m, x: m.cat([]),
    "stack": lambda m, x: m.stack([x, x * 2], -1),
    "stack of unequal": lambda m, x: m.stack([x, x[0]]),
    "hstack": lambda m, x: m.hstack([x[0, 0], x[0, 1]]),
    "vstack": lambda m, x: m.vstack([x[0, 0], x[0, 1]]),
    "dstack": lambda m, x: m.dstack([x[0], x[1]]),
    "column_stack": lambda m, x: m.column_stack([x[0, 0], x[0, 1]]),
    "block_diag": lambda m, x: m.block_diag(x[0], x[1, :1], x[0, 0], x[0, 0, 0]),
    "combinations": lambda m, x: m.combinations(x[0, 0], 3, True),
    "tril_indices": lambda m, x: m.tril_indices(3, 4, 1),
    "triu_indices": lambda m, x: m.triu_indices(3, 4, -1),
    "cartesian_prod": lambda m, x: m.cartesian_prod(x[0, 0], x[0, :, 1]),
}
OTHER_NODES = {
    "atleast_3d": lambda m, x: m.atleast_3d(x[0, 0]),
    "meshgrid": lambda m, x: m.meshgrid(x[0, 0], x[0, :, 1], indexing="ij"),
    "meshgrid xy": lambda m, x: m.meshgrid(x[0, 0], x[0, :, 1], indexing="xy"),
    "broadcast_tensors": lambda m, x: m.broadcast_tensors(x, x[0]),
    "diag of a matrix": lambda m, x: x[0].diag(1),
}


@pytest.mark.parametrize("case", VIEWS.values(), ids=VIEWS)
def test_views_as_in_torch(agree, case):
    agree(case, BLOCK)


@pytest.mark.parametrize("case", PARTS.values(), ids=PARTS)
def test_parts_as_in_torch(agree, case):
    agree(case, BLOCK)


@pytest.mark.parametrize("case", NEW.values(), ids=NEW)
def test_new_tensors_as_in_torch(agree, case):
    agree(case, BLOCK)


@pytest.mark.parametrize("case", OTHER_NODES.values(), ids=OTHER_NODES)
def test_values_and_gradients_as_in_torch(agree, case):
    agree(case, BLOCK, nodes=False)


WAYS = {
    "select": lambda x: x[1],
    "slice": lambda x: x[:, 1:],
    "transpose": lambda x: x.transpose(0, 1),
    "view": lambda x: x.view(-1)[3:],
    "diagonal": lambda x: x.diagonal(),
    "part": lambda x: x.chunk(2, 1)[1],
    "unbound": lambda x: x.unbind(1)[2],
    "chain": lambda x: x.t()[1:].unsqueeze(0)[..., 0],
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("pending", [False, True], ids=["realized", "pending"])
def test_a_view_writes_through_and_sees_what_is_written(way, pending):
    array = np.arange(12.0).reshape(3, 4)
    leaf = tw.tensor(array, requires_grad=pending)
    base = leaf * 1 if pending else leaf
    seen = way(base)
    expected = way(tw.tensor(array)).numpy()
    assert seen.detach().numpy().tolist() == expected.tolist()
    seen.mul_(10)
    base.add_(1)
    whole = tw.tensor(array)
    way(whole)[...] = way(whole) * 10
    assert base.detach().numpy().tolist() == (whole + 1).tolist()
    assert seen.detach().numpy().tolist() == (way(whole) + 1).tolist()


def test_a_gradient_passes_a_view_that_was_written():
    x = tw.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    y = x * 2
    y.view(2, 2)[0].mul_(3)
    part = y[1:3]
    y.mul_(5)
    part.sum().backward()
    assert x.grad.tolist() == [0.0, 30.0, 10.0, 0.0]


def test_a_view_of_a_leaf_that_requires_grad_is_not_written():
    x = tw.ones(2, 3, requires_grad=True)
    with pytest.raises(RuntimeError, match="a view of a leaf Variable"):
        x.t().mul_(2)


def test_one_element_seen_twice_is_not_written():
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        tw.ones(3, 1).expand(3, 4).add_(1)


def test_measures():
    x = tw.zeros(2, 3, 4)
    view = x.transpose(0, 2)[1:]
    assert (x.dim(), x.numel(), x.size(1), x.stride(), x.is_contiguous()) == (
        3,
        24,
        3,
        (12, 4, 1),
        True,
    )
    assert (view.size(), view.stride(), view.storage_offset()) == ((3, 3, 2), (1, 4, 12), 1)
    assert not view.is_contiguous() and view.contiguous().is_contiguous()
    assert x.contiguous() is x


def test_parts_are_one_node():
    x = tw.ones(4, requires_grad=True)
    a, b = (x * 1).chunk(2)
    assert a.grad_fn is b.grad_fn
    b.sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 1.0, 1.0]


def test_turned_in_place():
    x = tw.arange(6).view(2, 3)
    assert x.t_() is x and x.tolist() == [[0, 3], [1, 4], [2, 5]]
    assert x.unsqueeze_(0).squeeze_(0).transpose_(0, 1).tolist() == [[0, 1, 2], [3, 4, 5]]
    x[0, 0] = 9
    assert x.tolist() == [[9, 1, 2], [3, 4, 5]]


def test_joining_promotes():
    assert tw.cat([tw.tensor([1]), tw.tensor([0.5])]).tolist() == [1.0, 0.5]
    assert tw.stack([tw.tensor(1), tw.tensor(True)]).dtype is tw.int64
    assert tw.cat([tw.zeros(0), tw.ones(2, 2)]).shape == (2, 2)


def test_a_view_has_one_operand_on_the_tape():
    x = tw.ones(3, requires_grad=True)
    for view in (x[0], x[1:], x.view(3, 1), x.unfold(0, 2, 1)):
        assert len(view.grad_fn.next_functions) == 1


def test_a_selected_place_is_a_run_time_number():
    """One graph serves every index: a loop over time steps is planned once for each length."""
    from thalweg.runtime.trace import trie

    x = tw.ones(50, 2, requires_grad=True) * 1
    x[0].sum().backward()
    before = len(trie.graphs)
    for k in range(1, 50):
        x = tw.ones(50, 2, requires_grad=True) * 1
        x[k].sum()
    assert len(trie.graphs) == before


@pytest.mark.parametrize("size", [2.0, "2", None])
def test_a_size_that_is_no_integer_is_refused(size: Any) -> None:
    with pytest.raises(TypeError):
        tw.ones(2).reshape(size)


def test_as_strided_of_a_part_that_is_a_leaf_has_its_gradient() -> None:
    part = tw.arange(20.0)[5:15].requires_grad_()
    shown = part.as_strided((2, 2), (1, 3))
    (shown * tw.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    assert shown.tolist() == [[5, 8], [6, 9]] and part.grad.tolist() == [
        1,
        3,
        0,
        2,
        4,
        0,
        0,
        0,
        0,
        0,
    ]
    with pytest.raises(RuntimeError, match="elements 5 to 15"):
        part.as_strided((2, 2), (1, 3), 0)
    assert part.detach().as_strided((2,), (1,), 0).tolist() == [0, 1]
