"""Parameters and buffers whose shape is not known yet."""

import numpy as np

from ..core.tensor import Tensor, wrap
from ..ops import creation
from .parameter import Parameter, share

__all__ = ["UninitializedBuffer", "UninitializedParameter", "is_lazy"]

_UNKNOWN = (
    "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in `load_state_dict` when"
    " trying to load an uninitialized parameter into an initialized one. Call `forward` to initialize the parameters before"
    " accessing their attributes."
)


class _Uninitialized:
    """A tensor without shape until `materialize` gives it one."""

    __slots__ = ()

    @property
    def shape(self):
        raise RuntimeError(_UNKNOWN)

    def size(self, dim=None):
        """RuntimeError: the shape is not known yet."""
        raise RuntimeError(_UNKNOWN)

    def materialize(self, shape, device=None, dtype=None):
        """Give it this shape and become an ordinary one, with arbitrary elements."""
        kind = self.dtype if dtype is None else dtype  # type: ignore[attr-defined]  # a mixin of tensors
        self.data = creation.empty(shape, device=device, dtype=kind)  # type: ignore[misc]
        self.__class__ = self.cls_to_become  # type: ignore[attr-defined]

    def __repr__(self):
        return f"<{type(self).__name__}>"


class UninitializedParameter(_Uninitialized, Parameter):
    """A parameter whose shape is not known yet."""

    __slots__ = ()
    cls_to_become = Parameter

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        param = share(cls, wrap(np.empty(0, creation.numpy_dtype(dtype))))
        return param.requires_grad_() if requires_grad else param


class UninitializedBuffer(_Uninitialized, Tensor):
    """A buffer whose shape is not known yet."""

    __slots__ = ()
    cls_to_become = Tensor

    def __new__(cls, requires_grad=False, device=None, dtype=None, persistent=True):
        buffer = share(cls, wrap(np.empty(0, creation.numpy_dtype(dtype))))
        buffer.persistent = persistent
        buffer._is_buffer = True
        return buffer


def is_lazy(param):
    """Whether this is a parameter or buffer whose shape is not known yet."""
    return isinstance(param, _Uninitialized)
