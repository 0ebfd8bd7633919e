"""Quantizing the modules of a model.

Dynamically, that is the weights once and what they are multiplied by at each call; or statically: `prepare` puts in observers of results,
the model is run on some data, and `convert` replaces modules by such between quantized tensors. `prepare_qat` puts in fake quantizations
instead, with which the model is trained.
"""

from __future__ import annotations

import copy
from typing import Any

from ...core import dtypes
from ...core.origin import located
from ...nn import linear, recurrent
from ...nn.containers import Sequential
from ...nn.dropout import Dropout
from ..nn import intrinsic, quantized
from .observer import QINT8
from .qconfig import QConfig, default_dynamic_qconfig, float16_dynamic_qconfig
from .quantization_mappings import (
    DEFAULT_DYNAMIC_QUANT_MODULE_MAPPINGS,
    DEFAULT_STATIC_QUANT_MODULE_MAPPINGS,
    NOT_THERE,
    get_default_qat_module_mappings,
    get_default_qconfig_propagation_list,
)
from .stubs import DeQuantStub, QuantWrapper


def _defaults(dtype: Any) -> dict[Any, Any]:
    """What is quantized if nobody says: the classes, and with which observers."""
    if dtype is QINT8:
        return dict.fromkeys((linear.Linear, recurrent.LSTM, recurrent.GRU), default_dynamic_qconfig)
    if dtype is dtypes.float16:
        return dict.fromkeys((linear.Linear, recurrent.LSTM, recurrent.GRU), float16_dynamic_qconfig)
    raise ValueError(f"Don't know how to quantize with default settings for {dtype}. Provide full qconfig please")


def propagate_qconfig_(module: Any, qconfig_dict: Any = None, prepare_custom_config_dict: Any = None) -> None:
    """Give each module that has no `qconfig` that of its name or its class in the dict, or that of the module around it.

    One that is None counts: such a module, and what is within it, stays as it is.
    """
    _propagate(module, qconfig_dict or {}, getattr(module, "qconfig", None), "")


def _propagate(module: Any, spec: dict[Any, Any], around: Any, name: str) -> None:
    own = module.qconfig = getattr(module, "qconfig", spec.get(name, spec.get(type(module), around)))
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
    _swap(model, qconfig_spec, DEFAULT_DYNAMIC_QUANT_MODULE_MAPPINGS if mapping is None else mapping, None, "")
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
    """What stands for a module that has a `qconfig`, if its class is in `mapping`; else itself. Hooks go with it, observers do not."""
    if getattr(mod, "qconfig", None) is None:
        return mod
    target = {**mapping, **(custom_module_class_mapping or {})}.get(type(mod))
    if target is None:
        if type(mod) in NOT_THERE and hasattr(mod, "activation_post_process"):
            instead = "set its qconfig to None, with a DeQuantStub before it and a QuantStub after it"
            raise NotImplementedError(located(f"there is no {type(mod).__name__} between quantized tensors: {instead}"))
        return mod
    made = target.from_float(mod)
    for name in ("_forward_pre_hooks", "_forward_hooks"):
        hooks = getattr(mod, name)
        getattr(made, name).update({key: hook for key, hook in hooks.items() if hook is not _observe})
    return made


def _observe(module: Any, given: Any, result: Any) -> Any:
    """A forward hook: what the module's observer makes of its result."""
    return module.activation_post_process(result)


def _add_observer(module: Any) -> None:
    """Have the results of a module that has a `qconfig` observed."""
    config = getattr(module, "qconfig", None)
    if config is not None and not isinstance(module, DeQuantStub):
        module.add_module("activation_post_process", config.activation())
        module.register_forward_hook(_observe, prepend=True)


def _observed(module: Any, kinds: Any, inner: Any) -> None:
    """Have the results of modules of these kinds within `module` observed; those of `inner` are looked at as a whole."""
    for child in module.children():
        if type(child) is Dropout:
            continue
        if type(child) in (quantized.FloatFunctional, quantized.QFunctional):
            if getattr(child, "qconfig", None) is not None:
                child.activation_post_process = child.qconfig.activation()
        elif isinstance(child, intrinsic._FusedModule) or type(child) in inner:
            _add_observer(child)
        else:
            _observed(child, kinds, inner)
    if not isinstance(module, Sequential) and next(module.children(), None) is None and type(module) in kinds:
        _add_observer(module)


def prepare(
    model: Any,
    inplace: bool = False,
    allow_list: Any = None,
    observer_non_leaf_module_list: Any = None,
    prepare_custom_config_dict: Any = None,
) -> Any:
    """The model with observers of the results of its layers, which is then run on some data, and converted.

    Args:
        model: a module; it is copied unless `inplace`. Its `qconfig`, or those of modules within it, say which observers there are.
        allow_list: the classes of modules whose results are observed.
        observer_non_leaf_module_list: classes of modules that have others within them and are observed as a whole.

    >>> model = torch.ao.quantization.QuantWrapper(torch.nn.Linear(4, 2))
    >>> model.qconfig = torch.ao.quantization.default_qconfig
    >>> prepared = torch.ao.quantization.prepare(model)
    >>> _ = prepared(torch.ones(3, 4))
    >>> torch.ao.quantization.convert(prepared)(torch.ones(3, 4)).shape
    torch.Size([3, 2])
    """
    if prepare_custom_config_dict:
        raise NotImplementedError(located("prepare_custom_config_dict is not there: modules of your own stay modules of floats"))
    model = model if inplace else copy.deepcopy(model)
    propagate_qconfig_(model)
    kinds = get_default_qconfig_propagation_list() if allow_list is None else allow_list
    _observed(model, kinds, observer_non_leaf_module_list or ())
    return model


def prepare_qat(model: Any, mapping: Any = None, inplace: bool = False) -> Any:
    """The model in training with fake quantizations of weights and results, which is then trained, and converted."""
    if not model.training:
        raise AssertionError("prepare_qat only works on models in training mode")
    mapping = get_default_qat_module_mappings() if mapping is None else mapping
    model = model if inplace else copy.deepcopy(model)
    propagate_qconfig_(model)
    _converted(model, mapping, None)
    return prepare(model, True, observer_non_leaf_module_list=set(mapping.values()))


def convert(
    module: Any, mapping: Any = None, inplace: bool = False, remove_qconfig: bool = True, is_reference: bool = False,
    convert_custom_config_dict: Any = None, use_precomputed_fake_quant: bool = False,
) -> Any:  # fmt: skip
    """The prepared model with modules between quantized tensors in the places of those of floats.

    Args:
        module: a module; it is copied unless `inplace`.
        mapping: by what class each class is replaced.
        remove_qconfig: whether observers and `qconfig` of what is not replaced are taken out.

    Raises:
        NotImplementedError: a layer that was observed has no form between quantized tensors here.
    """
    if is_reference:
        raise NotImplementedError(located("convert(is_reference=True) is not there: models of floats that stand for quantized ones"))
    module = module if inplace else copy.deepcopy(module)
    custom = (convert_custom_config_dict or {}).get("observed_to_quantized_custom_module_class")
    _converted(module, DEFAULT_STATIC_QUANT_MODULE_MAPPINGS if mapping is None else mapping, custom)
    if remove_qconfig:
        for each in module.modules():
            each.__dict__.pop("qconfig", None)
            if each._modules.get("activation_post_process") is not None and type(each) is not quantized.QFunctional:
                del each._modules["activation_post_process"]
                for key in [key for key, hook in each._forward_hooks.items() if hook is _observe]:
                    del each._forward_hooks[key]
    return module


def _converted(module: Any, mapping: Any, custom: Any) -> None:
    for name, child in list(module.named_children()):
        if not isinstance(child, intrinsic._FusedModule):
            _converted(child, mapping, custom)
        module._modules[name] = swap_module(child, mapping, custom)


def quantize(model: Any, run_fn: Any, run_args: Any, mapping: Any = None, inplace: bool = False) -> Any:
    """The quantized model: it is prepared, run by `run_fn(model, *run_args)`, and converted."""
    model = prepare((model if inplace else copy.deepcopy(model)).eval(), inplace=True)
    run_fn(model, *run_args)
    return convert(model, mapping, inplace=True)


def quantize_qat(model: Any, run_fn: Any, run_args: Any, inplace: bool = False) -> Any:
    """The quantized model: it is prepared, trained by `run_fn(model, *run_args)`, and converted."""
    model = prepare_qat((model if inplace else copy.deepcopy(model)).train(), inplace=True)
    run_fn(model, *run_args)
    return convert(model, inplace=True)


def add_quant_dequant(module: Any) -> Any:
    """The model with a `QuantWrapper` around each module without others that has a `qconfig`; it is changed itself."""
    if next(module.children(), None) is None and getattr(module, "qconfig", None) is not None:
        return QuantWrapper(module)
    for name, child in list(module.named_children()):
        module._modules[name] = add_quant_dequant(child)
    return module


__all__ = [
    "QConfig",
    "add_quant_dequant",
    "convert",
    "prepare",
    "prepare_qat",
    "propagate_qconfig_",
    "quantize",
    "quantize_dynamic",
    "quantize_qat",
    "swap_module",
]
