"""A normalization and a ReLU between quantized tensors."""

from ....quantized.modules import batchnorm


class BNReLU2d(batchnorm.BatchNorm2d):
    """`torch.ao.nn.quantized.BatchNorm2d` whose results are zero where they would be below it."""

    _relu = True

    def _get_name(self) -> str:
        return "QuantizedBNReLU2d"


__all__ = ["BNReLU2d"]
