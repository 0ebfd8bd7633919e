"""Making tensors: from Python and NumPy data, and filled with given values."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from . import device as devices
from . import dtypes
from .op import function
from .ops.convert import LEGACY_NAMES, converted
from .origin import located
from .shapes import as_shape
from .tensor import Tensor, TensorMeta, _new, wrap

strided = type("layout", (), {"__repr__": lambda self: "torch.strided"})()
Tensor.layout = strided


def factory(make: Callable[..., Any]) -> Callable[..., Tensor]:
    """Give a function that returns an array the keywords all factories share: device, layout, requires_grad, out, ..."""

    @functools.wraps(make)
    def made(
        *args: Any, device: Any = None, requires_grad: bool = False, out: Tensor | None = None,
        layout: Any = None, pin_memory: bool = False, memory_format: Any = None, **kwargs: Any,
    ) -> Tensor:  # fmt: skip
        if device is not None:
            devices.require_cpu(device)
        array = make(*args, **kwargs)
        if out is not None:
            out._array = array.astype(out._array.dtype, copy=False)
            return out
        tensor = wrap(array)
        return tensor.requires_grad_() if requires_grad else tensor

    return function("torch")(made)


def numpy_dtype(dtype: dtypes.dtype | None) -> np.dtype[Any]:
    """The NumPy dtype of a `dtype` argument; the default dtype for None."""
    if dtype is not None and not isinstance(dtype, dtypes.dtype):
        if dtype in (float, int, bool, complex):
            return dtypes.to_numpy(dtypes.of_number(dtype()))
        raise TypeError(located(f"expected a torch.dtype, got {dtype!r}"))
    return dtypes.to_numpy(dtype or dtypes.get_default_dtype())


def _sizes(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    shape = as_shape(sizes)
    if any(n < 0 for n in shape):
        raise RuntimeError(located(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}"))
    return shape


# From data


def array_of(data: Any, dtype: dtypes.dtype | None = None) -> np.ndarray[Any, Any]:
    """A new array of `data`: a number, a nested sequence, an array or a tensor, by PyTorch's rules for dtypes."""
    wanted = None if dtype is None else numpy_dtype(dtype)
    if isinstance(data, Tensor):
        return np.array(data._array, wanted)
    if isinstance(data, (np.ndarray, np.generic)):
        array = np.array(data, wanted)
        dtypes.of(array)
        return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    if isinstance(data, (list, tuple)) and _holds_tensors(data):
        data = _plain(data)
    try:
        array = np.array(data, wanted)
    except ValueError as error:
        if "inhomogeneous" in str(error):
            raise ValueError(located(f"expected a sequence of equal lengths at every level: {_ragged(data)}")) from error
        raise
    except OverflowError as error:
        raise RuntimeError(located(f"value cannot be converted to {dtype} without overflow: {error}")) from error
    if wanted is None:
        if array.dtype == np.float64 and not _first_is_numpy(data):
            return array.astype(dtypes.to_numpy(dtypes.get_default_dtype()))
        if array.dtype == np.complex128 and not _first_is_numpy(data):
            return array.astype(dtypes.to_numpy(dtypes.get_default_dtype().to_complex()))
        if array.dtype.kind in "OUS":
            raise TypeError(located(f"new(): data must be numbers, got {type(_first(data)).__name__}"))
    return array


def _first(data: Any) -> Any:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return data


def _first_is_numpy(data: Any) -> bool:
    first = _first(data)
    return isinstance(first, (np.ndarray, np.generic)) and not isinstance(first, float)


def _holds_tensors(data: Any) -> bool:
    return any(isinstance(item, Tensor) or (isinstance(item, (list, tuple)) and _holds_tensors(item)) for item in data)


def _plain(data: Any) -> Any:
    if isinstance(data, Tensor):
        return data._array.tolist() if data._array.ndim == 0 else data._array
    return [_plain(item) for item in data] if isinstance(data, (list, tuple)) else data


def _ragged(data: Any) -> str:
    lengths = [len(item) if isinstance(item, (list, tuple)) else "a number" for item in data]
    return f"found lengths {lengths}"


@function("torch")
def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """A tensor with a copy of `data`; floats become the default dtype, ints int64.

    >>> tensor([[1.0, 2.0]])
    tensor([[1., 2.]])
    """
    if device is not None:
        devices.require_cpu(device)
    result = wrap(array_of(data, dtype))
    return result.requires_grad_() if requires_grad else result


@function("torch")
def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of `data` that shares its memory where it can."""
    devices.require_cpu(device)
    if isinstance(data, Tensor):
        return converted(data, dtype)
    if isinstance(data, np.ndarray):
        return converted(from_numpy(data), dtype)
    return tensor(data, dtype=dtype)


@function("torch")
def asarray(obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor of `obj`, sharing its memory unless `copy`."""
    result = tensor(obj, dtype=dtype) if copy else as_tensor(obj, dtype, device)
    return result.detach().requires_grad_(requires_grad) if requires_grad != result.requires_grad else result


@function("torch")
def from_numpy(array: np.ndarray[Any, Any]) -> Tensor:
    """A tensor on the memory of `array`: a change of one shows in the other."""
    if not isinstance(array, np.ndarray):
        raise TypeError(located(f"expected np.ndarray (got {type(array).__name__})"))
    if array.dtype not in dtypes._BY_NUMPY:
        dtypes.from_numpy(array.dtype)
        if not array.dtype.isnative:
            raise ValueError(located("given numpy array has byte order different from the native byte order"))
    return wrap(array)


@function("torch")
def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """A one-dimensional tensor on the memory of a Python buffer."""
    return wrap(np.frombuffer(buffer, numpy_dtype(dtype), count, offset)).requires_grad_(requires_grad)


# Filled


@factory
def zeros(*size: Any, dtype: Any = None) -> Any:
    """Zeros."""
    return np.zeros(_sizes(size), numpy_dtype(dtype))


@factory
def ones(*size: Any, dtype: Any = None) -> Any:
    """Ones."""
    return np.ones(_sizes(size), numpy_dtype(dtype))


@factory
def empty(*size: Any, dtype: Any = None) -> Any:
    """Uninitialised memory."""
    return np.empty(_sizes(size), numpy_dtype(dtype))


@factory
def full(size: Any, fill_value: Any, *, dtype: Any = None) -> Any:
    """`fill_value` everywhere; its type decides the dtype."""
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    return np.full(as_shape((size,)), value, numpy_dtype(dtype or dtypes.of_number(value)))


@factory
def empty_strided(size: Any, stride: Any, *, dtype: Any = None) -> Any:
    """Uninitialised memory with these strides."""
    kind = numpy_dtype(dtype)
    extent = 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if 0 not in size else 0
    return np.ndarray(tuple(size), kind, np.empty(extent, kind), 0, tuple(s * kind.itemsize for s in stride))


def _like(name: str, fill: Callable[..., Any]) -> None:
    def like(input: Tensor, *, dtype: Any = None) -> Any:
        return fill(input._array, dtype=None if dtype is None else numpy_dtype(dtype))

    like.__name__ = like.__qualname__ = name + "_like"
    like.__doc__ = f"As `{name}`, with the shape and dtype of `input`."
    factory(like)


for _name, _fill in (("zeros", np.zeros_like), ("ones", np.ones_like), ("empty", np.empty_like)):
    _like(_name, _fill)


@factory
def full_like(input: Tensor, fill_value: Any, *, dtype: Any = None) -> Any:
    """`fill_value` everywhere, with the shape and dtype of `input`."""
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    return np.full_like(input._array, value, dtype=None if dtype is None else numpy_dtype(dtype))


@factory
def eye(n: int, m: int | None = None, *, dtype: Any = None) -> Any:
    """The identity matrix, n by m."""
    return np.eye(n, m, dtype=numpy_dtype(dtype))


@factory
def arange(start: Any, end: Any = None, step: Any = 1, *, dtype: Any = None) -> Any:
    """Numbers from `start` (0 if left out) up to but without `end`, `step` apart."""
    start, end = (0, start) if end is None else (start, end)
    start, end, step = (v.item() if isinstance(v, (Tensor, np.generic)) else v for v in (start, end, step))
    if step == 0:
        raise RuntimeError(located("step must be nonzero"))
    if (end - start) * step < 0:
        raise RuntimeError(located(f"upper bound and lower bound inconsistent with step sign: arange({start}, {end}, {step})"))
    integers = all(isinstance(v, int) for v in (start, end, step))
    kind = numpy_dtype(dtype or (dtypes.int64 if integers else None))
    count = max(int(np.ceil((end - start) / step)), 0) if not integers else max(-((start - end) // step), 0)
    if integers:
        return (
            np.arange(start, start + count * step, step, dtype=kind) if kind.kind != "V" else np.arange(count).astype(kind) * step + start
        )
    return (start + np.arange(count, dtype=np.float64) * step).astype(kind)


@factory
def range(start: Any, end: Any, step: Any = 1, *, dtype: Any = None) -> Any:
    """Numbers from `start` to `end` included, `step` apart."""
    return (start + np.arange(int((end - start) / step) + 1) * step).astype(numpy_dtype(dtype))


@factory
def linspace(start: Any, end: Any, steps: int, *, dtype: Any = None) -> Any:
    """`steps` numbers evenly spaced from `start` to `end`, both included."""
    start, end = (v.item() if isinstance(v, Tensor) else v for v in (start, end))
    kind = numpy_dtype(dtype or (dtypes.of_number(1j) if isinstance(start + end, complex) else None))
    if kind.kind in "iu":
        step = (end - start) / (steps - 1) if steps > 1 else 0
        return np.where(np.arange(steps) < steps // 2, start + step * np.arange(steps), end - step * np.arange(steps)[::-1]).astype(kind)
    return np.linspace(start, end, steps, dtype=np.complex128 if kind.kind == "c" else np.float64).astype(kind)


@factory
def logspace(start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: Any = None) -> Any:
    """`steps` numbers from base**start to base**end, evenly spaced on a logarithmic scale."""
    start, end = (v.item() if isinstance(v, Tensor) else v for v in (start, end))
    return np.power(base, np.linspace(start, end, steps)).astype(numpy_dtype(dtype))


# Methods that make a tensor like this one


def _new_form(name: str) -> None:
    maker = globals()[name]

    def new_form(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        kwargs["dtype"] = kwargs.get("dtype") or self.dtype
        if name != "full" and "size" in kwargs:
            args = (kwargs.pop("size"),)
        return maker(*args, **kwargs)

    new_form.__name__ = new_form.__qualname__ = "new_" + name
    new_form.__doc__ = f"As `{name}`, with this tensor's dtype."
    function("Tensor")(new_form)


for _name in ("zeros", "ones", "empty", "full", "tensor"):
    _new_form(_name)


@function("Tensor")
def new(self: Tensor, *args: Any, device: Any = None) -> Tensor:
    """A tensor of this dtype from sizes or data."""
    return converted(construct(*args), self.dtype)


# The legacy constructor


def construct(cls: Any = Tensor, *args: Any, device: Any = None, dtype: Any = None) -> Tensor:
    """`Tensor(2, 3)` is uninitialised, `Tensor([...])` has the data, in the default dtype."""
    devices.require_cpu(device)
    kind = numpy_dtype(dtype)
    if not args:
        array = np.empty(0, kind)
    elif len(args) == 1 and isinstance(args[0], Tensor):
        array = args[0]._array
    elif len(args) == 1 and not isinstance(args[0], int):
        data = args[0]
        array = np.empty(tuple(data), kind) if type(data).__name__ == "Size" else array_of(data).astype(kind, copy=False)
    else:
        array = np.empty(_sizes(args), kind)
    tensor = _new(cls)
    tensor._array = array
    tensor._node = tensor._view = tensor._cut = None
    return tensor


Tensor.construct = classmethod(construct)


class LegacyType(TensorMeta):
    """The type of `FloatTensor` and its relatives: they construct, and `isinstance` asks for the dtype."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype  # type: ignore[attr-defined]


def _legacy(name: str, dtype: dtypes.dtype) -> Any:
    def new(cls: Any, *args: Any, device: Any = None) -> Tensor:
        return construct(Tensor, *args, device=device, dtype=dtype)

    namespace = {"__new__": new, "dtype": dtype, "legacy_name": f"torch.{name}Tensor", "__slots__": ()}
    return LegacyType(name + "Tensor", (Tensor,), namespace)


LEGACY_TYPES = {f"{name}Tensor": _legacy(name, dtypes.named(d)) for d, name in LEGACY_NAMES.items()}

__all__ = ["LEGACY_TYPES", "as_tensor", "from_numpy", "strided", "tensor"]
