"""Writing pickles that PyTorch reads: tensors as their places in storages, our classes under its names."""

from __future__ import annotations

import functools
import pickle
from collections import OrderedDict
from types import FunctionType
from typing import Any

from ..core import dtypes, meta
from ..core.device import device
from ..core.memory import UntypedStorage, attributes_of, place
from ..core.quantized import QuantizedTensor, per_tensor_affine, qscheme
from ..core.sparse_tensor import SparseTensor, layout
from ..core.tensor import Tensor, read, wrap
from ..nn.parameter import Parameter, _rebuild_parameter, _rebuild_parameter_with_state, is_lazy
from ..ops.sparse.text import parts_of
from ..storage import LEGACY_STORAGES, NAMES, TypedStorage
from . import names
from .locations import location_tag
from .rebuild import (
    _get_layout,
    _rebuild_from_type_v2,
    _rebuild_meta_tensor_no_storage,
    _rebuild_qtensor,
    _rebuild_sparse_tensor,
    _rebuild_tensor_v2,
    _rebuild_tensor_v3,
)  # fmt: skip


class Storages:
    """The storages that a pickle refers to, numbered as they come."""

    def __init__(self) -> None:
        self.known: dict[int, tuple[str, UntypedStorage, Any]] = {}
        self.legacy = False

    def identity(self, obj: Any) -> tuple[Any, ...] | None:
        """What stands in the pickle for a storage; None for anything else."""
        if isinstance(obj, TypedStorage):
            storage, dtype = obj._untyped_storage, obj.dtype
        elif isinstance(obj, UntypedStorage):
            storage, dtype = obj, None
        else:
            return None
        key, _, before = self.known.setdefault(id(storage), (str(len(self.known)), storage, dtype))
        if before is not dtype:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different types:"
                f" {before or 'bytes'} and {dtype or 'bytes'}. Save a clone() of one of them"
            )
        kind = UntypedStorage if dtype is None else LEGACY_STORAGES[NAMES[dtype]]
        size = storage.nbytes() // (1 if dtype is None else dtype.itemsize)
        identity = ("storage", kind, key, location_tag(storage), size)
        return (*identity, None) if self.legacy else identity

    def in_order(self) -> list[tuple[str, UntypedStorage]]:
        """Keys and storages, in the order in which the pickle names them."""
        return [(key, storage) for key, storage, _ in self.known.values()]


def reduced(tensor: Tensor) -> tuple[Any, ...]:
    """How a tensor is made again."""
    if is_lazy(tensor):
        return type(tensor), (tensor.requires_grad, device("cpu"), tensor.dtype)
    if isinstance(tensor, SparseTensor):
        return _rebuild_sparse_tensor, (tensor.layout, parts_of(tensor))
    if isinstance(tensor, QuantizedTensor):
        return _rebuild_qtensor, quantized_parts(tensor)
    read(tensor._array, "save()")
    attributes = attributes_of(tensor)
    if type(tensor) is Parameter:
        data = Tensor.detach(tensor)
        if attributes:
            return _rebuild_parameter_with_state, (data, tensor.requires_grad, OrderedDict(), attributes)
        return _rebuild_parameter, (data, tensor.requires_grad, OrderedDict())
    storage, offset, stride = place(tensor._array)
    where: tuple[Any, ...] = (offset, tuple(tensor._array.shape), stride, tensor.requires_grad, OrderedDict())
    function: Any
    arguments: tuple[Any, ...]
    if meta.is_meta(tensor._array):
        function = _rebuild_meta_tensor_no_storage
        arguments = (tensor.dtype, tuple(tensor._array.shape), stride, tensor.requires_grad)
    elif tensor.dtype in NAMES:
        function, arguments = _rebuild_tensor_v2, (TypedStorage(wrap_storage=storage, dtype=tensor.dtype), *where)
    else:
        function, arguments = _rebuild_tensor_v3, (storage, *where, tensor.dtype)
    if type(tensor) is Tensor and not attributes:
        return function, arguments
    return _rebuild_from_type_v2, (function, type(tensor), arguments, attributes)


def quantized_parts(tensor: QuantizedTensor) -> tuple[Any, ...]:
    """The place of the whole numbers of a quantized tensor in their storage, and how they stand for floats."""
    own = tensor._quantized
    storage, offset, stride = place(own.integers)
    one = own.scheme is per_tensor_affine
    how = (own.scheme, own.scale, own.zero_point) if one else (own.scheme, wrap(own.scale), wrap(own.zero_point), own.axis)
    return TypedStorage(wrap_storage=storage, dtype=own.kind), offset, own.shape, stride, how, False, OrderedDict()


REDUCED = (Tensor.__reduce_ex__, SparseTensor.__reduce_ex__, QuantizedTensor.__reduce_ex__)
NAMED = (type, FunctionType, dtypes.dtype, qscheme)  # what is written by its name


class Writing:
    """The part of a pickler that knows storages, tensors and names."""

    storages: Storages
    proto: int
    renames = True  # whether it is written in Python, so that names can be replaced

    def persistent_id(self, obj: Any) -> Any:
        """What stands for a storage."""
        return self.storages.identity(obj)

    def reducer_override(self, obj: Any) -> Any:
        """How objects of ours are made again, or their name."""
        if isinstance(obj, Tensor) and type(obj).__reduce_ex__ in REDUCED:
            return reduced(obj)
        if self.renames and isinstance(obj, NAMED):
            found = names.public(obj)
            return NotImplemented if found is None else found[1]
        if isinstance(obj, device):
            return device, (obj.type,) if obj.index is None else (obj.type, obj.index)
        if isinstance(obj, layout):
            return _get_layout, (repr(obj),)
        more = getattr(super(), "reducer_override", None)
        return NotImplemented if more is None else more(obj)

    def save_global(self, obj: Any, name: str | None = None) -> None:
        """Write the name of a class or function."""
        found = names.public(obj) if isinstance(obj, NAMED) else None
        if found is None:
            super().save_global(obj, name)  # type: ignore[misc]
        elif self.proto >= 4:
            self.save(found[0])  # type: ignore[attr-defined]
            self.save(found[1])  # type: ignore[attr-defined]
            self.write(pickle.STACK_GLOBAL)  # type: ignore[attr-defined]
            self.memoize(obj)  # type: ignore[attr-defined]
        else:
            self.write(b"c" + "{}\n{}\n".format(*found).encode())  # type: ignore[attr-defined]
            self.memoize(obj)  # type: ignore[attr-defined]


@functools.cache
def _class(pickle_module: Any) -> Any:
    base = pickle_module.Pickler
    if base is pickle.Pickler:
        base = pickle._Pickler  # type: ignore[attr-defined]
    in_python = issubclass(base, pickle._Pickler)  # type: ignore[attr-defined]
    return type("Pickler", (Writing, base), {"renames": in_python} if in_python else {"renames": False, "save_global": None})


def dump(obj: Any, file: Any, storages: Storages, pickle_module: Any, protocol: int) -> None:
    """Pickle an object into a file; its storages are noted in `storages`."""
    pickler = _class(pickle_module)(file, protocol)
    pickler.storages = storages
    pickler.dump(obj)
