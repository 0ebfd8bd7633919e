"""Copies and conversions: clone, to, contiguous and the dtype methods."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from ...core import device as devices
from ...core import dtypes, meta, modes, override
from ...core.declare import composite, function, view
from ...core.dispatch import dispatch
from ...core.layout import formatted, is_channels_last
from ...core.origin import located, warn_once
from ...core.quiet import astype
from ...core.tensor import Tensor, wrap


class memory_format:
    """How a tensor's dimensions lie in memory."""

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"


contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")
channels_last_formats = {4: channels_last, 5: channels_last_3d}


@composite(wide=False, layout="format", name="clone", samples=[((2, 3), None), ((), None)])
def clone(x, /, *, memory_format=None):
    """A copy with storage of its own, in the same order in memory unless another one is asked for."""
    if memory_format is None and x.__class__ is np.ndarray and x.flags.c_contiguous:
        return x.copy()
    if x.__class__ is not np.ndarray:
        return np.copy(x, order="K") if memory_format in (None, preserve_format) else np.copy(x, order="C")
    return formatted(x, None if memory_format is None else memory_format.name)


@clone.grad("x")
def _(g):
    return g


@composite(
    called="to",
    wide=False, layout="like",
    name="cast", places="", node="ToCopyBackward0",
    samples=[((2, 3), dtypes.float64), ((), dtypes.complex128), (lambda rng: rng.random((2, 2)) + 1j, dtypes.float64)],
)  # fmt: skip
def cast(x, /, dtype):
    """The elements in another dtype."""
    x = np.real(x) if x.dtype.kind == "c" and dtype.kind not in "cb" else x
    if dtype.name == "float8_e4m3fn":  # which has no infinity: what is beyond its range becomes its ends
        x = np.clip(np.astype(x, np.float32), -448.0, 448.0)
    elif dtype.name == "float8_e8m0fnu":  # powers of two alone
        x = np.maximum(np.abs(np.astype(x, np.float32)), 2.0**-127)
    return astype(x, dtypes.to_numpy(dtype))


@cast.grad("x")
def _(g, x_dtype):
    return astype(np.real(g) if g.dtype.kind == "c" and x_dtype.kind != "c" else g, x_dtype)


@view(name="alias", places="Tensor", node="AliasBackward0", samples=[((2, 3),)])
def alias(x, /):
    """A view of all of it."""
    return x[...]


@alias.grad("x")
def _(g):
    return g


@function("Tensor")
def as_subclass(self: Tensor, cls: Any) -> Any:
    """A tensor of class `cls`, a subclass of Tensor, on the same memory, with the history of this one."""
    if not (inspect.isclass(cls) and issubclass(cls, Tensor)):
        raise TypeError(located(f"as_subclass(): cls must be a subclass of Tensor, not {cls!r}"))
    with override.DisableTorchFunctionSubclass():
        return override.as_class(alias(self), cls)


@function("Tensor")
def contiguous(self: Tensor, memory_format: Any = None) -> Tensor:
    """Itself if its elements lie in memory in order, else a copy of which that is true."""
    if self.is_contiguous(memory_format):
        return self
    if memory_format is preserve_format:
        raise RuntimeError(located("preserve memory format is unsupported by the contiguous operator"))
    return clone(self, memory_format=memory_format or contiguous_format)


DISCARDS = "Casting complex values to real discards the imaginary part"


def converted(tensor: Tensor, dtype: Any, copy: bool = False, form: memory_format | None = None) -> Tensor:
    """`tensor` in another dtype and memory format; itself if it has these already, unless `copy`."""
    wanted = None if dtype is None else dtypes.of_argument(dtype)
    if form is not None and form is not preserve_format:
        changed = converted(tensor, wanted)
        own = channels_last_formats.get(tensor.ndim) if is_channels_last(tensor._array) else contiguous_format
        return changed if changed is tensor and not copy and form is own else clone(changed, memory_format=form)
    if wanted is None or wanted is tensor.dtype:
        return clone(tensor) if copy else tensor
    if tensor.dtype.is_complex and not wanted.is_complex and wanted.name != "bool":
        warn_once(DISCARDS)
    if tensor._node is not None and not (wanted.is_floating_point or wanted.is_complex):
        return dispatch(cast.op, (tensor,), (wanted,))  # the long way looks at the dtype of the result: integers have no history
    return cast(tensor, wanted)


TO = "(self, device: device | str | int | dtype | Tensor | None = None, dtype: dtype | bool | None = None, non_blocking=False, copy=False"
TO += ", *, memory_format=None)"


@function("Tensor", form=TO)
def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The tensor in another dtype: `to(dtype)`, `to(device)`, `to(device, dtype)`, `to(other)`; itself if nothing changes."""
    device, dtype, copy = kwargs.pop("device", None), kwargs.pop("dtype", None), kwargs.pop("copy", False)
    form = kwargs.pop("memory_format", None)
    kwargs.pop("non_blocking", None)
    if "other" in kwargs:
        args = (kwargs.pop("other"), *args)
    if kwargs:
        raise TypeError(located(f"to() got an unexpected keyword argument '{next(iter(kwargs))}'"))
    rest = list(args)
    if rest and isinstance(rest[0], Tensor):
        dtype = rest.pop(0).dtype
        if rest and dtypes.is_argument(rest[0]):
            raise TypeError(located("to() received an invalid combination of arguments: a tensor and a dtype"))
    elif rest and isinstance(rest[0], (str, int, devices.device)):
        device = rest.pop(0)
    if rest and dtypes.is_argument(rest[0]):
        dtype = rest.pop(0)
    elif rest and rest[0] is None:
        rest.pop(0)
    if rest and not (rest[0] is None or isinstance(rest[0], bool)):
        raise TypeError(located(f"to() received an invalid combination of arguments, with {rest[0]!r} among them"))
    if rest:
        copy = bool(rest[1]) if len(rest) > 1 else copy
    return placed(converted(self, dtype, copy, form), device)


def placed(tensor: Tensor, device: Any) -> Tensor:
    """`tensor` where it is wanted: itself, or one without memory for `meta`; NotImplementedError if it has none and should have."""
    if device is None or devices.is_nowhere(device) == tensor.is_meta:
        return tensor
    if tensor.is_meta:
        message = f"{meta.NO_DATA} Please use torch.nn.Module.to_empty() instead of torch.nn.Module.to() when moving module from meta"
        raise NotImplementedError(located(f"{message} to a different device."))
    with modes.no_grad():
        return wrap(meta.like(tensor._array))


@function("Tensor")
def type_as(self: Tensor, other: Tensor) -> Tensor:
    """The tensor in the dtype of `other`."""
    return converted(self, other.dtype)


@function("Tensor")
def cpu(self: Tensor, memory_format: Any = None) -> Tensor:
    """Itself: it is on the CPU."""
    return placed(self, "cpu")


@function("Tensor", form="(self, device=None, non_blocking=False, memory_format=None)")
def cuda(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """RuntimeError: there is no CUDA device."""
    devices.require_cpu("cuda")
    return self


@function("Tensor")
def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """Itself: memory is pinned for accelerators only."""
    return self


@function("Tensor")
def is_pinned(self: Tensor, device: Any = None) -> bool:
    """False."""
    return False


LEGACY_NAMES = {d.name: n for n, d in (("Half", dtypes.float16), ("Float", dtypes.float32), ("Double", dtypes.float64))}
LEGACY_NAMES |= {"uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long", "bool": "Bool"}
LEGACY_NAMES |= {"bfloat16": "BFloat16", "complex64": "ComplexFloat", "complex128": "ComplexDouble"}


@function("Tensor")
def type(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """Its legacy type name, such as `torch.FloatTensor`; with `dtype`, the tensor converted to it."""
    if dtype is None:
        return f"torch.{LEGACY_NAMES[self.dtype.name]}Tensor"
    name = dtype if isinstance(dtype, str) else getattr(dtype, "legacy_name", None)
    if name is not None:
        dtype = next((dtypes.named(d) for d, n in LEGACY_NAMES.items() if f"torch.{n}Tensor" == name), None)
        if dtype is None:
            raise ValueError(located(f"invalid type: {name!r}"))
    elif not isinstance(dtype, dtypes.dtype):
        raise ValueError(located(f"invalid type: {dtype!r}"))
    return converted(self, dtype)


def _conversion(name: str, dtype: dtypes.dtype) -> None:
    def convert(self: Tensor, memory_format: Any = None) -> Tensor:
        return converted(self, dtype, False, memory_format)

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = f"The tensor converted to {dtype.name}."
    function("Tensor")(convert)


for _name, _dtype in {**dtypes.ALIASES, "bool": dtypes.bool_, "byte": dtypes.uint8, "char": dtypes.int8}.items():
    _conversion(_name, _dtype)
_conversion("bfloat16", dtypes.bfloat16)
