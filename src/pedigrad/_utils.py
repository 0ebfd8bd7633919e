"""`torch._utils`: what libraries take from it."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from .compiler import is_compiling as is_compiling
from .core.accelerators import index_of
from .core.device import device as _device
from .core.tensor import Tensor
from .nn.parameter import Parameter
from .ops.shape.join import cat
from .serialization.rebuild import _rebuild_tensor_v2 as _rebuild_tensor_v2


class KeyErrorMessage(str):
    """The message of a KeyError that is printed with its line breaks."""

    def __repr__(self) -> str:
        return str(self)


class ExceptionWrapper:
    """An exception on its way from another thread or process, with the traceback it had there."""

    def __init__(self, exc_info: Any = None, where: str = "in background"):
        kind, error, trace = exc_info or sys.exc_info()
        self.exc_type: Any = kind
        self.exc_msg = "".join(traceback.format_exception(kind, error, trace))
        self.where = where

    def reraise(self) -> None:
        """Raise an exception of that type, whose message tells where it came from."""
        message = f"Caught {self.exc_type.__name__} {self.where}.\nOriginal {self.exc_msg}"
        if self.exc_type is KeyError:
            message = KeyErrorMessage(message)
        try:
            error = self.exc_type(message)
        except Exception:  # its constructor wants something else
            raise RuntimeError(message) from None
        raise error


class _ClassProperty:
    def __init__(self, function: Callable[[Any], Any]):
        self.function = function

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self.function(type(instance) if owner is None else owner)


def classproperty(func: Callable[[Any], Any]) -> Any:
    """A property of a class."""
    return _ClassProperty(func)


def _element_size(dtype: Any) -> int:
    """The bytes of one element."""
    return int(dtype.itemsize)


def _get_device_index(device: Any, optional: bool = False, allow_cpu: bool = False) -> int:
    """The number of a device that is named, -1 for the CPU where that is allowed; ValueError where none is named."""
    if isinstance(device, int) and not isinstance(device, bool):
        return device
    where = _device(device) if isinstance(device, str) else device
    if isinstance(where, _device):
        if where.type == "cpu":
            if allow_cpu:
                return -1
            raise ValueError(f"Expected a non cpu device, but got: {device}")
        if where.index is not None:
            return where.index
    if optional:
        return index_of(where)
    raise ValueError(f"Expected a torch.device with a specified index or an integer, but got:{device}")


def _get_available_device_type() -> Any:
    """None: there is no accelerator."""
    return None


def _get_all_device_indices() -> Any:
    """None: there is no accelerator."""
    return None


def _flatten_dense_tensors(tensors: Iterable[Any]) -> Any:
    """The elements of all tensors in one of one dimension."""
    return cat([each.reshape(-1) for each in tensors])


def _unflatten_dense_tensors(flat: Any, tensors: Iterable[Any]) -> tuple[Any, ...]:
    """The parts of what `_flatten_dense_tensors` made of tensors, shaped like these."""
    found, start = [], 0
    for each in tensors:
        found.append(flat.narrow(0, start, each.numel()).view(each.shape))
        start += each.numel()
    return tuple(found)


def _take_tensors(tensors: Iterable[Any], size_limit: int) -> Iterable[list[Any]]:
    """The tensors in groups of one type and of at most `size_limit` bytes, or of one tensor."""
    groups: dict[str, tuple[list[Any], int]] = {}
    for each in tensors:
        kind, size = each.type(), each.numel() * each.element_size()
        group, held = groups.get(kind, ([], 0))
        if group and held + size > size_limit:
            yield group
            group, held = [], 0
        groups[kind] = [*group, each], held + size
    yield from (group for group, _ in groups.values())


def _rebuild_parameter(data: Tensor, requires_grad: bool, backward_hooks: Any) -> Parameter:
    """A parameter of data, as files keep it."""
    return Parameter(data, requires_grad)


def _import_dotted_name(name: str) -> Any:
    """What a dotted name leads to."""
    first, *rest = name.split(".")
    found = importlib.import_module(first)
    for part in rest:
        found = getattr(found, part)
    return found
