"""Modules of floats that are quantized as one: several, one after the other."""

from __future__ import annotations

from typing import Any

from .....nn import activation, convolution, linear, normalization
from .....nn.containers import Sequential


class _FusedModule(Sequential):
    """Modules that give one result between quantized tensors; what they are is checked."""

    _kinds: tuple[Any, ...] = ()

    def __init__(self, *modules: Any):
        if len(modules) != len(self._kinds) or any(type(m) is not k for m, k in zip(modules, self._kinds, strict=True)):
            expected = ", ".join(k.__name__ for k in self._kinds)
            got = ", ".join(type(m).__name__ for m in modules)
            raise AssertionError(f"Incorrect types for input modules of {type(self).__name__}: expected {expected}, got {got}")
        super().__init__(*modules)


class ConvReLU1d(_FusedModule):
    """A `Conv1d` and a `ReLU`."""

    _kinds = (convolution.Conv1d, activation.ReLU)


class ConvReLU2d(_FusedModule):
    """A `Conv2d` and a `ReLU`."""

    _kinds = (convolution.Conv2d, activation.ReLU)


class ConvReLU3d(_FusedModule):
    """A `Conv3d` and a `ReLU`."""

    _kinds = (convolution.Conv3d, activation.ReLU)


class LinearReLU(_FusedModule):
    """A `Linear` and a `ReLU`."""

    _kinds = (linear.Linear, activation.ReLU)


class ConvBn2d(_FusedModule):
    """A `Conv2d` and a `BatchNorm2d`, for training."""

    _kinds = (convolution.Conv2d, normalization.BatchNorm2d)


class ConvBnReLU2d(_FusedModule):
    """A `Conv2d`, a `BatchNorm2d` and a `ReLU`, for training."""

    _kinds = (convolution.Conv2d, normalization.BatchNorm2d, activation.ReLU)


class BNReLU2d(_FusedModule):
    """A `BatchNorm2d` and a `ReLU`."""

    _kinds = (normalization.BatchNorm2d, activation.ReLU)


class BNReLU3d(_FusedModule):
    """A `BatchNorm3d` and a `ReLU`."""

    _kinds = (normalization.BatchNorm3d, activation.ReLU)


__all__ = ["BNReLU2d", "BNReLU3d", "ConvBn2d", "ConvBnReLU2d", "ConvReLU1d", "ConvReLU2d", "ConvReLU3d", "LinearReLU"]
