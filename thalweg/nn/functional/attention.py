"""Attention."""

from __future__ import annotations

import math

import numpy as np

from ...ir.aval import broadcast_shapes
from ...ir.builder import Var
from ...ir.dtype import bool_
from ...ops import elementwise as e
from ...ops.composite import op
from ...tensor import Tensor
from ...tensor.creation import from_array
from ...tensor.dispatch import dispatch
from ...tensor.softmax import softmax_of
from .linear import _noise

__all__ = ["scaled_dot_product_attention"]


@op("ScaledDotProductFlashAttentionForCpuBackward0", (0, 1, 2))
def _attention(q: Var, k: Var, v: Var, mask: Var | None, noise: Var | None, scale: float) -> Var:
    scores = (q * scale) @ k.swap()
    if mask is not None:
        if mask.dtype is bool_:
            scores = e.where(mask, scores, scores.builder.constant(-math.inf, scores.dtype))
        else:
            scores = scores + mask
    shares = softmax_of(scores, scores.ndim - 1)
    if mask is not None and mask.dtype is bool_:
        shares = e.where(e.isnan(shares), shares.zeros_like(), shares)
    return (shares if noise is None else shares * noise) @ v


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    """softmax(query @ key.T * scale + mask) @ value.

    Args:
        query: (..., L, E). key: (..., S, E). value: (..., S, V).
        attn_mask: broadcasts to (..., L, S): True where attention is allowed, or numbers to add.
        is_causal: position l sees positions up to l only.
        scale: 1 / sqrt(E) by default.
    Returns:
        (..., L, V).
    Source: Vaswani et al. 2017.
    """
    if is_causal and attn_mask is not None:
        raise RuntimeError(
            "scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True"
        )
    if enable_gqa:
        groups = query.shape[-3] // key.shape[-3]
        key, value = key.repeat_interleave(groups, -3), value.repeat_interleave(groups, -3)
    if is_causal:
        attn_mask = from_array(np.tri(query.shape[-2], key.shape[-2], dtype=np.bool_))
    noise = None
    if dropout_p > 0:
        batch = broadcast_shapes(tuple(query.shape[:-2]), tuple(key.shape[:-2]))
        noise = _noise((*batch, query.shape[-2], key.shape[-2]), dropout_p, query)
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    return dispatch(_attention, (query, key, value, attn_mask, noise), (factor,))
