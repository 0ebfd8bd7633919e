"""`save`: an object and its storages into a zip archive."""

from __future__ import annotations

import io
import os
import pickle
import sys
import zlib
from typing import Any

from .archive import ALIGNMENT, ArchiveWriter
from .atomic import replacing
from .pickler import Storages, dump

DEFAULT_PROTOCOL = 2
_LEGACY_MAGIC, _LEGACY_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


def save(
    obj: Any,
    f: Any,
    pickle_module: Any = pickle,
    pickle_protocol: int = DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Write `obj` to a path, or to a file that is open for writing; what is at a path stays whole until the new file is.

    Args:
        obj: anything that can be pickled; tensors that share memory share it in the file.
        f: a path, or a file open for writing.
        pickle_module: the module that writes pickles.
        pickle_protocol: the version of their format.

    >>> import io, pedigrad as torch
    >>> file = io.BytesIO()
    >>> torch.save({"w": torch.ones(2)}, file)
    >>> _ = file.seek(0)
    >>> torch.load(file)
    {'w': tensor([1., 1.])}
    """
    if not hasattr(pickle_module, "Pickler"):
        raise TypeError(f"save(): pickle_module must be a module with a Pickler, got {type(pickle_module).__name__}")
    if not isinstance(f, (str, bytes, os.PathLike)) and not hasattr(f, "write"):
        raise AttributeError(f"save(): expected 'f' to be a path, or a file with a 'write' method, got {type(f).__name__}")
    storages = Storages()
    storages.legacy = not _use_new_zipfile_serialization
    stream = io.BytesIO()
    dump(obj, stream, storages, pickle_module, pickle_protocol)
    write = _write_archive if _use_new_zipfile_serialization else _write_legacy
    if isinstance(f, (str, bytes, os.PathLike)):
        root = os.path.splitext(os.path.basename(os.fsdecode(f)))[0]
        with replacing(f) as file:
            write(file, root or "archive", stream.getbuffer(), storages, pickle_protocol)
    else:
        write(f, "archive", stream.getbuffer(), storages, pickle_protocol)
        if hasattr(f, "flush"):
            f.flush()


def _write_archive(file: Any, root: str, data: memoryview, storages: Storages, protocol: int) -> None:
    archive = ArchiveWriter(file, root)
    archive.record("data.pkl", data)
    archive.record(".format_version", b"1")
    archive.record(".storage_alignment", str(ALIGNMENT).encode())
    archive.record("byteorder", sys.byteorder.encode())
    mark = zlib.crc32(data)
    for key, storage in storages.in_order():
        archive.record(f"data/{key}", storage.array)
        mark = zlib.crc32(str(archive.entries[-1][1]).encode(), mark)
    archive.record("version", b"3\n")
    archive.record(".data/serialization_id", f"{zlib.crc32(data):020d}{mark:020d}".encode())
    archive.close()


def _write_legacy(file: Any, root: str, data: memoryview, storages: Storages, protocol: int) -> None:
    """The format of before 2020: pickles and storages one after the other."""
    sizes = {"short": 2, "int": 4, "long": 4}
    about = {"protocol_version": _LEGACY_PROTOCOL, "little_endian": sys.byteorder == "little", "type_sizes": sizes}
    for each in (_LEGACY_MAGIC, _LEGACY_PROTOCOL, about):
        file.write(pickle.dumps(each, protocol))
    file.write(data)
    file.write(pickle.dumps([key for key, _ in storages.in_order()], protocol))
    for (_, storage), (_, _, dtype) in zip(storages.in_order(), storages.known.values(), strict=True):
        count = storage.nbytes() // (1 if dtype is None else dtype.itemsize)
        file.write(count.to_bytes(8, "little"))
        file.write(storage.array.data)
