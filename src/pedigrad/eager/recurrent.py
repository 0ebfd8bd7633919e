"""Sequences through recurrent layers: the kernels of `codegen/recurrent`, the matrix packed for them, and what they are given."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..codegen.conv.plan import library, loaded
from ..codegen.emit import llvm
from ..codegen.emit.module import finished
from ..codegen.gemm.contraction import address_of
from ..codegen.gemm.microkernel import tile_for
from ..codegen.gemm.rows import block_of, rows_product
from ..codegen.recurrent.cells import CELLS, Place
from ..codegen.recurrent.sequence import sequence_function
from ..codegen.runtime import memory, pool
from ..core.layout import steps as strides
from .convolution import NAMES, aligned
from .product import SHARED

Array = np.ndarray[Any, Any]
KEPT, SMALL = 8, 1 << 18  # how many packed matrices are kept, and the elements of the largest
_packed: dict[Any, tuple[Array, Array]] = {}  # by where a matrix lies and how, the last used last: its elements then, and packed


@functools.cache
def product_of(dtype: str, bits: int) -> int:
    """The address of the product of a step."""
    return loaded({"rows_product": rows_product(tile_for(dtype, bits))})["rows_product"]


@functools.cache
def loop_of(kind: str, dtype: str, bits: int) -> int:
    """The address of the loop over time of a kind of cell."""
    body, units = sequence_function(kind, tile_for(dtype, bits))
    return llvm.load(finished([*sorted(body.intrinsics), units, body.text()]), [kind])[kind]


def packed(matrix: Array, threads: int) -> Array:
    """A matrix (depth, columns) as `rows_product` takes it.

    One that cells take step after step is packed once, as long as its elements are found to be what they were.
    """
    bits = llvm.vector_bits()
    key = address_of(matrix), matrix.shape, matrix.strides, matrix.dtype.char, bits
    before, made = _packed.pop(key, (None, None))
    if before is None or made is None or not np.array_equal(before, matrix):
        before, made = matrix.copy("K") if matrix.size <= SMALL else None, pack(matrix, bits, threads)
    if before is not None:
        _packed[key] = before, made
        for old in list(_packed)[:-KEPT]:
            _packed.pop(old, None)
    return made


def pack(matrix: Array, bits: int, threads: int) -> Array:
    """The same, made now."""
    depth, columns = matrix.shape
    name = NAMES[matrix.dtype.char]
    tile = tile_for(name, bits)
    lanes, block = tile.lanes, block_of(tile)
    out = aligned(-(-columns // block) * block * depth, matrix.dtype)
    if columns % block:
        out.fill(0)
    down, across = strides(matrix)
    given = address_of(matrix), across, down, depth, 1, columns, depth, 1, 1, lanes, block, address_of(out)
    pool.run(library(name, bits)["pack_weight"], given, threads)
    return out


def run(kind: str, arrays: dict[str, Array], matrix: Array, steps: Sequence[tuple[int, int]], threads: int) -> None:
    """Take sequences through all steps, each a first row and how many there are, in this order; states are written to.

    `arrays` are those of the kind's cell, rows one after the other; one of the state before is followed by `<name>_start`, what it was
    at first. `matrix` is that of the product, to which `bias` is added, an array among them.
    """
    cell, bits, name = CELLS[kind], llvm.vector_bits(), NAMES[matrix.dtype.char]
    state = arrays["h" if cell.forward else "dh"]
    sequences, width = state.shape
    depth, columns = matrix.shape
    if sum(n for _, n in steps) * depth * columns < SHARED:
        threads = 1
    factors = packed(matrix, threads)
    scratch = memory.empty((sequences, columns), matrix.dtype)
    scratch[...] = arrays["bias"] if cell.forward else 0
    table = np.array(steps, np.int64)
    given = [a.name for a in cell.arrays if a.place is not Place.SCRATCH]
    given += [f"{a.name}_start" for a in cell.arrays if a.place is Place.BEFORE]
    places = [address_of(arrays[each]) for each in given]
    rest = product_of(name, bits), address_of(factors), address_of(scratch), address_of(table), len(steps), sequences, width
    pool.run(loop_of(kind, name, bits), (*places, *rest), min(threads, sequences))
