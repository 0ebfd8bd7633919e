"""Compiled code on disk: found again, never believed without proof, never in the way."""

import hashlib
import os
import pathlib
import stat
import subprocess
import sys
import warnings

import pytest

from pedigrad.codegen.runtime import cache

POSIX = sys.platform != "win32"
ROOT = POSIX and os.geteuid() == 0
posix = pytest.mark.skipif(not POSIX, reason="POSIX permissions")
root = pytest.mark.skipif(not ROOT, reason="only root gives files away")
not_root = pytest.mark.skipif(ROOT or not POSIX, reason="root may do everything")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty cache of its own, with counters at zero."""
    monkeypatch.setenv("PEDIGRAD_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("PEDIGRAD_CACHE", raising=False)
    monkeypatch.delenv("PEDIGRAD_CACHE_SIZE", raising=False)
    monkeypatch.setattr(cache, "_counts", dict.fromkeys(cache.counts(), 0))
    monkeypatch.setattr(cache, "_said", set())
    return tmp_path / "cache" / "objects"


def entry(place, key):
    return place / (hashlib.sha256(key.encode()).hexdigest() + ".code")


def entries(place):
    return sorted(path.name for path in place.iterdir())


def refuse():
    raise AssertionError("made, although there is an entry")


def counted(hits=0, misses=0, discarded=0):
    return cache.counts() == {"hits": hits, "misses": misses, "discarded": discarded}


def refetched(key, old=b"code"):
    """What is fetched for a key whose entry is not to be believed: made anew, and kept."""
    found = cache.fetch(key, lambda: b"new")
    assert cache.fetch(key, refuse) == b"new"
    return found


def test_second_fetch_reads(place):
    assert cache.fetch("key", lambda: b"code") == b"code"
    assert cache.fetch("key", refuse) == b"code"
    assert counted(hits=1, misses=1)
    assert cache.directory() == str(place)


def test_keys_have_their_own_entries(place):
    for key in ("a", "b", "", "\0", "é\n", "\udc80"):
        cache.fetch(key, lambda: b"code of " + repr(key).encode())  # noqa: B023
    for key in ("a", "b", "", "\0", "é\n", "\udc80"):
        assert cache.fetch(key, refuse) == b"code of " + repr(key).encode()
    assert len(entries(place)) == 6


def test_empty_payload(place):
    assert cache.fetch("key", lambda: b"") == b""
    assert cache.fetch("key", refuse) == b""


def test_error_of_make_is_the_callers(place):
    with pytest.raises(ZeroDivisionError):
        cache.fetch("key", lambda: 1 // 0)
    assert entries(place) == []


@pytest.mark.parametrize("setting", ["0", "off", "no", "False"])
def test_switched_off(place, monkeypatch, setting):
    monkeypatch.setenv("PEDIGRAD_CACHE", setting)
    assert [cache.fetch("key", lambda: b"code") for _ in range(2)] == [b"code", b"code"]
    assert not place.exists()
    assert counted(misses=2)


# Entries that are not what was written.


@pytest.mark.parametrize("position", [0, 8, 12, 44, 52, 84, -1], ids="magic version key length checksum payload end".split())
def test_edited_entry_is_remade(place, position):
    cache.fetch("key", lambda: b"some code")
    data = bytearray(entry(place, "key").read_bytes())
    data[position] ^= 1
    entry(place, "key").write_bytes(data)
    assert refetched("key") == b"new"
    assert counted(hits=1, misses=2, discarded=1)


@pytest.mark.parametrize("length", [0, 1, 83, 84, 90])
def test_truncated_entry_is_remade(place, length):
    cache.fetch("key", lambda: b"some code")
    os.truncate(entry(place, "key"), length)
    assert refetched("key") == b"new"


def test_longer_entry_is_remade(place):
    cache.fetch("key", lambda: b"some code")
    with entry(place, "key").open("ab") as file:
        file.write(b"more")
    assert refetched("key") == b"new"


def test_entry_of_another_key_is_remade(place):
    cache.fetch("other", lambda: b"another's code")
    os.replace(entry(place, "other"), entry(place, "key"))
    assert refetched("key") == b"new"


def test_entry_of_another_version_is_remade(place, monkeypatch):
    cache.fetch("key", lambda: b"old")
    monkeypatch.setattr(cache, "VERSION", cache.VERSION + 1)
    assert refetched("key") == b"new"


@posix
def test_link_is_not_followed(place, tmp_path):
    cache.fetch("key", lambda: b"code")
    os.rename(entry(place, "key"), tmp_path / "elsewhere")
    entry(place, "key").symlink_to(tmp_path / "elsewhere")
    assert refetched("key") == b"new"
    assert not entry(place, "key").is_symlink()
    assert (tmp_path / "elsewhere").exists()


@posix
def test_pipe_does_not_block(place):
    cache.fetch("other", lambda: b"code")
    os.mkfifo(entry(place, "key"))
    assert refetched("key") == b"new"


def test_directory_in_an_entrys_place(place):
    cache.fetch("other", lambda: b"code")
    entry(place, "key").mkdir()
    assert cache.fetch("key", lambda: b"new") == b"new"
    assert [name for name in entries(place) if name.endswith(".part")] == []


@posix
def test_entry_that_others_may_write_is_remade(place):
    cache.fetch("key", lambda: b"code")
    entry(place, "key").chmod(0o622)
    assert refetched("key") == b"new"
    assert stat.S_IMODE(entry(place, "key").stat().st_mode) == 0o600


@root
def test_foreign_entry_is_remade(place):
    cache.fetch("key", lambda: b"code")
    os.chown(entry(place, "key"), 12345, -1)
    assert refetched("key") == b"new"
    assert entry(place, "key").stat().st_uid == 0


# Directories.


@posix
def test_directories_are_private(place, monkeypatch):
    monkeypatch.setenv("PEDIGRAD_CACHE_DIR", str(place.parent / "deep" / "er"))
    before = os.umask(0)
    try:
        cache.fetch("key", lambda: b"code")
    finally:
        os.umask(before)
    made = place.parent / "deep" / "er" / "objects"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (made, made.parent, made.parent.parent)] == [0o700] * 3
    assert stat.S_IMODE(entry(made, "key").stat().st_mode) == 0o600


def unused(place, match):
    """The cache says once that it is not used and why, and works on."""
    before = entries(place)
    with pytest.warns(UserWarning, match=match):
        assert cache.fetch("new key", lambda: b"new") == b"new"
    assert cache.fetch("new key", lambda: b"newer") == b"newer"  # warnings are errors: a second one would raise
    assert entries(place) == before


@posix
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o755, 0o701])
def test_open_directory_is_not_used(place, mode):
    cache.fetch("key", lambda: b"code")
    place.chmod(mode)
    unused(place, "open to other users")


@root
def test_foreign_directory_is_not_used(place):
    cache.fetch("key", lambda: b"code")
    os.chown(place, 12345, -1)
    unused(place, "another user")


@posix
def test_linked_directory_is_not_used(place, tmp_path):
    cache.fetch("key", lambda: b"code")
    os.rename(place, tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    unused(place, "not a directory")


@posix
def test_directory_in_one_that_everyone_writes_is_not_used(place):
    cache.fetch("key", lambda: b"code")
    place.parent.chmod(0o777)
    unused(place, "written by everyone")
    place.parent.chmod(0o1777)  # as /tmp
    assert cache.fetch("key", refuse) == b"code"


def test_file_in_the_directorys_place(place):
    place.parent.write_text("a file")
    assert cache.fetch("key", lambda: b"code") == b"code"


@pytest.mark.parametrize("where", ["/dev/null/cache", "nul\0", "x" * 5000])
def test_impossible_directory(place, monkeypatch, where):
    monkeypatch.setattr(cache, "_home", lambda: where)
    assert cache.fetch("key", lambda: b"code") == b"code"
    assert counted(misses=1)


@not_root
def test_directory_that_cannot_be_written(place):
    cache.fetch("key", lambda: b"code")
    place.chmod(0o500)
    assert cache.fetch("other", lambda: b"new") == b"new"
    assert cache.fetch("key", refuse) == b"code"


@pytest.mark.parametrize("broken", ["open", "replace", "scandir", "utime", "fstat", "fdopen"])
def test_failing_disk_is_no_failure(place, monkeypatch, broken):
    cache.fetch("key", lambda: b"code")

    def fail(*args, **options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(cache.os, broken, fail)
        assert cache.fetch("key", lambda: b"code") == b"code"
        assert cache.fetch("other", lambda: b"other") == b"other"
    assert [name for name in entries(place) if name.endswith(".part")] == []


def test_interrupted_write_leaves_nothing(place, monkeypatch):
    cache.fetch("other", lambda: b"code")

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(cache.os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        cache.fetch("key", lambda: b"code")
    assert entries(place) == [entry(place, "other").name]


@pytest.mark.parametrize(
    ("platform", "settings", "expected"),
    [
        ("linux", {}, "{home}/.cache/pedigrad"),
        ("linux", {"XDG_CACHE_HOME": "/xdg"}, "/xdg/pedigrad"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "{home}/.cache/pedigrad"),
        ("darwin", {}, "{home}/Library/Caches/pedigrad"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/pedigrad"),
        ("linux", {"XDG_CACHE_HOME": "/xdg", "PEDIGRAD_CACHE_DIR": "/own"}, "/own"),
        ("linux", {"PEDIGRAD_CACHE_DIR": "~/own"}, "{home}/own"),
    ],
)
@posix
def test_where(monkeypatch, tmp_path, platform, settings, expected):
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "PEDIGRAD_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cache.sys, "platform", platform)
    assert cache._home() == expected.format(home=tmp_path)


# Size.


def used(place, key, seconds):
    """Set when an entry was used last."""
    os.utime(entry(place, key), (seconds, seconds))


def test_least_recently_used_goes_first(place, monkeypatch):
    monkeypatch.setenv("PEDIGRAD_CACHE_SIZE", "4K")
    for i, key in enumerate("abc"):
        cache.fetch(key, lambda: bytes(1200))
        used(place, key, 1000 + i)
    cache.fetch("a", refuse)  # now b is the oldest
    cache.fetch("d", lambda: bytes(1200))
    assert entries(place) == sorted(entry(place, key).name for key in "acd")
    assert sum(path.stat().st_size for path in place.iterdir()) <= 4096


def test_what_is_larger_than_the_cache_is_not_kept(place, monkeypatch):
    monkeypatch.setenv("PEDIGRAD_CACHE_SIZE", "4K")
    cache.fetch("a", lambda: b"small")
    cache.fetch("b", lambda: bytes(5000))
    assert entries(place) == [entry(place, "a").name]


def test_other_files_are_left_alone(place, monkeypatch):
    monkeypatch.setenv("PEDIGRAD_CACHE_SIZE", "200")
    cache.fetch("a", lambda: b"small")
    (place / "notes.txt").write_text("x" * 1000)
    (place / "1-new.part").write_text("x")
    (place / "1-old.part").write_text("x")
    os.utime(place / "1-old.part", (1000, 1000))
    used(place, "a", 1000)
    cache.fetch("b", lambda: b"y" * 50)
    assert entries(place) == sorted(["notes.txt", "1-new.part", entry(place, "b").name])


@pytest.mark.parametrize(
    ("text", "size"), [("", 256 << 20), ("0", 0), ("123", 123), ("2k", 2048), ("3M", 3 << 20), ("1G", 1 << 30), (" 5MB ", 5 << 20)]
)
def test_sizes(place, monkeypatch, text, size):
    monkeypatch.setenv("PEDIGRAD_CACHE_SIZE", text)
    assert cache._limit() == size


@pytest.mark.parametrize("text", ["-1", "much", "M", "1.5G", "²", "9" * 5000])
def test_senseless_size_is_said(place, monkeypatch, text):
    monkeypatch.setenv("PEDIGRAD_CACHE_SIZE", text)
    with pytest.warns(UserWarning, match="PEDIGRAD_CACHE_SIZE"):
        assert cache._limit() == 256 << 20
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cache._limit() == 256 << 20


# Many processes.

WRITER = """
import random, sys
from pedigrad.codegen.runtime import cache

generator = random.Random(int(sys.argv[1]))
for _ in range(150):
    key = str(generator.randrange(12))
    expected = key.encode() * (2000 + 100 * int(key))
    assert cache.fetch(key, lambda: expected) == expected
assert not cache.counts()["discarded"], cache.counts()
"""


def test_many_processes(place, monkeypatch):
    monkeypatch.setenv("PEDIGRAD_CACHE_SIZE", "20K")  # so that entries are removed all the time
    source = str(pathlib.Path(cache.__file__).parents[3])
    monkeypatch.setenv("PYTHONPATH", source)
    running = [subprocess.Popen([sys.executable, "-c", WRITER, str(i)], stderr=subprocess.PIPE, text=True) for i in range(4)]
    for process in running:
        errors = process.communicate(timeout=120)[1]
        assert process.returncode == 0, errors
    assert [name for name in entries(place) if not name.endswith(".code")] == []
    for key in map(str, range(12)):
        expected = key.encode() * (2000 + 100 * int(key))
        assert cache.fetch(key, lambda: expected) == expected  # noqa: B023
    assert counted(**(cache.counts() | {"discarded": 0}))
