"""A normalization and a ReLU between quantized tensors."""

from ....quantized.modules import batchnorm


class BNReLU2d(batchnorm.BatchNorm2d):
    """`torch.ao.nn.quantized.BatchNorm2d` whose results are zero where they would be below it."""

    _relu = True

    def _get_name(self) -> str:
        return "QuantizedBNReLU2d"


class BNReLU3d(batchnorm.BatchNorm3d):
    """`torch.ao.nn.quantized.BatchNorm3d` whose results are zero where they would be below it."""

    _relu = True

    def _get_name(self) -> str:
        return "QuantizedBNReLU3d"


__all__ = ["BNReLU2d", "BNReLU3d"]
