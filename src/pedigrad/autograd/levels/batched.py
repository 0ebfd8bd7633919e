"""Batches: arrays of a whole batch that stand for one of its samples.

What an operation does with them is found in three steps. A rule, which most operations have by their kind or by what their attributes
say of dimensions, runs it once for the whole batch. Where there is none its forward, which is written in NumPy's language, is run on the
batched arrays, so that the rules of the operations within it do it. What cannot be run so is run once a sample, and a warning names it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core import dtypes, modes
from ...core.dispatch import computed
from ...core.lifted import ARRAYS, Level, Lifted, alike, holding
from ...core.op import REGISTRY
from ...core.origin import located, warn
from ...core.tensor import wrap
from .outside import converted, expanded, part, ran, reshaped

Rule = Callable[..., Any]
RULES: dict[str, Rule] = {}  # by the operation's name
KINDS: dict[str, Rule] = {}  # by its kind, where it has none of its own
LOOPED: set[str] = set()  # operations that a warning has named
_decomposing: list[str] = []  # the operations whose forward is being run on batched arrays


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Declare what these operations do with batched arrays: `rule(batch, op, arrays, attributes)` gives arrays, or NotImplemented."""

    def declare(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return declare


class Batched(Lifted):
    """A sample of a batch: `value` has all of them along its first dimension."""

    __slots__ = ("value",)

    def __init__(self, level: Batch, value: Any):
        self.level, self.value = level, value
        self.shape, self.dtype = value.shape[1:], value.dtype

    def parts(self) -> tuple[Any, ...]:
        return (self.value,)

    def lying(self) -> Any:
        value = self.value.lying() if isinstance(self.value, Lifted) else self.value
        return value[0, ...] if len(value) else np.empty(value.shape[1:], value.dtype)

    def described(self) -> str:
        return "a sample of a batch (within vmap)"

    def detached(self) -> Any:
        value = self.value
        return Batched(self.level, value.detached()) if isinstance(value, Lifted) else self  # type: ignore[arg-type]

    def item(self) -> Any:
        message = "vmap: It looks like you're calling .item() on a Tensor. Each sample of the batch has another number: write it with"
        raise RuntimeError(located(f"{message} operations on tensors, such as torch.where, or call it outside of vmap"))

    def __bool__(self) -> bool:
        message = "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. Each sample of the batch may"
        raise RuntimeError(located(f"{message} go another way, so use torch.where in the place of `if`"))

    def __repr__(self) -> str:
        return f"BatchedTensor(bdim=0, value={wrap(self.value)!r})"


class Batch(Level):
    """A run of `vmap` over `size` samples; random numbers are the "same" in all, "different", or an "error"."""

    __slots__ = ("randomness", "size")

    def __init__(self, size: int, randomness: str = "error"):
        super().__init__()
        self.size, self.randomness = size, randomness

    # What rules ask

    def holds(self, array: Any) -> bool:
        """Whether an operand is batched at this level."""
        return isinstance(array, Batched) and array.level is self

    def lifted(self, value: Any) -> Batched:
        """What has the samples along its first dimension, as one sample."""
        return Batched(self, value)

    def all_lifted(self, values: Any) -> tuple[Batched, ...]:
        """Several results, each with the samples along its first dimension, as those of one sample."""
        return tuple([Batched(self, value) for value in values])

    def values(self, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        """The operands with all samples along the first dimension, also of what is the same in all of them; numbers as they are."""
        return tuple(map(self.value, arrays))

    def value(self, array: Any) -> Any:
        """All samples of one operand."""
        if self.holds(array):
            return array.value
        return array if array is None or not hasattr(array, "shape") else expanded(array, (self.size, *array.shape))

    def aligned(self, arrays: tuple[Any, ...], ndim: int | None = None) -> tuple[Any, ...]:
        """The operands such that, where their samples broadcast, they do; what is the same in all samples stays without the batch."""
        if ndim is None:
            ndim = 0
            for array in arrays:
                if isinstance(array, ARRAYS) and len(array.shape) > ndim:
                    ndim = len(array.shape)
        found = []
        for array in arrays:
            if array.__class__ is Batched and array.level is self:
                more, array = ndim - len(array.shape), array.value
                array = reshaped(array, (self.size, *(1,) * more, *array.shape[1:])) if more else array
            found.append(array)
        return tuple(found)

    # A level's duties

    def run(self, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> tuple[Any, ...]:
        found = RULES.get(op.name) or KINDS.get(op.kind)
        if found is not None:
            arrays_ = promoted(op, arrays) if op.promoted else arrays
            try:
                results = found(self, op, arrays_, attributes)
            except ZeroDivisionError:  # channels of no samples
                if self.size:
                    raise
                results = NotImplemented
            if results is not NotImplemented:
                return results if isinstance(results, tuple) else (results,)
        results = self.decomposed(op, arrays, attributes)
        return self.looped(op, arrays, attributes) if results is None else results

    def decomposed(self, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """What the forward makes of batched arrays, each step of it an operation; None if it cannot be run so."""
        if op.name in _decomposing or op.kind == "view":
            return None
        _decomposing.append(op.name)
        recorder = modes.settings.recorder
        if recorder is not None:  # whose code then has no array in its hands that the program computes
            arrays = tuple(Batched(self, self.value(a)) if isinstance(a, ARRAYS) else a for a in arrays)
        try:
            with contextlib.nullcontext() if recorder is None else recorder.within():
                results = op.forward(*arrays, **dict(zip(op.attributes, attributes, strict=True)))
        except Exception:  # whatever is wrong, the samples one by one will tell
            return None
        finally:
            _decomposing.pop()
        results = results if isinstance(results, (tuple, list)) else (results,)
        return tuple(np.asarray(r) if isinstance(r, (np.generic, bool)) else r for r in results)

    def looped(self, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> tuple[Any, ...]:
        """What the operation gives sample by sample."""
        rows = []
        if not self.size:  # a sample of zeros tells what none is like
            sample = tuple(np.zeros(a.shape, a.dtype) if self.holds(a) else a for a in arrays)
            return tuple(self.lifted(np.zeros((0, *r.shape), r.dtype)) for r in computed(op, sample, attributes))
        for i in range(self.size):
            taken = tuple(part(a.value, i) if self.holds(a) else a for a in arrays)
            rows.append(computed(op, taken, attributes))
        results = tuple(self.lifted(stacked(column)) for column in zip(*rows, strict=True))
        if op.name not in LOOPED:
            LOOPED.add(op.name)
            warn(f"vmap: {op.name}() has no rule for batches: it is run once for each sample, which is slow")
        return results

    def overwrite(self, here: Any, new: Any) -> None:
        new_is_batched = self.holds(new)
        value = new.value if new_is_batched else new
        if new_is_batched and new.ndim < here.ndim:
            value = reshaped(value, (self.size, *(1,) * (here.ndim - new.ndim), *new.shape))
        np.copyto(here.value, value, casting="unsafe")
        recorder = modes.settings.recorder
        if recorder is not None and here.value.__class__ is np.ndarray:
            recorder.write(here.value, value)

    def holding(self, array: Any, own: bool = False) -> Lifted:
        if own:
            return Batched(self, ran("clone", expanded(array, (self.size, *array.shape))))
        message = (
            "vmap: a write in place is not possible: the tensor that is written to is the same for all samples, what is written is not"
        )
        raise RuntimeError(located(f"{message}. Make it of the samples' size outside of vmap, or write without `_`"))

    def holding_parts(self, here: Any, new: Any, own: bool) -> Batched:
        value = holding(here.value, new.value if self.holds(new) else new, own)
        return here if value is here.value else Batched(self, value)  # type: ignore[no-any-return]

    def alike(self, model: Any, array: Any) -> Any:
        return Batched(self, alike(model.value, np.array(np.broadcast_to(array, (self.size, *array.shape)))))

    def lowered(self, g: Any) -> Any:
        """The sum over the samples: each of them has its part in the gradient of what all share."""
        return REGISTRY["sum_of_samples"].function(g, self)


def stacked(arrays: tuple[Any, ...]) -> Any:
    """Arrays along a new first dimension."""
    op = REGISTRY["stack"]
    return computed(op, tuple(arrays), (0,))[0]


def promoted(op: Any, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """The operands in the dtype that those of one sample have in common: a number of each sample counts as a number."""
    first = None
    for a in arrays:
        dtype = getattr(a, "dtype", None)
        if dtype is not None and dtype is not first:
            if first is not None and dtype != first:
                break
            first = dtype
    else:
        return arrays
    names = op.operands * len(arrays) if op.variadic else op.operands
    together = [a for n, a in zip(names, arrays, strict=True) if n in op.promoted and a is not None]
    common = dtypes.promote_operands(together)
    target = dtypes.to_numpy(common)
    return tuple(
        converted_at(a, target, common) if n in op.promoted and hasattr(a, "dtype") else a for n, a in zip(names, arrays, strict=True)
    )


def converted_at(array: Any, dtype: Any, to: Any) -> Any:
    """An operand in another dtype."""
    if isinstance(array, Batched):
        return Batched(array.level, converted(array.value, dtype, to))  # type: ignore[arg-type]
    return converted(array, dtype, to)


__all__ = ["Batch", "Batched", "ran", "rule"]
