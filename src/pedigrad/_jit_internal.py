"""`torch._jit_internal`: decorators of TorchScript, which is not here: they give back what they get."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from typing import Final as Final

from .futures import Future as Future
from .jit import export as export
from .jit import ignore as ignore
from .jit import is_scripting as is_scripting
from .jit import unused as unused

BroadcastingList1 = BroadcastingList2 = BroadcastingList3 = list
_copy_to_script_wrapper = _overload = _overload_method = _drop = unused


def boolean_dispatch(
    arg_name: str,
    arg_index: int,
    default: bool,
    if_true: Callable[..., Any],
    if_false: Callable[..., Any],
    module_name: str,
    func_name: str,
) -> Callable[..., Any]:
    """A function that calls one of two, as one of its arguments says."""

    def call(*args: Any, **kwargs: Any) -> Any:
        chosen = kwargs[arg_name] if arg_name in kwargs else args[arg_index] if arg_index < len(args) else default
        return (if_true if chosen else if_false)(*args, **kwargs)

    call.__doc__ = if_false.__doc__
    return call
