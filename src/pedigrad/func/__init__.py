"""torch.func: derivatives of functions as functions, and functions of samples for batches."""

from ..nn.utils.stateless import call as functional_call
from .derivatives import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, vjp
from .stateless import functionalize, replace_all_batch_norm_modules_, stack_module_state
from .vmap import vmap

__all__ = [
    "functional_call", "functionalize", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize",
    "replace_all_batch_norm_modules_", "stack_module_state", "vjp", "vmap",
]  # fmt: skip
