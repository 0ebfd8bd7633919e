"""The elementwise instructions of a program, one row each: all that the recorder, passes, fusion, code and reports know of one.

An instruction with its row is complete: the functions of NumPy and SciPy that become it, what it means, what it is in LLVM IR and what
it costs. Instructions that move elements or reduce them are few, and part of what a program is (`ir/program.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..formulas import exponential, special, trigonometric

AS_IT_IS = "as it is"  # integers and booleans: they are whole already


@dataclass(frozen=True)
class Elementwise:
    """One instruction on each element."""

    name: str
    ufuncs: str = ""  # the ufuncs of NumPy and SciPy that become this instruction, by name; the first one says what it means
    cost: int = 1  # of one element, in additions
    free: bool = False  # it is no arithmetic: reports do not count it among operations on floats
    exact: bool = False  # what it gives for floats is not rounded
    refuses: str = ""  # kinds of operands, in NumPy's letters, for which the ufuncs do not become this instruction
    meaning: Callable[..., Any] | None = None  # what it gives for arrays, where that is not the first ufunc
    # In LLVM IR: `code(ir, dtype, *registers)` where there is one, `ir` being a ScalarIR; else its method `emit_<name>`; else by these:
    code: Callable[..., str] | None = None
    real: str = ""  # the instruction for floats; `@name` is a function of LLVM's
    whole: str = ""  # the instruction for integers
    bits: str = ""  # the instruction for booleans, where that is another
    compare: tuple[str, str] | None = None  # how floats and integers are compared
    formula: Callable[..., Any] | None = None  # for floats: an expression in LLVM IR
    wide: bool = False  # its formula computes float32 in float64
    shown: str = ""  # its name in reports
    sign: str = ""  # how guards write it

    @property
    def operands(self) -> int:
        """How many operands its formula takes."""
        return 0 if self.formula is None else self.formula.__code__.co_argcount - 1


def _rows(*rows: Elementwise) -> dict[str, Elementwise]:
    return {row.name: row for row in rows}


E = Elementwise
ELEMENTWISE = _rows(
    # Arithmetic. A product may become one instruction with the sum that a reduction adds it to, but not with a sum of the program's:
    # `h - h`, where one of the two is computed again, would be the error of its rounding, whose sign may decide.
    E("add", "add", real="fadd", whole="add", bits="or"),
    E("sub", "subtract", real="fsub", whole="sub", shown="subtract"),
    E("mul", "multiply", real="fmul contract", whole="mul", bits="and", shown="multiply"),
    E("div", "divide", cost=3, real="fdiv", shown="divide"),
    E("pow", "power", cost=60, refuses="biu", formula=exponential.pow, shown="power"),
    E("mod", "remainder", cost=10, refuses="iu", shown="remainder"),  # of integers: what is divided by zero is NumPy's to say
    E("fmod", "fmod", cost=30, refuses="iu", real="frem"),
    E("floordiv", "floor_divide", refuses="iu", shown="floor_divide"),
    E("reciprocal", "reciprocal", cost=3, refuses="iu", meaning=lambda x: 1 / x),
    E("neg", "negative", shown="negative", exact=True),
    E("abs", "absolute fabs", exact=True),
    E("sign", "sign", exact=True),
    E("square", "square"),
    E("max2", "maximum", free=True, shown="maximum", exact=True),
    E("min2", "minimum", free=True, shown="minimum", exact=True),
    E("hypot", "hypot", cost=40),
    E("copysign", "copysign", real="@copysign", exact=True),
    # Roots, exponentials and logarithms
    E("sqrt", "sqrt", cost=3, real="@sqrt"),
    E("rsqrt", cost=3, meaning=lambda x: 1 / np.sqrt(x), formula=special.rsqrt),
    E("cbrt", "cbrt", cost=40, formula=special.cbrt, wide=True),
    E("exp", "exp", cost=8, formula=exponential.exp),
    E("exp2", "exp2", cost=8, formula=exponential.exp2),
    E("expm1", "expm1", cost=12, formula=exponential.expm1),
    E("log", "log", cost=12, formula=exponential.log),
    E("log2", "log2", cost=12, formula=exponential.log2),
    E("log10", "log10", cost=12, formula=exponential.log10),
    E("log1p", "log1p", cost=14, formula=exponential.log1p),
    E("sigmoid", "expit", cost=10, formula=exponential.sigmoid),
    E("erf", "erf", cost=16, formula=special.erf),
    E("erfc", "erfc", cost=30, formula=special.erfc, wide=True),
    # Trigonometric and hyperbolic functions
    E("sin", "sin", cost=25, formula=trigonometric.sin),
    E("cos", "cos", cost=25, formula=trigonometric.cos),
    E("tan", "tan", cost=40, formula=trigonometric.tan, wide=True),
    E("asin", "arcsin", cost=40, formula=trigonometric.asin, wide=True),
    E("acos", "arccos", cost=40, formula=trigonometric.acos, wide=True),
    E("atan", "arctan", cost=40, formula=trigonometric.atan, wide=True),
    E("atan2", "arctan2", cost=40, formula=trigonometric.atan2, wide=True, shown="arctan2"),
    E("sinh", "sinh", cost=40, formula=exponential.sinh, wide=True),
    E("cosh", "cosh", cost=40, formula=exponential.cosh, wide=True),
    E("tanh", "tanh", cost=14, formula=exponential.tanh),
    E("asinh", "arcsinh", cost=40, formula=exponential.asinh, wide=True),
    E("acosh", "arccosh", cost=40, formula=exponential.acosh, wide=True),
    E("atanh", "arctanh", cost=40, formula=exponential.atanh, wide=True),
    # Rounding
    E("floor", "floor", real="@floor", whole=AS_IT_IS, exact=True),
    E("ceil", "ceil", real="@ceil", whole=AS_IT_IS, exact=True),
    E("round", "rint", real="@rint", whole=AS_IT_IS, exact=True),
    E("trunc", "trunc", real="@trunc", whole=AS_IT_IS, exact=True),
    # Comparisons and bits
    E("eq", "equal", free=True, compare=("oeq", "eq"), shown="equal", sign="=="),
    E("ne", "not_equal", free=True, compare=("une", "ne"), shown="not_equal", sign="!="),
    E("lt", "less", free=True, compare=("olt", "lt"), shown="less", sign="<"),
    E("le", "less_equal", free=True, compare=("ole", "le"), shown="less_equal", sign="<="),
    E("gt", "greater", free=True, compare=("ogt", "gt"), shown="greater", sign=">"),
    E("ge", "greater_equal", free=True, compare=("oge", "ge"), shown="greater_equal", sign=">="),
    E("isnan", "isnan", free=True),
    E("isinf", "isinf", free=True),
    E("isfinite", "isfinite", free=True),
    E("and", "logical_and bitwise_and", free=True, meaning=np.bitwise_and, whole="and", shown="logical_and"),
    E("or", "logical_or bitwise_or", free=True, meaning=np.bitwise_or, whole="or", shown="logical_or"),
    E("xor", "logical_xor bitwise_xor", free=True, meaning=np.bitwise_xor, whole="xor"),
    E("not", "logical_not", free=True),
    E("invert", "invert", free=True),
    E("shl", "left_shift", free=True),
    E("shr", "right_shift", free=True),
    # Others, which are no ufuncs (`frontend/rules.py`); the interpreter has what depends on the result's dtype
    E("cast", free=True, shown="astype", exact=True),
    E("where", free=True, exact=True),
    E("philox", cost=20, exact=True),
)
UFUNCS = {ufunc: row for row in ELEMENTWISE.values() for ufunc in row.ufuncs.split()}  # by name, so that SciPy's need no import


def cost_of(operation: str) -> int:
    """What an instruction costs for one element, in additions; those that are not elementwise cost 1."""
    return ELEMENTWISE[operation].cost if operation in ELEMENTWISE else 1
