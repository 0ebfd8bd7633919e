"""Native functions run by several threads at once: `run(function, args, threads)` calls `function(*args, thread, threads)` in each.

The caller is thread 0. The others are Python threads that stay in native code between runs, spinning on a cell of their own,
so a run that follows another closely costs no system call and never waits for the interpreter's lock. A worker that has spun
in vain goes back to Python and sleeps. A cell holds one of

    VACANT   nobody works here: no thread was started, or it has ended
    IDLE     the worker spins in native code
    ASLEEP   the worker sleeps in Python, or is about to; only the worker leaves this state
    HELD     the caller gathers workers; this one may not go to sleep
    GO       the worker shall run the function
    QUIT     the worker shall end
    AT_WORK  the worker runs the function, then sets the cell to IDLE

The caller moves every cell it needs from IDLE to HELD, then all of them to GO, runs its own part and waits until no cell is
at GO or AT_WORK. All that is one native call; if a worker is not there it undoes what it did and says so, and Python starts or wakes the
missing ones and tries again. So whatever interrupts the Python code, no run is ever left half done.

Where the parts of a function do not wait for one another, the caller waits for nobody who has not begun: it takes a cell from GO back to
IDLE and runs that part too. On a machine with other work a worker may not come for milliseconds. Which part of the work is which thread's
is the same whoever does it, and so are the last bits of sums.

Runs from several Python threads follow one another: a second caller waits. It is not run by fewer threads instead, because the
last bits of a sum depend on how it is divided. A native function must not call Python code that calls `run`.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from ...core.locks import undivided
from ..emit import llvm

VACANT, IDLE, ASLEEP, HELD, GO, QUIT, AT_WORK = range(7)
DONE, MISSING, NESTED = range(3)
LINE = 128  # bytes: two cache lines, because processors fetch pairs of them
MOST = 256  # threads
JOB, BARRIER, CELLS = 0, LINE, 3 * LINE  # offsets in the block; thread n's cell is at CELLS + n * LINE
BARRIER_BYTES = 2 * LINE
FIRST = 3  # words of a record that `ready` fills itself
EVERY = 256  # looks between two times that a waiting thread gives way to others; a power of two
LONG = 400 * EVERY  # looks after which a waiting thread sleeps instead: some milliseconds
NAP = 1 if sys.platform == "win32" else 50  # milliseconds there, microseconds elsewhere
SPINS = 300_000  # looks at its cell before a worker goes to sleep: as many as OpenMP's; waking it takes a quarter of a millisecond
TRIES = 4  # to wake workers; each takes some 0.2 milliseconds
PATIENCE = 2_000  # looks at a cell before the caller leaves the processor to the worker that it has woken up

_memory = ctypes.create_string_buffer(CELLS + (MOST + 1) * LINE)
_block = -(-ctypes.addressof(_memory) // LINE) * LINE
_lock = threading.RLock()  # reentrant: a signal handler or a destructor may run something while Python code here is at work
_workers: dict[int, list[threading.Thread]] = {}
_gates: dict[int, Any] = {}  # what a worker sleeps at: a lock that is free when there is a reason to wake up
_counts = {"started": 0, "woken": 0, "alone": 0}
_ended = False


def run(function: Any, args: Sequence[int], threads: int, joint: bool = False) -> int:
    """Call `function(*args, thread, threads)` for thread = 0, 1, ... below `threads`, in as many threads at once, and wait for all of them.

    `function` is a native function's address or a ctypes function; `args` are addresses and 64-bit integers. Calls for which no worker
    comes in time are the caller's. Where they wait for one another (`joint`) workers are waited for, and where no threads can be
    started the caller alone calls `function(*args, 0, 1)`, as with one thread. Returns how many threads it were.
    """
    threads = min(threads, MOST)
    if threads <= 1:
        return _in_turn(function, args, 1)
    address = function if isinstance(function, int) else ctypes.c_void_p.from_buffer(function).value
    call, tries = _caller(len(args)), 0
    _worker()  # both are loaded before the lock is taken: who compiles or forks holds `undivided` while waiting for the lock here
    with _lock:
        while status := call(_block, address, threads, PATIENCE if tries else 0, not joint, *args):
            _refuse_nested(status)
            if not _gather(threads) or (tries == TRIES and not joint):
                _counts["alone"] += 1
                return _in_turn(function, args, 1 if joint else threads)
            if tries:
                time.sleep(50e-6)
            tries += 1
    return threads


def ready(function: int, threads: int, rest: Sequence[int], brief: bool = False) -> Callable[[int], Any]:
    """What does `run(function, (record, address), threads)`, given an address, in a third of the time: all else lies in the record.

    The `rest` are the words of the record from number `FIRST` on. What is `brief` is not worth waking workers for: where these sleep
    the caller does it all, and they are there the next time.
    """
    threads = min(threads, MOST)
    record = (ctypes.c_int64 * (FIRST + len(rest)))(_block, function, threads, *rest)
    go, at = _goer(), ctypes.addressof(record)
    _caller(2), _worker()  # as in `run`, which is called with the lock held

    def alone(address: int, record: Any = record) -> None:
        go(at, address)

    def together(address: int, record: Any = record) -> None:
        with _lock:
            if not (status := go(at, address)):
                return
            _refuse_nested(status)
            if brief:
                _gather(threads)
                _counts["alone"] += 1
                _in_turn(function, (at, address), threads)
            else:
                run(function, (at, address), threads)

    return together if threads > 1 else alone


def _in_turn(function: Any, args: Sequence[int], threads: int) -> int:
    """The calls of all threads by the caller, one after the other; returns how many threads these are."""
    if isinstance(function, int):
        function = _function(function, len(args))
    for thread in range(threads):
        function(*args, thread, threads)
    return threads


def _refuse_nested(status: int) -> None:
    if status == NESTED:
        raise RuntimeError("a native function that several threads run has called back into pedigrad's thread pool")


def counts() -> dict[str, int]:
    """How many workers were started and woken up, and how many runs had no workers and were done by the caller alone."""
    return dict(_counts)


def barrier_state() -> int:
    """The address of the barrier that the threads of a run may share: runs follow one another, so one is enough."""
    return _block + BARRIER


def close() -> None:
    """End the workers; the next run starts them anew."""
    with _lock:
        if ctypes.c_int64.from_address(_block + JOB + 32).value:
            return  # called from inside a run: its workers are needed
        for thread, gate in _gates.items():
            _cell(thread).value = QUIT
            if gate.locked():
                gate.release()
        for started in _workers.values():
            for worker in started:
                if worker.ident is not None:
                    worker.join()
        _reset()


@functools.lru_cache(4096)
def _function(address: int, count: int) -> Any:
    return llvm.function(address, 0, count + 2)


def _cell(thread: int) -> ctypes.c_int64:
    return ctypes.c_int64.from_address(_block + CELLS + thread * LINE)


@functools.cache
def _system() -> Any:
    """The addresses of the system's functions that give way to other threads and that sleep; None where they are not known."""
    try:
        if sys.platform == "win32":
            system = ctypes.WinDLL("kernel32")
            found = system.SwitchToThread, system.Sleep
        else:
            system = ctypes.CDLL(None)
            found = system.sched_yield, system.usleep
    except (OSError, AttributeError):
        return None
    return (ctypes.c_void_p * 2)(*[ctypes.c_void_p.from_buffer(f).value for f in found])


def _gather(threads: int) -> bool:
    """Start or wake the workers that are missing, without waiting for them; whether that was possible."""
    for thread in range(1, threads):
        state = _cell(thread).value
        if state == VACANT:
            if _ended:
                return False
            try:
                _start(thread)
            except RuntimeError:  # the system allows no more threads, or the interpreter is ending
                return False
        elif state == ASLEEP:
            gate = _gates[thread]
            if gate.locked():
                _counts["woken"] += 1
                gate.release()
    return True


def _start(thread: int) -> None:
    """Start a worker for a vacant cell. One started before may be about to take it: the second finds it taken and ends."""
    started = _workers.setdefault(thread, [])
    if any(worker.is_alive() for worker in started):
        return
    if thread not in _gates:
        gate = threading.Lock()
        gate.acquire()
        _gates[thread] = gate
    worker = threading.Thread(target=_serve, args=(_worker(), _block, thread, _gates[thread]), name=f"pedigrad-{thread}", daemon=True)
    started[:] = [worker]
    _counts["started"] += 1
    worker.start()


def _serve(work: Any, block: int, thread: int, gate: Any) -> None:
    """A worker's life. It touches no module global: it may outlive them."""
    before = VACANT
    while not work(block, thread, SPINS, before):
        gate.acquire()
        before = ASLEEP


def _reset() -> None:
    ctypes.memset(_block, 0, CELLS + MOST * LINE)
    system = _system()
    for offset in (JOB + 40, BARRIER + LINE + 8):
        ctypes.c_int64.from_address(_block + offset).value = ctypes.addressof(system) if system else 0
    _workers.clear()
    _gates.clear()


def _at_exit() -> None:
    """End the workers before the interpreter unmaps the code they run."""
    global _ended
    _ended = True
    if _lock.acquire(timeout=1.0):  # a daemon thread may be in a run that does not end
        try:
            close()
        finally:
            _lock.release()


def _before_fork() -> None:
    undivided.acquire()  # first, as in a thread that runs something while it compiles
    _lock.acquire()
    close()


def _after_fork_in_parent() -> None:
    _lock.release()
    undivided.release()


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.RLock()
    _reset()
    undivided.release()


_reset()
# Registered at import, so that this runs after most others' handlers, which may still want to run something.
atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)


@functools.cache
def _worker() -> Any:
    """The native loop of a worker: (block, thread, spins, state it comes from) -> 0: sleep, 1: end."""
    with undivided:  # a fork must not meet LLVM at work, of which the text asks the processor's kind
        address = llvm.load(worker_ir(), ["pg.work"])["pg.work"]
    return ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 4)(address)


@functools.cache
def _caller(count: int) -> Any:
    """The native side of `run` for functions of `count` arguments: (block, function, threads, patience, apart, *args) -> status."""
    with undivided:
        address = _caller_code(count)["pg.run"]
    return ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * (5 + count))(address)


@functools.cache
def _goer() -> Any:
    """The native side of what `ready` makes: (record, address) -> status."""
    with undivided:
        address = _caller_code(2)["pg.go"]
    return ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 2)(address)


@functools.cache
def _caller_code(count: int) -> dict[str, int]:
    if count == 2:
        return llvm.load(caller_ir(2) + GO_IR, ["pg.run", "pg.go"])
    return llvm.load(caller_ir(count), ["pg.run"])


def pause_ir() -> str:
    """IR of `@pg.pause(ptr system, i64 count)`: what a thread does after its look number `count` at what it waits for.

    A thread that has waited for long lets others have its processor, then sleeps between looks: where there are more threads
    than processors, the one that is waited for may need this one.
    """
    x86 = llvm.binding().get_default_triple().startswith(("x86_64", "i686", "i386"))
    return f"""
{"declare void @llvm.x86.sse2.pause()" if x86 else ""}
define internal void @pg.pause(ptr %system, i64 %count) noinline nounwind {{
entry:
  {"call void @llvm.x86.sse2.pause()" if x86 else ""}
  %known = icmp ne ptr %system, null
  %part = and i64 %count, {EVERY - 1}
  %now = icmp eq i64 %part, {EVERY - 1}
  %both = and i1 %now, %known
  br i1 %both, label %long, label %out
long:
  %very = icmp ugt i64 %count, {LONG}
  %which = select i1 %very, i64 8, i64 0
  %at = getelementptr i8, ptr %system, i64 %which
  %give_way = load ptr, ptr %at, align 8
  %ignored = call i32 %give_way(i32 {NAP})
  br label %out
out:
  ret void
}}
"""


def barrier_ir() -> str:
    """IR of `@pg.barrier(ptr state, i64 threads)`, at which every thread of a run waits for all the others.

    What a thread wrote before the barrier is seen by all after it. `state` is `barrier_state()` or `BARRIER_BYTES` of zeros on a
    multiple of `LINE`; with one thread it is not touched. Memory that one thread writes and another reads after
    a barrier must not be reached through `noalias` arguments: LLVM would move its loads and stores across the barrier.
    """
    return (
        pause_ir()
        + f"""
define internal void @pg.barrier(ptr %state, i64 %threads) noinline nounwind {{
entry:
  %single = icmp sle i64 %threads, 1
  br i1 %single, label %out, label %arrive
arrive:
  %round_at = getelementptr i8, ptr %state, i64 {LINE}
  %round = load atomic i64, ptr %round_at acquire, align 8
  %system_at = getelementptr i8, ptr %state, i64 {LINE + 8}
  %system = load ptr, ptr %system_at, align 8
  %before = atomicrmw add ptr %state, i64 1 acq_rel, align 8
  %arrived = add i64 %before, 1
  %last = icmp eq i64 %arrived, %threads
  br i1 %last, label %release, label %wait
release:
  store atomic i64 0, ptr %state monotonic, align 8
  %next = add i64 %round, 1
  store atomic i64 %next, ptr %round_at release, align 8
  ret void
wait:
  %count = phi i64 [ 0, %arrive ], [ %count.next, %wait ]
  %count.next = add i64 %count, 1
  call void @pg.pause(ptr %system, i64 %count)
  %now = load atomic i64, ptr %round_at acquire, align 8
  %same = icmp eq i64 %now, %round
  br i1 %same, label %wait, label %out
out:
  ret void
}}
"""
    )


def worker_ir() -> str:
    """IR of the loop in which a worker spins and runs what it is given."""
    return (
        pause_ir()
        + f"""
define i64 @pg.work(ptr %block, i64 %thread, i64 %spins, i64 %from) nounwind {{
entry:
  %offset = mul i64 %thread, {LINE}
  %place = add i64 %offset, {CELLS}
  %cell = getelementptr i8, ptr %block, i64 %place
  %call_at = getelementptr i8, ptr %block, i64 {JOB + 8}
  %args_at = getelementptr i8, ptr %block, i64 {JOB + 16}
  %threads_at = getelementptr i8, ptr %block, i64 {JOB + 24}
  %system_at = getelementptr i8, ptr %block, i64 {JOB + 40}
  %system = load ptr, ptr %system_at, align 8
  %taking = cmpxchg ptr %cell, i64 %from, i64 {IDLE} acq_rel acquire
  %taken = extractvalue {{ i64, i1 }} %taking, 1
  br i1 %taken, label %look, label %refused
look:
  %count = phi i64 [ 0, %entry ], [ %kept, %held ], [ %more, %rest ], [ %more, %sleep ], [ %count, %claim ], [ 0, %go ]
  %state = load atomic i64, ptr %cell acquire, align 8
  switch i64 %state, label %held [ i64 {IDLE}, label %idle  i64 {GO}, label %claim  i64 {QUIT}, label %quit ]
held:
  %kept = add i64 %count, 1
  call void @pg.pause(ptr %system, i64 %count)
  br label %look
idle:
  %more = add i64 %count, 1
  %tired = icmp ugt i64 %more, %spins
  br i1 %tired, label %sleep, label %rest
rest:
  call void @pg.pause(ptr %system, i64 %count)
  br label %look
sleep:
  %leaving = cmpxchg ptr %cell, i64 {IDLE}, i64 {ASLEEP} acq_rel acquire
  %left = extractvalue {{ i64, i1 }} %leaving, 1
  br i1 %left, label %asleep, label %look
asleep:
  ret i64 0
claim:
  %claiming = cmpxchg ptr %cell, i64 {GO}, i64 {AT_WORK} acq_rel acquire
  %claimed = extractvalue {{ i64, i1 }} %claiming, 1
  br i1 %claimed, label %go, label %look
go:
  %function = load ptr, ptr %block, align 8
  %call = load ptr, ptr %call_at, align 8
  %args = load ptr, ptr %args_at, align 8
  %threads = load i64, ptr %threads_at, align 8
  call void %call(ptr %function, ptr %args, i64 %thread, i64 %threads)
  store atomic i64 {IDLE}, ptr %cell release, align 8
  br label %look
refused:  ; a wake-up that finds QUIT, or a second worker for one cell
  %found = extractvalue {{ i64, i1 }} %taking, 0
  %ordered = icmp eq i64 %found, {QUIT}
  br i1 %ordered, label %quit, label %end
quit:
  store atomic i64 {VACANT}, ptr %cell release, align 8
  br label %end
end:
  ret i64 1
}}
"""
    )


def caller_ir(count: int) -> str:
    """IR of the caller's side for functions of `count` arguments before `thread` and `threads`; with `apart` it runs what nobody has begun.

    Addresses travel as 64-bit integers, which every 64-bit calling convention passes in the same registers.
    """
    own = [f"i64 %a{i}" for i in range(count)]
    store = "".join(f"  %to{i} = getelementptr i64, ptr %args, i64 {i}\n  store i64 %a{i}, ptr %to{i}, align 8\n" for i in range(count))
    load = "".join(f"  %from{i} = getelementptr i64, ptr %args, i64 {i}\n  %a{i} = load i64, ptr %from{i}, align 8\n" for i in range(count))
    return (
        pause_ir()
        + f"""
define internal void @pg.call(ptr %function, ptr %args, i64 %thread, i64 %threads) nounwind {{
{load}  call void %function({", ".join([*own, "i64 %thread", "i64 %threads"])})
  ret void
}}

define i64 @pg.run({", ".join(["ptr %block", "ptr %function", "i64 %threads", "i64 %patience", "i64 %apart", *own])}) nounwind {{
entry:
  %args = alloca i64, i64 {max(count, 1)}, align 8
  %takes = icmp ne i64 %apart, 0
  %call_at = getelementptr i8, ptr %block, i64 {JOB + 8}
  %args_at = getelementptr i8, ptr %block, i64 {JOB + 16}
  %threads_at = getelementptr i8, ptr %block, i64 {JOB + 24}
  %busy_at = getelementptr i8, ptr %block, i64 {JOB + 32}
  %system_at = getelementptr i8, ptr %block, i64 {JOB + 40}
  %system = load ptr, ptr %system_at, align 8
  %cells = getelementptr i8, ptr %block, i64 {CELLS}
  %busy = load atomic i64, ptr %busy_at acquire, align 8
  %free = icmp eq i64 %busy, 0
  br i1 %free, label %gather, label %nested
nested:
  ret i64 {NESTED}

gather:
  %g = phi i64 [ 1, %entry ], [ %g.next, %gathered ]
  %g.offset = mul i64 %g, {LINE}
  %g.cell = getelementptr i8, ptr %cells, i64 %g.offset
  br label %try
try:
  %tries = phi i64 [ 0, %gather ], [ %tries.next, %again ]
  %holding = cmpxchg ptr %g.cell, i64 {IDLE}, i64 {HELD} acq_rel acquire
  %holds = extractvalue {{ i64, i1 }} %holding, 1
  br i1 %holds, label %gathered, label %missing
missing:
  %tries.next = add i64 %tries, 1
  %enough = icmp ugt i64 %tries.next, %patience
  br i1 %enough, label %undo, label %again
again:
  call void @pg.pause(ptr %system, i64 %tries)
  br label %try
gathered:
  %g.next = add i64 %g, 1
  %all = icmp eq i64 %g.next, %threads
  br i1 %all, label %give, label %gather

undo:
  %u = phi i64 [ %g, %missing ], [ %u.next, %undone ]
  %u.next = sub i64 %u, 1
  %u.end = icmp eq i64 %u.next, 0
  br i1 %u.end, label %give_up, label %undone
undone:
  %u.offset = mul i64 %u.next, {LINE}
  %u.cell = getelementptr i8, ptr %cells, i64 %u.offset
  store atomic i64 {IDLE}, ptr %u.cell release, align 8
  br label %undo
give_up:
  ret i64 {MISSING}

give:
{store}  store ptr %function, ptr %block, align 8
  store ptr @pg.call, ptr %call_at, align 8
  store ptr %args, ptr %args_at, align 8
  store i64 %threads, ptr %threads_at, align 8
  store atomic i64 1, ptr %busy_at release, align 8
  br label %start
start:
  %s = phi i64 [ 1, %give ], [ %s.next, %start ]
  %s.offset = mul i64 %s, {LINE}
  %s.cell = getelementptr i8, ptr %cells, i64 %s.offset
  store atomic i64 {GO}, ptr %s.cell release, align 8
  %s.next = add i64 %s, 1
  %s.end = icmp eq i64 %s.next, %threads
  br i1 %s.end, label %own, label %start
own:
  call void %function({", ".join([*own, "i64 0", "i64 %threads"])})
  br label %wait
wait:
  %w = phi i64 [ 1, %own ], [ %w, %waiting ], [ %w.next, %finished ]
  %w.count = phi i64 [ 0, %own ], [ %w.more, %waiting ], [ 0, %finished ]
  %w.offset = mul i64 %w, {LINE}
  %w.cell = getelementptr i8, ptr %cells, i64 %w.offset
  %w.state = load atomic i64, ptr %w.cell acquire, align 8
  switch i64 %w.state, label %finished [ i64 {GO}, label %late  i64 {AT_WORK}, label %waiting ]
late:
  br i1 %takes, label %take, label %waiting
take:
  %taking = cmpxchg ptr %w.cell, i64 {GO}, i64 {IDLE} acq_rel acquire
  %taken = extractvalue {{ i64, i1 }} %taking, 1
  br i1 %taken, label %instead, label %waiting
instead:
  call void %function({", ".join([*own, "i64 %w", "i64 %threads"])})
  br label %finished
waiting:
  %w.more = add i64 %w.count, 1
  call void @pg.pause(ptr %system, i64 %w.count)
  br label %wait
finished:
  %w.next = add i64 %w, 1
  %w.end = icmp eq i64 %w.next, %threads
  br i1 %w.end, label %out, label %wait
out:
  store atomic i64 0, ptr %busy_at release, align 8
  ret i64 {DONE}
}}
"""
    )


# `@pg.go(record, address)`: the record is the block, the function, the number of threads, and what the function reads there.
GO_IR = f"""
define i64 @pg.go(i64 %record, i64 %address) nounwind {{
entry:
  %block_at = inttoptr i64 %record to ptr
  %function_at = getelementptr i64, ptr %block_at, i64 1
  %threads_at = getelementptr i64, ptr %block_at, i64 2
  %block = load ptr, ptr %block_at, align 8
  %function = load ptr, ptr %function_at, align 8
  %threads = load i64, ptr %threads_at, align 8
  %single = icmp sle i64 %threads, 1
  br i1 %single, label %alone, label %together
alone:
  call void %function(i64 %record, i64 %address, i64 0, i64 1)
  ret i64 {DONE}
together:
  %status = call i64 @pg.run(ptr %block, ptr %function, i64 %threads, i64 0, i64 1, i64 %record, i64 %address)
  ret i64 %status
}}
"""
