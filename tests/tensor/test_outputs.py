"""``out=``: what is written where, and what is refused."""

from __future__ import annotations

import pytest

import thalweg as tw


def test_an_empty_tensor_takes_the_results_shape_and_is_given_back() -> None:
    out = tw.empty(0)
    found = tw.cat([tw.ones(2), tw.zeros(1)], out=out)
    assert found is out and out.tolist() == [1, 1, 0]
    assert tw.matmul(tw.eye(2), tw.ones(2, 2), out=out.resize_(0)).tolist() == [[1, 1], [1, 1]]


def test_a_view_is_written_through() -> None:
    rows = tw.zeros(2, 3)
    tw.stack([tw.tensor(1.0), tw.tensor(2.0), tw.tensor(3.0)], out=rows[1])
    tw.zeros(3, out=rows[0].fill_(7.0))
    assert rows.tolist() == [[0, 0, 0], [1, 2, 3]]


def test_several_results_are_written() -> None:
    values, places = tw.empty(0), tw.empty(0, dtype=tw.int64)
    found = tw.sort(tw.tensor([2.0, 1.0, 3.0]), out=(values, places))
    assert found.values is values and values.tolist() == [1, 2, 3] and places.tolist() == [1, 0, 2]
    with pytest.raises(TypeError, match="out has 1 tensors, there are 2 results"):
        tw.sort(tw.ones(2), out=(values,))


def test_made_numbers_have_the_type_of_what_they_are_written_into() -> None:
    assert tw.arange(3, out=tw.empty(0, dtype=tw.float64)).tolist() == [0.0, 1.0, 2.0]
    assert tw.randperm(4, out=tw.empty(0, dtype=tw.int32)).dtype is tw.int32


X = tw.tensor([1.5, 2.5])
REFUSED = {
    "a lower kind": (lambda: tw.add(X, X, out=tw.zeros(2, dtype=tw.int64)), "can't be cast"),
    "another type": (lambda: tw.mm(tw.eye(2), tw.eye(2), out=tw.eye(2, dtype=tw.float64)), "dtype"),
    "with a gradient": (
        lambda: tw.exp(X, out=tw.zeros(2, requires_grad=True)),
        "don't support automatic differentiation",
    ),
    "of a gradient": (
        lambda: tw.cat([X.clone().requires_grad_()], out=tw.zeros(2)),
        "don't support automatic differentiation",
    ),
    "what is read": (lambda: tw.gather(X, 0, tw.tensor([1, 0]), out=X), "single memory location"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_written_is_refused(name: str) -> None:
    call, text = REFUSED[name]
    with pytest.raises(RuntimeError, match=text):
        call()
    assert X.tolist() == [1.5, 2.5]


def test_a_tensor_of_another_shape_is_resized_with_a_warning() -> None:
    out = tw.zeros(5)
    with pytest.warns(UserWarning, match="resized"):
        tw.add(X, X, out=out)
    assert out.tolist() == [3, 5]
    with pytest.raises(TypeError, match="must be Tensor, not list"):
        tw.exp(X, out=[0.0])
