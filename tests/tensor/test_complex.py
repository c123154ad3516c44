"""Complex numbers: values, gradients by PyTorch's convention, printing, refusals."""

from __future__ import annotations

import numpy as np
import pytest

import thalweg as tw

pytestmark = pytest.mark.filterwarnings("ignore:thalweg. this training loop has not repeated")
RNG = np.random.RandomState(0)
ONE, TWO = (RNG.randn(3, 4) + 1j * RNG.randn(3, 4) for _ in range(2))
FUNCTIONS = {
    "add": lambda m, x, y: x + y,
    "sub": lambda m, x, y: x - y,
    "mul": lambda m, x, y: x * y,
    "div": lambda m, x, y: x / y,
    "pow": lambda m, x, y: x**y,
    "square": lambda m, x, y: x**2,
    "complex power": lambda m, x, y: x ** (1 + 2j),
    "of a number": lambda m, x, y: (2 + 1j) ** x,
    "exp": lambda m, x, y: m.exp(x),
    "log": lambda m, x, y: m.log(x),
    "sqrt": lambda m, x, y: m.sqrt(x),
    "sin": lambda m, x, y: m.sin(x),
    "tanh": lambda m, x, y: m.tanh(x),
    "acosh": lambda m, x, y: m.acosh(x),
    "sigmoid": lambda m, x, y: m.sigmoid(x),
    "reciprocal": lambda m, x, y: 1j / x,
    "abs": lambda m, x, y: x.abs(),
    "angle": lambda m, x, y: x.angle(),
    "sgn": lambda m, x, y: x.sgn(),
    "conj": lambda m, x, y: x.conj() * y,
    "real": lambda m, x, y: x.real,
    "imag": lambda m, x, y: x.imag,
    "pairs": lambda m, x, y: m.view_as_complex(m.view_as_real(x) * 2),
    "complex": lambda m, x, y: m.complex(x.real, y.imag),
    "polar": lambda m, x, y: m.polar(x.abs(), y.real),
    "sum": lambda m, x, y: x.sum(0),
    "mean": lambda m, x, y: x.mean(1),
    "prod": lambda m, x, y: x.prod(1),
    "var": lambda m, x, y: x.var(),
    "std": lambda m, x, y: x.std(1),
    "norm": lambda m, x, y: x.norm(),
    "cumprod": lambda m, x, y: x.cumprod(1),
    "matmul": lambda m, x, y: x @ y.T,
    "adjoint": lambda m, x, y: x @ y.mH,
    "vdot": lambda m, x, y: m.vdot(x[0], y[0]),
    "einsum": lambda m, x, y: m.einsum("ij,ij->j", x, y),
    "inv": lambda m, x, y: m.linalg.inv(x[:, :3]),
    "solve": lambda m, x, y: m.linalg.solve(x[:, :3], y),
    "cat": lambda m, x, y: m.cat([x, y]),
    "where": lambda m, x, y: m.where(x.real > 0, x, y),
    "rows": lambda m, x, y: x[m.tensor([0, 0, 2])],
    "pad": lambda m, x, y: m.nn.functional.pad(x, (1, 1)),
    "with real": lambda m, x, y: x * y.real + 2.5,
    "of real": lambda m, x, y: m.exp(1j * x.real),
    "alpha": lambda m, x, y: m.add(x, y, alpha=2j),
    "in place": lambda m, x, y: x.clone().mul_(2j).add_(y),
    "lerp": lambda m, x, y: m.lerp(x, y, 0.3),
    "equal": lambda m, x, y: x == y,
    "unequal": lambda m, x, y: x != 2j,
    "to a part": lambda m, x, y: x.real.to(m.float32),
}


def array(t):
    return np.asarray(t.detach().resolve_conj().numpy())


@pytest.mark.parametrize("name", ["complex64", "complex128"])
@pytest.mark.parametrize("case", FUNCTIONS)
def test_functions_and_gradients(name, case):
    torch = pytest.importorskip("torch")
    found = []
    for m in (tw, torch):
        x, y = (m.tensor(a.tolist(), dtype=getattr(m, name)).requires_grad_() for a in (ONE, TWO))
        result = FUNCTIONS[case](m, x, y)
        if result.requires_grad:
            rng = np.random.RandomState(1)
            weights = np.asarray(rng.randn(*result.shape) + 1j * rng.randn(*result.shape))
            weight = m.tensor(weights.tolist(), dtype=m.complex128).reshape(result.shape)
            weight = weight if result.is_complex() else weight.real
            result.backward(weight.to(result.dtype))
        node = None if result.grad_fn is None else type(result.grad_fn).__name__
        arrays = [array(result), *(None if t.grad is None else array(t.grad) for t in (x, y))]
        found.append((node, arrays))
    tolerance = 2e-5 if name == "complex64" else 1e-10
    assert case == "einsum" or found[0][0] == found[1][0]
    for mine, theirs in zip(found[0][1], found[1][1], strict=True):
        assert (mine is None) == (theirs is None)
        if mine is not None:
            assert mine.dtype == theirs.dtype
            np.testing.assert_allclose(mine, theirs, rtol=tolerance, atol=tolerance)


def test_gradients_by_differences():
    x = tw.tensor(ONE.tolist(), dtype=tw.complex128).requires_grad_()
    y = tw.tensor(TWO.tolist(), dtype=tw.complex128).requires_grad_()
    for function in (
        lambda a, b: a * b.conj(),
        lambda a, b: (a / b).abs(),
        lambda a, b: tw.exp(a) @ b.T,
        lambda a, b: tw.fft.fft(a) * b.sgn(),
        lambda a, b: (a.real * b, a.angle()),
    ):
        assert tw.autograd.gradcheck(function, (x, y))
    with pytest.raises(RuntimeError, match="Jacobian"):
        tw.autograd.gradcheck(lambda a: tw.complex(a.real, a.real.detach()), (x,))


def test_second_gradients():
    x = tw.tensor([1 + 2j, -0.5j]).requires_grad_()
    (first,) = tw.autograd.grad((x**3).abs().pow(2).sum(), x, create_graph=True)
    (second,) = tw.autograd.grad(first.abs().pow(2).sum(), x)
    size = np.abs(array(x)) ** 2  # of |z|**6 the gradient is 6 |z|**4 z, whose square is 36 |z|**10
    np.testing.assert_allclose(array(second), 360 * size**4 * array(x), rtol=1e-4)


def test_at_zero():
    x = tw.tensor([0j, 1 + 0j]).requires_grad_()
    (x.abs() + x.angle() + x.sgn().real).sum().backward()
    assert x.grad[0].item() == 0j


def test_printing():
    assert (
        repr(tw.tensor([1 + 2j, 3.5 - 1e-3j])) == "tensor([1.0000+2.0000e+00j, 3.5000-1.0000e-03j])"
    )
    assert repr(tw.tensor([1 + 2j, complex("nan")])) == "tensor([1.+2.j, nan+0.j])"
    assert repr(tw.tensor(1 + 2j)) == "tensor(1.+2.j)"
    assert (
        repr(tw.tensor([1j], dtype=tw.complex128)) == "tensor([0.+1.j], dtype=thalweg.complex128)"
    )


def test_types_and_numbers():
    assert tw.tensor(1 + 2j).dtype is tw.complex64 and tw.tensor(1 + 2j).item() == 1 + 2j
    assert (tw.ones(2) * 1j).dtype is tw.complex64
    assert (tw.ones(2, dtype=tw.float64) * 1j).dtype is tw.complex128
    assert (tw.ones(2) + tw.tensor(1, dtype=tw.complex128)).dtype is tw.complex64
    assert tw.result_type(tw.ones(2), 1j) is tw.complex64 and tw.result_type(1, 1j) is tw.complex64
    assert tw.is_complex(tw.tensor(1j)) and not tw.is_complex(tw.ones(1))
    assert float(tw.tensor(2 + 0j)) == 2.0 and complex(tw.tensor(1j)) == 1j
    assert tw.tensor([1 + 2j]).tolist() == [1 + 2j] and bool(tw.tensor(1j))
    assert tw.isreal(tw.tensor([1j, 2 + 0j])).tolist() == [False, True]
    x = tw.tensor([1 + 2j])
    x.real = 3.0
    x.imag = tw.tensor([4.0])
    assert (
        x.tolist() == [3 + 4j] and x.conj().tolist() == [3 - 4j] and tw.ones(1).conj().item() == 1
    )


REFUSED = {
    "order": (lambda x: x < 1, NotImplementedError, "no order"),
    "largest": (lambda x: x.max(), NotImplementedError, "no order"),
    "floor": (lambda x: tw.floor(x), NotImplementedError, "no order"),
    "sign": (lambda x: tw.sign(x), NotImplementedError, "sgn"),
    "float": (float, RuntimeError, "without overflow"),
    "scalar": (lambda x: x.requires_grad_().sum().backward(), RuntimeError, "real scalar outputs"),
    "real element": (lambda x: tw.tensor(1j, dtype=tw.float32), RuntimeError, "without overflow"),
    "imag": (lambda x: tw.imag(tw.ones(1)), RuntimeError, "non-complex"),
    "view_as_real": (lambda x: tw.view_as_real(tw.ones(1)), RuntimeError, "only supported for complex"),
    "view_as_complex": (lambda x: tw.view_as_complex(tw.ones(3)), RuntimeError, "size 2"),
    "no axis": (lambda x: tw.view_as_complex(tw.tensor(1.0)), RuntimeError, "one or more dim"),
    "whole parts": (lambda x: tw.view_as_complex(tw.ones(2).long()), RuntimeError, "only supported for float"),
    "parts": (lambda x: tw.complex(tw.ones(1), tw.ones(1).double()), RuntimeError, "scalar type"),
    "integers": (lambda x: tw.polar(tw.ones(1).long(), tw.ones(1)), RuntimeError, "float or double"),
    "H": (lambda x: tw.ones(1, 1, 1).H, RuntimeError, "2-D tensors"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case):
    call, kind, text = REFUSED[case]
    with pytest.raises(kind, match=text):
        call(tw.tensor(1 + 2j))
