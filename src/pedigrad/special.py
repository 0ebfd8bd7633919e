"""`torch.special`: special functions."""

from .op import PLACES

globals().update(PLACES["special"])

__all__ = sorted(PLACES["special"])
