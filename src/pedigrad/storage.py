"""torch.storage: the memory of tensors as objects, of bytes and of elements."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .core import dtypes
from .core.declare import publish
from .core.device import device, require_cpu
from .core.memory import UntypedStorage, laid
from .core.origin import located, warn
from .core.tensor import Tensor, wrap
from .ops.shape.convert import LEGACY_NAMES

__all__ = ["TypedStorage", "UntypedStorage"]

NAMES = {dtypes.named(d): f"{name}Storage" for d, name in LEGACY_NAMES.items()}  # uint16 and the like have no class
NAMES |= {dtypes.named(d): f"{name}Storage" for d, name in (("qint8", "QInt8"), ("quint8", "QUInt8"), ("qint32", "QInt32"))}


class TypedStorage:
    """Memory as elements of a dtype: `TypedStorage(4, dtype=torch.int64)`, or `t.storage()`."""

    def __init__(
        self, *given: Any, wrap_storage: Any = None, dtype: Any = None, device: Any = None, _internal: bool = False
    ) -> None:  # fmt: skip
        require_cpu(device)
        self.dtype = dtypes.get_default_dtype() if dtype is None else dtype
        if wrap_storage is not None:
            if given or not isinstance(wrap_storage, UntypedStorage):
                raise TypeError(located("TypedStorage(): wrap_storage must be an UntypedStorage, without other arguments"))
            self._untyped_storage = wrap_storage
            return
        if len(given) > 1:
            raise TypeError(located(f"TypedStorage() takes one size or sequence, got {len(given)} arguments"))
        kind = dtypes.to_numpy(self.dtype)
        if not given:
            self._untyped_storage = UntypedStorage(0)
        elif isinstance(given[0], Sequence):
            self._untyped_storage = UntypedStorage.on(np.array(given[0], kind))
        else:
            self._untyped_storage = UntypedStorage(int(given[0]) * kind.itemsize)

    @property
    def elements(self) -> Any:
        """Its memory as an array of its dtype."""
        return laid(self._untyped_storage, self.dtype, 0, (self.size(),), (1,))

    @property
    def device(self) -> device:
        """Where it is: `cpu`, or `meta` for one without memory."""
        return self._untyped_storage.device

    is_cuda = is_hpu = is_sparse = False

    @property
    def filename(self) -> str | None:
        """The file it is mapped from, if it is."""
        return self._untyped_storage.filename

    def untyped(self) -> UntypedStorage:
        """The same memory, as bytes."""
        return self._untyped_storage

    def size(self) -> int:
        """How many elements it has."""
        return self._untyped_storage.nbytes() // self.dtype.itemsize

    __len__ = _size = size

    def nbytes(self) -> int:
        """How many bytes it has."""
        return self._untyped_storage.nbytes()

    def element_size(self) -> int:
        """The size of one element in bytes."""
        return self.dtype.itemsize

    def data_ptr(self) -> int:
        """The address of its first element."""
        return self._untyped_storage.data_ptr()

    def get_device(self) -> int:
        """-1: the CPU."""
        return -1

    def pickle_storage_type(self) -> str:
        """The name of its class in pickles."""
        return NAMES.get(self.dtype, "UntypedStorage")

    def tolist(self) -> list[Any]:
        """Its elements as Python numbers."""
        return wrap(self.elements).tolist()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            raise RuntimeError(located("slices are only supported in UntypedStorage.__getitem__"))
        if not isinstance(index, int):
            raise TypeError(located(f"can't index a TypedStorage with {type(index).__name__}"))
        if not -self.size() <= index < self.size():
            raise IndexError(located(f"index {index} is out of range for a storage of size {self.size()}"))
        return wrap(self.elements[index : index + 1 or None]).item()

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(value, TypedStorage):
            value = value.elements
        self.elements[index] = value

    def __repr__(self) -> str:
        if self.device.type == "meta":
            return f"...\n[torch.storage.TypedStorage(dtype={self.dtype}, device=meta) of size {self.size()}]"
        shown = self.tolist() if self.size() <= 1000 else [*self.elements[:3].tolist(), "..."]
        lines = "".join(f" {each}\n" for each in shown)
        return f"{lines}[torch.storage.TypedStorage(dtype={self.dtype}, device=cpu) of size {self.size()}]"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TypedStorage) and self.untyped() == other.untyped() and self.dtype is other.dtype

    def __hash__(self) -> int:
        return hash(self._untyped_storage)

    def _like(self, storage: UntypedStorage) -> TypedStorage:
        return TypedStorage(wrap_storage=storage, dtype=self.dtype)

    def fill_(self, value: Any) -> TypedStorage:
        """Write `value` into each element; returns it."""
        self.elements[...] = value
        return self

    def copy_(self, source: Any, non_blocking: bool | None = None) -> TypedStorage:
        """Copy the elements of another storage into this one, converted to its dtype; returns it."""
        elements = source.elements if isinstance(source, TypedStorage) else source.array
        if elements.size != self.size():
            raise RuntimeError(located(f"size does not match: self has {self.size()} elements, source {elements.size}"))
        self.elements[...] = elements
        return self

    def resize_(self, size: int) -> TypedStorage:
        """Give it another number of elements in place; RuntimeError where tensors lie in it."""
        self._untyped_storage.resize_(size * self.dtype.itemsize)
        return self

    def clone(self) -> TypedStorage:
        """A copy."""
        return self._like(self._untyped_storage.clone())

    def cpu(self) -> TypedStorage:
        """Itself."""
        return self

    def to(self, *, device: Any, non_blocking: bool = False) -> TypedStorage:
        """Itself: there is one device."""
        require_cpu(device)
        return self

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The name of its class; with `dtype`, a class or its name, the elements converted."""
        if dtype is None:
            return f"torch.{self.pickle_storage_type()}"
        name = dtype if isinstance(dtype, str) else f"torch.{dtype.__name__}"
        found = next((d for d, each in NAMES.items() if f"torch.{each}" == name), None)
        if found is None:
            raise ValueError(located(f"invalid type: {dtype!r}"))
        return self._to(found)

    def _to(self, dtype: dtypes.dtype) -> TypedStorage:
        array = self.elements.astype(dtypes.to_numpy(dtype), copy=True)
        return TypedStorage(wrap_storage=UntypedStorage.on(array), dtype=dtype)

    def is_shared(self) -> bool:
        """Whether other processes can be handed it."""
        return self._untyped_storage.is_shared()

    def share_memory_(self) -> TypedStorage:
        """Itself, in memory that other processes can be handed."""
        self._untyped_storage.share_memory_()
        return self

    @classmethod
    def _new_shared(cls, size: int, device: Any = None) -> TypedStorage:
        dtype = getattr(cls, "dtype", None) or dtypes.get_default_dtype()
        return TypedStorage(wrap_storage=UntypedStorage._new_shared(size * dtype.itemsize), dtype=dtype)

    @classmethod
    def from_file(cls, filename: Any, shared: bool = False, size: int = 0) -> TypedStorage:
        """Elements of a file, mapped into memory; what is written to them reaches the file if `shared`."""
        dtype = getattr(cls, "dtype", None) or dtypes.get_default_dtype()
        return TypedStorage(wrap_storage=UntypedStorage.from_file(filename, shared, size * dtype.itemsize), dtype=dtype)

    @classmethod
    def from_buffer(cls, *args: Any, **kwargs: Any) -> TypedStorage:
        """A copy of the elements in a buffer."""
        dtype = kwargs.setdefault("dtype", getattr(cls, "dtype", None) or dtypes.get_default_dtype())
        return TypedStorage(wrap_storage=UntypedStorage.from_buffer(*args, **kwargs), dtype=dtype)

    def __copy__(self) -> TypedStorage:
        return self.clone()

    def __deepcopy__(self, memo: dict[int, Any]) -> TypedStorage:
        return self._like(self._untyped_storage.__deepcopy__(memo))

    def __reduce__(self) -> tuple[Any, ...]:
        return _typed, (self._untyped_storage, self.dtype)


def _typed(storage: UntypedStorage, dtype: dtypes.dtype) -> TypedStorage:
    return TypedStorage(wrap_storage=storage, dtype=dtype)


class _OneDtype(type):
    """The type of `FloatStorage` and its relatives: they make typed storages, and `isinstance` asks for the dtype."""

    dtype: Any

    def __call__(
        cls, *given: Any, wrap_storage: Any = None, dtype: Any = None, device: Any = None, _internal: bool = False
    ) -> Any:  # fmt: skip
        if dtype is not None:
            raise RuntimeError(located(f"{cls.__name__}.__new__ received an unexpected keyword argument 'dtype'"))
        return TypedStorage(*given, wrap_storage=wrap_storage, dtype=cls.dtype, device=device, _internal=_internal)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, TypedStorage) and instance.dtype is cls.dtype


class _LegacyStorage(TypedStorage, metaclass=_OneDtype):
    pass


LEGACY_STORAGES: dict[str, Any] = {
    name: _OneDtype(name, (_LegacyStorage,), {"dtype": d, "__module__": __name__}) for d, name in NAMES.items()
}
globals().update(LEGACY_STORAGES)


def storage_dtype(kind: Any) -> dtypes.dtype:
    """The dtype that a class of storages in a pickle stands for."""
    if kind is UntypedStorage or kind is TypedStorage:
        return dtypes.uint8
    dtype = getattr(kind, "dtype", None) if isinstance(kind, type) else None
    if not isinstance(dtype, dtypes.dtype):
        raise pickle.UnpicklingError("the pickle refers to a storage of a type that is none")
    return dtype


def _convert(name: str, dtype: dtypes.dtype) -> None:
    def convert(self: TypedStorage) -> TypedStorage:
        return self._to(dtype)

    convert.__name__, convert.__doc__ = name, f"A copy as {dtype} elements."
    setattr(TypedStorage, name, convert)


for _name, _dtype in {
    **dtypes.ALIASES,
    "byte": dtypes.uint8,
    "char": dtypes.int8,
    "bool": dtypes.bool_,
    "bfloat16": dtypes.bfloat16,
}.items():
    if _name not in ("cfloat", "cdouble"):
        _convert(_name, _dtype)


def storage(self: Tensor) -> TypedStorage:
    """The memory it lies in, as elements of its dtype."""
    warn("TypedStorage is deprecated: ask for tensor.untyped_storage() instead of tensor.storage()")
    return typed_storage(self)


def typed_storage(self: Tensor) -> TypedStorage:
    """The memory it lies in, as elements of its dtype."""
    return TypedStorage(wrap_storage=self.untyped_storage(), dtype=self.dtype)  # type: ignore[attr-defined]


def storage_type(self: Tensor) -> Any:
    """The class of its storage."""
    return LEGACY_STORAGES.get(NAMES.get(self.dtype, ""), TypedStorage)


def is_storage(obj: Any) -> bool:
    """Whether it is a storage, of bytes or of elements."""
    return isinstance(obj, (UntypedStorage, TypedStorage))


publish(is_storage, "is_storage", ["torch"])
publish(storage, "storage", ["Tensor"])
publish(typed_storage, "_typed_storage", ["Tensor"])
publish(storage_type, "storage_type", ["Tensor"])
