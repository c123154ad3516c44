"""``torch.hub``: what lies on this machine already, since Thalweg downloads nothing.

Networks come from a folder with a ``hubconf.py`` (``source="local"``) or, by the name of torchvision's repository, from
the networks that Thalweg has; files of weights from where ``torch.hub`` keeps them.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlparse

from ...io import load as load_file
from ...vision.models import get_model_builder, list_models
from ...vision.models.weights import choose_hub, hub_folder

__all__ = ["get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]

_VISION = "pytorch/vision"


def get_dir() -> str:
    """The folder in which files of weights lie, in ``checkpoints``: by $TORCH_HOME, $XDG_CACHE_HOME or at home."""
    return str(hub_folder().parent)


def set_dir(d: str | PathLike[str]) -> None:
    """Let it be another folder from now on."""
    choose_hub(Path(d))


def load_state_dict_from_url(
    url: str,
    model_dir: str | PathLike[str] | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = False,
) -> Mapping[str, Any]:
    """What the file holds that was downloaded from ``url`` before.

    Args:
        url: where it comes from; its last part is its name.
        model_dir: the folder in which it lies, or None: ``checkpoints`` of ``get_dir()``.
        map_location, weights_only: as of ``load``.
        progress, check_hash: taken, and of no effect: nothing is downloaded.
        file_name: its name, if it is another.
    Raises:
        RuntimeError: it is not there; Thalweg downloads nothing.
    """
    folder = hub_folder() if model_dir is None else Path(model_dir)
    path = folder / (file_name or Path(urlparse(url).path).name)
    if not path.is_file():
        raise RuntimeError(
            f"load_state_dict_from_url: there is no file {str(path)!r}, and Thalweg downloads nothing: get {url} and "
            "put it there"
        )
    found: Mapping[str, Any] = load_file(path, map_location, weights_only=weights_only)
    return found


def load(
    repo_or_dir: str | PathLike[str], model: str, *args: Any, source: str = "github", **kwargs: Any
) -> Any:
    """What the function called ``model`` makes of the further arguments.

    Args:
        repo_or_dir: a folder with a ``hubconf.py``, with ``source="local"``, or ``"pytorch/vision"``, of any version.
        model: the function's name in it, or a network's.
        source: "local" or "github".
    Raises:
        ValueError: ``source`` is neither.
        RuntimeError: the repository would have to be downloaded, or has no such function, or needs a package that is
            not installed.
    """
    for name in ("trust_repo", "force_reload", "verbose", "skip_validation"):
        kwargs.pop(name, None)
    return _function(_entries(repo_or_dir, source), model)(*args, **kwargs)


def list(
    github: str | PathLike[str], *arguments: Any, source: str = "github", **options: Any
) -> Any:
    """The names that ``load`` takes for ``model``; arguments as there."""
    return sorted(_entries(github, source))


def help(
    github: str | PathLike[str], model: str, *arguments: Any, source: str = "github", **options: Any
) -> str | None:
    """The docstring of what ``load`` calls; arguments as there."""
    return _function(_entries(github, source), model).__doc__


def _function(entries: Mapping[str, Callable[..., Any]], model: str) -> Callable[..., Any]:
    if model not in entries:
        raise RuntimeError(f"Cannot find callable {model} in hubconf: it has {sorted(entries)}")
    return entries[model]


def _entries(place: str | PathLike[str], source: str) -> dict[str, Callable[..., Any]]:
    """The functions that make networks there, by name."""
    if source == "local":
        conf = _hubconf(Path(place))
        return {n: f for n, f in vars(conf).items() if callable(f) and not n.startswith("_")}
    if source != "github":
        raise ValueError(f"Unknown source: {source!r}. Allowed values: 'github' | 'local'.")
    if str(place).partition(":")[0] == _VISION:
        return {name: get_model_builder(name) for name in list_models()}
    raise RuntimeError(
        f"hub: {str(place)!r} would have to be downloaded, and Thalweg downloads nothing: clone it and name its folder "
        'with source="local"'
    )


def _hubconf(folder: Path) -> ModuleType:
    """``hubconf.py`` of a folder, which may import from it."""
    spec = importlib.util.spec_from_file_location("hubconf", folder / "hubconf.py")
    if spec is None or spec.loader is None or not (folder / "hubconf.py").is_file():
        raise FileNotFoundError(f"hub: there is no file {str(folder / 'hubconf.py')!r}")
    made = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(folder))
    try:
        spec.loader.exec_module(made)
    finally:
        sys.path.remove(str(folder))
    missing = [n for n in getattr(made, "dependencies", ()) if importlib.util.find_spec(n) is None]
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")
    return made
