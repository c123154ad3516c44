"""What one wants to see of a training and of the machine under it."""

from .explain import Explanation, explain

__all__ = ["Explanation", "explain"]
