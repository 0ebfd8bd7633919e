"""A linear layer and a ReLU that are trained as they will be quantized."""

from __future__ import annotations

from typing import Any

from ......nn import functional as F
from ....qat.modules import linear
from ... import modules as fused


class LinearReLU(linear.Linear, fused._FusedModule):
    """`torch.ao.nn.qat.Linear` and a ReLU."""

    _FLOAT_MODULE = fused.LinearReLU

    def forward(self, input: Any) -> Any:
        return F.relu(super().forward(input))


__all__ = ["LinearReLU"]
