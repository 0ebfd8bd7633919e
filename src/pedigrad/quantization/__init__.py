"""`torch.quantization`: the old place of `torch.ao.quantization`."""

from ..ao import quantization as _found
from ..core.absent import handlers

__all__ = list(_found.__all__)
globals().update({_name: getattr(_found, _name) for _name in (*__all__, "fake_quantize", "observer", "qconfig", "quantize", "stubs")})
globals().update(handlers(__name__))
