"""Direct convolutions of arrays: the plans of `codegen/conv`, run on them, with memory for what these need."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codegen.conv import plan
from ..codegen.conv.plan import LINE, Function, Operand, Plan
from ..codegen.emit import llvm
from ..codegen.gemm.contraction import address_of
from ..codegen.runtime import memory, pool
from ..core.layout import steps

Array = np.ndarray[Any, Any]
NAMES = {"f": "float32", "d": "float64"}


def aligned(count: int, dtype: Any) -> Array:
    """Elements of unspecified contents that begin with a line of the cache."""
    size = count * np.dtype(dtype).itemsize
    whole = memory.empty((size + LINE,), np.uint8)
    start = -address_of(whole) % LINE
    return whole[start : start + size].view(dtype)


def operand(array: Array) -> Operand:
    """An array as plans see it."""
    return Operand(array.shape, steps(array))


def multiply(x: Array, weight: Array, bias: Array | None, geometry: Any, out: Array, threads: int, back: bool = False) -> None:
    """The windows of x (N, C, *sizes) times weight (O, C, *kernel), plus bias (O,), in out (N, O, *out).

    A weight (C, 1, *kernel) is for each channel by itself. With `back` gradients x (N, C, *out) are taken back through a convolution of
    that geometry, to out (N, O, *sizes); the weight is turned round already.
    """
    ends = operand(x), operand(weight), operand(out)
    found = plan.convolution(NAMES[x.dtype.char], geometry, *ends, bias is not None, back, llvm.vector_bits(), threads)
    places = {"x": address_of(x), "weight": address_of(weight), "out": address_of(out)}
    if bias is not None:
        bias = np.ascontiguousarray(bias)
        places["bias"] = address_of(bias)
    run(found, places, x.itemsize, threads)


def weight_grad(x: Array, y: Array, geometry: Any, out: Array, threads: int) -> bool:
    """Put the gradient of a weight into out (O, C, *kernel), from x (N, C, *sizes) and y (N, O, *out); False if no tile fits well."""
    found = plan.weight_gradient_plan(NAMES[x.dtype.char], geometry, operand(x), operand(y), operand(out), llvm.vector_bits(), threads)
    if found is None:
        return False
    run(found, {"x": address_of(x), "y": address_of(y), "out": address_of(out)}, x.itemsize, threads)
    return True


def has_weight_gradient(x: Array, y: Array, geometry: Any, groups: int, threads: int) -> bool:
    """Whether `weight_grad` puts the gradient of such arrays, lying row by row, anywhere."""
    shapes = x.shape, y.shape, (y.shape[1], x.shape[1] // groups, *geometry.kernel)
    ends = map(plan.in_rows, shapes)
    return plan.weight_gradient_plan(NAMES[x.dtype.char], geometry, *ends, llvm.vector_bits(), threads) is not None


def run(found: Plan, places: dict[str, int], itemsize: int, threads: int) -> None:
    """Make a plan's calls; `places` has the addresses of the operands."""
    size = 0
    for name, count in (*found.memory, ("scratch", found.scratch * threads)):
        places[name] = size
        size += -(-count * itemsize // LINE) * LINE
    whole = memory.empty((size + LINE,), np.uint8)
    start = address_of(whole) + -address_of(whole) % LINE
    for name, _ in (*found.memory, ("scratch", 0)):
        places[name] += start
    places["size"] = found.scratch
    for call in found.calls:
        arguments = [places[a] if isinstance(a, str) else a.address if isinstance(a, Function) else a for a in call.arguments]
        pool.run(call.function, arguments, 1 if call.serial else threads)
