"""The functions behind the layers, with PyTorch's names."""

from .activations import *  # noqa: F403
from .alignment import *  # noqa: F403
from .attention import *  # noqa: F403
from .convolution import *  # noqa: F403
from .dropping import *  # noqa: F403
from .folding import *  # noqa: F403
from .heads import *  # noqa: F403
from .linear import *  # noqa: F403
from .losses import *  # noqa: F403
from .margins import *  # noqa: F403
from .normalization import *  # noqa: F403
from .padding import *  # noqa: F403
from .pooling import *  # noqa: F403
from .regression import *  # noqa: F403
from .resizing import *  # noqa: F403
from .sampling import *  # noqa: F403
from .tables import *  # noqa: F403
from .unpooling import *  # noqa: F403
