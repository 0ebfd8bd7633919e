"""Deep copies of tensors; `core/memory.py` has what pickle keeps of one."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from . import modes
from .declare import publish
from .dispatch import unordered
from .graph import Leaf
from .origin import located
from .storage import storage_of
from .tensor import Tensor, copied

_new = object.__new__
Array = np.ndarray[Any, Any]


def _array_copied(array: Array, memo: dict[int, Any]) -> Array:
    """A copy of `array` in a copy of all its storage: arrays on one storage that are copied together are on one again."""
    owner = storage_of(array)
    if modes.special or not (owner.flags.c_contiguous or owner.flags.f_contiguous) or owner.dtype.hasobject:
        return copied(array)
    storage = memo.get(id(owner))
    if storage is None:
        storage = memo[id(owner)] = np.copy(owner, order="K")
    if array is owner:
        return storage
    offset = array.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    return np.ndarray(array.shape, array.dtype, storage.ravel("K").view(np.uint8), offset, array.strides)


def _deepcopy(self: Tensor, memo: dict[int, Any]) -> Tensor:
    """A leaf on a copy of the elements, with copies of its attributes and its gradient."""
    if id(self) in memo:
        return memo[id(self)]
    if not self.is_leaf:
        message = "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment"
        raise RuntimeError(located(message))
    out = _new(type(self))
    _set_state(out, (_array_copied(self._array, memo), self._node is not None, {}))
    memo[id(self)] = out
    for name, value in self.__dict__.items():
        out.__dict__[name] = copy.deepcopy(value, memo)
    if isinstance(self._node, Leaf) and self.grad is not None:
        out.grad = copy.deepcopy(self.grad, memo)
    return out


def _set_state(self: Tensor, state: tuple[Any, bool, dict[str, Any]]) -> None:
    """Become what was pickled."""
    self._array, needs_grad, attributes = state
    self._node = self._cut = None
    self._view = unordered(self._array)
    self.__dict__.update(attributes)
    if needs_grad:
        self.requires_grad_()


for _name, _method in (("__deepcopy__", _deepcopy), ("__setstate__", _set_state)):
    publish(_method, _name, ["Tensor"])
