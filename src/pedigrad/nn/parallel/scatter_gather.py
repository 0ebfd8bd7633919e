"""Batches cut into parts, and put together again."""

from ...core.declare import PLACES
from ...core.tensor import Tensor

__all__ = ["gather", "is_namedtuple", "scatter", "scatter_kwargs"]


def is_namedtuple(obj):
    """Whether `obj` is a tuple with names."""
    return isinstance(obj, tuple) and hasattr(obj, "_asdict") and hasattr(obj, "_fields")


_is_namedtuple = is_namedtuple


def scatter(inputs, target_gpus, dim=0):
    """As many parts as there are targets: tensors are cut along `dim`, in whatever holds them, and other objects shared."""
    count = len(target_gpus)
    if isinstance(inputs, Tensor):
        return inputs.chunk(count, dim)
    if is_namedtuple(inputs):
        return [type(inputs)(*each) for each in zip(*(scatter(x, target_gpus, dim) for x in inputs), strict=False)]
    if isinstance(inputs, (tuple, list)) and inputs:
        return [type(inputs)(each) for each in zip(*(scatter(x, target_gpus, dim) for x in inputs), strict=False)]
    if isinstance(inputs, dict) and inputs:
        parts = zip(*(scatter(x, target_gpus, dim) for x in inputs.values()), strict=False)
        return [type(inputs)(zip(inputs, each, strict=True)) for each in parts]
    return [inputs for _ in target_gpus]


def scatter_kwargs(inputs, kwargs, target_gpus, dim=0):
    """The arguments and the keyword arguments for each target."""
    args = list(scatter(inputs, target_gpus, dim)) if inputs else []
    named = list(scatter(kwargs, target_gpus, dim)) if kwargs else []
    size = max(len(args), len(named))
    args += [()] * (size - len(args))
    named += [{} for _ in range(size - len(named))]
    return tuple(args), tuple(named)


def gather(outputs, target_device, dim=0):
    """The parts put together along `dim`, in whatever holds them."""
    first = outputs[0]
    if isinstance(first, Tensor):
        parts = [x.unsqueeze(0) for x in outputs] if first.ndim == 0 else list(outputs)
        return PLACES["torch"]["cat"](parts, dim)
    if first is None:
        return None
    if isinstance(first, dict):
        if any(len(each) != len(first) for each in outputs):
            raise ValueError("All dicts must have the same number of keys")
        return type(first)((key, gather([each[key] for each in outputs], target_device, dim)) for key in first)
    parts = [gather(list(each), target_device, dim) for each in zip(*outputs, strict=True)]
    return type(first)(*parts) if is_namedtuple(first) else type(first)(parts)
