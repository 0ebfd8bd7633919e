"""The package `functorch`, which has become `torch.func`: the old names of what is there, which say so."""

import functools
from collections.abc import Callable
from typing import Any

from .. import func as _func
from ..core.absent import handlers
from ..core.origin import warn
from . import make_functional as _modules


def _old(function: Callable[..., Any], now: str) -> Callable[..., Any]:
    """The function, which says what it is called now."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        warn(f"functorch has become torch.func: `functorch.{function.__name__}` is deprecated; use `torch.func.{now}`", FutureWarning)
        return function(*args, **kwargs)

    return call


_SAME = ("grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "vjp", "vmap")
globals().update({name: _old(getattr(_func, name), name) for name in _SAME})
make_functional = _old(_modules.make_functional, "functional_call")
make_functional_with_buffers = _old(_modules.make_functional_with_buffers, "functional_call")
combine_state_for_ensemble = _old(_modules.combine_state_for_ensemble, "stack_module_state")

__all__ = sorted((*_SAME, "FunctionalModule", "FunctionalModuleWithBuffers", "__version__", "combine_state_for_ensemble", "functionalize",
                  "make_functional", "make_functional_with_buffers", "make_fx"))  # fmt: skip
globals().update(handlers(__name__))
