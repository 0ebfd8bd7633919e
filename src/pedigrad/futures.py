"""`torch.futures`: results that come later."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")

__all__ = ["Future", "collect_all", "wait_all"]


class Future(Generic[T]):
    """A result that a thread sets and others wait for.

    >>> future = Future()
    >>> later = future.then(lambda done: done.value() + 1)
    >>> future.set_result(1)
    >>> later.wait()
    2
    """

    def __init__(self, *, devices: Any = None):
        self._changed = threading.Condition()
        self._done = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Future[T]], None]] = []

    def done(self) -> bool:
        """Whether there is a result or an error."""
        return self._done

    def wait(self) -> T:
        """The result, once it is there; or its error is raised."""
        with self._changed:
            self._changed.wait_for(lambda: self._done)
        return self._outcome()

    def value(self) -> T:
        """The result, which must be there: RuntimeError otherwise."""
        if not self._done:
            raise RuntimeError("Future.value(): there is no result yet: wait() for it")
        return self._outcome()

    def set_result(self, result: T) -> None:
        """Complete it with a result, which can be done once."""
        self._complete(result, None)

    def set_exception(self, result: BaseException) -> None:
        """Complete it with an error, which `wait` will raise."""
        if not isinstance(result, Exception):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")
        self._complete(None, result)

    def then(self, callback: Callable[[Future[T]], Any]) -> Future[Any]:
        """A future of what `callback` returns, which is called with this one when it is done."""
        after: Future[Any] = Future()

        def run(done: Future[T]) -> None:
            try:
                after.set_result(callback(done))
            except Exception as error:
                after.set_exception(error)

        self.add_done_callback(run)
        return after

    def add_done_callback(self, callback: Callable[[Future[T]], None]) -> None:
        """Call `callback` with this future when it is done: at once if it is."""
        with self._changed:
            if not self._done:
                self._callbacks.append(callback)
                return
        callback(self)

    def _complete(self, value: Any, error: BaseException | None) -> None:
        with self._changed:
            if self._done:
                raise RuntimeError("Future: its result can be set once, and was")
            self._value, self._error, self._done = value, error, True
            callbacks, self._callbacks = self._callbacks, []
            self._changed.notify_all()
        for callback in callbacks:
            callback(self)

    def _outcome(self) -> T:
        if self._error is not None:
            raise self._error
        return self._value


def collect_all(futures: list[Future[Any]]) -> Future[list[Future[Any]]]:
    """A future of the list itself, done when all in it are."""
    everything: Future[list[Future[Any]]] = Future()
    left = [len(futures)]
    lock = threading.Lock()

    def one_more(_: Any) -> None:
        with lock:
            left[0] -= 1
            last = left[0] == 0
        if last:
            everything.set_result(futures)

    if not futures:
        everything.set_result(futures)
    for each in futures:
        each.add_done_callback(one_more)
    return everything


def wait_all(futures: list[Future[Any]]) -> list[Any]:
    """The results of all, once they are there; or the first error."""
    return [each.wait() for each in collect_all(futures).wait()]
