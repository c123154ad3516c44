"""The whole way in a second: a network learns, a file comes back."""

import thalweg as tw
from thalweg import nn


def test_a_network_learns_xor():
    tw.manual_seed(0)
    x = tw.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = tw.tensor([0, 1, 1, 0])
    net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
    optimizer = tw.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(200):
        loss = nn.functional.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.01
    assert net(x).argmax(1).tolist() == [0, 1, 1, 0]


def test_a_state_dict_comes_back_from_a_file(tmp_path):
    net = nn.Linear(3, 2)
    tw.save(net.state_dict(), tmp_path / "net.thalweg")
    other = nn.Linear(3, 2)
    other.load_state_dict(tw.load(tmp_path / "net.thalweg"))
    x = tw.randn(5, 3)
    assert tw.equal(net(x), other(x))


def test_the_tape_can_be_walked():
    a = tw.tensor(3.0, requires_grad=True)
    b = a * a
    assert repr(b) == "tensor(9., grad_fn=<MulBackward0>)"
    (node, _), _ = b.grad_fn.next_functions
    assert node.name() == "torch::autograd::AccumulateGrad" and node.variable is a
    b.backward()
    assert a.grad.item() == 6.0
