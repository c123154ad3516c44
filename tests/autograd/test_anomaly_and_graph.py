"""detect_anomaly, and what autograd.graph looks at and hooks."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import thalweg as tw
from thalweg.autograd import detect_anomaly, graph, set_detect_anomaly


def make_nan() -> None:
    x = tw.tensor([0.0, 1.0], requires_grad=True)
    root = tw.sqrt(x)  # the line that is told
    (root * 0).sum().backward()


def test_anomalies_are_told_with_their_line() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with (
            detect_anomaly(),
            pytest.raises(
                RuntimeError, match="Function 'SqrtBackward0' returned nan values in its 0th"
            ),
        ):
            make_nan()
    assert "Anomaly Detection has been enabled" in str(told[0].message)
    assert "Error detected in SqrtBackward0" in str(told[1].message)
    assert "root = tw.sqrt(x)" in str(told[1].message)
    assert not tw.is_anomaly_enabled()
    make_nan()  # nobody looks


def test_anomaly_mode_is_set_and_unset() -> None:
    set_detect_anomaly(True, check_nan=False)
    try:
        assert tw.is_anomaly_enabled() and not tw.is_anomaly_check_nan_enabled()
        make_nan()
        with set_detect_anomaly(False):
            assert not tw.is_anomaly_enabled()
        assert tw.is_anomaly_enabled()
    finally:
        set_detect_anomaly(False)
    assert not tw.is_anomaly_enabled() and tw.is_anomaly_check_nan_enabled()


def test_a_failing_function_is_told() -> None:
    class Failing(tw.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            raise ValueError("as it should")

    x = tw.ones(2, requires_grad=True)
    with warnings.catch_warnings(record=True) as told, set_detect_anomaly(True):
        warnings.simplefilter("always")
        y = Failing.apply(x)
        with pytest.raises(ValueError, match="as it should"):
            y.sum().backward()
    assert "Error detected in FailingBackward" in str(told[0].message)


def test_a_network_under_anomaly_detection_has_the_same_gradients() -> None:
    model = tw.nn.Sequential(tw.nn.Linear(3, 4), tw.nn.ReLU(), tw.nn.Linear(4, 1))
    x = tw.randn(5, 3)
    model(x).sum().backward()
    plain = [p.grad.tolist() for p in model.parameters()]
    model.zero_grad()
    with set_detect_anomaly(True):
        model(x).sum().backward()
    assert [p.grad.tolist() for p in model.parameters()] == plain


def test_what_is_saved_is_packed_and_unpacked() -> None:
    log: list[Any] = []

    def pack(t: Any) -> Any:
        log.append(("pack", tuple(t.shape)))
        return t.tolist()

    def unpack(numbers: Any) -> Any:
        log.append(("unpack", len(numbers)))
        return tw.tensor(numbers)

    a, b = (tw.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    with graph.saved_tensors_hooks(pack, unpack):
        y = (a * b).exp().sum()
    assert log == [("pack", (2,))] * 3
    expected = tw.autograd.grad((a * b).exp().sum(), [a, b])
    y.backward()
    assert log[3:] == [("unpack", 2)] * 3
    assert a.grad is not None and a.grad.tolist() == expected[0].tolist()
    with graph.save_on_cpu():
        (a * a).sum().backward()


def test_hooks_on_saved_tensors_are_checked() -> None:
    a = tw.ones(2, requires_grad=True)
    with graph.saved_tensors_hooks(lambda t: t, lambda t: 3):
        y = (a * a).sum()
    with pytest.raises(TypeError, match="expected to be a Tensor but got"):
        y.backward()
    with graph.saved_tensors_hooks(lambda t: t, lambda t: t[:1]):
        y = (a * a).sum()
    with pytest.raises(RuntimeError, match="unpack_hook gave"):
        y.backward()
    with (
        graph.disable_saved_tensors_hooks("not here"),
        pytest.raises(RuntimeError, match="not here"),
    ):
        graph.save_on_cpu().__enter__()


@pytest.mark.parametrize(
    ("mode", "expected"), [("all", [[[2, 2], None], [[1, 1], [1, 1]]]), ("any", [[2, 2], [1, 1]])]
)
def test_a_hook_on_several(mode: str, expected: Any) -> None:
    a, b = (tw.ones(2, requires_grad=True) for _ in range(2))
    found: list[Any] = []

    def note(gs: Any) -> None:
        found.append(
            gs.tolist() if mode == "any" else [None if g is None else g.tolist() for g in gs]
        )

    hook = graph.register_multi_grad_hook((a, b), note, mode=mode)
    (a * 2).sum().backward()
    (a * b).sum().backward()
    hook.remove()
    (a * b).sum().backward()
    assert found == expected
    with pytest.raises(ValueError, match="Expects mode to be one of"):
        graph.register_multi_grad_hook((a, b), note, mode="some")


def test_edges_and_versions() -> None:
    a = tw.ones(2, requires_grad=True)
    y = a * 2
    edge = graph.get_gradient_edge(y)
    assert edge.node is y.grad_fn and edge.output_nr == 0 and isinstance(edge.node, graph.Node)
    with pytest.raises(RuntimeError, match="does not require gradients"):
        graph.get_gradient_edge(tw.ones(2))
    t = tw.ones(2)
    graph.increment_version(t)
    graph.increment_version([t, t])
    assert t._version == 3
    with graph.allow_mutation_on_saved_tensors(), tw.autograd.set_multithreading_enabled(False):
        assert not tw.autograd.is_multithreading_enabled()
    assert tw.autograd.is_multithreading_enabled()
