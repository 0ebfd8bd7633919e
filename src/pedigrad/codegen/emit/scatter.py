"""Rows that are added to those rows of a matrix that indices name."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from . import llvm
from .kernel_body import KernelBody, inside, share
from .module import finished
from .scalar_ir import ScalarIR, identity, memory_type


def scattering(name: str, dtype: np.dtype[Any], rows: object, shape: tuple[object, object], into_zeros: bool, arguments: str = "") -> str:
    """`void name(ptr x, ptr rows, ptr out, arguments, i64 thread, i64 threads)`: each thread adds its share of the columns, row after row.

    There are so many `rows` of x, and `out` is of that `shape`, each a number or one of the arguments.
    """
    body = KernelBody(name, f"ptr %x, ptr %rows, ptr %out, {arguments}i64 %thread, i64 %threads", llvm.vector_bits())
    scalar, kind = ScalarIR(body), memory_type(dtype)
    count, width = shape
    low, high = share(body, width)
    if into_zeros:
        with body.loop("0", count) as row:
            start = body.integer("mul", row.index, width)
            with body.parallel(low, high) as column:
                place = body.at("%out", body.integer("add", start, column), kind)
                body.do(f"store {kind} {identity('sum', dtype)}, ptr {place}{body.access}")
    with body.loop("0", rows) as row:
        target = inside(body, body.put(f"load i64, ptr {body.at('%rows', row.index)}"), count)
        to, start = body.integer("mul", target, width), body.integer("mul", row.index, width)
        with body.parallel(low, high) as column:
            place = body.at("%out", body.integer("add", to, column), kind)
            x = body.put(f"load {kind}, ptr {body.at('%x', body.integer('add', start, column), kind)}{body.access}")
            before = body.put(f"load {kind}, ptr {place}{body.access}")
            body.do(f"store {kind} {scalar.combine('sum', dtype, before, x)}, ptr {place}{body.access}")
    return body.text()


@functools.cache
def adding(dtype: np.dtype[Any]) -> int:
    """The address of `void add(ptr x, ptr rows, ptr out, i64 many, i64 count, i64 width, i64 thread, i64 threads)`: rows of x are added."""
    text = scattering("add", dtype, "%many", ("%count", "%width"), False, "i64 %many, i64 %count, i64 %width, ")
    return llvm.load(finished([text.replace("define internal", "define", 1)]), ["add"])["add"]
