"""Matrix products of arrays as NumPy's `matmul` has them, for eager operations: what follows from shapes and strides is worked out once."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

import numpy as np

from . import contraction, llvm, memory, pool
from .contraction import Layout, Numbers, Site, address_of, scratch
from .microkernel import tile_for

Array = np.ndarray[Any, Any]
SHARED = 1 << 21  # multiplications from which several threads share a product: a worker that sleeps must be woken up
MOST = 4096  # signatures that are kept


class Signature(NamedTuple):
    """What is known of a product of arrays of certain shapes and strides."""

    function: Any
    plan: Layout
    shape: tuple[int, ...]
    swapped: bool  # whether the transpose is computed
    is_shared: bool


_signatures: dict[Any, Signature] = {}


def plus_bias(site: Site) -> str:
    """An epilogue that adds to each column its element of an array."""
    return site.body.put(f"fadd {site.tile.vector} {site.value}, {site.load(site.pointer(0), site.n)}")


def product(a: Array, b: Array, threads: int, out: Array | None = None, bias: Array | None = None) -> Array:
    """The product of two arrays of matrices of one dtype, float32 or float64, in a new array or in `out`, which must not overlap them.

    `bias`, a contiguous array of that dtype, is added to each row of it.
    """
    others = None if out is None else (out.shape, out.strides, out.dtype.char), None if bias is None else (bias.shape, bias.dtype.char)
    key = a.shape, a.strides, a.dtype.char, b.shape, b.strides, b.dtype.char, others
    known = _signatures.get(key)
    if known is None:
        if len(_signatures) >= MOST:
            _signatures.clear()
        known = _signatures[key] = signature(a, b, out, bias)
    function, plan, shape, swapped, is_shared = known
    if out is None:
        out = memory.empty(shape, a.dtype)
    left, right, to = address_of(a), address_of(b), address_of(out)
    if (left | right | to) & (a.itemsize - 1):  # an element lies across words
        out[...] = contraction.gemm(a, b) if bias is None else contraction.gemm(a, b) + bias
        return out
    pointers = None if bias is None else ctypes.c_size_t(address_of(bias))  # lives as long as the call
    extra = 0 if pointers is None else ctypes.addressof(pointers)
    if swapped:
        left, right = right, left
    if is_shared and threads > 1:
        pool.run(function, (left, right, to, extra, scratch(plan.scratch * threads), plan.address), threads)
    else:
        function(left, right, to, extra, scratch(plan.scratch), plan.address, 0, 1)
    return out


def signature(a: Array, b: Array, out: Array | None, bias: Array | None) -> Signature:
    """Work out what is to be known of a product; ValueError for operands that have none."""
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-2] or a.dtype != b.dtype:
        raise ValueError(f"{a.dtype} and {b.dtype} arrays of shapes {a.shape} and {b.shape} cannot be multiplied")
    batch = () if a.ndim == b.ndim == 2 else np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    shape = (*batch, a.shape[-2], b.shape[-1])
    made = np.empty(shape, a.dtype) if out is None else out
    if made.shape != shape or made.dtype != a.dtype:
        raise ValueError(f"the product is a {a.dtype} array of shape {shape}, and out a {made.dtype} array of shape {made.shape}")
    if bias is not None and (bias.shape != shape[-1:] or bias.dtype != a.dtype):
        raise ValueError(f"a {bias.dtype} array of shape {bias.shape} is no bias for a {a.dtype} product of shape {shape}")
    name = a.dtype.name
    shapes: tuple[Numbers, ...] = (a.shape, b.shape, shape)
    strides: tuple[Numbers, ...] = (a.strides, b.strides, made.strides)
    swapped = bias is None and contraction.better_swapped(shapes, made.strides, tile_for(name, llvm.vector_bits()))
    if swapped:
        shapes, strides = (tuple(map(contraction.swapped, (y[1], y[0], y[2]))) for y in (shapes, strides))
    plan = contraction.matmul_layout(shapes, strides, name, False, bias is None, 0)
    work = made.size * a.shape[-1]
    return Signature(contraction.compiled(name, None if bias is None else plus_bias), plan, shape, swapped, work >= SHARED)
