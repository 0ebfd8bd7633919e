"""Quantizing the modules of a model: dynamically, that is the weights once and what they are multiplied by at each call."""

from __future__ import annotations

import copy
from typing import Any

from ...core import dtypes
from ...core.refused import refused
from ...nn import linear, recurrent
from ..nn.quantized import dynamic
from .observer import QINT8
from .qconfig import QConfig, default_dynamic_qconfig, float16_dynamic_qconfig

DYNAMIC: dict[Any, Any] = {
    linear.Linear: dynamic.Linear,
    linear.NonDynamicallyQuantizableLinear: dynamic.Linear,
    recurrent.LSTM: dynamic.LSTM,
    recurrent.GRU: dynamic.GRU,
}
DEFAULT_DYNAMIC_QUANT_MODULE_MAPPINGS = DYNAMIC


def get_default_dynamic_quant_module_mappings() -> dict[Any, Any]:
    """Which classes of modules of floats are replaced by which of quantized weights."""
    return dict(DYNAMIC)


def _defaults(dtype: Any) -> dict[Any, Any]:
    """What is quantized if nobody says: the classes, and with which observers."""
    if dtype is QINT8:
        return dict.fromkeys((linear.Linear, recurrent.LSTM, recurrent.GRU), default_dynamic_qconfig)
    if dtype is dtypes.float16:
        return dict.fromkeys((linear.Linear, recurrent.LSTM, recurrent.GRU), float16_dynamic_qconfig)
    raise ValueError(f"Don't know how to quantize with default settings for {dtype}. Provide full qconfig please")


def propagate_qconfig_(module: Any, qconfig_dict: Any = None, prepare_custom_config_dict: Any = None) -> None:
    """Give each module the `qconfig` of its name or its class in the dict, or that of the module around it."""
    _propagate(module, qconfig_dict or {}, getattr(module, "qconfig", None), "")


def _propagate(module: Any, spec: dict[Any, Any], around: Any, name: str) -> None:
    own = spec.get(name, spec.get(type(module), getattr(module, "qconfig", None) or spec.get("", around)))
    module.qconfig = own
    for child_name, child in module.named_children():
        _propagate(child, spec, own, f"{name}.{child_name}" if name else child_name)


def quantize_dynamic(model: Any, qconfig_spec: Any = None, dtype: Any = QINT8, mapping: Any = None, inplace: bool = False) -> Any:
    """The model with weights of 8 bits (or float16) in its `Linear`, `LSTM` and `GRU` layers, which take and give float32.

    Args:
        model: a module; it is copied unless `inplace`.
        qconfig_spec: the classes or the names of the modules to quantize, a set, or a dict with the `QConfig` of each.
        dtype: `torch.qint8` or `torch.float16`.
        mapping: by what class each class is replaced.

    The results have no gradient. A model that is such a layer itself stays as it is.

    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 2))
    >>> torch.ao.quantization.quantize_dynamic(model)
    Sequential(
      (0): DynamicQuantizedLinear(in_features=4, out_features=2, dtype=torch.qint8, qscheme=torch.per_tensor_affine)
    )
    """
    if qconfig_spec is None:
        qconfig_spec = _defaults(dtype)
    elif isinstance(qconfig_spec, (set, frozenset, list, tuple)):
        if dtype not in (QINT8, dtypes.float16):
            raise RuntimeError(f"Unknown dtype specified for quantize_dynamic: {dtype}")
        qconfig_spec = dict.fromkeys(qconfig_spec, default_dynamic_qconfig if dtype is QINT8 else float16_dynamic_qconfig)
    model = model if inplace else copy.deepcopy(model)
    model.eval()
    _swap(model, qconfig_spec, DYNAMIC if mapping is None else mapping, None, "")
    return model


def _swap(module: Any, spec: dict[Any, Any], mapping: dict[Any, Any], around: Any, prefix: str) -> None:
    """Replace the modules within `module` that have a `qconfig`."""
    own = spec.get(prefix, spec.get(type(module), around)) if prefix else spec.get("", around)
    for name, child in list(module.named_children()):
        path = f"{prefix}.{name}" if prefix else name
        config = spec.get(path, spec.get(type(child), own))
        target = mapping.get(type(child)) if config is not None else None
        if target is None:
            _swap(child, spec, mapping, own, path)
            continue
        child.qconfig = config
        made = target.from_float(child)
        made._forward_hooks.update(child._forward_hooks)
        made._forward_pre_hooks.update(child._forward_pre_hooks)
        setattr(module, name, made)


def swap_module(mod: Any, mapping: Any, custom_module_class_mapping: Any = None, use_precomputed_fake_quant: bool = False) -> Any:
    """What stands for a module that has a `qconfig`, if its class is in `mapping`; else itself."""
    target = mapping.get(type(mod)) if getattr(mod, "qconfig", None) is not None else None
    return mod if target is None else target.from_float(mod)


_WHY = "models are quantized by quantize_dynamic(), which needs no calibration, or trained with FakeQuantize modules put in by hand"
globals().update(
    refused(
        __name__,
        _WHY,
        functions="quantize quantize_qat prepare prepare_qat convert fuse_modules fuse_modules_qat add_quant_dequant",
        error=NotImplementedError,
    )
)

__all__ = [
    "DEFAULT_DYNAMIC_QUANT_MODULE_MAPPINGS",
    "QConfig",
    "get_default_dynamic_quant_module_mappings",
    "propagate_qconfig_",
    "quantize_dynamic",
    "swap_module",
]
