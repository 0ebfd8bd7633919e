"""`torch.ao.nn.intrinsic`: modules that are quantized as one; with fake quantization in `qat`, between quantized tensors in `quantized`."""

from ....core.refused import lazily
from .modules import BNReLU2d, BNReLU3d, ConvBn2d, ConvBnReLU2d, ConvReLU1d, ConvReLU2d, ConvReLU3d, LinearReLU, _FusedModule

__all__ = ["BNReLU2d", "BNReLU3d", "ConvBn2d", "ConvBnReLU2d", "ConvReLU1d", "ConvReLU2d", "ConvReLU3d", "LinearReLU", "_FusedModule"]
__getattr__ = lazily(__name__, __path__)
