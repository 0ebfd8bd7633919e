"""`torch.distributed.rpc.api`: the names are there; using them is refused."""

from collections.abc import Callable
from typing import Any

from ... import distributed as _distributed
from ...core.refused import refused

globals().update(refused(__name__, _distributed._WHY, functions="_all_gather _wait_all"))


def _require_initialized(func: Callable[..., Any]) -> Any:
    """A function in the place of `func`, which needs a group of processes: it refuses when it is called."""
    return refused(__name__, _distributed._WHY, functions=func.__name__)[func.__name__]
