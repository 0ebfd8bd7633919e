"""`torch.autograd.grad_mode`: whether what is computed is recorded."""

from __future__ import annotations

from typing import Any

from ..core.modes import _Switch, enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = ["enable_grad", "inference_mode", "no_grad", "set_grad_enabled"]


class _DecoratorContextManager(_Switch):
    """A `with` block's manager that also decorates functions and generators: they run within a block of their own.

    Subclasses write `__enter__` and `__exit__`, and `clone` if they are constructed with arguments.
    """

    def __enter__(self) -> Any:
        raise NotImplementedError

    def __exit__(self, *exc: object) -> None:
        raise NotImplementedError

    def clone(self) -> Any:
        """Another of the same class, for one run of a decorated function."""
        return type(self)()


class _NoParamDecoratorContextManager(_DecoratorContextManager):
    """One that may stand above a function without being called."""

    def __new__(cls, orig_func: Any = None) -> Any:
        return super().__new__(cls) if orig_func is None else cls()(orig_func)
