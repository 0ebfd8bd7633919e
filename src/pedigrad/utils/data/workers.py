"""The loader's side of workers: starting them, giving them tasks in turn, taking batches, noticing that one is gone."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import signal
import socket
import time
import weakref
from collections.abc import Iterator
from multiprocessing.connection import wait
from typing import Any

from ._utils.worker import Ended, Failure, Job, work
from .shared import Receiver

__all__ = ["Team"]

GRACE = 5.0  # seconds that workers have to finish what they are doing
LOOK = 2.0  # seconds after which it is asked whether a silent worker is alive: a process that it forked may hold its connection open

_all: weakref.WeakSet[Worker] = weakref.WeakSet()


class Worker:
    """A worker's process, and this end of the connection to it."""

    def __init__(self, context: Any, job: Job) -> None:
        self.connection, other = context.Pipe()
        self.receiver = Receiver(self.connection)
        self.available = True  # whether its dataset has more samples in this epoch
        self.tasks = 0
        _all.add(self)
        self.process = context.Process(target=work, args=(job, other), daemon=True)
        try:
            self.process.start()
        except BaseException:
            self.connection.close()
            raise
        finally:
            other.close()

    def hang_up(self) -> None:
        """Close the connection for all processes that hold it: the worker will end."""
        if not self.connection.closed:
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self.connection.fileno())) as both:
                both.shutdown(socket.SHUT_RDWR)
            self.connection.close()

    def how_it_ended(self) -> str:
        """A sentence on the end of a process that ended by itself."""
        self.process.join(1.0)
        code, pid = self.process.exitcode, self.process.pid
        if code is not None and code < 0:
            name = signal.strsignal(-code) or f"signal {-code}"
            hint = " The system kills processes when memory runs out." if -code == signal.SIGKILL else ""
            return f"DataLoader worker (pid {pid}) is killed by signal: {name}.{hint}"
        return f"DataLoader worker (pid(s) {pid}) exited unexpectedly with exit code {code}. Use num_workers=0 to see its error here."


def _leave_to_parent() -> None:
    """In a forked child: workers are its parent's, and end with that."""
    for worker in list(_all):
        worker.connection.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)


def _end(workers: list[Worker], owner: int) -> None:
    """End all workers of a process, in order if they let us."""
    if os.getpid() != owner:
        return
    for worker in workers:
        worker.hang_up()
    until = time.monotonic() + GRACE
    for worker in workers:
        worker.process.join(max(0.0, until - time.monotonic()))
    for stop in ("terminate", "kill"):
        for worker in workers:
            if worker.process.is_alive():
                getattr(worker.process, stop)()
                worker.process.join(1.0)
    for worker in workers:
        if worker.process.exitcode is not None:
            worker.process.close()
    workers.clear()


class Team:
    """Workers that fetch the batches of a loader, in turn; `batches()` goes once through those of an epoch.

    `ahead` tasks a worker are given in advance. With `in_order` batches come in the order of their keys, otherwise as they are
    finished. After `timeout` seconds without a batch, if that is not 0, and when a worker has ended, there is a RuntimeError.
    """

    def __init__(self, context: Any, jobs: list[Job], ahead: int, in_order: bool, timeout: float) -> None:
        self.ahead = ahead
        self.in_order = in_order
        self.timeout = timeout
        self.epoch = 0
        self.workers: list[Worker] = []
        self.close = weakref.finalize(self, _end, self.workers, os.getpid())
        context = context or multiprocessing.get_context()
        for job in jobs:
            self.workers.append(Worker(context, job))

    def begin(self, keys: Iterator[Any]) -> None:
        """Start on other keys; what was asked for before and has not come yet is given up."""
        self.epoch += 1
        self.keys = keys
        self.given = self.next = 0
        self.waiting: dict[int, list[Any]] = {}  # the worker of each task, and its answer if that has come early
        self.outstanding = 0
        for worker in self.workers:
            worker.available, worker.tasks = True, 0
        self.turn = itertools.cycle(range(len(self.workers)))
        for _ in range(self.ahead * len(self.workers)):
            self._give_task()

    def _give_task(self) -> None:
        try:
            keys = next(self.keys)
        except StopIteration:
            return
        worker = self._whose_turn()
        if worker is None:
            return
        try:
            worker.connection.send((self.epoch, self.given, keys, worker.receiver.take_freed()))
        except (BrokenPipeError, ConnectionResetError):
            raise self._lost(worker) from None
        except KeyboardInterrupt:
            self.close()
            raise
        worker.tasks += 1
        self.waiting[self.given] = [worker]
        self.outstanding += 1
        self.given += 1

    def _whose_turn(self) -> Worker | None:
        """The next worker that has samples and, if order does not matter, time."""
        available = sum(each.available for each in self.workers)
        for _ in self.workers:
            worker = self.workers[next(self.turn)]
            if worker.available and (self.in_order or worker.tasks < self.ahead * len(self.workers) // available):
                return worker
        return None

    def _lost(self, worker: Worker) -> RuntimeError:
        message = worker.how_it_ended()
        self.close()
        return RuntimeError(message)

    def next_batch(self) -> Any:
        """The next batch of the epoch. StopIteration after the last one; what a worker raised is raised here."""
        while True:
            while self.next < self.given:
                task = self.waiting.get(self.next)
                if task is not None:
                    if len(task) == 2 or task[0].available:
                        break
                    del self.waiting[self.next]
                self.next += 1
            else:
                raise StopIteration
            if not self.workers:
                raise RuntimeError("DataLoader: the workers of this iterator have ended")
            if len(task) == 2:
                return self._taken(self.next)
            number, answer = self._answer()
            self.outstanding -= 1
            worker = self.waiting[number][0]
            if isinstance(answer, Ended):
                worker.available = False
                self._give_task()
                continue
            self.waiting[number].append(answer)
            if number == self.next or not self.in_order:
                return self._taken(number)

    def _taken(self, number: int) -> Any:
        worker, answer = self.waiting.pop(number)
        if number == self.next:
            self.next += 1
        worker.tasks -= 1
        self._give_task()
        if isinstance(answer, Failure):
            raise answer.exception()
        return answer

    def _answer(self) -> tuple[int, Any]:
        """The number of a task of this epoch and what came of it."""
        busy = {each.connection: each for each in self.workers if each.tasks}
        until = time.monotonic() + self.timeout if self.timeout > 0 else None
        while True:
            left = LOOK if until is None else min(LOOK, until - time.monotonic())
            for connection in wait(list(busy), max(0.0, left)):
                worker = busy[connection]
                try:
                    (epoch, number), load = worker.receiver.receive()
                except (EOFError, ConnectionResetError):
                    raise self._lost(worker) from None
                except KeyboardInterrupt:  # perhaps in the middle of a message
                    self.close()
                    raise
                if epoch == self.epoch:
                    try:
                        return number, load()
                    except Exception as error:
                        return number, Failure(error, "when a batch arrived from a DataLoader worker process")
            for worker in busy.values():
                if left == LOOK and not worker.process.is_alive() and not worker.connection.poll():
                    raise self._lost(worker)
            if until is not None and time.monotonic() >= until:
                raise RuntimeError(f"DataLoader timed out after {self.timeout} seconds")
