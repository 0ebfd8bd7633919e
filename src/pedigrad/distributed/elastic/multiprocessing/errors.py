"""`torch.distributed.elastic.multiprocessing.errors`: the names are there; using them is refused."""

from typing import Any

from .... import distributed as _distributed
from ....core.refused import refused

globals().update(refused(__name__, _distributed._WHY, classes="ErrorHandler ChildFailedError"))


def record(fn: Any, error_handler: Any = None) -> Any:
    """The function itself: its errors are not written into files."""
    return fn
