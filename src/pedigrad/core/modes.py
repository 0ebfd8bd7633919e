"""What is switched on in this thread: gradients, inference, anomaly checks, recording.

Dispatch reads two module globals on every call, both zero in an ordinary program: `special`, the number of reasons anywhere
in the process for which an operation must take the long way, and `grad_off`, the number of threads that switched gradients
off. Only when they are not zero does it look at this thread's own settings.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from . import locks
from .origin import warn

special = 0
grad_off = 0
uncompiled = False  # whether compiled functions run as usual; it is one of the reasons for the long way
overriding = 0  # how many modes that take functions over are entered, in all threads (`core/override.py`)
clock = itertools.count(1)  # one time line for the creation of nodes and for writes in place
_lock = locks.renewed()


class Untraceable(Exception):
    """The code does with a traced array what a compiled program cannot do."""


class ShapedByValues(Untraceable):
    """A shape follows from the elements of an array: in another run it may be another one."""


class _Settings(threading.local):
    def __init__(self) -> None:
        self.grad = True  # whether operations record their history: it was asked for, outside inference
        self.asked = True  # what the switches of gradients say
        self.inference = False
        self.anomaly = False
        self.anomaly_nan = True  # whether anomaly detection looks for nan
        self.recorder: Any = None
        self.saved_hooks: list[Any] = []  # what saved arrays go through, the innermost last; a text: why there may be none
        self.profiler: Any = None  # what is told of each operation
        self.backward: Any = None  # the backward pass that runs
        self.devices: list[Any] = []  # where tensors are made, the innermost last
        self.default_device: Any = None  # the outermost of them, where the program set one for all
        self.autocast: Any = None  # what casts operands, while it is on (`core/autocast.py`)
        self.autocast_state: Any = None
        self.dual_level: Any = None  # the level of `autograd.forward_ad`
        self.batches: list[Any] = []  # the runs of vmap, the innermost last
        self.functions_off = 0  # how many contexts say that classes do not take operations over
        self.function_modes: list[Any] = []  # modes that take operations over, the innermost last


settings = _Settings()
NO_ANSWER = object()
answer: Any = None  # asks the class of an operand that is no Tensor to do an operation; set by `core/override.py`
taken_over: Any = None  # asks classes of arguments that are no Tensors about a call that has failed; set by `core/override.py`


def need_long_way(change: int) -> None:
    """Count `change` (+1 or -1) more reasons for dispatch to take the long way."""
    global special
    with _lock:
        special += change


def run_uncompiled(on: bool) -> None:
    """Let compiled functions run as usual, in all threads, or no longer."""
    global special, uncompiled
    with _lock:
        special += on - uncompiled
        uncompiled = on


def may_be_short() -> bool:
    """Whether what is not an operation may do without them: nothing asks for the long way, or nothing but a profile of this thread."""
    return not special or (special == 1 and settings.profiler is not None)


def ask_others(change: int) -> None:
    """Count `change` more modes that take functions over."""
    global overriding
    with _lock:
        overriding += change
    need_long_way(change)


def grad_enabled() -> bool:
    """Whether gradients are switched on in this thread."""
    return settings.asked


def _set_grad(mode: bool) -> None:
    global grad_off
    settings.asked = mode
    mode = mode and not settings.inference
    if mode != settings.grad:
        with _lock:
            grad_off += -1 if mode else 1
        settings.grad = mode


def _set_grad_enabled(mode: bool) -> None:
    """Switch gradients on or off, and have modes that take functions over be told so."""
    _set_grad(mode)


class _Switch:
    """A context manager and decorator that sets something of this thread and puts the old value back."""

    def __enter__(self) -> Any:
        raise NotImplementedError

    def __exit__(self, *exc: object) -> None:
        raise NotImplementedError

    def clone(self) -> _Switch:
        return self.__class__()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isclass(function):
            raise TypeError(f"{type(self).__name__} decorates functions, not the class {function.__name__}")
        if inspect.isgeneratorfunction(function):
            return self._around_generator(function)

        @functools.wraps(function)
        def switched(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return function(*args, **kwargs)

        return switched

    def _around_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The switch holds while the generator's own code runs, not while its consumer's does."""

        @functools.wraps(function)
        def switched(*args: Any, **kwargs: Any) -> Iterator[Any]:
            generator = function(*args, **kwargs)
            resume, sent = generator.send, None
            while True:
                try:
                    with self.clone():
                        value = resume(sent)
                except StopIteration as stop:
                    return stop.value
                try:
                    resume, sent = generator.send, (yield value)
                except GeneratorExit:
                    with self.clone():
                        generator.close()
                    raise
                except BaseException as error:
                    resume, sent = generator.throw, error

        return switched


class _GradMode(_Switch):
    mode = False

    def __init__(self) -> None:
        self.before: list[bool] = []

    def __new__(cls, orig_func: Callable[..., Any] | None = None) -> Any:
        switch = super().__new__(cls)
        if orig_func is None:
            return switch
        switch.__init__()  # type: ignore[misc]  # `@no_grad` without parentheses
        return switch(orig_func)

    def __enter__(self) -> None:
        self.before.append(settings.asked)
        _set_grad_enabled(self.mode)

    def __exit__(self, *exc: object) -> None:
        _set_grad_enabled(self.before.pop())


class no_grad(_GradMode):
    """Within it (or in a function it decorates) operations record no history, so results need no gradient.

    >>> w = torch.ones(2, requires_grad=True)
    >>> with torch.no_grad():
    ...     y = w * 2
    >>> y.requires_grad
    False
    """

    mode = False


class enable_grad(_GradMode):
    """Within it operations record their history again, inside `no_grad`."""

    mode = True


class set_grad_enabled(_Switch):
    """Switch gradients on or off by a flag: at once when called as a function, until the end of a `with` block."""

    def __init__(self, mode: bool) -> None:
        self.mode, self.before = bool(mode), settings.asked
        _set_grad_enabled(self.mode)

    def __enter__(self) -> None:
        _set_grad_enabled(self.mode)

    def __exit__(self, *exc: object) -> None:
        _set_grad_enabled(self.before)

    def clone(self) -> set_grad_enabled:
        return set_grad_enabled(self.mode)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        _set_grad_enabled(self.before)
        return super().__call__(function)


class inference_mode(_Switch):
    """As `no_grad`, which `enable_grad` does not end; with False the opposite, whatever it is within."""

    def __new__(cls, mode: Any = True) -> Any:
        switch = super().__new__(cls)
        if callable(mode):
            switch.__init__(True)  # type: ignore[misc]
            return switch(mode)
        return switch

    def __init__(self, mode: bool = True) -> None:
        self.mode = bool(mode)
        self.before: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        self.before.append((settings.asked, settings.inference))
        settings.inference = self.mode
        _set_grad(not self.mode)

    def __exit__(self, *exc: object) -> None:
        asked, settings.inference = self.before.pop()
        _set_grad(asked)

    def clone(self) -> inference_mode:
        return inference_mode(self.mode)


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside `inference_mode`."""
    return settings.inference


def is_anomaly_enabled() -> bool:
    """Whether this thread is inside `detect_anomaly`."""
    return settings.anomaly


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly detection, where it is on, looks for nan in gradients."""
    return settings.anomaly_nan


def set_anomaly_enabled(enabled: bool, check_nan: bool = True) -> None:
    """Switch anomaly detection on or off in this thread, and say whether it looks for nan."""
    settings.anomaly, settings.anomaly_nan = enabled, check_nan


class detect_anomaly(_Switch):
    """Within it a backward pass that computes a nan raises an error naming the operation and its line, unless `check_nan` is False."""

    def __init__(self, check_nan: bool = True) -> None:
        warn("Anomaly detection is on: backward passes take longer, so use it only to debug")
        self.check_nan = check_nan
        self.before: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        self.before.append((settings.anomaly, settings.anomaly_nan))
        set_anomaly_enabled(True, self.check_nan)

    def __exit__(self, *exc: object) -> None:
        set_anomaly_enabled(*self.before.pop())

    def clone(self) -> detect_anomaly:
        return type(self)(self.check_nan)


class set_detect_anomaly(_Switch):
    """Switch the checks of `detect_anomaly` on or off by a flag."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.before = settings.anomaly, settings.anomaly_nan
        self.mode, self.check_nan = mode, check_nan
        set_anomaly_enabled(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        set_anomaly_enabled(*self.before)

    def clone(self) -> set_detect_anomaly:
        return type(self)(self.mode, self.check_nan)


@contextmanager
def recording(recorder: Any) -> Iterator[Any]:
    """Within it what this thread computes on arrays is run through `recorder` (see `codegen/frontend/record.py`)."""
    before, settings.recorder = settings.recorder, recorder
    need_long_way(+1)
    try:
        yield recorder
    finally:
        need_long_way(-1)
        settings.recorder = before
