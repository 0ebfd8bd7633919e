"""Modules whose parameters are not initialised."""

import inspect

from ...core.origin import located
from ...rng.generator import default_generator
from ..module import Module

__all__ = ["skip_init"]


def skip_init(module_cls, *args, **kwargs):
    """An instance of `module_cls`, for which no random numbers are used up. The class must take `device`."""
    if not issubclass(module_cls, Module):
        raise RuntimeError(located(f"Expected a Module; got {module_cls}"))
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError(located("Module must support a 'device' arg to skip initialization"))
    state = default_generator.state_array()
    try:
        return module_cls(*args, **kwargs)
    finally:
        default_generator.set_state(state)
