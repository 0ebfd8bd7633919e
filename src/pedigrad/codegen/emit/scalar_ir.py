"""What each elementwise instruction is in LLVM IR, on scalars: LLVM's vectoriser widens the loops around them.

`ir/instructions.py` says which instruction or function of LLVM's it is; those that are several have methods here.
"""

from __future__ import annotations

import math
import platform
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..gemm.microkernel import Body
from ..ir.instructions import AS_IT_IS, ELEMENTWISE
from ..ir.program import compute_dtype

DType = np.dtype[Any]
TYPES = {np.dtype(np.float32): "float", np.dtype(np.float64): "double", np.dtype(bool): "i1"}
LOW = (1 << 32) - 1
INDEFINITE = platform.machine().lower() in ("x86_64", "amd64")  # a float that no integer holds becomes the least one; elsewhere the nearest


def type_of(dtype: DType) -> str:
    """LLVM's type of an element in a register."""
    return TYPES.get(dtype) or f"i{8 * dtype.itemsize}"


def memory_type(dtype: DType) -> str:
    """LLVM's type of an element in memory."""
    return "i8" if dtype.kind == "b" else type_of(dtype)


def literal(value: Any, dtype: DType) -> str:
    """A number as LLVM writes it."""
    if compute_dtype(dtype) != dtype:
        return str(int(np.asarray(value, dtype).view(np.uint16)))
    if dtype.kind == "f":
        exact = float(np.float32(value)) if dtype.itemsize == 4 else float(value)
        return f"0x{struct.unpack('<Q', struct.pack('<d', exact))[0]:016X}"
    return str(int(value))


def identity(operation: str, dtype: DType) -> str:
    """What a reduction begins with."""
    if operation in ("sum", "prod"):
        return literal(0 if operation == "sum" else 1, dtype)
    if dtype.kind == "f":
        return literal(-math.inf if operation == "max" else math.inf, dtype)
    if dtype.kind == "b":
        return literal(operation == "min", dtype)
    limits = np.iinfo(dtype)
    return literal(limits.min if operation == "max" else limits.max, dtype)


class ScalarIR:
    """Emits instructions into a body; `functions` collects those of mathlib that are called."""

    def __init__(self, body: Body):
        self.body = body
        self.functions: set[tuple[str, str]] = set()

    def combine(self, operation: str, dtype: DType, x: str, y: str) -> str:
        """One step of a reduction. Sums may be taken in any order: that is what lets them be vectorised."""
        if operation in ("sum", "prod"):
            if dtype.kind == "f":
                return self.body.put(f"{'fadd' if operation == 'sum' else 'fmul'} reassoc contract {type_of(dtype)} {x}, {y}")
            return self.body.put(f"{'add' if operation == 'sum' else 'mul'} {type_of(dtype)} {x}, {y}")
        if dtype.kind == "f":  # of two zeros either, so that the order is free
            return self.intrinsic("maximum" if operation == "max" else "minimum", type_of(dtype), [x, y], " nsz")
        return self.emit("max2" if operation == "max" else "min2", dtype, [dtype, dtype], [x, y])

    def emit(self, operation: str, out: DType, dtypes: Sequence[DType], x: list[str]) -> str:
        """The register with the result of an elementwise instruction on operands of these dtypes."""
        if operation == "cast":
            return self.cast(x[0], dtypes[0], out)
        if operation in ("where", "gather"):
            return x[0] if operation == "gather" else self.select(x[0], out, x[1], x[2])
        row, dtype, kind = ELEMENTWISE[operation], dtypes[0], type_of(dtypes[0])
        if row.code is not None:
            return row.code(self, dtype, *x)
        if row.compare is not None:
            return self.compare(operation, dtype, x[0], x[1])
        special: Callable[..., str] | None = getattr(self, f"emit_{operation}", None)
        if special is not None:
            return special(dtype, *x)
        if dtype.kind == "f":
            if row.real.startswith("@"):
                return self.intrinsic(row.real[1:], kind, x)
            if row.real:
                return self.body.put(f"{row.real} {kind} {', '.join(x)}")
            if row.formula is not None:
                at = "f32" if kind == "float" else "f64"
                self.functions.add((operation, at))
                return self.body.put(f"call {kind} @pg.{operation}.{at}({', '.join(f'{kind} {each}' for each in x)})")
        elif row.whole == AS_IT_IS:
            return x[0]
        elif row.whole:
            return self.body.put(f"{row.bits if row.bits and dtype.kind == 'b' else row.whole} {kind} {', '.join(x)}")
        raise NotImplementedError(f"no code for {operation} on {dtype.name}")

    def intrinsic(self, name: str, kind: str, x: list[str], flags: str = "") -> str:
        """A call of one of LLVM's functions on floats."""
        suffix = "f32" if kind == "float" else "f64"
        return self.body.put(f"call{flags} {kind} @llvm.{name}.{suffix}({', '.join(f'{kind} {each}' for each in x)})")

    def select(self, condition: str, dtype: DType, x: str, y: str) -> str:
        kind = type_of(dtype)
        return self.body.put(f"select i1 {condition}, {kind} {x}, {kind} {y}")

    def compare(self, operation: str, dtype: DType, x: str, y: str) -> str:
        real, whole = ELEMENTWISE[operation].compare or ("", "")
        if dtype.kind == "f":
            return self.body.put(f"fcmp {real} {type_of(dtype)} {x}, {y}")
        sign = "" if operation in ("eq", "ne") else "s" if dtype.kind == "i" else "u"
        return self.body.put(f"icmp {sign}{whole} {type_of(dtype)} {x}, {y}")

    def cast(self, x: str, old: DType, new: DType) -> str:
        """A conversion as C has it. Of floats narrow integers get the low bits of a wide one, as in NumPy and PyTorch;
        what a float that this cannot hold becomes is the processor's to say, as there."""
        if old == new:
            return x
        if compute_dtype(old) != old:
            return self.cast(self.widened(x, old), compute_dtype(old), new)
        if compute_dtype(new) != new:
            return self.narrowed(self.cast(x, old, compute_dtype(new)), new)
        before, after = type_of(old), type_of(new)
        if new.kind == "b":
            return self.compare("ne", old, x, literal(0, old))
        if old.kind == "f" and new.kind == "f":
            return self.body.put(f"{'fpext' if new.itemsize > old.itemsize else 'fptrunc'} {before} {x} to {after}")
        if new.kind == "f":
            return self.body.put(f"{'sitofp' if old.kind == 'i' else 'uitofp'} {before} {x} to {after}")
        if old.kind == "f":
            if new.itemsize < 4:
                wide = np.dtype(np.int32)
                return self.cast(self.cast(x, old, wide), wide, new)
            if not INDEFINITE:
                return self.saturated(x, old, new)
            half = 2.0 ** (8 * new.itemsize - 1)
            whole = self.body.put(f"fptosi {before} {x} to {after}")
            below, above = self.compare("lt", old, x, literal(half, old)), self.compare("ge", old, x, literal(-half, old))
            signed = self.select(self.body.put(f"and i1 {below}, {above}"), new, whole, str(-int(half)))
            if new.kind == "i":
                return signed
            upper = self.body.put(f"fptoui {before} {x} to {after}")
            upper = self.select(self.compare("lt", old, x, literal(2 * half, old)), new, upper, "0")
            return self.select(self.compare("ge", old, x, literal(half, old)), new, upper, signed)
        if old.kind != "b" and new.itemsize == old.itemsize:
            return x
        if old.kind != "b" and new.itemsize < old.itemsize:
            return self.body.put(f"trunc {before} {x} to {after}")
        return self.body.put(f"{'sext' if old.kind == 'i' else 'zext'} {before} {x} to {after}")

    def widened(self, x: str, dtype: DType) -> str:
        """A 16-bit float, which registers hold as an integer, as float32."""
        if dtype.name == "float16":
            return self.body.put(f"fpext half {self.body.put(f'bitcast i16 {x} to half')} to float")
        wide = self.body.put(f"zext i16 {x} to i32")
        return self.body.put(f"bitcast i32 {self.body.put(f'shl i32 {wide}, 16')} to float")

    def narrowed(self, x: str, dtype: DType) -> str:
        """A float32 rounded to a 16-bit float: to the nearest, of two to the even one; nan stays nan."""
        if dtype.name == "float16":
            return self.body.put(f"bitcast half {self.body.put(f'fptrunc float {x} to half')} to i16")
        put = self.body.put
        bits = put(f"bitcast float {x} to i32")
        odd = put(f"and i32 {put(f'lshr i32 {bits}, 16')}, 1")
        up = put(f"add i32 {put(f'add i32 {bits}, 32767')}, {odd}")
        quiet = put(f"or i32 {bits}, 4194304")
        chosen = put(f"select i1 {put(f'fcmp uno float {x}, {x}')}, i32 {quiet}, i32 {up}")
        return put(f"trunc i32 {put(f'lshr i32 {chosen}, 16')} to i16")

    def saturated(self, x: str, old: DType, new: DType) -> str:
        """A float as an integer, the nearest one that there is."""
        before, after, suffix = type_of(old), type_of(new), "f32" if old.itemsize == 4 else "f64"
        whole = self.body.put(f"call {after} @llvm.fptosi.sat.{after}.{suffix}({before} {x})")
        if new.kind == "i":
            return whole
        above = self.body.put(f"call {after} @llvm.fptoui.sat.{after}.{suffix}({before} {x})")
        return self.select(self.compare("lt", old, x, literal(0, old)), new, whole, above)

    # Instructions that are several of LLVM's, or others for whole numbers

    def emit_neg(self, dtype: DType, x: str) -> str:
        return self.body.put(f"fneg {type_of(dtype)} {x}" if dtype.kind == "f" else f"sub {type_of(dtype)} 0, {x}")

    def emit_abs(self, dtype: DType, x: str) -> str:
        if dtype.kind == "f":
            return self.intrinsic("fabs", type_of(dtype), [x])
        return x if dtype.kind in "ub" else self.select(self.compare("lt", dtype, x, "0"), dtype, self.emit_neg(dtype, x), x)

    def _extreme(self, test: str, dtype: DType, x: str, y: str) -> str:
        found = self.select(self.compare(test, dtype, x, y), dtype, x, y)  # of two zeros the second, as in NumPy
        return self.select(self.emit_isnan(dtype, x), dtype, x, found) if dtype.kind == "f" else found

    def emit_max2(self, dtype: DType, x: str, y: str) -> str:
        return self._extreme("gt", dtype, x, y) if dtype.kind != "b" else self.body.put(f"or i1 {x}, {y}")

    def emit_min2(self, dtype: DType, x: str, y: str) -> str:
        return self._extreme("lt", dtype, x, y) if dtype.kind != "b" else self.body.put(f"and i1 {x}, {y}")

    def emit_square(self, dtype: DType, x: str) -> str:
        return self.body.put(f"{'fmul contract' if dtype.kind == 'f' else 'mul'} {type_of(dtype)} {x}, {x}")

    def emit_reciprocal(self, dtype: DType, x: str) -> str:
        return self.body.put(f"fdiv {type_of(dtype)} {literal(1, dtype)}, {x}")

    def emit_sign(self, dtype: DType, x: str) -> str:
        zero, one, less = literal(0, dtype), literal(1, dtype), literal(-1, dtype) if dtype.kind != "u" else "0"
        below = self.select(self.compare("lt", dtype, x, zero), dtype, less, x if dtype.kind == "f" else zero)
        return self.select(self.compare("gt", dtype, x, zero), dtype, one, below)

    def emit_not(self, dtype: DType, x: str) -> str:
        return self.body.put(f"xor i1 {x}, true")

    def emit_invert(self, dtype: DType, x: str) -> str:
        return self.body.put(f"xor {type_of(dtype)} {x}, {'true' if dtype.kind == 'b' else '-1'}")

    def emit_shl(self, dtype: DType, x: str, y: str) -> str:
        return self.shifted("shl", dtype, x, y, "0")

    def emit_shr(self, dtype: DType, x: str, y: str) -> str:
        if dtype.kind != "i":
            return self.shifted("lshr", dtype, x, y, "0")
        return self.shifted("ashr", dtype, x, y, self.body.put(f"ashr {type_of(dtype)} {x}, {8 * dtype.itemsize - 1}"))

    def shifted(self, name: str, dtype: DType, x: str, y: str, beyond: str) -> str:
        """A shift, which LLVM leaves undefined from the width of the number on."""
        kind, width = type_of(dtype), 8 * dtype.itemsize
        inside = self.body.put(f"icmp ult {kind} {y}, {width}")
        by = self.body.put(f"select i1 {inside}, {kind} {y}, {kind} 0")
        return self.body.put(f"select i1 {inside}, {kind} {self.body.put(f'{name} {kind} {x}, {by}')}, {kind} {beyond}")

    def emit_isnan(self, dtype: DType, x: str) -> str:
        return self.body.put(f"fcmp uno {type_of(dtype)} {x}, {x}") if dtype.kind == "f" else "false"

    def emit_isinf(self, dtype: DType, x: str) -> str:
        return self.compare("eq", dtype, self.emit_abs(dtype, x), literal(math.inf, dtype)) if dtype.kind == "f" else "false"

    def emit_isfinite(self, dtype: DType, x: str) -> str:
        return self.compare("lt", dtype, self.emit_abs(dtype, x), literal(math.inf, dtype)) if dtype.kind == "f" else "true"

    def emit_hypot(self, dtype: DType, x: str, y: str) -> str:
        """The larger side times what the other one adds to it: no square overflows."""
        kind, zero, one = type_of(dtype), literal(0, dtype), literal(1, dtype)
        sides = [self.emit_abs(dtype, x), self.emit_abs(dtype, y)]
        large, small = self.intrinsic("maximum", kind, sides), self.intrinsic("minimum", kind, sides)
        ratio = self.body.put(f"fdiv {kind} {small}, {large}")
        grown = self.intrinsic("sqrt", kind, [self.body.put(f"fadd {kind} {one}, {self.emit_square(dtype, ratio)}")])
        product = self.body.put(f"fmul {kind} {large}, {grown}")
        found = self.select(self.compare("eq", dtype, large, zero), dtype, zero, product)
        for side in sides:  # infinity, whatever the other side is
            found = self.select(self.emit_isinf(dtype, side), dtype, literal(math.inf, dtype), found)
        return found

    def emit_philox(self, dtype: DType, seed: str, element: str, stream: str) -> str:
        """A float32 in [0, 1): ten rounds of Philox-2x32 (Salmon et al. 2011), whose counter is the element and the stream."""
        word, low = self.body.integer, LOW
        key, x = word("and", seed, low), word("and", element, low)
        y = word("xor", word("lshr", element, 32), word("add", word("lshr", seed, 32), stream))
        y = word("and", y, low)
        for _ in range(10):
            product = word("mul", x, 0xD256D193)
            x = word("xor", word("xor", word("lshr", product, 32), key), y)
            y = word("and", product, low)
            key = word("and", word("add", key, 0x9E3779B9), low)
        whole = self.body.put(f"trunc i64 {word('lshr', x, 8)} to i32")
        return self.body.put(f"fmul float {self.body.put(f'uitofp i32 {whole} to float')}, {literal(2.0**-24, np.dtype(np.float32))}")

    def emit_mod(self, dtype: DType, x: str, y: str) -> str:
        """The remainder with the sign of the divisor."""
        kind, zero = type_of(dtype), literal(0, dtype)
        rest = self.body.put(f"frem {kind} {x}, {y}")
        differ = self.body.put(f"xor i1 {self.compare('lt', dtype, rest, zero)}, {self.compare('lt', dtype, y, zero)}")
        wrong = self.body.put(f"and i1 {differ}, {self.compare('ne', dtype, rest, zero)}")
        moved = self.select(wrong, dtype, self.body.put(f"fadd {kind} {rest}, {y}"), rest)
        return self.select(self.compare("eq", dtype, moved, zero), dtype, self.intrinsic("copysign", kind, [zero, y]), moved)

    def emit_floordiv(self, dtype: DType, x: str, y: str) -> str:
        """The quotient rounded down, exact even where x / y is rounded up to a whole number."""
        kind, zero = type_of(dtype), literal(0, dtype)
        rest, quotient = self.body.put(f"frem {kind} {x}, {y}"), self.body.put(f"fdiv {kind} {x}, {y}")
        exact = self.body.put(f"fdiv {kind} {self.body.put(f'fsub {kind} {x}, {rest}')}, {y}")
        whole = self.intrinsic("rint", kind, [exact])
        differ = self.body.put(f"xor i1 {self.compare('lt', dtype, rest, zero)}, {self.compare('lt', dtype, y, zero)}")
        down = self.body.put(f"and i1 {differ}, {self.compare('ne', dtype, rest, zero)}")
        found = self.select(down, dtype, self.body.put(f"fsub {kind} {whole}, {literal(1, dtype)}"), whole)
        signed = self.select(self.compare("eq", dtype, found, zero), dtype, self.intrinsic("copysign", kind, [zero, quotient]), found)
        return self.select(self.compare("eq", dtype, y, zero), dtype, quotient, signed)
