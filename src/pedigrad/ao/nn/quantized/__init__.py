"""`torch.ao.nn.quantized`: modules between quantized tensors; those of quantized weights alone are in `dynamic`."""

from ....core.refused import lazily
from .modules import (
    BatchNorm2d,
    Conv1d,
    Conv2d,
    DeQuantize,
    Dropout,
    FloatFunctional,
    Linear,
    MaxPool2d,
    QFunctional,
    Quantize,
    ReLU6,
)

__all__ = [
    "BatchNorm2d", "Conv1d", "Conv2d", "DeQuantize", "Dropout", "FloatFunctional", "Linear", "MaxPool2d", "QFunctional", "Quantize",
    "ReLU6",
]  # fmt: skip
__getattr__ = lazily(__name__, __path__)
