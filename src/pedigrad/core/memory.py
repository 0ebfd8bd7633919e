"""UntypedStorage: the memory that tensors lie in, as an object; and what pickle keeps of tensors.

There is one such object per memory as long as anybody holds it, so what is pickled together stays on one memory.
"""

from __future__ import annotations

import copy
import mmap
import os
import pickle
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from . import device as devices
from . import dtypes, meta
from .declare import publish
from .layout import steps
from .origin import located
from .shared import SharedMemory
from .storage import Between, Buffer, on_buffer, whole_of
from .tensor import Tensor, read

Array = np.ndarray[Any, Any]
_new = object.__new__


class UntypedStorage:
    """A number of bytes of memory: `UntypedStorage(8)`, `UntypedStorage([1, 2, 3])`."""

    __slots__ = ("__weakref__", "array", "filename", "shared")
    array: Array  # of uint8
    shared: SharedMemory | None
    filename: str | None

    def __init__(self, *given: Any, device: Any = None):
        devices.require_cpu(device)
        if len(given) > 1:
            raise TypeError(located(f"UntypedStorage() takes one size or sequence, got {len(given)} arguments"))
        self.array = _filled(given[0]) if given else np.empty(0, np.uint8)
        self.shared = self.filename = None
        _known[id(self.array)] = self

    @classmethod
    def on(cls, array: Array) -> UntypedStorage:
        """The storage of an array: all of the memory it lies in."""
        whole = whole_of(array)
        found = _known.get(id(whole))
        if found is None or whole_of(found.array) is not whole:  # it moved away: `share_memory_`
            found = _known[id(whole)] = _new(cls)
            found.array = _bytes_of(whole)
            lender = getattr(whole.base, "base", None) if isinstance(whole.base, Between) else None
            owner = lender.owner if isinstance(lender, Buffer) else None
            found.shared = owner if isinstance(owner, SharedMemory) else None
            found.filename = None
        return found

    @classmethod
    def from_file(cls, filename: Any, shared: bool = False, nbytes: int = 0) -> UntypedStorage:
        """The first `nbytes` bytes of a file, mapped into memory; what is written to them reaches the file if `shared`."""
        mode = os.O_RDWR | os.O_CREAT if shared else os.O_RDONLY
        descriptor = os.open(filename, mode, 0o666)
        try:
            if shared and os.fstat(descriptor).st_size < nbytes:
                os.truncate(descriptor, nbytes)
            if os.fstat(descriptor).st_size < nbytes:
                raise RuntimeError(located(f"{filename} has {os.fstat(descriptor).st_size} bytes, not {nbytes}"))
            access = mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY
            out = cls.lent(mmap.mmap(descriptor, nbytes, access=access)) if nbytes else cls(0)
        finally:
            os.close(descriptor)
        out.filename = os.fspath(filename)
        return out

    @classmethod
    def lent(cls, owner: Any, offset: int = 0, nbytes: int | None = None) -> UntypedStorage:
        """A storage of its own on bytes of what lends a buffer: a mapped file, say."""
        memory = owner.map if isinstance(owner, SharedMemory) else owner
        plain = np.frombuffer(memory, np.uint8, -1 if nbytes is None else nbytes, offset)
        return cls.on(np.asarray(Between(plain.__array_interface__, Buffer(owner))))

    @classmethod
    def nowhere(cls, nbytes: int) -> UntypedStorage:
        """A storage of so many bytes on `meta`: without memory."""
        return cls.on(meta.empty((nbytes,), np.uint8))

    @classmethod
    def from_buffer(cls, buffer: Any, count: int = -1, offset: int = 0, dtype: Any = None, byte_order: str = "native") -> UntypedStorage:
        """A copy of the bytes of a buffer, from `offset` on; elements of `dtype` turned to this machine's byte order."""
        kind = dtypes.to_numpy(dtype or dtypes.uint8)
        if kind.itemsize > 1 and byte_order == "big":
            kind = kind.newbyteorder(">")
        found = np.frombuffer(buffer, kind, count, offset)
        return cls.on(found.astype(found.dtype.newbyteorder("="), copy=True))

    @classmethod
    def _new_shared(cls, size: int, *, device: Any = "cpu") -> UntypedStorage:
        """A storage of zeros in memory that other processes can be handed."""
        devices.require_cpu(device)
        return cls._on_shared(SharedMemory.new(size))

    @classmethod
    def _on_shared(cls, memory: SharedMemory) -> UntypedStorage:
        """The storage on shared memory, of which there is one in a process."""
        whole = None if memory.whole is None else memory.whole()
        if whole is not None:
            return cls.on(whole)
        out = cls.lent(memory) if memory.size else cls(0)
        memory.whole = weakref.ref(out.array)
        return out

    # What it says of itself

    @property
    def device(self) -> devices.device:
        """Where it is: `cpu`, or `meta` for one without memory."""
        return devices.META if meta.is_meta(self.array) else devices.CPU

    is_cuda = is_hpu = is_sparse = is_sparse_csr = False

    def nbytes(self) -> int:
        """How many bytes it has."""
        return self.array.size

    size = __len__ = nbytes

    def element_size(self) -> int:
        """1."""
        return 1

    def data_ptr(self) -> int:
        """The address of its first byte; 0 if it has none."""
        return self.array.__array_interface__["data"][0] if self.array.size and not meta.is_meta(self.array) else 0

    def get_device(self) -> int:
        """-1: the CPU."""
        return -1

    def resizable(self) -> bool:
        """Whether it owns its memory."""
        return self.array.flags.owndata

    def is_shared(self) -> bool:
        """Whether other processes can be handed it."""
        return self.shared is not None

    def is_pinned(self, device: Any = None) -> bool:
        """False."""
        return False

    def untyped(self) -> UntypedStorage:
        """Itself."""
        return self

    def tolist(self) -> list[int]:
        """Its bytes as numbers."""
        return self.array.tolist()

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            if index.step not in (None, 1):
                raise RuntimeError(located(f"storages take slices of step 1 only, got {index.step}"))
            return UntypedStorage.on(np.array(self.array[index]))
        return int(self.array[_within(index, self.array.size)])

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(value, UntypedStorage):
            value = value.array
        self.array[index if isinstance(index, slice) else _within(index, self.array.size)] = value

    def __iter__(self) -> Iterator[int]:
        return iter(self.array.tolist())

    def __repr__(self) -> str:
        if meta.is_meta(self.array):
            return f"...\n[torch.storage.UntypedStorage(device=meta) of size {self.array.size}]"
        lines = "".join(f" {each}\n" for each in (self.tolist() if self.array.size <= 1000 else [*self.array[:3].tolist(), "..."]))
        return f"{lines}[torch.storage.UntypedStorage(device=cpu) of size {self.array.size}]"

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, UntypedStorage) and self.data_ptr() == other.data_ptr() != 0)

    def __hash__(self) -> int:
        return id(self) if not self.array.size else hash(self.data_ptr())

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + self.array.size

    # What is done with it

    def resize_(self, size: int) -> UntypedStorage:
        """Give it another size in place; RuntimeError where tensors lie in it."""
        if size == self.array.size:
            return self
        if self.shared is not None:
            raise RuntimeError(located("shared memory cannot be resized: make a new storage and copy into it"))
        if self.array.flags.owndata:
            try:
                self.array.resize(size)
                return self
            except ValueError:
                pass
        message = f"resize_({size}): tensors lie in this storage of {self.array.size} bytes, and pedigrad moves no memory under them"
        raise RuntimeError(located(f"{message}. Make a new storage of that size and use copy_() and Tensor.set_()"))

    def copy_(self, source: Any, non_blocking: bool = False) -> UntypedStorage:
        """Copy the bytes of a storage of the same size into this one; returns it."""
        array = source.untyped().array
        if array.size != self.array.size:
            raise RuntimeError(located(f"size does not match: self was {self.array.size} bytes while source was {array.size}"))
        self.array[...] = array
        return self

    def fill_(self, value: int) -> UntypedStorage:
        """Write `value` into each byte; returns it."""
        self.array[...] = value
        return self

    def clone(self) -> UntypedStorage:
        """A copy."""
        return UntypedStorage.on(np.array(self.array))

    def cpu(self) -> UntypedStorage:
        """Itself."""
        return self

    def new(self) -> UntypedStorage:
        """An empty storage."""
        return UntypedStorage(0)

    def share_memory_(self) -> UntypedStorage:
        """Itself, in memory that other processes can be handed; tensors that lie in it already stay where they are."""
        if self.shared is None:
            moved = UntypedStorage._new_shared(self.array.size).copy_(self)
            self.array, self.shared = moved.array, moved.shared
            _known[id(self.array)] = self
        return self

    def __copy__(self) -> UntypedStorage:
        return self.clone()

    def __deepcopy__(self, memo: dict[int, Any]) -> UntypedStorage:
        if id(self) not in memo:
            memo[id(self)] = self.clone()
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        if protocol >= 5 and self.array.size:  # the bytes may go beside the pickle
            return _from_bytes, (pickle.PickleBuffer(self.array.data),)
        return _from_bytes, (self.array.tobytes(),)


_known: weakref.WeakValueDictionary[int, UntypedStorage] = weakref.WeakValueDictionary()


def _filled(given: Any) -> Array:
    if isinstance(given, (int, np.integer)):
        if given < 0:
            raise RuntimeError(located(f"Storage size must not be negative, got {given}"))
        return np.empty(int(given), np.uint8)
    if isinstance(given, Sequence):
        return np.array(given, np.uint8)
    raise TypeError(located(f"UntypedStorage() takes a size or a sequence of numbers, not {type(given).__name__}"))


def _within(index: int, size: int) -> int:
    if not -size <= index < size:
        raise IndexError(located(f"index {index} is out of range for a storage of size {size}"))
    return index


def _bytes_of(whole: Array) -> Array:
    """The memory of an array, whatever its order, as bytes."""
    if whole.dtype == np.uint8 and whole.ndim == 1 and whole.flags.c_contiguous:
        return whole
    low, high = byte_bounds(whole) if whole.size else (whole.__array_interface__["data"][0],) * 2
    interface = {"data": (low, not whole.flags.writeable), "shape": (high - low,), "typestr": "|u1", "version": 3}
    return np.asarray(Between(interface, whole))


def _from_bytes(data: Any) -> UntypedStorage:
    """A storage of these bytes, from a pickle: on their memory where that may be written to."""
    array = np.frombuffer(data, np.uint8)
    return UntypedStorage.on(on_buffer(array) if array.flags.writeable else array.copy())


def place(array: Array) -> tuple[UntypedStorage, int, tuple[int, ...]]:
    """Where an array lies: storage, offset and strides in elements; in a copy where these are no whole numbers of elements."""
    storage = UntypedStorage.on(array)
    size = array.itemsize
    offset = array.__array_interface__["data"][0] - storage.array.__array_interface__["data"][0] if array.size else 0
    if offset % size or storage.nbytes() % size or (array.size and any(step % size or step < 0 for step in array.strides)):
        return place(np.array(array, order="C"))
    return storage, offset // size, steps(array)


def laid(storage: UntypedStorage, dtype: dtypes.dtype, offset: int, size: Sequence[int], stride: Sequence[int]) -> Array:
    """The array of this shape in a storage; offset and strides in elements. RuntimeError where it reaches beyond the end."""
    kind = dtypes.to_numpy(dtype)
    if len(size) != len(stride):
        raise RuntimeError(located(f"sizes and strides differ in number: {tuple(size)} and {tuple(stride)}"))
    if offset < 0 or any(n < 0 for n in size) or any(n < 0 for n in stride):
        raise RuntimeError(located(f"offset {offset}, sizes {tuple(size)} and strides {tuple(stride)} must not be negative"))
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) + 1 if all(size) else 0
    if last * kind.itemsize > storage.nbytes():
        shown = f"sizes {tuple(size)}, strides {tuple(stride)}, storage offset {offset}, and itemsize {kind.itemsize}"
        message = f"setStorage: {shown} require a storage of {last * kind.itemsize} bytes: out of bounds for one of {storage.nbytes()}"
        raise RuntimeError(located(message))
    try:
        if not last:
            return meta.empty(tuple(size), kind) if meta.is_meta(storage.array) else np.empty(size, kind)
        steps = [step * kind.itemsize for step in stride]
        return np.ndarray(size, kind, storage.array, offset * kind.itemsize, steps)  # type: ignore[arg-type]
    except (ValueError, OverflowError) as error:
        raise RuntimeError(located(f"no tensor has sizes {tuple(size)} and strides {tuple(stride)}: {error}")) from error


# Pickle


def rebuilt(
    cls: type, storage: UntypedStorage, dtype: dtypes.dtype, offset: int, size: Any, stride: Any, needs_grad: bool, attributes: Any
) -> Tensor:
    """A tensor of class `cls` in a storage, from a pickle."""
    out: Any = _new(cls)
    out.__setstate__((laid(storage, dtype, offset, size, stride), needs_grad, attributes))
    return out


def nowhere(cls: type, dtype: dtypes.dtype, size: Any, stride: Any, needs_grad: bool, attributes: Any) -> Tensor:
    """A tensor of class `cls` on `meta`, from a pickle."""
    out: Any = _new(cls)
    out.__setstate__((meta.strided(size, stride, dtypes.to_numpy(dtype)), needs_grad, attributes))
    return out


def attributes_of(tensor: Tensor) -> dict[str, Any]:
    """What users have set on a tensor."""
    return {name: value for name, value in tensor.__dict__.items() if name not in ("_grad", "_retains")}


def _reduce(self: Tensor, protocol: Any) -> tuple[Any, ...]:
    """Place in the storage, attributes, whether it needs a gradient; a tensor with a history comes back as a leaf."""
    read(self._array, "a copy or pickle()")
    storage, offset, stride = place(self._array)
    if meta.is_meta(self._array):
        return nowhere, (type(self), self.dtype, tuple(self._array.shape), stride, self.requires_grad, attributes_of(self))
    arguments = (type(self), storage, self.dtype, offset, tuple(self._array.shape), stride, self.requires_grad, attributes_of(self))
    return rebuilt, arguments


def _copy(self: Tensor) -> Tensor:
    """A leaf on the same memory."""
    read(self._array, "a copy or pickle()")
    out: Any = _new(type(self))
    out.__setstate__((self._array, self.requires_grad, copy.copy(attributes_of(self))))
    return out


def untyped_storage(self: Tensor) -> UntypedStorage:
    """The memory it lies in, as bytes."""
    read(self._array, "untyped_storage()")
    return UntypedStorage.on(self._array)


def is_shared(self: Tensor) -> bool:
    """Whether it lies in memory that other processes can be handed."""
    return UntypedStorage.on(self._array).is_shared()


def share_memory_(self: Tensor) -> Tensor:
    """Itself, moved into memory that other processes can be handed; other tensors on its memory stay where they are."""
    read(self._array, "share_memory_()")
    storage, offset, stride = place(self._array)
    if not storage.is_shared():
        shared = UntypedStorage._new_shared(storage.nbytes()).copy_(storage)
        self._array = laid(shared, self.dtype, offset, self._array.shape, stride)
    return self


for _method in (untyped_storage, is_shared, share_memory_):
    publish(_method, _method.__name__, ["Tensor"])
publish(_reduce, "__reduce_ex__", ["Tensor"])
publish(_copy, "__copy__", ["Tensor"])
