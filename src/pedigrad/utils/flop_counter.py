"""torch.utils.flop_counter: how many operations on floats a program takes, by module and kind, backward passes included."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from ..core import modes, watching
from ..core.graph import Node
from ..core.origin import located, warn
from ..core.scope import Scope, here
from ..core.tensor import Tensor
from ..ops.namespaces import NAMESPACES

_SUFFIXES = ("", "K", "M", "B", "T")
_FIRST = {"addmm": 1, "baddbmm": 1}  # where the operands that are multiplied begin


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(value.shape)


def counted(name: str, operands: tuple[Any, ...], attributes: tuple[Any, ...], out: Any) -> tuple[str, int] | None:
    """The operation as PyTorch names it and its multiplications and additions, each counted; None for what is not counted.

    Counted are products of matrices, and convolutions.
    """
    if name in ("conv_forward", "conv_input_grad"):
        x, weight = _shape(operands[0]), _shape(operands[1])
        places = x[2:] if name == "conv_input_grad" else _shape(out)[2:]
        return "convolution", 2 * x[0] * math.prod(places) * math.prod(weight)
    if name == "einsum" and len(operands[0]) == 2 and isinstance(attributes[0], str):
        sizes = _sizes(attributes[0], operands[0])
        return None if sizes is None else ("bmm", 2 * math.prod(sizes.values()))
    first = _FIRST.get(name, 0)
    if name not in ("mm", "bmm", "matmul", "linear", "addmm", "baddbmm"):
        return None
    left, right = _shape(operands[first]), _shape(operands[first + 1])
    if len(left) < 2 or len(right) < 2:
        return None
    kind = name
    if name == "linear":
        kind = "mm" if operands[2] is None else "addmm"
    elif name == "matmul":
        kind = "mm" if len(left) == 2 or len(right) == 2 else "bmm"
    return kind, 2 * math.prod(_shape(out)) * left[-1]


def _sizes(equation: str, operands: Any) -> dict[str, int] | None:
    """The sizes of the letters of an equation; None where it has dots, which name none."""
    inputs = equation.replace(" ", "").partition("->")[0].split(",")
    if "." in equation:
        return None
    return {letter: n for term, each in zip(inputs, operands, strict=True) for letter, n in zip(term, each.shape, strict=True)}


class _Counter(watching.Watcher):
    """What is told of the operations, and of the gradients of those that were counted."""

    looking = True

    def __init__(self, add: Callable[[str, int, Scope | None], None], outer: _Counter | None):
        self.add, self.outer = add, outer
        self.forward: WeakKeyDictionary[Node, tuple[str, int]] = WeakKeyDictionary()

    def operation(self, op: Any, operands: tuple[Any, ...], attributes: tuple[Any, ...], run: Callable[[], Any]) -> Any:
        """Count an operation."""
        out = run() if self.outer is None else self.outer.operation(op, operands, attributes, run)
        flat = operands[0] if op.variadic else operands
        if any(isinstance(each, Tensor) for each in flat) and (found := counted(op.name, operands, attributes, out)) is not None:
            self.add(*found, here.get().scope)
            if isinstance(out._node, Node):
                self.forward[out._node] = found
        return out

    def gradients(self, node: Any, given: Any, gradients: Any) -> None:
        """Count the gradients of an operation: each of its two factors' takes as much as itself."""
        if self.outer is not None:
            self.outer.gradients(node, given, gradients)
        found = self.forward.get(node)
        if found is not None:
            first = _FIRST.get(node.op.name, 0)
            times = sum(each is not None for each in gradients[first : first + 2])
            kind = {"convolution": "convolution_backward", "addmm": "mm", "baddbmm": "bmm"}.get(found[0], found[0])
            self.add(kind, times * found[1], node.scope)


class FlopCounterMode:
    """Within it, operations on floats are counted: `get_total_flops()`, `get_flop_counts()` by module, and the table printed at the end.

    Args:
        mods: not needed any more.
        depth: how many levels of modules the table shows.
        display: whether the table is printed at the end.
        custom_mapping: refused; what is counted are products of matrices, and convolutions.

    >>> import pedigrad as torch
    >>> from pedigrad.utils.flop_counter import FlopCounterMode
    >>> with FlopCounterMode(display=False) as counter:
    ...     _ = torch.ones(2, 3) @ torch.ones(3, 4)
    >>> counter.get_total_flops()
    48
    """

    def __init__(self, mods: Any = None, depth: int = 2, display: bool = True, custom_mapping: Any = None):
        if custom_mapping:
            raise RuntimeError(located("FlopCounterMode(): custom_mapping is not taken: products and convolutions are counted as they are"))
        if mods is not None:
            warn("mods argument is not needed anymore, you can stop passing it")
        self.depth, self.display = depth, display
        self.flop_counts: dict[str, dict[Any, int]] = defaultdict(lambda: defaultdict(int))

    def _add(self, kind: str, flops: int, scope: Scope | None) -> None:
        names = ["Global"]
        if scope is not None:
            chain = scope.chain()
            names += dict.fromkeys(f"{chain[0].kind}.{each.path}" if each.path else each.kind for each in chain)
        for name in names:
            self.flop_counts[name][getattr(NAMESPACES["aten"], kind)] += flops

    def __enter__(self) -> FlopCounterMode:
        outer = watching.watcher
        if outer is not None and not isinstance(outer, _Counter):
            raise RuntimeError(located("FlopCounterMode: a pedigrad.check() is running, and only one of them can watch a program"))
        self.flop_counts.clear()
        self._outer = outer
        watching.watcher = _Counter(self._add, outer)
        modes.need_long_way(+1)
        return self

    def __exit__(self, *exc: object) -> None:
        watching.watcher = self._outer
        modes.need_long_way(-1)
        if self.display:
            print(self.get_table(self.depth))

    def get_total_flops(self) -> int:
        """How many operations there were."""
        return sum(self.flop_counts["Global"].values())

    def get_flop_counts(self) -> dict[str, dict[Any, int]]:
        """By module and kind of operation; all of them under "Global"."""
        return {name: dict(counts) for name, counts in self.flop_counts.items()}

    def get_table(self, depth: int | None = None) -> str:
        """A table of the modules down to a depth."""
        depth = self.depth if depth is None else depth
        total = self.get_total_flops()
        index = max(0, min(len(_SUFFIXES) - 1, (len(str(total)) - 2) // 3))

        def number(n: int) -> str:
            return f"{n / 1000**index:.3f}{_SUFFIXES[index]}" if index else str(n)

        def row(name: str, n: int) -> tuple[str, str, str]:
            return name, number(n), f"{n / total:.2%}" if total else "0%"

        modules = sorted(name for name in self.flop_counts if name != "Global")
        same = any(sum(self.flop_counts[name].values()) == total for name in modules if "." not in name)
        rows = []
        for name in modules if same else ["Global", *modules]:
            if name == "Global" or name.count(".") < depth:
                counts = self.flop_counts[name]
                rows.append(row(name, sum(counts.values())))
                rows += [row(f"- {kind!r}", n) for kind, n in counts.items()]
        rows = rows or [("Global", "0", "0%")]
        rows.insert(0, ("Module", "FLOP", "% Total"))
        a, b, c = (max(len(rows[0][i]) + 2, *(len(each[i]) for each in rows)) for i in range(3))
        rows.insert(1, ("-" * a, "-" * b, "-" * c))
        return "\n".join(f"{name:<{a}}  {n:>{b}}  {share:>{c}}" for name, n, share in rows)
