"""The spellings of ``nn``'s functions at the top: orders of arguments and numbered reductions as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw

pytestmark = pytest.mark.filterwarnings("ignore:.*has not repeated itself")


def r(lib: Any, *shape: int, seed: int = 0, positive: bool = False) -> Any:
    """Numbers that are the same in both libraries."""
    draws = np.random.RandomState(seed).uniform(0.1 if positive else -1, 1, shape)
    return lib.tensor(draws.astype(np.float32))


def stats(lib: Any) -> tuple[Any, ...]:
    """weight, bias, running mean and variance of three channels."""
    return tuple(r(lib, 3, seed=k, positive=k == 4) for k in (1, 2, 3, 4))


def classes(lib: Any, *numbers: int) -> Any:
    return lib.tensor(list(numbers))


def signs(lib: Any) -> Any:
    return lib.tensor([1.0, -1.0, 1.0, -1.0])


Call = Callable[[Any], Any]
CALLS: dict[str, Call] = {
    "conv1d": lambda t: t.conv1d(r(t, 2, 3, 5), r(t, 4, 3, 2), None, 2, 1),
    "conv2d": lambda t: t.conv2d(r(t, 1, 2, 4, 4), r(t, 4, 1, 2, 2), None, 1, 0, 1, 2),
    "conv3d": lambda t: t.conv3d(r(t, 1, 1, 3, 3, 3), r(t, 2, 1, 3, 1, 3), padding="same"),
    "conv_tbc": lambda t: t.conv_tbc(r(t, 5, 2, 3), r(t, 2, 3, 4), r(t, 4), 1),
    "conv_transpose3d": lambda t: t.conv_transpose3d(
        r(t, 1, 2, 2, 2, 2), r(t, 2, 1, 2, 2, 2), None, 2, 0, 1, 2, 2
    ),
    "convolution": lambda t: t.convolution(
        r(t, 1, 2, 4), r(t, 2, 3, 2), None, [1], [0], [1], True, [0], 1
    ),
    "layer_norm": lambda t: t.layer_norm(r(t, 2, 3), (3,), *stats(t)[:2], 1e-3),
    "group_norm": lambda t: t.group_norm(r(t, 2, 3, 4), 3, *stats(t)[:2]),
    "rms_norm": lambda t: t.rms_norm(r(t, 2, 3), (3,), stats(t)[0], 1e-3),
    "batch_norm": lambda t: t.batch_norm(r(t, 2, 3, 4), *stats(t), False, 0.1, 1e-5, True),
    "instance_norm": lambda t: [
        (s := stats(t)),
        t.instance_norm(r(t, 2, 3, 4), *s, True, 0.3, 1e-5, True),
        s[2],
        s[3],
    ],
    "native_dropout": lambda t: t.native_dropout(r(t, 3, 4), 0.4, True),
    "dropout": lambda t: t.dropout(r(t, 3, 4), 0.4, True),
    "dropout_": lambda t: [(x := r(t, 3, 4)), t.dropout_(x, 0.4, train=True), x],
    "feature_dropout": lambda t: t.feature_dropout(r(t, 3, 4, 2), 0.4, True),
    "alpha_dropout": lambda t: t.alpha_dropout(r(t, 3, 4), 0.4, True),
    "feature_alpha_dropout_": lambda t: t.feature_alpha_dropout_(r(t, 3, 4, 2), 0.4, True),
    "embedding": lambda t: t.embedding(r(t, 5, 2), classes(t, 1, 4, 1), 1, True),
    "embedding_bag": lambda t: t.embedding_bag(
        r(t, 5, 2), classes(t, 1, 4, 1, 0), classes(t, 0, 1, 1), False, 2
    )[0],
    "embedding_renorm_": lambda t: t.embedding_renorm_(r(t, 5, 2), classes(t, 1, 4), 0.1, 2.0),
    "prelu": lambda t: t.prelu(r(t, 2, 3), stats(t)[0]),
    "rrelu": lambda t: t.rrelu(r(t, 3, 4), 0.1, 0.5, True),
    "selu_": lambda t: t.selu_(r(t, 3)),
    "celu": lambda t: t.celu(r(t, 3), alpha=0.5),
    "threshold": lambda t: t.threshold(r(t, 3), 0.1, 7.0),
    "threshold_": lambda t: t.threshold_(r(t, 3), 0.1, 7.0),
    "hardshrink": lambda t: t.hardshrink(r(t, 3), lambd=0.2),
    "max_pool1d": lambda t: t.max_pool1d(r(t, 1, 2, 5), 2, 1, ceil_mode=True),
    "max_pool1d_with_indices": lambda t: t.max_pool1d_with_indices(r(t, 1, 2, 5), 2),
    "max_pool2d": lambda t: t.max_pool2d(r(t, 1, 2, 4, 4), (2, 1), padding=(1, 0)),
    "max_pool3d": lambda t: t.max_pool3d(r(t, 1, 2, 2, 4, 4), 2),
    "avg_pool1d": lambda t: t.avg_pool1d(r(t, 1, 2, 5), 2, 1, 1, False, False),
    "adaptive_max_pool1d": lambda t: t.adaptive_max_pool1d(r(t, 1, 2, 5), 3),
    "pixel_shuffle": lambda t: t.pixel_shuffle(r(t, 4, 2, 2), 2),
    "channel_shuffle": lambda t: t.channel_shuffle(r(t, 1, 6, 2), 3),
    "cosine_similarity": lambda t: t.cosine_similarity(r(t, 2, 3), r(t, 2, 3, seed=5), 0),
    "pairwise_distance": lambda t: t.pairwise_distance(
        r(t, 2, 3), r(t, 2, 3, seed=5), 1.0, 1e-6, True
    ),
    "pdist": lambda t: t.pdist(r(t, 4, 3), 1.5),
    "kl_div": lambda t: t.kl_div(r(t, 2, 3), r(t, 2, 3, seed=5), 2, log_target=True),
    "ctc_loss": lambda t: t.ctc_loss(
        r(t, 5, 2, 4).log_softmax(2), classes(t, 1, 2, 3), (5, 4), (2, 1), 0, 0, True
    ),
    "margin_ranking_loss": lambda t: t.margin_ranking_loss(
        r(t, 4), r(t, 4, seed=5), signs(t), 0.5, 0
    ),
    "hinge_embedding_loss": lambda t: t.hinge_embedding_loss(r(t, 4), signs(t), 0.5, 2),
    "triplet_margin_loss": lambda t: t.triplet_margin_loss(
        r(t, 2, 3), r(t, 2, 3, seed=5), r(t, 2, 3, seed=6), 2.0, 1.0, 1e-6, True, 0
    ),
    "cosine_embedding_loss": lambda t: t.cosine_embedding_loss(
        r(t, 4, 3), r(t, 4, 3, seed=5), signs(t), 0.1, 0
    ),
    "poisson_nll_loss": lambda t: t.poisson_nll_loss(
        r(t, 4), r(t, 4, seed=5, positive=True), True, True, 1e-8, 2
    ),
    "binary_cross_entropy_with_logits": lambda t: t.binary_cross_entropy_with_logits(
        r(t, 4), r(t, 4, positive=True), None, r(t, 4, seed=5, positive=True), 0
    ),
    "bilinear": lambda t: t.bilinear(r(t, 2, 3), r(t, 2, 4), r(t, 5, 3, 4)),
    "constant_pad_nd": lambda t: t.constant_pad_nd(r(t, 2, 3), (1, -1), 4),
    "grid_sampler": lambda t: t.grid_sampler(
        r(t, 1, 2, 3, 3), r(t, 1, 2, 2, 2, seed=5), 2, 1, True
    ),
    "affine_grid_generator": lambda t: t.affine_grid_generator(r(t, 1, 2, 3), [1, 1, 2, 3], False),
    "norm_except_dim": lambda t: t.norm_except_dim(r(t, 2, 3, 4), 2, 1),
}


def flat(found: Any) -> list[Any]:
    if isinstance(found, list | tuple):
        return [x for part in found for x in flat(part)]
    return [found]


@pytest.mark.parametrize("name", CALLS)
def test_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    tw.manual_seed(2)
    torch.manual_seed(2)
    mine, theirs = flat(CALLS[name](tw)), flat(CALLS[name](torch))
    assert len(mine) == len(theirs)
    for found, expected in zip(mine, theirs, strict=True):
        assert tuple(found.shape) == tuple(expected.shape)
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


def test_reductions_go_by_number() -> None:
    x, y = tw.tensor([1.0, 3.0]), tw.tensor([1.0, -1.0])
    assert tw.hinge_embedding_loss(x, y, 4.0, 0).tolist() == [1.0, 1.0]
    assert tw.hinge_embedding_loss(x, y, 4.0, 2).item() == 2.0
    with pytest.raises(ValueError, match="0 \\(none\\), 1 \\(mean\\) or 2 \\(sum\\)"):
        tw.hinge_embedding_loss(x, y, 4.0, 3)


def test_the_table_comes_first_in_embedding() -> None:
    table = tw.tensor([[1.0], [2.0]])
    assert tw.embedding(table, tw.tensor([1, 0])).tolist() == [[2.0], [1.0]]
