"""Attention and transformers: numbers, gradients, masks, first weights, random streams and errors."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn
from thalweg.autograd import gradcheck
from thalweg.nn import functional as F

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*has not repeated itself"),
    pytest.mark.filterwarnings("ignore:enable_nested_tensor is True"),
    pytest.mark.filterwarnings("ignore:Support for mismatched"),
    pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors"),
]

LENGTH, SOURCE, BATCH, WIDTH = 3, 5, 2, 4
SELF, OTHER = (LENGTH, BATCH, WIDTH), (SOURCE, BATCH, WIDTH)
RNG = np.random.default_rng(5)
PADDING = np.array([[False, False, True], [False, False, False]])
FAR_PADDING = np.array([[False] * 3 + [True] * 2, [False] * 5])
CAUSAL = np.triu(np.full((LENGTH, LENGTH), -np.inf), 1)
NUMBERS, CHOSEN, EACH = (
    RNG.normal(size=(3, 5)),
    RNG.normal(size=(3, 5)) > 0.8,
    RNG.normal(size=(4, 3, 5)),
)
Case = tuple[str, list[tuple[int, ...]], dict[str, Any]]


def outcome(lib: Any, case: Case, trains: bool) -> list[Any]:
    """First weights; outputs; in training the gradients of a squared loss."""
    text, shapes, settings = case
    lib.manual_seed(7)
    layer = eval(f"lib.nn.{text}", {"lib": lib}).double()
    rng = np.random.default_rng(0)
    leaves = [lib.tensor(rng.normal(size=shape), requires_grad=True) for shape in shapes]
    given = leaves * 3 if "Attention" in text and len(leaves) == 1 else leaves
    if "Attention" in text and len(leaves) == 2:
        given = [leaves[0], leaves[1], leaves[1]]
    arrays = {k: lib.tensor(v) if isinstance(v, np.ndarray) else v for k, v in settings.items()}
    first = [p.detach().numpy().copy() for p in layer.parameters()]
    lib.manual_seed(3)  # dropout
    if not trains:
        with lib.no_grad():
            found = layer.eval()(*given, **arrays)
        outputs = found if isinstance(found, tuple) else (found,)
        return first + [y.numpy() for y in outputs if y is not None]
    found = layer(*given, **arrays)
    outputs = [y for y in (found if isinstance(found, tuple) else (found,)) if y is not None]
    sum((n * (y * y).sum() for n, y in enumerate(outputs, 1))).backward()
    grads = [p.grad for p in layer.parameters()] + [x.grad for x in leaves]
    return first + [t.detach().numpy() for t in outputs + [g for g in grads if g is not None]]


def same(case: Case, trains: bool = True) -> None:
    torch = pytest.importorskip("torch")
    loose = "bias_kv" in case[0]  # a normal draw's last bits depend on the library's log and cos
    for mine, theirs in zip(outcome(tw, case, trains), outcome(torch, case, trains), strict=True):
        np.testing.assert_allclose(mine, theirs, *((1e-5, 1e-6) if loose else (1e-8, 1e-10)))


SETTINGS = ["", "bias=False", "dropout=0.5", "add_bias_kv=True", "add_zero_attn=True, add_bias_kv=True"]  # fmt: skip
MASKS: list[dict[str, Any]] = [
    {},
    {"key_padding_mask": FAR_PADDING},
    {"attn_mask": NUMBERS},
    {"attn_mask": CHOSEN, "key_padding_mask": FAR_PADDING},
    {"attn_mask": EACH, "average_attn_weights": False},
]


@pytest.mark.parametrize("weights", [True, False], ids=["weights", "no weights"])
@pytest.mark.parametrize("settings", SETTINGS)
def test_attention_is_torchs(settings: str, weights: bool) -> None:
    text, wanted = f"MultiheadAttention(4, 2, {settings})", {"need_weights": weights}
    for masks in MASKS:
        same((text, [SELF, OTHER, OTHER], masks | wanted))
    same((text, [SELF], wanted))
    same((text, [SELF, OTHER], wanted))
    same((text, [(LENGTH, WIDTH)], wanted))
    same((text[:-1].rstrip(", ") + ", kdim=3, vdim=2)", [SELF, (5, 2, 3), (5, 2, 2)], wanted))
    turned = text[:-1].rstrip(", ") + ", batch_first=True)"
    same((turned, [(BATCH, LENGTH, WIDTH)], wanted | {"key_padding_mask": PADDING}))
    same((turned, [(BATCH, LENGTH, WIDTH)], wanted), trains=False)
    same((text, [SELF], wanted | {"attn_mask": CAUSAL, "is_causal": True}))


def test_attention_as_a_function_is_torchs() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    sizes = [SELF, OTHER, OTHER, (12, 4), (12,), (4, 4), (4,), (4, 6, 2), (4, 6, 2)]
    data = [rng.normal(size=size) for size in sizes]
    found = []
    for lib in (tw, torch):
        q, k, v, w, b, out, out_bias, static_k, static_v = (lib.tensor(x) for x in data)
        attention = lib.nn.functional.multi_head_attention_forward
        plain = attention(
            q, k, v, 4, 2, w, b, None, None, False, 0.5, out, out_bias, training=False
        )
        apart = attention(
            q, k, v, 4, 2, None, None, None, None, True, 0.0, out, None, need_weights=False,
            use_separate_proj_weight=True, q_proj_weight=w[:4], k_proj_weight=w[4:8], v_proj_weight=w[8:],
            static_k=static_k, static_v=static_v,
        )  # fmt: skip
        found.append([plain[0].numpy(), plain[1].numpy(), apart[0].numpy()])
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, 1e-9)


LAYER, MORE = "4, 2, 8", "4, 2, 8, norm_first=True, activation='gelu', bias=False"
ENCODERS = [
    f"TransformerEncoderLayer({LAYER})",
    f"TransformerEncoderLayer({MORE})",
    f"TransformerEncoderLayer({LAYER}, activation=lib.nn.SiLU(), layer_norm_eps=1e-3, dropout=0.0)",
    f"TransformerEncoderLayer({LAYER}, batch_first=True)",
    f"TransformerEncoder(lib.nn.TransformerEncoderLayer({LAYER}), 2)",
    f"TransformerEncoder(lib.nn.TransformerEncoderLayer({LAYER}, batch_first=True), 2, lib.nn.LayerNorm(4))",
]


@pytest.mark.parametrize("text", ENCODERS)
def test_encoder_is_torchs(text: str) -> None:
    shape = (BATCH, LENGTH, WIDTH) if "batch_first" in text else SELF
    mask = "mask" if text.startswith("TransformerEncoder(") else "src_mask"
    for trains in (True, False):
        same((text, [shape], {}), trains)
        same((text, [shape], {"src_key_padding_mask": PADDING}), trains)
        same((text, [shape], {mask: CAUSAL}), trains)
    same((text, [shape], {mask: CAUSAL, "is_causal": True}))
    same((text, [(LENGTH, WIDTH)], {}))
    same((text, [shape], {"src_key_padding_mask": PADDING[:, ::-1].copy()}), trains=False)


def test_decoder_is_torchs() -> None:
    masks = {"tgt_mask": CAUSAL, "memory_mask": NUMBERS}
    for text in (
        f"TransformerDecoderLayer({LAYER})",
        f"TransformerDecoder(lib.nn.TransformerDecoderLayer({MORE}), 2, lib.nn.LayerNorm(4))",
    ):
        same((text, [SELF, OTHER], {}))
        same((text, [SELF, OTHER], masks))
        same((text, [SELF, OTHER], masks), trains=False)


def test_transformer_is_torchs() -> None:
    far = {"src_key_padding_mask": FAR_PADDING, "memory_key_padding_mask": FAR_PADDING}
    masks = far | {"tgt_mask": CAUSAL, "tgt_key_padding_mask": np.where(PADDING, -1.0, 0.0)}
    for text in (
        "Transformer(4, 2, 1, 2, 8)",
        "Transformer(4, 2, 1, 1, 8, norm_first=True, bias=False)",
    ):
        same((text, [OTHER, SELF], {}))
        same((text, [OTHER, SELF], masks))
        same((text, [(SOURCE, WIDTH), (LENGTH, WIDTH)], {}))


TEXTS = [
    "MultiheadAttention(4, 2, kdim=3)",
    *ENCODERS[:2],
    ENCODERS[-1],
    "Transformer(4, 2, 1, 1, 8)",
]


@pytest.mark.parametrize("text", TEXTS)
def test_parts_are_named_as_torchs(text: str) -> None:
    torch = pytest.importorskip("torch")
    mine, theirs = (eval(f"lib.nn.{text}", {"lib": lib}) for lib in (tw, torch))
    assert repr(mine) == repr(theirs)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    assert [n for n, _ in mine.named_modules()] == [n for n, _ in theirs.named_modules()]
    kept = {k for k, v in vars(mine).items() if isinstance(v, bool | int)}
    assert {k: getattr(mine, k) for k in kept if k[0] != "_"} == {
        k: v for k, v in vars(theirs).items() if isinstance(v, bool | int) and k[0] != "_"
    }


# Numbers that were worked out by hand


def test_attention_by_its_formula() -> None:
    q, k, v = tw.tensor([[1.0]]), tw.tensor([[0.0], [math.log(3.0)]]), tw.tensor([[0.0], [4.0]])
    assert F.scaled_dot_product_attention(q, k, v).tolist() == [[pytest.approx(3.0)]]
    half = F.scaled_dot_product_attention(q, k, v, scale=0.0)
    assert half.tolist() == [[pytest.approx(2.0)]]


def test_who_may_see_nothing_gets_zeros_and_no_gradient() -> None:
    sees = tw.tensor([[True, False], [False, False]])
    for mask in (sees, tw.zeros(2, 2).masked_fill(~sees, -math.inf)):
        q, k, v = (tw.ones(2, 3, requires_grad=True) for _ in range(3))
        y = F.scaled_dot_product_attention(q, k, v * 2, attn_mask=mask)
        assert y.tolist() == [[2.0] * 3, [0.0] * 3]
        y.sum().backward()
        assert q.grad.tolist() == [[0.0] * 3] * 2 and v.grad.tolist() == [[2.0] * 3, [0.0] * 3]
    x = tw.tensor([[math.nan, 1.0]])
    assert F.scaled_dot_product_attention(x, x, x, tw.tensor([[True]])).isnan().all()


def test_causal_and_given_masks_together() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, chosen, numbers = (
        rng.normal(size=(2, 3, 4)),
        rng.random((3, 3)) > 0.4,
        rng.normal(size=(3, 3)),
    )
    found = []
    for lib in (tw, torch):
        attention, t = lib.nn.functional.scaled_dot_product_attention, lib.tensor(x)
        y = [attention(*[t[None]] * 3, lib.tensor(m), is_causal=True) for m in (chosen, numbers)]
        wide = lib.tensor(x[:, :, None]).repeat(1, 1, 2, 1).transpose(1, 2)
        grouped = attention(lib.cat([wide, wide], 1), wide, wide, enable_gqa=True)
        lib.manual_seed(0)
        dropped = attention(t, t, t, dropout_p=0.5)
        found.append([z.numpy() for z in (*y, grouped, dropped)])
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, 1e-9, 1e-12)


def test_gradients() -> None:
    rng = np.random.default_rng(0)

    def leaf(*shape: int) -> Any:
        return tw.tensor(rng.normal(size=shape), requires_grad=True)

    q, k, v, mask = leaf(2, 2), leaf(3, 2), leaf(3, 2), leaf(2, 3)
    assert gradcheck(F.scaled_dot_product_attention, (q, k, v, mask))
    sees = tw.tensor([[True, True, False], [False, False, False]])
    assert gradcheck(lambda *x: F.scaled_dot_product_attention(*x, sees), (q, k, v))
    x, weights = (
        leaf(2, 1, 2),
        [leaf(6, 2), leaf(6), leaf(1, 1, 2), leaf(1, 1, 2), leaf(2, 2), leaf(2)],
    )

    def heads(x: Any, w: Any, b: Any, bias_k: Any, bias_v: Any, out: Any, out_bias: Any) -> Any:
        return F.multi_head_attention_forward(
            x, x, x, 2, 2, w, b, bias_k, bias_v, True, 0.0, out, out_bias
        )

    assert gradcheck(heads, (x, *weights))


def test_layers_are_copies() -> None:
    layer = nn.TransformerEncoderLayer(4, 2, 8)
    encoder = nn.TransformerEncoder(layer, 2)
    first, second = encoder.layers
    assert first.linear1.weight is not layer.linear1.weight is not second.linear1.weight
    assert first.linear1.weight.tolist() == second.linear1.weight.tolist()
    mask = nn.Transformer.generate_square_subsequent_mask(2, dtype=tw.float64)
    assert mask.tolist() == [[0.0, -math.inf], [0.0, 0.0]] and mask.dtype is tw.float64


def test_warnings_are_torchs() -> None:
    torch = pytest.importorskip("torch")
    found: list[list[str]] = []
    for lib in (tw, torch):
        layer = lib.nn.TransformerEncoderLayer(4, 2, 8)
        odd = lib.nn.TransformerEncoderLayer(3, 3, 8, batch_first=True)
        unbiased = lib.nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, bias=False)
        first = lib.nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, norm_first=True)
        with pytest.warns(UserWarning) as seen:
            for one in (layer, odd, unbiased, first):
                lib.nn.TransformerEncoder(one, 1)
            x = lib.ones(3, 2, 4)
            layer(x, lib.zeros(3, 3), lib.zeros(2, 3, dtype=lib.bool))
        found.append([str(w.message) for w in seen])
    assert found[0] == found[1]


X, HEADS = tw.ones(3, 2, 4), nn.MultiheadAttention(4, 2)
Q = tw.ones(1, 2, 3, 4)
TRANSFORMER = nn.Transformer(4, 2, custom_encoder=nn.Identity(), custom_decoder=nn.Identity())
attention = F.scaled_dot_product_attention
WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: nn.MultiheadAttention(5, 2), AssertionError, "embed_dim must be divisible by num_heads"),
    (lambda: nn.MultiheadAttention(0, 2), ValueError, "got embed_dim=0 and num_heads=2 instead"),
    (lambda: nn.MultiheadAttention(6, 2)(X, X, X), AssertionError, "embedding dimension of 6, but got 4"),
    (lambda: HEADS(X, X, X[:2]), AssertionError, "does not match value shape"),
    (lambda: HEADS(X[0], X, X), AssertionError, "to be 2-D but found 3-D and 3-D tensors"),
    (lambda: HEADS(X[0, 0], X, X), AssertionError, "but received 1-D query tensor"),
    (lambda: HEADS(X, X, X, tw.ones(4)), AssertionError, "`None` or 2-D but found 1-D tensor"),
    (lambda: HEADS(X, X, X, tw.ones(2, 4)), AssertionError, "key_padded_mask.shape[1] to be 3, but got 4"),
    (lambda: HEADS(X, X, X, attn_mask=tw.ones(3)), AssertionError, "2-D or 3-D but found 1-D tensor"),
    (lambda: HEADS(X, X, X, attn_mask=tw.ones(4, 3)), RuntimeError, "should be (3, 3)"),
    (lambda: HEADS(X, X, X, attn_mask=tw.ones(2, 3, 3)), RuntimeError, "should be (4, 3, 3)"),
    (lambda: HEADS(X[:, 0], X[:, 0], X[:, 0], attn_mask=tw.ones(1, 3, 3)), AssertionError, "shape to be (2, 3, 3)"),
    (lambda: HEADS(X, X, X, attn_mask=tw.ones(3, 3, dtype=tw.int64)), AssertionError, "only bool and floating"),
    (lambda: HEADS(X, X, X, is_causal=True), RuntimeError, "Need attn_mask if specifying the is_causal hint"),
    (lambda: nn.TransformerEncoderLayer(4, 2, activation="x"), RuntimeError, "should be relu/gelu, not x"),
    (lambda: TRANSFORMER(X, X[:, :1]), RuntimeError, "the batch number of src and tgt must be equal"),
    (lambda: TRANSFORMER(X, X[..., :2]), RuntimeError, "must be equal to d_model"),
    (lambda: attention(Q[0, 0, 0], Q, Q), RuntimeError, "all be  at least 2 dimensional"),
    (lambda: attention(Q, Q.double(), Q), RuntimeError, "to have the same dtype, but got query.dtype"),
    (lambda: attention(Q.long(), Q.long(), Q.long()), RuntimeError, "expected floats"),
    (lambda: attention(Q, Q, Q, tw.ones(3, 3, dtype=tw.int64)), RuntimeError, "Expected attn_mask dtype to be bool"),
    (lambda: attention(X, X, X, tw.ones(2, 2), is_causal=True), RuntimeError, "attn_mask should not be set"),
    (lambda: attention(Q, Q, Q, dropout_p=2.0), RuntimeError, "has to be between 0 and 1, but got 2"),
    (lambda: attention(Q[:, :1], Q, Q, enable_gqa=True), RuntimeError, "must divide the number of heads in query"),
]  # fmt: skip


@pytest.mark.parametrize(("action", "kind", "text"), WRONG, ids=[text for _, _, text in WRONG])
def test_what_does_not_fit_is_said(action: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=re.escape(text)):
        action()
