"""`torch.onnx.symbolic_opset9`: what operations would become in that version of ONNX; they are refused when they are called."""

from __future__ import annotations

from typing import Any

from .. import onnx as _onnx
from ..core.refused import refused


def __getattr__(name: str) -> Any:
    """The function of that name, which refuses."""
    if name.startswith("__"):
        raise AttributeError(name)
    return refused(__name__, _onnx._WHY, functions=name)[name]
