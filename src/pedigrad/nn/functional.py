"""`torch.nn.functional`: the functions that layers are made of."""

from ..core import absent
from ..core.op import PLACES

globals().update(PLACES["F"])

__all__ = sorted(PLACES["F"])

globals().update(absent.handlers(__name__))
