"""`torch.ao.quantization`: models can be marked for quantization, and run as they are; quantizing them is refused."""

from __future__ import annotations

from typing import Any

from ...core.refused import lazily, refused
from ...nn import Module

_WHY = "there are no quantized tensors: run the model in float32, or in bfloat16 under torch.autocast"

globals().update(
    refused(
        __name__,
        _WHY,
        functions="prepare prepare_qat convert quantize quantize_dynamic quantize_qat fuse_modules fuse_modules_qat get_default_qconfig"
        " get_default_qat_qconfig get_default_qconfig_mapping get_default_qat_qconfig_mapping swap_module propagate_qconfig_",
        classes="QConfig QConfigMapping FakeQuantize ObserverBase MinMaxObserver MovingAverageMinMaxObserver HistogramObserver",
    )
)


class QuantStub(Module):
    """Where a model's input would be quantized; it passes it on."""

    def __init__(self, qconfig: Any = None):
        super().__init__()
        if qconfig:
            self.qconfig = qconfig

    def forward(self, x: Any) -> Any:
        """`x` itself."""
        return x


class DeQuantStub(QuantStub):
    """Where a model's output would be made floats again; it passes it on."""


class QuantWrapper(Module):
    """A module between a `QuantStub` and a `DeQuantStub`."""

    def __init__(self, module: Module):
        super().__init__()
        self.quant, self.dequant = QuantStub(), DeQuantStub()
        self.module = module
        self.train(module.training)

    def forward(self, X: Any) -> Any:
        """What the module makes of `X`."""
        return self.dequant(self.module(self.quant(X)))


def disable_observer(mod: Any) -> None:
    """Nothing: nothing observes a module."""


enable_observer = disable_fake_quant = enable_fake_quant = disable_observer
__getattr__ = lazily(__name__, __path__)
