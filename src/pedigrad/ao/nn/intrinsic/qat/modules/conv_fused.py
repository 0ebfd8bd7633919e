"""Convolutions, normalizations and ReLUs that are trained as they will be quantized."""

from __future__ import annotations

from typing import Any

from ......nn import functional as F
from ......nn import normalization
from ......nn.parameter import Parameter
from ......ops.creation import zeros
from ....qat.modules import conv
from ....qat.modules.conv import settings_of
from ... import modules as fused


class ConvReLU2d(conv.Conv2d, fused._FusedModule):
    """`torch.ao.nn.qat.Conv2d` and a ReLU."""

    _FLOAT_MODULE = fused.ConvReLU2d

    def forward(self, input: Any) -> Any:
        return F.relu(super().forward(input))


class ConvBn2d(conv.Conv2d, fused._FusedModule):
    """A convolution and the normalization of its results, whose weights are rounded as one.

    The weight is multiplied by what the normalization multiplies by in evaluation, and rounded; results are divided by it again, and
    normalized.
    """

    _FLOAT_MODULE: Any = fused.ConvBn2d

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1,
        bias: Any = None, padding_mode: str = "zeros", eps: float = 1e-05, momentum: float = 0.1, freeze_bn: bool = False,
        qconfig: Any = None,
    ):  # fmt: skip
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, False, padding_mode, qconfig)
        if bias:
            self.bias = Parameter(zeros(out_channels))
        self.freeze_bn = freeze_bn if self.training else True
        del self._modules["weight_fake_quant"]
        self.bn = normalization.BatchNorm2d(out_channels, eps, momentum, True, True)
        self.weight_fake_quant = qconfig.weight()

    def forward(self, input: Any) -> Any:
        factor = self.bn.weight / (self.bn.running_var + self.bn.eps).sqrt()
        sizes = (-1, 1, 1, 1)
        weight = self.weight_fake_quant(self.weight * factor.reshape(sizes))
        out = self._conv_forward(input, weight, None) / factor.reshape(1, *sizes[:3])
        return self.bn(out if self.bias is None else out + self.bias.reshape(1, *sizes[:3]))

    def train(self, mode: bool = True) -> Any:
        """Training or evaluation; statistics that were frozen stay so."""
        super().train(mode)
        if mode and self.freeze_bn:
            self.bn.training = False
        return self

    def update_bn_stats(self) -> Any:
        """Keep statistics from now on."""
        self.freeze_bn, self.bn.training = False, True
        return self

    def freeze_bn_stats(self) -> Any:
        """Normalize by the statistics there are from now on."""
        self.freeze_bn, self.bn.training = True, False
        return self

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Any:
        """The layer with the parameters of fused modules that have a `qconfig`."""
        if type(mod) is not cls._FLOAT_MODULE:
            raise AssertionError(f"qat.{cls.__name__}.from_float only works for {cls._FLOAT_MODULE.__name__}, got {type(mod).__name__}")
        if not getattr(mod, "qconfig", None):
            raise AssertionError("Input float module must have a valid qconfig")
        inner, bn = mod[0], mod[1]
        more = {"eps": bn.eps, "momentum": bn.momentum, "qconfig": mod.qconfig}
        made = cls(inner.in_channels, inner.out_channels, inner.kernel_size, **settings_of(inner), **more)
        made.weight, made.bias, made.bn = inner.weight, inner.bias, bn
        made.train(mod.training)
        return made


class ConvBnReLU2d(ConvBn2d):
    """`ConvBn2d` and a ReLU."""

    _FLOAT_MODULE = fused.ConvBnReLU2d

    def forward(self, input: Any) -> Any:
        return F.relu(super().forward(input))


def update_bn_stats(mod: Any) -> None:
    """Have statistics kept, if the module is a fused convolution: for `model.apply(...)`."""
    if isinstance(mod, ConvBn2d):
        mod.update_bn_stats()


def freeze_bn_stats(mod: Any) -> None:
    """Have no statistics kept any more, if the module is a fused convolution: for `model.apply(...)`."""
    if isinstance(mod, ConvBn2d):
        mod.freeze_bn_stats()


__all__ = ["ConvBn2d", "ConvBnReLU2d", "ConvReLU2d", "freeze_bn_stats", "update_bn_stats"]
