"""Compiled code kept on disk between processes, in a directory that only its user can write.

An entry is one file, named by the SHA-256 of its key: a header (magic, version, the key's digest, the length and the SHA-256
of the payload), then the payload. Entries are written beside their place and renamed, so that a reader sees a whole entry or
none. What does not check out in every point is deleted and made anew. Whatever the disk does, the code is made: a cache that
cannot be used costs time only.

`PEDIGRAD_CACHE=0` switches the cache off, `PEDIGRAD_CACHE_DIR` says where it is, `PEDIGRAD_CACHE_SIZE` how large it may get
(bytes, or a number with K, M or G; 256M unless told).
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from ...core import locks
from ...core.origin import warn

VERSION = 1
MAGIC = b"pedigrad"
HEADER = struct.Struct(">8sI32sQ32s")
ENTRY, PART = ".code", ".part"
LOOKS = 64  # at all entries, on average, while as much is written as these may take: a look takes as long as there are many of them
DEFAULT_SIZE = 256 << 20
ABANDONED = 3600.0  # seconds after which a half-written file has no writer any more
READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
READ |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # a pipe put there must not keep us waiting
WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)

_counts = {"hits": 0, "misses": 0, "discarded": 0}
_lock = locks.renewed()
_said: set[str] = set()


def fetch(key: str, make: Callable[[], bytes]) -> bytes:
    """The code for `key`: the entry on disk, else what `make` returns, which becomes the entry."""
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
    where = directory()
    path = os.path.join(where, digest.hex() + ENTRY) if where else ""
    payload = _read(path, digest) if where else None
    if payload is not None:
        _count("hits")
        return payload
    _count("misses")
    payload = make()
    if where:
        _write(where, path, digest, payload)
    return payload


def counts() -> dict[str, int]:
    """How many fetches of this process found an entry, found none, and how many entries it discarded as damaged or foreign."""
    with _lock:
        return dict(_counts)


def directory() -> str | None:
    """The directory of the entries, made if need be; None where the cache is off or there is no safe place for it."""
    if os.environ.get("PEDIGRAD_CACHE", "1").strip().lower() in ("0", "off", "no", "false"):
        return None
    try:
        where = os.path.join(_home(), "objects")
        _make_directory(where)
        fault = _fault(where)
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return None
    if fault:
        _say(f"compiled code is not kept on disk: {fault}; set PEDIGRAD_CACHE_DIR to a directory of your own, or PEDIGRAD_CACHE=0")
        return None
    return where


def _home() -> str:
    """The directory that this user's settings and system give to pedigrad's caches."""
    own = os.environ.get("PEDIGRAD_CACHE_DIR")
    if own:
        return os.path.abspath(os.path.expanduser(own))
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.expanduser(r"~\AppData\Local")
    else:
        base = os.environ.get("XDG_CACHE_HOME", "")
        if not os.path.isabs(base):  # the specification says to ignore it then
            base = os.path.expanduser("~/Library/Caches" if sys.platform == "darwin" else "~/.cache")
    if not os.path.isabs(base):
        raise OSError("this user has no home directory")
    return os.path.join(base, "pedigrad")


def _make_directory(path: str) -> None:
    """Make a directory and those above it, all private: `os.makedirs` would give the mode to the last one only."""
    if os.path.lexists(path):
        return
    above = os.path.dirname(path)
    if above != path:
        _make_directory(above)
    with suppress(FileExistsError):  # another process was faster
        os.mkdir(path, 0o700)


def _fault(path: str) -> str | None:
    """Why code in this directory could be somebody else's; None where it cannot."""
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode) or not stat.S_ISDIR(found.st_mode):
        return f"{path} is not a directory"
    if sys.platform == "win32":
        return None  # the profile's access list is private already, and the mode bits say nothing
    if found.st_uid != os.geteuid():
        return f"{path} belongs to another user"
    if found.st_mode & 0o077:
        return f"{path} is open to other users (mode {stat.S_IMODE(found.st_mode):o}, not 700)"
    above = os.path.realpath(path)
    while above != os.path.dirname(above):
        above = os.path.dirname(above)
        mode = os.stat(above).st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:  # anyone could put another directory in this one's place
            return f"{above} can be written by everyone"
    return None


def _trusted(found: os.stat_result) -> bool:
    """Whether only this user can have written the file."""
    if not stat.S_ISREG(found.st_mode):
        return False
    return sys.platform == "win32" or (found.st_uid == os.geteuid() and not found.st_mode & 0o022)


def _read(path: str, digest: bytes) -> bytes | None:
    """The payload of an entry, which is marked as just used; None where there is none, or none any more."""
    payload = None
    try:
        handle = os.open(path, READ)
        try:
            if _trusted(os.fstat(handle)):
                with os.fdopen(handle, "rb", closefd=False) as file:
                    payload = _unpacked(file.read(), digest)
        finally:
            os.close(handle)
    except FileNotFoundError:
        return None
    except OSError:
        payload = None
    with suppress(OSError):
        if payload is not None:
            os.utime(path)
        else:
            _count("discarded")
            os.unlink(path)
    return payload


def _packed(payload: bytes, digest: bytes) -> bytes:
    return HEADER.pack(MAGIC, VERSION, digest, len(payload), hashlib.sha256(payload).digest()) + payload


def _unpacked(data: bytes, digest: bytes) -> bytes | None:
    """The payload of an entry's bytes if it is what was written for this key, by this version."""
    if len(data) < HEADER.size:
        return None
    payload = data[HEADER.size :]
    header = (MAGIC, VERSION, digest, len(payload), hashlib.sha256(payload).digest())
    return payload if HEADER.unpack_from(data) == header else None


def _write(where: str, path: str, digest: bytes, payload: bytes) -> None:
    """Put an entry in its place, and make room for it by removing those that were not used for longest."""
    data = _packed(payload, digest)
    limit = _limit()
    if len(data) > limit:
        return
    part = os.path.join(where, f"{os.getpid()}-{os.urandom(8).hex()}{PART}")
    with suppress(OSError):
        try:
            with os.fdopen(os.open(part, WRITE, 0o600), "wb") as file:
                file.write(data)
            os.replace(part, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(part)
            raise
        if int.from_bytes(os.urandom(4), "little") < 2**32 * len(data) * LOOKS / max(limit, 1):
            _make_room(where, limit)


def _make_room(where: str, limit: int) -> None:
    """Remove entries, least recently used first, until all of them together take at most `limit` bytes."""
    entries, abandoned = [], time.time() - ABANDONED
    with os.scandir(where) as found:
        for file in found:
            with suppress(OSError):  # another process may have removed it
                status = file.stat(follow_symlinks=False)
                if file.name.endswith(ENTRY):
                    entries.append((status.st_mtime_ns, status.st_size, file.path))
                elif file.name.endswith(PART) and status.st_mtime < abandoned:
                    os.unlink(file.path)
    total = sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries):
        if total <= limit:
            break
        total -= size
        with suppress(OSError):
            os.unlink(path)


def _limit() -> int:
    """The size that the entries may take together, in bytes."""
    text = os.environ.get("PEDIGRAD_CACHE_SIZE", "").strip()
    if not text:
        return DEFAULT_SIZE
    digits = text.upper().removesuffix("B")
    unit = "KMG".find(digits[-1:]) + 1 if digits else 0
    number = digits[:-1] if unit else digits
    if not (number.isascii() and number.isdigit() and len(number) < 16):
        _say(f"PEDIGRAD_CACHE_SIZE is {text!r}, which is no size like 256M; {DEFAULT_SIZE >> 20}M is used")
        return DEFAULT_SIZE
    return int(number) << 10 * unit


def _count(what: str) -> None:
    with _lock:
        _counts[what] += 1


def _say(text: str) -> None:
    """Warn, once in a process for one text."""
    with _lock:
        new = text not in _said
        _said.add(text)
    if new:
        warn(text, UserWarning)
