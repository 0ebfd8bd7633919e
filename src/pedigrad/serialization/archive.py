"""The container: a zip archive of uncompressed records, each beginning at a multiple of 64 bytes."""

from __future__ import annotations

import struct
import zipfile
import zlib
from typing import Any

import numpy as np

ALIGNMENT = 64
_ELSEWHERE = _LARGE = 0xFFFFFFFF  # what stands in fields of 4 bytes for numbers that are at least as large
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_UTF8, _DATE = 0x0800, 0x0021  # 1980-01-01


def _short(number: int) -> int:
    return number if number < _LARGE else _ELSEWHERE


class ArchiveWriter:
    """Writes records one after the other into anything with `write`."""

    def __init__(self, file: Any, root: str):
        self.file, self.root = file, root
        self.offset = 0
        self.entries: list[tuple[bytes, int, int, int]] = []

    def record(self, name: str, data: Any) -> None:
        """Add a record with the bytes of a buffer."""
        data = memoryview(data).cast("B") if len(data) else memoryview(b"")
        path = f"{self.root}/{name}".encode()
        crc = zlib.crc32(data)
        size, start = len(data), self.offset
        large = struct.pack("<2H2Q", 1, 16, size, size) if size >= _LARGE else b""
        room = -(start + _LOCAL.size + len(path) + len(large) + 4) % ALIGNMENT
        extra = large + struct.pack("<2sH", b"FB", room) + b"Z" * room
        shown = _short(size)
        version = 45 if large else 20
        header = _LOCAL.pack(b"PK\3\4", version, _UTF8, 0, 0, _DATE, crc, shown, shown, len(path), len(extra))
        self._put(header + path + extra)
        self._put(data)
        self.entries.append((path, crc, size, start))

    def _put(self, data: Any) -> None:
        rest = memoryview(data)
        self.offset += len(rest)
        while len(rest):
            written = self.file.write(rest)
            if not isinstance(written, int) or written >= len(rest):
                return
            rest = rest[written:]

    def close(self) -> None:
        """Write the directory."""
        start = self.offset
        for path, crc, size, offset in self.entries:
            wide = [n for n in ((size, size) if size >= _LARGE else ()) + ((offset,) if offset >= _LARGE else ())]
            extra = struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
            shown = _short(size)
            numbers = (len(path), len(extra), 0, 0, 0, 0, _short(offset))
            version = 45 if wide else 20
            self._put(_CENTRAL.pack(b"PK\1\2", version, version, _UTF8, 0, 0, _DATE, crc, shown, shown, *numbers) + path + extra)
        count, size, end = len(self.entries), self.offset - start, self.offset
        if count >= 0xFFFF or size >= _LARGE or start >= _LARGE:
            self._put(struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start))
            self._put(struct.pack("<4sLQL", b"PK\6\7", 0, end, 1))
        few = min(count, 0xFFFF)
        self._put(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, few, few, _short(size), _short(start), 0))


class ArchiveReader:
    """The records of an archive; nothing is read or reserved before it is known to be in the file."""

    def __init__(self, file: Any):
        self.file = file
        file.seek(0, 2)
        self.size = file.tell()
        try:
            with zipfile.ZipFile(file) as archive:
                entries = archive.infolist()
        except Exception as error:  # zipfile raises many kinds for what is no archive
            raise RuntimeError(f"the file is no whole zip archive ({error}): it was cut off or changed. Make it anew") from error
        self.records: dict[str, tuple[int, int, int]] = {}
        self.root = ""
        for entry in entries:
            self._note(entry)
        self._check_overlap()
        pickles = [name for name in self.records if name.endswith("/data.pkl") or name == "data.pkl"]
        if len(pickles) != 1:
            raise RuntimeError(f"the archive has {len(pickles)} records named data.pkl: it is none that torch.save writes")
        self.root = pickles[0][: -len("data.pkl")]

    def _note(self, entry: zipfile.ZipInfo) -> None:
        name = entry.filename
        if entry.is_dir():
            return
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 or entry.compress_size != entry.file_size:
            raise RuntimeError(f"the record {name!r} is compressed or encrypted; torch.save writes plain ones. Pack it without (zip -0)")
        start = self._start(entry)
        if start + entry.file_size > self.size or entry.file_size < 0:
            raise RuntimeError(f"the record {name!r} should have {entry.file_size} bytes, and the file ends before")
        if name in self.records:
            raise RuntimeError(f"the record {name!r} is there twice")
        self.records[name] = (start, entry.file_size, entry.CRC)

    def _start(self, entry: zipfile.ZipInfo) -> int:
        """Where the bytes of a record begin."""
        self.file.seek(max(entry.header_offset, 0))
        header = self.file.read(_LOCAL.size)
        if entry.header_offset < 0 or len(header) != _LOCAL.size or header[:4] != b"PK\3\4":
            raise RuntimeError(f"the record {entry.filename!r} does not begin where the archive's directory says")
        *_, name, extra = _LOCAL.unpack(header)
        return entry.header_offset + _LOCAL.size + name + extra

    def _check_overlap(self) -> None:
        end = 0
        for start, size, _ in sorted(self.records.values()):
            if start < end:
                raise RuntimeError("records of the archive overlap")
            end = start + size

    def __contains__(self, name: str) -> bool:
        return self.root + name in self.records

    def place(self, name: str) -> tuple[int, int]:
        """Where the bytes of a record begin, and how many there are."""
        found = self.records.get(self.root + name)
        if found is None:
            raise RuntimeError(f"the archive has no record {name!r}")
        return found[:2]

    def read(self, name: str) -> np.ndarray[Any, Any]:
        """The bytes of a record; RuntimeError if they are not those that were written."""
        start, size = self.place(name)
        out = np.empty(size, np.uint8)
        self.file.seek(start)
        fill(self.file, out.data)
        crc = self.records[self.root + name][2]
        if crc and zlib.crc32(out.data) != crc:  # 0 where the writer was told not to compute it
            raise RuntimeError(f"the record {name!r} is damaged: its checksum is not the one that was written. Make the file anew")
        return out


def fill(file: Any, out: memoryview) -> None:
    """Read as many bytes as `out` has into it; RuntimeError if the file ends before."""
    readinto = getattr(file, "readinto", None)
    while len(out):
        if readinto is not None:
            count = readinto(out)
        else:
            data = file.read(len(out))
            count = len(data)
            out[:count] = data
        if not count:
            raise RuntimeError(f"the file ends {len(out)} bytes too early: it was cut off. Make it anew")
        out = out[count:]
