"""A formula for the elements of some arrays, as a function whose loop LLVM turns into vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..formulas.values import F32, F64, Precision, Value

Formula = Callable[[list[Value], list[Value], Precision], Mapping[int, Value]]


def precision_of(element: str) -> Precision:
    """The format that "float" or "double" is worked out in."""
    return F32 if element == "float" else F64


def formula_loop(name: str, arrays: int, numbers: int, formula: Formula, element: str, bits: int, linkage: str = "internal ") -> str:
    """`name(a0, ..., x0, ..., count)`: what a formula gives for each of `count` elements of so many arrays, and for so many numbers.

    The formula gives what is stored, by the numbers of arrays. Arrays do not overlap.
    """
    at = precision_of(element)
    loads, lines = [], list[str]()
    for i in range(arrays):
        loads += [f"%p{i} = getelementptr {at.real}, ptr %a{i}, i64 %u", f"%e{i} = load {at.real}, ptr %p{i}"]
    elements, given = ([Value(lines, at.real, f"%{kind}{i}") for i in range(count)] for kind, count in (("e", arrays), ("x", numbers)))
    stores = [f"store {at.real} {value.name}, ptr %p{i}" for i, value in formula(elements, given, at).items()]
    arguments = [*(f"ptr noalias %a{i}" for i in range(arrays)), *(f"{at.real} %x{i}" for i in range(numbers)), "i64 %count"]
    head = f'define {linkage}void @{name}({", ".join(arguments)}) noinline nounwind "prefer-vector-width"="{bits}" {{'
    loop = ["entry:", "  br label %head", "head:", "  %u = phi i64 [ 0, %entry ], [ %next, %each ]"]
    loop += ["  %more = icmp slt i64 %u, %count", "  br i1 %more, label %each, label %end", "each:"]
    text = [f"  {line}" for line in [*loads, *lines, *stores, "%next = add i64 %u, 1", "br label %head, !llvm.loop !LOOP"]]
    return "\n".join([head, *loop, *text, "end:", "  ret void", "}", ""])
