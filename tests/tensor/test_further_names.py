"""Further names of PyTorch: divisors, histograms, slopes, windows, writes in place, settings, what a tensor is."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import thalweg as tw

WRITTEN = {
    "abs_": math.fabs, "acos_": math.acos, "asin_": math.asin, "atan_": math.atan, "ceil_": math.ceil,
    "cos_": math.cos, "cosh_": math.cosh, "erf_": math.erf, "erfc_": math.erfc, "exp2_": lambda x: 2**x,
    "exp_": math.exp, "expm1_": math.expm1, "floor_": math.floor, "log10_": math.log10, "log1p_": math.log1p,
    "log2_": math.log2, "log_": math.log, "neg_": lambda x: -x, "reciprocal_": lambda x: 1 / x,
    "relu_": lambda x: max(x, 0), "round_": round, "rsqrt_": lambda x: x**-0.5, "sin_": math.sin,
    "sinh_": math.sinh, "sqrt_": math.sqrt, "square_": lambda x: x * x, "tan_": math.tan, "tanh_": math.tanh,
    "trunc_": math.trunc, "fix_": math.trunc, "frac_": lambda x: x % 1, "zero_": lambda x: 0,
    "logit_": lambda x: math.log(x / (1 - x)), "rad2deg_": math.degrees, "deg2rad_": math.radians,
    "sigmoid_": lambda x: 1 / (1 + math.exp(-x)),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_functions_that_write(name):
    x = tw.tensor([0.25, 0.75], dtype=tw.float64)
    assert getattr(tw, name)(x) is x
    np.testing.assert_allclose(x.numpy(), [WRITTEN[name](0.25), WRITTEN[name](0.75)], 1e-12)


def test_methods_that_write():
    x = tw.ones(2, 2)
    x.addmm_(tw.ones(2, 2), tw.ones(2, 2)).addbmm_(tw.ones(3, 2, 1), tw.ones(3, 1, 2), alpha=2)
    assert x.tolist() == [[9, 9], [9, 9]]
    assert tw.ones(2).addmv_(tw.ones(2, 3), tw.ones(3)).tolist() == [4, 4]
    assert tw.zeros(2, 2).addr_(tw.tensor([1.0, 2]), tw.tensor([3.0, 4])).tolist() == [
        [3, 4],
        [6, 8],
    ]
    assert tw.ones(1, 1, 1).baddbmm_(tw.ones(1, 1, 2), tw.ones(1, 2, 1)).item() == 3
    assert tw.tensor([1, 3]).less_(2).tolist() == [1, 0]
    assert tw.tensor([1, 3]).greater_equal_(3).tolist() == [0, 1]
    assert tw.tensor([1, 3]).not_equal_(3).tolist() == [1, 0]
    assert tw.tensor([1, 3]).bitwise_left_shift_(2).tolist() == [4, 12]
    assert tw.tensor([12, 8]).gcd_(tw.tensor(18)).tolist() == [6, 2]
    assert tw.tensor([0.0, 2.0]).xlogy_(tw.tensor(math.e)).tolist() == pytest.approx([0, 2])
    assert tw.tensor([0.0]).arctan2_(tw.tensor([-1.0])).item() == pytest.approx(math.pi)
    with pytest.raises(RuntimeError, match="leaf Variable"):
        tw.ones(2, requires_grad=True).gcd_(tw.ones(2))


def test_one_by_one_in_python():
    assert tw.tensor([3, 1]).apply_(lambda v: v + 1).tolist() == [4, 2]
    assert tw.tensor([3.0, 1]).map_(tw.tensor(2.0), lambda a, b: a * b).tolist() == [6, 2]
    x = tw.tensor([3.0, 1])
    assert x.map2_(x, tw.tensor([1.0, 5]), lambda a, b, c: a + b + c).tolist() == [7, 7]
    with pytest.raises(RuntimeError, match=r"Can't call apply_\(\) on Variable that requires grad"):
        tw.ones(2, requires_grad=True).apply_(abs)


def test_whole_numbers_and_what_floating_ones_are_made_of():
    x, y = tw.tensor([12, -8, 0, 0]), tw.tensor([18, 12, 5, 0])
    assert tw.gcd(x, y).tolist() == [6, 4, 5, 0] and tw.lcm(x, y).tolist() == [36, 24, 0, 0]
    with pytest.raises(NotImplementedError, match="gcd_cpu"):
        tw.gcd(tw.ones(1), tw.ones(1))
    z = tw.tensor([0.0, 1.0, -3.5, 6.0], dtype=tw.float64, requires_grad=True)
    found = tw.frexp(z)
    assert found.mantissa.tolist() == [0, 0.5, -0.875, 0.75]
    assert found.exponent.tolist() == [0, 1, 2, 3] and found.exponent.dtype is tw.int32
    found.mantissa.sum().backward()
    assert z.grad.tolist() == [1, 0.5, 0.25, 0.125]
    with pytest.raises(RuntimeError, match="floating-point dtypes"):
        tw.frexp(tw.tensor(1))
    assert tw.nextafter(tw.tensor(1.0), tw.tensor(2.0)).item() == 1 + 2.0**-23
    z.grad = None
    tw.nextafter(z, tw.tensor([0.0, 2.0, -3.5, 7.0])).sum().backward()
    assert z.grad.tolist() == [
        float(a != b) for a, b in zip(z.tolist(), [0, 2, -3.5, 7], strict=True)
    ]


SLOPES = [
    ({}, [1.0, 1.5, 3.0, 4.0]),
    ({"spacing": 2.0}, [0.5, 0.75, 1.5, 2.0]),
    ({"edge_order": 2}, [0.5, 1.5, 3.0, 5.0]),
    ({"spacing": (tw.tensor([0.0, 1.0, 3.0, 4.0]),)}, [1.0, 1.0, 3.0, 4.0]),
    ({"spacing": (tw.tensor([0.0, 1.0, 3.0, 4.0]),), "edge_order": 2}, [1.0, 1.0, 3.0, 5.0]),
]


@pytest.mark.parametrize(("options", "expected"), SLOPES)
def test_slopes(options, expected):
    (found,) = tw.gradient(tw.tensor([1.0, 2, 4, 8]), **options)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: tw.gradient(tw.ones(1)), RuntimeError, "at least edge_order"),
        (lambda: tw.gradient(tw.ones(3), edge_order=3), RuntimeError, "edge_order=1 and"),
        (lambda: tw.gradient(tw.ones(3, 3), dim=(0, 0)), RuntimeError, "multiple times"),
        (lambda: tw.gradient(tw.ones(3, 3), spacing=[1.0] * 3), RuntimeError, "length equal to"),
        (lambda: tw.gradient(tw.ones(3, 3), spacing=[1.0] * 2, dim=0), RuntimeError, "entry for each"),
        (lambda: tw.renorm(tw.ones(2, 2), -1, 0, 1.0), RuntimeError, "non-positive-norm"),
        (lambda: tw.renorm(tw.ones(2), 2, 0, 1.0), RuntimeError, "at least 2 dim"),
        (lambda: tw.renorm(tw.ones(2, 2), 2, 0, -1.0), RuntimeError, "maxnorm to be >= 0"),
        (lambda: tw.unravel_index(tw.tensor(1.0), (2,)), TypeError, "integer dtype"),
        (lambda: tw.unravel_index(tw.tensor(1), (-2,)), ValueError, "negative"),
        (lambda: tw.histogram(tw.tensor([1]), 3), NotImplementedError, "histogramdd"),
        (lambda: tw.histogram(tw.ones(2), 0), RuntimeError, "bins must be > 0"),
        (lambda: tw.histogram(tw.ones(2), 2, range=(1.0, 0.0)), RuntimeError, "min should not exceed"),
        (lambda: tw.histogram(tw.ones(2), 2, range=(0.0, math.inf)), RuntimeError, "not finite"),
        (lambda: tw.histogramdd(tw.ones(2), 2), RuntimeError, "at least 2 dim"),
        (lambda: tw.histogramdd(tw.ones(2, 2), [2]), RuntimeError, "expected bins of 2"),
        (lambda: tw.hann_window(-1), RuntimeError, "non-negative window_length"),
        (lambda: tw.hann_window(3, dtype=tw.int64), RuntimeError, "floating point dtypes"),
        (lambda: tw.index_reduce(tw.ones(2), 0, tw.tensor([0]), tw.ones(1), "sum"), RuntimeError, "one of prod"),
        (lambda: tw.index_reduce(tw.ones(2), 0, tw.tensor([0]), tw.ones(2), "prod"), RuntimeError, "Number of ind"),
        (lambda: tw.index_reduce(tw.ones(2), 0, tw.tensor([[0]]), tw.ones(1), "prod"), IndexError, "a vector"),
        (lambda: tw.select_scatter(tw.zeros(2, 2), tw.ones(3), 0, 1), RuntimeError, "expected src"),
        (lambda: tw.nonzero_static(tw.ones(2), size=-1), RuntimeError, "non-negative"),
        (lambda: tw.empty_strided((2,), (1, 2)), RuntimeError, "mismatch in length"),
        (lambda: tw.empty_permuted((2, 3), (0, 0)), RuntimeError, "no order of the axes"),
        (lambda: tw.poisson(tw.tensor([-1.0])), RuntimeError, "invalid Poisson rate"),
        (lambda: tw.poisson(tw.tensor([1])), NotImplementedError, "poisson_cpu"),
        (lambda: tw.binomial(tw.ones(1), tw.ones(1).double()), RuntimeError, "Found dtype"),
        (lambda: tw.ones(2).geometric_(0.0), RuntimeError, "p to be in"),
        (lambda: tw.ones(2).cauchy_(0, -1), RuntimeError, "sigma > 0"),
        (lambda: tw.tensor([1]).cauchy_(), RuntimeError, "continuous probability"),
        (lambda: tw.ones(2).log_normal_(0, -1), RuntimeError, "std > 0"),
        (lambda: tw.ones(2, 2, 2).H, RuntimeError, "only supported on matrices"),
        (lambda: tw.ones(2).mH, RuntimeError, "batches of matrices"),
        (lambda: tw.ones(2).contiguous(memory_format=tw.channels_last), RuntimeError, "required rank 4"),
        (lambda: tw.ones(2, requires_grad=True).resize_(3), RuntimeError, "require grad"),
        (lambda: tw.set_default_device("cuda"), RuntimeError, "not available"),
        (lambda: tw.set_deterministic_debug_mode("x"), RuntimeError, "debug_mode"),
        (lambda: tw.set_num_interop_threads(0), RuntimeError, "positive number"),
        (lambda: tw.ones(1).pin_memory(), RuntimeError, "Cannot access accelerator"),
    ],
)  # fmt: skip
def test_errors(call, kind, text):
    with pytest.raises(kind, match=text):
        call()


def test_quantiles_of_what_is_a_number():
    nan = math.nan
    assert tw.nanquantile(tw.tensor([1.0, nan, 3.0, 4.0]), 0.5).item() == 3
    rows = tw.tensor([[1.0, nan, 2.0], [nan, nan, nan]])
    found = tw.nanquantile(rows, tw.tensor([0.5, 0.0]), dim=1, keepdim=True)
    np.testing.assert_array_equal(found.numpy(), [[[1.5], [nan]], [[1], [nan]]])


@pytest.mark.parametrize("how", ["linear", "lower", "higher", "midpoint", "nearest"])
@pytest.mark.parametrize("name", ["quantile", "nanquantile"])
def test_quantiles_have_gradients_for_values_and_shares(agree, name, how):
    def case(m, x, q):
        return getattr(m, name)(x.where(x != 3, math.nan), q, dim=1, interpolation=how)

    agree(case, [[1.0, 5, 2, 4], [3, 1, 0, 7]], [0.0, 0.3, 0.5, 1.0], nodes=False)


def test_edges_that_fall_hold_nothing():
    rows = tw.tensor([[1.0], [2.0], [3.0]])
    assert tw.histogramdd(rows, [tw.tensor([3.0, 1.0])]).hist.tolist() == [0]
    assert tw.histogramdd(rows, [tw.tensor([1.0, 3.0])]).hist.tolist() == [3]


def test_histograms():
    x = tw.tensor([1.0, 2, 1, 3])
    found = tw.histogram(x, 4)
    assert found.hist.tolist() == [2, 0, 1, 1] and found.bin_edges.tolist() == [1, 1.5, 2, 2.5, 3]
    weighed = tw.histogram(x, bins=4, range=(0.0, 3.0), weight=tw.tensor([1.0, 2, 4, 0]))
    assert weighed.hist.tolist() == [0, 5, 2, 0]
    dense = x.histogram(tw.tensor([0.0, 1, 4]), density=True)
    assert dense.hist.tolist() == pytest.approx([0, 1 / 3])
    both = tw.histogramdd(tw.tensor([[0.0, 1], [1, 0], [2, 2]]), bins=2)
    assert both.hist.tolist() == [[0, 1], [1, 1]]


def test_places():
    rows, columns = tw.unravel_index(tw.tensor([5, 7]), (2, 4))
    assert rows.tolist() == [1, 1] and columns.tolist() == [1, 3]
    x, source = tw.tensor([[1.0, 2], [3, 4]]), tw.tensor([[2.0, 3], [4, 5]])
    at = tw.tensor([0, 0])
    assert tw.index_reduce(x, 0, at, source, "prod").tolist() == [[8, 30], [3, 4]]
    alone = tw.index_reduce(x, 0, at, source, "mean", include_self=False)
    assert alone.tolist() == [[3, 4], [3, 4]]
    assert tw.select_scatter(tw.zeros(2, 2), tw.ones(2), 0, 1).tolist() == [[0, 0], [1, 1]]
    assert tw.as_strided_scatter(tw.zeros(2, 2), tw.ones(2), (2,), (3,)).tolist() == [
        [1, 0],
        [0, 1],
    ]
    assert tw.nonzero_static(tw.tensor([0, 1, 1, 0]), size=3).tolist() == [[1], [2], [-1]]
    short = tw.renorm(tw.tensor([[3.0, 4], [0.3, 0.4]]), 2, 0, 1.0)
    np.testing.assert_allclose(short.numpy(), [[0.6, 0.8], [0.3, 0.4]], rtol=1e-6)
    assert tw.put(tw.ones(3), tw.tensor([0, -1]), tw.tensor([9.0, 8])).tolist() == [9, 1, 8]
    with pytest.warns(UserWarning, match="deprecated"):
        assert tw.range(1, 3, 0.5).tolist() == [1, 1.5, 2, 2.5, 3]


def test_periodic_windows():
    np.testing.assert_allclose(tw.hann_window(4).numpy(), [0, 0.5, 1, 0.5], atol=1e-7)
    ends = tw.hamming_window(4, periodic=False).numpy()
    np.testing.assert_allclose(ends, [0.08, 0.77, 0.77, 0.08], rtol=1e-6)
    np.testing.assert_allclose(tw.blackman_window(4).numpy(), [0, 0.34, 1, 0.34], atol=1e-7)
    np.testing.assert_allclose(tw.bartlett_window(5).numpy(), [0, 0.4, 0.8, 0.8, 0.4], rtol=1e-6)
    assert tw.kaiser_window(4)[2].item() == 1 and tw.kaiser_window(0).shape == (0,)
    assert tw.hann_window(1, dtype=tw.float64, requires_grad=True).dtype is tw.float64


def test_resizing():
    x = tw.arange(4.0)
    view = x[1:]
    assert x.resize_(2).tolist() == [0, 1] and x.resize_(2, 2).tolist() == [[0, 1], [2, 3]]
    assert x.resize_as_(tw.ones(6)).tolist() == [0, 1, 2, 3, 0, 0]
    assert view.tolist() == [1, 2, 3]
    array = np.ones(3, np.float32)
    shared = tw.from_numpy(array).resize_(2)
    array[0] = 7
    assert shared.tolist() == [7, 1]
    assert tw.ones(2, 3).as_strided_((2,), (1,)).shape == (2,)
    assert tw.tensor([1]).new([1, 2]).tolist() == [1, 2] and tw.ones(1).new(2, 3).shape == (2, 3)
    assert tw.empty_strided((2, 2), (1, 2)).stride() == (1, 2)
    assert tw.empty_permuted((2, 3), (1, 0)).stride() == (1, 2)


def test_what_a_tensor_is():
    x = tw.ones(2, 3)
    assert x.is_cpu and not (x.is_sparse or x.is_quantized or x.is_meta)
    assert x.get_device() == tw.get_device(x) == -1 and x.name is None
    assert x.layout is tw.strided and repr(tw.strided) == "thalweg.strided"
    assert x.H.shape == (3, 2) and tw.ones(2, 3, 4).mH.shape == tw.adjoint(tw.ones(2, 3, 4)).shape
    assert x.is_signed() and not tw.is_signed(tw.ones(1, dtype=tw.uint8))
    assert x.is_same_size(tw.zeros(2, 3)) and not tw.is_same_size(x, tw.zeros(2))
    assert x.is_set_to(x.detach()) and not x.is_set_to(x.clone())
    assert x.dim_order() == (0, 1) and x.T.dim_order() == (1, 0)
    assert tw.typename(x) == "thalweg.FloatTensor" and tw.typename(3) == "int"
    assert tw.can_cast(tw.int64, tw.float32) and not tw.can_cast(tw.float32, tw.int64)
    assert tw.is_nonzero(tw.tensor([2.0])) and not tw.tensor(0).is_nonzero()
    assert tw.newaxis is None and tw.clone(x).tolist() == tw.detach(x).tolist()


def test_formats_are_taken():
    x = tw.ones(1, 2, 3, 4)
    assert x.to(memory_format=tw.channels_last).tolist() == x.tolist()
    assert tw.empty_like(x, memory_format=tw.preserve_format).shape == x.shape
    assert x.clone(memory_format=tw.contiguous_format).is_contiguous()
    assert not x.is_contiguous(memory_format=tw.channels_last)
    assert tw.ones(1, 3, 4, 2).permute(0, 3, 1, 2).is_contiguous(memory_format=tw.channels_last)
    assert tw.zeros(2, layout=tw.strided, pin_memory=False).shape == (2,)


def test_settings_are_kept():
    assert tw.get_float32_matmul_precision() == "highest"
    tw.set_float32_matmul_precision("high")
    assert tw.get_float32_matmul_precision() == "high"
    tw.set_float32_matmul_precision("highest")
    with pytest.warns(UserWarning, match="is not one of"):
        tw.set_float32_matmul_precision("foo")
    tw.use_deterministic_algorithms(True, warn_only=True)
    assert tw.are_deterministic_algorithms_enabled() and tw.get_deterministic_debug_mode() == 1
    assert tw.is_deterministic_algorithms_warn_only_enabled()
    tw.set_deterministic_debug_mode("default")
    assert not tw.are_deterministic_algorithms_enabled()
    assert str(tw.get_default_device()) == "cpu" and tw.set_default_device("cpu") is None
    assert tw.get_num_interop_threads() == 1 and tw.set_flush_denormal(False) is False
    tw.set_warn_always(True)
    assert tw.is_warn_always_enabled()
    tw.set_warn_always(False)


def test_a_forked_stream_goes_on_where_it_was():
    tw.manual_seed(3)
    expected = tw.rand(4).tolist()
    tw.manual_seed(3)
    with tw.random.fork_rng():
        tw.rand(100)
    assert tw.rand(4).tolist() == expected


@pytest.mark.parametrize("size", [3, 40])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_draws_follow_pytorchs_stream(size, dtype):
    torch = pytest.importorskip("torch")
    rates = np.linspace(0.05, 60, size)
    calls = [
        lambda m: m.poisson(m.tensor(rates, dtype=getattr(m, dtype))),
        lambda m: m.binomial(
            m.tensor(np.floor(rates), dtype=getattr(m, dtype)),
            m.tensor(rates / 61, dtype=getattr(m, dtype)),
        ),
        lambda m: m.empty(size, dtype=getattr(m, dtype)).geometric_(0.3),
        lambda m: m.empty(size, dtype=getattr(m, dtype)).cauchy_(1, 2),
        lambda m: m.empty(size, dtype=getattr(m, dtype)).log_normal_(0.5, 0.7),
        lambda m: m.randn(3, dtype=getattr(m, dtype)),
    ]
    tw.manual_seed(9)
    torch.manual_seed(9)
    for call in calls:
        np.testing.assert_allclose(call(tw).numpy(), call(torch).numpy(), 1e-4)


def test_nothing_warns_unasked():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tw.row_stack((tw.tensor([1]), tw.tensor([2]))).tolist() == [[1], [2]]


def test_functions_of_layers_under_torchs_name():
    """With the order of arguments that they have there."""
    x, f = tw.randn(2, 4, 3), tw.nn.functional
    weight, bias = tw.rand(4), tw.rand(4)
    plain = f.batch_norm(x, None, None, weight, bias, training=True)
    assert tw.batch_norm(x, weight, bias, None, None, True, 0.1, 1e-5).equal(plain)
    assert tw.group_norm(x, 2, weight, bias, 1e-5, True).equal(f.group_norm(x, 2, weight, bias))
    assert tw.layer_norm(x, (3,), None, None, 1e-5, True).equal(f.layer_norm(x, (3,)))
    alone = tw.instance_norm(x, None, None, None, None, True, 0.1, 1e-5)
    assert alone.equal(f.instance_norm(x))
    table, rows = tw.rand(5, 2), tw.tensor([1, 4])
    assert tw.embedding(table, rows).equal(f.embedding(rows, table))
    assert tw.dropout(x, 0.5, False).equal(x) and tw.alpha_dropout(x, 0.5, False).equal(x)
    assert tw.conv1d(x, tw.ones(1, 4, 2)).equal(f.conv1d(x, tw.ones(1, 4, 2)))
    assert tw.selu(x).equal(f.selu(x)) and tw.max_pool1d(x, 2).equal(f.max_pool1d(x, 2))


def test_covariances_of_weighed_observations():
    x = tw.tensor([[0.0, 1, 4], [9, 16, 25]])
    often = tw.tensor([1, 2, 3])
    repeated = tw.cov(tw.repeat_interleave(x, often, 1))
    np.testing.assert_allclose(tw.cov(x, fweights=often).numpy(), repeated.numpy(), rtol=1e-5)
    found = tw.cov(x, fweights=often, aweights=tw.tensor([0.1, 2, 3]), correction=2)
    expected = np.cov(x.numpy(), ddof=2, fweights=[1, 2, 3], aweights=[0.1, 2, 3])
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)
    for wrong, text in (
        ({"fweights": tw.ones(3)}, "integral dtype"),
        ({"fweights": tw.tensor([1, 2])}, "same numel"),
        ({"fweights": tw.tensor([-1, 2, 3])}, "cannot be negative"),
        ({"aweights": tw.ones(1, 3)}, "one or fewer dimensions"),
        ({"fweights": tw.tensor([0, 0, 0])}, "sum to zero"),
    ):
        with pytest.raises(RuntimeError, match=text):
            tw.cov(x, **wrong)
    with pytest.raises(RuntimeError, match="bool dtype"):
        tw.cov(x > 1)
