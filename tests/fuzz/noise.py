"""Rounding told from faults: a run is repeated with results that are a rounding error away, and what moves by that is no difference.

What cancels exactly in mathematics (the gradient of a bias in front of a batch norm, of the keys' bias of an attention) is nothing but
rounding, which Adam makes whole steps of: such numbers are others in each library, each order of summation, and in each of these runs.
Tolerances stay as they are for everything that does not move.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from fuzz import programs

SUMS = "sub __sub__ mean var std linear matmul conv1d conv2d conv_transpose1d batch_norm instance_norm layer_norm group_norm".split()
LOSSES = ("sum", "mean")
IN_PLACE = "tanh_ sigmoid_ exp_ log_ sqrt_ rsqrt_ sin_ cos_ erf_ expm1_ log1p_ reciprocal_ pow_".split()
RUNS = 8  # of a program with other rounding
FACTOR = 8  # times what a tensor moves in these runs that it may differ by

Base = Any  # what a run has shown: a value of `programs.seen`
Spread = tuple[Base, Sequence[Base]]  # and what the runs with other rounding have shown in its place


def modes(library: Any) -> list[Any]:
    """Modes of a library, each of which rounds otherwise."""
    return [mode(library, random.Random(number)) for number in range(RUNS)]


def mode(library: Any, chance: random.Random) -> Any:
    """A mode in which what each function computes is off by a unit or two in the last place, or is the other zero."""

    class Nearby(library.autograd.Function):  # type: ignore[misc, name-defined]
        """A copy, whose gradient is off by a rounding error; it saves nothing, so that a backward pass may come again."""

        @staticmethod
        def forward(ctx, x):  # type: ignore[no-untyped-def]
            return x.clone()

        @staticmethod
        def backward(ctx, g):  # type: ignore[no-untyped-def]
            return g * moved(library, library.ones(g.shape), chance).to(g.dtype)

    class Rounding(library.overrides.TorchFunctionMode):  # type: ignore[misc, name-defined]
        def __torch_function__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            name = getattr(function, "__name__", "")
            if name in LOSSES and args and isinstance(args[0], library.Tensor) and args[0].is_floating_point():
                args = (Nearby.apply(args[0]), *args[1:])  # and its gradient
            result = function(*args, **(kwargs or {}))
            with library._C.DisableTorchFunction():
                given = {where(each) for each in tensors(library, args)}
                for each in tensors(library, result if isinstance(result, (tuple, list)) else (result,)):
                    if given and (where(each) not in given or name in IN_PLACE) and each.is_floating_point():
                        move(library, each, chance, name in SUMS)
            return result

    return Rounding()


def tensors(library: Any, values: Sequence[Any]) -> list[Any]:
    """The tensors among values."""
    return [each for each in values if isinstance(each, library.Tensor)]


def where(tensor: Any) -> int:
    """The address of a tensor's memory."""
    return tensor.untyped_storage().data_ptr()


def move(library: Any, tensor: Any, chance: random.Random, sums: bool) -> None:
    """Move the elements of a tensor by a rounding error each, which its history does not get to know of."""
    tensor.data.copy_(moved(library, tensor.data, chance, sums))


def moved(library: Any, tensor: Any, chance: random.Random, sums: bool = False) -> Any:
    """The elements of a tensor in float64, moved by a rounding error of its own type each.

    A zero becomes the other one; what is next to nothing, a rounding error of the largest element where a sum that cancels made it.
    """
    units = [chance.choice((-2, -1, 0, 1, 2)) for _ in range(tensor.numel())]
    units = library.tensor(units, dtype=library.float64).reshape(tensor.shape) * library.finfo(tensor.dtype).eps
    values = tensor.double()
    zero, small = library.where(units > 0, -values, values), 0.0
    if sums and values.numel():
        most = values.abs().nan_to_num(0.0, 0.0, 0.0).amax()
        zero, small = units * most, 4 * library.finfo(tensor.dtype).eps * most
    return library.where(values.abs() <= small, zero, values * (1 + units))


def is_of_values(difference: str) -> bool:
    """Whether a difference is one of elements: all others have nothing to do with rounding."""
    return programs.kind(difference).removeprefix("PyTorch ") in ("value", "grad value")


def excused(given: Any, right: Any, spreads: Sequence[Spread]) -> Any:
    """What was given, with what is right in the place of all that differs by no more than rounding moves it."""
    if isinstance(right, programs.Seen) and isinstance(given, programs.Seen):
        spreads = [(a, [b for b in others if isinstance(b, programs.Seen)]) for a, others in spreads if isinstance(a, programs.Seen)]
        array = given.array
        if array is not None and right.array is not None:
            array = excused_array(array, right.array, [(a.array, [b.array for b in others]) for a, others in spreads])
        grad = None if given.grad is None else excused(given.grad, right.grad, [(a.grad, [b.grad for b in bs]) for a, bs in spreads])
        return dataclasses.replace(given, array=array, grad=grad)
    if isinstance(right, list) and isinstance(given, list) and len(given) == len(right):
        return [excused(a, b, items(spreads, i)) for i, (a, b) in enumerate(zip(given, right, strict=True))]
    if isinstance(right, dict) and isinstance(given, dict):
        return {key: excused(value, right.get(key), items(spreads, key)) for key, value in given.items()}
    if isinstance(right, float) and isinstance(given, float):
        spreads = [(np.asarray(a), list(map(np.asarray, others))) for a, others in spreads]
        return float(excused_array(np.asarray(given), np.asarray(right), spreads))
    return given


def items(spreads: Sequence[Spread], key: Any) -> list[Spread]:
    """What stands in one place of lists or dicts."""

    def has(thing: Any) -> bool:
        return len(thing) > key if isinstance(thing, list) else isinstance(thing, dict) and key in thing

    return [(a[key], [b[key] for b in others if has(b)]) for a, others in spreads if has(a)]


def excused_array(given: Any, right: Any, spreads: Sequence[tuple[Any, Sequence[Any]]]) -> Any:
    """The same of arrays: `right` if they differ by what rounding explains."""
    moved = 0.0
    for base, others in spreads:
        for other in others:
            if not isinstance(base, np.ndarray) or not isinstance(other, np.ndarray) or other.dtype.kind not in "biufc":
                continue
            if base.shape != other.shape:
                return right  # rounding decides how many elements there are
            if base.dtype.kind not in "fc":
                moved = max(moved, float((base != other).any()))
                continue
            finite = np.isfinite(base)
            if (np.isfinite(other) != finite).any() or (base[~finite] != other[~finite])[~np.isnan(base[~finite])].any():
                return right  # rounding decides which of them are finite
            with np.errstate(all="ignore"):
                moved = max(moved, float(np.abs(base - other)[finite].max(initial=0.0)))
    if not moved or given.shape != right.shape or given.dtype != right.dtype:
        return given
    if right.dtype.kind not in "fc":
        return right
    finite = np.isfinite(right)
    if moved >= np.abs(right[finite]).max(initial=0.0) and not np.isfinite(given).all():
        return right  # nothing but rounding, by which something was divided
    if not np.array_equal(given[~finite], right[~finite], equal_nan=True) or not np.isfinite(given[finite]).all():
        return given
    with np.errstate(all="ignore"):
        near = np.abs(given - right)[finite].max(initial=0.0) <= FACTOR * moved
    return right if near else given
