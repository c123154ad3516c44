"""Attention of several heads as a layer."""

from __future__ import annotations

from typing import Any

from ..ir.dtype import DType
from ..tensor import Tensor
from ..tensor.creation import empty
from . import init
from .functional.attention import Projections, attend
from .linear import NonDynamicallyQuantizableLinear
from .module import Module
from .parameter import Parameter


class MultiheadAttention(Module):
    """Attention of ``num_heads`` heads, each over its part of the E = ``embed_dim`` features.

    Attributes:
        in_proj_weight: (3 * E, E), Xavier-uniform at first; None where ``kdim`` or ``vdim`` differ from E, and then
        q_proj_weight: (E, E). k_proj_weight: (E, kdim). v_proj_weight: (E, vdim).
        in_proj_bias: (3 * E,) zeros at first; None with ``bias=False``.
        bias_k, bias_v: (1, 1, E), Xavier-normal at first, with ``add_bias_kv``: one more position to look at.
        out_proj: the Linear behind the heads, its bias zeros at first.

    Source: Vaswani et al. 2017.
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and "
                f"num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError(
                f"embed_dim must be divisible by num_heads: {embed_dim} by {num_heads}"
            )

        def made(*shape: int) -> Parameter:
            return Parameter(empty(shape, device=device, dtype=dtype))

        if self._qkv_same_embed_dim:
            self.in_proj_weight = made(3 * embed_dim, embed_dim)
            absent = ["q_proj_weight", "k_proj_weight", "v_proj_weight"]
        else:
            self.q_proj_weight = made(embed_dim, embed_dim)
            self.k_proj_weight = made(embed_dim, self.kdim)
            self.v_proj_weight = made(embed_dim, self.vdim)
            absent = ["in_proj_weight"]
        for name in absent:
            self.register_parameter(name, None)
        self.register_parameter("in_proj_bias", made(3 * embed_dim) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, device, dtype)
        self.bias_k = made(1, 1, embed_dim) if add_bias_kv else None
        self.bias_v = made(1, 1, embed_dim) if add_bias_kv else None
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    @property
    def _qkv_same_embed_dim(self) -> bool:
        return self.kdim == self.embed_dim == self.vdim

    def _reset_parameters(self) -> None:
        """Draw new weights, but not those of ``out_proj``."""
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            weight = getattr(self, name)
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            assert self.out_proj.bias is not None
            init.constant_(self.out_proj.bias, 0.0)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Look at ``key`` from the positions of ``query``, and take from ``value``.

        Args:
            query: (L, N, E), with ``batch_first`` (N, L, E), unbatched (L, E). key: (S, N, kdim) and value:
                (S, N, vdim), likewise.
            key_padding_mask: (N, S), True at positions that nobody may see, or numbers to add.
            need_weights: give back who looked at whom as well.
            attn_mask: (L, S) or (N * num_heads, L, S), True where one may not see the other, or numbers to add.
            is_causal: attn_mask is the causal one; it may then be left unread.
        Returns:
            the shape of query; (N, L, S), without ``average_attn_weights`` (N, num_heads, L, S), or None.
        Raises:
            AssertionError, RuntimeError: shapes or types do not fit.
        """
        if query.ndim in (2, 3) and query.shape[-1] != self.embed_dim:
            raise AssertionError(
                f"was expecting embedding dimension of {self.embed_dim}, but got {query.shape[-1]}"
            )
        weights = Projections(
            self.in_proj_weight,
            (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight),
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.out_proj.weight,
            self.out_proj.bias,
        )
        return attend(
            query,
            key,
            value,
            self.num_heads,
            weights,
            batch_first=self.batch_first,
            add_zero_attn=self.add_zero_attn,
            dropout_p=self.dropout if self.training else 0.0,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
