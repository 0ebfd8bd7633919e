"""`torch.cuda.random`: of generators that no device has."""

from .. import cuda as _cuda
from ..core.accelerators import GENERATORS as _GENERATORS

globals().update({_name: getattr(_cuda, _name) for _name in _GENERATORS})
