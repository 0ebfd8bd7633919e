"""`Variable`, which tensors that need a gradient had to be wrapped in before PyTorch 0.4."""

from __future__ import annotations

from typing import Any

from ..core.origin import located
from ..core.tensor import Tensor, TensorMeta, wrap


class _VariableMeta(TensorMeta):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)

    def __subclasscheck__(cls, subclass: Any) -> bool:
        return issubclass(subclass, Tensor)


class Variable(Tensor, metaclass=_VariableMeta):
    """A tensor on the memory of `data`, without its history; every tensor is an instance.

    >>> import pedigrad as torch
    >>> Variable(torch.ones(2), requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    """

    __slots__ = ()

    def __new__(cls, data: Any = None, requires_grad: bool = False) -> Tensor:  # type: ignore[misc]
        """A Tensor, not a Variable."""
        if data is None:
            return Tensor()
        if not isinstance(data, Tensor):
            raise TypeError(located(f"Variable data has to be a tensor, but got {type(data).__name__}"))
        return wrap(data._array).requires_grad_(requires_grad)


__all__ = ["Variable"]
