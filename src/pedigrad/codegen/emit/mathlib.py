"""`definitions` gives LLVM IR for `@pg.<name>.<f32|f64>`, branch-free so that loops vectorise.

A float32 result is within 2 ulp of the exact value and a float64 result within 4, over the whole range, subnormals included; infinities,
NaN and signed zeros are those of C99. Formulas are in `formulas`, and which instruction has which is said in its row
(`ir/instructions.py`). Some float32 functions are computed in float64 with short polynomials ("wide"), which
costs half the lanes and no care. The code is right on every processor, and fast on those with a fused multiply-add (AVX2, NEON).
"""

from __future__ import annotations

from collections.abc import Iterable

from ..formulas.values import F32, F64, SHORT, Value
from ..ir.instructions import ELEMENTWISE


def definition(name: str, type: str) -> str:
    """The IR of one function; KeyError for a name or a type (`f32`, `f64`) that is not known."""
    row, own = ELEMENTWISE[name], {"f32": F32, "f64": F64}[type]
    if row.formula is None:
        raise KeyError(name)
    at = SHORT if row.wide and own is F32 else own
    lines: list[str] = []
    operands = [Value(lines, own.real, f"%x{i}") for i in range(row.operands)]
    out = row.formula(*[x.to(at.real) for x in operands], at).to(own.real)
    head = ", ".join(f"{own.real} {x.name}" for x in operands)
    body = "\n".join(f"  {line}" for line in [*lines, f"ret {own.real} {out.name}"])
    return f"define internal {own.real} @pg.{name}.{type}({head}) alwaysinline nounwind willreturn memory(none) {{\n{body}\n}}\n"


def definitions(names: Iterable[tuple[str, str]]) -> str:
    """The IR of the functions `(name, type)`, each once, self-contained but for LLVM's intrinsics, which need no declaration."""
    return "\n".join(definition(name, type) for name, type in dict.fromkeys(names))
