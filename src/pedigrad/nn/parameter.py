"""Parameter and Buffer: tensors that a module registers when they are assigned to it; and those whose shape is not known yet."""

import copy

import numpy as np

from ..core import dtypes, override, watching
from ..core.arrayless import ArraylessTensor
from ..core.dispatch import unordered
from ..core.tensor import Tensor, TensorMeta, copied, wrap
from ..ops import creation

__all__ = ["Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter", "is_lazy"]


class _ParameterMeta(TensorMeta):
    def __instancecheck__(cls, instance):
        if type.__instancecheck__(cls, instance):
            return True
        return cls is Parameter and isinstance(instance, Tensor) and instance.__dict__.get("_is_param", False)


class Parameter(Tensor, metaclass=_ParameterMeta):
    """A leaf tensor on the memory of `data` that modules list in `parameters()`.

    Of a subclass of Tensor the result keeps the class; `isinstance(p, Parameter)` is True all the same.

    Args:
        data: a tensor.
        requires_grad: whether it gets gradients.

    >>> import pedigrad as torch
    >>> from pedigrad.nn.parameter import Parameter
    >>> Parameter(torch.zeros(2))
    Parameter containing:
    tensor([0., 0.], requires_grad=True)
    """

    __slots__ = ()
    __torch_function__ = override.disabled

    def __new__(cls, data=None, requires_grad=True):
        source = _tensor_of(data, "Parameter")
        if watching.watcher is not None:
            watching.watcher.cut(source, "nn.Parameter()")
        if type(source) is not Tensor and not isinstance(source, Parameter):
            param = share(type(source), source)
            param._is_param = True
        else:
            param = share(cls, source)
        return param.requires_grad_() if requires_grad else param

    def __deepcopy__(self, memo):
        if id(self) in memo:
            return memo[id(self)]
        param = share(type(self), self)
        param._array = copied(self._array)
        memo[id(self)] = param.requires_grad_() if self.requires_grad else param
        return param

    def __repr__(self):
        return "Parameter containing:\n" + super().__repr__()


override.COMMON.add(Parameter)


class _BufferMeta(TensorMeta):
    def __instancecheck__(cls, instance):
        if cls is Buffer:
            return isinstance(instance, Tensor) and instance.__dict__.get("_is_buffer", False)
        return type.__instancecheck__(cls, instance)


class Buffer(Tensor, metaclass=_BufferMeta):
    """A tensor on the memory of `data` that a module registers as a buffer when it is assigned.

    It is saved in the state dict if `persistent`. The result is an ordinary Tensor that knows it is a buffer.

    Args:
        data: a tensor.
        persistent: whether it is part of the state dict.
    """

    __slots__ = ()
    persistent: bool

    def __new__(cls, data=None, *, persistent=True):
        source = _tensor_of(data, "Buffer")
        buffer = share(type(source), source)
        buffer.persistent = persistent
        buffer._is_buffer = True
        return buffer.requires_grad_() if source.requires_grad else buffer


def share(cls, source):
    """A tensor of class `cls`, or one without an array, on the memory of `source`, without its history."""
    if isinstance(source, ArraylessTensor):
        return source._again()
    if cls is not Parameter:
        override.made(cls)
    out = object.__new__(cls)
    out._array = source._array
    out._node = out._cut = None
    out._view = unordered(out._array)
    return out


def _tensor_of(data, what):
    if data is None:
        data = object.__new__(Tensor)
        data._array = np.empty(0, dtypes.to_numpy(dtypes.get_default_dtype()))
        data._node = data._view = data._cut = None
    if not isinstance(data, Tensor):
        raise TypeError(f"{what}: data must be a Tensor or None, got {type(data).__name__}")
    return data


def _rebuild_parameter(data, requires_grad, backward_hooks):
    """A parameter from what PyTorch's pickles hold of one."""
    return Parameter(data, requires_grad)


def _rebuild_parameter_with_state(data, requires_grad, backward_hooks, state):
    """A parameter with attributes of its own, from what PyTorch's pickles hold of one."""
    param = Parameter(data, requires_grad)
    param.__dict__.update(copy.copy(state))
    return param


# Without a shape yet

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
    """A parameter whose shape is not known yet.

    Args:
        requires_grad: whether it will get gradients.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.
    """

    __slots__ = ()
    cls_to_become = Parameter

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        param = share(cls, wrap(np.empty(0, creation.numpy_dtype(dtype))))
        return param.requires_grad_() if requires_grad else param


class UninitializedBuffer(_Uninitialized, Tensor):
    """A buffer whose shape is not known yet.

    Args:
        requires_grad: whether it will get gradients.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.
        persistent: whether it is part of the state dict.
    """

    __slots__ = ()
    cls_to_become = Tensor
    __torch_function__ = override.disabled

    def __new__(cls, requires_grad=False, device=None, dtype=None, persistent=True):
        buffer = share(cls, wrap(np.empty(0, creation.numpy_dtype(dtype))))
        buffer.persistent = persistent
        buffer._is_buffer = True
        return buffer


def is_lazy(param):
    """Whether this is a parameter or buffer whose shape is not known yet."""
    return isinstance(param, _Uninitialized)
