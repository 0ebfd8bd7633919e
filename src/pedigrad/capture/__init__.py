"""`compile`: functions, modules and whole training steps as native programs."""

from __future__ import annotations

import functools
from typing import Any

from ..nn.module import Module
from .function import compiled_function
from .module import OptimizedModule


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = None,
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    """A version of a function or module that runs as one native program; a whole training step may be inside.

    With `fullgraph` what cannot be compiled is an error, not a warning. `dynamic`, `backend`, `mode` and `options` are accepted and change
    nothing. Usable as a decorator, with or without options.

    Args:
        model: the function or the Module.
        disable: whether it is returned as it is.

    >>> function = torch.compile(lambda x: torch.exp(x).sum())
    >>> function(torch.zeros(3))
    tensor(3.)
    """
    if model is None:
        return functools.partial(compile, fullgraph=fullgraph, disable=disable)
    if disable:
        return model
    if isinstance(model, Module):
        return OptimizedModule(model, fullgraph)
    if not callable(model):
        raise RuntimeError(f"torch.compile() takes a function or a module, not a {type(model).__name__}")
    return compiled_function(model, fullgraph)
