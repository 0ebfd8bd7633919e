"""Sums of products of two strided arrays: C[b, m, n] (+)= sum over k of A[b, m, k] * B[b, k, n], as generated native code.

b, m, n and k are tuples of dimensions, each with a stride for every operand that has it: a transposed operand needs no copy, a
convolution is a sum over a sliding-window view. Both operands are packed into panels, which the microkernel multiplies into a
tile of C; where that is not whole, or an epilogue has to come first, it goes through memory of its own.

One native function serves all shapes and strides. It is given a `Layout` and does the share of one thread; threads share
nothing. Every element is summed in the same order whatever the number of threads.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..emit import llvm
from ..runtime import memory, pool
from .gemv import ROWS, gemv
from .macrokernel import IRREGULAR, TABLES, WORDS, driver
from .microkernel import ELEMENTS, SQUARE, Epilogue, Site, Tile, finish, microkernel, square_microkernel, tile_for
from .packing import A, B, offsets, pack, pack_squares

__all__ = ["Dimension", "Epilogue", "Layout", "Site", "compiled", "gemm", "layout", "module", "run"]

STEPS = {512: 512, 256: 384, 128: 384}  # of k in a block, by the width of registers: with AVX2 a panel fits the first-level cache
SQUARES = 16  # of k in a block, where panels are multiplied by squares: a panel leaves a third of the first-level cache
CHUNK = 4096  # rows or columns whose offsets a table has
GROUP = 512  # bytes of a step that are packed at once where steps lie whole pages apart
PAGE = 4096


class Dimension(NamedTuple):
    """A size and the strides of A, B and C along it, in elements."""

    size: int
    a: int
    b: int
    c: int


class Layout(NamedTuple):
    """What native code is told of a contraction, its address, and the bytes of scratch memory that each thread needs.

    Scratch memory is one piece for all threads that begins at a multiple of 64. `is_gemv` says whether `gemv` does it, without packing.
    """

    words: np.ndarray
    address: int
    scratch: int
    is_gemv: bool


# The module


def module(name: str, dtype: str, epilogue: Epilogue | None = None, bits: int = 0, rounded: bool = True) -> tuple[str, set[str]]:
    """The definitions of `name` and of the functions it calls, and the declarations that these need.

    void name(ptr a, ptr b, ptr c, ptr extra, ptr scratch, ptr layout, i64 thread, i64 threads)
    """
    bits = bits or llvm.vector_bits()
    tile = tile_for(dtype, bits)
    if not rounded:
        tile = tile._replace(rounded=False)
    kernel = square_microkernel if tile.square else microkernel
    bodies = [
        kernel(f"{name}.multiply", tile, tile.rows),
        kernel(f"{name}.multiply_narrow", tile, tile.rows, 1),
        *(kernel(f"{name}.multiply_{rows}", tile, rows) for rows in tile.few),
        offsets(f"{name}.offsets", bits),
        (pack_squares if tile.square else pack)(f"{name}.pack_a", tile, tile.rows),
        pack(f"{name}.pack_b", tile, tile.columns),
        finish(f"{name}.finish", tile, epilogue),
        *([gemv(name, tile, {word: place for place, word in enumerate(WORDS)})] if tile.is_plain else []),
        driver(name, tile, epilogue is not None),
    ]
    return "\n".join(body.text() for body in bodies), set().union(*(body.intrinsics for body in bodies))


# The layout


Index = tuple[Dimension, ...]


def layout(batch: Index, m: Index, n: Index, k: Index, dtype: str, accumulate: bool = False, bits: int = 0) -> Layout:
    """The layout of a contraction over tuples of dimensions, last one fastest."""
    tile = tile_for(dtype, bits or llvm.vector_bits())
    indices = dict(zip("bmnk", (merged(index) for index in (batch, m, n, k)), strict=True))
    values = dict(zip(("batches", "m", "n", "k"), (_product(index) for index in indices.values()), strict=True))
    over_n = values["n"] * tile.rows > values["m"] * tile.columns  # more panels are divided more evenly
    values |= dict(accumulate=int(accumulate), over_n=int(over_n))
    values |= dict(zip(("step_a", "step_b"), indices["k"][0][1:3] if len(indices["k"]) == 1 else (IRREGULAR,) * 2, strict=True))
    values |= _gemv(values, indices, tile)
    values |= _blocks(values, indices, tile)
    values["scratch"] = 0
    for name, size in _sizes(values, tile).items():
        values[f"at_{name}"] = values["scratch"]
        values["scratch"] += up(size, 64)
    flat: list[int] = []
    for name, index in indices.items():
        values[f"index_{name}"] = len(WORDS) + len(flat)
        flat += [len(index), *(number for dimension in index for number in dimension)]
    words = np.array([values[word] for word in WORDS] + flat, np.int64)
    return Layout(words, address_of(words), values["scratch"], bool(values["gemv"]))


@functools.lru_cache(1024)
def planned(batch: Any, m: Any, n: Any, k: Any, dtype: str, accumulate: bool) -> Layout:
    """The layout of a contraction, kept: dimensions are tuples here."""
    batch, m, n, k = (tuple(Dimension(*each) for each in index) for index in (batch, m, n, k))
    return layout(batch, m, n, k, dtype, accumulate)


def _gemv(values: dict[str, int], indices: dict[str, Index], tile: Tile) -> dict[str, int]:
    """Whether there are only few rows, and both operands lie in memory along the sums, as they are multiplied."""
    rows, columns = indices["m"], indices["n"]
    along = values["step_a"] == values["step_b"] == 1 and len(rows) == len(columns) == 1
    return dict(gemv=int(along and values["m"] <= ROWS and tile.is_plain), row_a=rows[0].a, row_b=columns[0].b)


def _blocks(values: dict[str, int], indices: dict[str, Index], tile: Tile) -> dict[str, int]:
    """The sizes of blocks."""
    streamed, resident, operand = ("n", "m", B) if values["over_n"] else ("m", "n", A)
    width = dict(m=tile.rows, n=tile.columns)
    words, multiple = (SQUARES * SQUARE, SQUARE * tile.depth) if tile.square else (STEPS[tile.bits], 8)
    kc = _even(values["k"], words * tile.depth, multiple)
    most = max(resident_bytes() // (kc // tile.depth * tile.size * width[resident]), 1) * width[resident]
    chunk = up(min(max(values[streamed], 1), CHUNK), width[streamed])
    step = values["step_b" if values["over_n"] else "step_a"]
    near = any(dimension[1 + operand] == 1 for dimension in indices[streamed])
    # Steps that lie whole pages apart push one another out of the cache before the next panel comes for the rest of their lines.
    far = near and step not in (0, IRREGULAR) and step * tile.source_size % PAGE == 0
    group = min(max(GROUP // tile.source_size // width[streamed], 1) * width[streamed], chunk) if far else width[streamed]
    return dict(kc=kc, block=_even(values[resident], most, width[resident]), chunk=chunk, group=group)


def blocks_of_k(plan: Layout) -> int:
    """In how many blocks a contraction's sums are taken: where there are several, they lie in C before they are complete."""
    return -(-int(plan.words[WORDS.index("k")]) // int(plan.words[WORDS.index("kc")]))


@functools.cache
def resident_bytes() -> int:
    """The bytes of a resident block: three quarters of a processor's second-level cache, taken for 512 KiB where nobody says."""
    try:
        size = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text().strip()
        return int(size.removesuffix("K")) * 1024 * 3 // 4
    except (OSError, ValueError):
        return 3 << 17


def _sizes(values: dict[str, int], tile: Tile) -> dict[str, int]:
    """The bytes of what lies in scratch memory."""
    entries = {"k": values["kc"], "m": values["block"], "n": values["chunk"]}
    if not values["over_n"]:
        entries |= {"m": values["chunk"], "n": values["block"]}
    beyond = tile.lanes * (tile.columns + 1)  # what packing may write after the panels
    sizes = {"tile": tile.rows * tile.columns * tile.size, "places": 16 * tile.rows, "packed": 24, "batch": 32}
    sizes |= {table: 16 * (entries[table[0]] + 1) for table in TABLES}
    panels = {"resident": values["block"], "streamed": values["group"]}
    return sizes | {name: (count * (values["kc"] // tile.depth) + beyond) * tile.size for name, count in panels.items()}


def merged(index: Index) -> Index:
    """The same index in as few dimensions as its strides allow, at least one."""
    found: list[Dimension] = []
    for dimension in index:
        if dimension.size == 1:
            continue
        last = found[-1] if found else None
        if last is not None and all(x == y * dimension.size for x, y in zip(last[1:], dimension[1:], strict=True)):
            found[-1] = Dimension(last.size * dimension.size, *dimension[1:])
        else:
            found.append(dimension)
    return tuple(found) or (Dimension(1, 0, 0, 0),)


def _product(index: Index) -> int:
    total = 1
    for dimension in index:
        total *= dimension.size
    return total


def up(count: int, multiple: int) -> int:
    """The next multiple."""
    return -(-count // multiple) * multiple


def _even(extent: int, most: int, multiple: int) -> int:
    """The size of blocks of at most `most` that are about equal, a multiple."""
    blocks = max(-(-extent // most), 1)
    return max(up(-(-extent // blocks), multiple), multiple)


# From Python


@functools.cache
def compiled(dtype: str, epilogue: Epilogue | None = None, bits: int = 0, rounded: bool = True) -> Any:
    """The native function for a dtype and an epilogue, whatever the shapes and strides; sums of 16-bit floats may stay float32."""
    text, declarations = module("contract", dtype, epilogue, bits, rounded)
    addresses = llvm.load("\n".join([*sorted(declarations), text]), ["contract"], optimise=False)  # it is written optimised
    return llvm.function(addresses["contract"], 6, 2)


class _Own(threading.local):
    """The scratch memory that each Python thread keeps, and the first address in it that is a multiple of 64.

    What has become too small is kept too: a call may have been told where it is, and be interrupted by a signal's handler before it runs.
    """

    memory = np.empty(0, np.uint8)
    address = 0
    outgrown: tuple[np.ndarray, ...] = ()


_own = _Own()


def scratch(size: int) -> int:
    """The address of so many bytes of the calling thread's scratch memory."""
    if _own.memory.nbytes < size + 64:
        _own.outgrown = (*_own.outgrown, _own.memory)
        _own.memory = np.empty(1 << (size + 63).bit_length(), np.uint8)  # at least twice as much as before: all together is twice the last
        _own.address = up(address_of(_own.memory), 64)
    return _own.address


_AFTER_HEADER = object.__basicsize__  # the data pointer is the first field of NumPy's array object


def address_of(array: np.ndarray) -> int:
    """The address of an array's first element; much faster than `array.ctypes.data`."""
    return ctypes.c_size_t.from_address(id(array) + _AFTER_HEADER).value


def run(
    function: Any, a: np.ndarray, b: np.ndarray, c: np.ndarray, plan: Layout, threads: int = 1, extra: Sequence[np.ndarray] = ()
) -> None:
    """Call a compiled contraction on arrays."""
    assert a.__class__ is b.__class__ is c.__class__ is np.ndarray, "native code reads the memory of arrays"
    pointers = np.array([address_of(x) for x in extra], np.uintp) if extra else None
    more = 0 if pointers is None else address_of(pointers)
    arguments = (address_of(a), address_of(b), address_of(c), more, scratch(plan.scratch * threads), plan.address)
    if threads == 1:
        function(*arguments, 0, 1)
    else:
        pool.run(function, arguments, threads)


Numbers = tuple[int, ...]


def product_shape(a: np.ndarray, b: np.ndarray) -> Numbers:
    """The shape of the matrix product of two arrays, whose leading dimensions broadcast; ValueError where there is none."""
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
        raise ValueError(f"shapes {a.shape} and {b.shape} cannot be multiplied")
    batch = () if a.ndim == b.ndim == 2 else np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return (*batch, a.shape[-2], b.shape[-1])


@functools.lru_cache(1024)
def product_layout(
    shapes: tuple[Numbers, ...], strides: tuple[Numbers, ...], dtype: str, accumulate: bool = False, epilogue: bool = False, bits: int = 0
) -> tuple[bool, Layout]:
    """Whether to exchange the operands of a matrix product, which gives the transpose, and the layout; an epilogue wants C as it is."""
    exchanged = not epilogue and _better_swapped(shapes, strides[2], tile_for(dtype, bits or llvm.vector_bits()))
    if exchanged:
        shapes, strides = (tuple(_swapped(x) for x in (y[1], y[0], y[2])) for y in (shapes, strides))
    return exchanged, _matmul_layout(shapes, strides, dtype, accumulate, not epilogue, bits)


def _matmul_layout(
    shapes: tuple[Numbers, ...], strides: tuple[Numbers, ...], dtype: str, accumulate: bool, fold: bool, bits: int
) -> Layout:
    tile, c = tile_for(dtype, bits or llvm.vector_bits()), shapes[2]
    sizes = (tile.source_size, tile.source_size, tile.source_size if tile.rounded else tile.size)

    def along(operand: int) -> list[int]:
        """The strides of an operand along the dimensions of the batch, 0 where it has one matrix for all."""
        shape, steps, size = shapes[operand][:-2], strides[operand], sizes[operand]
        own = [0 if n == 1 else step // size for n, step in zip(shape, steps, strict=False)]
        return [0] * (len(c) - 2 - len(own)) + own

    (a_m, a_k), (b_k, b_n), (c_m, c_n) = ((steps[-2] // n, steps[-1] // n) for steps, n in zip(strides, sizes, strict=True))
    a_batch, b_batch, c_batch = map(along, range(3))
    batch: Index = tuple(map(Dimension, c[:-2], a_batch, b_batch, c_batch))
    rows: Index = (Dimension(c[-2], a_m, 0, c_m),)
    columns: Index = (Dimension(c[-1], 0, b_n, c_n),)
    if fold and not any(b_batch):
        rows, batch = (*batch, *rows), ()
    elif fold and not any(a_batch):
        columns, batch = (*batch, *columns), ()
    return layout(batch, rows, columns, (Dimension(shapes[0][-1], a_k, b_k, 0),), dtype, accumulate, bits)


def gemm(
    a: np.ndarray,
    b: np.ndarray,
    out: np.ndarray | None = None,
    threads: int = 1,
    *,
    accumulate: bool = False,
    epilogue: Epilogue | None = None,
    extra: Sequence[np.ndarray] = (),
    bits: int = 0,
) -> np.ndarray:
    """The matrix product of two arrays of one dtype, float32 or float64, in `out`, or added to it.

    Leading dimensions are a batch and broadcast. `out` must not overlap the operands. `extra` is what an `epilogue` reads: its pointers.
    """
    dtype = _NAMES.get(a.dtype)
    if dtype is None or b.dtype != a.dtype:
        raise TypeError(f"gemm: expected two float32 or two float64 arrays, but got {a.dtype} and {b.dtype}")
    shape = product_shape(a, b)
    a, b = (x if x.flags.aligned else x.copy() for x in (a, b))
    if out is None:
        if accumulate:
            raise ValueError("gemm: accumulate=True needs out")
        out = memory.empty(shape, a.dtype)
    elif out.shape != shape or out.dtype != a.dtype or not out.flags.writeable:
        raise ValueError(f"gemm: out must be a writable {a.dtype} array of shape {shape}, but it is {out.dtype} of shape {out.shape}")
    elif not out.flags.aligned:
        raise ValueError("gemm: out is not aligned")
    elif np.may_share_memory(out, a) or np.may_share_memory(out, b):
        raise ValueError("gemm: out may overlap an operand")
    shapes, strides = (a.shape, b.shape, out.shape), (a.strides, b.strides, out.strides)
    exchanged, plan = product_layout(shapes, strides, dtype, accumulate, epilogue is not None, bits)
    left, right = (b, a) if exchanged else (a, b)
    run(compiled(dtype, epilogue, bits), left, right, out, plan, threads, extra)
    return out


_NAMES = {np.dtype(name): name for name in ELEMENTS}


def _better_swapped(shapes: tuple[Numbers, ...], strides: Numbers, tile: Tile) -> bool:
    """Whether to compute the transpose: where C's rows follow each other, not its columns, or where tiles fit it much better."""
    (m, n), k = shapes[2][-2:], shapes[0][-1]
    if n == 1 or strides[-2] < strides[-1]:
        return m > 1
    return k >= 64 and up(m, tile.rows) * up(n, tile.columns) > 2 * up(n, tile.rows) * up(m, tile.columns)


def _swapped(numbers: Numbers) -> Numbers:
    return (*numbers[:-2], numbers[-1], numbers[-2])
