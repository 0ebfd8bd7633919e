"""`torch.onnx.symbolic_helper`: how packages declare exports of their own operations; nothing is exported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import onnx as _onnx
from ..core.refused import refused

globals().update(refused(__name__, _onnx._WHY, functions="_get_tensor_sizes _get_tensor_rank _is_none _maybe_get_const _unimplemented"))


def parse_args(*arg_descriptors: str) -> Callable[[Any], Any]:
    """A decorator that gives the function back: nobody calls it."""
    return lambda fn: fn
