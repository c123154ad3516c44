"""Tensors among NumPy, pandas, scikit-learn, matplotlib and whoever speaks DLPack."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.utils import dlpack

DTYPES = ("float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool")


# DLPack


@pytest.mark.parametrize("name", DTYPES)
def test_numpy_by_dlpack_both_ways(name: str) -> None:
    x = tw.tensor([[0, 1, 0], [1, 1, 0]]).to(getattr(tw, name))
    array = np.from_dlpack(x)
    assert array.dtype == x.dtype.numpy and array.tolist() == x.tolist()
    again = tw.from_dlpack(array)
    assert again.dtype is x.dtype and again.tolist() == x.tolist()
    again[0, 0] = 1
    assert x[0, 0].item() == 1 and array[0, 0] == 1


def test_dlpack_shares_views_and_writes() -> None:
    x = tw.arange(12.0).reshape(3, 4)
    part = np.from_dlpack(x[1:, ::2])
    assert part.tolist() == [[4, 6], [8, 10]]
    part[0, 0] = -1
    x[2, 2] = 50
    assert x[1, 0].item() == -1 and part[1, 1] == 50
    del part
    gc.collect()
    x.add_(1)
    assert x[1, 0].item() == 0 and x._storage.foreign is None


def test_the_capsule_keeps_the_memory() -> None:
    x = tw.arange(3.0)
    capsule = dlpack.to_dlpack(x)
    x.add_(1)
    y = dlpack.from_dlpack(capsule)
    assert y.tolist() == [1, 2, 3]
    del x
    gc.collect()
    assert y.add_(1).tolist() == [2, 3, 4]
    with pytest.raises((ValueError, RuntimeError)):
        dlpack.from_dlpack(capsule)  # a capsule is taken once
    assert tw.ones(1).__dlpack_device__() == (1, 0)


def test_copies_by_dlpack() -> None:
    array = np.zeros(2)
    copied = tw.from_dlpack(array, copy=True)
    copied[0] = 1
    assert array.tolist() == [0, 0]
    x = tw.zeros(2)
    np.from_dlpack(x, copy=True)[0] = 5
    assert x.tolist() == [0, 0]
    same = tw.from_dlpack(x)
    same[0] = 1
    assert x.tolist() == [1, 0] and same is not x


def test_what_dlpack_refuses() -> None:
    with pytest.raises(BufferError, match=r"require gradient, use tensor.detach\(\)"):
        tw.ones(2, requires_grad=True).__dlpack__()
    with pytest.raises(TypeError, match="wants an object with __dlpack__"):
        tw.from_dlpack([1, 2])
    with pytest.raises(BufferError):
        tw.from_dlpack(np.array(["a"]))
    with pytest.raises(AssertionError, match="stream should be None on cpu"):
        tw.ones(2).__dlpack__(stream=1)
    with pytest.raises(BufferError):
        tw.ones(2).__dlpack__(dl_device=(2, 0))


def test_pytorch_by_dlpack_both_ways() -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.arange(6.0).reshape(2, 3)
    mine = tw.from_dlpack(theirs.t())
    mine[2, 1] = 50
    theirs[0, 0] = -1
    assert theirs[1, 2].item() == 50 and mine[0, 0].item() == -1 and mine.stride() == (1, 3)
    back = torch.from_dlpack(mine)
    assert back.data_ptr() == theirs.data_ptr()
    x = tw.arange(3.0)
    there = torch.utils.dlpack.from_dlpack(x)
    there.add_(1)
    x[2] = 7
    assert x.tolist() == [1, 2, 7] and there.tolist() == [1, 2, 7]
    dlpack.from_dlpack(torch.utils.dlpack.to_dlpack(theirs))[1, 1] = 9
    assert theirs[1, 1].item() == 9
    with pytest.raises(BufferError, match="require gradient"):
        torch.from_dlpack(tw.ones(1, requires_grad=True))


# Buffers


def test_a_buffer_is_shared() -> None:
    memory = bytearray(16)
    x = tw.frombuffer(memory, dtype=tw.int32)
    part = tw.frombuffer(memory, dtype=tw.uint8, offset=3, count=2)
    x[1] = 1
    part[1] = 9
    assert memory[4] == 9 and x.tolist() == [0, 9, 0, 0] and part.tolist() == [0, 9]
    odd = tw.frombuffer(memory, dtype=tw.int32, offset=1, count=3)
    assert (odd + 0).tolist() == [9 << 24, 0, 0]
    fixed = tw.frombuffer(bytes(range(9)), dtype=tw.int16, offset=1)
    assert fixed.mul(1).tolist() == [513, 1027, 1541, 2055]
    with pytest.raises(RuntimeError, match="read-only"):
        tw.frombuffer(b"abcd", dtype=tw.uint8).zero_()
    assert tw.frombuffer(memory, dtype=tw.float64, requires_grad=True).requires_grad
    assert tw.frombuffer(np.ones((2, 3)), dtype=tw.float64).tolist() == [1] * 6


BUFFERS = {
    "no whole number of elements": lambda m: m.frombuffer(bytearray(16), dtype=m.int32, offset=3),
    "too few": lambda m: m.frombuffer(bytearray(16), dtype=m.int32, count=9),
    "an offset at the end": lambda m: m.frombuffer(bytearray(16), dtype=m.int32, offset=16),
    "an offset before": lambda m: m.frombuffer(bytearray(16), dtype=m.int32, offset=-1),
    "no count": lambda m: m.frombuffer(bytearray(16), dtype=m.int32, count=0),
    "an empty buffer": lambda m: m.frombuffer(b"", dtype=m.uint8),
    "no buffer": lambda m: m.frombuffer([1], dtype=m.uint8),
    "a sequence that cannot be shared": lambda m: m.asarray([1], copy=False),
}


@pytest.mark.parametrize("what", BUFFERS)
def test_what_is_no_buffer_of_elements(what: str) -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError) as mine:
        BUFFERS[what](tw)
    with pytest.raises(ValueError) as theirs:
        BUFFERS[what](torch)
    assert str(mine.value) == str(theirs.value)


def test_asarray() -> None:
    array = np.zeros(2)
    tw.asarray(array)[0] = 1
    tw.asarray(array, copy=True)[1] = 1
    assert array.tolist() == [1, 0]
    x = tw.ones(2)
    assert tw.asarray(x) is x and tw.asarray(x, copy=True).data_ptr() != x.data_ptr()
    assert tw.asarray(x, requires_grad=True) is x and x.requires_grad
    assert tw.asarray([1, 2], dtype=tw.float64).dtype is tw.float64 and tw.asarray(3).tolist() == 3
    assert tw.asarray(bytearray(8)).tolist() == [0, 0] and tw.asarray(np.float32(2)).item() == 2
    for fixed in (array, tw.zeros(1)):
        with pytest.raises(ValueError, match="can't alias tensor with dtype"):
            tw.asarray(fixed, dtype=tw.int8, copy=False)


# NumPy


def test_there_is_no_array_interface_as_in_pytorch() -> None:
    torch = pytest.importorskip("torch")
    for name in (
        "__array_interface__",
        "__array_struct__",
        "__array__",
        "__dlpack__",
        "__dlpack_device__",
    ):
        assert hasattr(tw.Tensor, name) == hasattr(torch.Tensor, name), name


NUMPY = {
    "concatenate": lambda m, x, y: np.concatenate([x, x]),
    "stack": lambda m, x, y: np.stack([x[0], x[1]]),
    "array of tensors": lambda m, x, y: np.array([x[0, 0], x[1, 1]]),
    "an index": lambda m, x, y: np.arange(6)[y],
    "a mask": lambda m, x, y: np.arange(6)[y.bool()],
    "an item set": lambda m, x, y: _set(np.zeros(2), m.tensor(3.0)),
    "norm": lambda m, x, y: np.linalg.norm(x),
    "unique": lambda m, x, y: np.unique(y),
    "sort": lambda m, x, y: np.sort(y.float()),
    "where": lambda m, x, y: np.where(y)[0],
    "ravel": lambda m, x, y: np.ravel(x.t()),
    "float64": lambda m, x, y: np.float64(m.tensor(2.0)),
}


def _set(array: Any, value: Any) -> Any:
    array[0] = value
    return array


@pytest.mark.parametrize("name", NUMPY)
@pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")
def test_numpy_functions_of_tensors(name: str) -> None:
    torch = pytest.importorskip("torch")
    found = []
    for m in (tw, torch):
        result = NUMPY[name](m, m.arange(12.0).reshape(6, 2), m.tensor([0, 1, 0, 1, 0, 1]))
        found.append((getattr(result, "dtype", None), np.asarray(result).tolist()))
    assert str(found[0]).replace("thalweg", "torch") == str(found[1])


UNFIT = {
    "objects": (np.array([None, 1], object), "numpy.object_"),
    "text": (np.array(["a"]), "numpy.str_"),
    "dates": (np.array(["2020"], "datetime64[D]"), "numpy.datetime64"),
    "records": (np.zeros(1, "i4,f4"), "numpy.void"),
}


@pytest.mark.parametrize("make", ["tensor", "as_tensor", "from_numpy"])
@pytest.mark.parametrize("what", UNFIT)
def test_arrays_of_no_numbers_are_refused(what: str, make: str) -> None:
    array, name = UNFIT[what]
    with pytest.raises(TypeError, match=f"can't convert np.ndarray of type {name}. The only sup"):
        getattr(tw, make)(array)


@pytest.mark.parametrize("what", UNFIT)
def test_pytorch_refuses_them_in_the_same_words(what: str) -> None:
    torch = pytest.importorskip("torch")
    array, name = UNFIT[what]
    with pytest.raises(TypeError, match=f"can't convert np.ndarray of type {name}. The only sup"):
        torch.tensor(array)


# pandas


def test_tables() -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": [1.0, 2.0], "b": [3, 4]})
    for make in (tw.tensor, tw.as_tensor, tw.from_numpy):
        x = make(table.values)
        assert x.dtype is tw.float64 and x.tolist() == [[1, 3], [2, 4]]
    for make in (tw.tensor, tw.as_tensor):
        assert make(table["b"]).dtype is tw.int64 and make(table["b"]).tolist() == [3, 4]
        assert make(table["a"], dtype=tw.float32).dtype is tw.float32
        assert make(table["a"] > 1).tolist() == [False, True]
        with pytest.raises(
            ValueError, match="could not determine the shape of object type 'DataFrame'.*values"
        ):
            make(table)
        with pytest.raises(TypeError, match="numpy.object_"):
            make(pandas.DataFrame({"a": ["x", 1]}).values)
    with pytest.raises(TypeError, match=r"expected np.ndarray \(got DataFrame\)"):
        tw.from_numpy(table)
    back = pandas.DataFrame(tw.arange(6.0).reshape(3, 2), columns=["x", "y"])
    assert back["y"].tolist() == [1, 3, 5]
    assert pandas.DataFrame({"a": tw.arange(3)})["a"].tolist() == [0, 1, 2]


# scikit-learn


def test_estimators_take_tensors() -> None:
    pytest.importorskip("sklearn")
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.metrics import accuracy_score, confusion_matrix
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    x = tw.arange(24.0).reshape(12, 2)
    y = (x[:, 0] > 11).long()
    model = LogisticRegression().fit(x, y)
    assert model.predict(x).tolist() == y.tolist() and model.score(x, y) == 1
    line = LinearRegression().fit(x[:, :1], x @ tw.tensor([1.0, 2.0]))
    assert round(float(line.coef_[0]), 3) == 3
    scaled = StandardScaler().fit_transform(x)
    assert tw.from_numpy(scaled).mean(0).abs().max().item() < 1e-6
    assert accuracy_score(y, y) == 1 and confusion_matrix(y, y).tolist() == [[6, 0], [0, 6]]
    parts = train_test_split(x, y, test_size=4, random_state=0)
    assert [len(p) for p in parts] == [8, 4, 8, 4]
    assert (parts[0][:, 0] > 11).long().tolist() == parts[2].tolist()
    with pytest.raises(RuntimeError, match=r"Use tensor.detach\(\).numpy\(\) instead"):
        LogisticRegression().fit(x.requires_grad_(), y)


# matplotlib


@pytest.mark.own_tier
def test_tensors_are_drawn() -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure()
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    x = tw.arange(6.0)
    line = axes.plot(x, x.square())[0]
    assert line.get_xdata().tolist() == x.tolist() and line.get_ydata().tolist() == [
        0,
        1,
        4,
        9,
        16,
        25,
    ]
    assert axes.scatter(x, x, c=x).get_offsets().tolist() == [[v, v] for v in range(6)]
    assert axes.hist(x, bins=3)[0].tolist() == [2, 2, 2]
    assert len(axes.bar(x, x)) == 6
    assert np.asarray(axes.imshow(x.reshape(2, 3)).get_array()).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert np.asarray(axes.plot([x[1], x[2]])[0].get_ydata(), float).tolist() == [1, 2]
    figure.canvas.draw()
    with pytest.raises(RuntimeError, match=r"detach\(\)"):
        axes.plot(x.clone().requires_grad_())
