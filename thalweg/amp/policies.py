"""Which functions autocast computes in the lower type, and which in float32: PyTorch's lists for the CPU.

Learned by trial against torch 2.13: each function on float32, bfloat16 and float64 tensors under
``torch.autocast("cpu")``. What is not listed keeps the types it is given; float64 always does.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from functools import cache
from types import CodeType
from typing import Any

from ..tensor import linear_algebra

LOWER, FLOAT32, AS_GIVEN = "lower", "float32", "as given"

_LISTS: dict[str, dict[str, str]] = {
    LOWER: {
        "nn.functional": "linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d prelu "
        "scaled_dot_product_attention",
        "tensor.linear_algebra": "matmul addmm baddbmm addbmm chain_matmul",
        "tensor.einsum": "einsum tensordot inner",
        "linalg": "multi_dot matrix_power",
    },
    FLOAT32: {
        "nn.functional": "cross_entropy nll_loss mse_loss l1_loss smooth_l1_loss huber_loss kl_div "
        "binary_cross_entropy binary_cross_entropy_with_logits poisson_nll_loss hinge_embedding_loss "
        "cosine_embedding_loss margin_ranking_loss multilabel_margin_loss soft_margin_loss triplet_margin_loss "
        "multi_margin_loss ctc_loss multilabel_soft_margin_loss avg_pool3d grid_sample local_response_norm",
        "tensor.reduce": "prod",
        "tensor.norms": "cdist trace",
        "tensor.statistics": "quantile nanquantile",
        "linalg": "inv solve pinv svd qr eigh eig lstsq lu_factor",
    },
    AS_GIVEN: {"nn.functional": "bilinear", "tensor.linear_algebra": "addmv addr", "linalg": "det slogdet"},
}  # fmt: skip


def _listed(lists: dict[str, str]) -> Iterator[Any]:
    root = __name__.partition(".")[0]
    for module, names in lists.items():
        found = importlib.import_module(f"{root}.{module}")
        for name in names.split():
            function = getattr(found, name, None)
            if function is not None:
                yield inspect.unwrap(function)


@cache
def of_functions() -> dict[CodeType, str]:
    """The policy of each listed function, by its code."""
    return {f.__code__: policy for policy, lists in _LISTS.items() for f in _listed(lists)}


@cache
def of_operations() -> dict[Any, str]:
    """The policy of operations that several functions share, where none of these is listed: ``mm`` and ``bmm``."""
    return dict.fromkeys((linear_algebra._bmm, linear_algebra._MATMUL[2, 2]), LOWER)
