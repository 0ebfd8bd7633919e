"""`torch._dynamo`: the names of PyTorch's own recorder that programs use; they lead to `torch.compiler`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

from ..compiler import allow_in_graph as allow_in_graph
from ..compiler import assume_constant_result as assume_constant_result
from ..compiler import disable as disable
from ..compiler import is_compiling as is_compiling
from ..compiler import list_backends as list_backends
from ..compiler import reset as reset
from ..compiler import set_stance as set_stance
from ..compiler import substitute_in_graph as substitute_in_graph
from ..core.refused import lazily, refused

_WHY = "torch.compile() is another compiler here: call compiled.explain() to see what it did"

globals().update(refused(__name__, _WHY, functions="explain export optimize optimize_assert run replay lookup_backend register_backend"))
globals().update(refused(__name__, _WHY, functions="nonstrict_trace", classes="OptimizedModule"))


def forbid_in_graph(fn: Any) -> Any:
    """The function, left out of what is compiled."""
    return disable(fn)


disallow_in_graph = forbid_in_graph


def graph_break(msg: str = "") -> None:
    """Nothing in a program that runs as usual."""
    if is_compiling():
        _refuse()


@disable
def _refuse() -> None:
    """A call that is not compiled, nor is what it is called by."""


def mark_dynamic(t: Any, index: Any, **kwargs: Any) -> None:
    """Nothing: each shape has a program of its own."""


mark_static = mark_static_address = maybe_mark_dynamic = mark_dynamic


def is_dynamo_supported() -> bool:
    """True: functions can be compiled."""
    return True


is_inductor_supported = is_dynamo_supported


def reset_code_caches() -> None:
    """Forget all compiled programs of all functions."""
    reset()


@contextmanager
def error_on_graph_break(error: bool) -> Any:
    """A context that changes nothing."""
    yield


__getattr__ = lazily(__name__, __path__)
