"""The modules of `torch.ao.nn.intrinsic`, under the names that PyTorch files them by."""

from .fused import BNReLU2d, BNReLU3d, ConvBn2d, ConvBnReLU2d, ConvReLU1d, ConvReLU2d, ConvReLU3d, LinearReLU, _FusedModule

__all__ = ["BNReLU2d", "BNReLU3d", "ConvBn2d", "ConvBnReLU2d", "ConvReLU1d", "ConvReLU2d", "ConvReLU3d", "LinearReLU", "_FusedModule"]
