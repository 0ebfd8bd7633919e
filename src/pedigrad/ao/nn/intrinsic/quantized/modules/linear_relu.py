"""A linear layer and a ReLU between quantized tensors."""

from __future__ import annotations

from typing import Any

from ....quantized.modules import linear
from ... import modules as fused
from ... import qat


class LinearReLU(linear.Linear):
    """`torch.ao.nn.quantized.Linear` whose results are zero where they would be below it."""

    _relu = True

    def _get_name(self) -> str:
        return "QuantizedLinearReLU"

    @classmethod
    def _sources(cls) -> tuple[Any, ...]:
        return fused.LinearReLU, qat.LinearReLU


__all__ = ["LinearReLU"]
