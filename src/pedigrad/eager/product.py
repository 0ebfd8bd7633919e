"""Matrix products of arrays as NumPy's `matmul` has them, for eager operations: what follows from shapes and strides is worked out once."""

from __future__ import annotations

import ctypes
import functools
from typing import Any, NamedTuple

import numpy as np

from ..codegen.emit import llvm
from ..codegen.gemm import contraction
from ..codegen.gemm.contraction import Layout, Site, address_of, scratch
from ..codegen.gemm.microkernel import ELEMENTS, NARROW, has_dot, has_squares, tile_for
from ..codegen.gemm.rows import rows_product, skinny_product, vectors_for
from ..codegen.runtime import memory, pool
from ..core.layout import steps

Array = np.ndarray[Any, Any]
SHARED = 1 << 21  # multiplications from which several threads share a product: a worker that sleeps must be woken up
SHARED_READ = 1 << 17  # the same where each multiplication reads an element of its own
MOST = 4096  # signatures that are kept


FEW_ROWS = 64  # rows from which on it pays not to pack them, where the matrix on the right is small
SMALL = 1 << 14  # its elements


class Signature(NamedTuple):
    """What is known of a product of arrays of certain shapes and strides."""

    function: Any
    plan: Layout
    shape: tuple[int, ...]
    exchanged: bool  # whether the transpose is computed
    is_shared: bool


class Narrow(NamedTuple):
    """What is known of a product of 16-bit floats, whose sums are of float32."""

    function: Any
    plan: Layout
    shape: tuple[int, ...]
    exchanged: bool
    is_shared: bool
    needs_sums: bool  # whether sums lie in memory before they are complete


class Skinny(NamedTuple):
    """What is known of a product of many rows with a small matrix."""

    function: int
    shape: tuple[int, ...]
    sizes: tuple[int, ...]  # of the arguments of `skinny_product`, from the strides of the rows on
    scratch: int  # elements of each thread
    is_shared: bool


_whole: dict[Any, Signature] = {}
_signatures: dict[Any, Signature | Skinny | Narrow] = {}


def plus_bias(site: Site) -> str:
    """An epilogue that adds to each column its element of an array."""
    return site.body.put(f"fadd {site.tile.vector} {site.value}, {site.load(site.pointer(0), site.n)}")


def product(a: Array, b: Array, threads: int, out: Array | None = None, bias: Array | None = None) -> Array:
    """The product of two arrays of matrices of one dtype in a new array or in `out`, which must not overlap them.

    The dtype is float32, float64, bfloat16 or float16; the last two are added up in float32, and complete sums are rounded. `bias`, a
    contiguous array of that dtype, is added to each row before.
    """
    others = None if out is None else (out.shape, out.strides, out.dtype.char), None if bias is None else (bias.shape, bias.dtype.char)
    key = a.shape, a.strides, a.dtype.char, b.shape, b.strides, b.dtype.char, others
    known = _signatures.get(key)
    if known is None:
        if len(_signatures) >= MOST:
            _signatures.clear()
        known = _signatures[key] = skinny(a, b, out, bias) or signature(a, b, out, bias)
    if isinstance(known, Skinny):
        return many_rows(known, a, b, bias, threads)
    if isinstance(known, Narrow):
        return narrow_product(known, a, b, out, bias, threads)
    function, plan, shape, exchanged, is_shared = known
    if out is None:
        out = memory.empty(shape, a.dtype)
    left, right, to = address_of(a), address_of(b), address_of(out)
    if (left | right | to) & (a.itemsize - 1):  # an element lies across words
        out[...] = contraction.gemm(a, b) if bias is None else contraction.gemm(a, b) + bias
        return out
    pointers = None if bias is None else ctypes.c_size_t(address_of(bias))  # lives as long as the call
    extra = 0 if pointers is None else ctypes.addressof(pointers)
    if exchanged:
        left, right = right, left
    if is_shared and threads > 1:
        pool.run(function, (left, right, to, extra, scratch(plan.scratch * threads), plan.address), threads)
    else:
        function(left, right, to, extra, scratch(plan.scratch), plan.address, 0, 1)
    return out


def narrow_product(known: Narrow, a: Array, b: Array, out: Array | None, bias: Array | None, threads: int) -> Array:
    """A product of 16-bit floats."""
    if (address_of(a) | address_of(b)) & 1 or (out is not None and address_of(out) & 1):  # an element lies across words
        a, b = a.copy(), b.copy()
        if out is not None:
            out[...] = product(a, b, threads, None, bias)
            return out
    made = memory.empty(known.shape, a.dtype) if out is None else out
    sums = memory.empty(known.shape, np.float32) if known.needs_sums else made
    added = None if bias is None else bias.astype(np.float32)
    pointers = np.array([address_of(made), 0 if added is None else address_of(added)], np.uintp)
    left, right = (b, a) if known.exchanged else (a, b)
    threads = threads if known.is_shared else 1
    places = address_of(left), address_of(right), address_of(sums), address_of(pointers)
    pool.run(known.function, (*places, scratch(known.plan.scratch * threads), known.plan.address), threads)
    return made


def whole_product(a: Array, b: Array, threads: int) -> Array | None:
    """The product of a matrix of uint8 with one of int8, exact in int32 while it has fewer than 65793 steps; None if that is not native.

    The processor must add several products of bytes at once.
    """
    key = a.shape, a.strides, b.shape, b.strides
    known = _whole.get(key)
    if known is None:
        bits = llvm.vector_bits()
        if not (has_dot("int8", bits) or has_squares("int8", bits)):
            return None
        if len(_whole) >= MOST:
            _whole.clear()
        shape = contraction.product_shape(a, b)
        strides = a.strides, b.strides, (4 * shape[1], 4)
        _, plan = contraction.product_layout((a.shape, b.shape, shape), strides, "int8", epilogue=True)  # which is not exchanged
        is_shared = len(a) * b.size >= SHARED
        known = _whole[key] = Signature(contraction.compiled("int8"), plan, shape, False, is_shared)
    out = memory.empty(known.shape, np.int32)
    threads = threads if known.is_shared else 1
    places = address_of(a), address_of(b), address_of(out), 0, scratch(known.plan.scratch * threads), known.plan.address
    pool.run(known.function, places, threads)
    return out


def many_rows(known: Skinny, a: Array, b: Array, bias: Array | None, threads: int) -> Array:
    """A product of many rows with a small matrix."""
    out = memory.empty(known.shape, a.dtype)
    threads = threads if known.is_shared else 1
    a_row, down, across, *sizes = known.sizes
    left, right, added = address_of(a), address_of(b), address_of(zeros(known.shape[1], a.dtype.char) if bias is None else bias)
    if (left | right | added) & (a.itemsize - 1):  # an element lies across words
        return np.add(contraction.gemm(a, b), 0 if bias is None else bias, out=out)
    place = scratch(known.scratch * threads * a.itemsize)
    pool.run(known.function, (left, a_row, right, down, across, address_of(out), added, *sizes, place, known.scratch), threads)
    return out


@functools.lru_cache(1 << 8)
def zeros(count: int, kind: str) -> Array:
    """A bias of zeros, which nobody writes to."""
    return np.zeros(count, kind)


def skinny(a: Array, b: Array, out: Array | None, bias: Array | None) -> Skinny | None:
    """What is to be known of a product of many rows with a small matrix; None if it is no such."""
    if out is not None or a.ndim != 2 or b.ndim != 2 or a.dtype != b.dtype or a.shape[1] != b.shape[0] or a.dtype.name not in ELEMENTS:
        return None
    if len(a) < FEW_ROWS or b.shape[1] < 2 or not 0 < b.size <= SMALL or a.strides[1] != a.itemsize or not a.flags.aligned:
        return None
    if bias is not None and (bias.shape != b.shape[1:] or bias.dtype != a.dtype or not bias.flags.c_contiguous):
        return None
    tile = tile_for(a.dtype.name, llvm.vector_bits())
    vectors = vectors_for(tile, b.shape[1])
    block = vectors * tile.lanes
    columns = -(-b.shape[1] // block) * block
    sizes = steps(a)[0], *steps(b), len(a), *b.shape
    return Skinny(skinny_function(a.dtype.name, vectors), (len(a), b.shape[1]), sizes, columns * len(b), len(a) * b.size >= SHARED)


@functools.cache
def skinny_function(dtype: str, vectors: int) -> int:
    """The address of the product of many rows with a small matrix, in blocks of so many vectors."""
    tile = tile_for(dtype, llvm.vector_bits())
    bodies = rows_product(tile, biased=True, vectors=vectors), skinny_product(tile, vectors)
    declared = sorted(set().union(*(body.intrinsics for body in bodies)))
    return llvm.load("\n".join([*declared, *(body.text() for body in bodies)]), ["skinny_product"], optimise=False)["skinny_product"]


def signature(a: Array, b: Array, out: Array | None, bias: Array | None) -> Signature | Narrow:
    """Work out what is to be known of a product; ValueError for operands that have none."""
    if a.dtype != b.dtype:
        raise ValueError(f"{a.dtype} and {b.dtype} arrays cannot be multiplied")
    shape = contraction.product_shape(a, b)
    made = np.empty(shape, a.dtype) if out is None else out
    if made.shape != shape or made.dtype != a.dtype:
        raise ValueError(f"the product is a {a.dtype} array of shape {shape}, and out a {made.dtype} array of shape {made.shape}")
    if bias is not None and (bias.shape != shape[-1:] or bias.dtype != a.dtype):
        raise ValueError(f"a {bias.dtype} array of shape {bias.shape} is no bias for a {a.dtype} product of shape {shape}")
    shapes, strides, name = (a.shape, b.shape, shape), (a.strides, b.strides, made.strides), a.dtype.name
    exchanged, plan = contraction.product_layout(shapes, strides, name, epilogue=bias is not None)
    function = contraction.compiled(name, None if bias is None else plus_bias)
    is_shared = made.size * a.shape[-1] >= (SHARED_READ if plan.is_gemv else SHARED)
    if name in NARROW:
        return Narrow(function, plan, shape, exchanged, is_shared, contraction.blocks_of_k(plan) > 1)
    return Signature(function, plan, shape, exchanged, is_shared)
