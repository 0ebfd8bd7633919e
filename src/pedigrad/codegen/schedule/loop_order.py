"""The order of a kernel's loops: that of memory, with axes joined that every array runs through as one."""

from __future__ import annotations

import math

from ..ir.affine import Affine, Axis, axes_of, contiguous
from ..ir.kernel import Kernel, Load, Position
from ..ir.program import Value


def places(kernel: Kernel) -> list[Affine]:
    """Every affine place that the kernel computes."""
    used = {m.out for m in kernel.members}
    found = [o.place for (v, _), o in kernel.operands.items() if v in used and isinstance(o, (Load, Position))]
    return found + [store_place(kernel, v, place) for v, _, place in kernel.stores]


def store_place(kernel: Kernel, value: Value, place: Affine | None) -> Affine:
    """Where a value of the kernel is stored: at a given place, or as it lies row by row."""
    if place is not None:
        return place
    total = Affine(0, ())
    for each, stride in zip(kernel.index[value], contiguous(value.shape), strict=True):
        total = total.plus(each.times(stride))
    return total


def order_axes(kernel: Kernel) -> None:
    """Put the axes in the order of memory and join those that every array runs through as one."""
    everywhere = places(kernel)
    used = set(axes_of(tuple(everywhere))) | {a for m in kernel.members for a in kernel.reduced.get(m.out, ())}
    used |= {a for m in kernel.members for a in axes_of(kernel.index[m.out])}
    for parts in [kernel.axes] if kernel.outer is None else [kernel.outer, kernel.inner]:
        parts[:] = [a for a in parts if a.size != 1 and a in used]
        weight = dict.fromkeys(parts, 0.0)
        for place in everywhere:
            for axis, factor in place.terms:
                if axis in weight:
                    weight[axis] += math.log2(abs(factor)) + 1
        stored = [store_place(kernel, v, p) for v, _, p in kernel.stores if v not in kernel.kinds]
        first = {axis: abs(factor) for place in stored[:1] for axis, factor in place.terms}
        parts.sort(key=lambda a: (-first.get(a, 0), -weight[a]) if first else -weight[a])
        join(kernel, parts)
    if kernel.outer is not None:
        kernel.axes[:] = kernel.outer + kernel.inner


def join(kernel: Kernel, axes: list[Axis]) -> None:
    """Join neighbouring axes where every place is affine in the joined one."""
    i, terms = 0, list[dict[Axis, int]]()
    while i + 1 < len(axes):
        high, low = axes[i], axes[i + 1]
        terms = terms or [dict(place.terms) for place in places(kernel)]
        if all(t.get(high, 0) == t.get(low, 0) * low.size for t in terms) and same_members(kernel, high, low):
            joined = Axis(high.size * low.size, f"{high.name}{low.name}")
            replace(kernel, high, low, joined)
            axes[i : i + 2] = [joined]
            i, terms = max(i - 1, 0), []
        else:
            i += 1


def same_members(kernel: Kernel, high: Axis, low: Axis) -> bool:
    """Whether all that the kernel computes depends on both axes or on neither."""
    for member in kernel.members:
        axes = axes_of(kernel.index[member.out])
        if (high in axes) != (low in axes):
            return False
        over = kernel.reduced.get(member.out, ())
        if (high in over) != (low in over):
            return False
    return True


def replace(kernel: Kernel, high: Axis, low: Axis, joined: Axis) -> None:
    """Put one axis in the place of two."""

    def affine(place: Affine) -> Affine:
        terms = [(joined, f) if a is low else (a, f) for a, f in place.terms if a is not high]
        return Affine(place.constant, tuple(terms))

    for key, operand in kernel.operands.items():
        if isinstance(operand, (Load, Position)):
            kernel.operands[key] = operand._replace(place=affine(operand.place))
    kernel.stores = [(v, r, affine(store_place(kernel, v, p)) if v not in kernel.kinds else p) for v, r, p in kernel.stores]
    kernel.index = {v: tuple(map(affine, index)) for v, index in kernel.index.items()}
    kernel.reduced = {v: [joined if a is low else a for a in axes if a is not high] for v, axes in kernel.reduced.items()}
