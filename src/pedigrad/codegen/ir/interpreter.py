"""What a Program means: its instructions done one after the other by NumPy, each result an array.

Nothing is fused, nothing is written to again, nothing is done in another order. Native code is held against this (`capture/proof.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from ..frontend.trace import filled
from .instructions import ELEMENTWISE
from .program import Instruction, Program, Value, compute_dtype

Array = np.ndarray[Any, Any]
ROUNDED = {row.name for row in ELEMENTWISE.values() if not row.exact} | {"sum", "prod", "dot", "scatter_add", "call"}
REDUCTIONS: dict[str, Callable[..., Any]] = {"sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min}


def interpreted(
    program: Program,
    arrays: Mapping[Value, Array],
    wide: bool = False,
    rounded: Callable[[Array], Array] | None = None,
    keep: Collection[Value] | None = None,
    look: Callable[[Value, Array], None] | None = None,
) -> dict[Value, Array]:
    """The arrays of all values of a program, given those of its inputs; in float64 where float32 is asked for, if `wide`, but for calls.

    `rounded` gives what to go on with in the place of each result that has been rounded, as another order of sums would leave it.
    `look` is shown each array. With `keep`, only the arrays of these values are given; others are let go after their last use.
    """
    known: dict[Value, Array] = {v: a.astype(np.float64) if wide and a.dtype == np.float32 else a for v, a in arrays.items()}
    done: dict[Any, Any] = {}  # what calls of several results gave
    last = {} if keep is None else {v: i for i, each in enumerate(program.instructions) for v in (each.out, *each.values())}
    last = {v: i for v, i in last.items() if v not in set(keep or ())}
    if look is not None:
        for value, array in known.items():
            look(value, array)
    with np.errstate(all="ignore"):
        for number, instruction in enumerate(program.instructions):
            args = [known[a] if isinstance(a, Value) else a for a in instruction.args]
            if wide and instruction.operation == "call":  # it may look at bits
                args = [a.astype(v.dtype) if isinstance(v, Value) else a for a, v in zip(args, instruction.args, strict=True)]
            result = computed(instruction, args, done)
            out = instruction.out
            dtype = np.dtype(np.float64) if wide and out.dtype == np.float32 else out.dtype
            known[out] = in_rows(np.asarray(result, dtype), out.shape)
            if rounded is not None and dtype.kind == "f" and instruction.operation in ROUNDED:
                known[out] = rounded(known[out])
            if look is not None:
                look(out, known[out])
            for value in {out, *instruction.values()}:
                if last.get(value) == number:
                    del known[value]
    return known


def in_rows(array: Array, shape: tuple[int, ...]) -> Array:
    """An array broadcast to a shape, row by row in memory; nobody writes to what is known."""
    return array if array.shape == shape and array.flags.c_contiguous else np.array(np.broadcast_to(array, shape))


def computed(instruction: Instruction, args: list[Any], done: dict[Any, Any]) -> Any:
    """The result of one instruction."""
    operation, attributes, out = instruction.operation, instruction.attributes, instruction.out
    if operation in MEANINGS:
        return MEANINGS[operation](out, attributes, *args)
    if operation in ("max", "min") and not args[0].size:
        return np.full(out.shape, extreme(operation, out.dtype), out.dtype)
    if operation in REDUCTIONS:
        return REDUCTIONS[operation](args[0], axis=tuple(attributes["dims"]))
    if operation == "call":
        group = attributes["group"]
        if group not in done:
            given, named = filled(attributes["plan"], [each.copy() for each in args])
            done[group] = attributes["function"](*given, **named)
        return done[group][attributes["index"]] if attributes["several"] else done[group]
    return elementwise(instruction, args)


def extreme(operation: str, dtype: np.dtype[Any]) -> Any:
    """The maximum or minimum of no elements: what changes no other one's."""
    if dtype.kind == "b":
        return operation == "min"
    low, high = (-np.inf, np.inf) if dtype.kind == "f" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return low if operation == "max" else high


def elementwise(instruction: Instruction, args: list[Any]) -> Any:
    """An instruction on each element; numbers are of the dtype that the arrays beside them have."""
    row, out = ELEMENTWISE[instruction.operation], instruction.out
    arrays = [a.dtype for a in args if isinstance(a, np.ndarray)]
    dtype = arrays[0] if arrays else out.dtype
    args = [a if isinstance(a, np.ndarray) else np.asarray(a, dtype) for a in args]
    if row.meaning is not None:
        return row.meaning(*args)
    name = row.ufuncs.split()[0]
    if hasattr(np, name):
        return getattr(np, name)(*args)
    from scipy import special  # the others are SciPy's

    return getattr(special, name)(*args)


def _where(out: Value, attributes: Any, condition: Any, x: Any, y: Any) -> Any:
    return np.where(condition, *[each if isinstance(each, np.ndarray) else np.asarray(each, out.dtype) for each in (x, y)])


def _slice(out: Value, attributes: Any, x: Array) -> Array:
    places = zip(attributes["starts"], attributes["steps"], out.shape, strict=True)
    return x[np.ix_(*[start + step * np.arange(n) for start, step, n in places])] if out.shape else x


def _gather(out: Value, attributes: Any, x: Array, *indices: Array) -> Array:
    """Elements by index; a guard stands beside those that are out of bounds, and the last element in their place."""
    axis = attributes["axis"]
    sizes = x.shape[axis : axis + len(indices)]
    inside = [np.where((i >= 0) & (i < n), i, n - 1) for i, n in zip(indices, sizes, strict=True)]
    return x[(slice(None),) * axis + tuple(inside)]


def _scatter_add(out: Value, attributes: Any, x: Array, rows: Array) -> Array:
    result = np.zeros(out.shape, out.dtype)
    np.add.at(result, np.where((rows >= 0) & (rows < out.shape[0]), rows, out.shape[0] - 1), x)
    return result


def _philox(out: Value, attributes: Any, seed: Any, element: Any, stream: Any) -> Array:
    """Ten rounds of Philox-2x32 (Salmon et al. 2011), as float32 in [0, 1)."""
    seed, element = np.asarray(seed).astype(np.uint64), np.asarray(element).astype(np.uint64)
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    key, x = seed & low, element & low
    y = ((element >> half) ^ ((seed >> half) + np.uint64(stream))) & low
    for _ in range(10):
        product = x * np.uint64(0xD256D193)
        x, y = (product >> half) ^ key ^ y, product & low
        key = (key + np.uint64(0x9E3779B9)) & low
    return (x >> np.uint64(8)).astype(np.float32) * np.float32(2.0**-24)


def _widened(array: Array) -> Array:
    """The array in the floats that sums of its elements are taken in."""
    return array.astype(compute_dtype(array.dtype), copy=False)


MEANINGS: dict[str, Callable[..., Any]] = {
    "cast": lambda out, attributes, x: np.asarray(x).astype(out.dtype, casting="unsafe"),
    "where": _where,
    "broadcast": lambda out, attributes, x: np.broadcast_to(x, out.shape),
    "reshape": lambda out, attributes, x: np.reshape(x, out.shape),
    "transpose": lambda out, attributes, x: np.transpose(x, attributes["order"]),
    "slice": _slice,
    "dot": lambda out, attributes, *factors: np.einsum(attributes["spec"], *map(_widened, factors), optimize=True),  # by BLAS
    "gather": _gather,
    "scatter_add": _scatter_add,
    "concat": lambda out, attributes, *parts: np.concatenate(parts, axis=attributes["axis"]),
    "full": lambda out, attributes: np.full(out.shape, attributes["value"], out.dtype),
    "iota": lambda out, attributes: np.arange(out.shape[0]),
    "philox": _philox,
}

__all__ = ["interpreted"]
