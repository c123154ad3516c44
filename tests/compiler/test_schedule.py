"""A schedule computes what the interpreter computes, and no more kernels than promised."""

from __future__ import annotations

import numpy as np
import pytest

import thalweg as tw
import thalweg.nn.functional as F
from thalweg import nn
from thalweg.compiler.order import written
from thalweg.compiler.plan import ContractionStep, HostStep, KernelStep
from thalweg.compiler.schedule import schedule
from thalweg.ir.aval import Aval
from thalweg.ir.builder import Builder
from thalweg.ir.dtype import float32
from thalweg.ir.primitive import Primitive
from thalweg.runtime.arena import touched
from thalweg.runtime.program import Program
from thalweg.testing.graphs import draw_graph, program_of
from thalweg.testing.walk import walk


def assert_same(found, expected, tolerance):
    for a, b in zip(found, expected, strict=True):
        assert a.shape == np.shape(b) and a.dtype == np.asarray(b).dtype
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.fixture
def recorded(monkeypatch):
    """What programs ran: (graph, inputs, results), in order."""
    found = []
    call = Program.__call__

    def keep(self, inputs):
        given = [np.array(x) if isinstance(x, np.ndarray) else x for x in inputs]
        results = call(self, inputs)
        found.append((self.graph, given, [np.array(r) for r in results]))
        return results

    monkeypatch.setattr(Program, "__call__", keep)
    with tw.tier("interpret"):
        yield found


def largest(recorded):
    """The plan of the largest program, which was seen to compute what the interpreter does."""
    graph, inputs, results = max(recorded, key=lambda r: len(r[0].instrs))
    plan = schedule(graph)
    assert_same(walk(plan, graph, inputs), results, 2e-5)
    return plan


def kinds(plan):
    """How many kernels, contractions and host calls."""
    return tuple(
        sum(isinstance(s, kind) for s in plan.steps)
        for kind in (KernelStep, ContractionStep, HostStep)
    )


def kernels_of(recorded, function, *shapes, backward=True):
    """The kernels of a function's forward pass, and backward for all operands from a weighted sum."""
    rng = np.random.RandomState(0)
    operands = [nn.Parameter(tw.tensor(rng.uniform(-1, 1, s).astype(np.float32))) for s in shapes]
    result = function(*operands)
    if backward:
        weights = tw.tensor(rng.uniform(-1, 1, result.shape).astype(np.float32))
        result.backward(weights)
    else:
        result = result.detach()
    tw.synchronize()
    return largest(recorded)


def step_of(network, loss_function, x, y, optimizer):
    for _ in range(2):
        optimizer.zero_grad()
        loss = loss_function(network(x), y)
        loss.backward()
        optimizer.step()
    return loss.item()


# Right


@pytest.mark.parametrize("seed", range(150))
def test_random_graphs(seed):
    graph, inputs = draw_graph(seed)
    floats = {a.dtype for a in graph.avals if a is not None}
    plan = schedule(graph)
    expected = program_of(graph)(inputs)
    scale = max(
        [
            1.0,
            *(
                float(np.max(np.abs(r[np.isfinite(r)]), initial=0))
                for r in map(np.asarray, expected)
            ),
        ]
    )
    found = walk(plan, graph, inputs)
    assert_same(
        [a / scale for a in found],
        [np.asarray(r) / scale for r in expected],
        3e-4 if float32 in floats else 1e-8,
    )


def test_a_value_is_loaded_through_a_view_and_used_where_it_is_computed():
    """The flipped product reads memory; the product itself is computed again beside it."""
    b = Builder((Aval((4, 5), float32),))
    (x,) = b.inputs()
    y = x * 2.0
    flipped = Primitive.registry["flip"](y, axes=(0,))
    graph = b.finish((flipped * y, Primitive.registry["exp"](y.reshape((20,)))))
    given = np.arange(20, dtype=np.float32).reshape(4, 5)
    assert_same(walk(schedule(graph), graph, [given]), program_of(graph)([given]), 1e-6)


def test_a_host_call_sees_memory_that_is_written_by_then():
    """After the host call the view that it read gets memory of its own."""
    b = Builder((Aval((3, 4), float32),))
    (x,) = b.inputs()
    y = (x * 2.0).swap()
    running = Primitive.registry["logcumsumexp"](y, axis=0)
    graph = b.finish((running, Primitive.registry["exp"](y.reshape((12,)))))
    given = np.arange(12, dtype=np.float32).reshape(3, 4) / 12
    assert_same(walk(schedule(graph), graph, [given]), program_of(graph)([given]), 1e-6)


def test_a_label_out_of_range_is_a_fault():
    b = Builder((Aval((2, 3), float32), Aval((2,), tw.int64)))
    x, labels = b.inputs()
    graph = b.finish((Primitive.registry["take_class"](x, labels),))
    plan = schedule(graph)
    with pytest.raises(IndexError):
        walk(plan, graph, [np.ones((2, 3), np.float32), np.array([0, 3])])


# How many kernels


def test_softmax_is_one_kernel_each_way(recorded):
    plan = kernels_of(recorded, lambda x: F.softmax(x, 1), (8, 33))
    assert kinds(plan) == (1, 0, 0)


def test_cross_entropy_is_one_kernel_for_the_rows_both_ways(recorded):
    """The incoming gradient's share; rows forward and backward; are the labels classes?; the mean."""
    labels = tw.tensor([1, 0, 4, 2])
    plan = kernels_of(recorded, lambda x: F.cross_entropy(x, labels), (4, 7))
    assert kinds(plan) == (4, 0, 0), str(plan)


def test_layer_norm_is_rows_both_ways_and_columns(recorded):
    """The gradients of weight and bias are the columns' sums, in one kernel."""
    plan = kernels_of(recorded, lambda x, w, b: F.layer_norm(x, (33,), w, b), (8, 33), (33,), (33,))
    assert kinds(plan) == (2, 0, 0), str(plan)


def test_a_chain_with_broadcasts_is_one_kernel(recorded):
    plan = kernels_of(
        recorded,
        lambda x, y, z: tw.tanh(x * y + z).relu() * 3,
        (5, 6),
        (6,),
        (5, 1),
        backward=False,
    )
    assert kinds(plan)[1:] == (0, 0) and kinds(plan)[0] <= 2  # the second casts the 3


def test_step_with_sigmoid_and_mse(recorded):
    """The rate; the second bias and sigmoid, with the loss; per layer the gradient, its column sums and the bias
    updated. The first bias and sigmoid, and the weights' updates, are part of products."""
    tw.manual_seed(0)
    net = nn.Sequential(nn.Linear(10, 100), nn.Sigmoid(), nn.Linear(100, 4), nn.Sigmoid())
    sgd = tw.optim.SGD(net.parameters(), lr=0.1)
    step_of(net, nn.MSELoss(), tw.rand(64, 10), tw.rand(64, 4), sgd)
    plan = largest(recorded)
    assert kinds(plan) == (4, 5, 0), str(plan)


def test_step_with_nll(recorded):
    """The rate; rows both ways; are the labels classes?; the mean. Relu, its gradient and the weights' updates are part
    of products."""
    tw.manual_seed(0)
    net = nn.Sequential(nn.Linear(84, 32, bias=False), nn.ReLU(), nn.Linear(32, 10, bias=False))
    x, y = tw.rand(16, 84), tw.randint(0, 10, (16,))
    sgd = tw.optim.SGD(net.parameters(), lr=0.1)
    step_of(net, lambda o, t: F.nll_loss(F.log_softmax(o, dim=1), t), x, y, sgd)
    plan = largest(recorded)
    assert kinds(plan) == (4, 5, 0), str(plan)


def test_step_with_adam(recorded):
    """Adam's scalars; rows both ways, labels, the mean; per layer the gradient, its column sums and all of the bias's
    update. Bias and relu, and the update of each weight, are part of products."""
    tw.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(24, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10)
    )
    x, y = tw.rand(16, 24), tw.randint(0, 10, (16,))
    step_of(net, nn.CrossEntropyLoss(), x, y, tw.optim.Adam(net.parameters()))
    plan = largest(recorded)
    assert kinds(plan) == (7, 8, 0), str(plan)
    sweeps = {s.epilogue.kernel for s in plan.steps[-3:]}
    assert len(sweeps) == 1  # of one structure: compiled once


def test_where_views_begin_may_be_assumed():
    """A strided view at an offset that is an input is looked through, if the input's value is given."""
    b = Builder((Aval((4, 6), float32), Aval((), tw.int64, True)))
    x, offset = b.inputs()
    strided = Primitive.registry["strided"]
    graph = b.finish((strided(x * 2.0, offset, shape=(4, 3), strides=(6, 1)) + 1.0,))
    given = [np.arange(24, dtype=np.float32).reshape(4, 6), 3]
    for known, expected in (({}, (2, 0, 1)), ({1: 3}, (2, 0, 0))):
        plan = schedule(graph, known)
        assert kinds(plan) == expected and plan.assumed == known
        assert_same(walk(plan, graph, given), program_of(graph)(given), 1e-6)


def test_parts_are_written_in_place():
    """split is a view; cat writes each part where it belongs; pad and unslice write the ground first."""
    b = Builder((Aval((4, 6), float32),))
    (x,) = b.inputs()
    named = Primitive.registry
    first, second = named["split"](x, axis=1, sizes=(2, 4))
    joined = named["cat"](second, first * 2.0, second.swap().swap(), axis=1)
    ground = b.constant(7, float32)
    padded = named["pad"](first, ground, low=(1, 0), high=(0, 2))
    back = named["unslice"](first, shape=(9, 2), starts=(1, 0), stops=(9, 2), steps=(2, 1))
    graph = b.finish((joined, padded, back))
    given = [np.arange(24, dtype=np.float32).reshape(4, 6)]
    plan = schedule(graph)
    assert kinds(plan) == (8, 0, 0), str(plan)
    assert_same(walk(plan, graph, given), program_of(graph)(given), 0)


# How much is kept


def buffers(plan, shape):
    """How many buffers of a shape a plan writes."""
    found = {slot for step in plan.steps for slot in written(step)}
    return sum(plan.shapes[slot][0] == shape for slot in found)


@pytest.mark.parametrize(("rows", "kept"), [(300, 4), (30, 5)])
def test_gelu_keeps_its_operand_and_its_result_where_they_are_large(recorded, rows, kept):
    """Beside these the two gradients; where they are small also 1 + erf."""
    net = nn.Sequential(nn.Linear(20, 512), nn.GELU(), nn.Linear(512, 10))
    sgd = tw.optim.SGD(net.parameters(), lr=0.1)
    step_of(net, nn.CrossEntropyLoss(), tw.rand(rows, 20), tw.randint(0, 10, (rows,)), sgd)
    assert buffers(largest(recorded), (rows, 512)) == kept


def test_layer_norm_keeps_its_operand_and_its_result_where_they_are_large(recorded):
    """Beside these the gradients of both and of the deviations, which wait for a row's sums."""
    net = nn.Sequential(nn.Linear(20, 512), nn.LayerNorm(512), nn.Linear(512, 10))
    sgd = tw.optim.SGD(net.parameters(), lr=0.1)
    step_of(net, nn.CrossEntropyLoss(), tw.rand(300, 20), tw.randint(0, 10, (300,)), sgd)
    assert buffers(largest(recorded), (300, 512)) <= 5


def test_a_value_is_not_computed_again_from_more_than_it_takes(recorded):
    """tanh of a sum of two products: one buffer, instead of keeping both products."""
    a, b = (nn.Parameter(tw.rand(600, 30)) for _ in range(2))
    c, d = (nn.Parameter(tw.rand(30, 200)) for _ in range(2))
    both = tw.tanh(a @ c + b @ d)
    (both @ tw.rand(200, 5)).sum().backward()
    tw.synchronize()
    plan = largest(recorded)
    products = [s.out for s in plan.steps if isinstance(s, ContractionStep)][:2]
    readers = [[n for n, s in enumerate(plan.steps) if p in touched(s)] for p in products]
    assert max(map(max, readers)) < len(plan.steps) // 2, str(plan)


def test_a_long_chain_is_several_kernels_of_bounded_size():
    """Neither this machine's stack nor LLVM's time bounds how many operations a program may have in a row."""
    b = Builder((Aval((3,), float32),))
    (x,) = b.inputs()
    y = x
    for _ in range(1000):
        y = y * 0.999 + 0.001
    graph = b.finish((y,))
    plan = schedule(graph)
    assert max(len(s.kernel.code) for s in plan.steps) < 400 and kinds(plan)[0] < 20
    given = np.array([-1, 0, 2], np.float32)
    assert_same(walk(plan, graph, [given]), program_of(graph)([given]), 1e-6)
