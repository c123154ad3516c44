"""Trained weights: which files there are, how their pictures are prepared, and reading one that lies on this machine."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ... import nn
from ...io import load
from ..transforms.modes import InterpolationMode
from ..transforms.presets import ImageClassification

__all__ = ["Weights", "WeightsEnum"]
_ADDRESS = "https://download.pytorch.org/models/"
CLASSES = 1000
"""How many classes every trained network here tells apart."""


class Weights(NamedTuple):
    """A file of trained weights.

    Attributes:
        file: its name.
        crop, resize: pixels, of the picture that the network sees and of the one it is cut from.
        interpolation: how pictures are resized.
        mean, std: of each channel, by which pictures are normalized.
    """

    file: str
    crop: int = 224
    resize: int = 256
    interpolation: InterpolationMode = InterpolationMode.BILINEAR
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)

    @property
    def url(self) -> str:
        return _ADDRESS + self.file


class WeightsEnum(Enum):
    """The files of trained weights that one network has."""

    @property
    def url(self) -> str:
        """Where the file is kept."""
        address: str = self.value.url
        return address

    @property
    def transforms(self) -> Callable[..., ImageClassification]:
        """What makes the transform of pictures for the network."""
        it: Weights = self.value
        return partial(
            ImageClassification,
            crop_size=it.crop,
            resize_size=it.resize,
            mean=it.mean,
            std=it.std,
            interpolation=it.interpolation,
        )

    @classmethod
    def verify(cls, obj: Any) -> Any:
        """``obj``, a member or the name of one, as a member; None stays None.

        Raises:
            ValueError: there is no member of that name.
            TypeError: it is a member of another network's weights.
        """
        if obj is None or isinstance(obj, cls):
            return obj
        if not isinstance(obj, str):
            raise TypeError(
                f"Invalid Weight class provided; expected {cls.__name__} but received {type(obj).__name__}."
            )
        name = obj.removeprefix(f"{cls.__name__}.")
        if name not in cls.__members__:
            raise ValueError(
                f"Invalid value {name!r} for {cls.__name__}: it has {list(cls.__members__)}"
            )
        return cls[name]

    def get_state_dict(self, *args: Any, **named: Any) -> Mapping[str, Any]:
        """What the file holds, read from torch.hub's folder.

        Raises:
            RuntimeError: the file is not there; Thalweg downloads nothing.
        """
        path = hub_folder() / self.value.file
        if not path.is_file():
            raise RuntimeError(
                f"{self}: there is no file {str(path)!r}, and Thalweg downloads nothing: get {self.url} and put it "
                "there, or build the model without weights and call model.load_state_dict(torch.load(path))"
            )
        found: Mapping[str, Any] = load(path, weights_only=True)
        return found

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self._name_}"


_chosen: Path | None = None


def choose_hub(folder: Path) -> None:
    """Let ``folder / "checkpoints"`` be where files of weights lie."""
    global _chosen
    _chosen = folder


def hub_folder() -> Path:
    """Where PyTorch keeps files of weights: as chosen, by $TORCH_HOME, $XDG_CACHE_HOME, or in the home folder."""
    if _chosen is not None:
        return _chosen / "checkpoints"
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    home = Path(os.environ.get("TORCH_HOME", cache / "torch"))
    return home.expanduser() / "hub" / "checkpoints"


def trained(name: str, /, default: str | None = None, **files: Weights) -> type[WeightsEnum]:
    """The weights called ``name``; DEFAULT is ``default``, or the last of ImageNet's plain versions."""
    last = [key for key in files if re.fullmatch(r"IMAGENET1K_V\d", key)][-1:]
    members = {**files, "DEFAULT": files[default or last[0]]}
    made: type[WeightsEnum] = WeightsEnum(name, members)  # type: ignore[call-arg, assignment]
    return made


def fill(model: nn.Module, weights: Mapping[str, Any], rename: Callable[[str], str]) -> None:
    """Load trained weights; what they have of a part that trains beside the network and is not there is left out."""
    here = model.state_dict()
    state = {rename(key): value for key, value in weights.items()}
    beside = [key for key in state if key.lower().startswith("aux") and key not in here]
    model.load_state_dict({key: value for key, value in state.items() if key not in beside})
