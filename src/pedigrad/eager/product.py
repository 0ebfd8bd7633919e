"""Matrix products of arrays as NumPy's `matmul` has them, for eager operations: what follows from shapes and strides is worked out once."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

import numpy as np

from ..codegen.gemm import contraction
from ..codegen.gemm.contraction import Layout, Site, address_of, scratch
from ..codegen.runtime import memory, pool

Array = np.ndarray[Any, Any]
SHARED = 1 << 21  # multiplications from which several threads share a product: a worker that sleeps must be woken up
MOST = 4096  # signatures that are kept


class Signature(NamedTuple):
    """What is known of a product of arrays of certain shapes and strides."""

    function: Any
    plan: Layout
    shape: tuple[int, ...]
    exchanged: bool  # whether the transpose is computed
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


def signature(a: Array, b: Array, out: Array | None, bias: Array | None) -> Signature:
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
    return Signature(function, plan, shape, exchanged, made.size * a.shape[-1] >= SHARED)
