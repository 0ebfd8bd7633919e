"""What `pedigrad.compiler` offers to users: to leave a function out, to ask, to begin anew."""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Callable
from typing import Any

from .core import handed, modes
from .core.origin import located, outside
from .core.refused import refused

instances: weakref.WeakSet[Any] = weakref.WeakSet()  # everything that was compiled


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """A version of `fn` that is never compiled, nor is what calls it. Usable as a decorator, with or without options."""
    if fn is None:
        return functools.partial(disable, recursive=recursive, reason=reason)
    call: Callable[..., Any] = fn

    @functools.wraps(call, updated=())
    def as_usual(*args: Any, **kwargs: Any) -> Any:
        recorder = modes.settings.recorder
        if recorder is not None:
            name = getattr(call, "__qualname__", type(call).__name__)
            recorder.refuse(f"{name}() is not to be compiled" + (f" ({reason})" if reason else ""))
        return call(*args, **kwargs)

    return as_usual


def auto(enabled: bool = True) -> None:
    """Compile training steps without a word of it in the program: as `pedigrad run --fast` does, from within.

    Functions and methods that the calling module has by now run with their steps compiled, and those of the program's own modules that are
    imported from now on; a loop at the top of the calling module does not. `auto(False)` lets all of them run as usual again.
    """
    frame = outside(sys._getframe(1))
    handed.auto(enabled, {} if frame is None else frame.f_globals)


def is_compiling() -> bool:
    """Whether the code that asks is run in order to be compiled."""
    return modes.settings.recorder is not None


def is_dynamo_compiling() -> bool:
    """The same as `is_compiling`."""
    return is_compiling()


def is_exporting() -> bool:
    """False: there is no export."""
    return False


def reset() -> None:
    """Forget all compiled programs of all functions."""
    for compiled in list(instances):
        compiled.reset()


def cudagraph_mark_step_begin() -> None:
    """Nothing: there are no graphs of a GPU."""


def assume_constant_result(fn: Any) -> Any:
    """The function itself: whatever it finds around it is watched."""
    return fn


def allow_in_graph(fn: Any) -> Any:
    """The function itself: what it does is recorded as all else is."""
    return fn


def list_backends(exclude_tags: Any = ()) -> list[str]:
    """The names of the compilers: there is one."""
    return ["inductor"]


def get_default_backend() -> str:
    """The compiler that is taken where none is named: there is one."""
    return "inductor"


def set_default_backend(backend: Any) -> None:
    """Nothing: there is one compiler."""


def substitute_in_graph(original_fn: Any, **options: Any) -> Callable[[Any], Any]:
    """A decorator that does nothing: the function itself is recorded, not one in its place."""
    return lambda fn: fn


def nested_compile_region(fn: Any = None, **options: Any) -> Any:
    """The function itself: kernels that are alike are compiled once in any case."""
    return fn if fn is not None else lambda each: each


def save_cache_artifacts() -> Any:
    """None: compiled code is in a directory, which `pedigrad env` names."""
    return None


def load_cache_artifacts(serialized_artifacts: bytes) -> Any:
    """None: compiled code is in a directory, which `pedigrad env` names."""
    return None


STANCES = ("default", "force_eager", "eager_on_recompile", "fail_on_recompile", "eager_then_compile", "aot_eager_then_compile")


class set_stance:
    """How compiled functions run from now on, or within a context, or in a function: with "force_eager" as usual, which debuggers,
    `why()` and anomaly detection see into. Other stances change nothing: what cannot be compiled runs as usual in any case."""

    def __init__(self, stance: str = "default", **kwargs: Any):
        if stance not in STANCES:
            raise RuntimeError(located(f"invalid torch.compile stance {stance!r}: there are {', '.join(STANCES)}"))
        self.stance, self.before = stance, modes.uncompiled
        modes.run_uncompiled(stance == "force_eager")

    def __call__(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        modes.run_uncompiled(self.before)

        @functools.wraps(fn)
        def called(*args: Any, **kwargs: Any) -> Any:
            with set_stance(self.stance):
                return fn(*args, **kwargs)

        return called

    def __enter__(self) -> None:
        modes.run_uncompiled(self.stance == "force_eager")

    def __exit__(self, *exc: object) -> None:
        modes.run_uncompiled(self.before)


globals().update(
    refused(__name__, "compiled functions are not kept as files: compiled code is, in a directory", functions="load_compiled_function")
)
