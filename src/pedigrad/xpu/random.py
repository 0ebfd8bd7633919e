"""`torch.xpu.random`: the names of `torch.xpu` that are about it."""

from .. import xpu as _xpu
from ..core.accelerators import GENERATORS as _GENERATORS

globals().update({_name: getattr(_xpu, _name) for _name in _GENERATORS})
