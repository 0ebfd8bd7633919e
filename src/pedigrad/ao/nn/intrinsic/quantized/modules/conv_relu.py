"""Convolutions and a ReLU between quantized tensors."""

from __future__ import annotations

from typing import Any

from ....quantized.modules import conv
from ... import modules as fused
from ... import qat


class ConvReLU1d(conv.Conv1d):
    """`torch.ao.nn.quantized.Conv1d` whose results are zero where they would be below it."""

    _relu = True

    def _get_name(self) -> str:
        return "QuantizedConvReLU1d"

    @classmethod
    def _sources(cls) -> tuple[Any, ...]:
        return (fused.ConvReLU1d,)


class ConvReLU2d(conv.Conv2d):
    """`torch.ao.nn.quantized.Conv2d` whose results are zero where they would be below it."""

    _relu = True

    def _get_name(self) -> str:
        return "QuantizedConvReLU2d"

    @classmethod
    def _sources(cls) -> tuple[Any, ...]:
        return fused.ConvReLU2d, qat.ConvReLU2d, qat.ConvBnReLU2d


class ConvReLU3d(conv.Conv3d):
    """`torch.ao.nn.quantized.Conv3d` whose results are zero where they would be below it."""

    _relu = True

    def _get_name(self) -> str:
        return "QuantizedConvReLU3d"

    @classmethod
    def _sources(cls) -> tuple[Any, ...]:
        return (fused.ConvReLU3d,)


__all__ = ["ConvReLU1d", "ConvReLU2d", "ConvReLU3d"]
