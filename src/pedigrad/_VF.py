"""`torch._VF`: the functions of `torch` by another name, as modules of PyTorch's call them."""

from typing import Any

from .core.absent import handlers
from .core.declare import PLACES

_missing: Any = handlers(__name__)["__getattr__"]


def __getattr__(name: str) -> Any:
    return PLACES["torch"].get(name) or _missing(name)
