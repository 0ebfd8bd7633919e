"""Memory for large arrays that is kept when they die: pages fresh from the system cost more than most kernels.

`empty` gives arrays as `np.empty` does. The `base` of a large one is a `Loan` of memory, which comes back here when the last array
on it is gone.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import math
from typing import Any

import numpy as np

from ..emit import llvm
from ..emit.kernel_body import share
from ..gemm.microkernel import Body
from . import pool

Array = np.ndarray[Any, Any]
LARGE = 1 << 20  # bytes from which memory is kept
ALIGN = 64  # what addresses of such memory are multiples of: kernels may write whole lines of it past the caches
PAGE = 4096
STEP = 9 * ALIGN  # how far from a page's start each further piece of memory begins: a processor confuses equal places of two pages
MOST = 1 << 29  # bytes that are kept unused at most
_free: dict[int, list[Array]] = {}  # unused memory by size
_unused = 0
_pieces = itertools.count()


class Loan:
    """Marks the bases of arrays whose memory comes from here."""

    lends_once = True  # one array lies on it, and stands for the storage


@functools.cache
def _loan(size: int) -> Any:
    """The class of loans of so many bytes: a ctypes array, which NumPy keeps as a base."""

    def back(self: Any) -> None:
        give_back(self.memory)

    return type("LoanOfBytes", (ctypes.c_char * size, Loan), {"__del__": back})


def give_back(memory: Array) -> None:
    """Keep memory for the next array of its size, if not too much is kept already."""
    global _unused
    if _unused + memory.nbytes <= MOST:
        _unused += memory.nbytes
        _free.setdefault(memory.nbytes, []).append(memory)


def empty(shape: Any, dtype: Any) -> Array:
    """An array of unspecified contents."""
    global _unused
    dtype = np.dtype(dtype)
    size = dtype.itemsize
    for n in shape:
        size *= n
    if size < LARGE:
        return np.empty(shape, dtype)
    rounded = 1 << (size - 1).bit_length()
    if size <= rounded * 3 // 4:
        rounded = rounded * 3 // 4
    try:
        memory = _free[rounded].pop()
        _unused -= rounded
    except (KeyError, IndexError):
        whole = np.empty(rounded + PAGE, np.uint8)
        start = (next(_pieces) * STEP - whole.__array_interface__["data"][0]) % PAGE
        memory = whole[start : start + rounded]
    loan = _loan(rounded).from_buffer(memory)
    loan.memory = memory
    return np.ndarray(shape, dtype, loan)


def making(shape: tuple[int, ...], dtype: Any) -> functools.partial[Array]:
    """What gives arrays of one shape and dtype as `empty` does."""
    return functools.partial(np.empty if math.prod(shape) * np.dtype(dtype).itemsize < LARGE else empty, shape, dtype)


def block(size: int) -> Array:
    """Bytes for what lives within a program; tests put others in its place, with guard pages."""
    return np.empty(size, np.uint8)


def zeros(shape: Any, dtype: Any, threads: int = 1) -> Array:
    """An array of zeros, which several threads write where it is large."""
    out = empty(shape, dtype)
    if out.nbytes >= LARGE and threads > 1:
        pool.run(_clearing(), (out.__array_interface__["data"][0], out.nbytes), threads)
    else:
        out.fill(0)
    return out


@functools.cache
def _clearing() -> int:
    """The address of `clear(out, bytes, thread, threads)`, which sets a thread's share of the lines there to zero."""
    body = Body("clear", "ptr %out, i64 %bytes, i64 %thread, i64 %threads", llvm.vector_bits(), linkage="")
    lines = body.integer("udiv", body.integer("add", "%bytes", ALIGN - 1), ALIGN)
    first, last = (body.smaller(body.integer("mul", n, ALIGN), "%bytes") for n in share(body, lines))
    body.call(
        "void", "llvm.memset.p0.i64", f"ptr {body.at('%out', first, 'i8')}", "i8 0", f"i64 {body.integer('sub', last, first)}", "i1 false"
    )
    return llvm.load("\n".join([*body.intrinsics, body.text()]), ["clear"], optimise=False)["clear"]


def zeros_like(array: Array) -> Array:
    """An array of zeros of another's shape, which lies as that does."""
    return zeros(array.shape, array.dtype) if array.nbytes >= LARGE and array.flags.c_contiguous else np.zeros_like(array)


def is_whole(array: Array) -> bool:
    """Whether an array is all of its memory, not a view of another's."""
    return array.base is None or isinstance(array.base, Loan)


def release() -> None:
    """Give all unused memory back to the system."""
    global _unused
    _free.clear()
    _unused = 0
