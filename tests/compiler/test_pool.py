"""Native functions run by several threads: each runs its part once, and nothing hangs."""

import ctypes
import os
import pathlib
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from pedigrad.codegen.emit import llvm  # pool compiles with llvmlite at first use
from pedigrad.codegen.runtime import pool  # pool compiles with llvmlite at first use

# out[thread] += 1000 * threads + thread
MARK = """
define void @mark(ptr %out, i64 %thread, i64 %threads) {
  %at = getelementptr i64, ptr %out, i64 %thread
  %old = load i64, ptr %at
  %high = mul i64 %threads, 1000
  %both = add i64 %high, %thread
  %new = add i64 %old, %both
  store i64 %new, ptr %at
  ret void
}
"""

# rounds times: slots[16 * thread] = round; barrier; errors += slots[16 * neighbour] != round; barrier.
# At the end slots[16 * thread + 8] = errors.
ROUNDS = """
define void @rounds(ptr %slots, ptr %state, i64 %rounds, i64 %thread, i64 %threads) {
entry:
  %own = mul i64 %thread, 16
  %own_at = getelementptr i64, ptr %slots, i64 %own
  %errors_at = getelementptr i64, ptr %own_at, i64 8
  %beside = add i64 %thread, 1
  %neighbour = urem i64 %beside, %threads
  %other = mul i64 %neighbour, 16
  %other_at = getelementptr i64, ptr %slots, i64 %other
  br label %loop
loop:
  %round = phi i64 [ 1, %entry ], [ %next, %loop ]
  %errors = phi i64 [ 0, %entry ], [ %more, %loop ]
  store i64 %round, ptr %own_at
  call void @pg.barrier(ptr %state, i64 %threads)
  %seen = load i64, ptr %other_at
  %wrong = icmp ne i64 %seen, %round
  %one = zext i1 %wrong to i64
  %more = add i64 %errors, %one
  call void @pg.barrier(ptr %state, i64 %threads)
  %next = add i64 %round, 1
  %end = icmp ugt i64 %next, %rounds
  br i1 %end, label %out, label %loop
out:
  store i64 %more, ptr %errors_at
  ret void
}
"""


@pytest.fixture(scope="module")
def mark():
    return llvm.load(MARK, ["mark"])["mark"]


@pytest.fixture(scope="module")
def mark_ready():
    """The same of a record that says what `threads` is multiplied by."""
    factor = "%at3 = getelementptr i64, ptr %record, i64 3\n  %factor = load i64, ptr %at3\n  "
    text = MARK.replace("(ptr %out", "(ptr %record, ptr %out").replace(
        "%high = mul i64 %threads, 1000", factor + "%high = mul i64 %threads, %factor"
    )
    return llvm.load(text, ["mark"])["mark"]


@pytest.fixture(scope="module")
def rounds():
    return llvm.load(pool.barrier_ir() + ROUNDS, ["rounds"])["rounds"]


@pytest.fixture
def fresh():
    """A pool without workers, before and after."""
    pool.close()
    yield
    pool.close()


def marked(function, threads, joint=False):
    out = np.zeros(16, np.int64)
    pool.run(function, (out.ctypes.data,), threads, joint)
    return out.tolist()


def expected(threads, runs=1):
    return [runs * (1000 * threads + thread) for thread in range(threads)] + [0] * (16 - threads)


def wrong_rounds(rounds, threads, count=50):
    slots = np.zeros((16, 16), np.int64)
    pool.run(rounds, (slots.ctypes.data, pool.barrier_state(), count), threads, joint=True)
    assert (slots[:threads, 0] == count).all()
    return int(slots[:, 8].sum())


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.001)


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_every_thread_runs_once(mark, threads):
    assert marked(mark, threads) == expected(threads)


def test_one_after_the_other(mark):
    for threads in [2, 3, 1, 2, 5, 4, 2] * 20:
        assert marked(mark, threads) == expected(threads)


def test_many_runs(mark):
    out = np.zeros(16, np.int64)
    for _ in range(500):
        pool.run(mark, (out.ctypes.data,), 2)
    assert out.tolist() == expected(2, 500)


@pytest.mark.parametrize("threads", [0, 1, 2])
def test_ctypes_functions(mark, threads):
    assert marked(llvm.function(mark, 1, 2), threads) == expected(max(threads, 1))


@pytest.mark.parametrize("count", [1, 2, 5, 6, 7, 15, 40])
@pytest.mark.parametrize("threads", [1, 3])
def test_arguments(count, threads):
    """Each argument arrives in its place, in registers and on the stack, in every thread."""
    names = [f"%a{i}" for i in range(count)]
    body = "".join(f"  %at{i} = getelementptr i64, ptr %row, i64 {i}\n  store i64 {name}, ptr %at{i}\n" for i, name in enumerate(names))
    text = f"""
define void @store(ptr %out, {", ".join(f"i64 {name}" for name in names)}, i64 %thread, i64 %threads) {{
  %offset = mul i64 %thread, {count}
  %row = getelementptr i64, ptr %out, i64 %offset
{body}  ret void
}}
"""
    out = np.zeros((threads, count), np.int64)
    values = [(-1) ** i * (i + 1) * (1 << 40) for i in range(count)]
    pool.run(llvm.load(text, ["store"])["store"], (out.ctypes.data, *values), threads)
    assert out.tolist() == [values] * threads


def test_no_arguments():
    counter = np.zeros(1, np.int64)
    text = f"""
define void @count(i64 %thread, i64 %threads) {{
  %at = inttoptr i64 {counter.ctypes.data} to ptr
  %old = atomicrmw add ptr %at, i64 %threads seq_cst
  ret void
}}
"""
    count = llvm.load(text, ["count"])["count"]
    for threads in (1, 2, 3):
        pool.run(count, (), threads)
    assert counter[0] == 1 + 4 + 9


def test_wrong_arguments(mark):
    with pytest.raises((ctypes.ArgumentError, TypeError)):
        pool.run(mark, ("text",), 2)
    assert marked(mark, 2) == expected(2)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_what_lies_ready_runs_as_run_does(mark_ready, threads, fresh):
    call, out = pool.ready(mark_ready, threads, [1000]), np.zeros(threads, np.int64)
    for _ in range(3):
        call(out.ctypes.data)
    pool.close()
    call(out.ctypes.data)
    assert out.tolist() == expected(threads, 4)[:threads]


def test_the_caller_runs_the_parts_of_workers_that_are_not_there(fresh, mark_ready, monkeypatch):
    monkeypatch.setattr(pool, "_gather", lambda threads: False)
    for brief in (False, True):
        call, out = pool.ready(mark_ready, 3, [7], brief), np.zeros(3, np.int64)
        call(out.ctypes.data)
        assert out.tolist() == [21, 22, 23]


@pytest.mark.parametrize("threads", [2, 3, 5])
@pytest.mark.parametrize("brief", [False, True])
def test_each_part_is_run_once_whoever_runs_it(fresh, mark_ready, threads, brief):
    """Workers begin late where all processors have other work: parts change hands at any moment."""
    call, out = pool.ready(mark_ready, threads, [1], brief), np.zeros(threads, np.int64)
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        for _ in range(3000):
            call(out.ctypes.data)
    finally:
        for other in others:
            other.kill()
            other.wait()
    assert out.tolist() == [3000 * (threads + thread) for thread in range(threads)]


def test_one_thread_needs_no_pool(fresh, mark, rounds, monkeypatch):
    monkeypatch.setattr(pool, "_caller", None)
    before = pool.counts()
    assert marked(mark, 1) == expected(1)
    assert wrong_rounds(rounds, 1) == 0
    assert pool.counts() == before


@pytest.mark.parametrize("threads", [2, 3, 4])
def test_barrier(rounds, threads):
    for _ in range(3):
        assert wrong_rounds(rounds, threads) == 0


def test_barrier_of_ones_own(rounds):
    memory = np.zeros(pool.BARRIER_BYTES + pool.LINE, np.uint8)
    state = -(-memory.ctypes.data // pool.LINE) * pool.LINE
    slots = np.zeros((16, 16), np.int64)
    pool.run(rounds, (slots.ctypes.data, state, 20), 2, joint=True)
    assert slots[:2, 0].tolist() == [20, 20]
    assert not slots[:, 8].any()


def test_sleeping_workers_are_woken(fresh, mark):
    assert marked(mark, 3) == expected(3)
    for _ in range(5):
        until(lambda: all(pool._cell(thread).value == pool.ASLEEP for thread in (1, 2)))
        assert marked(mark, 3) == expected(3)
    counts = pool.counts()
    assert counts["woken"] >= 10


def test_workers_are_kept(fresh, mark):
    before = pool.counts()["started"]
    for threads in (3, 2, 3, 1, 3):
        assert marked(mark, threads) == expected(threads)
    assert pool.counts()["started"] == before + 2
    names = [thread.name for thread in threading.enumerate()]
    assert [names.count(f"pedigrad-{i}") for i in (1, 2, 3)] == [1, 1, 0]


def test_more_threads_than_there_can_be(mark, monkeypatch, fresh):
    monkeypatch.setattr(pool, "MOST", 3)
    assert marked(mark, 10) == expected(3)


def test_close_and_again(fresh, mark):
    for _ in range(3):
        assert marked(mark, 3) == expected(3)
        pool.close()
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("pedigrad-")]
        pool.close()


def test_second_worker_for_a_cell_ends(fresh, mark):
    """As when a start was interrupted and repeated: one of the two takes the cell."""
    assert marked(mark, 2) == expected(2)
    second = threading.Thread(target=pool._serve, args=(pool._worker(), pool._block, 1, pool._gates[1]), daemon=True)
    second.start()
    second.join(60)
    assert not second.is_alive()
    assert marked(mark, 2) == expected(2)


def test_without_threads_the_caller_runs_alone(fresh, mark, monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    before = pool.counts()["alone"]
    with monkeypatch.context() as patch:
        patch.setattr(pool, "_start", refuse)
        assert marked(mark, 3, joint=True) == expected(1)
        assert marked(mark, 3) == expected(3)
    assert pool.counts()["alone"] == before + 2
    assert marked(mark, 3) == expected(3)


def test_concurrent_callers(mark, rounds):
    failures = []

    def work(threads):
        try:
            for _ in range(10):
                assert marked(mark, threads) == expected(threads)
                assert wrong_rounds(rounds, threads, 5) == 0
        except BaseException as error:
            failures.append(error)

    callers = [threading.Thread(target=work, args=(threads,)) for threads in (1, 2, 3, 2)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(120)
    assert not failures
    assert not any(caller.is_alive() for caller in callers)


def test_native_code_may_not_call_back(mark):
    caught = []

    def inner(thread, threads):
        if thread == 0:
            try:
                marked(mark, 2)
            except RuntimeError as error:
                caught.append(str(error))

    callback = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64)(inner)
    pool.run(callback, (), 2)
    assert len(caught) == 1
    assert "called back" in caught[0]
    assert marked(mark, 2) == expected(2)


# In processes of their own: forks, interrupts, the end of the interpreter.

PRELUDE = f"""
import atexit, os, signal, sys, threading, time
import numpy as np
from pedigrad.codegen.emit import llvm
from pedigrad.codegen.runtime import pool
MARK = '''{MARK}'''
mark = llvm.load(MARK, ["mark"])["mark"]
def check(threads):
    out = np.zeros(threads, np.int64)
    pool.run(mark, (out.ctypes.data,), threads)
    assert out.tolist() == [1000 * threads + i for i in range(threads)], out
"""


def ends(code):
    """Runs a program and returns what it printed, after it ended by itself and without complaint."""
    environment = dict(os.environ, PYTHONPATH=str(pathlib.Path(pool.__file__).parents[3]))
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", PRELUDE + code], env=environment, capture_output=True, text=True, timeout=40
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    return ended.stdout


@pytest.mark.parametrize("pause", [0, 0.2])
def test_exit(pause):
    """With workers that spin and with workers that sleep."""
    assert ends(f"check(3); time.sleep({pause}); print('end')") == "end\n"


def test_exit_without_a_run():
    assert ends("print('end')") == "end\n"


def test_exit_while_another_thread_runs():
    code = """
def forever():
    while True:
        check(2)
threading.Thread(target=forever, daemon=True).start()
time.sleep(0.2)
print('end')
"""
    assert ends(code) == "end\n"


def test_run_while_exiting():
    """In handlers that were registered later there still are threads; later than our own, the caller is alone."""
    code = """
def last():
    out = np.zeros(2, np.int64)
    pool.run(mark, (out.ctypes.data,), 2)
    print(out)
atexit.unregister(pool._at_exit)
atexit.register(last)
atexit.register(pool._at_exit)
atexit.register(check, 2)
check(2)
"""
    assert ends(code) == "[2000 2001]\n"


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")

FORK = """
def in_child(work):
    child = os.fork()
    if not child:
        try:
            work()
        except BaseException as error:
            print(error, file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return child
def well(child):
    assert os.waitpid(child, 0)[1] == 0
"""


@needs_fork
@pytest.mark.parametrize("pause", [0, 0.2])
def test_fork(pause):
    code = f"""
def grandchild():
    check(3)
    well(in_child(lambda: check(2)))
    check(2)
check(3)
for _ in range(5):
    time.sleep({pause})
    child = in_child(grandchild)
    check(4)
    well(child)
"""
    ends(FORK + code)


@needs_fork
def test_fork_while_another_thread_runs():
    code = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on: there is a second thread, of the program's own
stop = False
def work():
    while not stop:
        check(2)
other = threading.Thread(target=work)
other.start()
for _ in range(10):
    well(in_child(lambda: check(3)))
stop = True
other.join()
check(2)
"""
    ends(FORK + code)


def test_whoever_holds_the_pools_lock_never_waits_for_the_compilers():
    """Who compiles or forks holds `undivided` and waits for the pool's lock: the other way round, both would wait for ever."""
    code = """
import time, traceback
import pedigrad as torch
from pedigrad.codegen.emit import llvm
from pedigrad.codegen.runtime import pool
from pedigrad.core import locks
from pedigrad.eager import native
class Watched:
    def __getattr__(self, name):
        return getattr(real, name)
    def __enter__(self):
        if pool._lock._is_owned():
            traceback.print_stack()
            os._exit(1)
        real.__enter__()
    def __exit__(self, *error):
        real.__exit__(*error)
real = locks.undivided
locks.undivided = pool.undivided = llvm.undivided = Watched()
torch.set_num_threads(2)
x = torch.ones(600, 1000, requires_grad=True)
torch.exp(x)  # finds no workers
f = torch.compile(lambda x: (torch.sin(x) * x).sum())
for _ in range(5):
    f(x).backward(), torch.tanh(x), torch.softmax(x, -1), x @ x.T
    time.sleep(0.1)  # until the workers sleep
pool.close()
f(x).backward(), torch.exp(x)
"""
    ends("import os\n" + code)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals of POSIX")
def test_interrupts():
    """Interrupted anywhere, starting and waking included, the pool goes on; a run is whole or was not begun."""
    code = """
class Interrupt(BaseException):
    pass
def interrupt(*_):
    raise Interrupt
out = np.zeros(3, np.int64)
check(3)
signal.signal(signal.SIGALRM, interrupt)
for i in range(150):
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.0003 + 0.00001 * i)
            if i % 3 == 0:
                time.sleep(0.0002)
            for _ in range(100000):
                pool.run(mark, (out.ctypes.data,), 3)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Interrupt:
        pass
runs, rest = divmod(int(out[0]), 3000)
assert not rest
assert out.tolist() == [runs * (3000 + i) for i in range(3)], out
check(3)
print('end')
"""
    assert ends(code) == "end\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals of POSIX")
def test_signal_handlers_may_run():
    code = """
done = []
def handler(*_):
    check(2)
    done.append(1)
check(3)
signal.signal(signal.SIGALRM, handler)
for i in range(50):
    signal.setitimer(signal.ITIMER_REAL, 0.0005)  # once: a handler that is interrupted by itself would never end
    while len(done) <= i:
        if i % 2:
            time.sleep(0.001)
        check(3)
"""
    ends(code)


def test_import_starts_nothing():
    environment = dict(os.environ, PYTHONPATH=str(pathlib.Path(pool.__file__).parents[3]))
    code = "import sys, threading, pedigrad.codegen.runtime.pool; print('llvmlite' in sys.modules, threading.active_count())"
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout == "False 1\n"
