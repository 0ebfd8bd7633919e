"""`torch.jit`: there is no language of its own here; what is written for it runs as the Python it is.

`script` and the decorators give back what they were given, so that a program computes the same. What needs a compiled program (to trace,
to save, to load) is refused.
"""

from __future__ import annotations

import builtins
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from typing import Final as Final

from ..core.refused import lazily, refused
from ..futures import Future as Future
from ..nn import Module

_is = builtins.isinstance
_CALL = "there is no TorchScript: call the function or module as it is, or compile it by torch.compile()"
_SAVE = "there are no TorchScript programs to keep in files: save model.state_dict() by torch.save(), and build the model in Python"

globals().update(
    refused(__name__, _CALL, functions="trace trace_module freeze optimize_for_inference run_frozen_optimizations export_opnames")
)
globals().update(refused(__name__, _CALL, functions="last_executed_optimized_graph _get_trace_graph", classes="CompilationUnit"))
globals().update(refused(__name__, _CALL, classes="ScriptFunction TracedModule TopLevelTracedModule RecursiveScriptModule"))
globals().update(refused(__name__, _SAVE, functions="save load save_jit_module_to_flatbuffer jit_module_from_flatbuffer"))


class Error(RuntimeError):
    """What a compiled program would raise."""


class TracerWarning(Warning):
    """What tracing would warn of."""


class ScriptWarning(Warning):
    """What scripting would warn of."""


class ScriptModule(Module):
    """A module like any other; no module of a program is made one."""


class Attribute(typing.NamedTuple):
    """A value and the type it is declared to have."""

    value: Any
    type: Any


def script(
    obj: Any, optimize: Any = None, _frames_up: int = 0, _rcb: Any = None, example_inputs: Any = None, *, _tensor_names: Any = None
) -> Any:
    """The function, module or class itself."""
    return obj


def script_method(fn: Any) -> Any:
    """The method itself."""
    return fn


def script_if_tracing(fn: Any) -> Any:
    """The function itself."""
    return fn


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """The function itself; given an option, a decorator that does the same."""
    return drop if callable(drop) else _same


def unused(fn: Any) -> Any:
    """The function itself."""
    return fn


def export(fn: Any) -> Any:
    """The function itself."""
    return fn


def interface(obj: Any) -> Any:
    """The class itself."""
    return obj


_drop = _overload = _overload_method = _script_if_tracing = unused


def _same(fn: Any) -> Any:
    return fn


def is_scripting() -> bool:
    """False."""
    return False


def is_tracing() -> bool:
    """False."""
    return False


def annotate(the_type: Any, the_value: Any) -> Any:
    """The value."""
    return the_value


def isinstance(obj: Any, target_type: Any) -> bool:
    """Whether a value is of a type, the types of what a list, tuple, dict or Optional holds included.

    >>> isinstance(["a"], list[str]), isinstance({"a": "b"}, dict[str, bytes])
    (True, False)
    """
    if type(target_type) is tuple:
        return any(isinstance(obj, each) for each in target_type)
    origin, inner = typing.get_origin(target_type), typing.get_args(target_type)
    if origin is None:
        if target_type in (list, dict, tuple):
            shown = target_type.__name__
            raise RuntimeError(f"Attempted to use {shown} without a contained type: say what it holds, such as {shown}[int]")
        return _is(obj, type(None) if target_type is None else target_type)
    if not _is(origin, type) or origin not in (list, dict, tuple):  # Union, Optional, int | None
        return any(isinstance(obj, each) for each in inner)
    if not _is(obj, origin):
        return False
    if origin is dict:
        return all(isinstance(k, inner[0]) and isinstance(v, inner[1]) for k, v in obj.items())
    if origin is tuple:
        return len(obj) == len(inner) and all(isinstance(value, each) for value, each in zip(obj, inner, strict=True))
    return all(isinstance(value, inner[0]) for value in obj)


def fork(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Future:
    """A future that holds what the function returned: it runs here, at once."""
    future: Future = Future()
    future.set_result(func(*args, **kwargs))
    return future


def wait(future: Future) -> Any:
    """What a future of `fork` holds."""
    return future.wait()


@contextmanager
def optimized_execution(should_optimize: bool) -> Iterator[None]:
    """A context that changes nothing."""
    yield


@contextmanager
def fuser(name: str) -> Iterator[None]:
    """A context that changes nothing."""
    yield


class strict_fusion:
    """A context that changes nothing."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        pass


def set_fusion_strategy(strategy: Any) -> Any:
    """The strategy that was set before: none."""
    return []


def enable_onednn_fusion(enabled: bool) -> None:
    """Nothing: there is no oneDNN."""


def onednn_fusion_enabled() -> bool:
    """False."""
    return False


__getattr__ = lazily(__name__, __path__)
