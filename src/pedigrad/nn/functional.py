"""`torch.nn.functional`: the functions that layers are made of."""

from ..core.op import PLACES

globals().update(PLACES["F"])

__all__ = sorted(PLACES["F"])
