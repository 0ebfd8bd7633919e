"""Making tensors: from Python and NumPy data, and filled with given values."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from . import device as devices
from . import dtypes, inplace, modes
from .gate import unordered
from .layout import arranged, empty_like, order_of_format
from .op import function
from .ops.convert import LEGACY_NAMES, converted
from .origin import located
from .shapes import as_shape
from .tensor import Tensor, TensorMeta, _new, announce, constant, read, wrap

strided = type("layout", (), {"__repr__": lambda self: "torch.strided"})()
Tensor.layout = strided


def factory(make: Callable[..., Any]) -> Callable[..., Tensor]:
    """Give a function that returns an array the keywords all factories share: device, layout, requires_grad, out, ..."""

    sizes = bool(make.__code__.co_flags & 0x04)  # a function of `*size`, which may also be given by name

    @functools.wraps(make)
    def made(
        *args: Any, device: Any = None, requires_grad: bool = False, out: Tensor | None = None,
        layout: Any = None, pin_memory: bool = False, memory_format: Any = None, **kwargs: Any,
    ) -> Tensor:  # fmt: skip
        if device is not None:
            devices.require_cpu(device)
        if sizes and not args:
            args = (kwargs.pop("size", None),)
            if args[0] is None:
                raise TypeError(located(f"{made.__name__}() missing 1 required positional argument: 'size'"))
        array = make(*args, **kwargs)
        if memory_format is not None and memory_format.name != "preserve_format":
            array = arranged(array, order_of_format(array.ndim, memory_format.name))
        if out is not None:
            return _filled(out, array, made.__name__)
        tensor = constant(array)
        return tensor.requires_grad_() if requires_grad else tensor

    return function("torch")(made)


def _filled(out: Tensor, array: np.ndarray[Any, Any], what: str) -> Tensor:
    """`out` with the elements of `array` written into its memory, or into new memory where the shapes differ."""
    if modes.settings.grad and out._node is not None:
        message = f"{what}(): functions with out=... arguments don't support automatic differentiation, but out requires grad."
        raise RuntimeError(located(message))
    if out._array.shape != array.shape:
        out._array = array.astype(out._array.dtype)
        return out
    return inplace.store(out, wrap(array), array, what)


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
        read(data._array, "torch.tensor()")
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
        if "NaN" in str(error):
            raise RuntimeError(located(f"value cannot be converted to {dtype} without overflow: {error}")) from error
        raise
    except OverflowError as error:
        return _wrapped(data, dtype, error)
    if wanted is not None:
        return array
    if array.dtype.kind in "OUS" or (array.dtype == np.uint64 and _common(data) is not dtypes.uint64):
        raise _no_number(data)
    if array.dtype.kind in "fc" and array.size:
        return array.astype(dtypes.to_numpy(_common(data)), copy=False)
    return array if array.size else array.astype(dtypes.to_numpy(dtypes.get_default_dtype()))


def _wrapped(data: Any, dtype: dtypes.dtype | None, error: OverflowError) -> np.ndarray[Any, Any]:
    """An array of `data`, of which negative numbers are out of the range of the unsigned `dtype`: they count from its end."""
    kind = numpy_dtype(dtype)
    if kind.kind == "u" and kind.itemsize < 8:
        array = np.array(data)
        if array.dtype.kind == "i" and np.all(np.abs(array) <= np.iinfo(kind).max):
            return array.astype(kind)
    raise RuntimeError(located(f"value cannot be converted to {dtype} without overflow: {error}")) from error


def _no_number(data: Any) -> Exception:
    """The error for data that NumPy has no numbers for."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    if isinstance(data, (int, np.integer)):
        return ValueError(located(f"Overflow when unpacking long long: {data} is beyond the range of int64"))
    if isinstance(data, str):
        return TypeError(located("new(): invalid data type 'str'"))
    return RuntimeError(located(f"Could not infer dtype of {type(data).__name__}: data must be numbers"))


def _common(data: Any) -> dtypes.dtype:
    """The dtype of a tensor of `data`: Python's floats have the default dtype, NumPy's numbers and arrays their own."""
    found: set[Any] = set()
    _collect(data if isinstance(data, (list, tuple)) else (data,), found)
    return functools.reduce(dtypes.promote_types, map(_dtype_of, found))


def _collect(items: Any, found: set[Any]) -> None:
    """Add the types of the numbers in a nested sequence, and the dtypes of the arrays."""
    kinds = set(map(type, items))
    if len(kinds) == 1 and not (isinstance(items[0], (list, tuple, np.ndarray)) or hasattr(items[0], "__len__")):
        found |= kinds
        return
    for item in items:
        if isinstance(item, np.ndarray):
            found.add(item.dtype)
        elif isinstance(item, (list, tuple)):
            _collect(item, found)
        elif hasattr(item, "__len__"):
            _collect(tuple(item), found)
        else:
            found.add(type(item))


def _dtype_of(kind: Any) -> dtypes.dtype:
    if isinstance(kind, np.dtype):
        return dtypes.from_numpy(kind)
    if issubclass(kind, np.generic):
        return dtypes.from_numpy(np.dtype(kind))
    if issubclass(kind, bool):
        return dtypes.bool_
    if issubclass(kind, int):
        return dtypes.int64
    return dtypes.get_default_dtype().to_complex() if issubclass(kind, complex) else dtypes.get_default_dtype()


def _holds_tensors(data: Any) -> bool:
    return any(isinstance(item, Tensor) or (isinstance(item, (list, tuple)) and _holds_tensors(item)) for item in data)


def _plain(data: Any) -> Any:
    if isinstance(data, Tensor):
        read(data._array, "torch.tensor()")
        number = data._array.ndim == 0
        return data._array[()] if number and data._array.dtype.kind != "V" else data._array.tolist() if number else data._array
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
    result = constant(array_of(data, dtype))
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
def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool | None = None
) -> Tensor:  # fmt: skip
    """A tensor of `obj`, sharing its memory unless `copy`; it needs a gradient where `obj` does unless that is said."""
    result = tensor(obj, dtype=dtype) if copy else as_tensor(obj, dtype, device)
    if requires_grad is None:
        return result
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
    return constant(array)


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


def _like(name: str, value: Any) -> None:
    def like(input: Tensor, *, dtype: Any = None) -> Any:
        return filled_like(input, value, dtype)

    like.__name__ = like.__qualname__ = name + "_like"
    like.__doc__ = f"As `{name}`, with the shape, dtype and order in memory of `input`."
    factory(like)


def filled_like(input: Tensor, value: Any, dtype: Any) -> Any:
    """`value` everywhere (None: uninitialised memory), in an array that lies in memory as `input` does."""
    kind = input._array.dtype if dtype is None else numpy_dtype(dtype)
    if not input._array.flags.c_contiguous:
        array = empty_like(input._array, kind)
        if value is not None:
            array.fill(value)
        return array
    shape = input._array.shape
    return (
        np.empty(shape, kind)
        if value is None
        else np.zeros(shape, kind)
        if value.__class__ is int and not value
        else np.full(shape, value, kind)
    )


for _name, _value in (("zeros", 0), ("ones", 1), ("empty", None)):
    _like(_name, _value)


@factory
def full_like(input: Tensor, fill_value: Any, *, dtype: Any = None) -> Any:
    """`fill_value` everywhere, with the shape, dtype and order in memory of `input`."""
    return filled_like(input, fill_value.item() if isinstance(fill_value, Tensor) else fill_value, dtype)


@factory
def eye(n: int, m: int | None = None, *, dtype: Any = None) -> Any:
    """The identity matrix, n by m."""
    return np.eye(n, m, dtype=numpy_dtype(dtype))


@factory
def arange(start: Any = None, end: Any = None, step: Any = 1, *, dtype: Any = None) -> Any:
    """Numbers from `start` (0 if left out) up to but without `end`, `step` apart."""
    if start is None and end is None:
        raise TypeError(located("arange() missing 1 required argument: 'end'"))
    start, end = (0, start) if end is None else (start or 0, end)
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
        return maker(*args, **kwargs)

    new_form.__name__ = new_form.__qualname__ = "new_" + name
    new_form.__doc__ = f"As `{name}`, with this tensor's dtype."
    function("Tensor")(new_form)


for _name in ("zeros", "ones", "empty", "full", "tensor"):
    _new_form(_name)


@function("Tensor")
def new(self: Tensor, *args: Any, device: Any = None) -> Tensor:
    """A tensor of this dtype from sizes or data."""
    return converted(construct(Tensor, *args, device=device), self.dtype)


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
    announce(array)
    tensor = _new(cls)
    tensor._array = array
    tensor._node = tensor._cut = None
    tensor._view = unordered(array)
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
