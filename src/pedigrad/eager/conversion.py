"""Large arrays of 16-bit floats as float32 and back, as native code."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..codegen.emit import llvm
from ..codegen.emit.kernel_body import share
from ..codegen.gemm.contraction import address_of
from ..codegen.gemm.microkernel import NARROW, Body, rounded, widened
from ..codegen.runtime import memory, pool

Array = np.ndarray[Any, Any]
LANES = 16


def converted(x: Array, dtype: np.dtype[Any], threads: int) -> Array:
    """A contiguous array of float32 in bfloat16 or float16, or one of these in float32, laid out as it is."""
    out = memory.empty(x.shape, dtype)
    narrow = dtype if dtype.itemsize == 2 else x.dtype
    pool.run(_function(narrow.name, dtype.itemsize == 2), (address_of(x), address_of(out), x.size), threads)
    return out


@functools.cache
def _function(narrow: str, rounds: bool) -> int:
    """The address of `convert(x, out, count, thread, threads)`."""
    body = Body("convert", "ptr %x, ptr %out, i64 %count, i64 %thread, i64 %threads", llvm.vector_bits(), "")
    source = NARROW[narrow][0]
    given, made, change = ("float", source, rounded) if rounds else (source, "float", widened)
    low, high = share(body, "%count")
    whole = body.integer("sub", high, body.integer("and", body.integer("sub", high, low), LANES - 1))
    for start, end, lanes in ((low, whole, LANES), (whole, high, 1)):
        with body.loop(start, end, lanes) as loop:
            value = body.put(f"load <{lanes} x {given}>, ptr {body.at('%x', loop.index, given)}, align 2")
            value = change(body, source, lanes, value)
            body.do(f"store <{lanes} x {made}> {value}, ptr {body.at('%out', loop.index, made)}, align 2")
    text = "\n".join([*sorted(body.intrinsics), body.text()])
    return llvm.load(text, ["convert"], optimise=False)["convert"]
