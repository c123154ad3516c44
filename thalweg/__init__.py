"""Thalweg: a deep-learning framework whose fast path is the plain PyTorch loop."""

from . import autograd, io, nn, optim
from .io import load, save
from .ir.dtype import DType as dtype
from .ir.dtype import bool_ as bool
from .ir.dtype import (
    float32, float64, get_default_dtype, int8, int16, int32, int64, promote_types, set_default_dtype, uint8,
)
from .runtime.device import Device as device
from .runtime.generator import Generator, default_generator, initial_seed, seed
from .runtime.recorder import clear_caches, synchronize
from .runtime.tiers import current_tier, tier
from .tensor import Size, Tensor, return_types
from .tensor.creation import (
    arange, as_tensor, asarray, empty, empty_like, eye, from_numpy, full, full_like, linspace, logspace, ones, ones_like, scalar_tensor, tensor, zeros, zeros_like,
)
from .tensor.random import (
    bernoulli, get_rng_state, manual_seed, multinomial, normal, rand, rand_like, randint, randint_like, randn, randn_like, randperm, set_rng_state,
)
from .tensor.arithmetic import (
    add, addcdiv, addcmul, allclose, atan2, bitwise_and, bitwise_left_shift, bitwise_or, bitwise_right_shift, bitwise_xor, clamp, clamp_max, clamp_min, copysign, div, divide, eq, equal, floor_divide, fmod, ge, greater, greater_equal, gt, hypot, isclose, le, lerp, less, less_equal, logical_and, logical_or, logical_xor, lt, maximum, minimum, mul, multiply, nan_to_num, ne, not_equal, pow, remainder, round, rsub, square, sub, subtract, true_divide,
)
from .tensor.pointwise import (
    abs, absolute, acos, acosh, arccos, arccosh, arcsin, arcsinh, arctan, arctanh, asin, asinh, atan, atanh, bitwise_not, ceil, cos, cosh, deg2rad, erf, exp, exp2, expm1, floor, isfinite, isinf, isnan, log, log10, log1p, log2, logical_not, neg, negative, reciprocal, relu, rsqrt, sigmoid, sign, signbit, sin, sinh, sqrt, tan, tanh, trunc,
)
from .tensor.reduce import (
    all, amax, amin, aminmax, any, argmax, argmin, cumprod, cumsum, dist, logsumexp, mean, nanmean, nansum, norm, prod, std, std_mean, sum, var, var_mean,
)
from .tensor.linear_algebra import (
    addmm, addmv, baddbmm, bmm, dot, matmul, mm, mv, outer,
)
from .tensor.shape import (
    as_strided, broadcast_tensors, broadcast_to, diagonal, flatten, moveaxis, movedim, narrow, numel, permute, ravel, reshape, select, squeeze, swapaxes, swapdims, t, transpose, unflatten, unfold, unsqueeze,
)
from .tensor.parts import (
    chunk, diag, diag_embed, flip, fliplr, flipud, repeat, roll, rot90, split, tensor_split, tile, unbind,
)
from .tensor.joining import (
    cat, column_stack, concat, dstack, hstack, stack, vstack,
)
from .tensor.indexing import (
    argwhere, count_nonzero, gather, index_add, index_copy, index_fill, index_put, index_select, masked_fill, masked_scatter, masked_select, nonzero, repeat_interleave, scatter, scatter_add, take, take_along_dim, tril, triu, where,
)
from .tensor.sorting import (
    argsort, bincount, cummax, cummin, kthvalue, max, median, min, msort, searchsorted, sort, topk, unique,
)
from .tensor.modes import (
    enable_grad, inference_mode, is_grad_enabled, is_inference_mode_enabled, no_grad, set_grad_enabled,
)
from .tensor.printing import get_printoptions, printoptions, set_printoptions

float, double, long, int, short = float32, float64, int64, int32, int16
__version__ = "0.1.0"
