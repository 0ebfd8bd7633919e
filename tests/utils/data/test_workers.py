"""Workers: how they end, what they raise, what is left of them, and the memory that batches come in."""

import gc
import itertools
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import pedigrad as torch
from pedigrad.core.storage import storage_of
from pedigrad.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, default_collate, get_worker_info, shared

LINUX = pytest.mark.skipif(not pathlib.Path("/proc/self/fd").exists(), reason="looks into /proc")


class Acting(Dataset):
    """Ten samples; asked for number 4, it does something first."""

    def __init__(self, act=lambda: None):
        self.act = act

    def __len__(self):
        return 10

    def __getitem__(self, i):
        if i == 4:
            self.act()
        return i


class Large(Dataset):
    """Arrays that go through shared memory: 64 KiB of one number each."""

    def __init__(self, n=40):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return np.full((128, 128), i, np.float32)


class Two(ValueError):
    def __init__(self, a, b):
        super().__init__(a, b)


def fail(error):
    raise error


def alive(pids):
    """Which processes are there, and no zombies."""
    found = []
    for pid in pids:
        try:
            state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":
            found.append(pid)
    return found


def pids_of(iterator):
    return [process.pid for process in iterator._workers]


def descriptors():
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (ValueError("wrong sample"), ValueError, "wrong sample"),
        (KeyError("key"), KeyError, "Traceback"),
        (Two(1, 2), RuntimeError, "Caught Two in DataLoader worker process 0"),
        (StopIteration(), StopIteration, ""),
    ],
)
def test_errors_arrive_with_type_and_traceback(error, kind, text):
    loader = DataLoader(Acting(lambda: fail(error)), 2, num_workers=1)
    batches = iter(loader)
    assert [next(batches).tolist(), next(batches).tolist()] == [[0, 1], [2, 3]]
    with pytest.raises(kind) as caught:
        next(batches)
    assert text in str(caught.value)
    if kind is not StopIteration:
        assert "in __getitem__" in str(caught.value) and __file__ in str(caught.value)
    assert next(batches).tolist() == [6, 7], "the pass can go on after an error"


def test_errors_of_a_type_that_cannot_be_sent():
    class Local(Exception):
        pass

    with pytest.raises(RuntimeError, match="Caught Local"):
        list(DataLoader(Acting(lambda: fail(Local("x"))), num_workers=1))


def test_batches_that_cannot_be_sent():
    with pytest.raises((TypeError, AttributeError, RuntimeError), match="when it sent a batch"):
        list(DataLoader(range(3), num_workers=1, collate_fn=lambda samples: lambda: samples))


class Stubborn:
    def __init__(self, i):
        self.i = i

    def __setstate__(self, state):
        raise OSError("not here")


def test_batches_that_cannot_be_read():
    batches = iter(DataLoader(range(3), None, num_workers=1, collate_fn=lambda i: Stubborn(i) if i == 1 else i))
    assert next(batches) == 0
    with pytest.raises(OSError, match="not here"):
        next(batches)
    assert next(batches) == 2 and next(batches, None) is None


def test_an_interrupted_pass_is_over_and_the_loader_goes_on():
    loader = DataLoader(range(8), 2, num_workers=1, persistent_workers=True)
    batches = iter(loader)
    next(batches)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared.Receiver, "receive", lambda self: fail(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            list(batches)
    with pytest.raises(RuntimeError, match="have ended"):
        next(batches)
    assert len(list(loader)) == 4
    loader._iterator._shutdown_workers()


def test_errors_of_worker_init_fn_and_of_iter():
    with pytest.raises(ValueError, match=r"(?s)worker process 0.*no start"):
        list(DataLoader(range(3), num_workers=1, worker_init_fn=lambda i: fail(ValueError(f"no start {i}"))))

    class Broken(IterableDataset):
        def __iter__(self):
            raise OSError("no stream")

    with pytest.raises(OSError, match="no stream"):
        list(DataLoader(Broken(), num_workers=2))


def test_worker_info():
    seen = list(DataLoader(range(4), None, num_workers=2, collate_fn=lambda i: (get_worker_info().id, get_worker_info().num_workers, i)))
    assert seen == [(0, 2, 0), (1, 2, 1), (0, 2, 2), (1, 2, 3)]
    assert get_worker_info() is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_is_killed(number):
    loader = DataLoader(Acting(lambda: os.kill(os.getpid(), number)), 2, num_workers=2)
    batches = iter(loader)
    pids = pids_of(batches)
    start = time.monotonic()
    with pytest.raises(RuntimeError, match="is killed by signal"):
        list(batches)
    assert time.monotonic() - start < 8
    assert not alive(pids)
    with pytest.raises(RuntimeError, match="have ended"):
        next(batches)


def test_a_worker_that_exits():
    with pytest.raises(RuntimeError, match="exited unexpectedly with exit code 3"):
        list(DataLoader(Acting(lambda: os._exit(3)), 2, num_workers=1))


def test_a_persistent_loader_has_new_workers_after_one_died():
    loader = DataLoader(range(8), 2, num_workers=2, persistent_workers=True)
    assert len(list(loader)) == 4
    os.kill(pids_of(loader._iterator)[0], signal.SIGKILL)
    with pytest.raises(RuntimeError, match="killed"):
        list(loader)
    assert len(list(loader)) == 4
    loader._iterator._shutdown_workers()


def test_a_worker_whose_child_holds_its_connection():
    def fork_and_die():
        if os.fork() == 0:
            time.sleep(6)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)

    start = time.monotonic()
    with pytest.raises(RuntimeError, match="killed"):
        list(DataLoader(Acting(fork_and_die), 2, num_workers=1))
    assert time.monotonic() - start < 5.5


def test_timeout():
    with pytest.raises(RuntimeError, match=r"timed out after 0\.2 seconds"):
        list(DataLoader(Acting(lambda: time.sleep(1)), 2, num_workers=1, timeout=0.2))


def test_order_need_not_be_kept():
    loader = DataLoader(Acting(lambda: time.sleep(0.5)), 2, num_workers=2, in_order=False)
    firsts = [batch[0].item() for batch in loader]
    assert sorted(firsts) == [0, 2, 4, 6, 8] and firsts.index(4) > firsts.index(6)


def test_a_pass_that_is_left_ends_its_workers():
    batches = iter(DataLoader(range(100), num_workers=2))
    next(batches)
    pids = pids_of(batches)
    del batches
    assert not alive(pids)


def test_several_passes_at_a_time():
    loader = DataLoader(range(6), 2, num_workers=1)
    pairs = [(a.tolist(), b.tolist()) for a, b in zip(loader, loader, strict=True)]
    assert pairs == [([i, i + 1],) * 2 for i in (0, 2, 4)]


def test_a_persistent_pass_gives_up_the_one_before():
    loader = DataLoader(Large(), 2, num_workers=2, persistent_workers=True)
    for stop in (1, 3, 20):
        seen = [int(batch[0, 0, 0]) for batch in itertools.islice(loader, stop)]
        assert seen == list(range(0, 2 * stop, 2))
    loader._iterator._shutdown_workers()


# --- shared memory


def test_large_batches_lie_in_shared_memory_and_stay_right():
    kept = list(DataLoader(Large(), 2, num_workers=2))
    assert [batch[:, 5, 7].tolist() for batch in kept] == [[i, i + 1] for i in range(0, 40, 2)]
    lying = [batch for batch in kept if type(storage_of(batch._array)).__name__ == "Piece"]
    assert 0 < len(lying) <= 2 * shared.LENT
    for batch in kept:
        batch.add_(1)  # they are ordinary memory
    assert kept[3][0, 0, 0] == 7


def test_what_is_kept_is_not_written_over():
    kept, loader = [], DataLoader(Large(200), 2, num_workers=1)
    for i, batch in enumerate(loader):
        if i % 7 == 0:
            kept.append((2 * i, batch[1]))
    assert all(bool((row == i + 1).all()) for i, row in kept)


def test_tensors_of_a_batch_are_different_storages():
    data = TensorDataset(torch.ones(8, 100, 100), torch.zeros(8, 100, 100))
    for x, y in DataLoader(data, 4, num_workers=1):
        w = torch.ones(100, requires_grad=True)
        loss = (x * w).sum()
        y.add_(1)  # a write to one is not a write to the other
        loss.backward()
        assert w.grad[0] == 400


class Caching(Dataset):
    """Batches made by the dataset itself, which keeps the first and gives it again and again."""

    def __len__(self):
        return 60

    def __getitem__(self, i):
        if i == 0:
            self.first = default_collate([np.full((100, 100), 7.0)] * 2)
        part = default_collate([np.full((100, 100), float(i))] * 2)
        return self.first, part, part[1], part.sum()


def test_what_a_worker_keeps_is_not_written_over():
    for i, (first, part, row, total) in enumerate(DataLoader(Caching(), None, num_workers=1)):
        assert bool((first == 7).all()) and bool((part == i).all()) and bool((row == i).all()) and total == i * 20000
        row += 1
        assert bool((part[1] == i + 1).all()) and bool((part[0] == i).all()), "what shared memory in the worker does so here"


def test_arrays_of_every_kind_arrive():
    samples = [
        torch.ones(100, 100, dtype=torch.bfloat16),
        torch.arange(20000).reshape(100, 200).T,
        torch.zeros(0, 5),
        torch.ones(100, 100, requires_grad=True),
        torch.ones(100, 100, dtype=torch.complex128),
    ]
    got = list(DataLoader(samples, None, num_workers=1))
    for x, y in zip(samples, got, strict=True):
        assert x.dtype == y.dtype and x.shape == y.shape and bool((x == y).all()) and x.requires_grad == y.requires_grad


@LINUX
def test_nothing_is_left():
    loader = DataLoader(Large(8), 2, num_workers=1)
    list(loader)
    gc.collect()
    files, entries = descriptors(), set(os.listdir("/dev/shm"))
    for _ in range(10):
        for _batch in loader:
            pass
    for _ in range(3):
        next(iter(loader))
    del _batch
    gc.collect()
    assert descriptors() <= files
    assert set(os.listdir("/dev/shm")) <= entries


@LINUX
def test_thousands_of_passes_leave_nothing():
    loader = DataLoader(TensorDataset(torch.ones(6, 40, 40)), 2, num_workers=1, persistent_workers=True, shuffle=True)
    sizes = []
    for epoch in range(1500):
        for _batch in loader:
            pass
        if epoch % 500 == 499:
            sizes.append((descriptors(), int(pathlib.Path("/proc/self/statm").read_text().split()[1])))
    assert sizes[0][0] == sizes[-1][0]
    assert sizes[-1][1] - sizes[0][1] < 500, "pages in memory"
    loader._iterator._shutdown_workers()


# --- other processes


def run(program, *signals, wait_for="ready", **kwargs):
    """A program's output, status and time to end, after it has said that it is ready and got signals."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + textwrap.dedent(program)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kwargs,
    )  # fmt: skip  # what a shell runs in the background ignores interrupts
    line = process.stdout.readline()
    assert line.startswith(wait_for), line + process.stdout.read()
    for number in signals:
        time.sleep(0.2)
        os.killpg(process.pid, number) if kwargs.get("start_new_session") else process.send_signal(number)
    start = time.monotonic()
    text, _ = process.communicate(timeout=30)
    return line + text, process.returncode, time.monotonic() - start


SLOW = """
    import time
    import pedigrad as torch
    from pedigrad.utils.data import DataLoader

    def slow(samples):
        time.sleep(0.05)
        return samples

    batches = iter(DataLoader(range(100000), 2, num_workers=2, collate_fn=slow))
    next(batches)
    print("ready", *[p.pid for p in batches._workers], flush=True)
    for batch in batches:
        pass
"""


@LINUX
def test_ctrl_c():
    text, status, seconds = run(SLOW, signal.SIGINT, start_new_session=True)
    pids = text.split("\n")[0].split()[1:]
    assert "KeyboardInterrupt" in text and text.count("Traceback") == 1 and status != 0
    assert seconds < 5 and not alive(pids)


@LINUX
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_loader_that_is_killed_takes_its_workers_along(number):
    text, _, _ = run(SLOW, number)
    pids = text.split("\n")[0].split()[1:]
    until = time.monotonic() + 8
    while alive(pids) and time.monotonic() < until:
        time.sleep(0.1)
    assert not alive(pids)


@LINUX
def test_the_end_of_a_program_with_a_pass_open():
    text, status, seconds = run(SLOW.replace("for batch in batches", "for _ in ()"))
    assert status == 0 and text.count("\n") == 1 and seconds < 5
    assert not alive(text.split()[1:])


def test_workers_by_spawn_and_forkserver(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent("""
        import pedigrad as torch
        from pedigrad.utils.data import DataLoader, TensorDataset

        if __name__ == "__main__":
            data = TensorDataset(torch.arange(40000).reshape(4, 10000))
            for method in ("spawn", "forkserver"):
                torch.manual_seed(0)
                loader = DataLoader(data, 2, shuffle=True, num_workers=1, multiprocessing_context=method)
                print(method, [batch[0][:, 0].tolist() for batch in loader])
        """)
    )
    got = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=60)
    lines = got.stdout.splitlines()
    assert got.returncode == 0 and len(lines) == 2 and not got.stderr, got.stderr
    assert lines[0].split(" ", 1)[1] == lines[1].split(" ", 1)[1]


def test_a_forked_child_leaves_its_parents_workers_alone():
    loader = DataLoader(range(8), 2, num_workers=1, persistent_workers=True)
    batches = iter(loader)
    next(batches)
    child = os.fork()
    if child == 0:
        del batches, loader
        gc.collect()
        os._exit(0)
    os.waitpid(child, 0)
    assert len(list(batches)) == 3
    batches._shutdown_workers()
