"""The functions behind the layers, with PyTorch's names."""

from .activations import *  # noqa: F403
from .attention import *  # noqa: F403
from .linear import *  # noqa: F403
from .losses import *  # noqa: F403
from .normalization import *  # noqa: F403
from .regression import *  # noqa: F403
from .resizing import *  # noqa: F403
from .windows import *  # noqa: F403
