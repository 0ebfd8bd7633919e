"""What runs in a worker's process: it fetches the batches it is told to and sends them back."""

from __future__ import annotations

import os
import queue
import random
import signal
import threading
import traceback
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....eager.threads import set_num_threads
from ....rng.generator import default_generator
from .. import shared
from ..shared import Sender
from .fetch import fetcher_of

__all__ = ["Ended", "Failure", "Job", "WorkerInfo", "get_worker_info", "work"]

PATIENCE = 5.0  # seconds after which a worker that was left alone ends in the middle of what it does


@dataclass
class WorkerInfo:
    """Which worker a process is: `id` of `num_workers`, the `seed` it began with, its copy of the `dataset`."""

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: Any = None
    worker_method: str = "multiprocessing"


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """What is known of the worker that this process is; None outside of workers."""
    return _info


@dataclass
class Job:
    """All that a worker needs to know: where it stands among the others, and what to fetch how."""

    worker_id: int
    num_workers: int
    base_seed: int
    init_fn: Any
    dataset: Any
    iterable: bool
    batches: bool
    collate_fn: Any
    drop_last: bool


class Ended:
    """Sent instead of a batch when a worker's copy of an IterableDataset has no more samples."""


class Failure:
    """An exception on its way to the loader's process: its type, and a message with its traceback."""

    def __init__(self, error: BaseException, where: str) -> None:
        text = "".join(traceback.format_exception(error))
        self.type: type[BaseException] = type(error)
        self.message = f"Caught {self.type.__name__} {where}.\nOriginal {text}"

    def exception(self) -> BaseException:
        """An exception of that type with the message; a RuntimeError if its type takes other arguments."""
        if self.type is KeyError:
            return KeyError(_Shown(self.message))
        try:
            return self.type(self.message)
        except Exception:
            return RuntimeError(self.message)


class _Shown(str):
    """A message that a KeyError shows as it is: it shows what `repr` gives of its argument."""

    def __repr__(self) -> str:
        return str(self)


def _listen(connection: Any, inbox: Any) -> None:
    """Pass on what the loader sends, so that it never waits for this process to read; end the process if it is alone for long."""
    try:
        while True:
            inbox.put(connection.recv())
    except (EOFError, OSError):
        inbox.put(None)
    threading.Event().wait(PATIENCE)
    os._exit(1)


def _begin(job: Job) -> None:
    """Seed this process's generators, in a way of its own among the workers."""
    global _info
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the loader's process too, which ends this one
    set_num_threads(1)
    seed = job.base_seed + job.worker_id
    random.seed(seed)
    default_generator.manual_seed(seed)
    words = [job.worker_id, job.base_seed & 0xFFFFFFFF, job.base_seed >> 32, 0]
    np.random.seed(np.random.SeedSequence(words).generate_state(4))
    _info = WorkerInfo(job.worker_id, job.num_workers, seed, job.dataset)


def work(job: Job, connection: Any) -> None:
    """Answer tasks, which are (epoch, number, keys, freed segments), with (epoch, number, batch), until there is nobody to answer."""
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, inbox), daemon=True).start()
    where = f"in DataLoader worker process {job.worker_id}"
    sender = shared.sender = Sender(connection)
    failure = None
    try:
        _begin(job)
        if job.init_fn is not None:
            job.init_fn(job.worker_id)
    except Exception as error:
        failure = Failure(error, where)
    fetcher: Any = None
    present, ended = -1, False
    for epoch, number, keys, freed in iter(inbox.get, None):
        sender.freed(freed)
        if epoch != present:
            fetcher, present, ended = None, epoch, False
        if ended:
            continue
        try:
            if failure is None and fetcher is None:
                fetcher = fetcher_of(job.iterable, job.dataset, job.batches, job.collate_fn, job.drop_last)
            answer = fetcher.fetch(keys) if failure is None else failure
        except StopIteration as error:
            ended = job.iterable
            answer = Ended() if ended else Failure(error, where)
        except Exception as error:
            answer = Failure(error, where)
        failure = None
        if not _answer(sender, (epoch, number), answer, where):
            return
        del answer  # its memory can be written again


def _answer(sender: Sender, task: tuple[int, int], answer: Any, where: str) -> bool:
    """Send an answer, or why it cannot be sent; whether there is somebody to take it."""
    try:
        sender.send(task, answer)
    except (BrokenPipeError, ConnectionResetError):
        return False
    except Exception as error:
        if isinstance(answer, Failure):  # the exception's type cannot be pickled
            answer.type = RuntimeError
        else:
            answer = Failure(error, where + ", when it sent a batch")
            answer.type = answer.type if answer.type in (TypeError, AttributeError) else RuntimeError
        return _answer(sender, task, answer, where)
    return True
