"""The package `functorch`, which has become `torch.func`: the old names of what is there, which say so."""

import functools
from collections.abc import Callable
from typing import Any

from .. import func as _func
from ..core.absent import handlers
from ..core.origin import warn
from ..func import functionalize
from ..fx.experimental.proxy_tensor import make_fx
from ..version import __version__
from . import make_functional as _modules
from .make_functional import FunctionalModule, FunctionalModuleWithBuffers

__all__ = [
    "FunctionalModule", "FunctionalModuleWithBuffers", "__version__", "combine_state_for_ensemble", "functionalize", "grad",
    "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "make_functional", "make_functional_with_buffers", "make_fx", "vjp", "vmap",
]  # fmt: skip


def _old(function: Callable[..., Any], now: str) -> Callable[..., Any]:
    """The function, which says what it is called now."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        warn(f"functorch has become torch.func: `functorch.{function.__name__}` is deprecated; use `torch.func.{now}`", FutureWarning)
        return function(*args, **kwargs)

    return call


grad, grad_and_value, hessian = _old(_func.grad, "grad"), _old(_func.grad_and_value, "grad_and_value"), _old(_func.hessian, "hessian")
jacfwd, jacrev, jvp, vjp = (_old(each, each.__name__) for each in (_func.jacfwd, _func.jacrev, _func.jvp, _func.vjp))
vmap = _old(_func.vmap, "vmap")
make_functional = _old(_modules.make_functional, "functional_call")
make_functional_with_buffers = _old(_modules.make_functional_with_buffers, "functional_call")
combine_state_for_ensemble = _old(_modules.combine_state_for_ensemble, "stack_module_state")

globals().update(handlers(__name__))
