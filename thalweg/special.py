"""``thalweg.special``: special functions under PyTorch's name; the functions live in ``tensor``."""

from .tensor.logarithms import logit, xlogy
from .tensor.pointwise import erf, exp2, expm1, log1p
from .tensor.pointwise import sigmoid as expit
from .tensor.reduce import logsumexp
from .tensor.softmax import log_softmax, softmax
from .tensor.special import entr, ndtr, sinc, xlog1py

__all__ = ["entr", "erf", "exp2", "expit", "expm1", "log1p", "log_softmax", "logit", "logsumexp", "ndtr",
           "sinc", "softmax", "xlog1py", "xlogy"]  # fmt: skip
