"""Sums of products of two strided arrays: C[b, m, n] (+)= sum over k of A[b, m, k] * B[b, k, n], as generated native code.

b, m, n and k are tuples of dimensions, each with a stride for every operand that has it: a transposed operand needs no copy, a
convolution is a sum over a sliding-window view. A block of B (KC x NC) and a block of A (MC x KC) are packed into panels, which
the microkernel multiplies into a tile; the tile is added to C, after the epilogue where it is the last one along k.

One native function serves all shapes and strides. It is given a `Layout` and does the share of one thread; threads share
nothing. Every element is summed in the same order whatever the number of threads.
"""

from __future__ import annotations

import concurrent.futures
import ctypes
import functools
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import llvm
from .microkernel import ELEMENTS, FEW, Body, Epilogue, Site, Tile, finish, microkernel, tile_for
from .packing import A, B, C, offsets, pack

__all__ = ["Dimension", "Epilogue", "Layout", "Site", "compiled", "gemm", "layout", "module", "run"]

BLOCKS = {"k": 512, "m": 24, "n": 128}  # KC in elements, MC and NC in panels: half a megabyte of A, eight of B
TABLES = ("k_a", "k_b", "m_a", "m_c", "n_b", "n_c", "b_a", "b_b", "b_c")  # an index and an operand
MEMORY = ("tile", *TABLES, "panels_a", "panels_b")  # what lies in a thread's scratch memory
WORDS = [  # the head of a layout; `scratch` in bytes for each thread, at_* in bytes, index_* in words
    *("batches", "m", "n", "k", "accumulate", "over_n", "kc", "mc", "nc", "scratch"),
    *(f"at_{name}" for name in MEMORY),
    *("index_b", "index_m", "index_n", "index_k"),
]


class Dimension(NamedTuple):
    """A size and the strides of A, B and C along it, in elements."""

    size: int
    a: int
    b: int
    c: int


class Layout(NamedTuple):
    """What native code is told of a contraction, its address, and the bytes of scratch memory that each thread needs.

    Scratch memory is one piece for all threads that begins at a multiple of 64.
    """

    words: np.ndarray
    address: int
    scratch: int


# The module


def module(name: str, dtype: str, epilogue: Epilogue | None = None, bits: int = 0) -> tuple[str, set[str]]:
    """The definitions of `name` and of the functions it calls, and the declarations that these need.

    void name(ptr a, ptr b, ptr c, ptr extra, ptr scratch, ptr layout, i64 thread, i64 threads)
    """
    bits = bits or llvm.vector_bits()
    tile = tile_for(dtype, bits)
    bodies = [
        microkernel(f"{name}.multiply", tile, tile.rows),
        *(microkernel(f"{name}.multiply_{rows}", tile, rows) for rows in FEW[bits]),
        offsets(f"{name}.offsets", bits),
        pack(f"{name}.pack_a", tile, tile.rows),
        pack(f"{name}.pack_b", tile, tile.columns),
        finish(f"{name}.finish", tile, epilogue),
        _driver(name, tile),
    ]
    return "\n".join(body.text() for body in bodies), set().union(*(body.intrinsics for body in bodies))


class _Driver:
    """The loops over blocks; the words of the layout are its attributes."""

    def __init__(self, name: str, tile: Tile):
        self.name, self.tile = name, tile
        arguments = "ptr %a, ptr %b, ptr %c, ptr %extra, ptr %scratch, ptr %layout, i64 %thread, i64 %threads"
        self.body = body = Body(name, arguments, tile.bits, linkage="")
        self.words = {word: body.word("%layout", i) for i, word in enumerate(WORDS)}
        mine = body.at("%scratch", body.integer("mul", self.words["scratch"], "%thread"), "i8")
        self.memory = {word[3:]: body.at(mine, self.words[word], "i8") for word in WORDS if word.startswith("at_")}
        self.indices = {word[6:]: body.at("%layout", self.words[word]) for word in WORDS if word.startswith("index_")}
        for table in TABLES:
            body.do(f"store i64 -1, ptr {self.memory[table]}")

    def table(self, index: str, operand: int, start: object, count: object, multiple: int = 1) -> str:
        """Fill the table of an index for an operand, padded to a multiple; returns the padded count."""
        body, table = self.body, self.memory[f"{index}_{'abc'[operand]}"]
        padded = _rounded(body, count, multiple)
        block = f"i64 {start}, i64 {count}, i64 {padded}"
        self.call(f"offsets(ptr {self.indices[index]}, i64 {operand}, {block}, ptr {table})")
        return padded

    def offset(self, operand: int, batch: str) -> str:
        """Where an operand's element of the batch begins."""
        self.table("b", operand, batch, 1)
        return self.body.word(self.memory[f"b_{'abc'[operand]}"], 2)

    def batches(self) -> None:
        """The thread's share of all panels of all batches."""
        body, words = self.body, self.words
        over_n = body.put(f"icmp ne i64 {words['over_n']}, 0")
        panel = body.put(f"select i1 {over_n}, i64 {self.tile.columns}, i64 {self.tile.rows}")
        extent = body.put(f"select i1 {over_n}, i64 {words['n']}, i64 {words['m']}")
        panels = body.integer("udiv", _rounded(body, extent, panel), panel)
        units = body.integer("mul", words["batches"], panels)
        first = body.integer("udiv", body.integer("mul", units, "%thread"), "%threads")
        last = body.integer("udiv", body.integer("mul", units, body.integer("add", "%thread", 1)), "%threads")
        divisor = body.smaller(panels, 1, "sgt")
        from_batch = body.integer("udiv", first, divisor)
        to_batch = body.integer("udiv", body.integer("sub", body.integer("add", last, divisor), 1), divisor)
        with body.loop(from_batch, to_batch) as loop:
            before = body.integer("mul", loop.index, panels)
            low = body.smaller(body.integer("sub", first, before), 0, "sgt")
            high = body.smaller(body.integer("sub", last, before), panels)
            low = body.integer("mul", low, panel)
            high = body.smaller(body.integer("mul", high, panel), extent)
            m = body.put(f"select i1 {over_n}, i64 0, i64 {low}"), body.put(f"select i1 {over_n}, i64 {words['m']}, i64 {high}")
            n = body.put(f"select i1 {over_n}, i64 {low}, i64 0"), body.put(f"select i1 {over_n}, i64 {high}, i64 {words['n']}")
            self.blocks(loop.index, m, n)

    def blocks(self, batch: str, m: tuple[str, str], n: tuple[str, str]) -> None:
        """A rectangle of C, block by block; the loop over k runs once where k is 0."""
        body, words, tile = self.body, self.words, self.tile
        a, b = (body.at(f"%{'abc'[operand]}", self.offset(operand, batch), tile.element) for operand in (A, B))
        c = self.offset(C, batch)
        accumulate = body.put(f"icmp ne i64 {words['accumulate']}, 0")
        with body.loop(*n, words["nc"]) as over_n:
            columns = body.smaller(words["nc"], body.integer("sub", n[1], over_n.index))
            padded_n = self.table("n", B, over_n.index, columns, tile.columns)
            self.table("n", C, over_n.index, columns, tile.columns)
            with body.loop(0, body.smaller(words["k"], 1, "sgt"), words["kc"]) as over_k:
                after = body.integer("add", over_k.index, words["kc"])
                last = body.put(f"icmp sge i64 {after}, {words['k']}")
                k = body.smaller(words["kc"], body.integer("sub", words["k"], over_k.index))
                later = body.put(f"icmp ne i64 {over_k.index}, 0")
                add = body.put(f"or i1 {accumulate}, {later}")
                self.table("k", A, over_k.index, k)
                self.table("k", B, over_k.index, k)
                self.pack("b", b, "n", padded_n, k)
                with body.loop(*m, words["mc"]) as over_m:
                    rows = body.smaller(words["mc"], body.integer("sub", m[1], over_m.index))
                    padded_m = self.table("m", A, over_m.index, rows, tile.rows)
                    self.table("m", C, over_m.index, rows)
                    self.pack("a", a, "m", padded_m, k)
                    where = f"i64 {batch}, i1 {add}, i1 {last}"
                    self.tiles(k, (rows, columns), (over_m.index, over_n.index), c, where)

    def pack(self, operand: str, source: str, index: str, count: str, k: str) -> None:
        """Pack a block of A or of B."""
        rows, steps, panels = (self.memory[name] for name in (f"{index}_{operand}", f"k_{operand}", f"panels_{operand}"))
        self.call(f"pack_{operand}(ptr {source}, ptr {rows}, ptr {steps}, i64 {count}, i64 {k}, ptr {panels})")

    def tiles(self, k: str, extent: tuple[str, str], start: tuple[str, str], c: str, where: str) -> None:
        """The tiles of a block of C that begins at `start`."""
        body, memory, tile = self.body, self.memory, self.tile
        with body.loop(0, extent[1], tile.columns) as over_n:
            right = body.at(memory["panels_b"], body.integer("mul", over_n.index, k), tile.element)
            n_c = body.at(memory["n_c"], body.integer("add", body.integer("shl", over_n.index, 1), 2))
            n = body.integer("add", start[1], over_n.index)
            width = body.smaller(body.integer("sub", extent[1], over_n.index), tile.columns)
            with body.loop(0, extent[0], tile.rows) as over_m:
                left = body.at(memory["panels_a"], body.integer("mul", over_m.index, k), tile.element)
                m_c = body.at(memory["m_c"], body.integer("add", body.integer("shl", over_m.index, 1), 2))
                m = body.integer("add", start[0], over_m.index)
                height = body.smaller(body.integer("sub", extent[0], over_m.index), tile.rows)
                self.multiply(height, f"(i64 {k}, ptr {left}, ptr {right}, ptr {memory['tile']})")
                place = f"i64 {c}, i64 {height}, i64 {width}, i64 {m}, i64 {n}, {where}"
                self.call(f"finish(ptr {memory['tile']}, ptr %c, ptr {m_c}, ptr {n_c}, {place}, ptr %extra)")

    def multiply(self, height: str, panels: str) -> None:
        """Call the smallest microkernel that has enough rows."""
        otherwise = functools.partial(self.call, f"multiply{panels}")
        for rows in reversed(FEW[self.tile.bits]):
            otherwise = functools.partial(self._multiply_few, height, rows, panels, otherwise)
        otherwise()

    def _multiply_few(self, height: str, rows: int, panels: str, otherwise: Callable[[], str]) -> str:
        few = self.body.put(f"icmp sle i64 {height}, {rows}")
        return self.body.choose(few, "void", functools.partial(self.call, f"multiply_{rows}{panels}"), otherwise)

    def call(self, text: str) -> str:
        """Call one of the other functions."""
        self.body.do(f"call void @{self.name}.{text}")
        return ""


def _driver(name: str, tile: Tile) -> Body:
    driver = _Driver(name, tile)
    driver.batches()
    return driver.body


def _rounded(body: Body, count: object, multiple: object) -> str:
    if multiple == 1:
        return str(count)
    up = body.integer("sub", body.integer("add", count, multiple), 1)
    return body.integer("mul", body.integer("udiv", up, multiple), multiple)


# The layout


Index = tuple[Dimension, ...]


def layout(batch: Index, m: Index, n: Index, k: Index, dtype: str, accumulate: bool = False, bits: int = 0) -> Layout:
    """The layout of a contraction over tuples of dimensions, last one fastest."""
    tile = tile_for(dtype, bits or llvm.vector_bits())
    indices = [merged(index) for index in (batch, m, n, k)]
    batches, rows, columns, steps = (_product(index) for index in indices)
    kc = _even(steps, BLOCKS["k"])
    mc, nc = (_up(min(_up(extent, p), BLOCKS[w] * p), p) for extent, p, w in ((rows, tile.rows, "m"), (columns, tile.columns, "n")))
    values = dict(batches=batches, m=rows, n=columns, k=steps, accumulate=int(accumulate), kc=kc, mc=max(mc, 1), nc=max(nc, 1))
    values["over_n"] = int(batches == 1 and columns > rows)
    entries = {"k": kc, "m": mc, "n": nc, "b": 1}
    sizes = {"tile": tile.rows * tile.columns * tile.size}
    sizes |= {table: 16 * (entries[table[0]] + 1) for table in TABLES}
    beyond = tile.lanes * (tile.columns + 1)  # what packing may write after the panels
    sizes["panels_a"], sizes["panels_b"] = ((count * kc + beyond) * tile.size for count in (mc, nc))
    values["scratch"] = 0
    for name, size in sizes.items():
        values[f"at_{name}"] = values["scratch"]
        values["scratch"] += _up(size, 64)
    flat: list[int] = []
    for name, index in zip("bmnk", indices, strict=True):
        values[f"index_{name}"] = len(WORDS) + len(flat)
        flat += [len(index), *(number for dimension in index for number in dimension)]
    words = np.array([values[word] for word in WORDS] + flat, np.int64)
    return Layout(words, address_of(words), values["scratch"])


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


def _up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple


def _even(extent: int, most: int) -> int:
    """The size of blocks of at most `most` that are about equal."""
    blocks = max(-(-extent // most), 1)
    return max(_up(-(-extent // blocks), 8), 8)


# From Python


@functools.cache
def compiled(dtype: str, epilogue: Epilogue | None = None, bits: int = 0) -> Any:
    """The native function for a dtype and an epilogue, whatever the shapes and strides."""
    text, declarations = module("contract", dtype, epilogue, bits)
    addresses = llvm.load("\n".join([*sorted(declarations), text]), ["contract"], optimise=False)  # it is written optimised
    return llvm.function(addresses["contract"], 6, 2)


@functools.cache
def _workers(process: int) -> concurrent.futures.ThreadPoolExecutor:
    return concurrent.futures.ThreadPoolExecutor(thread_name_prefix="contraction")


class _Own(threading.local):
    """The scratch memory that each Python thread keeps, and the first address in it that is a multiple of 64."""

    memory = np.empty(0, np.uint8)
    address = 0


_own = _Own()


def _scratch(size: int) -> int:
    if _own.memory.nbytes < size + 64:
        _own.memory = np.empty(size + 64, np.uint8)
        _own.address = _up(address_of(_own.memory), 64)
    return _own.address


_AFTER_HEADER = object.__basicsize__  # the data pointer is the first field of NumPy's array object


def address_of(array: np.ndarray) -> int:
    """The address of an array's first element; much faster than `array.ctypes.data`."""
    return ctypes.c_size_t.from_address(id(array) + _AFTER_HEADER).value


def run(
    function: Any, a: np.ndarray, b: np.ndarray, c: np.ndarray, plan: Layout, threads: int = 1, extra: Sequence[np.ndarray] = ()
) -> None:
    """Call a compiled contraction on arrays."""
    pointers = np.array([address_of(x) for x in extra], np.uintp) if extra else None
    more = 0 if pointers is None else address_of(pointers)
    arguments = (address_of(a), address_of(b), address_of(c), more, _scratch(plan.scratch * threads), plan.address)
    pending = [_workers(os.getpid()).submit(functools.partial(function, *arguments, t, threads)) for t in range(1, threads)]
    try:
        function(*arguments, 0, threads)
    finally:
        for future in pending:
            future.result()


Numbers = tuple[int, ...]


@functools.lru_cache(1024)
def _matmul_layout(
    shapes: tuple[Numbers, ...], strides: tuple[Numbers, ...], dtype: str, accumulate: bool, fold: bool, bits: int
) -> Layout:
    size = ELEMENTS[dtype][1]
    (a_batch, a_m, a_k), (b_batch, b_k, b_n), (c_batch, c_m, c_n) = (
        (0 if len(shape) == 2 or shape[0] == 1 else steps[0] // size, steps[-2] // size, steps[-1] // size)
        for shape, steps in zip(shapes, strides, strict=True)
    )
    c = shapes[2]
    batch: Index = (Dimension(c[0], a_batch, b_batch, c_batch),) if len(c) == 3 else ()
    rows: Index = (Dimension(c[-2], a_m, 0, c_m),)
    columns: Index = (Dimension(c[-1], 0, b_n, c_n),)
    if fold and not b_batch:
        rows, batch = (*batch, *rows), ()
    elif fold and not a_batch:
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
    """The matrix product of two 2-D or 3-D arrays of one dtype, float32 or float64, in `out`, or added to it.

    A batch of size 1 or an operand without one is used for all of the other's. `out` must not overlap the operands. `extra` is what
    an `epilogue` reads: its pointers.
    """
    dtype = _NAMES.get(a.dtype)
    if dtype is None or b.dtype != a.dtype:
        raise TypeError(f"gemm: expected two float32 or two float64 arrays, but got {a.dtype} and {b.dtype}")
    if not 2 <= a.ndim <= 3 or not 2 <= b.ndim <= 3 or a.shape[-1] != b.shape[-2]:
        raise ValueError(f"gemm: shapes {a.shape} and {b.shape} cannot be multiplied")
    a, b = (x if x.flags.aligned else x.copy() for x in (a, b))
    shape = (*_batch(a, b), a.shape[-2], b.shape[-1])
    if out is None:
        if accumulate:
            raise ValueError("gemm: accumulate=True needs out")
        out = np.empty(shape, a.dtype)
    elif out.shape != shape or out.dtype != a.dtype or not out.flags.writeable:
        raise ValueError(f"gemm: out must be a writable {a.dtype} array of shape {shape}, but it is {out.dtype} of shape {out.shape}")
    elif not out.flags.aligned:
        raise ValueError("gemm: out is not aligned")
    elif np.may_share_memory(out, a) or np.may_share_memory(out, b):
        raise ValueError("gemm: out may overlap an operand")
    arrays = (a, b, out)
    shapes: tuple[Numbers, ...] = (a.shape, b.shape, out.shape)
    strides: tuple[Numbers, ...] = (a.strides, b.strides, out.strides)
    if epilogue is None and _better_swapped(shapes, out.strides, tile_for(dtype, bits or llvm.vector_bits())):
        arrays = (b, a, out)
        shapes, strides = (tuple(_swapped(x) for x in (y[1], y[0], y[2])) for y in (shapes, strides))
    plan = _matmul_layout(shapes, strides, dtype, accumulate, epilogue is None, bits)
    run(compiled(dtype, epilogue, bits), *arrays, plan, threads, extra)
    return out


_NAMES = {np.dtype(name): name for name in ELEMENTS}


def _batch(a: np.ndarray, b: np.ndarray) -> tuple[int, ...]:
    sizes = [x.shape[0] for x in (a, b) if x.ndim == 3]
    if len(sizes) == 2 and sizes[0] != sizes[1] and 1 not in sizes:
        raise ValueError(f"gemm: batches of sizes {sizes[0]} and {sizes[1]} do not match")
    return (sizes[0] if sizes[-1] == 1 else sizes[-1],) if sizes else ()


def _better_swapped(shapes: tuple[Numbers, ...], strides: Numbers, tile: Tile) -> bool:
    """Whether to compute the transpose: where C's rows follow each other, not its columns, or where tiles fit it much better."""
    (m, n), k = shapes[2][-2:], shapes[0][-1]
    if n == 1 or strides[-2] < strides[-1]:
        return m > 1
    return k >= 64 and _up(m, tile.rows) * _up(n, tile.columns) > 2 * _up(n, tile.rows) * _up(m, tile.columns)


def _swapped(numbers: Numbers) -> Numbers:
    return (*numbers[:-2], numbers[-1], numbers[-2])
