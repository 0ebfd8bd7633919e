"""`load`: what `save` has written, here or in PyTorch."""

from __future__ import annotations

import contextlib
import functools
import io
import mmap as maps
import os
import pickle
import pickletools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.memory import UntypedStorage
from ..storage import TypedStorage, storage_dtype
from . import names
from .allowed import unsafe_names
from .archive import ArchiveReader
from .legacy import load_legacy
from .locations import restorer
from .unpickler import Unpickler


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """The object in a file, given as a path or as a file that is open for reading in binary mode.

    With `weights_only`, the default, only tensors, plain containers and what `add_safe_globals` allows is made, and no code of the
    file's is run. `mmap` leaves the tensors of a file at a path where they are, to be read when they are looked at.

    Args:
        f: a path, or a file open for reading.
        map_location: where tensors go: a device, a dict of devices by name, or a function of a storage and its device.
        pickle_module: the module that reads pickles, without `weights_only`.
        pickle_load_args: options of its `Unpickler`.

    Raises:
        UnpicklingError: the file holds something that `weights_only` does not allow.

    >>> import io
    >>> file = io.BytesIO()
    >>> torch.save([torch.arange(3)], file)
    >>> _ = file.seek(0)
    >>> torch.load(file)
    [tensor([0, 1, 2])]
    """
    if weights_only is None:
        weights_only = pickle_module is None
    if os.environ.get("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "0").lower() in ("1", "y", "yes", "true"):
        weights_only = True
    if weights_only and pickle_module is not None:
        raise RuntimeError("load(): pickle_module has no meaning with weights_only=True, which has an unpickler of its own")
    encoding = pickle_load_args.setdefault("encoding", "utf-8")
    is_path = isinstance(f, (str, bytes, os.PathLike))
    if mmap and not is_path:
        raise ValueError("load(): f must be a path where mmap=True, so that the file can be mapped")
    restore = restorer(map_location)

    def unpickle(data: Any, start: int, persistent_load: Callable[[Any], Any] | None) -> tuple[Any, int]:
        if weights_only:
            reader = Unpickler(data, start, encoding, persistent_load)
            return reader.load(), reader.end
        return _trusted(data, start, persistent_load, pickle_module or pickle, pickle_load_args)

    with _opened(f) as file:
        start = file.tell()
        head = file.read(4)
        file.seek(start)
        if head == b"PK\3\4":
            return _load_archive(file, unpickle, restore, f if mmap else None)
        if mmap:
            message = "load(): mmap=True needs a file that torch.save wrote with _use_new_zipfile_serialization=True"
            raise RuntimeError(f"{message}: this one is of the old format, or damaged at its beginning")
        return load_legacy(file, unpickle, restore)


@contextlib.contextmanager
def _opened(f: Any) -> Iterator[Any]:
    """A file that can be read and sought in."""
    if isinstance(f, (str, bytes, os.PathLike)):
        with open(f, "rb") as file:
            yield file
        return
    for method in ("read", "seek", "tell"):
        if not hasattr(f, method):
            raise AttributeError(
                f"load(): a file has 'read', 'seek' and 'tell', and {type(f).__name__} has no {method!r}:"
                " read its bytes into an io.BytesIO and load from that"
            )
    try:
        f.tell()
    except (OSError, io.UnsupportedOperation) as error:
        raise AttributeError("load(): the file cannot be sought in: read its bytes into an io.BytesIO and load from that") from error
    yield f


def _trusted(data: Any, start: int, persistent_load: Any, pickle_module: Any, arguments: dict[str, Any]) -> tuple[Any, int]:
    """The object in a pickle, and where it ended, read by an unpickler that runs whatever it holds."""
    stream = io.BytesIO(memoryview(data)[start:])
    reader = _unpickler(pickle_module)(stream, **arguments)
    if persistent_load is not None:
        reader.persistent_load = persistent_load
    return reader.load(), start + stream.tell()


@functools.cache
def _unpickler(pickle_module: Any) -> Any:
    base = pickle_module.Unpickler

    def find_class(self: Any, module: str, name: str) -> Any:
        found = names.ours(module, name)
        return base.find_class(self, module, name) if found is None else found

    return type("Unpickler", (base,), {"find_class": find_class})


def _load_archive(file: Any, unpickle: Any, restore: Callable[[Any, str], Any], mapped: Any) -> Any:
    archive = ArchiveReader(file)
    if "constants.pkl" in archive:
        raise RuntimeError("this is a TorchScript archive, as torch.jit.save writes them; pedigrad has no jit: save the state_dict")
    big = "byteorder" in archive and archive.read("byteorder").tobytes() == b"big"
    whole: Any = maps.mmap(file.fileno(), 0, access=maps.ACCESS_COPY) if mapped is not None else None
    loaded: dict[str, TypedStorage] = {}

    def persistent_load(identity: Any) -> TypedStorage:
        if not isinstance(identity, tuple) or len(identity) != 5 or identity[0] != "storage":
            raise pickle.UnpicklingError("the pickle refers to something by what is no description of a storage")
        _, kind, key, location, count = identity
        dtype = storage_dtype(kind)
        if not isinstance(key, str) or not isinstance(location, str) or type(count) is not int:
            raise pickle.UnpicklingError("the pickle refers to a storage whose key, location or size is of a wrong type")
        found = loaded.get(key)
        if found is None:
            storage = _read_storage(archive, f"data/{key}", count * dtype.itemsize, whole)
            if mapped is not None:
                storage.filename = os.fsdecode(mapped)
            if big and dtype.itemsize > 1:
                storage.array[...] = swapped(storage.array, dtype)
            found = loaded[key] = TypedStorage(wrap_storage=untyped(restore(storage, location)), dtype=dtype)
        elif found.dtype is not dtype:
            raise pickle.UnpicklingError(f"the pickle has the storage {key} as {found.dtype} and as {dtype}")
        return found

    return unpickle(archive.read("data.pkl").data, 0, persistent_load)[0]


def untyped(storage: Any) -> UntypedStorage:
    """What a location's rule has returned, as bytes."""
    if isinstance(storage, TypedStorage):
        return storage._untyped_storage
    if not isinstance(storage, UntypedStorage):
        raise TypeError(f"load(): map_location must return a storage, or None, not {type(storage).__name__}")
    return storage


def _read_storage(archive: ArchiveReader, name: str, nbytes: int, whole: Any) -> UntypedStorage:
    start, size = archive.place(name)
    if size != nbytes:
        raise RuntimeError(f"the record {name!r} has {size} bytes, and the pickle says {nbytes}: the file is damaged. Make it anew")
    if whole is None or not size:
        return UntypedStorage.on(archive.read(name))
    return UntypedStorage.lent(whole, start, size)


def swapped(array: np.ndarray[Any, Any], dtype: dtypes.dtype) -> np.ndarray[Any, Any]:
    """Bytes of elements of `dtype` from a machine of the other byte order."""
    size = dtype.itemsize // (2 if dtype.is_complex else 1)
    return array.view(f"u{size}").byteswap().view(np.uint8)


def get_unsafe_globals_in_checkpoint(f: Any) -> list[str]:
    """The names in a file that `weights_only=True` does not allow."""
    with _opened(f) as file:
        data = ArchiveReader(file).read("data.pkl").tobytes()
    return unsafe_names(pickletools.genops(data))
