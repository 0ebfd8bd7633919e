"""Modules that follow each other, put together so that they are quantized as one."""

from __future__ import annotations

import copy
from typing import Any

from ...nn import activation, convolution, linear, normalization
from ...nn.linear import Identity
from ...nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval
from ..nn import intrinsic

_CONVOLUTIONS = {
    convolution.Conv1d: normalization.BatchNorm1d,
    convolution.Conv2d: normalization.BatchNorm2d,
    convolution.Conv3d: normalization.BatchNorm3d,
}
_WITH_RELU = {
    convolution.Conv1d: intrinsic.ConvReLU1d,
    convolution.Conv2d: intrinsic.ConvReLU2d,
    convolution.Conv3d: intrinsic.ConvReLU3d,
    linear.Linear: intrinsic.LinearReLU,
    normalization.BatchNorm2d: intrinsic.BNReLU2d,
    normalization.BatchNorm3d: intrinsic.BNReLU3d,
}


def _fused(modules: list[Any], is_qat: bool) -> Any:
    """One module that does what these do; NotImplementedError if there is none."""
    kinds = tuple(map(type, modules))
    first, *rest = modules
    if any(m.training is not first.training for m in rest):
        raise AssertionError("Conv and BN both must be in the same mode (train or eval).")
    if len(kinds) == 2 and kinds[1] is activation.ReLU and kinds[0] in _WITH_RELU:
        return _WITH_RELU[kinds[0]](*modules)
    normalized = kinds[:1] + kinds[1:2] in {*_CONVOLUTIONS.items(), (linear.Linear, normalization.BatchNorm1d)}
    if not normalized or kinds[2:] not in ((), (activation.ReLU,)):
        raise NotImplementedError(f"did not find fuser method for: {kinds}")
    if is_qat:
        if kinds[0] is not convolution.Conv2d:
            raise NotImplementedError(f"{kinds[0].__name__} and {kinds[1].__name__} are fused for training by PyTorch, and not here")
        if not modules[1].affine or not modules[1].track_running_stats:
            raise AssertionError("Only support fusing BatchNorm2d with affine and with tracking_running_stats set to True")
        return (intrinsic.ConvBnReLU2d if rest[1:] else intrinsic.ConvBn2d)(*modules)
    together = (fuse_linear_bn_eval if kinds[0] is linear.Linear else fuse_conv_bn_eval)(first, rest[0])
    return _WITH_RELU[kinds[0]](together, rest[1]) if rest[1:] else together


def fuse_known_modules(mod_list: list[Any], is_qat: bool, additional_fuser_method_mapping: Any = None) -> list[Any]:
    """The fused module and, in the places of the others, such as give back what they are given."""
    method = (additional_fuser_method_mapping or {}).get(tuple(map(type, mod_list)))
    made = _fused(mod_list, is_qat) if method is None else method(is_qat, *mod_list)
    for hook in mod_list[0]._forward_pre_hooks.values():
        made.register_forward_pre_hook(hook)
    mod_list[0]._forward_pre_hooks.clear()
    for hook in mod_list[-1]._forward_hooks.values():
        made.register_forward_hook(hook)
    mod_list[-1]._forward_hooks.clear()
    others = [Identity() for _ in mod_list[1:]]
    for each in others:
        each.training = mod_list[0].training
    return [made, *others]


def _fuse(model: Any, modules_to_fuse: Any, is_qat: bool, inplace: bool, fuser: Any, custom: Any) -> Any:
    model = model if inplace else copy.deepcopy(model)
    groups = [modules_to_fuse] if all(isinstance(each, str) for each in modules_to_fuse) else modules_to_fuse
    more = (custom or {}).get("additional_fuser_method_mapping")
    for names in groups:
        for name, module in zip(names, fuser([model.get_submodule(n) for n in names], is_qat, more), strict=True):
            around, _, last = name.rpartition(".")
            setattr(model.get_submodule(around), last, module)
    return model


def fuse_modules(
    model: Any, modules_to_fuse: Any, inplace: bool = False, fuser_func: Any = fuse_known_modules, fuse_custom_config_dict: Any = None
) -> Any:
    """The model in evaluation with modules that follow each other put together, so that they are quantized as one.

    Args:
        model: a module; it is copied unless `inplace`.
        modules_to_fuse: a list of the names of modules, or several such lists. Each is a convolution (of one to three dimensions) or
            `Linear`, with its batch normalization, `ReLU` or both; or `BatchNorm2d` or `BatchNorm3d` and `ReLU`.
        fuser_func: what puts a list of modules together.

    The first of the modules becomes what they are together, the others `Identity`.

    Raises:
        NotImplementedError: the modules are not fused.
        AssertionError: the model is not in evaluation, and a normalization is to become part of a convolution.

    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.ReLU()).eval()
    >>> torch.ao.quantization.fuse_modules(model, ["0", "1"])[1]
    Identity()
    """
    return _fuse(model, modules_to_fuse, False, inplace, fuser_func, fuse_custom_config_dict)


def fuse_modules_qat(
    model: Any, modules_to_fuse: Any, inplace: bool = False, fuser_func: Any = fuse_known_modules, fuse_custom_config_dict: Any = None
) -> Any:
    """`fuse_modules` for a model that is to be trained as it will be quantized: normalizations stay, beside their convolutions."""
    return _fuse(model, modules_to_fuse, True, inplace, fuser_func, fuse_custom_config_dict)


__all__ = ["fuse_known_modules", "fuse_modules", "fuse_modules_qat"]
