"""save and load: files that are whole or not there, what files may name, places, file objects, errors."""

import collections
import errno
import io
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import time

import pytest

import pedigrad as torch
from pedigrad import serialization


def through(obj, **options):
    file = io.BytesIO()
    torch.save(obj, file)
    file.seek(0)
    return torch.load(file, **options)


# Whole or not there

KILLED = """
import os, sys, pedigrad as torch
for i in range(10**6):
    torch.save({"i": i, "w": torch.full((200_000,), float(i))}, sys.argv[1])
    if i == 0:
        print("ready", flush=True)
"""


def child(code, *args):
    return subprocess.Popen([sys.executable, "-c", code, *map(str, args)], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("delay", [0.0, 0.011, 0.023, 0.041])
def test_a_killed_process_leaves_a_whole_file(tmp_path, delay):
    path = tmp_path / "model.pt"
    process = child(KILLED, path)
    try:
        assert process.stdout.readline() == "ready\n"
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    found = torch.load(path)
    assert bool((found["w"] == found["i"]).all())


FULL = """
import resource, signal, sys, pedigrad as torch
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    torch.save(torch.zeros(1_000_000), sys.argv[1])
except OSError as error:
    print(error.errno)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits are POSIX's")
def test_a_full_disk_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.pt"
    torch.save(torch.ones(3), path)
    process = child(FULL, path)
    assert process.communicate()[0].strip() == str(errno.EFBIG)
    assert torch.load(path).tolist() == [1, 1, 1] and os.listdir(tmp_path) == ["model.pt"]


def test_an_error_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.pt"
    torch.save(torch.ones(3), path)
    with pytest.raises((AttributeError, pickle.PicklingError)):
        torch.save([torch.zeros(2), lambda: 0], path)
    assert torch.load(path).tolist() == [1, 1, 1] and os.listdir(tmp_path) == ["model.pt"]


def test_a_file_that_is_mapped_can_be_replaced(tmp_path):
    path = tmp_path / "model.pt"
    torch.save(torch.ones(3), path)
    old = torch.load(path, mmap=True)
    torch.save(old * 2, path)
    assert old.tolist() == [1, 1, 1] and torch.load(path).tolist() == [2, 2, 2]


def test_links_and_permissions_are_kept(tmp_path):
    path, link = tmp_path / "model.pt", tmp_path / "latest.pt"
    torch.save(1, path)
    path.chmod(0o640)
    link.symlink_to(path)
    torch.save(2, link)
    assert link.is_symlink() and torch.load(path) == 2 and path.stat().st_mode & 0o777 == 0o640
    torch.save(3, os.devnull)
    torch.save(4, os.fsencode(path))
    assert torch.load(os.fsencode(path)) == 4
    with pytest.raises(RuntimeError, match="does not exist"):
        torch.save(1, tmp_path / "no" / "model.pt")


# What files may name


class Point:
    def __init__(self, x):
        self.x = x


def triple(x):
    return 3 * x


class Lazy:
    def __init__(self, x):
        self.x = x

    def __reduce__(self):
        return triple, (self.x,)


def test_weights_only_is_the_default():
    with pytest.raises(pickle.UnpicklingError, match=r"Weights only load failed.*Point.*add_safe_globals.*weights_only=False"):
        through(Point(1))
    assert through(Point(1), weights_only=False).x == 1
    file = io.BytesIO()
    torch.save([Point(1), Lazy(2)], file)
    assert [each.rpartition(".")[2] for each in serialization.get_unsafe_globals_in_checkpoint(file)] == ["Point", "triple"]


def test_safe_globals():
    assert serialization.get_safe_globals() == []
    with serialization.safe_globals([Point, triple]):
        assert through(Point(1)).x == 1 and through(Lazy(2)) == 6
        assert set(serialization.get_safe_globals()) == {Point, triple}
    with pytest.raises(pickle.UnpicklingError):
        through(Point(1))
    serialization.add_safe_globals([torch.nn.Linear, torch.nn.Sequential, torch.nn.hooks.HookTable])
    try:
        model = torch.nn.Sequential(torch.nn.Linear(2, 2))
        assert torch.equal(through(model)(torch.ones(1, 2)), model(torch.ones(1, 2)))
    finally:
        serialization.clear_safe_globals()
    with pytest.raises(pickle.UnpicklingError, match=r"torch\.nn\.modules\.linear\.Linear"):
        through(torch.nn.Linear(2, 2))


def test_forced_by_the_environment(monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")
    with pytest.raises(pickle.UnpicklingError):
        through(Point(1), weights_only=False)


def test_other_pickle_modules():
    class Module:
        Pickler, Unpickler = pickle.Pickler, pickle.Unpickler

    file = io.BytesIO()
    torch.save([torch.ones(2), Point(3)], file, pickle_module=Module)
    file.seek(0)
    found = torch.load(file, pickle_module=Module)
    assert found[0].tolist() == [1, 1] and found[1].x == 3
    with pytest.raises(RuntimeError, match="pickle_module"):
        torch.load(file, pickle_module=Module, weights_only=True)


# Files


class OnlyWrites:
    def __init__(self):
        self.parts = []

    def write(self, data):
        self.parts.append(bytes(data))
        return len(data)


class OnlyReads:
    def __init__(self, data):
        self.file = io.BytesIO(data)
        self.read, self.seek, self.tell = self.file.read, self.file.seek, self.file.tell


def test_file_objects(tmp_path):
    into = OnlyWrites()
    torch.save({"w": torch.arange(100_000)}, into)
    data = b"".join(into.parts)
    assert torch.load(OnlyReads(data))["w"].sum() == 4999950000
    with open(tmp_path / "a.pt", "wb", buffering=0) as file:
        torch.save(torch.ones(2), file)
    with open(tmp_path / "a.pt", "rb") as file:
        assert torch.load(file).tolist() == [1, 1]
    with pytest.raises(AttributeError, match="BytesIO"):
        torch.load(object())
    with pytest.raises(AttributeError, match="write"):
        torch.save(1, object())
    with pytest.raises(FileNotFoundError):
        torch.load(tmp_path / "none.pt")


def test_several_objects_of_the_old_format_in_a_file():
    file = io.BytesIO()
    for i in range(3):
        torch.save(torch.full((2,), i), file, _use_new_zipfile_serialization=False)
    file.seek(0)
    assert [torch.load(file).tolist() for _ in range(3)] == [[0, 0], [1, 1], [2, 2]]


def test_what_is_no_file_of_ours(tmp_path):
    for data, kind in ((b"", EOFError), (b"hello", pickle.UnpicklingError), (pickle.dumps([1]), pickle.UnpicklingError)):
        with pytest.raises(kind):
            torch.load(io.BytesIO(data))
    with pytest.raises(ValueError, match="path"):
        torch.load(io.BytesIO(b""), mmap=True)
    path = tmp_path / "old.pt"
    torch.save(torch.ones(1), path, _use_new_zipfile_serialization=False)
    with pytest.raises(RuntimeError, match="mmap"):
        torch.load(path, mmap=True)


# Places


def test_tensors_of_accelerators(monkeypatch):
    file = io.BytesIO()
    monkeypatch.setattr("pedigrad.serialization.pickler.location_tag", lambda storage: "cuda:1")
    torch.save(torch.ones(2), file)
    file.seek(0)
    with pytest.raises(RuntimeError, match=r"CUDA device.*map_location='cpu'"):
        torch.load(file)
    for place in ("cpu", torch.device("cpu"), {"cuda:1": "cpu"}, lambda storage, tag: storage):
        file.seek(0)
        assert torch.load(file, map_location=place).tolist() == [1, 1]
    with pytest.raises(TypeError, match="map_location"):
        torch.load(file, map_location=3)
    with pytest.raises(RuntimeError):
        torch.load(file, map_location="cuda")


def test_registered_places():
    seen = []
    serialization.register_package(5, lambda storage: seen.append("tag"), lambda storage, tag: seen.append(tag))
    try:
        assert through(torch.ones(1)).tolist() == [1] and seen == ["tag", "cpu"]
    finally:
        serialization.locations._rules.pop(0)


def test_containers_come_back_as_they_were():
    obj = {"o": collections.OrderedDict(a=1), "c": collections.Counter("aa"), "s": {1, (2, 3)}, "b": b"\x00\xff", "d": torch.bfloat16}
    assert through(obj) == obj and type(through(obj)["o"]) is collections.OrderedDict


def test_large_archives(tmp_path, monkeypatch):
    """The fields of sizes and offsets beyond 4 GB, with a lower bound for what is large."""
    monkeypatch.setattr("pedigrad.serialization.archive._LARGE", 1000)
    path = pathlib.Path(tmp_path / "a.pt")
    torch.save([torch.arange(500.0), torch.ones(3)], path)
    monkeypatch.undo()
    assert path.read_bytes().count(b"PK\6\6") == 1
    for found in (torch.load(path), torch.load(path, mmap=True)):
        assert found[0].sum() == 124750 and found[1].tolist() == [1, 1, 1]
