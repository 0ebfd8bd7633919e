"""Which classes of modules are replaced by which where a model is quantized."""

from __future__ import annotations

from typing import Any

from ...nn import activation, convolution, dropout, embedding, linear, normalization, recurrent
from ...nn.containers import Sequential
from ..nn import intrinsic, qat, quantized
from ..nn.quantized import dynamic
from .stubs import DeQuantStub, QuantStub

DEFAULT_DYNAMIC_QUANT_MODULE_MAPPINGS: dict[Any, Any] = {
    linear.Linear: dynamic.Linear,
    linear.NonDynamicallyQuantizableLinear: dynamic.Linear,
    recurrent.LSTM: dynamic.LSTM,
    recurrent.GRU: dynamic.GRU,
}
DEFAULT_QAT_MODULE_MAPPINGS: dict[Any, Any] = {
    convolution.Conv2d: qat.Conv2d,
    linear.Linear: qat.Linear,
    linear.NonDynamicallyQuantizableLinear: qat.Linear,
    intrinsic.ConvBn2d: intrinsic.qat.ConvBn2d,
    intrinsic.ConvBnReLU2d: intrinsic.qat.ConvBnReLU2d,
    intrinsic.ConvReLU2d: intrinsic.qat.ConvReLU2d,
    intrinsic.LinearReLU: intrinsic.qat.LinearReLU,
}
DEFAULT_STATIC_QUANT_MODULE_MAPPINGS: dict[Any, Any] = {
    QuantStub: quantized.Quantize,
    DeQuantStub: quantized.DeQuantize,
    normalization.BatchNorm2d: quantized.BatchNorm2d,
    dropout.Dropout: quantized.Dropout,
    convolution.Conv1d: quantized.Conv1d,
    convolution.Conv2d: quantized.Conv2d,
    convolution.Conv3d: quantized.Conv3d,
    activation.ELU: quantized.ELU,
    activation.Hardswish: quantized.Hardswish,
    activation.LeakyReLU: quantized.LeakyReLU,
    normalization.BatchNorm3d: quantized.BatchNorm3d,
    normalization.GroupNorm: quantized.GroupNorm,
    normalization.LayerNorm: quantized.LayerNorm,
    linear.Linear: quantized.Linear,
    linear.NonDynamicallyQuantizableLinear: quantized.Linear,
    activation.ReLU6: quantized.ReLU6,
    quantized.FloatFunctional: quantized.QFunctional,
    intrinsic.BNReLU2d: intrinsic.quantized.BNReLU2d,
    intrinsic.BNReLU3d: intrinsic.quantized.BNReLU3d,
    intrinsic.ConvReLU3d: intrinsic.quantized.ConvReLU3d,
    intrinsic.ConvReLU1d: intrinsic.quantized.ConvReLU1d,
    intrinsic.ConvReLU2d: intrinsic.quantized.ConvReLU2d,
    intrinsic.LinearReLU: intrinsic.quantized.LinearReLU,
    intrinsic.qat.ConvBn2d: quantized.Conv2d,
    intrinsic.qat.ConvBnReLU2d: intrinsic.quantized.ConvReLU2d,
    intrinsic.qat.ConvReLU2d: intrinsic.quantized.ConvReLU2d,
    intrinsic.qat.LinearReLU: intrinsic.quantized.LinearReLU,
    qat.Linear: quantized.Linear,
    qat.Conv2d: quantized.Conv2d,
}
# What PyTorch has between quantized tensors, and this library has not.
NOT_THERE = frozenset(
    (
        normalization.InstanceNorm1d, normalization.InstanceNorm2d, normalization.InstanceNorm3d, convolution.ConvTranspose1d,
        convolution.ConvTranspose2d, convolution.ConvTranspose3d, activation.PReLU, embedding.Embedding, embedding.EmbeddingBag,
        recurrent.LSTM, recurrent.GRU, recurrent.LSTMCell, recurrent.GRUCell, recurrent.RNNCell,
    )
)  # fmt: skip


def get_default_static_quant_module_mappings() -> dict[Any, Any]:
    """Which classes of modules of floats are replaced by which between quantized tensors."""
    return dict(DEFAULT_STATIC_QUANT_MODULE_MAPPINGS)


def get_default_qat_module_mappings() -> dict[Any, Any]:
    """Which classes of modules of floats are replaced by which with fake quantization."""
    return dict(DEFAULT_QAT_MODULE_MAPPINGS)


def get_default_dynamic_quant_module_mappings() -> dict[Any, Any]:
    """Which classes of modules of floats are replaced by which of quantized weights."""
    return dict(DEFAULT_DYNAMIC_QUANT_MODULE_MAPPINGS)


def get_default_qconfig_propagation_list() -> set[Any]:
    """The classes of modules whose results are observed."""
    made = {*DEFAULT_STATIC_QUANT_MODULE_MAPPINGS, *DEFAULT_QAT_MODULE_MAPPINGS, *DEFAULT_DYNAMIC_QUANT_MODULE_MAPPINGS}
    return made | NOT_THERE | {Sequential}
