"""Attention."""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

import numpy as np

from ...ir.aval import broadcast_shapes
from ...ir.builder import Var
from ...ir.dtype import DType, bool_
from ...ops import elementwise as e
from ...ops.composite import op
from ...tensor import Tensor
from ...tensor.creation import from_array, zeros
from ...tensor.dispatch import dispatch
from ...tensor.joining import cat
from ...tensor.softmax import shares_of, softmax, softmax_of
from .dropping import _noise, dropout
from .linear import linear
from .padding import pad

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]


@op("ScaledDotProductFlashAttentionForCpuBackward0", (0, 1, 2))
def _attention(
    q: Var, k: Var, v: Var, mask: Var | None, noise: Var | None, scale: float, causal: bool
) -> Var:
    """``causal``: there is nothing but the causal mask, so that each position sees another."""
    scores = (q * scale) @ k.swap()
    if mask is not None:
        if mask.dtype is bool_:
            scores = e.where(mask, scores, scores.builder.constant(-math.inf, scores.dtype))
        else:
            scores = scores + mask
    last = scores.ndim - 1
    shares = softmax_of(scores, last) if mask is None or causal else shares_of(scores, last)
    return (shares if noise is None else shares * noise) @ v


def _check_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> None:
    ranks = query.ndim, key.ndim, value.ndim
    if min(ranks) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{ranks[0]} key.dim: {ranks[1]} and value.dim: {ranks[2]} instead."
        )
    if not query.dtype is key.dtype is value.dtype:
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{query.dtype} key.dtype: {key.dtype} and value.dtype: {value.dtype} instead."
        )
    if not query.dtype.is_floating_point:
        raise RuntimeError(f"scaled_dot_product_attention: expected floats but found {query.dtype}")
    if mask is not None and mask.dtype not in (bool_, query.dtype):
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{mask.dtype} and  query.dtype: {query.dtype} instead."
        )


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    """softmax(query @ key.T * scale + mask) @ value, and 0 where a position may see nothing.

    Args:
        query: (..., L, E). key: (..., S, E). value: (..., S, V).
        attn_mask: broadcasts to (..., L, S): True where attention is allowed, or numbers to add.
        is_causal: position l sees positions up to l only; with attn_mask only for four axes without dropout.
        scale: 1 / sqrt(E) by default.
        enable_gqa: each head of key and value serves as many of query, one behind the other.
    Returns:
        (..., L, V).
    Raises:
        RuntimeError: shapes, types or numbers of heads do not fit.
    Source: Vaswani et al. 2017.
    """
    _check_attention(query, key, value, attn_mask)
    if not 0 <= dropout_p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {dropout_p}")
    if is_causal and attn_mask is not None and (query.ndim != 4 or dropout_p > 0):
        raise RuntimeError(
            "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True: leave one out"
        )
    if enable_gqa:
        if query.shape[-3] % key.shape[-3]:
            raise RuntimeError(
                "Number of heads in key and value must divide the number of heads in query: "
                f"{key.shape[-3]} and {query.shape[-3]}"
            )
        groups = query.shape[-3] // key.shape[-3]
        key, value = key.repeat_interleave(groups, -3), value.repeat_interleave(groups, -3)
    causal = is_causal and attn_mask is None
    if is_causal:
        before = from_array(np.tri(query.shape[-2], key.shape[-2], dtype=np.bool_))
        if attn_mask is None:
            attn_mask = before
        elif attn_mask.dtype is bool_:
            attn_mask = attn_mask & before
        else:
            attn_mask = attn_mask.masked_fill(~before, -math.inf)
    noise = None
    if dropout_p > 0:
        batch = broadcast_shapes(tuple(query.shape[:-2]), tuple(key.shape[:-2]))
        noise = _noise((*batch, query.shape[-2], key.shape[-2]), dropout_p, query)
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    return dispatch(_attention, (query, key, value, attn_mask, noise), (factor, causal))


# Several heads


def canonical_mask(
    mask: Tensor | None, name: str, dtype: DType, other: Tensor | None = None, other_name: str = ""
) -> Tensor | None:
    """A mask (*) as numbers to add: -inf where a bool one is True.

    Raises:
        AssertionError: it is neither bool nor floating.
    """
    if mask is None:
        return None
    if mask.dtype is not bool_ and not mask.dtype.is_floating_point:
        raise AssertionError(f"only bool and floating types of {name} are supported")
    if other is not None and other.dtype is not mask.dtype:
        warnings.warn(
            f"Support for mismatched {name} and {other_name} is deprecated. Use same type for both instead.",
            stacklevel=3,
        )
    if mask.dtype is bool_:
        return zeros(mask.shape, dtype=dtype).masked_fill(mask, -math.inf)
    return mask


class Projections(NamedTuple):
    """The weights of attention with several heads.

    Attributes:
        together: (3 * E, E) those of query, key and value; or None, and they are ``apart``.
        bias: (3 * E,) or None.
        bias_k, bias_v: (1, 1, E) one more position to look at, or None.
        out: (E, E). out_bias: (E,) or None.
    """

    together: Tensor | None
    apart: tuple[Tensor | None, Tensor | None, Tensor | None]
    bias: Tensor | None
    bias_k: Tensor | None
    bias_v: Tensor | None
    out: Tensor
    out_bias: Tensor | None


def _check_ranks(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    padding: Tensor | None,
    mask: Tensor | None,
    heads: int,
) -> bool:
    """Whether there is a batch; raises AssertionError where the ranks do not fit together."""
    rank = query.ndim
    if rank not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {rank}-D query tensor"
        )
    kind = f"For {'batched' if rank == 3 else 'unbatched'} ({rank}-D) `query`, expected"
    if (key.ndim, value.ndim) != (rank, rank):
        raise AssertionError(
            f"{kind} `key` and `value` to be {rank}-D but found {key.ndim}-D and {value.ndim}-D tensors respectively"
        )
    if padding is not None and padding.ndim != rank - 1:
        raise AssertionError(
            f"{kind} `key_padding_mask` to be `None` or {rank - 1}-D but found {padding.ndim}-D tensor instead"
        )
    if mask is not None and mask.ndim not in (2, 3):
        raise AssertionError(
            f"{kind} `attn_mask` to be `None`, 2-D or 3-D but found {mask.ndim}-D tensor instead"
        )
    expected = heads, query.shape[0], key.shape[0]
    if rank == 2 and mask is not None and mask.ndim == 3 and tuple(mask.shape) != expected:
        raise AssertionError(f"Expected `attn_mask` shape to be {expected} but got {mask.shape}")
    return rank == 3


def _projected(
    query: Tensor, key: Tensor, value: Tensor, heads: int, w: Projections
) -> tuple[Tensor, Tensor, Tensor]:
    """Query, key and value (·, ·, E) of each head: (·, ·, heads, E / heads)."""
    width = query.shape[-1]
    split = (heads, width // heads)
    if w.together is not None and query is key is value:
        q, k, v = linear(query, w.together, w.bias).unflatten(-1, (3, *split)).unbind(2)
        return q, k, v
    if w.together is not None and key is value:
        sizes = [width, 2 * width]
        own, shared = w.together.split(sizes)
        own_bias, shared_bias = (None, None) if w.bias is None else w.bias.split(sizes)
        k, v = linear(key, shared, shared_bias).unflatten(-1, (2, *split)).unbind(2)
        return linear(query, own, own_bias).unflatten(-1, split), k, v
    weights = w.apart if w.together is None else w.together.chunk(3)
    biases = (None, None, None) if w.bias is None else w.bias.chunk(3)
    found = []
    for name, x, weight, bias in zip("qkv", (query, key, value), weights, biases, strict=True):
        if weight is None:
            raise AssertionError(f"use_separate_proj_weight is True but {name}_proj_weight is None")
        if tuple(weight.shape) != (width, x.shape[-1]):
            raise AssertionError(
                f"expecting {name} weights shape of {(width, x.shape[-1])}, but got {weight.shape}"
            )
        found.append(linear(x, weight, bias).unflatten(-1, split))
    return found[0], found[1], found[2]


def _mask_of(
    mask: Tensor | None, padding: Tensor | None, sizes: tuple[int, int, int, int], extra: int
) -> Tensor | None:
    """Both masks as one that broadcasts to ``sizes`` (N, heads, L, S); ``extra`` of the S may always be seen."""
    batch, heads, length, source = sizes
    given = source - extra
    if mask is not None:
        expected = (length, given) if mask.ndim == 2 else (batch * heads, length, given)
        if tuple(mask.shape) != expected:
            raise RuntimeError(
                f"The shape of the {mask.ndim}D attn_mask is {mask.shape}, but should be {expected}."
            )
        mask = pad(mask, (0, extra)) if extra else mask
        mask = mask if mask.ndim == 2 else mask.view(batch, heads, length, source)
    if padding is not None:
        for axis, (found, wanted) in enumerate(zip(padding.shape, (batch, given), strict=True)):
            if found != wanted:
                raise AssertionError(
                    f"Expected key_padded_mask.shape[{axis}] to be {wanted}, but got {found}"
                )
        padding = pad(padding, (0, extra)) if extra else padding
        padding = padding.view(batch, 1, 1, source)
        mask = padding if mask is None else mask + padding
    return mask


def attend(
    query: Tensor, key: Tensor, value: Tensor, heads: int, weights: Projections, *,
    batch_first: bool = False, add_zero_attn: bool = False, dropout_p: float = 0.0,
    key_padding_mask: Tensor | None = None, need_weights: bool = True, attn_mask: Tensor | None = None,
    static: tuple[Tensor | None, Tensor | None] = (None, None), average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """``multi_head_attention_forward``, (N, L, E) instead of (L, N, E) with ``batch_first``."""
    batched = _check_ranks(query, key, value, key_padding_mask, attn_mask, heads)
    padding = canonical_mask(
        key_padding_mask, "key_padding_mask", query.dtype, attn_mask, "attn_mask"
    )
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    hinted = is_causal and padding is None and not need_weights
    mask = None if hinted else canonical_mask(attn_mask, "attn_mask", query.dtype)
    if not batched:
        query, key, value = _with_batch(query, key, value, 0 if batch_first else 1)
        padding = None if padding is None else padding.unsqueeze(0)
    _check_sizes(query, key, value, weights.together is None)
    order = (0, 2, 1, 3) if batch_first else (1, 2, 0, 3)
    q, k, v = (x.permute(order) for x in _projected(query, key, value, heads, weights))
    k, v, extra = _extended(k, v, weights, static, add_zero_attn)
    mask = _mask_of(mask, padding, (q.shape[0], heads, q.shape[2], k.shape[2]), extra)
    shares = None
    if need_weights:
        scores = (q * math.sqrt(1 / q.shape[-1])).matmul(k.transpose(-2, -1))
        shares = softmax(scores if mask is None else scores + mask, -1)
        shares = dropout(shares, dropout_p)
        mixed = shares.matmul(v)
        shares = shares.mean(1) if average_attn_weights else shares
    else:
        mixed = scaled_dot_product_attention(q, k, v, mask, dropout_p, hinted)
    result = linear(mixed.permute(2, 0, 1, 3).flatten(2), weights.out, weights.out_bias)
    if batch_first:
        result = result.transpose(0, 1)  # as it lies in PyTorch: dropout draws in this order
    if not batched:
        result = result.squeeze(0 if batch_first else 1)
        shares = None if shares is None else shares.squeeze(0)
    return result, shares


def _with_batch(
    query: Tensor, key: Tensor, value: Tensor, axis: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Each with a batch of one; those that are the same tensor stay so."""
    made: dict[int, Tensor] = {id(x): x.unsqueeze(axis) for x in (query, key, value)}
    return made[id(query)], made[id(key)], made[id(value)]


def _check_sizes(query: Tensor, key: Tensor, value: Tensor, apart: bool) -> None:
    if apart and key.shape[:2] != value.shape[:2]:
        raise AssertionError(
            f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
        )
    if not apart and key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")


def _extended(
    k: Tensor,
    v: Tensor,
    weights: Projections,
    static: tuple[Tensor | None, Tensor | None],
    zero: bool,
) -> tuple[Tensor, Tensor, int]:
    """Keys and values (N, heads, S, d) with positions that are always there, and how many these are."""
    batch, heads, _, width = k.shape
    extra = 0
    more: list[tuple[Tensor, Tensor]] = []
    if weights.bias_k is not None and weights.bias_v is not None:
        if static != (None, None):
            raise AssertionError("bias cannot be added to static key or value.")
        bias_k, bias_v = (b.view(1, heads, 1, width) for b in (weights.bias_k, weights.bias_v))
        more.append((bias_k.expand(batch, -1, -1, -1), bias_v.expand(batch, -1, -1, -1)))
    elif weights.bias_k is not None or weights.bias_v is not None:
        raise AssertionError("one of bias_k and bias_v is set but the other is None")
    fixed = []
    for name, own, given in (("k", k, static[0]), ("v", v, static[1])):
        if given is not None:
            if given.shape[0] != batch * heads or given.shape[2] != width:
                raise AssertionError(
                    f"expecting static_{name} of shape ({batch * heads}, source, {width}), but got {given.shape}"
                )
            own = given.view(batch, heads, -1, width)
        fixed.append(own)
    if zero:
        blank = zeros((batch, heads, 1, width), dtype=k.dtype)
        more.append((blank, blank))
    extra = len(more)
    if not extra:
        return fixed[0], fixed[1], 0
    keys, values = zip(*more, strict=True)
    return cat([fixed[0], *keys], 2), cat([fixed[1], *values], 2), extra


def multi_head_attention_forward(
    query: Tensor, key: Tensor, value: Tensor, embed_dim_to_check: int, num_heads: int,
    in_proj_weight: Tensor | None, in_proj_bias: Tensor | None, bias_k: Tensor | None,
    bias_v: Tensor | None, add_zero_attn: bool, dropout_p: float, out_proj_weight: Tensor,
    out_proj_bias: Tensor | None, training: bool = True, key_padding_mask: Tensor | None = None,
    need_weights: bool = True, attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False, q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None, v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None, static_v: Tensor | None = None,
    average_attn_weights: bool = True, is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """Attention of several heads, each over its part of the features.

    Args:
        query: (L, N, E) or (L, E). key: (S, N, K). value: (S, N, V).
        in_proj_weight: (3 * E, E), or with use_separate_proj_weight q_proj_weight (E, E), k_proj_weight (E, K) and
            v_proj_weight (E, V). in_proj_bias: (3 * E,).
        bias_k, bias_v: (1, 1, E) one more position to look at. add_zero_attn: one more, of zeros.
        out_proj_weight: (E, E). out_proj_bias: (E,).
        key_padding_mask: (N, S), True at positions that nobody may see, or numbers to add.
        attn_mask: (L, S) or (N * num_heads, L, S), likewise.
        is_causal: attn_mask is the causal one; it may then be left unread.
        static_k, static_v: (N * num_heads, S, E / num_heads) instead of what comes of key and value.
    Returns:
        (L, N, E); with need_weights who looked at whom, (N, L, S), without average_attn_weights (N, num_heads, L, S),
        otherwise None.
    Raises:
        AssertionError, RuntimeError: shapes or types do not fit.
    Source: Vaswani et al. 2017.
    """
    width = query.shape[-1]
    if query.ndim in (2, 3) and width != embed_dim_to_check:
        raise AssertionError(
            f"was expecting embedding dimension of {embed_dim_to_check}, but got {width}"
        )
    if width % num_heads:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {num_heads}")
    if not use_separate_proj_weight and in_proj_weight is None:
        raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
    weights = Projections(
        None if use_separate_proj_weight else in_proj_weight,
        (q_proj_weight, k_proj_weight, v_proj_weight),
        in_proj_bias,
        bias_k,
        bias_v,
        out_proj_weight,
        out_proj_bias,
    )
    settings: dict[str, Any] = {
        "add_zero_attn": add_zero_attn,
        "dropout_p": dropout_p if training else 0.0,
        "key_padding_mask": key_padding_mask,
        "need_weights": need_weights,
        "attn_mask": attn_mask,
        "static": (static_k, static_v),
        "average_attn_weights": average_attn_weights,
        "is_causal": is_causal,
    }
    return attend(query, key, value, num_heads, weights, **settings)
