"""Making tensors: from Python and NumPy data, and filled with given values."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import device as devices
from ..core import dtypes, inplace, lifted, meta, modes, override, watching
from ..core.data import array_of, element, is_sequence, native_array, plain_number, scalar
from ..core.declare import function
from ..core.dispatch import check_overlap, unordered
from ..core.documentation import completed
from ..core.exchange import imported
from ..core.keywords import in_our_words, words_of
from ..core.layout import arranged, empty_like, order_of_format
from ..core.origin import located, warn, warn_once
from ..core.shapes import Size, as_shape
from ..core.sparse_tensor import SparseTensor, strided
from ..core.storage import on_buffer
from ..core.tensor import Tensor, TensorMeta, _new, announce, constant, wrap
from ..core.traces import is_refusal
from .shape.convert import LEGACY_NAMES, converted, placed

READ_ONLY = "the tensor shows its memory, and to write to it is an error; copy it first if you want to"


def factory(make: Callable[..., Any], places: str = "torch") -> Callable[..., Tensor]:
    """Give a function that returns an array the keywords all factories share: device, layout, requires_grad, out, ..."""

    code = make.__code__
    sizes = bool(code.co_flags & 0x04)  # a function of `*size`, which may also be given by name
    typed = "dtype" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    words = words_of(code.co_varnames[: code.co_argcount], {})
    modelled = code.co_varnames[:1] == ("input",)  # what is made has the shape of the first argument

    @functools.wraps(make)
    def made(
        *args: Any, device: Any = None, requires_grad: bool = False, out: Tensor | None = None,
        layout: Any = None, pin_memory: bool = False, memory_format: Any = None, **kwargs: Any,
    ) -> Tensor:  # fmt: skip
        model = args[0] if modelled and args and isinstance(args[0], Tensor) else None
        if model is not None and model.layout is not strided:
            layout = model.layout if layout is None else layout
            return SparseTensor.forms["factory"](made.__name__, layout, args, kwargs.get("dtype"), requires_grad, model)
        if layout is not None and layout is not strided:
            return SparseTensor.forms["factory"](made.__name__, layout, args, kwargs.get("dtype"), requires_grad, model)
        if device is None and meta.alive and any(isinstance(each, Tensor) for each in args):
            nowhere = any(isinstance(each, Tensor) and each.is_meta for each in args)
        else:
            nowhere = devices.is_nowhere(device)
        if sizes and not args:
            args = (kwargs.pop("size", None),)
            if args[0] is None:
                raise TypeError(located(f"{made.__name__}() missing 1 required positional argument: 'size'"))
        if out is not None and typed:
            if kwargs.setdefault("dtype", out.dtype) is None:
                kwargs["dtype"] = out.dtype
            elif dtypes.of_argument(kwargs["dtype"]) is not out.dtype:
                raise RuntimeError(located(f"dtype {kwargs['dtype']} does not match dtype of out parameter ({out.dtype})"))
        try:
            if nowhere and model is not None:
                array = meta.like(model._array, numpy_dtype(kwargs["dtype"]) if kwargs.get("dtype") else None)
            elif nowhere and sizes:
                array = meta.empty(_sizes(args), numpy_dtype(kwargs.get("dtype")))
            else:
                array = make(*args, **in_our_words(kwargs, words, (), made.__name__)) if kwargs else make(*args)
        except (MemoryError, ValueError) as error:
            if is_refusal(error):  # not NumPy's
                raise
            raise RuntimeError(located(f"{made.__name__}(): {error}")) from None
        except FloatingPointError:  # what `np.seterr` asks for
            with np.errstate(all="ignore"):
                array = make(*args, **in_our_words(kwargs, words, (), made.__name__)) if kwargs else make(*args)
        if nowhere and not meta.is_meta(array):
            array = meta.like(array) if array.flags.c_contiguous else meta.placed(array)
        if lifted.alive and model is not None and not isinstance(array, lifted.Lifted):
            array = lifted.alike(model._array, array)
        if memory_format is not None and memory_format.name != "preserve_format":
            array = arranged(array, order_of_format(array.ndim, memory_format.name))
        if out is not None:
            return _filled(out, array, made.__name__)
        tensor = constant(array)
        return tensor.requires_grad_() if requires_grad else tensor

    shared = {"out": None, "layout": strided, "device": None, "requires_grad": False, "pin_memory": False}
    formatted = {"memory_format": None} if make.__name__ == "empty" or make.__name__.endswith("_like") else {}
    made.adds = shared | formatted  # type: ignore[attr-defined]
    made.__doc__ = completed(make.__doc__, (*code.co_varnames[: code.co_argcount + code.co_kwonlyargcount], *shared, *formatted))
    return function(places)(made)


def _filled(out: Tensor, array: np.ndarray[Any, Any], what: str) -> Tensor:
    """`out` with the elements of `array` written into its memory, or into new memory where the shapes differ."""
    if modes.settings.grad and out._node is not None:
        message = f"{what}(): functions with out=... arguments don't support automatic differentiation, but out requires grad."
        raise RuntimeError(located(message))
    if out._array.shape != array.shape:
        out._array = array.astype(out._array.dtype)
        return out
    check_overlap(out._array, what)
    return inplace.store(out, wrap(array), array, what)


def numpy_dtype(dtype: dtypes.dtype | None) -> np.dtype[Any]:
    """The NumPy dtype of a `dtype` argument; the default dtype for None."""
    return dtypes.to_numpy(dtypes.get_default_dtype() if dtype is None else dtype)


def _ramp_dtype(name: str, kind: np.dtype[Any], steps: Any = 0) -> np.dtype[Any]:
    """`kind`, the dtype of a row of numbers; errors for booleans, and for `steps` that cannot be counted."""
    if isinstance(steps, bool) or not hasattr(steps, "__index__"):
        raise TypeError(located(f"{name}(): argument 'steps' must be int, not {type(steps).__name__}"))
    if steps < 0:
        raise RuntimeError(located("number of steps must be non-negative"))
    if kind == np.bool_:
        raise NotImplementedError(located(f"\"{name}_cpu\" not implemented for 'Bool'"))
    return kind


def _sizes(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    if bool in map(type, sizes):
        raise TypeError(located("argument 'size' (position 1) must be tuple of ints, not bool"))
    shape = as_shape(sizes)
    if shape and max(shape) >= 2**63:
        raise TypeError(located(f"argument 'size' failed to unpack: Overflow when unpacking long long, in {shape}"))
    if shape and min(shape) < 0:
        raise RuntimeError(located(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}"))
    return shape


def _there(tensor: Tensor, device: Any) -> Tensor:
    """A new tensor on the device, the default one if that is None."""
    return placed(tensor, devices.META) if devices.is_nowhere(device) else tensor


# From data


@function("torch")
def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """A tensor with a copy of `data`; floats become the default dtype, ints int64.

    Args:
        data: a number, sequences of numbers nested evenly, a NumPy array or a tensor.
        dtype: the dtype, if it is not to follow from `data`.

    Shape: that of the nested sequences; () for a number.

    Raises:
        ValueError: the sequences are not of one length.

    >>> tensor([[1.0, 2.0]])
    tensor([[1., 2.]])
    """
    if isinstance(data, Tensor):
        warn("To copy a tensor, use source.detach().clone(), or source.detach().clone().requires_grad_(True), rather than tensor(source)")
        if data.layout is not strided:
            return data.detach().to(device, dtype, copy=True).requires_grad_(requires_grad)  # type: ignore[attr-defined]
    result = _there(constant(array_of(data, dtype)), device)
    return result.requires_grad_() if requires_grad else result


@function("torch")
def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of `data` that shares its memory where it can: tensors and arrays of the asked dtype are not copied.

    Args:
        data: a number, sequences, a NumPy array or a tensor.
        dtype: the dtype, if it is not to follow from `data`.

    Shape: that of `data`.

    >>> x = torch.ones(2)
    >>> torch.as_tensor(x) is x
    True
    """
    if isinstance(data, Tensor):
        return placed(converted(data, dtype), device)
    return _there(constant(array_of(data, dtype, shares=True)), device)


@function("torch")
def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool | None = None
) -> Tensor:  # fmt: skip
    """A tensor of `obj`, sharing its memory unless `copy`; it needs a gradient where `obj` does unless that is said."""
    devices.is_nowhere(device)
    aliases = True
    if isinstance(obj, Tensor):
        result = obj
    elif isinstance(obj, np.generic):
        if copy is False:
            raise RuntimeError(located("can't alias NumPy scalars: leave copy=False out, or make an array of it"))
        result, aliases = constant(native_array(np.asarray(obj))), False
    elif isinstance(obj, np.ndarray):
        result = constant(array_of(obj, None, shares=True))
    elif _is_buffer(obj):
        result = frombuffer(obj, dtype=dtypes.get_default_dtype() if dtype is None else dtype)
    else:
        if copy is False:
            raise ValueError(located("can't alias arbitrary sequence into a tensor."))
        result, aliases = constant(array_of(obj, dtype, shares=not copy)), False
    wanted = result.dtype if dtype is None else dtypes.of_argument(dtype)
    if copy is False and wanted is not result.dtype:
        raise ValueError(located(f"can't alias tensor with dtype '{result.dtype}' into dtype '{wanted}'."))
    result = placed(converted(result, wanted, copy=bool(copy) and aliases), device)
    if requires_grad is None:
        return result
    return result.detach().requires_grad_(requires_grad) if requires_grad != result.requires_grad else result


def _is_buffer(obj: Any) -> bool:
    try:
        memoryview(obj)
    except TypeError:
        return False
    return True


@function("torch")
def from_numpy(ndarray: np.ndarray[Any, Any]) -> Tensor:
    """A tensor on the memory of `ndarray`: a change of one shows in the other.

    Shape: that of `ndarray`.

    Raises:
        TypeError: for anything but an array.

    >>> import numpy as np
    >>> a = np.zeros(2)
    >>> x = torch.from_numpy(a)
    >>> a[0] = 1
    >>> x
    tensor([1., 0.], dtype=torch.float64)
    """
    if ndarray.__class__ is np.ndarray and ndarray.flags.carray and ndarray.dtype in dtypes._BY_NUMPY:
        return constant(on_buffer(ndarray))  # as a rule
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(located(f"expected np.ndarray (got {type(ndarray).__name__})"))
    if not ndarray.flags.writeable:
        warn_once(f"The given NumPy array is not writable: {READ_ONLY}")
    return constant(on_buffer(native_array(ndarray)))


@function("torch")
def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """A one-dimensional tensor on the memory of a Python buffer."""
    kind = numpy_dtype(dtype)
    try:
        size = memoryview(buffer).nbytes
    except TypeError:
        raise ValueError(located("object does not implement Python buffer protocol.")) from None
    if not size or not count:
        raise ValueError(located(f"both buffer length ({size}) and count ({count}) must not be 0"))
    if not 0 <= offset < size:
        raise ValueError(located(f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({size} bytes) - 1"))
    if count > 0 and offset + count * kind.itemsize > size:
        raise ValueError(
            located(
                f"requested buffer length ({count} * {kind.itemsize} bytes) after offset ({offset} bytes) must not be"
                f" greater than actual buffer length ({size} bytes)"
            )
        )
    if count < 0 and (size - offset) % kind.itemsize:
        length = f"buffer length ({size - offset} bytes) after offset ({offset} bytes)"
        raise ValueError(located(f"{length} must be a multiple of element size ({kind.itemsize})"))
    if memoryview(buffer).readonly:
        warn_once(f"The given buffer is not writable: {READ_ONLY}")
    result = wrap(on_buffer(np.frombuffer(buffer, kind, count, offset)))
    return result.requires_grad_() if requires_grad else result


@function("torch")
def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor on the memory of an object with `__dlpack__`, or of a DLPack capsule."""
    devices.require_cpu(device)
    return constant(imported(ext_tensor, copy))


@function("torch")
def to_dlpack(tensor: Tensor) -> Any:
    """A DLPack capsule of the tensor's memory."""
    return tensor.__dlpack__()  # type: ignore[attr-defined]


# Filled


@factory
def zeros(*size: Any, dtype: Any = None) -> Any:
    """Zeros of shape `size`, which may be numbers or one tuple; float32 unless `dtype` is given.

    Args:
        size: the sizes, as numbers or as one tuple.

    Shape: `size`.

    >>> torch.zeros(2, 3).shape, torch.zeros((2,), dtype=torch.int64)
    (torch.Size([2, 3]), tensor([0, 0]))
    """
    return np.zeros(_sizes(size), numpy_dtype(dtype))


@factory
def ones(*size: Any, dtype: Any = None) -> Any:
    """Ones of shape `size`, which may be numbers or one tuple; float32 unless `dtype` is given.

    Args:
        size: the sizes, as numbers or as one tuple.

    Shape: `size`.

    >>> torch.ones(2, 2)
    tensor([[1., 1.],
            [1., 1.]])
    """
    return np.ones(_sizes(size), numpy_dtype(dtype))


@factory
def empty(*size: Any, dtype: Any = None) -> Any:
    """Memory of shape `size` as it comes, not initialised; float32 unless `dtype` is given.

    Args:
        size: the sizes, as numbers or as one tuple.

    Shape: `size`.

    >>> torch.empty(2, 3).shape
    torch.Size([2, 3])
    """
    return np.empty(_sizes(size), numpy_dtype(dtype))


@factory
def full(size: Any, fill_value: Any, *, dtype: Any = None) -> Any:
    """`fill_value` in every element of shape `size`; its type decides the dtype.

    Args:
        size: a tuple.
        fill_value: the number.

    Shape: `size`.

    >>> torch.full((2, 2), 7)
    tensor([[7, 7],
            [7, 7]])
    """
    if not isinstance(size, (tuple, list)):
        raise TypeError(located(f"full(): argument 'size' (position 1) must be tuple of ints, not {type(size).__name__}"))
    value = plain_number(fill_value, "full()")
    kind = numpy_dtype(dtypes.of_number(value) if dtype is None else dtype)
    return np.full(_sizes((size,)), scalar(value, kind, "full()"), kind)


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
    like.__doc__ = f"""As `{name}`, with the shape, dtype and order in memory of `input`.

    Shape: that of `input`.

    >>> torch.{name}_like(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
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
    """`fill_value` everywhere, with the shape, dtype and order in memory of `input`.

    Shape: that of `input`.

    >>> torch.full_like(torch.zeros(2), 7)
    tensor([7., 7.])
    """
    kind = input._array.dtype if dtype is None else numpy_dtype(dtype)
    return filled_like(input, scalar(fill_value, kind, "full_like()"), dtype)


@factory
def eye(n: int, m: int | None = None, *, dtype: Any = None) -> Any:
    """The identity matrix, n by m; square if `m` is left out.

    Args:
        n: the number of rows.
        m: the number of columns.

    Shape: (n, m).

    >>> torch.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    return np.eye(n, m, dtype=numpy_dtype(dtype))


@factory
def arange(start: Any = None, end: Any = None, step: Any = 1, *, dtype: Any = None) -> Any:
    """Numbers from `start` (0 if left out) up to but without `end`, `step` apart; int64 if all three are whole numbers.

    Args:
        start: the first number.
        end: the bound, which is not reached.
        step: the distance; negative to count down.

    Shape: (ceil((end - start) / step),).

    Raises:
        RuntimeError: `step` is 0, or leads away from `end`.

    >>> torch.arange(1, 2.5, 0.5)
    tensor([1.0000, 1.5000, 2.0000])
    """
    if start is None and end is None:
        raise TypeError(located("arange() missing 1 required argument: 'end'"))
    start, end = (0, start) if end is None else (start or 0, end)
    start, end, step = (v.item() if isinstance(v, (Tensor, np.generic)) else v for v in (start, end, step))
    for name, v in (("start", start), ("end", end), ("step", step)):
        if not isinstance(v, (int, float, complex)):
            raise TypeError(located(f"arange(): argument '{name}' must be Number, not {type(v).__name__}"))
    if any(isinstance(v, complex) for v in (start, end, step)):
        raise RuntimeError(located("arange(): a complex value cannot be converted to type double without overflow"))
    if step == 0:
        raise RuntimeError(located("step must be nonzero"))
    if (end - start) * step < 0:
        raise RuntimeError(located(f"upper bound and lower bound inconsistent with step sign: arange({start}, {end}, {step})"))
    integers = all(isinstance(v, int) for v in (start, end, step))
    kind = numpy_dtype(dtype or (dtypes.int64 if integers else None))
    if kind.kind in "bc":
        raise NotImplementedError(located(f"\"arange_cpu\" not implemented for '{LEGACY_NAMES[dtypes.from_numpy(kind).name]}'"))
    if not (integers or (np.isfinite(start) and np.isfinite(end))):
        raise RuntimeError(located(f"unsupported range: {start} -> {end}"))
    whole = kind.kind in "iu"
    first, last, apart = (int(v) for v in (start, end, step)) if whole else (start, end, step)
    if apart == 0:
        raise ValueError(located("step must be nonzero"))
    if kind == np.int64 or (integers and whole):
        count = max(-((first - last) // apart), 0)
    else:
        size = np.ceil((float(end) - float(start)) / float(step))
        if not size < 2**63:
            raise RuntimeError(located("invalid size, possible overflow?"))
        count = max(int(size), 0)
    if whole:
        return np.arange(first, first + count * apart, apart).astype(kind, copy=False)
    return (first + np.arange(count, dtype=np.float64) * apart).astype(kind)


@factory
def range(start: Any, end: Any, step: Any = 1, *, dtype: Any = None) -> Any:
    """Numbers from `start` to `end` included, `step` apart."""
    warn_once("torch.range is deprecated, as its end is included: use torch.arange, which gives values in [start, end)")
    return (start + np.arange(int((end - start) / step) + 1) * step).astype(numpy_dtype(dtype))


def _bound(given: Any) -> Any:
    """The number at an end of a ramp; of a tensor without memory any."""
    if not isinstance(given, Tensor):
        return given
    return given._array.dtype.type(1).item() if given.is_meta else given.item()


@factory
def linspace(start: Any, end: Any, steps: int, *, dtype: Any = None) -> Any:
    """`steps` numbers evenly spaced from `start` to `end`, both included.

    Args:
        start: the first number.
        end: the last number.
        steps: how many there are.

    Shape: (steps,).

    >>> torch.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    start, end = map(_bound, (start, end))
    kind = _ramp_dtype("linspace", numpy_dtype(dtype or (dtypes.of_number(1j) if isinstance(start + end, complex) else None)), steps)
    if kind.kind in "iu":
        start, end = element(start, kind).item(), element(end, kind).item()
        if steps == 1:
            return np.full(1, start, kind)
        step = (end - start) / (steps - 1) if steps else 0
        return np.where(np.arange(steps) < steps // 2, start + step * np.arange(steps), end - step * np.arange(steps)[::-1]).astype(kind)
    return np.linspace(start, end, steps, dtype=np.complex128 if kind.kind == "c" else np.float64).astype(kind)


@factory
def logspace(start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: Any = None) -> Any:
    """`steps` numbers from base**start to base**end, evenly spaced on a logarithmic scale."""
    start, end = map(_bound, (start, end))
    kind = _ramp_dtype("logspace", numpy_dtype(dtype), steps)
    if kind.kind in "iu":
        start, end = element(start, kind).item(), element(end, kind).item()
    return np.power(float(base), np.linspace(start, end, steps)).astype(kind)


# Methods that make a tensor like this one


def _new_form(name: str) -> None:
    maker = globals()[name]

    def new_form(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        kwargs["dtype"] = kwargs.get("dtype") or self.dtype
        kwargs["device"] = self.device if kwargs.get("device") is None else kwargs["device"]
        made = maker(*args, **kwargs)
        if lifted.alive:
            made._array = lifted.alike(self._array, made._array)
        return made

    new_form.__name__ = new_form.__qualname__ = "new_" + name
    new_form.__doc__ = f"As `{name}`, with this tensor's dtype."
    first = {"full": "size: Sequence[int], fill_value, *", "tensor": "data: Any, *"}.get(name, "*size")
    function("Tensor", form=f"(self, {first}, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False)")(new_form)


for _name in ("zeros", "ones", "empty", "full", "tensor"):
    _new_form(_name)


@function("Tensor", form="(self, *args, device=None)")
def new(self: Tensor, *args: Any, size: Any = None, other: Any = None, device: Any = None) -> Tensor:
    """A tensor of this dtype from sizes or data."""
    args = tuple(size) if size is not None else (other,) if other is not None else args
    return converted(construct(Tensor, *args, device=device), self.dtype)


# The legacy constructor


def construct(cls: Any = Tensor, *args: Any, device: Any = None, dtype: Any = None, **named: Any) -> Tensor:
    """`Tensor(2, 3)` is uninitialised, `Tensor([...])` has the data, in the default dtype; memory is shared where it can be."""
    if watching.watcher is not None:
        return watching.watcher.function(construct, args, named, functools.partial(_construct, cls, device, dtype))  # type: ignore[no-any-return]
    return _construct(cls, device, dtype, *args, **named)


def _construct(cls: Any, device: Any, dtype: Any, *args: Any, **named: Any) -> Tensor:
    devices.require_cpu(device)
    for name in ("data", "other", "size"):
        if name in named and not args and len(named) == 1:
            args = (Size(as_shape((named.pop(name),))),) if name == "size" else (named.pop(name),)
    if named:
        raise TypeError(located(f"new() got an unexpected keyword argument '{next(iter(named))}'"))
    array = _constructed(args, dtype)
    announce(array)
    if cls is not Tensor:
        override.made(cls)
    tensor = _new(cls)
    tensor._array = array
    tensor._node = tensor._cut = None
    tensor._view = unordered(array)
    return tensor


def _constructed(args: tuple[Any, ...], dtype: Any) -> np.ndarray[Any, Any]:
    """The array meant by the arguments of a legacy constructor; of a Tensor without `dtype` any will do."""
    kind = numpy_dtype(dtype)
    if len(args) != 1:
        if any(isinstance(n, bool) or not hasattr(n, "__index__") for n in args):
            kinds = ", ".join(type(n).__name__ for n in args)
            raise TypeError(located(f"new() received an invalid combination of arguments - got ({kinds})"))
        return np.empty(_sizes(args) if args else 0, kind)
    (data,) = args
    if isinstance(data, Tensor):
        if dtype is not None and data._array.dtype != kind:
            raise TypeError(located(f"expected a tensor of dtype {dtypes.from_numpy(kind)}, got {data.dtype}: use to() to convert it"))
        return data._array
    if isinstance(data, Size):
        return np.empty(_sizes(tuple(data)), kind)
    if isinstance(data, (str, bytes)) or is_sequence(data):
        return array_of(data, dtypes.from_numpy(kind), shares=True)
    if isinstance(data, (bool, np.bool_)) or not hasattr(data, "__index__"):
        raise TypeError(located(f"new(): data must be a sequence (got {type(data).__name__})"))
    return np.empty(_sizes((data,)), kind)


Tensor._construct = classmethod(construct)


class LegacyType(TensorMeta):
    """The type of `FloatTensor` and its relatives: they construct, and `isinstance` asks for the dtype."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype and instance.layout is strided  # type: ignore[attr-defined]


def _legacy(name: str, dtype: dtypes.dtype) -> Any:
    def new(cls: Any, *args: Any, device: Any = None, **named: Any) -> Tensor:
        return construct(Tensor, *args, device=device, dtype=dtype, **named)

    namespace = {"__new__": new, "dtype": dtype, "legacy_name": f"torch.{name}Tensor", "__slots__": (), "__module__": "pedigrad"}
    return LegacyType(name + "Tensor", (Tensor,), namespace)


LEGACY_TYPES = {f"{name}Tensor": _legacy(name, dtypes.named(d)) for d, name in LEGACY_NAMES.items()}

__all__ = ["LEGACY_TYPES", "as_tensor", "from_dlpack", "from_numpy", "strided", "tensor"]
