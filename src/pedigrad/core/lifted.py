"""Lifted arrays: what stands in a Tensor for an array while `vmap` or a forward derivative runs.

A lifted array is made of arrays of the level outside it: of a whole batch of samples, or of a value and its tangent. It has the shape
of a sample, or of the value, so a program sees nothing of it. Its `Level` says what an operation does with such arrays. Levels are nested:
of several among the operands the youngest decides, and the arrays of the others are constants to it.

The parts have no history. That of a lifted Tensor is its own node, in the one graph that there is, so a gradient rule that meets lifted
arrays computes with lifted arrays, and what `vmap` and forward derivatives are to a program they are to its gradient.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from . import modes
from .origin import located
from .storage import storage_of

alive = 0  # how many levels there are: while there is one, operations take the long way
PATIENT = 16  # times that nothing can be done before it is looked whether the levels are anybody's
_asked = 0  # how often that was since a level began


def _count(change: int) -> None:
    global alive, _asked
    alive += change
    _asked = _asked if change < 0 else 0
    modes.need_long_way(change)


def stay() -> bool:
    """Whether there still are levels. An error's traceback or another cycle may keep some that have ended: Python looks for cycles once,
    when this has been asked several times and no `vmap` runs."""
    global _asked
    if modes.settings.batches:
        return True
    _asked += 1
    if _asked == PATIENT:
        gc.collect()
    return alive > 0


class Level:
    """One run of `vmap`, or one derivative: what operations do with its arrays. It lives as long as an array of it does."""

    __slots__ = ("__weakref__", "begin")
    follows_hidden: ClassVar[bool] = False  # whether hidden outputs have to be computed again to be arrays of the level

    def __init__(self) -> None:
        self.begin = next(modes.clock)  # nodes that are older are outside of it
        _count(+1)

    def __del__(self) -> None:
        _count(-1)

    def run(self, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> tuple[Any, ...]:
        """What `op` returns for operands that are arrays of this level, of those outside it, or numbers."""
        raise NotImplementedError

    def overwrite(self, here: Lifted, new: Any) -> None:
        """Put the elements of `new`, an array of this level or outside it, into `here`."""
        raise NotImplementedError

    def holding(self, array: Any, own: bool = False) -> Lifted:
        """An array of the levels outside as one of this level, which an array of it is to be written into; `own` says that no tensor
        of the program is on it, so that it may be copied."""
        raise NotImplementedError

    def holding_parts(self, here: Lifted, new: Any, own: bool) -> Lifted:
        """An array of this level with parts that can hold those of `new`; `here` itself if its own can."""
        raise NotImplementedError

    def alike(self, model: Lifted, array: Any) -> Any:
        """An ordinary array of a sample's shape, as one whose samples can be written to where `model` has several."""
        raise NotImplementedError

    def lowered(self, g: Any) -> Any:
        """The gradient of what is outside the level, given that of what it stands for within: Tensors, or arrays."""
        raise NotImplementedError


class Lifted(NDArrayOperatorsMixin):  # type: ignore[misc]
    """An array of a level: to look at an array, to compute with a Tensor on it."""

    __slots__ = ("dtype", "level", "shape")
    level: Level
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def parts(self) -> tuple[Any, ...]:
        """The arrays of the level outside that it is made of."""
        raise NotImplementedError

    def lying(self) -> Any:
        """An array that lies in memory as this one does."""
        raise NotImplementedError

    def __repr__(self) -> str:
        raise NotImplementedError

    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: int(np.prod(self.shape, dtype=np.int64)))
    itemsize = property(lambda self: self.dtype.itemsize)
    nbytes = property(lambda self: self.size * self.dtype.itemsize)
    flags = property(lambda self: self.lying().flags)
    strides = property(lambda self: self.lying().strides)
    base = property(lambda self: storage_of(self.lying()))
    T = property(lambda self: np.transpose(self))
    real = property(lambda self: np.real(self) if self.dtype.kind == "c" else self)
    imag = property(lambda self: np.imag(self))

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        return getitem(self, key)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        for value in inputs:
            if hasattr(value.__class__, "_array"):
                return NotImplemented  # a Tensor does it, which has a history
        return _called(ufunc if method == "__call__" else (ufunc, method), inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        for kind in types:
            if hasattr(kind, "_numpy_functions"):
                return NotImplemented
        if function is np.copyto:
            return overwrite(*args, **kwargs)
        if function in (np.may_share_memory, np.shares_memory):
            return function(*(x.lying() if isinstance(x, Lifted) else x for x in args[:2]))
        return _called(function, args, kwargs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise RuntimeError(located(f"NumPy cannot be given the elements of {self.described()}"))

    def described(self) -> str:
        """What it is, for errors."""
        raise NotImplementedError

    def whole(self) -> Any:
        """The ordinary array that its elements are in, with those of all samples."""
        array = self.parts()[0]
        return array.whole() if isinstance(array, Lifted) else array

    def detached(self) -> Any:
        """The same without tangents."""
        raise NotImplementedError

    def settled(self) -> Any:
        """What is left of it when its level has ended; itself as long as that runs."""
        return self

    def item(self) -> Any:
        """Its only element."""
        raise NotImplementedError

    def __bool__(self) -> bool:
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        if name in ASKED or name.startswith("__"):
            raise AttributeError(name)
        raise _NoSuch(located(f"`.{name}` of an array is wanted, which {self.described()} has not"))

    # Methods that forwards use

    def astype(self, dtype: Any, copy: bool = True, casting: str = "unsafe") -> Any:
        return self if not copy and np.dtype(dtype) == self.dtype else np.astype(self, np.dtype(dtype))  # type: ignore[call-overload]

    def reshape(self, *shape: Any) -> Any:
        return np.reshape(self, shape[0] if len(shape) == 1 else shape)  # type: ignore[call-overload]

    def transpose(self, *order: Any) -> Any:
        return np.transpose(self, (order[0] if len(order) == 1 else order) or None)  # type: ignore[arg-type]

    def swapaxes(self, one: int, other: int) -> Any:
        return np.swapaxes(self, one, other)  # type: ignore[call-overload]

    def copy(self, order: str = "C") -> Any:
        return np.copy(self)  # type: ignore[call-overload]

    def sum(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        return np.sum(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def mean(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        return np.mean(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def max(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        return np.max(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def any(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        return np.any(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def all(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        return np.all(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]


def _operator(ufunc: Any) -> Any:
    """The operator of a lifted array that does what a function of NumPy does, without asking it."""

    def applied(self: Lifted, *other: Any) -> Any:
        return NotImplemented if other and hasattr(other[0].__class__, "_array") else _called(ufunc, (self, *other), {})

    return applied


for _name, _ufunc in {"add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide, "neg": np.negative}.items():
    setattr(Lifted, f"__{_name}__", _operator(_ufunc))

ASKED = frozenset(("_trace", "array", "_array", "detach", "requires_grad"))  # what other kinds of arrays have


class _NoSuch(RuntimeError, AttributeError):
    """What arrays have and lifted ones do not; what only asks whether they have it is answered as usual."""


functions: dict[Any, Any] = {}  # NumPy's functions -> what does the same to Tensors; `core/dispatch.py` puts the table here
also: dict[Any, Any] = {}  # further ones, of which Tensors without gradients leave to NumPy; `ops/numpy_table.py` has them
computed: Any = None  # runs a function of Tensors on arrays; the same
getitem: Any = None  # what an index selects of a lifted array; `ops/shape/index.py` puts it here


def _called(key: Any, args: Any, options: Any) -> Any:
    """What a NumPy function gives for lifted arrays: what the operation that stands for it gives for Tensors on them."""
    function = functions.get(key) or also.get(key)
    if function is None or options.get("out") is not None or options.get("where", True) is not True:
        name = key[0].__name__ + "." + key[1] if isinstance(key, tuple) else key.__name__
        raise NotImplementedError(f"np.{name}() on lifted arrays")
    return computed(function, args, options)


ARRAYS: Any = (np.ndarray, Lifted)  # what the array of a Tensor may be


def levels_of(array: Any) -> set[Level]:
    """The levels that an array is of, one within the other."""
    return {array.level}.union(*map(levels_of, array.parts())) if isinstance(array, Lifted) else set()


def whole(value: Any) -> Any:
    """The same with ordinary arrays of all samples in the place of lifted ones, and of Tensors on such."""
    if value.__class__ in (tuple, list):
        return value.__class__(map(whole, value))
    array = getattr(value, "_array", value)
    return array.whole() if isinstance(array, Lifted) else value


def highest(values: Iterable[Any]) -> Level | None:
    """The youngest level that one of the arrays is of; None if they are ordinary ones."""
    found: Level | None = None
    for value in values:
        if isinstance(value, Lifted) and (found is None or value.level.begin > found.begin):
            found = value.level
    return found


def form(array: Any) -> Any:
    """Of which levels an array and its parts are."""
    return (array.level, *map(form, array.parts())) if isinstance(array, Lifted) else None


def holding(here: Any, new: Any, own: bool = False) -> Any:
    """An array of the elements of `here` that `new` can be written into; `here` itself if it can hold it as it is."""
    level = highest((here, new))
    if level is None:
        return here
    if not isinstance(here, Lifted) or here.level is not level:
        here = level.holding(here, own)
    return level.holding_parts(here, new, own)


def alike(model: Any, array: Any) -> Any:
    """A new array, with elements for each sample where `model` has several."""
    return model.level.alike(model, array) if isinstance(model, Lifted) else array


def overwrite(here: Any, new: Any, casting: str = "same_kind") -> None:
    """Put the elements of an array into another, where one of them is lifted."""
    level = highest((here, new))
    assert level is not None
    if not isinstance(here, Lifted) or here.level is not level:
        raise RuntimeError(located(f"{new.described()} cannot be written into what is the same for all samples"))
    level.overwrite(here, new)
