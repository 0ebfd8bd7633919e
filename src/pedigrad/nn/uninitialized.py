"""Parameters and buffers whose shape is not known yet, by the module they were first filed under."""

from .parameter import UninitializedBuffer, UninitializedParameter, is_lazy

__all__ = ["UninitializedBuffer", "UninitializedParameter", "is_lazy"]
