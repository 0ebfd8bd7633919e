"""Indexing: `x[...]` and `x[...] = y` with everything that PyTorch allows between the brackets.

An index has two parts. The *basic* one (slices, ints, None, Ellipsis) selects a view; the *advanced* one (tensors, arrays and
lists of integers or booleans) then picks elements of that view, where each stands for a dimension, or a mask for as many as it
has. PyTorch takes the two steps one after the other, and so do we: NumPy, which takes them at once, puts the dimensions of
the result elsewhere when an int stands beside an array.

An advanced index is written here as `places`, one flag per dimension of the view up to the last indexed one (True: the next
index array stands there), and up to eight index arrays.
"""

from __future__ import annotations

import math
import operator
from types import EllipsisType, NoneType
from typing import Any

import numpy as np

from ...core import dtypes, inplace, lifted, meta, modes
from ...core.data import element
from ...core.declare import composite, function
from ...core.dispatch import check_overlap, computed, is_recorded, record
from ...core.history import refresh
from ...core.inplace import check_writable, note_change, rebase
from ...core.layout import arranged, broadcast_strides, order_of, refuse_overlap
from ...core.origin import located, warn_once
from ...core.quiet import astype
from ...core.tensor import Tensor, constant, wrap
from ...core.traces import trim
from ...eager import native
from ..xp import broadcast_to, zeros
from .region import ALL, part, region_in_zeros, replace_region, select, too_many
from .view import reshaped

MOST = 8  # index arrays at once
FEW = 256  # elements up to which the simple form of np.add.at is the fastest
SEQUENCES = (list, tuple, np.ndarray, Tensor, slice, NoneType, EllipsisType)


def _rows(rng):
    return np.array([2, 0, -2, 1])


def _distinct_rows(rng):
    return np.array([2, -4, 1])


PUT = ((3, 2), (4, 2), _rows, *(None,) * 7, None, (True,))


def where(places, indices):
    """The tuple to index an array with."""
    rest = iter(indices)
    return tuple(next(rest) if there else ALL for there in places)


def shown(x, basic):
    """The view that the basic part of an index selects."""
    return x if basic is None else x[basic]


def add_at(out, at, values):
    """Add `values` to `out[at]`, an element that is shown several times as often as that; `out` is contiguous."""
    advanced = [k for k, a in enumerate(at) if a is not ALL]
    adjacent = advanced and advanced[-1] - advanced[0] + 1 == len(advanced)
    if any(a is not ALL and a.dtype == bool for a in at):
        if len(advanced) == 1:
            out[at] += values
        else:
            np.add.at(out, at, values)
    elif not adjacent or not out.flags.c_contiguous or out.dtype.kind == "V" or values.size <= FEW or out.__class__ is not np.ndarray:
        np.add.at(out, at, values)
    else:
        first, last = advanced[0], advanced[-1] + 1
        rows = tuple(_counted(at[k], out.shape[k], k) for k in advanced)
        rows = rows[0] if len(rows) == 1 else np.ravel_multi_index(rows, out.shape[first:last], "wrap")
        lead, rows_of_all = out.shape[:first], math.prod(out.shape[first:last])
        inner = math.prod(out.shape[last:])
        if not lead and native.add_rows(
            out.reshape(rows_of_all, inner), rows.reshape(-1), broadcast_to(values, rows.shape + out.shape[last:]).reshape(-1, inner)
        ):
            return
        # On flat integers NumPy is ten times faster than on rows.
        outer = np.arange(math.prod(lead)).reshape(lead + (1,) * (rows.ndim + 1))
        flat = (outer * rows_of_all + rows[..., None]) * inner + np.arange(inner)
        values = broadcast_to(values, lead + rows.shape + out.shape[last:])
        np.add.at(out.reshape(-1), flat.reshape(-1), values.reshape(-1))


def _counted(index, size, dim):
    """`index` as NumPy takes it; IndexError if it is beyond `size`."""
    low, high = (index.min(), index.max()) if index.size else (0, -1)
    if low < -size or high >= size:
        raise IndexError(f"index {low if low < -size else high} is out of bounds for dimension {dim} with size {size}")
    if low >= 0:
        return index
    return np.where(index < 0, index + size, index)


def _order(shape, arrays, attributes):
    """`picked_order` for the operands and attributes of `index`; its forward has seen to it, but for a recorder."""
    basic, places = attributes
    return picked_order(shown(arrays[0], basic), shape, places, [a for a in arrays[1:] if a is not None])


@composite(
    wide="rules",
    layout=_order,
    places="",
    out="own",
    samples=[((4, 3), lambda rng: rng.integers(-4, 4, (5,)), None, None, None, None, None, None, None, None, (True,))],
)
def index(x, i, j=None, k=None, l=None, m=None, n=None, o=None, p=None, /, basic=None, places=(True,)):  # noqa: E741
    """The elements of the view `x[basic]` that the index arrays pick."""
    indices = (i, j, k, l, m, n, o, p)
    source = shown(x, basic)
    out = source[where(places, indices)]
    if out.__class__ is not np.ndarray or out.ndim < 2:
        return out
    return arranged(out, picked_order(source, out.shape, places, [a for a in indices if a is not None]))


def unfit_mask(region: Any, at: Any) -> str:
    """What is wrong with a mask of another shape than what it is to pick of; empty if there is none."""
    dim = 0
    for entry in at if isinstance(at, tuple) else (at,):
        mask = getattr(entry, "_array", entry)
        if isinstance(mask, np.ndarray) and mask.dtype == bool:
            for i, size in enumerate(mask.shape):
                if dim + i >= region.ndim or size != region.shape[dim + i]:
                    shapes = f"mask {list(mask.shape)} at index {i} does not match the shape of the indexed tensor {list(region.shape)}"
                    return f"The shape of the {shapes} at index {dim + i}"
            dim += mask.ndim
        elif entry is not None:
            dim += 1
    return ""


def _misfit(x: Any, *indices: Any, basic: Any = None, places: Any = (True,)) -> str | None:
    """What is wrong with an index that NumPy refused, if it is a mask or a number of dimensions."""
    if basic is not None and (said := too_many(x, basic)):
        return said
    return unfit_mask(shown(x, basic), where(places, indices)) or None


index.op.mistake = _misfit


def picked_order(source, shape, places, used):
    """In which order the dimensions of `source[index]` lie: the others as in `source`, the indexed ones as in the index arrays."""
    if source.flags.c_contiguous and all(a.flags.c_contiguous for a in used):
        return None
    sizes = [(a.ndim if a.dtype.kind == "b" else 1) for a in used]
    rest = iter(sizes)
    dims = [next(rest) if there else 0 for there in places]  # how many dimensions each place takes, 0: it is not indexed
    first = places.index(True)
    last = len(places) - 1 - places[::-1].index(True)
    kept, at = [], 0
    for taken in dims:
        kept += [] if taken else [at]
        at += taken or 1
    kept += range(at, source.ndim)
    new = len(shape) - len(kept)
    before = first if all(places[first : last + 1]) else 0
    strides = [source.strides[d] for d in kept]
    steps = [[*strides[:before], *[0] * new, *strides[before:]]]
    steps += [_steps_beside(a, shape, before, new) for a in used]
    return order_of(shape, steps)


def _steps_beside(a, shape, before, new):
    """The strides of an index array along the dimensions of the result, of which `new` from `before` on are its own.

    Along dimensions of one element it counts as an array with as many dimensions of size 1, as PyTorch has it.
    """
    own = (0,) * (new - 1) + (a.itemsize,) if a.dtype.kind == "b" or not a.ndim else broadcast_strides(a, shape[before : before + new])
    around = [(own[0] * shape[before], n) for n in shape[:before]], [(own[-1], n) for n in shape[before + new :]]
    left, right = ([step if n == 1 else 0 for step, n in each] for each in around)
    return [*left, *own, *right]


@index.grad("x")
def _(g, x_shape, i, j, k, l, m, n, o, p, basic, places):  # noqa: E741
    return index_in_zeros(g, i, j, k, l, m, n, o, p, x_shape, basic, places)


@composite(
    places="", samples=[((4,), _rows, *(None,) * 7, (3, 2), (..., 1), (True,)), ((2, 4), _rows, *(None,) * 7, (2, 3), None, (False, True))]
)
def index_in_zeros(x, i, j=None, k=None, l=None, m=None, n=None, o=None, p=None, /, shape=(), basic=None, places=(True,)):  # noqa: E741
    """Zeros of `shape` with the elements of `x` added where `index` takes them from."""
    out = zeros(x, shape)
    add_at(shown(out, basic), where(places, (i, j, k, l, m, n, o, p)), x)
    return out


@index_in_zeros.grad("x")
def _(g, i, j, k, l, m, n, o, p, basic, places):  # noqa: E741
    return index(g, i, j, k, l, m, n, o, p, basic, places)


@composite(
    name="_index_put",
    places="",
    layout="like",
    node="IndexPutBackward0",
    samples=[((4, 2), (3, 2), _distinct_rows, *PUT[3:], False), (*PUT, True)],
)
def put_at(x, y, i, j=None, k=None, l=None, m=None, n=None, o=None, p=None, /, basic=None, places=(True,), accumulate=False):  # noqa: E741
    """A copy of `x` with `y` written (or added) where the index arrays point in the view `x[basic]`."""
    out = np.copy(x, order="C")
    at = where(places, (i, j, k, l, m, n, o, p))
    if accumulate:
        add_at(shown(out, basic), at, astype(y, out.dtype, copy=False))
    else:
        shown(out, basic)[at] = y
    return out


@put_at.grad("x")
def _(g, x_dtype, i, j, k, l, m, n, o, p, basic, places, accumulate):  # noqa: E741
    if accumulate:
        return g
    return put_at(g, np.zeros((), x_dtype), i, j, k, l, m, n, o, p, basic, places)


@put_at.grad("y")
def _(g, y_shape, i, j, k, l, m, n, o, p, basic, places):  # noqa: E741
    taken = index(g, i, j, k, l, m, n, o, p, basic, places)
    extra = len(y_shape) - taken.ndim
    return reshaped(taken, (1,) * extra + tuple(taken.shape)) if extra > 0 else taken


# What stands between the brackets


def _is_tuple(entries: list[Any]) -> bool:
    """Whether a list in brackets means a tuple, as it does if something in it is more than a number."""
    return any(isinstance(e, SEQUENCES) for e in entries) and len(entries) < 32


def _index_array(entry: Any) -> Any:
    """`entry` as an index array; IndexError for what is none."""
    array = entry._array if isinstance(entry, Tensor) else np.asarray(entry)
    if array.size == 0 and not isinstance(entry, (Tensor, np.ndarray)):
        array = array.astype(np.int64)
    kind = array.dtype.kind
    if array.dtype == np.uint8:
        warn_once("indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead")
        return wrap(array.astype(bool))
    if kind != "b" and array.dtype not in (np.int64, np.int32):
        if not isinstance(entry, (Tensor, np.ndarray)) and not array.ndim and kind not in "iu":
            return _int(entry)  # which says what may stand there
        if isinstance(entry, (Tensor, np.ndarray)) or kind not in "iu":
            raise IndexError(located("tensors used as indices must be long, int, byte or bool tensors, got " + str(array.dtype)))
        array = array.astype(np.int64)
    return entry if isinstance(entry, Tensor) else wrap(array)


def _slice(entry: slice) -> slice:
    start, stop, step = (v if v is None or v.__class__ is int else v.__index__() for v in (entry.start, entry.stop, entry.step))
    if step is not None and step <= 0:
        raise ValueError(located("step must be greater than zero"))
    return slice(start, stop, step)


def _differs(entry: Any) -> bool:
    """Whether an index is another number in each sample of a batch."""
    return isinstance(entry, Tensor) and isinstance(entry._array, lifted.Lifted)


def _dims_used(entry: Any) -> int:
    if entry is None or entry is Ellipsis or entry.__class__ is bool:
        return 0
    if isinstance(entry, (Tensor, np.ndarray)):
        return entry.ndim if entry.dtype in (np.bool_, dtypes.bool_, np.uint8, dtypes.uint8) else 1
    return 1


def parsed(index: Any, ndim: int) -> tuple[tuple[Any, ...] | None, tuple[bool, ...], list[Tensor]]:
    """The basic part of an index (None: nothing to do), and the places and arrays of its advanced part."""
    if isinstance(index, Tensor) and index._array.dtype.kind in "bi" and 0 < _dims_used(index) <= ndim and index._array.ndim:
        return None, (True,), [_index_array(index)]
    if isinstance(index, list) and _is_tuple(index):
        index = tuple(index)
    entries = index if isinstance(index, tuple) else (index,)
    used = 0
    for entry in entries:
        used += _dims_used(entry)
    if used > ndim:
        raise IndexError(located(f"too many indices for tensor of dimension {ndim}: {used} were given"))
    basic: list[Any] = []
    places: list[bool] = []
    arrays: list[Tensor] = []
    for entry in entries:
        kind = entry.__class__
        if kind is slice:
            basic.append(_slice(entry))
            places.append(False)
        elif entry is None:
            basic.append(None)
            places.append(False)
        elif entry is Ellipsis:
            basic += [ALL] * (ndim - used)
            places += [False] * (ndim - used)
            ndim = used  # a second Ellipsis stands for nothing
        elif kind is bool or (getattr(entry, "ndim", 1) == 0 and _dims_used(entry) == 0):
            basic.append(None)
            places.append(True)
            arrays.append(constant(np.zeros(1 if entry else 0, np.int64)))
        elif hasattr(entry, "__index__") and getattr(entry, "ndim", 0) == 0 and not _differs(entry):
            basic.append(_int(entry))
        else:
            array = _index_array(entry)
            basic += [ALL] * _dims_used(array)
            places.append(True)
            arrays.append(array)
    if len(arrays) > MOST:
        raise IndexError(located(f"an index may hold {MOST} tensors at most, this one has {len(arrays)}"))
    trivial = bool(arrays) and all(e.__class__ is slice and e == ALL for e in basic)
    return None if trivial else (*basic, ...), tuple(places), arrays


def _int(entry: Any) -> int:
    try:
        return operator.index(entry)
    except TypeError:
        message = "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices"
        raise IndexError(located(f"{message} (got {type(entry).__name__})")) from None


def _is_basic(index: tuple[Any, ...]) -> bool:
    """Whether a tuple holds ints, None, Ellipsis and plain slices only: the short way."""
    dots = False
    for entry in index:
        kind = entry.__class__
        if kind is slice:
            if entry.step is not None:
                return False
        elif entry is Ellipsis:
            if dots:
                return False  # NumPy takes one only
            dots = True
        elif kind is not int and entry is not None:
            return False
    return True


def getitem(self: Tensor, index_: Any) -> Tensor:
    """What `self[index]` selects: a view if the index is basic, else a copy."""
    kind = index_.__class__
    if kind is int:
        if self._array.ndim == 0:
            raise IndexError(located("invalid index of a 0-dim tensor. Use `tensor.item()` to convert a 0-dim tensor to a number"))
        return select(self, 0, index_)
    if kind is slice and index_.step is None:
        return part(self, (index_,))
    if kind is tuple and _is_basic(index_):
        return part(self, index_ if Ellipsis in index_ else (*index_, ...))
    basic, places, arrays = parsed(index_, self._array.ndim)
    if not arrays:
        return part(self, basic)
    return index(self, *arrays, *(None,) * (MOST - len(arrays)), basic, places)


def _part_of_lifted(array: Any, index_: Any) -> Any:
    """What an index selects of a lifted array: one operation on arrays where it is basic."""
    key = index_ if index_.__class__ is tuple else (index_,)
    if not _is_basic(key) or modes.overriding:
        return lifted.computed(getitem, (array, index_), {})
    return computed(part.op, (array,), (key if Ellipsis in key else (*key, ...),))[0]


lifted.getitem = _part_of_lifted


def setitem(self: Tensor, index_: Any, value: Any) -> None:
    """Write `value`, a number or a tensor that broadcasts, into what `self[index]` selects."""
    source = value._array if isinstance(value, Tensor) else value
    is_array = source is value and isinstance(value, np.ndarray)
    if is_array or not isinstance(source, (*lifted.ARRAYS, bool, int, float, complex, np.generic)):
        raise TypeError(located(f"can't assign a {type(value).__name__} to a tensor of {self.dtype}: make it a tensor first"))
    if source is value and not (self._array.dtype.kind == "f" and isinstance(value, (int, float)) and -65504 <= value <= 65504):
        source = value = _number(value, self._array.dtype)
    kind = index_.__class__
    basic: Any
    places: Any
    arrays: list[Tensor]
    if kind is int:
        basic, places, arrays = (index_, ...), (), []
    elif kind is tuple and _is_basic(index_):
        basic, places, arrays = index_ if Ellipsis in index_ else (*index_, ...), (), []
    else:
        if modes.special and modes.settings.recorder is not None:
            index_, value = _at_a_vector(index_, value, self._array.ndim)
            source = value._array if isinstance(value, Tensor) else source
        basic, places, arrays = parsed(index_, self._array.ndim)
    if arrays and source is not value:
        _check_dtypes(self, arrays, source)
    if modes.special:
        refresh(self)
        if isinstance(value, Tensor):
            refresh(value)
    with_history, recorder = is_recorded(self, value), modes.settings.recorder
    if recorder and 0 not in self._array.strides and inplace.is_shown_twice(self._array):
        recorder.refuse("windows that overlap are written to")
    if with_history or (recorder and recorder.refused is None) or _is_lifted(self, value, arrays):
        try:
            return _write_with_history(self, basic, places, arrays, value)
        except Exception as error:
            trim(error)
            raise
    _write(self, basic, where(places, [a._array for a in arrays]) if arrays else None, source)
    if source is not value and self._cut is None:
        self._cut = value._cut


def _at_a_vector(index: Any, value: Any, ndim: int) -> tuple[Any, Any]:
    """`x[:, i] = y` with one tensor of a number for i as `x[:, i[None]] = y[:, None]`: a recorder follows what a vector holds."""
    entries = list(index) if isinstance(index, tuple) else [index]
    tensors = [k for k, entry in enumerate(entries) if not (entry is None or entry is Ellipsis or entry.__class__ in (int, slice))]
    if len(tensors) != 1 or not isinstance(entries[tensors[0]], Tensor) or entries.count(Ellipsis) > 1:
        return index, value
    at = tensors[0]
    if entries[at]._array.ndim or entries[at]._array.dtype.kind not in "iu":
        return index, value
    entries[at] = entries[at].unsqueeze(0)
    if isinstance(value, Tensor):
        later = entries[at + 1 :]
        after = sum(entry is None or entry.__class__ is slice for entry in later)
        if Ellipsis in later or Ellipsis not in entries[:at]:
            after += ndim - sum(entry is not None and entry is not Ellipsis for entry in entries)
        if value.ndim > after:
            value = value.unsqueeze(value.ndim - after)
    return tuple(entries), value


def _is_lifted(target: Tensor, value: Any, indices: list[Tensor]) -> bool:
    """Whether a level has a part in a write."""
    return lifted.alive > 0 and lifted.highest(getattr(v, "_array", None) for v in (target, value, *indices)) is not None


def _number(value: Any, dtype: Any) -> Any:
    """`value` as a number that an array of that dtype takes; ValueError for an integer of more than 64 bits."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError(located("Overflow when unpacking long long"))
    return element(value, dtype).item()


def _check_dtypes(target: Tensor, arrays: list[Tensor], source: Any) -> None:
    """RuntimeError if the array `source` has another dtype; one number under a mask is converted, as in `masked_fill`."""
    if source.dtype == target._array.dtype or (source.size == 1 and len(arrays) == 1 and arrays[0]._array.dtype == bool):
        return
    message = "Index put requires the source and destination dtypes match"
    raise RuntimeError(located(f"{message}, got {dtypes.of(source)} for a tensor of {target.dtype}: convert it with .to()"))


def _write(target: Tensor, basic: Any, at: Any, source: Any) -> None:
    """Write into the array of `target`."""
    here = target._array
    try:
        region = here if basic is None else here[basic]
        if meta.is_meta(here):
            return
        check_overlap(region, "__setitem__")
        if getattr(source, "size", 1) != 1:
            refuse_overlap(region, source, at is not None, "__setitem__")
        region[... if at is None else at] = source
    except ValueError as error:
        if "broadcast" not in str(error) and "shape mismatch" not in str(error):
            raise RuntimeError(located(f"__setitem__(): {error}")) from None
        wanted = list((region if at is None else region[at]).shape)
        message = f"shape mismatch: value tensor of shape {list(source.shape)} cannot be broadcast to indexing result of shape {wanted}"
        raise RuntimeError(located(message)) from None
    except IndexError as error:
        said = basic is not None and too_many(here, basic)
        said = said or (at is not None and unfit_mask(region, at)) or str(error).replace("for axis", "for dimension")
        raise IndexError(located(said)) from None
    except TypeError as error:
        raise RuntimeError(located(f"value cannot be converted to type {target.dtype}: {error}")) from None
    note_change(target, "__setitem__")


def _write_with_history(target: Tensor, basic: Any, places: Any, arrays: list[Tensor], value: Any) -> None:
    """The write as an op: `target` goes on as its result."""
    view = value._view if isinstance(value, Tensor) else None
    own = target._view
    is_view = own is not None and own.base is not None
    first = view is not None and view.base is target and (view.before is None or view.before.op is None)
    direct = view is not None and view.before is own if is_view else first
    if not arrays and direct and view.op in (part.op, select.op) and _shows(view, basic):  # type: ignore[union-attr]
        if not is_recorded(target, value):
            note_change(target, "__setitem__")
        return  # the second half of `x[i] += y`: the view was written to, which is all
    recorder = modes.settings.recorder
    followed = (recorder is not None and recorder.refused is None) or _is_lifted(target, value, arrays)
    if basic is not None and ((is_view and not followed) or 0 in target._array.strides):
        # Written to as a tensor of its own: where the view shows an element twice, the region may not. A recorder wants the whole.
        target, basic = part(target, basic), None if arrays else (...,)
    if is_recorded(target, value):
        check_writable(target)
    if arrays:
        operands = (target, value, *arrays, *(None,) * (MOST - len(arrays)))
        op: Any = put_at.op
        attributes: Any = (basic, places, False)
    else:
        operands, op, attributes = (target, value), replace_region.op, (part.op, (basic,))
    if followed:
        inplace.write(op, operands, attributes)
        return
    result = wrap(target._array)
    flat = tuple(v._array if isinstance(v, Tensor) else v for v in operands)
    record(op, (result,), operands, flat, attributes, (target._array,))
    _write(target, basic, where(places, flat[2:]) if arrays else None, flat[1])
    rebase(target, result._node)


def _shows(view: Any, basic: Any) -> bool:
    """Whether the view of its base that `view` records is that of the index `basic`."""
    if view.op is select.op:
        return view.attributes[0] == 0 and basic == (view.attributes[1], ...)
    own = view.attributes[0]
    return basic == (own if Ellipsis in own else (*own, ...))


def delitem(self: Tensor, index_: Any) -> None:
    """TypeError: a tensor keeps its size."""
    raise TypeError(located("Tensor does not support deleting items"))


for _name, _function in (("__getitem__", getitem), ("__setitem__", setitem), ("__delitem__", delitem)):
    _function.__name__, _function.__qualname__ = _name, f"Tensor.{_name}"
    setattr(Tensor, _name, _function)


# The same by name


def _as_indices(input: Tensor, indices: Any) -> tuple[tuple[bool, ...], list[Tensor]]:
    _, places, arrays = parsed(tuple(ALL if i is None else i for i in indices), input.ndim)
    return places, arrays


@function()
def index_put(input: Tensor, indices: Any, values: Any, accumulate: bool = False) -> Tensor:
    """A copy of `input` with `values` written (or added) where the tuple of index tensors points."""
    places, arrays = _as_indices(input, indices)
    if isinstance(values, Tensor) and values.dtype is not input.dtype:
        _check_dtypes(input, [], values._array)
    return put_at(input, values, *arrays, *(None,) * (MOST - len(arrays)), None, places, accumulate)


@function()
def index_put_(input: Tensor, indices: Any, values: Any, accumulate: bool = False) -> Tensor:
    """`values` written (or added) into `input` where the tuple of index tensors points; returns `input`."""
    places, arrays = _as_indices(input, indices)
    if isinstance(values, Tensor) and values.dtype is not input.dtype:
        _check_dtypes(input, [], values._array)
    return inplace.write(put_at.op, (input, values, *arrays, *(None,) * (MOST - len(arrays))), (None, places, accumulate))


__all__ = ["getitem", "index", "index_put", "index_put_", "put_at", "region_in_zeros", "setitem"]
