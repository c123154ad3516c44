"""Layers in a row that are called as one: the same numbers, the same tape, and every change noticed."""

from __future__ import annotations

import copy
import pickle
import threading
import warnings

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.nn.hooks import register_module_forward_hook
from thalweg.nn.stretch import Stretch
from thalweg.tensor.chain import ChainNode

NETS = {
    "sigmoids": (lambda: [nn.Linear(6, 8), nn.Sigmoid(), nn.Linear(8, 4), nn.Sigmoid()], (5, 6)),
    "no biases": (
        lambda: [nn.Linear(6, 8, bias=False), nn.ReLU(), nn.Linear(8, 4, bias=False)],
        (5, 6),
    ),
    "numbers": (lambda: [nn.Linear(6, 8), nn.LeakyReLU(0.3), nn.ELU(0.5), nn.Softplus(2)], (5, 6)),
    "activations": (lambda: [nn.Linear(6, 6), nn.Tanh(), nn.GELU(), nn.SiLU(), nn.Softsign()], (5, 6)),
    "weights in an activation": (lambda: [nn.Linear(6, 8), nn.PReLU(), nn.LayerNorm(8)], (5, 6)),
    "softmax": (lambda: [nn.Linear(6, 8), nn.Hardtanh(), nn.LogSoftmax(dim=1)], (5, 6)),
    "sequences": (lambda: [nn.Linear(6, 8), nn.GELU(), nn.RMSNorm(8), nn.Linear(8, 2)], (2, 5, 6)),
    "a vector": (lambda: [nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2)], (6,)),
    "images": (
        lambda: [nn.Conv2d(2, 4, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(4, 3, 1), nn.Tanh()],
        (2, 2, 8, 8),
    ),
    "groups": (lambda: [nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), nn.AvgPool2d(2)], (2, 2, 8, 8)),
    "identity": (lambda: [nn.Linear(6, 8), nn.Identity(), nn.Tanh()], (5, 6)),
    "others between": (
        lambda: [nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.0), nn.Linear(8, 8), nn.Tanh(), nn.Flatten()],
        (5, 6),
    ),
}  # fmt: skip


def network(name="sigmoids"):
    """The network as a Sequential that has been called, and input of its shape."""
    make, shape = NETS[name]
    tw.manual_seed(0)
    net, x = nn.Sequential(*make()), tw.randn(*shape)
    for _ in range(2):
        net(x).sum().backward()
    net.zero_grad()
    return net, x


def by_hand(net, x):
    for layer in net:
        x = layer(x)
    return x


def is_chain(t):
    return isinstance(t._node, ChainNode)


def tape(node):
    """The names of nodes and of leaves beneath one, as a tree."""
    if node is None:
        return None
    if hasattr(node, "variable"):
        return tuple(node.variable.shape)
    return node.name(), type(node).__name__, [tape(n) for n, _ in node.next_functions]


def gradients(net):
    return [None if p.grad is None else p.grad.tolist() for p in net.parameters()]


@pytest.mark.parametrize("wants", [False, True])
@pytest.mark.parametrize("dtype", [tw.float32, tw.float64])
@pytest.mark.parametrize("name", NETS)
def test_the_same_bits(name, dtype, wants):
    net, x = network(name)
    net, x = net.to(dtype), x.to(dtype).requires_grad_(wants)
    for call in (by_hand, lambda net, x: net(x)):
        found = []
        for _ in range(4):
            out = call(net, x)
            if out.requires_grad:
                (out * out).sum().backward()
            found += [out.tolist(), gradients(net), None if x.grad is None else x.grad.tolist()]
        if call is by_hand:
            expected = found
            net.zero_grad(), x.grad.zero_() if wants else None
    assert is_chain(out) or not out.requires_grad or name == "others between"
    assert found[3:] == expected[3:]  # the first call by hand had no gradient to add to


@pytest.mark.parametrize("name", NETS)
def test_the_same_tape(name):
    net, x = network(name)
    x = x.requires_grad_()
    net(x), net(x)
    assert tape(net(x).grad_fn) == tape(by_hand(net, x).grad_fn)


def test_networks_that_are_built_alike_share_what_was_recorded():
    (one, x), (other, _) = network(), network()
    assert one(x)._node.vjp is other(x)._node.vjp
    chains = [next(iter(n._modules.parts[1][0]._chains.values()))[0] for n in (one, other)]
    assert chains[0] is chains[1]


@pytest.mark.parametrize("look_first", [False, True])
def test_backward_frees_and_retains(look_first):
    net, x = network()
    loss = net(x).sum()
    assert isinstance(loss._node.next[0][0], ChainNode)
    if look_first:
        assert loss.grad_fn.next_functions[0][0].next_functions[0][0].name() == "AddmmBackward0"
    loss.backward(retain_graph=True)
    once = gradients(net)
    loss.backward()
    assert [2 * np.array(g) for g in once][0].tolist() == gradients(net)[0]
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()
    node = loss.grad_fn.next_functions[0][0]
    assert node.name() == "SigmoidBackward0"
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_a_hook_on_a_node_within_is_called():
    net, x = network()
    net(x).sum().backward()
    expected = gradients(net)
    net.zero_grad()
    out = net(x)
    assert is_chain(out)
    seen = []
    inner = out.grad_fn.next_functions[0][0].next_functions[1][0]
    inner.register_hook(lambda ins, outs: seen.append((inner.name(), outs[0].shape)))
    out.sum().backward()
    assert seen == [("SigmoidBackward0", (5, 8))]
    assert gradients(net) == expected


def test_looking_at_the_tape_after_the_loss_is_recorded_changes_nothing():
    net, x = network()
    losses = []
    for look in (False, True, False, True):
        net.zero_grad()
        out = net(x)
        loss = (out * out).sum()
        if look:
            assert not is_chain(out) or out.grad_fn.next_functions
        loss.backward()
        losses.append((loss.item(), gradients(net)))
    assert losses[0] == losses[1] == losses[2] == losses[3]


def test_hooks_on_the_result_on_the_input_and_on_weights():
    net, x = network()
    x.requires_grad_()
    found = []
    for call in (by_hand, lambda net, x: net(x)):
        net.zero_grad()
        x.grad = None
        out = call(net, x)
        seen = []
        out.retain_grad()
        handles = [
            t.register_hook(lambda g, seen=seen: seen.append(g.tolist()))
            for t in (out, x, net[0].weight)
        ]
        out.sum().backward()
        for handle in handles:
            handle.remove()
        found.append((seen, out.grad.tolist(), x.grad.tolist(), gradients(net)))
    assert found[0] == found[1]


def test_gradients_of_gradients():
    found = []
    for call in (by_hand, lambda net, x: net(x)):
        net, x = network()
        x = x.requires_grad_()
        (g,) = tw.autograd.grad(call(net, x).sum(), x, create_graph=True)
        (g * g).sum().backward()
        found.append((g.tolist(), x.grad.tolist(), gradients(net)))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(np.concatenate([np.ravel(p) for p in a if p is not None]),
                                   np.concatenate([np.ravel(p) for p in b if p is not None]), rtol=1e-5)  # fmt: skip


def test_the_gradient_of_some_and_of_inputs_only():
    net, x = network()
    x.requires_grad_()
    expected = tw.autograd.grad(by_hand(net, x).sum(), [x, net[2].weight])
    out = net(x)
    assert is_chain(out)
    found = tw.autograd.grad(out.sum(), [x, net[2].weight])
    assert [g.tolist() for g in found] == [g.tolist() for g in expected]
    net(x).sum().backward(inputs=[net[0].bias])
    assert [p.grad is not None for p in net.parameters()] == [False, True, False, False]


CHANGES = {
    "another layer": lambda net: net.__setitem__(1, nn.Tanh()),
    "a layer more": lambda net: net.append(nn.Tanh()),
    "a layer less": lambda net: net.__delitem__(1),
    "another weight": lambda net: setattr(net[0], "weight", nn.Parameter(tw.ones(8, 6))),
    "other numbers in a weight": lambda net: net[0].weight.data.fill_(0.5),
    "a weight written in place": lambda net: nn.init.constant_(net[2].weight, 0.25),
    "a bias removed": lambda net: setattr(net[0], "bias", None),
    "data of another size": lambda net: [setattr(net[2].weight, "data", tw.ones(3, 8)),
                                         setattr(net[2].bias, "data", tw.ones(3))],
    "a registry written to": lambda net: net[0]._parameters.__setitem__("weight", nn.Parameter(tw.ones(8, 6))),
    "frozen": lambda net: net[0].requires_grad_(False),
    "all frozen": lambda net: net.requires_grad_(False),
    "evaluated": lambda net: net.eval(),
    "an instance's forward": lambda net: setattr(net[1], "forward", lambda x: x * 3),
    "state loaded": lambda net: net.load_state_dict({k: v + 1 for k, v in net.state_dict().items()}),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_noticed(name):
    net, x = network()
    before = net(x)
    assert is_chain(before)
    CHANGES[name](net)
    for _ in range(3):
        net.zero_grad()
        expected = by_hand(net, x)
        if expected.requires_grad:
            expected.sum().backward()
        wanted = gradients(net)
        net.zero_grad()
        out = net(x)
        assert out.requires_grad == expected.requires_grad
        if out.requires_grad:
            out.sum().backward()
        assert out.tolist() == expected.tolist() and gradients(net) == wanted


def test_a_number_of_a_layer_is_changed():
    net, x = network("numbers")
    for slope in (0.3, 0.9, 0.1):
        net[1].negative_slope = slope
        assert net(x).tolist() == by_hand(net, x).tolist()


def test_a_class_is_patched(monkeypatch):
    net, x = network()
    plain = net(x).tolist()
    calls = []
    forward = nn.Sigmoid.forward
    monkeypatch.setattr(nn.Sigmoid, "forward", lambda self, x: calls.append(1) or forward(self, x))
    assert net(x).tolist() == plain and len(calls) == 2
    monkeypatch.undo()
    assert net(x).tolist() == plain and len(calls) == 2


def test_hooks_come_and_go():
    net, x = network()
    seen = []
    handle = net[1].register_forward_hook(lambda m, args, out: seen.append(out.shape))
    out = net(x)
    assert seen == [(5, 8)]
    handle.remove()
    assert net(x).tolist() == out.tolist() and len(seen) == 1
    net(x)
    assert is_chain(net(x))
    handle = register_module_forward_hook(lambda m, args, out: seen.append(m))
    net(x)
    handle.remove()
    assert len(seen) == 6
    net(x)
    assert len(seen) == 6 and is_chain(net(x))
    handle = net[3].register_full_backward_hook(lambda m, i, o: seen.append("back"))
    net(x).sum().backward()
    assert seen[6:] == ["back"]


def test_a_layer_of_ones_own_is_called_each_time():
    calls = []

    class Counting(nn.ReLU):
        def forward(self, input):
            calls.append(1)
            return super().forward(input)

    net = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), Counting(), nn.Linear(3, 3), nn.Tanh())
    for _ in range(5):
        net(tw.ones(2, 3))
    assert len(calls) == 5
    assert [type(p) for p in net._modules.parts[1]] == [Stretch, Counting, Stretch]


def test_what_writes_in_place_is_called_as_it_is():
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU(inplace=True), nn.Linear(3, 3), nn.ReLU(True))
    x = tw.randn(4, 3)
    for _ in range(4):
        assert net(x).tolist() == by_hand(net, x).tolist()


def test_inputs_of_many_kinds():
    net, _ = network()
    data = tw.randn(40, 6)
    inputs = [
        data[:7], data[3:33:6], tw.randn(6, 9).t(), data.view(4, 10, 6)[1], data + 1, (data * 2)[5:9],
        tw.randn(12, 3, requires_grad=True).view(6, 6), tw.nn.Parameter(tw.randn(3, 6)),
    ]  # fmt: skip
    for _ in range(3):
        for x in inputs:
            found, expected = net(x), by_hand(net, x)
            assert found.tolist() == expected.tolist()
            assert tape(found.grad_fn) == tape(expected.grad_fn)


@pytest.mark.parametrize("mode", [tw.no_grad, tw.inference_mode])
def test_without_gradients(mode):
    net, x = network()
    expected = net(x).tolist()
    with mode():
        for _ in range(3):
            out = net(x)
            assert out.tolist() == expected
            assert not out.requires_grad and out.is_inference() == (mode is tw.inference_mode)
    assert is_chain(net(x)) and net(x).tolist() == expected


@pytest.mark.parametrize(
    "wrong", [lambda: tw.ones(5, 7), lambda: tw.ones(5, 6).long(), lambda: 3.0]
)
def test_errors_are_those_of_the_layer(wrong):
    net, x = network()
    expected = net(x).tolist()
    with pytest.raises(Exception, match=".") as by_layers:
        by_hand(net, wrong())
    with pytest.raises(type(by_layers.value)) as found:
        net(wrong())
    assert str(found.value) == str(by_layers.value)
    assert net(x).tolist() == expected


def test_copies_and_pickles_train_by_themselves():
    net, x = network()
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        expected = by_hand(net, x).tolist()
        for _ in range(3):
            assert other(x).tolist() == expected
        other[0].weight.data.zero_()
        assert other(x).tolist() == by_hand(other, x).tolist() != expected
        assert net(x).tolist() == expected


def test_a_training_whose_batches_change_size():
    found = []
    for call in (by_hand, lambda net, x: net(x)):
        net, _ = network()
        optimizer = tw.optim.SGD(net.parameters(), lr=0.5, momentum=0.9)
        data, losses = tw.linspace(-1, 1, 40 * 6).reshape(40, 6), []
        for _ in range(6):
            for batch in data.split(16):
                loss = call(net, batch).square().mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss)
        found.append([loss.item() for loss in losses])
    assert found[0] == found[1]


def test_threads_share_a_network():
    net, x = network()
    expected = net(x).tolist()
    found, name = [], tw.current_tier()

    def use():
        with tw.tier(name):
            found.extend(net(x).tolist() == expected for _ in range(50))

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 200


def test_a_tied_weight_gets_both_gradients():
    found = []
    for call in (by_hand, lambda net, x: net(x)):
        tw.manual_seed(1)
        net = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6))
        net[2].weight = net[4].weight = net[0].weight
        x = tw.randn(5, 6)
        for _ in range(3):
            net.zero_grad()
            call(net, x).square().sum().backward()
        found.append(gradients(net))
    assert found[0] == found[1]


def test_no_warnings_and_no_state_of_its_own():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net, x = network()
        keys = set(vars(net))
        net(x)
    assert set(vars(net)) == keys == set(vars(nn.Sequential())) | {"0", "1", "2", "3"}
