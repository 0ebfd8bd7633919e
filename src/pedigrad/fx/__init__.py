"""`torch.fx`: programs are not made graphs of; the names are there, and drawing a graph is refused."""

from __future__ import annotations

from typing import Any

from ..core.refused import REFUSED, lazily, refused
from ..nn import Module

_WHY = "there are no graphs of modules: torch.compile() records a program itself, and tensor.family() shows where a tensor came from"

globals().update(refused(__name__, _WHY, classes="Graph Node Proxy Tracer Interpreter Transformer CodeGen Attribute"))
globals().update(refused(__name__, _WHY, functions="symbolic_trace replace_pattern map_arg has_side_effect"))


class GraphModule(Module):
    """A module that is made of a graph; there is none."""

    def __init__(self, *args: Any, **kwargs: Any):
        raise RuntimeError(f"torch.fx.GraphModule: {_WHY}")


setattr(GraphModule, REFUSED, f"torch.fx.GraphModule: {_WHY}")


def wrap(fn_or_name: Any) -> Any:
    """What was given: functions that are wrapped stay whole in a graph, and there are no graphs."""
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError("Unsupported type for global function! Must be either a callable or string name")
    return fn_or_name


__getattr__ = lazily(__name__, __path__)
