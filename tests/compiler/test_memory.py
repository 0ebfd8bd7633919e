"""Memory on loan: it comes back when the last array on it is gone, not before, and not without bound."""

import gc
import os
import platform
import subprocess
import sys
import threading

import numpy as np
import pytest

from pedigrad.codegen.runtime import memory

pytestmark = pytest.mark.skipif("PEDIGRAD_GUARD_PAGES" in os.environ, reason="memory is not on loan between guard pages")

SIZE = 3 * memory.LARGE // 4  # float32 numbers: three times LARGE bytes


@pytest.fixture(autouse=True)
def nothing_kept():
    memory.release()
    yield
    memory.release()


def start(array):
    return array.__array_interface__["data"][0]


def kept():
    """The bytes that are kept unused, which are those that are counted."""
    total = sum(m.nbytes for each in memory._free.values() for m in each)
    assert total == memory._unused
    return total


def test_arrays_are_as_asked_for():
    for shape, dtype in (((0,), "f4"), ((), "f8"), ((3, 5), "f8"), ((700, 800), "f4"), ((2, 3, 999_983), "i8"), ((1 << 21,), "?")):
        array = memory.empty(shape, dtype)
        assert array.shape == shape and array.dtype == np.dtype(dtype)
        assert array.flags.c_contiguous and array.flags.writeable and array.flags.aligned
        assert array.nbytes < memory.LARGE or start(array) % memory.ALIGN == 0
        array[...] = 1
        assert (array == 1).all()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="others' heaps have other limits")
def test_pages_of_freed_arrays_are_used_again():
    code = """
import resource, pedigrad as torch
x, faults = torch.ones(100_000), lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    y = (x + x) * x - x
before = faults()
for _ in range(100):
    y = (x + x) * x - x
print(faults() - before)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(ended.stdout) < 1000, "each of the 300 arrays has 98 pages"


def test_small_arrays_are_numpys():
    array = memory.empty((memory.LARGE // 4 - 1,), np.float32)
    assert array.base is None and memory.is_whole(array)
    del array
    assert kept() == 0


def test_memory_is_used_again():
    array = memory.empty((SIZE,), np.float32)
    place = start(array)
    del array
    assert kept() == 4 * SIZE
    again = memory.empty((SIZE // 2, 2), np.float32)
    assert start(again) == place and kept() == 0


@pytest.mark.parametrize("view", [lambda a: a[5:], lambda a: a.reshape(2, -1).T[1:][::-1], lambda a: a.view(np.int8)[-1:], memoryview])
def test_a_view_keeps_the_memory(view):
    array = memory.empty((SIZE,), np.float32)
    array[...] = 1
    part = view(array)
    del array
    gc.collect()
    assert kept() == 0
    other = memory.empty((SIZE,), np.float32)
    assert not np.shares_memory(other, np.asarray(part))
    other[...] = 2
    assert np.asarray(part).ravel()[-1] == np.ones(1, np.float32).view(np.asarray(part).dtype)[-1]
    del part
    assert kept() == 4 * SIZE


def test_what_is_whole():
    array = memory.empty((SIZE,), np.float32)
    assert memory.is_whole(array) and memory.is_whole(np.empty(3))
    assert not any(map(memory.is_whole, (array[:], array[3:], array.reshape(2, -1), np.empty(3)[:], np.frombuffer(b"1234", "f4"))))


def test_not_more_than_the_most_is_kept(monkeypatch):
    monkeypatch.setattr(memory, "MOST", 10 * memory.LARGE)
    arrays = [memory.empty((n * memory.LARGE,), np.uint8) for n in (1, 2, 4, 4, 8)]
    while arrays:
        arrays.pop()
        assert kept() <= memory.MOST
    assert kept() == memory.MOST  # of 8 and 2 times LARGE; the others did not fit
    memory.release()
    assert kept() == 0 and not memory._free


def test_sizes_are_rounded_up_by_a_half_at_most():
    for size in (memory.LARGE, memory.LARGE + 1, 3 * memory.LARGE // 2, 3 * memory.LARGE // 2 + 1, 5_000_011):
        given = memory.empty((size,), np.uint8).base
        assert size <= len(given) <= size * 3 // 2


def test_several_threads():
    errors = []

    def work(seed):
        rng = np.random.default_rng(seed)
        held = []
        for i in range(150):
            size = int(rng.choice([memory.LARGE, 2 * memory.LARGE]))
            array = memory.empty((size // 8,), np.int64)
            array[::512] = 1000 * seed + i
            held.append((array, 1000 * seed + i))
            if len(held) > 3:
                array, number = held.pop(int(rng.integers(4)))
                if (array[::512] != number).any():
                    errors.append((seed, i))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not errors
    assert kept() <= memory.MOST


def test_arrays_that_are_alive_when_python_ends():
    code = "import numpy as np\nfrom pedigrad.codegen.runtime import memory\na = memory.empty((1 << 20,), np.float32)\nb = [a]; b.append(b)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stderr == ""
