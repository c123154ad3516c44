"""Pictures: reading data sets of them."""

from .digits import LabelledImages, digits, idx_folder
from .idx import read_idx

__all__ = ["LabelledImages", "digits", "idx_folder", "read_idx"]
