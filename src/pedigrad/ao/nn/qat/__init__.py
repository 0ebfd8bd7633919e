"""`torch.ao.nn.qat`: modules that are trained as they will be quantized."""

from .modules import Conv2d, Linear

__all__ = ["Conv2d", "Linear"]
