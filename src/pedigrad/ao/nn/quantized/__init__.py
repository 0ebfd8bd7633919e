"""`torch.ao.nn.quantized`: modules between quantized tensors; those of quantized weights alone are in `dynamic`."""

from ....core.refused import lazily
from .modules import (
    ELU,
    BatchNorm2d,
    BatchNorm3d,
    Conv1d,
    Conv2d,
    Conv3d,
    DeQuantize,
    Dropout,
    FloatFunctional,
    GroupNorm,
    Hardswish,
    LayerNorm,
    LeakyReLU,
    Linear,
    MaxPool2d,
    QFunctional,
    Quantize,
    ReLU6,
    Sigmoid,
)

__all__ = [
    "ELU",
    "BatchNorm2d",
    "BatchNorm3d",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "DeQuantize",
    "Dropout",
    "FloatFunctional",
    "GroupNorm",
    "Hardswish",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "MaxPool2d",
    "QFunctional",
    "Quantize",
    "ReLU6",
    "Sigmoid",
]  # fmt: skip
__getattr__ = lazily(__name__, __path__)
