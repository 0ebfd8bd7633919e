"""What a file loaded with `weights_only=True` may name: tensors and plain containers, and what programs add."""

from __future__ import annotations

import contextlib
import pickle
import types
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..core import dtypes
from ..core.device import device
from ..core.memory import UntypedStorage
from ..core.quantized import SCHEMES
from ..core.shapes import Size
from ..core.tensor import Tensor
from ..nn.parameter import Parameter, _rebuild_parameter, _rebuild_parameter_with_state
from ..storage import LEGACY_STORAGES, TypedStorage
from . import names, rebuild

_added: dict[str, Any] = {}


def _ordered_dict(*args: Any) -> Any:
    return OrderedDict(*args)


def _size(*args: Any) -> Any:
    if len(args) != 1 or not isinstance(args[0], (tuple, list)) or not all(type(n) is int for n in args[0]):
        raise pickle.UnpicklingError("a torch.Size is made of a tuple of ints")
    return Size(args[0])


def _device(*args: Any) -> Any:
    if not args or not isinstance(args[0], str) or not all(isinstance(each, int) for each in args[1:]):
        raise pickle.UnpicklingError("a device is made of its name and number")
    return device(*args)


def _bytearray(*args: Any) -> Any:
    if args and not (isinstance(args[0], (bytes, bytearray)) and len(args) == 1) and not (isinstance(args[0], str) and len(args) == 2):
        raise pickle.UnpicklingError("a bytearray is made of bytes")  # a number would reserve as many
    return bytearray(*args)


def _encode(text: Any, encoding: Any = "latin1") -> Any:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "utf-8", "utf8", "ascii"):
        raise pickle.UnpicklingError("bytes are made of a text in latin1, and this file says otherwise")
    return text.encode(encoding)


def _set(*args: Any) -> Any:
    return set(*args)


def _parameter(data: Any, requires_grad: Any, *more: Any) -> Any:
    if not isinstance(data, Tensor) or not isinstance(requires_grad, bool):
        raise pickle.UnpicklingError("a Parameter is made of a tensor and a bool")
    if more and not all(isinstance(each, dict) for each in more):
        raise pickle.UnpicklingError("the attributes of a Parameter are a dict")
    return _rebuild_parameter_with_state(data, requires_grad, *more) if len(more) > 1 else _rebuild_parameter(data, requires_grad, None)


# What stands under a name: a function that may be called with what the file says, or a thing that may only be mentioned.
CALLS: dict[Any, Callable[..., Any]] = {
    OrderedDict: _ordered_dict,
    Counter: Counter,
    set: _set,
    complex: complex,
    bytearray: _bytearray,
    Size: _size,
    device: _device,
    _rebuild_parameter: _parameter,
    _rebuild_parameter_with_state: _parameter,
    _encode: _encode,
    **{each: each for each in (rebuild._rebuild_tensor, rebuild._rebuild_tensor_v2, rebuild._rebuild_tensor_v3, rebuild._get_layout)},
    rebuild._rebuild_sparse_tensor: rebuild._rebuild_sparse_tensor,
    rebuild._rebuild_qtensor: rebuild._rebuild_qtensor,
    rebuild._rebuild_meta_tensor_no_storage: rebuild._rebuild_meta_tensor_no_storage,
}

_NAMES: dict[str, Any] = {names.full(each): each for each in CALLS if each is not _encode}
_NAMES |= {f"torch.{d.name}": d for d in (*dtypes.ALL, *dtypes.UNUSABLE)}
_NAMES |= {f"torch.{scheme.name}": scheme for scheme in SCHEMES}
_NAMES |= {f"{place}.{name}": each for place in ("torch", "torch.cuda") for name, each in LEGACY_STORAGES.items()}
_NAMES |= {names.full(each): each for each in (Tensor, Parameter, UntypedStorage, TypedStorage, rebuild._rebuild_from_type_v2)}
_NAMES |= {"torch.tensor._rebuild_from_type_v2": rebuild._rebuild_from_type_v2, "_codecs.encode": _encode}
_NAMES |= {f"__builtin__.{each.__name__}": each for each in (set, complex, bytearray)}


def found(module: str, name: str) -> Any:
    """What a file may mean by a name; UnpicklingError, with what to do, if it may not name that."""
    dotted = f"{module}.{name}"
    if dotted in _added:
        return _added[dotted]
    if dotted in _NAMES:
        return _NAMES[dotted]
    raise pickle.UnpicklingError(
        f"Weights only load failed. Unsupported global: {dotted} is not among what a file of weights may name, and nothing of it was run."
        f" If you trust where the file comes from: allow that one thing with torch.serialization.add_safe_globals([{dotted}]),"
        " or load it with weights_only=False, which runs whatever code the file holds"
    )


def is_added(thing: Any) -> bool:
    """Whether a program has allowed this class or function."""
    return any(thing is each for each in _added.values())


def _entries(safe_globals: Sequence[Any]) -> dict[str, Any]:
    entries = {}
    for each in safe_globals:
        if isinstance(each, tuple):
            if len(each) != 2 or not isinstance(each[1], str):
                raise ValueError(f"add_safe_globals(): expected a class, a function or a tuple of one and its full name, got {each!r}")
            entries[each[1]] = each[0]
        else:
            entries[names.full(each)] = each
            if isinstance(each, (type, types.FunctionType)):
                entries[f"{each.__module__}.{each.__qualname__}"] = each
            old = names.full(each).replace("numpy._core.", "numpy.core.", 1)  # as NumPy 1 has it in files
            entries[old] = each
    return entries


def add_safe_globals(safe_globals: Sequence[Any]) -> None:
    """Allow files loaded with `weights_only=True` to name these classes and functions, and so to run their code."""
    _added.update(_entries(safe_globals))


def get_safe_globals() -> list[Any]:
    """The classes and functions that were allowed beside the usual ones."""
    return list(dict.fromkeys(_added.values()))


def clear_safe_globals() -> None:
    """Allow the usual ones only."""
    _added.clear()


class safe_globals(contextlib.ContextDecorator):
    """A `with` block in which files may name these classes and functions too."""

    def __init__(self, safe_globals: Sequence[Any]):
        self.entries = _entries(safe_globals)

    def __enter__(self) -> None:
        self.before = dict(_added)
        _added.update(self.entries)

    def __exit__(self, *exc: Any) -> None:
        _added.clear()
        _added.update(self.before)


def unsafe_names(opcodes: Iterator[tuple[Any, Any, Any]]) -> list[str]:
    """The names in a pickle, given as `pickletools.genops` does, that are not allowed."""
    wanted, texts = [], []
    for opcode, argument, _ in opcodes:
        if isinstance(argument, str) and "UNICODE" in opcode.name:
            texts.append(argument)
        if opcode.name == "GLOBAL":
            wanted.append(argument.replace(" ", "."))
        elif opcode.name == "STACK_GLOBAL" and len(texts) > 1:
            wanted.append(".".join(texts[-2:]))
    return [each for each in dict.fromkeys(wanted) if each not in _added and each not in _NAMES]
