"""Names that few programs meet: segments, hashes, bits, mapped files, streams, subclasses; as in PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import thalweg as tw

pytestmark = pytest.mark.filterwarnings("ignore:.*has not repeated itself")
FOLDS = ("sum", "mean", "max", "min", "prod")


def alike(found: Any, expected: Any) -> None:
    """The same numbers, types, shapes, and everything else equal."""
    if isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            alike(a, b)
    elif hasattr(expected, "detach"):
        a, b = found.detach().numpy(), expected.detach().numpy()
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=1e-6)
    else:
        assert found == expected


def _segments(lib: Any) -> list[Any]:
    log: list[Any] = []
    data = lib.tensor(np.random.RandomState(0).uniform(0.5, 2, (4, 2, 3)))
    whole, parts = lib.tensor([1, 0, 3]), lib.tensor([[1, 1], [2, 0], [0, 2], [1, 1]])
    for fold in FOLDS:
        for given in (
            {"lengths": whole}, {"offsets": lib.tensor([0, 2, 4])}, {"offsets": lib.tensor([1, 1, 3])},
            {"lengths": whole, "initial": 1.5}, {"lengths": parts, "axis": 1},
            {"lengths": lib.tensor([1, 2]), "unsafe": True},
        ):  # fmt: skip
            x = data.clone().requires_grad_()
            found = lib.segment_reduce(x, fold, **given)
            weights = lib.arange(1.0, 1 + found.numel()).reshape(tuple(found.shape))
            (found * weights).masked_fill(~found.isfinite(), 0).sum().backward()
            if fold == "mean":  # PyTorch gives NaN for the empty segments' share, which is nobody's
                assert bool(x.grad.isfinite().all())
            log += [found, x.grad]
    return log


def _hashes(lib: Any) -> list[Any]:
    x = lib.tensor(np.random.RandomState(1).randn(3, 4, 5).astype(np.float32))
    log = [
        lib.hash_tensor(x),
        x.hash_tensor(),
        lib.hash_tensor(x, 1),
        lib.hash_tensor(x, (0, 2), keepdim=True),
    ]
    log += [lib.hash_tensor((x * 100).int()), lib.hash_tensor(x > 0, -1)]
    return [*log, lib.hash_tensor(x.double().T if x.ndim == 2 else x[0].double().T, 0)]


def _bits(lib: Any) -> list[Any]:
    x = lib.tensor([[1.0, -2.5], [0.0, 3.0]])
    log = [x.view(lib.int32), x.view(lib.float64), x.view(lib.uint8), x.t().view(lib.int32)]
    log += [x.view(dtype=lib.complex64), lib.tensor(1.0).view(lib.int32), x.view(lib.float32)]
    log += [lib.tensor([True, False]).view(lib.uint8), x.bfloat16().view(lib.int16)]
    return [*log, x.requires_grad_().view(lib.int32).requires_grad]


def _others(lib: Any) -> list[Any]:
    x = lib.tensor([[1.0, -0.2], [0.4, -3.0]], requires_grad=True)
    log: list[Any] = [x.hardshrink(), x.hardshrink(0.3), x.prelu(lib.tensor([0.1, 0.2]))]
    log += [x.dense_dim(), x.sparse_dim(), lib.legacy_contiguous_format is lib.contiguous_format]
    log += [lib.view_as_real_copy(lib.tensor([1 + 2j])), lib.view_as_complex_copy(lib.ones(3, 2))]

    class Own(lib.Tensor):  # type: ignore[misc,name-defined]
        pass

    seen = x.as_subclass(Own)
    (seen * 2).sum().backward()
    log += [type(seen) is Own, seen.requires_grad, x.grad, x.detach().module_load(lib.ones(2, 2))]
    stream, event = lib.Stream(), lib.Event(enable_timing=True)
    with stream as within:
        log += [within == stream, stream == lib.Stream("cpu"), stream.query(), event.query()]
    log += [
        stream.synchronize(),
        event.synchronize(),
        event.wait(),
        stream.stream_id,
        str(event.device),
    ]
    log += [
        lib.get_device_module().__name__.rpartition(".")[2],
        lib.get_device_module("cuda") is lib.cuda,
    ]
    log += [lib.cpu.current_device(), lib.cpu.is_initialized(), lib.cpu.synchronize()]
    with lib.autograd.enforce_grad_layout_policy(False), lib.cpu.stream(lib.cpu.current_stream()):
        log.append(issubclass(lib.OutOfMemoryError, RuntimeError))
    model = lib.nn.Sequential(lib.nn.Conv2d(1, 1, 2), lib.nn.Conv3d(1, 1, 2))
    u = lib.nn.utils
    log += [u.convert_conv2d_weight_memory_format(model, lib.channels_last) is model]
    log += [u.convert_conv3d_weight_memory_format(model, lib.channels_last_3d) is model]
    return [*log, issubclass(lib.AcceleratorError, RuntimeError)]


def _rearranged(lib: Any) -> list[Any]:
    x = lib.arange(24.0).reshape(2, 3, 4)
    r = lib.func.rearrange
    plain = (
        "a b c -> c a b", "a b c -> (a b) c", "a b c -> c (b a)", "... c -> c ...", "a ... -> (...) a",
        "a b c -> a 1 b c", "a b c -> () (a b c)",
    )  # fmt: skip
    log = [r(x, pattern) for pattern in plain]
    log += [r(x, "a b (c d) -> a (d b) c", c=2), r([x, x + 1], "n a b c -> a (n b) c")]
    return [*log, r(x.reshape(2, 1, 12), "a 1 (b c) -> c (a b)", c=3)]


def _parts(lib: Any) -> list[Any]:
    log = []
    for size, count, shuffle, drop in (
        (7, 3, True, False),
        (7, 3, False, True),
        (2, 5, True, False),
    ):
        for rank in range(count):
            sampler = lib.utils.data.DistributedSampler(
                list(range(size)), count, rank, shuffle, 5, drop
            )
            log += [list(sampler), len(sampler)]
            sampler.set_epoch(2)
            log.append(list(sampler))
    return log


SCENARIOS = {f.__name__: f for f in (_segments, _hashes, _bits, _others, _rearranged, _parts)}


@pytest.mark.parametrize("name", SCENARIOS)
def test_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    alike(SCENARIOS[name](tw), SCENARIOS[name](torch))


def _refusals(lib: Any) -> list[Any]:
    x = lib.ones(4, 2)
    r = lib.func.rearrange
    return [
        lambda: lib.segment_reduce(x, "sum"),
        lambda: lib.segment_reduce(x, "norm", lengths=lib.tensor([4])),
        lambda: lib.segment_reduce(x, "max", lengths=lib.tensor([1, 1])),
        lambda: lib.segment_reduce(x, "max", lengths=lib.tensor([5, -1])),
        lambda: lib.segment_reduce(x, "max", lengths=lib.tensor([1, 3]), axis=1),
        lambda: lib.segment_reduce(x, "max", indices=lib.tensor([0, 0, 1, 1])),
        lambda: lib.hash_tensor(x, mode=1),
        lambda: lib.hash_tensor(lib.zeros(0)),
        lambda: lib.hash_tensor(lib.tensor([1j])),
        lambda: lib.hash_tensor(lib.zeros(0, 2), 0),
        lambda: x.t().view(lib.float64),
        lambda: lib.ones(3).view(lib.float64),
        lambda: lib.tensor(1.0).view(lib.uint8),
        x.values, x.indices, x.coalesce, x.crow_indices, x.col_indices,
        lambda: x.record_stream(lib.Stream()),
        lib.Event().record, lib.Stream().record_event,
        lambda: lib.Stream().wait_stream(lib.Stream()),
        lambda: lib.Event().elapsed_time(lib.Event()),
        lambda: lib.from_file("there-is-no-such-file", size=2),
        lambda: lib.get_device_module("nothing"),
        lambda: r(x, "a b"), lambda: r(x, "a... b -> b a..."), lambda: r(x, "a b -> a"), lambda: r(x, "a b -> a a b"), lambda: r(x, "a b -> (a b"),
        lambda: r(x, "a b -> ((a b))"), lambda: r(x, "a 2 -> a"), lambda: r(x, "_a b -> b _a"),
        lambda: r(x, "a b -> b a", c=2), lambda: r(x, "(...) b -> b ..."),
        lambda: lib.utils.data.DistributedSampler([1, 2]),
        lambda: lib.utils.data.DistributedSampler([1, 2], 2, 2),
    ]  # fmt: skip


WANTED = [
    *[RuntimeError] * 8, NotImplementedError, IndexError, *[RuntimeError] * 8, NotImplementedError, *[RuntimeError] * 3, ValueError,
    RuntimeError, RuntimeError, *[ValueError] * 12,
]  # fmt: skip


def raised(call: Any) -> type[BaseException]:
    with pytest.raises(Exception) as caught:
        call()
    return caught.type


def test_refusals() -> None:
    assert list(map(raised, _refusals(tw))) == WANTED


def test_refusals_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    assert list(map(raised, _refusals(torch))) == WANTED


def test_a_mapped_file(tmp_path: Path) -> None:
    path = tmp_path / "numbers"
    path.write_bytes(np.arange(4, dtype=np.float32).tobytes())
    own = tw.from_file(str(path), size=3)
    own.add_(1)
    assert own.tolist() == [1.0, 2.0, 3.0]
    shared = tw.from_file(path, shared=True, size=2, dtype=tw.int64)
    assert shared.shape == (2,)
    shared.fill_(7)
    assert shared.tolist() == [7, 7]
    assert np.frombuffer(path.read_bytes(), np.int64).tolist() == [7, 7]
    made = tw.from_file(tmp_path / "new", shared=True, size=3)
    assert (made.tolist(), (tmp_path / "new").stat().st_size) == ([0.0, 0.0, 0.0], 12)
    assert tw.from_file(path).shape == (0,)
    with pytest.raises(RuntimeError, match="smaller than the required mapping size <20>"):
        tw.from_file(path, size=5)


def test_segments_by_hand() -> None:
    x = tw.arange(8.0).reshape(4, 2)
    found = tw.segment_reduce(x, "max", lengths=tw.tensor([1, 0, 3]))
    assert found.tolist() == [[0.0, 1.0], [-tw.inf, -tw.inf], [6.0, 7.0]]
