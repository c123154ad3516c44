"""Networks for images against what torchvision 0.28 gave at the same seeds."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.vision import models
from thalweg.vision.models import mobilenetv2, shufflenetv2
from thalweg.vision.models.resnet import BasicBlock, Bottleneck, ResNet
from thalweg.vision.models.vgg import make_layers
from thalweg.vision.models.vision_transformer import ConvStemConfig

KNOWN: dict[str, tuple[int, int, str, list[float]]] = {
    "resnet18": (64, 122, "34f7766b3bf5", [0.43548, 0.0627929, -0.203693]),
    "resnet50": (64, 320, "aa0466f3e3c9", [0.237312, -0.405291, 1.00036]),
    "resnext50_32x4d": (64, 320, "efb8ad0d4ab1", [1.14361, -0.349973, -0.384549]),
    "alexnet": (64, 16, "6d6199d5b21b", [-0.0181538, 0.0183108, -0.00266994]),
    "squeezenet1_0": (64, 52, "bf3a76669757", [0.0573073, 0.0728304, 0.0363574]),
    "squeezenet1_1": (64, 52, "b81b5de72090", [0.0426037, 0.329914, 0.0380162]),
    "mobilenet_v2": (64, 314, "978cc0be9257", [0.231951, 0.156417, -0.134163]),
    "mobilenet_v3_small": (64, 244, "f402fdad873d", [0.009704, 0.00710494, -0.0105604]),
    "mobilenet_v3_large": (64, 312, "9d92e8ef14c7", [0.0148828, 0.0399431, -0.00590986]),
    "densenet121": (64, 727, "cac645636fe1", [0.193867, -0.208788, -0.463715]),
    "efficientnet_b0": (64, 360, "1df47627d7ce", [1.81783, -1.47822, 5.33686]),
    "efficientnet_v2_s": (64, 782, "2258c263ca0c", [0.160111, -2.57039, 2.37033]),
    "googlenet": (64, 364, "d72e6f6f1934", [-0.00959321, 0.0964674, -0.152857]),
    "inception_v3": (128, 566, "6e4625935718", [-2.40089, 1.2685, -2.17975]),
    "convnext_tiny": (64, 182, "a992eed6ecc5", [0.169841, 0.309785, -0.195635]),
    "shufflenet_v2_x1_0": (64, 338, "60515782d694", [-0.0951845, -0.616172, 0.0347656]),
}  # fmt: skip
"""Pixels, how many names the state has, what its names and shapes hash to, the second picture's first three scores.

The scores are of a network of 10 classes that trains: seeds 0 when it is made and 1 when it is called."""


def waves(*shape: int) -> Any:
    return tw.arange(float(np.prod(shape))).sin().reshape(*shape)


def hashed(model: Any) -> str:
    lines = [f"{name} {list(value.shape)}" for name, value in model.state_dict().items()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


@pytest.mark.parametrize("name", KNOWN)
def test_states_and_scores(name: str) -> None:
    size, count, digest, scores = KNOWN[name]
    tw.manual_seed(0)
    model = models.get_model(name, num_classes=10, **OPTIONS.get(name, {}))
    assert len(model.state_dict()) == count and hashed(model) == digest
    tw.manual_seed(1)
    with tw.no_grad():
        made = model(waves(2, 3, size, size))
    if name == "googlenet":
        assert tuple(made.aux_logits1.shape) == tuple(made.aux_logits2.shape) == (2, 10)
        made = made.logits
    found = made[1][:3].tolist()
    assert tuple(made.shape) == (2, 10)
    assert found == pytest.approx(scores, abs=1e-2 * max(map(abs, scores)))


OPTIONS: dict[str, dict[str, Any]] = {
    "googlenet": {"init_weights": True},
    "inception_v3": {"aux_logits": False, "init_weights": True},
}
LARGE = {
    "resnet34": (models.ResNet, BasicBlock, (3, 4, 6, 3)),
    "resnet101": (models.ResNet, Bottleneck, (3, 4, 23, 3)),
    "resnet152": (models.ResNet, Bottleneck, (3, 8, 36, 3)),
}


@pytest.mark.parametrize("name", LARGE)
def test_blocks_of_larger_ones(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    monkeypatch.setattr(ResNet, "__init__", lambda self, *args, **named: made.append(args))
    models.get_model(name)
    assert made == [LARGE[name][1:]]


LOSSES = [1.09463354725, 2.6587556725, 0.56349963523, 0.00241330482769, 0.000639733919356]


def grid(*shape: int) -> Any:
    """Multiples of 1/500 in [-0.1, 0.1], float64."""
    return ((tw.arange(int(np.prod(shape))) * 37 % 101 - 50).double() / 500).reshape(*shape)


def test_a_small_resnet_learns() -> None:
    """Losses of five steps of SGD, as torchvision gave them."""
    model = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=2).double()
    with tw.no_grad():
        for parameter in model.parameters():
            parameter.copy_(
                grid(*parameter.shape) if parameter.ndim > 1 else tw.full_like(parameter, 0.5)
            )
    optimizer = tw.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    x, y = grid(4, 3, 32, 32) * 10, tw.tensor([0, 1, 1, 0])
    losses = []
    for _ in range(5):
        loss = tw.nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses == pytest.approx(LOSSES, rel=1e-8)


def test_convolutions_of_vgg() -> None:
    """Against what torchvision gave."""
    cfg: list[str | int] = [64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"]
    tw.manual_seed(0)
    row = make_layers(cfg, batch_norm=True)
    made = row(waves(2, 3, 32, 32))[1, :3, 0, 0].tolist()
    assert (len(row.state_dict()), hashed(row)) == (56, "9838a8532779")
    assert made == pytest.approx([2.08778, 1.72666, 0.769437], rel=2e-3)


@pytest.mark.parametrize(
    "name, count", {"vgg11": 8, "vgg13": 10, "vgg16": 13, "vgg19_bn": 16}.items()
)
def test_layers_of_vgg(name: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[Any] = []

    class Noted(tw.nn.Identity):
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__()
            sizes.append(args[:2])

    monkeypatch.setattr(tw.nn, "Linear", Noted)
    monkeypatch.setattr(tw.nn, "Conv2d", Noted)
    models.get_model(name, num_classes=10, init_weights=False)
    assert sizes[count:] == [(25088, 4096), (4096, 4096), (4096, 10)] and len(sizes) == count + 3
    assert sizes[0] == (3, 64) and sizes[count - 1] == (512, 512)


VISION = {
    "one convolution": ({}, 32, "97d504a308c4", [0.457616, 1.90513, -0.340343]),
    "several": (
        {
            "representation_size": 7,
            "conv_stem_configs": [ConvStemConfig(4, 3, 2), ConvStemConfig(6, 3, 4)],
        },
        46, "621e79d8f162", [-0.781186, 0.544622, -1.1412],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", VISION)
def test_patches_as_words(name: str) -> None:
    """Against what torchvision gave, with dropout."""
    options, count, digest, scores = VISION[name]
    tw.manual_seed(0)
    model = models.VisionTransformer(
        32, 8, 2, 2, 16, 24, num_classes=3, dropout=0.1, attention_dropout=0.1, **options
    )
    assert (len(model.state_dict()), hashed(model)) == (count, digest)
    with tw.no_grad():
        model.heads.head.weight.copy_(grid(*model.heads.head.weight.shape) * 10)
        tw.manual_seed(1)
        assert model(waves(2, 3, 32, 32))[1].tolist() == pytest.approx(scores, rel=1e-3)
    with pytest.raises(ValueError, match="Wrong image height"):
        model(waves(2, 3, 32, 40))
    old = {
        key.replace("mlp.0", "mlp.linear_1").replace("mlp.3", "mlp.linear_2"): v
        for key, v in model.state_dict().items()
    }
    model.load_state_dict(old)


WRONG: dict[str, Callable[[], Any]] = {
    "patches": lambda: models.VisionTransformer(30, 8, 1, 1, 4, 4),
    "a version": lambda: models.SqueezeNet("2_0"),
    "no stages": lambda: models.EfficientNet([], 0.1),
    "no blocks": lambda: models.ConvNeXt([]),
    "two stages": lambda: models.ShuffleNetV2([1, 1], [8, 8, 8, 8, 8]),
    "odd channels": lambda: shufflenetv2.InvertedResidual(5, 5, 1),
    "no rows": lambda: models.MobileNetV3([], 8),
    "rows of three": lambda: models.MobileNetV2(inverted_residual_setting=[[1, 2, 3]]),
    "a stride": lambda: mobilenetv2.InvertedResidual(4, 4, 3, 1),
    "blocks": lambda: models.GoogLeNet(init_weights=False, blocks=[tw.nn.Identity]),
}


@pytest.mark.parametrize("name", WRONG)
def test_networks_that_cannot_be(name: str) -> None:
    with pytest.raises(ValueError):
        WRONG[name]()


def test_wider_and_shorter() -> None:
    thin = models.mobilenet_v2(width_mult=0.25, num_classes=2)
    assert thin.features[0].out_channels == 8 and thin.last_channel == 1280
    small = models.mobilenet_v3_small(
        width_mult=0.5, reduced_tail=True, dilated=True, num_classes=2
    )
    assert small.features[-1].out_channels == 144 and small.features[-2].block[1][0].dilation == (
        2,
        2,
    )
    with pytest.warns(FutureWarning, match="init_weights=True"):
        models.inception_v3(aux_logits=False, num_classes=2)


def test_options_of_residual_networks() -> None:
    wide = ResNet(
        Bottleneck, [1, 1, 1, 1], num_classes=3, replace_stride_with_dilation=[False, True, True]
    )
    assert wide.layer4[0].conv2.dilation == (2, 2) and wide.layer4[0].conv2.stride == (1, 1)
    assert tuple(wide.layer4(waves(1, 1024, 4, 4)).shape) == (1, 2048, 4, 4)
    still = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=3, zero_init_residual=True)
    assert still.layer2[0].bn2.weight.abs().max().item() == 0
    normed = ResNet(BasicBlock, [1, 1, 1, 1], norm_layer=lambda n: tw.nn.GroupNorm(4, n))
    assert isinstance(normed.layer1[0].bn1, tw.nn.GroupNorm)
    with pytest.raises(ValueError, match="only supports groups=1"):
        ResNet(BasicBlock, [1, 1, 1, 1], groups=2)
    with pytest.raises(ValueError, match="3-element tuple"):
        ResNet(BasicBlock, [1, 1, 1, 1], replace_stride_with_dilation=[True])


def test_a_layer_put_in_place_of_the_last() -> None:
    model = models.squeezenet1_1(num_classes=4)
    for parameter in model.parameters():
        parameter.requires_grad = False
    model.classifier[1] = tw.nn.Conv2d(512, 2, 1)
    model(waves(2, 3, 40, 40)).sum().backward()
    wanting = [name for name, p in model.named_parameters() if p.grad is not None]
    assert wanting == ["classifier.1.weight", "classifier.1.bias"]


def test_weights_are_not_downloaded(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for weights in ("DEFAULT", "IMAGENET1K_V1", models.SqueezeNet1_1_Weights.DEFAULT):
        with pytest.raises(
            RuntimeError, match="squeezenet1_1-b8a52dc0.pth.*downloads nothing.*load_state_dict"
        ):
            models.squeezenet1_1(weights=weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(RuntimeError, match="downloads nothing"):
            models.squeezenet1_1(pretrained=True)
        assert isinstance(models.squeezenet1_1(pretrained=False), models.SqueezeNet)
    with pytest.warns(UserWarning, match="'pretrained' is deprecated"):
        models.squeezenet1_1(False)
    with pytest.raises(ValueError, match="'num_classes' expected value 1000 but got 5"):
        models.squeezenet1_1(weights="DEFAULT", num_classes=5)
    with pytest.raises(ValueError, match="Invalid value 'V3'"):
        models.squeezenet1_1(weights="V3")
    with pytest.raises(TypeError, match="Invalid Weight class"):
        models.squeezenet1_1(weights=models.AlexNet_Weights.DEFAULT)


def test_weights_that_are_there_are_loaded(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    model = models.squeezenet1_1()
    tw.save(model.state_dict(), folder / "squeezenet1_1-b8a52dc0.pth")
    again = models.squeezenet1_1(weights="DEFAULT")
    assert all(tw.equal(p, q) for p, q in zip(model.parameters(), again.parameters(), strict=True))


def test_names_of_networks_and_weights() -> None:
    assert "resnet18" in models.list_models() and models.list_models(models.resnet, "*152") == [
        "resnet152"
    ]
    assert models.list_models(include="vgg*", exclude=["*_bn", "*9"]) == ["vgg11", "vgg13", "vgg16"]
    assert models.get_model_builder("ResNet18") is models.resnet18
    assert models.get_weight("ResNet50_Weights.IMAGENET1K_V2") is models.ResNet50_Weights.DEFAULT
    assert models.get_model_weights(models.vgg16) is models.VGG16_Weights
    assert models.VGG16_Weights.DEFAULT.url.endswith("/models/vgg16-397923af.pth")
    assert repr(models.ResNet18_Weights.DEFAULT) == "ResNet18_Weights.IMAGENET1K_V1"
    for wrong in (models.get_model_builder, models.get_model_weights, models.get_weight):
        with pytest.raises(ValueError):
            wrong("resnet19")


def test_old_names_in_files_of_densenet() -> None:
    from thalweg.vision.models.densenet import _renamed

    old = "features.denseblock1.denselayer2.norm.1.weight"
    assert _renamed(old) == "features.denseblock1.denselayer2.norm1.weight"
    assert _renamed("features.norm0.weight") == "features.norm0.weight"


def test_a_state_saved_by_pytorch(tmp_path: Any) -> None:
    """A state with torchvision's names, as PyTorch saves it, gives the scores that its numbers give here."""
    torch = pytest.importorskip("torch")
    tw.manual_seed(0)
    model = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=3).eval()
    state = {name: torch.tensor(value.numpy()) for name, value in model.state_dict().items()}
    torch.save(state, tmp_path / "small.pth")
    other = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=3).eval()
    other.load_state_dict(tw.load(tmp_path / "small.pth"))
    x = waves(1, 3, 32, 32)
    assert tw.equal(model(x), other(x))
