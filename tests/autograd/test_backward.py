"""Walking the tape: what PyTorch's users rely on, told by both libraries alike."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

import thalweg as tw

Scenario = Callable[[Any], Any]


def _error(function: Callable[[], Any]) -> str:
    """The name of the error's class, or "" where there is none."""
    try:
        function()
    except Exception as error:
        return type(error).__name__
    return ""


def _grads(*tensors: Any) -> list[Any]:
    return [None if t.grad is None else t.grad.tolist() for t in tensors]


def _accumulation(m: Any) -> Any:
    w = m.tensor([1.0, 2.0], requires_grad=True)
    log = []
    for _ in range(3):
        (w * w).sum().backward()
        log.append(_grads(w))
    w.grad = None
    (3 * w).sum().backward()
    held = w.grad
    (3 * w).sum().backward()
    return [*log, _grads(w), held is w.grad, held.tolist(), w.grad.requires_grad]


def _retain_graph(m: Any) -> Any:
    w = m.tensor(3.0, requires_grad=True)
    y = w.exp() * w
    y.backward(retain_graph=True)
    y.backward(retain_graph=True)
    y.backward()
    return [_grads(w), _error(y.backward), _error(lambda: m.autograd.grad(y, w))]


def _freed_but_nothing_saved(m: Any) -> Any:
    w = m.tensor([3.0, 1.0], requires_grad=True)
    y = (w + 1).sum()
    y.backward()
    return [_error(y.backward), _grads(w)]


def _inputs(m: Any) -> Any:
    a, b = m.tensor(2.0, requires_grad=True), m.tensor(5.0, requires_grad=True)
    h = a * b
    (h * a).backward(inputs=[a])
    log = [_grads(a, b)]
    h = a * b
    (h * b).backward(inputs=b)
    h = a * b
    (h * b).backward(inputs=[h, b])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kept = _grads(h)
    return [*log, _grads(a, b), kept, _error(lambda: (a * b).backward(inputs=[]))]


def _gradient_argument(m: Any) -> Any:
    w = m.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (w * w).backward(m.tensor([1.0, 0.0, -1.0]))
    m.autograd.backward([w.sum(), w * 2], [None, m.ones(3)])
    return [
        _grads(w),
        _error(lambda: (w * w).backward()),
        _error(lambda: (w * w).backward(m.ones(2))),
        _error(lambda: m.ones(1).backward()),
    ]


def _shape_of_one(m: Any) -> Any:
    w = m.ones(1, 1, requires_grad=True)
    (w * 4).backward()
    return _grads(w)


def _grad(m: Any) -> Any:
    a, b, c = (m.tensor([float(k), 1.0], requires_grad=True) for k in (1, 2, 3))
    y = (a * b).sum()
    found = m.autograd.grad(y, (a, b), retain_graph=True)
    unused = m.autograd.grad(y, (a, c), retain_graph=True, allow_unused=True)
    zeros = m.autograd.grad(y, (a, c), retain_graph=True, materialize_grads=True)
    missing = _error(lambda: m.autograd.grad(y, (a, c), retain_graph=True))
    weighed = m.autograd.grad([a * 2, b * a], [a], [m.ones(2), m.tensor([1.0, 10.0])])
    middle = a * b
    inner = m.autograd.grad((middle * middle).sum(), middle)
    plain = m.ones(2)
    return [
        [g.tolist() for g in found], unused[0].tolist(), unused[1], [g.tolist() for g in zeros], missing,
        weighed[0].tolist(), inner[0].tolist(), _grads(a, b, c), type(found).__name__,
        _error(lambda: m.autograd.grad((a * plain).sum(), plain)),
    ]  # fmt: skip


def _create_graph(m: Any) -> Any:
    x = m.tensor([0.5, 1.5], requires_grad=True)
    y = (x**3).sum()
    (g,) = m.autograd.grad(y, x, create_graph=True)
    (h,) = m.autograd.grad(g.sum(), x, create_graph=True)
    (k,) = m.autograd.grad(h.sum(), x)
    (g * g).sum().backward()
    return [g.tolist(), h.tolist(), k.tolist(), g.requires_grad, k.requires_grad, _grads(x)]


def _penalty(m: Any) -> Any:
    x = m.tensor([[1.0, 2.0]], requires_grad=True)
    w = m.tensor([[0.5], [0.25]], requires_grad=True)
    out = (x @ w).tanh().sum()
    (g,) = m.autograd.grad(out, x, create_graph=True)
    ((g.norm() - 1) ** 2).backward()
    return [[round(v, 5) for row in t for v in row] for t in _grads(w)]


def _backward_create_graph(m: Any) -> Any:
    x = m.tensor(2.0, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (x**3).backward(create_graph=True)
    g = x.grad
    x.grad = None
    g.backward()
    return [g.requires_grad, g.item(), _grads(x)]


def _retain_grad(m: Any) -> Any:
    w = m.tensor([1.0, 2.0], requires_grad=True)
    h = w * 3
    before = h.retains_grad
    h.retain_grad()
    h.retain_grad()
    (h * h).sum().backward()
    leaf = m.ones(1, requires_grad=True)
    leaf.retain_grad()
    return [before, h.retains_grad, _grads(h, w), h.is_leaf, leaf.retains_grad,
            _error(lambda: m.ones(1).retain_grad())]  # fmt: skip


def _tensor_hooks(m: Any) -> Any:
    log: list[Any] = []
    w = m.tensor([1.0, 2.0], requires_grad=True)
    first = w.register_hook(lambda g: log.append(["leaf", g.tolist()]))
    h = w * 2
    h.register_hook(lambda g: log.append(["seen", g.tolist()]))
    h.register_hook(lambda g: g * 10)
    h.register_hook(lambda g: log.append(["replaced", g.tolist()]))
    h.sum().backward()
    first.remove()
    first.remove()
    w.register_hook(lambda g: g + 1)
    (w * 5).sum().backward()
    return [*log, _grads(w), _error(lambda: m.ones(1).register_hook(print))]


def _hooks_sum_first(m: Any) -> Any:
    log: list[Any] = []
    w = m.tensor(2.0, requires_grad=True)
    h = w * 1
    h.register_hook(lambda g: log.append(g.item()))
    w.register_hook(lambda g: log.append(g.item()))
    (h * 3 + h * 4 + w).backward()
    return [*log, _grads(w)]


def _node_hooks(m: Any) -> Any:
    log: list[Any] = []
    a, b = m.tensor([1.0, 2.0], requires_grad=True), m.tensor([3.0, 4.0], requires_grad=True)
    y = a * b
    before = y.grad_fn.register_prehook(lambda gs: log.append(["pre", [g.tolist() for g in gs]]))
    after = y.grad_fn.register_hook(
        lambda ins, outs: log.append([[g.tolist() for g in ins], [g.tolist() for g in outs]])
    )
    y.sum().backward()
    before.remove()
    after.remove()
    y = a * b
    y.grad_fn.register_prehook(lambda gs: (gs[0] * 2,))
    y.grad_fn.register_hook(lambda ins, outs: (ins[0], ins[1] * 100))
    y.sum().backward()
    return [*log, _grads(a, b)]


def _hook_of_accumulate_grad(m: Any) -> Any:
    log: list[Any] = []
    w = m.tensor(2.0, requires_grad=True)
    y = w * w
    node = y.grad_fn.next_functions[0][0]
    node.register_hook(lambda ins, outs: log.append([len(ins), [g.item() for g in outs]]))
    y.backward()
    return [log, _grads(w)]


def _post_accumulate(m: Any) -> Any:
    w = m.tensor(2.0, requires_grad=True)
    seen: list[Any] = []

    def hook(p: Any) -> None:
        seen.append(p.grad.item())
        p.grad = None

    handle = w.register_post_accumulate_grad_hook(hook)
    for _ in range(2):
        (w * 2).backward()
    handle.remove()
    (w * 7).backward()
    return [seen, _grads(w), _error(lambda: (w * 2).register_post_accumulate_grad_hook(hook)),
            _error(lambda: m.ones(1).register_post_accumulate_grad_hook(hook))]  # fmt: skip


def _walk(m: Any) -> Any:
    w, x = m.ones(2, 3, requires_grad=True), m.ones(4, 2)
    bias = m.zeros(3, requires_grad=True)
    y = (m.relu(x @ w + bias) * 2).sum()
    lines: list[str] = []

    def visit(node: Any, depth: int) -> None:
        if node is None:
            lines.append(f"{depth} None")
            return
        lines.append(f"{depth} {type(node).__name__} {node.name()}")
        for below, nr in node.next_functions:
            visit(below, depth + 1)
            lines.append(f"{nr}")

    visit(y.grad_fn, 0)
    return lines


def _variable(m: Any) -> Any:
    w = m.ones(2, requires_grad=True)
    y = w * 2
    node = y.grad_fn.next_functions[0][0]
    return [node.variable is w, y.grad_fn.next_functions[1], node.next_functions, w.grad_fn,
            y.output_nr, w.is_leaf, y.is_leaf]  # fmt: skip


def _modes(m: Any) -> Any:
    w = m.ones(2, requires_grad=True)
    log = []
    with m.no_grad():
        log.append([(w * 2).requires_grad, m.is_grad_enabled()])
        with m.enable_grad():
            log.append([(w * 2).requires_grad, m.is_grad_enabled()])
        log.append(m.is_grad_enabled())
    with m.inference_mode():
        z = w * 2
        log.append([z.requires_grad, m.is_inference_mode_enabled()])
    with m.set_grad_enabled(False):
        log.append((w * 2).requires_grad)
    log.append(m.is_grad_enabled())
    m.set_grad_enabled(False)
    log.append((w * 2).requires_grad)
    m.set_grad_enabled(True)

    @m.no_grad()
    def quiet() -> Any:
        return w * 2

    @m.no_grad
    def bare() -> Any:
        return w * 2

    @m.enable_grad()
    def loud() -> Any:
        return w * 2

    @m.inference_mode()
    def inferred() -> Any:
        return w * 2

    @m.set_grad_enabled(False)
    def switched() -> Any:
        return w * 2

    with m.no_grad():
        log.append(loud().requires_grad)
    log.append([f().requires_grad for f in (quiet, bare, inferred, switched)])
    try:
        with m.no_grad():
            raise KeyError
    except KeyError:
        log.append(m.is_grad_enabled())
    return log


def _requires_grad(m: Any) -> Any:
    w = m.ones(2)
    y = (w * 2).requires_grad_()
    z = y * 3
    return [y.is_leaf, z.requires_grad, z.detach().requires_grad,
            _error(lambda: m.ones(2, dtype=m.int64).requires_grad_()),
            _error(lambda: z.requires_grad_(False)), _error(lambda: setattr(z, "requires_grad", False)),
            (z > 1).requires_grad, z.argmax().requires_grad, z.long().requires_grad]  # fmt: skip


def _in_place_on_leaves(m: Any) -> Any:
    w = m.ones(2, requires_grad=True)

    def add() -> None:
        w.add_(1)

    def item() -> None:
        w[0] *= 2

    def whole() -> None:
        w.view(2).mul_(2)

    errors = [_error(f) for f in (add, item, whole)]
    with m.no_grad():
        w.add_(1)
        w[0] = 5
    return [*errors, w.tolist(), w.requires_grad, w.is_leaf]


def _in_place_on_the_tape(m: Any) -> Any:
    w = m.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = w * 2
    y.add_(w)
    y[1] *= 10
    y[0] = 7
    v = y[1:]
    v.mul_(3)
    y.sum().backward()
    return [y.tolist(), v.tolist(), _grads(w), type(y.grad_fn).__name__]


def _write_into_plain(m: Any) -> Any:
    w = m.tensor([1.0, 2.0], requires_grad=True)
    out = m.zeros(3, 2)
    for t in range(3):
        out[t] = w * (t + 1)
    out.sum().backward()
    return [out.requires_grad, out.tolist(), _grads(w)]


def _grad_attribute(m: Any) -> Any:
    w = m.ones(2, requires_grad=True)
    w.grad = m.tensor([5.0, 5.0])
    w.sum().backward()
    log = [_grads(w)]
    w.grad.zero_()
    log.append(_grads(w))
    del w.grad
    return [*log, w.grad, _error(lambda: setattr(w, "grad", 3)),
            _error(lambda: setattr(w, "grad", m.ones(3))),
            _error(lambda: setattr(w, "grad", m.ones(2, dtype=m.float64)))]  # fmt: skip


def _mixed_types(m: Any) -> Any:
    w = m.ones(2, requires_grad=True)
    v = m.ones(2, dtype=m.float64, requires_grad=True)
    ((w * 2) * v + w.double()).sum().backward()
    return [repr(w.grad.dtype).split(".")[-1], repr(v.grad.dtype).split(".")[-1], _grads(w, v)]


def _shared_subgraph(m: Any) -> Any:
    w = m.tensor(1.5, requires_grad=True)
    x = w
    for _ in range(30):
        x = x * 0.5 + x * 0.5
    x.backward()
    return _grads(w)


def _detached(m: Any) -> Any:
    w = m.tensor(3.0, requires_grad=True)
    y = w * w.detach()
    z = w * 1
    z.detach_()
    y.backward()
    return [_grads(w), z.requires_grad, z.is_leaf]


SCENARIOS: dict[str, Scenario] = {
    f.__name__.strip("_"): f
    for f in (_accumulation, _retain_graph, _freed_but_nothing_saved, _inputs, _gradient_argument, _shape_of_one,
              _grad, _create_graph, _penalty, _backward_create_graph, _retain_grad, _tensor_hooks,
              _hooks_sum_first, _node_hooks, _hook_of_accumulate_grad, _walk, _variable, _modes, _requires_grad,
              _in_place_on_leaves, _in_place_on_the_tape, _write_into_plain, _grad_attribute, _mixed_types,
              _shared_subgraph, _detached, _post_accumulate)
}  # fmt: skip


@pytest.mark.parametrize("name", SCENARIOS)
def test_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    assert SCENARIOS[name](tw) == SCENARIOS[name](torch)


NODES: dict[str, Scenario] = {
    "add": lambda x: x + 1, "sub": lambda x: x - 1, "rsub": lambda x: 1 - x, "mul": lambda x: x * 2,
    "div": lambda x: x / 2, "reflected div": lambda x: 2 / x, "neg": lambda x: -x, "square": lambda x: x**2,
    "power": lambda x: 2**x, "power of tensors": lambda x: x**x, "exp": lambda x: x.exp(),
    "log": lambda x: x.log(), "sqrt": lambda x: x.sqrt(), "tanh": lambda x: x.tanh(),
    "sigmoid": lambda x: x.sigmoid(), "relu": lambda x: x.relu(), "abs": lambda x: x.abs(),
    "sin": lambda x: x.sin(), "sum": lambda x: x.sum(), "sum over": lambda x: x.sum(0), "mean": lambda x: x.mean(),
    "mean over": lambda x: x.mean(1), "max": lambda x: x.max(), "max over": lambda x: x.max(1)[0],
    "amax": lambda x: x.amax(1), "std": lambda x: x.std(), "var": lambda x: x.var(1), "prod": lambda x: x.prod(),
    "clamp": lambda x: x.clamp(0, 1), "clamp_min": lambda x: x.clamp_min(0.5), "matmul": lambda x: x @ x,
    "matrix and vector": lambda x: x @ x[0], "dot": lambda x: x[0] @ x[1], "batched": lambda x: x[None].bmm(x[None]),
    "transpose": lambda x: x.t(), "transpose two": lambda x: x.transpose(0, 1), "permute": lambda x: x.permute(1, 0),
    "view": lambda x: x.view(4), "reshape": lambda x: x.reshape(4), "clamp by tensors": lambda x: x.clamp(x, x * 2),
    "unsqueeze": lambda x: x.unsqueeze(0), "squeeze": lambda x: x.squeeze(), "squeeze one": lambda x: x.squeeze(0),
    "expand": lambda x: x.expand(3, 2, 2), "select": lambda x: x[0], "slice": lambda x: x[:1],
    "slice both": lambda x: x[:, :1], "by list": lambda x: x[[0, 1]], "clone": lambda x: x.clone(),
    "double": lambda x: x.double(), "softmax": lambda x: x.softmax(1), "log_softmax": lambda x: x.log_softmax(1),
    "logsumexp": lambda x: x.logsumexp(1), "cumsum": lambda x: x.cumsum(0), "norm": lambda x: x.norm(),
    "sort": lambda x: x.sort()[0], "topk": lambda x: x.topk(1)[0], "split": lambda x: x.split(1)[0],
    "unbind": lambda x: x.unbind()[1], "masked_fill": lambda x: x.masked_fill(x > 1, 0.0),
    "in place": lambda x: (x * 1).add_(1), "in place mul": lambda x: (x * 1).mul_(3), "flip": lambda x: x.flip(0),
    "repeat": lambda x: x.repeat(2, 1), "tril": lambda x: x.tril(), "flatten": lambda x: x.flatten(),
    "gather": lambda x: x.gather(1, x.argmax(1, keepdim=True)), "where": lambda x: x.where(x > 1, x * 2),
    "clamp_max": lambda x: x.clamp_max(0.5), "round": lambda x: x.round(), "lerp": lambda x: x.lerp(x * 2, 0.5),
    "diagonal": lambda x: x.diagonal(), "index_select": lambda x: x.index_select(0, x.argmax(1)),
}  # fmt: skip


@pytest.mark.parametrize("name", NODES)
def test_names_of_nodes(name: str) -> None:
    torch = pytest.importorskip("torch")
    names = []
    for m in (tw, torch):
        x = m.tensor([[1.0, 2.0], [0.5, 3.0]], requires_grad=True)
        node = NODES[name](x).grad_fn
        below = [n.name() for n, _ in node.next_functions if n is not None]
        names.append((node.name(), type(node).__name__, below))
    assert names[0] == names[1]


MODULE_NODES: dict[str, Scenario] = {
    "linear": lambda m: m.nn.functional.linear(
        m.ones(2, 3), m.ones(4, 3, requires_grad=True), m.ones(4)
    ),
    "linear without bias": lambda m: m.nn.functional.linear(
        m.ones(2, 3), m.ones(4, 3, requires_grad=True)
    ),
    "conv": lambda m: m.nn.Conv2d(1, 2, 3)(m.ones(1, 1, 5, 5)),
    "max pool": lambda m: m.nn.functional.max_pool2d(m.ones(1, 1, 4, 4, requires_grad=True), 2),
    "batch norm": lambda m: m.nn.BatchNorm1d(3)(m.ones(4, 3)),
    "layer norm": lambda m: m.nn.LayerNorm(3)(m.ones(4, 3)),
    "dropout": lambda m: m.nn.functional.dropout(m.ones(4, requires_grad=True), 0.5),
    "embedding": lambda m: m.nn.Embedding(4, 2)(m.tensor([1, 2])),
    "mse": lambda m: m.nn.functional.mse_loss(m.ones(2, requires_grad=True), m.zeros(2)),
    "nll": lambda m: m.nn.functional.nll_loss(m.ones(2, 3, requires_grad=True), m.tensor([0, 1])),
    "cross entropy": lambda m: m.nn.functional.cross_entropy(
        m.ones(2, 3, requires_grad=True), m.tensor([0, 1])
    ),
    "cat": lambda m: m.cat([m.ones(1, requires_grad=True), m.ones(2)]),
    "stack": lambda m: m.stack([m.ones(1, requires_grad=True), m.ones(1)]),
    "gelu": lambda m: m.nn.functional.gelu(m.ones(2, requires_grad=True)),
    "leaky relu": lambda m: m.nn.functional.leaky_relu(m.ones(2, requires_grad=True)),
    "binary cross entropy": lambda m: m.nn.functional.binary_cross_entropy_with_logits(
        m.ones(2, requires_grad=True), m.ones(2)
    ),
}


@pytest.mark.parametrize("name", MODULE_NODES)
def test_names_of_modules_nodes(name: str) -> None:
    torch = pytest.importorskip("torch")
    mine, theirs = (type(MODULE_NODES[name](m).grad_fn).__name__ for m in (tw, torch))
    assert mine == theirs


KINKS: dict[str, tuple[list[float], Callable[[Any, Any], Any]]] = {
    "max with a tensor": ([0.0], lambda m, x: x.max(m.tensor(0.0))),
    "maximum": ([0.0, 1.0], lambda m, x: m.maximum(x, m.zeros(2))),
    "minimum": ([0.0, 1.0], lambda m, x: m.minimum(x, m.zeros(2))),
    "relu": ([0.0, -1.0, 2.0], lambda m, x: m.nn.functional.relu(x)),
    "clamp_min": ([0.0, -1.0], lambda m, x: x.clamp_min(0.0)),
    "clamp_max": ([0.0, -1.0], lambda m, x: x.clamp_max(0.0)),
    "clamp": ([0.0, 1.0, 2.0, -1.0, 0.5], lambda m, x: x.clamp(0, 1)),
    "max of ties": ([3.0, 3.0, 3.0, 1.0], lambda m, x: x.max()),
    "min of ties": ([1.0, 3.0, 1.0], lambda m, x: x.min()),
    "max over ties": ([3.0, 3.0, 3.0], lambda m, x: x.max(0)[0]),
    "min over ties": ([3.0, 3.0, 3.0], lambda m, x: x.min(0)[0]),
    "amax of ties": ([3.0, 3.0, 1.0], lambda m, x: x.amax()),
    "abs": ([0.0, -0.0, 1.0], lambda m, x: x.abs()),
    "sign": ([0.0, -2.0], lambda m, x: x.sign()),
    "leaky relu": ([0.0, -1.0], lambda m, x: m.nn.functional.leaky_relu(x, 0.1)),
    "elu": ([0.0, -1.0], lambda m, x: m.nn.functional.elu(x)),
    "selu": ([0.0, -1.0], lambda m, x: m.nn.functional.selu(x)),
    "celu": ([0.0, -1.0], lambda m, x: m.nn.functional.celu(x, 0.5)),
    "softplus": ([0.0, 25.0], lambda m, x: m.nn.functional.softplus(x)),
    "logsigmoid": ([0.0, -200.0], lambda m, x: m.nn.functional.logsigmoid(x)),
    "hardswish": ([-3.0, 3.0, 0.0], lambda m, x: m.nn.functional.hardswish(x)),
    "hardsigmoid": ([-3.0, 3.0, 0.0], lambda m, x: m.nn.functional.hardsigmoid(x)),
    "softshrink": ([-0.5, 0.5, 0.0], lambda m, x: m.nn.functional.softshrink(x)),
    "hardshrink": ([-0.5, 0.5, 0.0], lambda m, x: m.nn.functional.hardshrink(x)),
    "threshold": ([1.0, 2.0], lambda m, x: m.nn.functional.threshold(x, 1.0, 5.0)),
    "huber": ([1.0, -1.0, 0.0], lambda m, x: m.nn.functional.huber_loss(x, m.zeros(3))),
    "cubic norm at zero": ([0.0, 0.0], lambda m, x: x.norm(3)),
    "norm over rows with a zero": ([0.0, 0.0, 3.0, 4.0], lambda m, x: x.view(2, 2).norm(dim=1)),
    "var of one value": ([2.0, 2.0], lambda m, x: x.var()),
    "hardtanh": ([-1.0, 1.0, 0.0], lambda m, x: m.nn.functional.hardtanh(x)),
    "relu6": ([0.0, 6.0, 3.0], lambda m, x: m.nn.functional.relu6(x)),
    "smooth_l1": ([1.0, -1.0, 0.0], lambda m, x: m.nn.functional.smooth_l1_loss(x, m.zeros(3))),
    "l1": ([1.0, 0.0], lambda m, x: m.nn.functional.l1_loss(x, m.zeros(2))),
    "norm at zero": ([0.0, 0.0], lambda m, x: x.norm()),
    "sqrt at zero": ([0.0, 4.0], lambda m, x: x.sqrt()),
    "power at zero": ([0.0, 2.0], lambda m, x: x**2.0),
    "power zero": ([0.0, 2.0], lambda m, x: x**0),
    "prod with a zero": ([0.0, 2.0, 3.0], lambda m, x: x.prod()),
    "prod with zeros": ([0.0, 0.0, 3.0], lambda m, x: x.prod()),
    "median of ties": ([2.0, 2.0, 1.0], lambda m, x: x.median()),
    "sort of ties": ([2.0, 2.0, 1.0], lambda m, x: x.sort(stable=True)[0] * m.tensor([1.0, 2.0, 3.0])),
    "max pool of ties": ([1.0, 1.0, 1.0, 1.0], lambda m, x: m.nn.functional.max_pool1d(x.view(1, 1, 4), 2)),
    "where with nan": ([0.0, 2.0], lambda m, x: m.where(x > 0, x.log(), m.zeros(2))),
    "logsumexp of infinities": ([float("-inf"), 0.0], lambda m, x: x.logsumexp(0)),
    "std of one value": ([2.0, 2.0], lambda m, x: x.std()),
}  # fmt: skip


@pytest.mark.parametrize("name", KINKS)
def test_ties_and_kinks(name: str) -> None:
    torch = pytest.importorskip("torch")
    values, case = KINKS[name]
    gradients = []
    for m in (tw, torch):
        x = m.tensor(values, requires_grad=True)
        case(m, x).sum().backward()
        gradients.append([repr(round(g, 6)) for g in x.grad.tolist()])
    assert gradients[0] == gradients[1]


def test_freed_graph_names_the_mend() -> None:
    w = tw.tensor(2.0, requires_grad=True)
    y = w * w
    y.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward()
    assert w.grad is not None and w.grad.item() == 4


def test_grad_of_a_result_warns() -> None:
    y = tw.ones(2, requires_grad=True) * 2
    with pytest.warns(UserWarning, match="not a leaf"):
        assert y.grad is None
    y.retain_grad()
    y.sum().backward()
    assert y.grad is not None and y.grad.tolist() == [1, 1]


def test_a_value_changed_after_use_never_spoils_a_gradient() -> None:
    def through_data(w: Any) -> None:
        w.data[...] = 10

    def assign_data(w: Any) -> None:
        w.data = tw.tensor(10.0)

    def in_place(w: Any) -> None:
        with tw.no_grad():
            w.fill_(10)

    def through_numpy(w: Any) -> None:
        w.detach().numpy()[...] = 10

    for change in (through_data, assign_data, in_place, through_numpy):
        w = tw.tensor(2.0, requires_grad=True)
        y = w * w
        change(w)
        assert w.item() == 10
        y.backward()
        assert w.grad is not None and w.grad.item() == 4, change.__name__
        y = w * w
        y.backward()
        assert w.grad.item() == 24


def test_an_input_changed_after_use_never_spoils_a_gradient() -> None:
    x = tw.tensor([1.0, 2.0])
    w = tw.ones(2, requires_grad=True)
    y = (x * w).sum()
    x.zero_()
    view = (x + 1)[:1]
    z = (view * w[:1]).sum()
    view.fill_(50)
    (y + z).backward()
    assert w.grad is not None and w.grad.tolist() == [2, 2]


def test_a_hook_that_fails_leaves_the_library_usable() -> None:
    w = tw.ones(2, requires_grad=True)
    y = w * 2

    def hook(g: Any) -> Any:
        raise KeyError("in a hook")

    handle = y.register_hook(hook)
    with pytest.raises(KeyError, match="in a hook"):
        y.sum().backward()
    assert tw.is_grad_enabled()
    handle.remove()
    w.grad = None
    (w * 2).sum().backward()
    assert w.grad is not None and w.grad.tolist() == [2, 2]


def test_a_long_chain_needs_no_deep_stack() -> None:
    w = tw.ones(1, requires_grad=True)
    x = w
    for _ in range(3000):
        x = x + 0.001
    x.sum().backward()
    assert w.grad is not None and w.grad.tolist() == [1]
