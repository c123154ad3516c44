"""Functions of functions: ``grad``, ``vmap`` and what they are made of."""

from .gradients import grad, grad_and_value, jvp, linearize, vjp
from .jacobians import hessian, jacfwd, jacrev
from .rearrange import rearrange
from .stateless import functional_call, replace_all_batch_norm_modules_, stack_module_state
from .vmap import debug_unwrap, functionalize, vmap

__all__ = [
    "debug_unwrap",
    "functional_call",
    "functionalize",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "rearrange",
    "replace_all_batch_norm_modules_",
    "stack_module_state",
    "vjp",
    "vmap",
]
