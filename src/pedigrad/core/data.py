"""Arrays of what users hand over as data: numbers, nested sequences, arrays, tensors, what exports its memory.

PyTorch's rules: the shape follows from the first item at every level, the dtype from all items, and each number is converted by
itself, or refused. NumPy's own conversion reads strings, makes objects and wraps numbers around, so it is not asked.
"""

from __future__ import annotations

import operator
from array import array as packed
from collections.abc import Callable
from itertools import chain
from types import MappingProxyType
from typing import Any

import numpy as np

from . import dtypes, limits
from .exchange import imported
from .origin import located
from .quiet import is_strict
from .tensor import Tensor, read

MOST_DIMS = 128
AT_ONCE = ("ff", "fc", "ii", "ui", "iu", "uu")  # kinds of arrays, and of tensors to which their elements convert as Python's numbers
GREATEST = {np.dtype(name).char: limits.finfo(dtypes.named(name)).max for name in ("float16", "float32", "float64")}
NEVER_SEQUENCES = (Tensor, dict, MappingProxyType)
OF_TYPE: dict[type, Callable[[], dtypes.dtype]] = {
    float: dtypes.get_default_dtype,
    int: lambda: dtypes.int64,
    bool: lambda: dtypes.bool_,
    complex: lambda: dtypes.get_default_dtype().to_complex(),
}


def array_of(data: Any, dtype: Any = None, shares: bool = False) -> np.ndarray[Any, Any]:
    """An array of `data`, a new one unless it `shares` memory where it can."""
    if is_strict():
        with np.errstate(all="ignore"):
            return array_of(data, dtype, shares)
    wanted = None if dtype is None else dtypes.to_numpy(dtypes.of_argument(dtype))
    if isinstance(data, (str, bytes)):
        raise TypeError(located(f"new(): invalid data type '{_name_of(data)}'"))
    if isinstance(data, Tensor):
        read(data._array, "torch.tensor()")
        array = data._array
    elif isinstance(data, np.ndarray):
        array = native_array(data)
    elif hasattr(data, "__dlpack__"):
        array = imported(data)
    else:
        return of_items(data, wanted)
    if shares:
        return array if wanted is None or array.dtype == wanted else cast_array(array, wanted)
    return np.array(array) if wanted is None or array.dtype == wanted else cast_array(array, wanted)


def cast_array(array: np.ndarray[Any, Any], wanted: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """The array in another dtype; of complex numbers the real parts where it is a real one."""
    return (array.real if array.dtype.kind == "c" and wanted.kind not in "cb" else array).astype(wanted)


def native_array(array: Any) -> np.ndarray[Any, Any]:
    """The array without its subclass, if a tensor can lie on it; TypeError or ValueError where none can."""
    dtype = array.dtype
    if dtype not in dtypes._BY_NUMPY:
        dtypes.from_numpy(dtype)
        if not dtype.isnative:
            message = "given numpy array has byte order different from the native byte order: convert it with astype() first"
            raise ValueError(located(message))
    if not array.flags.c_contiguous and any(step % dtype.itemsize for step in array.strides):
        raise ValueError(located("given numpy array strides not a multiple of the element byte size: copy the array first"))
    return array if array.__class__ is np.ndarray else array.view(np.ndarray)


def of_items(data: Any, wanted: np.dtype[Any] | None) -> np.ndarray[Any, Any]:
    """An array of a number or a nested sequence."""
    if wanted is None and data.__class__ is list and data:
        found = _of_plain_list(data)
        if found is not None:
            return found
    sizes = sizes_of(data)
    kind = dtypes.to_numpy(inferred(data)) if wanted is None else wanted
    if 0 in sizes:
        return np.empty(sizes, kind)
    items: list[Any] = []
    try:
        _gather(data, sizes, kind, items)
    except Exception:
        numbers(items, kind)  # what is wrong with an earlier item is said first
        raise
    return numbers(items, kind).reshape(sizes)


def _of_plain_list(data: list[Any]) -> np.ndarray[Any, Any] | None:
    """The array of a list, or a list of lists, of nothing but Python floats and ints, or of like arrays; None for others."""
    kinds = set(map(type, data))
    if kinds == {np.ndarray}:
        first = data[0]
        alike = first.size and first.ndim and first.dtype in dtypes._BY_NUMPY and first.dtype.char not in "LQ"
        if alike and all(a.dtype is first.dtype and a.shape == first.shape for a in data):
            return np.array(data)
        return None
    if kinds == {list} and set(map(len, data)) == {len(data[0])}:
        kinds = set(map(type, chain.from_iterable(data)))
    if kinds == {int}:
        try:
            return np.array(data, np.int64)
        except OverflowError:
            return None
    if kinds == {float} or kinds == {float, int}:
        return np.array(data, np.float64).astype(dtypes.to_numpy(dtypes.get_default_dtype()), copy=False)
    return None


def is_sequence(value: Any) -> bool:
    """Whether a value has items by number: PyTorch asks for `__getitem__` of anything but dicts."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return True
    return hasattr(type(value), "__getitem__") and not isinstance(value, NEVER_SEQUENCES) and not _is_scalar(value)


def _is_scalar(value: Any) -> bool:
    """Whether a value is a NumPy scalar; its texts and records are sequences."""
    return isinstance(value, np.generic) and not isinstance(value, (np.flexible, str, bytes))


def _name_of(value: Any) -> str:
    """The name of a value's type as C code gives it: with the module where the type is written in C."""
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" or kind.__flags__ & 1 << 9 else f"{kind.__module__}.{kind.__name__}"


def sizes_of(data: Any) -> tuple[int, ...]:
    """The shape of nested sequences, by the first item of each."""
    sizes: list[int] = []
    while is_sequence(data):
        sizes.append(len(data))
        if len(sizes) > MOST_DIMS:
            raise ValueError(located(f"too many dimensions '{_name_of(data)}'"))
        if not sizes[-1]:
            break
        try:
            data = data[0]
        except Exception as error:
            raise ValueError(located(f"could not determine the shape of object type '{_name_of(data)}'")) from error
    return tuple(sizes)


def inferred(data: Any) -> dtypes.dtype:
    """The dtype of a tensor of `data`: Python's floats have the default dtype, NumPy's numbers and arrays their own."""
    known = OF_TYPE.get(data.__class__)
    if known is not None:
        return known()
    if isinstance(data, Tensor):
        return data.dtype
    if isinstance(data, (str, bytes)):
        raise TypeError(located(f"new(): invalid data type '{_name_of(data)}'"))
    if isinstance(data, (np.ndarray, np.generic)):
        return dtypes.from_numpy(data.dtype)
    for kind in (float, bool, int, complex):
        if isinstance(data, kind):
            return OF_TYPE[kind]()
    if not is_sequence(data):
        raise RuntimeError(located(f"Could not infer dtype of {_name_of(data)}: data must be numbers"))
    items = data if isinstance(data, (list, tuple)) else [data[i] for i in range(len(data))]
    if not items:
        return dtypes.get_default_dtype()
    kinds = dict.fromkeys(map(type, items))  # items of one type are looked at once, in their order
    if all(kind in OF_TYPE or (issubclass(kind, np.generic) and not issubclass(kind, np.flexible)) for kind in kinds):
        return _promoted(OF_TYPE[kind]() if kind in OF_TYPE else dtypes.from_numpy(np.dtype(kind)) for kind in kinds)
    return _promoted(_inferred_item(data, item) for item in items)


def _promoted(found: Any) -> dtypes.dtype:
    result: dtypes.dtype | None = None
    for each in found:
        result = each if result is None else dtypes.promote_types(result, each)
        if result is dtypes.complex128:  # nothing is above it
            break
    assert result is not None
    return result


def _inferred_item(data: Any, item: Any) -> dtypes.dtype:
    if item is data:
        raise TypeError(located("new(): self-referential lists are incompatible"))
    return inferred(item)


def _gather(data: Any, sizes: tuple[int, ...], kind: np.dtype[Any], items: list[Any], dim: int = 0) -> None:
    """Add the numbers in nested sequences of these sizes to `items`."""
    if dim == len(sizes):
        items.append(data)
        return
    if isinstance(data, np.ndarray) and data.shape == sizes[dim:] and data.dtype.kind + kind.kind in AT_ONCE and kind.char not in "LQ":
        items.extend(data.ravel().tolist())
        return
    if not isinstance(data, (list, tuple)):
        try:
            data = list(data)
        except TypeError as error:
            raise TypeError(located("not a sequence")) from error
    if len(data) != sizes[dim]:
        raise ValueError(located(f"expected sequence of length {sizes[dim]} at dim {dim} (got {len(data)})"))
    if dim == len(sizes) - 1:
        items.extend(data)
        return
    for item in data:
        _gather(item, sizes, kind, items, dim + 1)


# Numbers


def numbers(items: list[Any], kind: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """An array of Python objects that are numbers, each converted by the rules of a `kind`."""
    name = dtypes.from_numpy(kind).name
    if kind.kind in "fV":
        wide = np.frombuffer(packed("d", items), np.float64) if items else np.empty(0)
        if kind.itemsize == 2:
            wide = wide.astype(np.float32)  # PyTorch rounds twice
        return np.array(wide, kind)
    if kind.kind == "c":
        return np.array([_complex(item) for item in items], np.complex128).astype(kind)
    if kind.kind == "b":
        return np.array([_truth(item) for item in items], kind)
    if name == "uint64":
        return np.array([_unsigned(item) for item in items], kind)
    low, high = bounds(kind)
    if set(map(type, items)) <= {int, bool}:
        try:
            found = np.frombuffer(packed("q", items), np.int64) if items else np.empty(0, np.int64)
        except OverflowError:
            pass  # said below
        else:
            if kind.itemsize == 8:
                return np.array(found)
            if not found.size or (low <= found.min() and found.max() <= high):
                return found.astype(kind)
    return np.array([whole(item, kind, name, low, high) for item in items], np.int64).astype(kind)


def bounds(kind: np.dtype[Any]) -> tuple[int, int]:
    """The least and the greatest integer that counts as one of an integer dtype: negative ones of an unsigned dtype wrap around."""
    info = np.iinfo(kind)
    return (-int(info.max), int(info.max)) if kind.kind == "u" else (int(info.min), int(info.max))


def whole(item: Any, kind: np.dtype[Any], name: str, low: int, high: int) -> int:
    """A number as an integer of `kind`; floats are truncated if they are in its range."""
    if isinstance(item, float):
        if not (0 if kind.kind == "u" else low) <= item <= float(high):
            raise overflow(name)
        value = int(item)
        return value if value < 2**63 else -(2**63)  # the float next to the greatest int64, as the processor converts it
    value = operator.index(item)
    if not -(2**63) <= value < 2**63:
        raise ValueError(located(f"Overflow when unpacking long long: {value} is beyond the range of int64"))
    if not low <= value <= high:
        raise overflow(name)
    return value


def overflow(name: str) -> RuntimeError:
    """The error for a number out of the range of the dtype of that name."""
    return RuntimeError(located(f"value cannot be converted to type {name} without overflow"))


def _unsigned(item: Any) -> int:
    if not isinstance(item, int):
        raise TypeError(located("an integer is required"))
    if item < 0:
        raise OverflowError(located("can't convert negative int to unsigned"))
    if item >= 2**64:
        raise OverflowError(located("int too big to convert"))
    return item


def _truth(item: Any) -> bool:
    if isinstance(item, (bool, np.bool_, float, complex)):
        return bool(item)
    return bool(operator.index(item))


def _complex(item: Any) -> complex:
    if isinstance(item, (str, bytes, bytearray)):
        raise TypeError(located(f"must be real number, not {_name_of(item)}"))
    try:
        return complex(item)
    except TypeError:
        raise TypeError(located(f"must be real number, not {_name_of(item)}")) from None


def scalar(value: Any, kind: np.dtype[Any], what: str) -> Any:
    """The number that filling an array of `kind` with `value` writes; RuntimeError if it is out of range, TypeError if it is none."""
    if value.__class__ is float and (-(most := GREATEST.get(kind.char, -1.0)) <= value <= most):
        return value
    if value.__class__ is int and kind.kind == "i" and -128 <= value <= 127:
        return value
    number = plain_number(value, what)
    name = dtypes.from_numpy(kind).name
    if kind.kind == "b":
        return bool(number)
    if kind.kind == "c":
        part = np.dtype(f"f{kind.itemsize // 2}")
        number = complex(number)
        return complex(_in_float_range(number.real, part, name), _in_float_range(number.imag, part, name))
    if isinstance(number, complex):
        if number.imag != 0:
            raise overflow(name)
        number = number.real
    if kind.kind in "fV":
        return _in_float_range(number, kind, name)
    if isinstance(number, int):
        low, high = bounds(kind)
        if not low <= number <= high:
            raise overflow(name)
        return number % 2 ** (8 * kind.itemsize) if kind.kind == "u" else number
    info = np.iinfo(kind)
    if not info.min <= number <= float(info.max):
        raise overflow(name)
    return min(int(number), int(info.max)) if kind.kind == "u" else whole(number, kind, name, int(info.min), int(info.max))


def element(value: Any, kind: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """The number `value` as a 0-d array of `kind`; RuntimeError if it is out of range."""
    return np.asarray(scalar(value, kind, "a number")).astype(kind)


def fitting(value: Any, kind: np.dtype[Any]) -> Any:
    """The number `value` as one that NumPy takes beside arrays of `kind`; RuntimeError if it is out of range."""
    return element(value, kind) if kind.kind == "V" else scalar(value, kind, "a number")


def element_of(input: Any, value: Any) -> Any:
    """`value`, if it is a number, as one that the common dtype of it and the tensor `input` takes; a tensor as it is."""
    if value is None or hasattr(value, "dtype"):
        return value
    if value.__class__ is not complex and -128 <= value <= 127:
        return value
    scalar(value, dtypes.to_numpy(dtypes.promote_operands([input._array, value])), "a number")
    return value


def plain_number(value: Any, what: str) -> Any:
    """A number, a NumPy scalar or a tensor without dimensions as a Python number; TypeError for anything else."""
    if isinstance(value, Tensor) and value._array.ndim == 0:
        value = value.item()
    elif isinstance(value, (np.number, np.bool_)):
        value = dtypes.python_number(value)
    if not isinstance(value, (bool, int, float, complex)):
        raise TypeError(located(f"{what}: argument 'value' must be Number, not {_name_of(value)}"))
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise OverflowError(located("can't convert negative int to unsigned" if value < 0 else "int too big to convert"))
    return value


def _in_float_range(number: Any, kind: np.dtype[Any], name: str) -> float:
    number = float(number)
    if kind.itemsize < 8 and abs(number) > limits.finfo(dtypes.from_numpy(kind)).max and number - number == 0:
        raise overflow(name)
    return number
