"""Transforms by the names of torchvision's second version, on pictures; ``functional`` has them as functions."""

from ..augmenting import AutoAugmentPolicy
from ..chains import Compose, Lambda, RandomApply
from ..conversion import ConvertImageDtype, Normalize, PILToTensor, ToPILImage, ToTensor
from ..fixed import CenterCrop, FiveCrop, Grayscale, LinearTransformation, Pad, Resize, TenCrop
from ..mixing import CutMix, MixUp
from ..modes import InterpolationMode
from ..newer import (
    RGB,
    GaussianNoise,
    Identity,
    RandomChoice,
    RandomOrder,
    ToDtype,
    ToImage,
    ToPureTensor,
)
from ..newer_augmenting import AugMix, AutoAugment, RandAugment, TrivialAugmentWide
from ..random_colors import (
    ColorJitter,
    GaussianBlur,
    RandomAdjustSharpness,
    RandomAutocontrast,
    RandomEqualize,
    RandomGrayscale,
    RandomInvert,
    RandomPosterize,
    RandomSolarize,
)
from ..random_places import (
    RandomAffine,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomPerspective,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
)
from . import functional

__all__ = [
    "AugMix",
    "AutoAugment",
    "AutoAugmentPolicy",
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "ConvertImageDtype",
    "CutMix",
    "FiveCrop",
    "GaussianBlur",
    "GaussianNoise",
    "Grayscale",
    "Identity",
    "InterpolationMode",
    "Lambda",
    "LinearTransformation",
    "MixUp",
    "Normalize",
    "PILToTensor",
    "Pad",
    "RGB",
    "RandAugment",
    "RandomAdjustSharpness",
    "RandomAffine",
    "RandomApply",
    "RandomAutocontrast",
    "RandomChoice",
    "RandomCrop",
    "RandomEqualize",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomInvert",
    "RandomOrder",
    "RandomPerspective",
    "RandomPosterize",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomSolarize",
    "RandomVerticalFlip",
    "Resize",
    "TenCrop",
    "ToDtype",
    "ToImage",
    "ToPILImage",
    "ToPureTensor",
    "ToTensor",
    "TrivialAugmentWide",
    "functional",
]
