"""Thalweg: a deep-learning framework whose fast path is the plain PyTorch loop."""

import importlib
from math import e, inf, nan, pi
from typing import TYPE_CHECKING, Any

from . import (
    autograd,
    backends,
    cuda,
    data,
    io,
    linalg,
    nn,
    optim,
    random,
    serialization,
    signal,
    special,
    utils,
)
from .insight import explain
from .io import load, save
from .ir.dtype import DType as dtype
from .ir.dtype import (
    bfloat16,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    get_default_dtype,
    int8,
    int16,
    int32,
    int64,
    promote_types,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .ir.dtype import bool_ as bool
from .nn.functional.recurrent import (
    gru,
    gru_cell,
    lstm,
    lstm_cell,
    rnn_relu,
    rnn_relu_cell,
    rnn_tanh,
    rnn_tanh_cell,
)
from .nn.toplevel import *  # noqa: F403
from .runtime.device import AcceleratorError, OutOfMemoryError
from .runtime.device import Device as device
from .runtime.generator import Generator, default_generator, initial_seed, seed
from .runtime.pool import get_num_threads, set_num_threads
from .runtime.recorder import clear_caches, synchronize
from .runtime.tiers import current_tier, tier
from .tensor import Size, Tensor, return_types
from .tensor.arithmetic import (
    add,
    addcdiv,
    addcmul,
    allclose,
    atan2,
    bitwise_and,
    bitwise_left_shift,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    clamp,
    clamp_max,
    clamp_min,
    clip,
    copysign,
    div,
    divide,
    eq,
    equal,
    floor_divide,
    fmod,
    ge,
    greater,
    greater_equal,
    gt,
    hypot,
    isclose,
    le,
    lerp,
    less,
    less_equal,
    logical_and,
    logical_or,
    logical_xor,
    lt,
    maximum,
    minimum,
    mul,
    multiply,
    nan_to_num,
    ne,
    not_equal,
    pow,
    remainder,
    round,
    rsub,
    square,
    sub,
    subtract,
    true_divide,
)
from .tensor.bessel import i0
from .tensor.complex import (
    adjoint,
    complex,
    conj,
    conj_physical,
    imag,
    isreal,
    polar,
    real,
    resolve_conj,
    resolve_neg,
    view_as_complex,
    view_as_real,
)
from .tensor.complex import view_as_complex as view_as_complex_copy
from .tensor.complex import view_as_real as view_as_real_copy
from .tensor.copies import (
    alias_copy,
    as_strided_copy,
    as_strided_scatter,
    detach_copy,
    diagonal_copy,
    diagonal_scatter,
    expand_copy,
    fill,
    narrow_copy,
    permute_copy,
    positive,
    select_copy,
    select_scatter,
    slice_copy,
    slice_scatter,
    split_copy,
    split_with_sizes_copy,
    squeeze_copy,
    t_copy,
    transpose_copy,
    unbind_copy,
    unfold_copy,
    unsafe_chunk,
    unsafe_split,
    unsafe_split_with_sizes,
    unsqueeze_copy,
    view_copy,
)
from .tensor.counting import (
    bincount,
    bucketize,
    count_nonzero,
    isin,
    searchsorted,
    unique,
    unique_consecutive,
)
from .tensor.creation import (
    arange,
    as_tensor,
    empty,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    logspace,
    ones,
    ones_like,
    scalar_tensor,
    set_default_dtype,
    tensor,
    zeros,
    zeros_like,
)
from .tensor.creation import inclusive_range as range
from .tensor.decompositions import cholesky_of as cholesky
from .tensor.decompositions import geqrf, lu_unpack, ormqr, pca_lowrank, svd_lowrank
from .tensor.decompositions import householder_product as orgqr
from .tensor.decompositions import lu_of as lu
from .tensor.decompositions import qr_of as qr
from .tensor.decompositions import svd_of as svd
from .tensor.draws import binomial, poisson
from .tensor.einsum import einsum, inner, kron, tensordot, vdot
from .tensor.equations import (
    chain_matmul,
    cholesky_inverse,
    cholesky_solve,
    lobpcg,
    matrix_exp,
    pinverse,
    triangular_solve,
)
from .tensor.equations import lu_solve_of as lu_solve
from .tensor.equations import vander_of as vander
from .tensor.exchange import asarray, from_dlpack, from_file, frombuffer, to_dlpack
from .tensor.formats import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    layout,
    legacy_contiguous_format,
    memory_format,
    preserve_format,
    strided,
)
from .tensor.gamma import digamma, igamma, igammac, lgamma, mvlgamma, polygamma
from .tensor.grids import cartesian_prod, combinations, meshgrid, tril_indices, triu_indices
from .tensor.indexing import index_put
from .tensor.inspection import (
    broadcast_shapes,
    can_cast,
    finfo,
    get_device,
    iinfo,
    is_complex,
    is_conj,
    is_distributed,
    is_floating_point,
    is_inference,
    is_neg,
    is_nonzero,
    is_same_size,
    is_signed,
    is_storage,
    is_tensor,
    result_type,
    typename,
)
from .tensor.joining import (
    block_diag,
    cat,
    column_stack,
    concat,
    concatenate,
    dstack,
    hstack,
    stack,
    vstack,
)
from .tensor.linear_algebra import addbmm, addmm, addmv, baddbmm, bmm, dot, matmul, mm, mv, outer
from .tensor.logarithms import frac, logaddexp, logit, rad2deg, xlogy
from .tensor.matrices import addr, cross, det, logdet, matrix_power
from .tensor.matrices import inv as inverse
from .tensor.matrices import slogdet_of as slogdet
from .tensor.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .tensor.norms import cdist, trace
from .tensor.norms import norm_of as norm
from .tensor.numerals import fix, frexp, gcd, lcm, nextafter
from .tensor.outputs import with_outputs
from .tensor.parts import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    chunk,
    diag,
    diag_embed,
    diagflat,
    dsplit,
    flip,
    fliplr,
    flipud,
    hsplit,
    repeat_interleave,
    roll,
    rot90,
    split,
    split_with_sizes,
    tensor_split,
    tile,
    tril,
    triu,
    unbind,
    vsplit,
)
from .tensor.periodic_windows import (
    bartlett_window,
    blackman_window,
    hamming_window,
    hann_window,
    kaiser_window,
)
from .tensor.picking import (
    argwhere,
    gather,
    index_add,
    index_copy,
    index_fill,
    index_select,
    masked_fill,
    masked_scatter,
    masked_select,
    nonzero,
    put,
    scatter,
    scatter_add,
    scatter_reduce,
    take,
    take_along_dim,
    where,
)
from .tensor.places import index_reduce, nonzero_static, renorm, row_stack, unravel_index
from .tensor.pointwise import (
    abs,
    absolute,
    acos,
    acosh,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctanh,
    asin,
    asinh,
    atan,
    atanh,
    bitwise_not,
    ceil,
    cos,
    cosh,
    deg2rad,
    erf,
    exp,
    exp2,
    expm1,
    floor,
    isfinite,
    isinf,
    isnan,
    log,
    log1p,
    log2,
    log10,
    logical_not,
    neg,
    negative,
    reciprocal,
    relu,
    rsqrt,
    sigmoid,
    sign,
    signbit,
    sin,
    sinh,
    sqrt,
    tan,
    tanh,
    trunc,
)
from .tensor.printing import get_printoptions, printoptions, set_printoptions
from .tensor.properties import resize_as_
from .tensor.random import (
    bernoulli,
    get_rng_state,
    manual_seed,
    multinomial,
    normal,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
    set_rng_state,
)
from .tensor.reduce import (
    all,
    amax,
    amin,
    aminmax,
    any,
    argmax,
    argmin,
    cumprod,
    cumsum,
    dist,
    logsumexp,
    mean,
    nanmean,
    nansum,
    prod,
    std,
    std_mean,
    sum,
    var,
    var_mean,
)
from .tensor.segments import hash_tensor, segment_reduce
from .tensor.settings import (
    are_deterministic_algorithms_enabled,
    get_default_device,
    get_deterministic_debug_mode,
    get_float32_matmul_precision,
    get_num_interop_threads,
    is_deterministic_algorithms_warn_only_enabled,
    is_warn_always_enabled,
    set_default_device,
    set_deterministic_debug_mode,
    set_float32_matmul_precision,
    set_flush_denormal,
    set_num_interop_threads,
    set_warn_always,
    use_deterministic_algorithms,
)
from .tensor.shape import (
    as_strided,
    broadcast_tensors,
    broadcast_to,
    diagonal,
    flatten,
    moveaxis,
    movedim,
    narrow,
    numel,
    permute,
    ravel,
    reshape,
    select,
    squeeze,
    swapaxes,
    swapdims,
    t,
    transpose,
    unflatten,
    unsqueeze,
)
from .tensor.slopes import gradient
from .tensor.softmax import log_softmax, softmax
from .tensor.sorting import (
    argsort,
    cummax,
    cummin,
    kthvalue,
    logcumsumexp,
    max,
    median,
    min,
    mode,
    msort,
    nanmedian,
    sort,
    topk,
)
from .tensor.special import (
    angle,
    erfc,
    erfinv,
    float_power,
    fmax,
    fmin,
    heaviside,
    isneginf,
    isposinf,
    ldexp,
    logaddexp2,
    sgn,
    sinc,
)
from .tensor.statistics import (
    corrcoef,
    cov,
    cumulative_trapezoid,
    diff,
    histc,
    histogram,
    histogramdd,
    nanquantile,
    quantile,
    trapezoid,
)
from .tensor.statistics import trapezoid as trapz
from .tensor.strided import empty_permuted, empty_strided
from .tensor.typed import (
    BFloat16Tensor,
    BoolTensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
    set_default_tensor_type,
)
from .tensor.written import *  # noqa: F403

globals().update(with_outputs(globals()))

float, double, long, int, short = float32, float64, int64, int32, int16
half, cfloat, cdouble = float16, complex64, complex128
arctan2, ger, newaxis = atan2, outer, None
clone, detach = Tensor.clone, Tensor.detach
__version__ = "0.1.0"

_AUTOCAST = "amp.autocast_mode"
_LATER = {  # what a plain training does without, and the module that is loaded when it is asked for
    "Event": "runtime.stream",
    "GradScaler": "amp",
    "Stream": "runtime.stream",
    "amp": "amp",
    "autocast": _AUTOCAST,
    "clear_autocast_cache": _AUTOCAST,
    "compat": "compat",
    "cpu": "cpu",
    "distributed": "distributed",
    "distributions": "distributions",
    "fft": "fft",
    "func": "func",
    "get_autocast_cpu_dtype": _AUTOCAST,
    "get_autocast_dtype": _AUTOCAST,
    "get_autocast_gpu_dtype": _AUTOCAST,
    "get_device_module": "accelerator",
    "is_anomaly_check_nan_enabled": "autograd.anomaly",
    "is_anomaly_enabled": "autograd.anomaly",
    "is_autocast_cache_enabled": _AUTOCAST,
    "is_autocast_cpu_enabled": _AUTOCAST,
    "is_autocast_enabled": _AUTOCAST,
    "istft": "tensor.spectrogram",
    "masked": "masked",
    "set_autocast_cache_enabled": _AUTOCAST,
    "set_autocast_dtype": _AUTOCAST,
    "set_autocast_enabled": _AUTOCAST,
    "stft": "tensor.spectrogram",
    "vmap": "func",
}

if TYPE_CHECKING:
    from . import amp, compat, cpu, distributed, distributions, fft, func, masked
    from .accelerator import get_device_module
    from .autograd.anomaly import is_anomaly_check_nan_enabled, is_anomaly_enabled
    from .func import vmap
    from .runtime.stream import Event, Stream


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_LATER[name]}")
    return module if name == _LATER[name] else getattr(module, name)
