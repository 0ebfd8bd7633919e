"""How tensors go from one process to another: as the shared memory they lie in."""

from __future__ import annotations

import collections
import os
import weakref
from multiprocessing.reduction import DupFd, ForkingPickler
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.memory import UntypedStorage, attributes_of, laid, place
from ..core.shared import SharedMemory
from ..core.tensor import Tensor, read
from ..nn.parameter import Parameter
from ..storage import TypedStorage

_received: weakref.WeakValueDictionary[tuple[int, int], SharedMemory] = weakref.WeakValueDictionary()  # by device and number of the file
_sent: collections.deque[SharedMemory] = collections.deque(maxlen=1000)


def _known_or(about: os.stat_result, make: Any) -> SharedMemory:
    """The memory of a file that this process has mapped before, or what `make` maps."""
    known = _received.get((about.st_dev, about.st_ino))
    if known is None:
        known = _received[about.st_dev, about.st_ino] = make()
    return known


def _of_descriptor(received: Any, size: int) -> UntypedStorage:
    """The storage on memory whose descriptor another process has sent."""
    descriptor = received.detach()
    memory = _known_or(os.fstat(descriptor), lambda: SharedMemory(descriptor, None, size))
    if memory.descriptor != descriptor:
        os.close(descriptor)
    return UntypedStorage._on_shared(memory)


def _of_name(path: str, size: int) -> UntypedStorage:
    """The storage on memory that another process has a file for."""
    try:
        memory = _known_or(os.stat(path), lambda: SharedMemory(None, path, size))
    except FileNotFoundError as error:
        message = f"the memory {path} of a tensor from another process is gone: that process must live until the tensor is read"
        raise RuntimeError(message) from error
    return UntypedStorage._on_shared(memory)


def reduce_storage(storage: UntypedStorage) -> tuple[Any, ...]:
    """The shared memory of a storage, which is moved there if it was not."""
    if not storage.nbytes():
        return UntypedStorage, (0,)
    memory = storage.share_memory_().shared
    assert memory is not None
    if memory.descriptor is None:
        path = str(memory.name)
        _known_or(os.stat(path), lambda: memory)
        _sent.append(memory)  # its file must be there when the other process opens it
        return _of_name, (path, memory.size)
    _known_or(os.fstat(memory.descriptor), lambda: memory)
    return _of_descriptor, (DupFd(memory.descriptor), memory.size)


def _tensor(
    cls: type, storage: UntypedStorage, dtype: dtypes.dtype, offset: int, size: Any, stride: Any, needs_grad: bool, attributes: Any
) -> Tensor:
    out: Any = object.__new__(cls)
    out.__setstate__((laid(storage, dtype, offset, size, stride), needs_grad, attributes))
    return out


def reduce_tensor(tensor: Tensor) -> tuple[Any, ...]:
    """The shared memory of a tensor and its place there; RuntimeError for one with a history, which stays where it is."""
    if tensor.requires_grad and not tensor.is_leaf:
        message = "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support crossing process"
        raise RuntimeError(f"{message} boundaries: send tensor.detach()")
    read(tensor._array, "a queue")
    storage, offset, stride = place(tensor._array)
    if not storage.is_shared() and tensor._array.size:
        if storage.nbytes() == tensor._array.nbytes:
            tensor.share_memory_()  # type: ignore[attr-defined]
            storage, offset, stride = place(tensor._array)
        else:  # a small part of a large memory goes as a copy
            storage, offset, stride = place(np.array(tensor._array, order="C"))
    arguments = (type(tensor), storage, tensor.dtype, offset, tuple(tensor._array.shape), stride, tensor.requires_grad)
    return _tensor, (*arguments, attributes_of(tensor))


def reduce_typed_storage(storage: TypedStorage) -> tuple[Any, ...]:
    return _typed, (storage._untyped_storage, storage.dtype)


def _typed(storage: UntypedStorage, dtype: dtypes.dtype) -> TypedStorage:
    return TypedStorage(wrap_storage=storage, dtype=dtype)


def init_reductions() -> None:
    """Have Python's queues and pipes hand over tensors by their memory."""
    ForkingPickler.register(UntypedStorage, reduce_storage)
    ForkingPickler.register(TypedStorage, reduce_typed_storage)
    for kind in (Tensor, Parameter):
        ForkingPickler.register(kind, reduce_tensor)
