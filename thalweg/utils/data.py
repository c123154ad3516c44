"""``thalweg.utils.data``: the data room under the name by which PyTorch programs import it."""

from ..data import *  # noqa: F403
from ..data import __all__ as __all__
