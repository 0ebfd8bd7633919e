"""Dual numbers: arrays with a tangent, the derivative along one direction that is carried forward beside them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import modes
from ...core.dispatch import computed
from ...core.formatting import append_notes
from ...core.lifted import Level, Lifted, alike, holding
from ...core.op import REGISTRY
from ...core.tensor import constant, wrap
from .outside import ran
from .tangents import tangents_of


class Dual(Lifted):
    """An array and its tangent, of one shape and dtype."""

    __slots__ = ("primal", "tangent")
    level: Derivative

    def __init__(self, level: Derivative, primal: Any, tangent: Any):
        self.level, self.primal, self.tangent = level, primal, tangent
        self.shape, self.dtype = primal.shape, primal.dtype

    def parts(self) -> tuple[Any, ...]:
        return self.primal, self.tangent

    def lying(self) -> Any:
        return self.primal.lying() if isinstance(self.primal, Lifted) else self.primal

    def detached(self) -> Any:
        return self.primal.detached() if isinstance(self.primal, Lifted) else self.primal

    def described(self) -> str:
        return "a tensor with a tangent (a forward derivative)"

    def item(self) -> Any:
        return self.primal.item()

    def tolist(self) -> Any:
        return self.primal.tolist()

    def __bool__(self) -> bool:
        return bool(self.primal)

    def settled(self) -> Any:
        primal = self.primal.settled() if isinstance(self.primal, Lifted) else self.primal
        return primal if self.level.ended else self if primal is self.primal else Dual(self.level, primal, self.tangent)

    def __repr__(self) -> str:
        text = repr(wrap(self.primal))
        return text if self.level.ended else append_notes(text[:-1], [f"tangent={wrap(self.tangent)!r}"], len("tensor("))


class Derivative(Level):
    """One derivative that is taken forward; when it has ended, what has a tangent of it is what it is without."""

    __slots__ = ("ended",)
    follows_hidden = True

    def __init__(self) -> None:
        super().__init__()
        self.ended = False

    def holds(self, array: Any) -> bool:
        """Whether an operand has a tangent of this derivative."""
        return isinstance(array, Dual) and array.level is self

    def primal(self, array: Any) -> Any:
        """An operand without its tangent."""
        return array.primal if self.holds(array) else array

    def tangent(self, array: Any) -> Any:
        """The tangent of an operand, None if it has none."""
        return array.tangent if self.holds(array) and not self.ended else None

    def run(self, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> tuple[Any, ...]:
        mine = [a.__class__ is Dual and a.level is self for a in arrays]
        primals = tuple([a.primal if own else a for a, own in zip(arrays, mine, strict=True)])
        results = computed(op, primals, attributes)
        if self.ended:
            return results
        tangents = tuple([a.tangent if own else None for a, own in zip(arrays, mine, strict=True)])
        if op.kind == "edge":  # of an older level: it is linear
            zeros = tuple(zeros_like(p) if t is None else t for p, t in zip(primals, tangents, strict=True))
            found: Any = computed(op, zeros, attributes)
        else:
            found = tangents_of(op, primals, tangents, attributes, results)
            if op.kind != "view":
                found = [t if t is None else of_its_own(t, tangents) for t in found]
        return tuple([r if t is None else Dual(self, r, t) for r, t in zip(results, found, strict=True)])

    def overwrite(self, here: Any, new: Any) -> None:
        tangent = self.tangent(new)
        _put(here.primal, self.primal(new))
        if self.ended:
            return
        _put(here.tangent, np.zeros((), here.dtype) if tangent is None else tangent)

    def holding(self, array: Any, own: bool = False) -> Dual:
        """An array, which a tangent is about to be written into, with one of zeros."""
        return Dual(self, array, zeros_like(array))

    def holding_parts(self, here: Any, new: Any, own: bool) -> Dual:
        primal = holding(here.primal, self.primal(new), own)
        tangent = holding(here.tangent, self.tangent(new), True)
        return here if primal is here.primal and tangent is here.tangent else Dual(self, primal, tangent)  # type: ignore[no-any-return]

    def alike(self, model: Any, array: Any) -> Any:
        return alike(model.primal, array)

    def lowered(self, g: Any) -> Any:
        """Of pairs of cotangents for a tangent and its primal, in this order: that of the primal."""
        return REGISTRY["tangent_of"].function(g, self)


def zeros_like(array: Any) -> Any:
    """Zeros of the shape and dtype of an array."""
    return constant(np.zeros(array.shape, array.dtype))._array


def of_its_own(tangent: Any, given: tuple[Any, ...]) -> Any:
    """A result's tangent in memory of its own, which the result can be written to: many a rule gives back what it was given."""
    if isinstance(tangent, np.generic):  # NumPy's arithmetic makes numbers of arrays without dimensions
        return np.asarray(tangent)
    array = tangent if tangent.__class__ is np.ndarray else tangent.whole()
    if array.base is None:
        for each in given:
            if each is tangent or (each is not None and each.__class__ is not np.ndarray and each.whole() is array):
                break
        else:
            return tangent
    if 0 in array.strides and any(step == 0 and n > 1 for step, n in zip(tangent.strides, tangent.shape, strict=True)):
        return ran("clone", tangent)
    for each in given:
        if each is not None and np.may_share_memory(array, each if each.__class__ is np.ndarray else each.whole()):
            return ran("clone", tangent)
    return tangent


def _put(here: Any, new: Any) -> None:
    np.copyto(here, new, casting="unsafe")
    recorder = modes.settings.recorder
    if recorder is not None and here.__class__ is np.ndarray:
        recorder.write(here, new)


__all__ = ["Derivative", "Dual"]
