"""Layers and losses: their settings, first weights, printed form, and what they compute."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg import nn

pytestmark = [
    pytest.mark.filterwarnings(
        "ignore:.*has not repeated itself"
    ),  # each case is a loop of its own
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel"),
    pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss"),
]

LAYERS = [
    "Linear(3, 4)",
    "Linear(3, 4, bias=False)",
    "Linear(3, 4, dtype=lib.float64)",
    "Identity(3, x=2)",
    "Bilinear(2, 3, 4)",
    "Conv1d(1, 2, 3)",
    "Conv1d(2, 4, (3,), stride=2, padding='valid', groups=2)",
    "Conv2d(4, 8, 3, stride=2, padding=1, dilation=2, groups=2, bias=False, padding_mode='reflect')",
    "Conv2d(1, 2, 3, padding='same')",
    "Conv2d(1, 2, (3, 5), padding=(1, 2))",
    "Conv2d(16, 32, 3)",
    "Conv3d(2, 4, (1, 2, 3), padding=1)",
    "ConvTranspose1d(2, 4, 3, stride=2, output_padding=1, groups=2)",
    "ConvTranspose2d(1, 2, 3, stride=2, output_padding=1)",
    "ConvTranspose3d(2, 4, (1, 2, 3), stride=2, groups=2)",
    "BatchNorm1d(3)",
    "BatchNorm1d(3, momentum=None)",
    "BatchNorm3d(3)",
    "SyncBatchNorm(3)",
    "LazyLinear(3)",
    "LazyConv2d(3, 2, bias=False)",
    "LazyConvTranspose1d(3, 2)",
    "LazyBatchNorm3d()",
    "LazyInstanceNorm1d(affine=True)",
    "DataParallel(lib.nn.Linear(2, 3))",
    "LocalResponseNorm(3)",
    "CrossMapLRN2d(3, k=2)",
    "InstanceNorm3d(3)",
    "FeatureAlphaDropout()",
    "EmbeddingBag(4, 2)",
    "EmbeddingBag(4, 2, max_norm=2.0, norm_type=1.0, scale_grad_by_freq=True, mode='sum', padding_idx=-1)",
    "RReLU()",
    "RReLU(0.1, 0.2, True)",
    "BatchNorm2d(3, affine=False, track_running_stats=False)",
    "BatchNorm2d(3, bias=False)",
    "LayerNorm(3)",
    "LayerNorm((3, 4), bias=False)",
    "LayerNorm([2, 3], eps=1e-3, elementwise_affine=False)",
    "GroupNorm(2, 4)",
    "GroupNorm(2, 4, bias=False)",
    "GroupNorm(2, 4, affine=False)",
    "MultiheadAttention(4, 2)",
    "MultiheadAttention(4, 2, 0.1, False, True, True, 3, 5, True)",
    "RNN(3, 4)",
    "RNN(3, 4, 2, 'relu', False)",
    "LSTM(3, 4, 2, True, True, 0.5, True, 2)",
    "LSTM(3, 4, dtype=lib.float64)",
    "GRU(3, 4, num_layers=2, bidirectional=True)",
    "RNNCell(3, 4, False, 'relu')",
    "LSTMCell(3, 4)",
    "GRUCell(3, 4, bias=False)",
    "Dropout(0.2, True)",
    "Dropout1d()",
    "Dropout2d()",
    "Dropout3d()",
    "InstanceNorm1d(3)",
    "InstanceNorm2d(3, affine=True, track_running_stats=True)",
    "RMSNorm(4)",
    "RMSNorm((3, 4), eps=1e-3, elementwise_affine=False)",
    "CosineSimilarity()",
    "PairwiseDistance(1.0)",
    "AlphaDropout()",
    "Embedding(4, 2)",
    "Embedding(40, 20)",
    "Embedding(4, 2, padding_idx=-1, max_norm=2.0, norm_type=1.0, scale_grad_by_freq=True, sparse=True)",
    "ReLU()",
    "ReLU(True)",
    "LeakyReLU(0.2, True)",
    "PReLU()",
    "PReLU(3, init=0.5)",
    "ELU(2.0, True)",
    "SELU(True)",
    "CELU(1.5)",
    "GELU()",
    "GELU('tanh')",
    "SiLU(True)",
    "Mish()",
    "Sigmoid()",
    "Tanh()",
    "LogSigmoid()",
    "Tanhshrink()",
    "Softsign()",
    "Softplus(2, 10)",
    "Softshrink(0.3)",
    "Hardshrink()",
    "Hardtanh(-2, 2, True)",
    "ReLU6()",
    "ReLU6(True)",
    "Hardswish(True)",
    "Hardsigmoid(True)",
    "Softmax()",
    "Softmax(1)",
    "LogSoftmax(1)",
    "Softmin(1)",
    "Softmax2d()",
    "Threshold(0.1, 20, True)",
    "GLU()",
    "MaxPool1d(2)",
    "MaxPool2d((2, 3), stride=2, padding=1, dilation=1, ceil_mode=True)",
    "MaxPool2d(2, return_indices=True)",
    "MaxPool3d(2)",
    "MaxUnpool1d(2)",
    "MaxUnpool2d((2, 3), stride=2, padding=1)",
    "MaxUnpool3d(2)",
    "FractionalMaxPool2d(2, output_size=3)",
    "FractionalMaxPool3d(2, output_ratio=(0.5, 0.6, 0.7), return_indices=True)",
    "LPPool1d(2, 3)",
    "LPPool2d(1.5, (2, 3), stride=2, ceil_mode=True)",
    "LPPool3d(2, 3)",
    "Fold((4, 5), 2)",
    "Unfold((2, 3), padding=1)",
    "ChannelShuffle(2)",
    "Upsample(scale_factor=(2, 3), mode='bilinear')",
    "UpsamplingNearest2d(scale_factor=2)",
    "UpsamplingBilinear2d(size=(3, 4))",
    "AvgPool3d(2, divisor_override=3)",
    "AdaptiveAvgPool3d((None, 3, 2))",
    "AdaptiveMaxPool3d(3, True)",
    "AvgPool1d(2)",
    "AvgPool2d(2, divisor_override=3)",
    "AdaptiveAvgPool1d(3)",
    "AdaptiveAvgPool2d((None, 3))",
    "AdaptiveMaxPool1d(2)",
    "AdaptiveMaxPool2d(3, True)",
    "Flatten()",
    "Flatten(0, 1)",
    "Unflatten(1, (2, 3))",
    "ConstantPad1d(1, 2.0)",
    "ConstantPad2d((1, 2, 3, 4), 2.0)",
    "ZeroPad1d(1)",
    "ZeroPad2d(1)",
    "ReflectionPad1d(2)",
    "ReflectionPad2d((1, 2, 3, 4))",
    "ReplicationPad1d(2)",
    "ReplicationPad2d(1)",
    "CircularPad1d(1)",
    "CircularPad2d(1)",
    "ConstantPad3d(1, 2.0)",
    "ZeroPad3d((1, 2, 3, 4, 5, 6))",
    "ReflectionPad3d(1)",
    "ReplicationPad3d(1)",
    "CircularPad3d(1)",
    "CTCLoss(blank=2, zero_infinity=True)",
    "MultiMarginLoss(2, weight=lib.ones(2))",
    "MultiLabelMarginLoss()",
    "MultiLabelSoftMarginLoss(weight=lib.ones(2))",
    "TripletMarginWithDistanceLoss(margin=0.5, swap=True)",
    "AdaptiveLogSoftmaxWithLoss(8, 10, [2, 5], div_value=2.0, head_bias=True)",
    "LinearCrossEntropyLoss(3, 4, out_features=(2,), bias=True)",
    "MSELoss()",
    "L1Loss(reduction='sum')",
    "SmoothL1Loss(beta=0.5)",
    "HuberLoss(delta=2.0)",
    "BCELoss(weight=lib.ones(2))",
    "BCEWithLogitsLoss(pos_weight=lib.ones(2))",
    "NLLLoss(ignore_index=3)",
    "CrossEntropyLoss(weight=lib.ones(2), label_smoothing=0.1)",
    "KLDivLoss(log_target=True)",
    "SoftMarginLoss()",
    "PoissonNLLLoss(False, True)",
    "GaussianNLLLoss(full=True)",
    "CosineEmbeddingLoss(0.1)",
    "HingeEmbeddingLoss()",
    "MarginRankingLoss(0.2)",
    "TripletMarginLoss(swap=True)",
    "Sequential()",
    "ModuleList()",
    "ModuleDict()",
]


def settings(layer: Any) -> dict[str, Any]:
    """The public attributes that are neither parameters, buffers nor modules."""
    registered = {*layer._parameters, *layer._buffers, *layer._modules}
    return {
        k: v
        for k, v in sorted(vars(layer).items())
        if not k.startswith("_") and k not in registered
    }


def made(lib: Any, text: str) -> Any:
    lib.manual_seed(7)
    return eval(f"lib.nn.{text}", {"lib": lib})


@pytest.mark.parametrize("text", LAYERS)
def test_layer_is_torchs(text: str) -> None:
    torch = pytest.importorskip("torch")
    mine, theirs = made(tw, text), made(torch, text)
    assert repr(mine) == repr(theirs)
    assert repr(settings(mine)) == repr(settings(theirs))
    assert list(mine._parameters) == list(theirs._parameters) and list(mine._buffers) == list(
        theirs._buffers
    )
    assert list(mine.state_dict()) == list(theirs.state_dict())
    assert mine.state_dict()._metadata == theirs.state_dict()._metadata
    for name, value in mine.state_dict().items():
        if type(theirs.state_dict()[name]).__name__.startswith("Uninitialized"):
            assert nn.parameter.is_lazy(value)
            continue
        expected = theirs.state_dict()[name].numpy()
        assert value.numpy().dtype == expected.dtype
        # The last bits of a normal draw depend on the library's log and cos.
        np.testing.assert_allclose(value.numpy(), expected, rtol=2e-6, atol=1e-7)


FREE = (
    "Parameter",
    "Buffer",
    "UninitializedParameter",
    "UninitializedBuffer",
)  # PyTorch's take anything


@pytest.mark.parametrize(
    "name", [n for n in nn.__all__ if isinstance(getattr(nn, n), type) and n not in FREE]
)
def test_signature_is_torchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    mine, theirs = (
        [
            (p.name, p.kind, getattr(p.default, "__name__", p.default))
            for p in inspect.signature(getattr(lib.nn, name).__init__).parameters.values()
        ]
        for lib in (tw, torch)
    )
    assert mine == theirs


def test_methods_are_torchs() -> None:
    torch = pytest.importorskip("torch")
    absent = {"ipu", "xpu", "mtia", "to_empty"}
    for name, method in inspect.getmembers(torch.nn.Module, inspect.isfunction):
        if name.startswith("_") or name in absent:
            continue
        mine = [
            (p.name, p.kind, p.default)
            for p in inspect.signature(getattr(nn.Module, name)).parameters.values()
        ]
        assert mine == [
            (p.name, p.kind, p.default) for p in inspect.signature(method).parameters.values()
        ], name


# What they compute, and its gradients

SIGNED = (4, 3)
IMAGE = (2, 4, 6, 6)
SERIES = (2, 4, 8)
COMPUTED = [
    ("Linear(3, 4)", SIGNED),
    ("Linear(3, 4, bias=False)", (2, 5, 3)),
    ("Conv1d(4, 6, 3, stride=2, padding=1)", SERIES),
    ("Conv1d(4, 6, 3, padding='same', padding_mode='circular')", SERIES),
    ("Conv1d(4, 6, 4, padding='same', padding_mode='replicate')", SERIES),
    ("Conv2d(4, 6, 3, stride=2, padding=1, dilation=2, groups=2)", IMAGE),
    ("Conv2d(4, 2, 3, padding=1, padding_mode='reflect')", IMAGE),
    ("Conv2d(4, 2, 3, padding=(1, 2), padding_mode='replicate')", IMAGE),
    ("Conv2d(4, 2, 3, padding=(1, 2), padding_mode='circular')", IMAGE),
    ("Conv2d(4, 2, (4, 3), padding='same', dilation=(1, 2))", IMAGE),
    ("Conv2d(4, 2, (4, 3), padding='same', padding_mode='reflect')", IMAGE),
    ("Conv2d(4, 2, 3, padding='valid')", (4, 6, 6)),
    ("Conv3d(2, 3, 2, stride=(1, 2, 1), padding=1)", (2, 2, 3, 4, 5)),
    ("ConvTranspose1d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2)", SERIES),
    ("ConvTranspose2d(4, 6, 3, stride=2, dilation=2, groups=2)", IMAGE),
    ("ConvTranspose3d(2, 4, 2, stride=2, padding=1, groups=2)", (2, 2, 3, 3, 3)),
    ("LocalResponseNorm(2, 0.5, 0.7, 1.2)", IMAGE),
    ("CrossMapLRN2d(9, 0.5, 0.7, 1.2)", IMAGE),
    ("InstanceNorm1d(4, track_running_stats=True, affine=True)", SERIES),
    ("BatchNorm3d(2)", (2, 2, 3, 3, 3)),
    ("LPPool2d(3, 2)", IMAGE),
    ("Unfold(2, dilation=2, padding=1, stride=2)", IMAGE),
    ("Fold((4, 5), 2, stride=(2, 1))", (2, 8, 8)),
    ("ChannelShuffle(2)", IMAGE),
    ("UpsamplingBilinear2d((3, 9))", IMAGE),
    ("MaxPool3d(2, ceil_mode=True)", (2, 2, 3, 3, 3)),
    ("AvgPool3d(2, 1, 1, count_include_pad=False)", (2, 2, 3, 3, 3)),
    ("AdaptiveAvgPool3d((2, None, 2))", (2, 2, 3, 3, 3)),
    ("AdaptiveMaxPool3d(2)", (2, 2, 3, 3, 3)),
    ("CircularPad3d(1)", (2, 2, 3, 3, 3)),
    ("InstanceNorm1d(4)", SERIES),
    ("InstanceNorm2d(4, affine=True)", IMAGE),
    ("InstanceNorm2d(4)", (4, 6, 6)),
    ("RMSNorm(3)", SIGNED),
    ("RMSNorm((6, 6), eps=0.1)", IMAGE),
    ("BatchNorm1d(3)", SIGNED),
    ("BatchNorm1d(4)", SERIES),
    ("BatchNorm2d(4)", IMAGE),
    ("BatchNorm2d(4, affine=False, track_running_stats=False)", IMAGE),
    ("LayerNorm(3)", SIGNED),
    ("LayerNorm((6, 6), bias=False)", IMAGE),
    ("GroupNorm(2, 4)", IMAGE),
    ("ReLU()", SIGNED),
    ("LeakyReLU(0.2)", SIGNED),
    ("PReLU(3)", SIGNED),
    ("ELU(2.0)", SIGNED),
    ("SELU()", SIGNED),
    ("CELU(1.5)", SIGNED),
    ("GELU()", SIGNED),
    ("GELU('tanh')", SIGNED),
    ("SiLU()", SIGNED),
    ("Mish()", SIGNED),
    ("Sigmoid()", SIGNED),
    ("Tanh()", SIGNED),
    ("LogSigmoid()", SIGNED),
    ("Tanhshrink()", SIGNED),
    ("Softsign()", SIGNED),
    ("Softplus(2.0, 1.0)", SIGNED),
    ("Softshrink(0.3)", SIGNED),
    ("Hardshrink()", SIGNED),
    ("Hardtanh()", SIGNED),
    ("ReLU6()", SIGNED),
    ("Hardswish()", SIGNED),
    ("Hardsigmoid()", SIGNED),
    ("Softmax(1)", SIGNED),
    ("LogSoftmax(0)", SIGNED),
    ("Softmin(1)", SIGNED),
    ("Softmax2d()", IMAGE),
    ("Threshold(0.1, 20.0)", SIGNED),
    ("GLU(1)", SERIES),
    ("MaxPool1d(2)", SERIES),
    ("MaxPool2d(3, stride=2, padding=1)", IMAGE),
    ("AvgPool1d(2, padding=1)", SERIES),
    ("AvgPool2d(2, count_include_pad=False, padding=1)", IMAGE),
    ("AdaptiveAvgPool1d(3)", SERIES),
    ("AdaptiveAvgPool2d((None, 2))", IMAGE),
    ("AdaptiveMaxPool1d(3)", SERIES),
    ("AdaptiveMaxPool2d(2)", IMAGE),
    ("Flatten()", IMAGE),
    ("Unflatten(1, (2, -1))", IMAGE),
    ("ZeroPad2d((1, 2, 0, 1))", IMAGE),
    ("ConstantPad1d(2, 0.5)", SERIES),
    ("ReflectionPad2d(2)", IMAGE),
    ("ReplicationPad1d(2)", SERIES),
    ("CircularPad2d((1, 2, 0, 1))", IMAGE),
]


@pytest.mark.parametrize(("text", "shape"), COMPUTED, ids=[text for text, _ in COMPUTED])
def test_forward_and_gradients_are_torchs(text: str, shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    data = np.random.default_rng(3).normal(size=shape)
    theirs_layer = made(torch, text).double()
    state = {
        name: tw.tensor(value.numpy().copy()) for name, value in theirs_layer.state_dict().items()
    }
    mine_layer = made(tw, text).double()
    mine_layer.load_state_dict(state)
    found = []
    for lib, layer in ((tw, mine_layer), (torch, theirs_layer)):
        x = lib.tensor(data, requires_grad=True)
        y = layer(x)
        (y * y).sum().backward()
        grads = [p.grad.numpy() for p in layer.parameters()]
        buffers = [b.numpy() for b in layer.buffers()]
        again = layer.eval()(x).detach().numpy()
        found.append([y.detach().numpy(), x.grad.numpy(), *grads, *buffers, again])
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-7, atol=1e-10)


LOSSES = [
    ("MSELoss(reduction=r)", "real"),
    ("L1Loss(reduction=r)", "real"),
    ("SmoothL1Loss(reduction=r, beta=0.5)", "real"),
    ("HuberLoss(reduction=r, delta=0.7)", "real"),
    ("BCELoss(reduction=r, weight=w)", "unit"),
    ("BCEWithLogitsLoss(reduction=r, pos_weight=w)", "share"),
    ("KLDivLoss(reduction=r)", "share"),
    ("NLLLoss(reduction=r, weight=w, ignore_index=1)", "class"),
    ("CrossEntropyLoss(reduction=r, weight=w)", "class"),
    ("CrossEntropyLoss(reduction=r, label_smoothing=0.1, ignore_index=2)", "class"),
    ("CrossEntropyLoss(reduction=r)", "share"),
    ("SoftMarginLoss(reduction=r)", "real"),
]


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize(("text", "kind"), LOSSES, ids=[f"{t}-{k}" for t, k in LOSSES])
def test_loss_is_torchs(text: str, kind: str, reduction: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    data = rng.uniform(0.1, 0.9, (6, 3)) if kind == "unit" else rng.normal(size=(6, 3))
    goals = {
        "real": rng.normal(size=(6, 3)),
        "unit": rng.uniform(size=(6, 3)),
        "share": rng.dirichlet(np.ones(3), 6),
        "class": np.array([0, 1, 2, 2, 1, 0]),
    }
    found = []
    for lib in (tw, torch):
        weight = lib.tensor([0.5, 1.0, 2.0], dtype=lib.float64)
        loss = eval(f"lib.nn.{text}", {"lib": lib, "r": reduction, "w": weight})
        x = lib.tensor(data, requires_grad=True)
        y = loss(x, lib.tensor(goals[kind]))
        y.sum().backward()
        found.append([y.detach().numpy(), x.grad.numpy()])
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-7, atol=1e-12)


PAIRS = [
    ("CosineSimilarity(0)", 2),
    ("PairwiseDistance(1.0, keepdim=True)", 2),
    ("CosineEmbeddingLoss(0.1)", 3),
    ("MarginRankingLoss(0.2)", 4),
    ("HingeEmbeddingLoss(0.5)", 1),
    ("TripletMarginLoss(swap=True)", 5),
    ("PoissonNLLLoss(full=True)", 6),
    ("GaussianNLLLoss(full=True)", 5),
    ("Bilinear(3, 3, 2)", 2),
]


@pytest.mark.parametrize(("text", "kind"), PAIRS, ids=[text for text, _ in PAIRS])
def test_comparison_is_torchs(text: str, kind: int) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    a, b, c = rng.normal(size=(6, 3)), rng.normal(size=(6, 3)), rng.uniform(0.2, 2.0, size=(6, 3))
    sign = np.where(rng.normal(size=(6, 3)) > 0, 1.0, -1.0)
    inputs = {
        1: [a, sign],
        2: [a, b],
        3: [a, b, sign[:, 0]],
        4: [a, b, sign],
        5: [a, b, c],
        6: [a, np.round(c)],
    }[kind]
    found = []
    theirs_layer = made(torch, text).double()
    for lib in (tw, torch):
        layer = made(lib, text).double()
        layer.load_state_dict(
            {k: lib.tensor(v.numpy().copy()) for k, v in theirs_layer.state_dict().items()}
        )
        x = lib.tensor(inputs[0], requires_grad=True)
        y = layer(x, *[lib.tensor(v) for v in inputs[1:]])
        y.sum().backward()
        found.append([y.detach().numpy(), x.grad.numpy()])
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-7, atol=1e-10)


def test_transposed_convolution_to_a_given_size() -> None:
    layer = nn.ConvTranspose2d(1, 1, 3, stride=2)
    x = tw.ones(1, 1, 4, 4)
    assert layer(x).shape == (1, 1, 9, 9) and layer(x, (10, 9)).shape == (1, 1, 10, 9)
    assert layer(x, (1, 1, 9, 10)).shape == (1, 1, 9, 10)
    with pytest.raises(
        ValueError, match=r"requested an output size of \[11, 9\], but valid sizes range"
    ):
        layer(x, (11, 9))
    with pytest.raises(ValueError, match="must have 2 or 4 elements"):
        layer(x, (9,))


def test_dropout_draws_along_memory() -> None:
    torch = pytest.importorskip("torch")
    found = []
    for lib in (tw, torch):
        x = lib.ones(4, 5, 6)
        views = [
            x.transpose(0, 1), x.permute(2, 0, 1), x[:, :, ::2].transpose(0, 2), x[:, :3],
            x[:, :1].expand(4, 5, 6).transpose(0, 1), x[:1].transpose(0, 1), x[:, :1].permute(2, 1, 0),
        ]  # fmt: skip
        lib.manual_seed(0)
        found.append([lib.nn.functional.dropout(view, 0.5).tolist() for view in views])
    assert found[0] == found[1]
