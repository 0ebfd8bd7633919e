"""Sums of products of two strided arrays: C[b, m, n] (+)= sum over k of A[b, m, k] * B[b, k, n], as generated native code.

b, m, n and k are tuples of dimensions, each with a stride for every operand that has it: a transposed operand needs no copy, a
convolution is a sum over a sliding-window view. A block of B (KC x NC) and a block of A (MC x KC) are packed into panels, which
the microkernel multiplies into a tile; the tile is added to C, after the epilogue where it is the last one along k.

One native function serves all shapes and strides. It is given a `Layout` and does the share of one thread; threads share
nothing. Every element is summed in the same order whatever the number of threads.
"""

from __future__ import annotations

import concurrent.futures
import functools
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import llvm
from .microkernel import ELEMENTS, TILES, Body, Tile, microkernel, splat, tile_for
from .packing import A, B, C, offsets, pack

__all__ = ["Dimension", "Layout", "Site", "compiled", "gemm", "layout", "module", "run"]

BLOCKS = {"k": 384, "m": 24, "n": 128}  # KC in elements, MC and NC in panels
WORDS = (
    "batches m n k accumulate over_n kc mc nc scratch at_tile at_k_a at_k_b at_m_a at_m_c at_n_b at_n_c at_b_a at_b_b at_b_c "
    "at_panels_a at_panels_b index_b index_m index_n index_k"
).split()
TABLES = ("k_a", "k_b", "m_a", "m_c", "n_b", "n_c", "b_a", "b_b", "b_c")


class Dimension(NamedTuple):
    """A size and the strides of A, B and C along it, in elements."""

    size: int
    a: int
    b: int
    c: int


class Layout(NamedTuple):
    """What native code is told of a contraction, and the bytes of scratch memory that each thread needs."""

    words: np.ndarray
    scratch: int


class Site:
    """A finished vector of C, for an epilogue: `value`, its place (`b`, `m`, `n` of the first lane) and where to emit code.

    `extra` points to an array of pointers that the caller passes along.
    """

    def __init__(self, body: Body, tile: Tile, value: str, mask: str | None):
        self.body, self.tile, self.value, self._mask = body, tile, value, mask
        self.b, self.m, self.n, self.extra = "%batch", "%m", "%n", "%extra"

    def pointer(self, number: int) -> str:
        """The pointer `number` of `extra`."""
        return self.body.put(f"load ptr, ptr {self.body.at(self.extra, number, 'ptr')}")

    def load(self, pointer: str, offset: str) -> str:
        """The vector at an element offset; lanes beyond C's last column are not read."""
        place = self.body.at(pointer, offset, self.tile.element)
        return _load(self.body, self.tile, place, self._mask)

    def splat(self, pointer: str, offset: str) -> str:
        """One element in all lanes."""
        value = self.body.put(f"load {self.tile.element}, ptr {self.body.at(pointer, offset, self.tile.element)}")
        return splat(self.body, self.tile.element, self.tile.lanes, value)


Epilogue = Callable[[Site], str]


# The module


def module(name: str, dtype: str, epilogue: Epilogue | None = None, bits: int = 512) -> tuple[str, set[str]]:
    """The definitions of `name` and of the functions it calls, and the declarations that these need.

    void name(ptr a, ptr b, ptr c, ptr extra, ptr scratch, ptr layout, i64 thread, i64 threads)
    """
    tile = tile_for(dtype, bits)
    bodies = [
        microkernel(f"{name}.multiply", tile),
        offsets(f"{name}.offsets", bits),
        pack(f"{name}.pack_a", tile, tile.rows),
        pack(f"{name}.pack_b", tile, tile.columns),
        _finish(f"{name}.finish", tile, epilogue),
        _driver(name, tile),
    ]
    return "\n".join(body.text() for body in bodies), set().union(*(body.intrinsics for body in bodies))


def _load(body: Body, tile: Tile, place: str, mask: str | None) -> str:
    if mask is None:
        return body.put(f"load {tile.vector}, ptr {place}, align {tile.size}")
    suffix = f"v{tile.lanes}f{8 * tile.size}.p0"
    kinds = ("ptr", "i32", f"<{tile.lanes} x i1>", tile.vector)
    values = (place, str(tile.size), mask, "zeroinitializer")
    return body.call(tile.vector, f"llvm.masked.load.{suffix}", *(f"{k} {v}" for k, v in zip(kinds, values, strict=True)))


def _store(body: Body, tile: Tile, value: str, place: str, mask: str | None) -> None:
    if mask is None:
        body.do(f"store {tile.vector} {value}, ptr {place}, align {tile.size}")
        return
    suffix = f"v{tile.lanes}f{8 * tile.size}.p0"
    kinds = (tile.vector, "ptr", "i32", f"<{tile.lanes} x i1>")
    values = (value, place, str(tile.size), mask)
    body.call("void", f"llvm.masked.store.{suffix}", *(f"{k} {v}" for k, v in zip(kinds, values, strict=True)))


def _finish(name: str, tile: Tile, epilogue: Epilogue | None) -> Body:
    """Add a tile to C where `add` is set, through the epilogue where `last` is."""
    body = Body(
        name,
        "ptr %tile, ptr %c, ptr %m_c, ptr %n_c, i64 %rows, i64 %columns, i1 %add, i1 %last, i64 %m0, i64 %n0, i64 %batch, ptr %extra",
        tile.bits,
    )
    with body.loop(0, "%columns", tile.lanes) as across:
        left = body.integer("sub", "%columns", across.index)
        body.do(f"%n.{across.index[1:]} = add i64 %n0, {across.index}")
        n = f"%n.{across.index[1:]}"
        entry = body.at("%n_c", body.integer("shl", across.index, 1))
        count = body.smaller(left, tile.lanes)
        near = body.put(f"icmp sge i64 {body.word(entry, 1)}, {count}")
        whole = body.put(f"icmp sge i64 {left}, {tile.lanes}")
        mask = _mask(body, tile, left)
        with body.loop(0, "%rows") as down:
            m = body.integer("add", "%m0", down.index)
            row = body.at("%c", body.word("%m_c", body.integer("shl", down.index, 1)), tile.element)
            place = body.integer("add", body.integer("mul", down.index, tile.columns), across.index)
            value = body.put(f"load {tile.vector}, ptr {body.at('%tile', place, tile.element)}, align {tile.bits // 8}")
            spot = _Spot(body, tile, row, entry, n, m, value, epilogue)
            plain = body.put(f"and i1 {near}, {whole}")
            body.choose(plain, "void", spot.plain, functools.partial(spot.masked, mask, near))
    return body


def _mask(body: Body, tile: Tile, left: str) -> str:
    lanes = ", ".join(f"i32 {i}" for i in range(tile.lanes))
    limit = splat(body, "i32", tile.lanes, body.put(f"trunc i64 {left} to i32"))
    return body.put(f"icmp slt <{tile.lanes} x i32> <{lanes}>, {limit}")


class _Spot(NamedTuple):
    """Where one vector of a tile goes in C, and the code that takes it there."""

    body: Body
    tile: Tile
    row: str
    entry: str
    n: str
    m: str
    value: str
    epilogue: Epilogue | None

    def plain(self) -> str:
        place = self.body.at(self.row, self.body.word(self.entry, 0), self.tile.element)
        value = self.finished(lambda: _load(self.body, self.tile, place, None), None)
        _store(self.body, self.tile, value, place, None)
        return ""

    def masked(self, mask: str, near: str) -> str:
        body, tile = self.body, self.tile
        place = body.at(self.row, body.word(self.entry, 0), tile.element)
        places = self.places()
        suffix = f"v{tile.lanes}f{8 * tile.size}.v{tile.lanes}p0"
        lanes = f"<{tile.lanes} x i1> {mask}"

        def gather() -> str:
            pointers = f"<{tile.lanes} x ptr> {places}"
            return body.call(
                tile.vector, f"llvm.masked.gather.{suffix}", pointers, f"i32 {tile.size}", lanes, f"{tile.vector} zeroinitializer"
            )

        def scatter() -> str:
            pointers = f"<{tile.lanes} x ptr> {places}"
            body.call("void", f"llvm.masked.scatter.{suffix}", f"{tile.vector} {value}", pointers, f"i32 {tile.size}", lanes)
            return ""

        value = self.finished(lambda: body.choose(near, tile.vector, lambda: _load(body, tile, place, mask), gather), mask)
        body.choose(near, "void", lambda: str(_store(body, tile, value, place, mask)), scatter)
        return ""

    def places(self) -> str:
        """The addresses of the lanes, from the table's offsets."""
        lanes = self.tile.lanes
        pairs = self.body.put(f"load <{2 * lanes} x i64>, ptr {self.entry}, align 8")
        even = ", ".join(f"i32 {2 * i}" for i in range(lanes))
        chosen = self.body.put(f"shufflevector <{2 * lanes} x i64> {pairs}, <{2 * lanes} x i64> poison, <{lanes} x i32> <{even}>")
        return self.body.put(f"getelementptr {self.tile.element}, ptr {self.row}, <{lanes} x i64> {chosen}")

    def finished(self, old: Callable[[], str], mask: str | None) -> str:
        """The tile's vector with C's old value added where there is one, through the epilogue where it is complete."""
        body, vector = self.body, self.tile.vector
        value = body.choose("%add", vector, lambda: body.put(f"fadd {vector} {old()}, {self.value}"), lambda: self.value)
        if self.epilogue is None:
            return value
        site = Site(body, self.tile, value, mask)
        site.m, site.n = self.m, self.n
        epilogue = self.epilogue
        return body.choose("%last", vector, lambda: epilogue(site), lambda: value)


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
        body.do(
            f"call void @{self.name}.offsets(ptr {self.indices[index]}, i64 {operand}, i64 {start}, i64 {count}, i64 {padded}, ptr {table})"
        )
        return padded

    def moved(self, pointer: str, operand: int, batch: str) -> str:
        """A pointer at its element of the batch."""
        self.table("b", operand, batch, 1)
        return self.body.at(pointer, self.body.word(self.memory[f"b_{'abc'[operand]}"], 2), self.tile.element)

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
            pointers = tuple(self.moved(p, operand, loop.index) for operand, p in ((A, "%a"), (B, "%b"), (C, "%c")))
            self.blocks(loop.index, m, n, pointers)

    def blocks(self, batch: str, m: tuple[str, str], n: tuple[str, str], pointers: tuple[str, ...]) -> None:
        """A rectangle of C, block by block; the loop over k runs once where k is 0."""
        body, words, memory, tile = self.body, self.words, self.memory, self.tile
        a, b, c = pointers
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
                    flags = f"i1 {add}, i1 {last}"
                    self.tiles(c, rows, columns, k, flags, over_m.index, over_n.index, batch)
        del memory

    def pack(self, operand: str, source: str, index: str, count: str, k: str) -> None:
        """Pack a block of A or of B."""
        rows, steps, panels = (self.memory[name] for name in (f"{index}_{operand}", f"k_{operand}", f"panels_{operand}"))
        self.body.do(
            f"call void @{self.name}.pack_{operand}(ptr {source}, ptr {rows}, ptr {steps}, i64 {count}, i64 {k}, ptr {panels})"
        )

    def tiles(self, c: str, rows: str, columns: str, k: str, flags: str, m0: str, n0: str, batch: str) -> None:
        """The tiles of a block."""
        body, memory, tile = self.body, self.memory, self.tile
        with body.loop(0, columns, tile.columns) as over_n:
            right = body.at(memory["panels_b"], body.integer("mul", over_n.index, k), tile.element)
            n_c = body.at(memory["n_c"], body.integer("add", body.integer("shl", over_n.index, 1), 2))
            n = body.integer("add", n0, over_n.index)
            width = body.smaller(body.integer("sub", columns, over_n.index), tile.columns)
            with body.loop(0, rows, tile.rows) as over_m:
                left = body.at(memory["panels_a"], body.integer("mul", over_m.index, k), tile.element)
                m_c = body.at(memory["m_c"], body.integer("add", body.integer("shl", over_m.index, 1), 2))
                m = body.integer("add", m0, over_m.index)
                height = body.smaller(body.integer("sub", rows, over_m.index), tile.rows)
                body.do(f"call void @{self.name}.multiply(i64 {k}, ptr {left}, ptr {right}, ptr {memory['tile']})")
                body.do(
                    f"call void @{self.name}.finish(ptr {memory['tile']}, ptr {c}, ptr {m_c}, ptr {n_c}, i64 {height}, i64 {width}, "
                    f"{flags}, i64 {m}, i64 {n}, i64 {batch}, ptr %extra)"
                )


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
    sizes["panels_a"], sizes["panels_b"] = (count * kc * tile.size + tile.bits // 8 for count in (mc, nc))
    values["scratch"] = 0
    for name, size in sizes.items():
        values[f"at_{name}"] = values["scratch"]
        values["scratch"] += _up(size, 64)
    flat: list[int] = []
    for name, index in zip("bmnk", indices, strict=True):
        values[f"index_{name}"] = len(WORDS) + len(flat)
        flat += [len(index), *(number for dimension in index for number in dimension)]
    return Layout(np.array([values[word] for word in WORDS] + flat, np.int64), values["scratch"])


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
    text, declarations = module("contract", dtype, epilogue, bits or llvm.vector_bits())
    addresses = llvm.load("\n".join([*sorted(declarations), text]), ["contract"], optimise=False)  # it is written optimised
    return llvm.function(addresses["contract"], 6, 2)


@functools.cache
def _workers(process: int) -> concurrent.futures.ThreadPoolExecutor:
    return concurrent.futures.ThreadPoolExecutor(thread_name_prefix="contraction")


_own = threading.local()


def _scratch(size: int) -> int:
    """The address, a multiple of 64, of memory that this thread keeps."""
    memory = getattr(_own, "memory", None)
    if memory is None or memory.nbytes < size + 64:
        memory = _own.memory = np.empty(size + 64, np.uint8)
    return _up(_address(memory), 64)


def _address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def run(function: Any, arrays: Sequence[np.ndarray], plan: Layout, threads: int = 1, extra: Sequence[np.ndarray] = ()) -> None:
    """Call a compiled contraction on arrays A, B and C."""
    pointers = np.array([_address(x) for x in extra], np.uintp)
    arguments = [*map(_address, (*arrays, pointers)), _scratch(plan.scratch * threads), _address(plan.words)]
    pending = [_workers(os.getpid()).submit(function, *arguments, t, threads) for t in range(1, threads)]
    try:
        function(*arguments, 0, threads)
    finally:
        for future in pending:
            future.result()


@functools.lru_cache(1024)
def _matmul_layout(shape: tuple[int, int, int, int], strides: tuple[int, ...], dtype: str, accumulate: bool, bits: int) -> Layout:
    batches, m, n, k = shape
    ab, am, ak, bb, bk, bn, cb, cm, cn = strides
    batch, rows, columns = (Dimension(batches, ab, bb, cb),), (Dimension(m, am, 0, cm),), (Dimension(n, 0, bn, cn),)
    if bb == 0:  # one B for all: more rows
        rows, batch = (Dimension(batches, ab, 0, cb), *rows), ()
    elif ab == 0:
        columns, batch = (Dimension(batches, 0, bb, cb), *columns), ()
    return layout(batch, rows, columns, (Dimension(k, ak, bk, 0),), dtype, accumulate, bits)


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

    A batch of size 1 or an operand without one is used for all of the other's. `out` must not overlap the operands. The positions
    that an `epilogue` is given count a batch that is folded into the rows (B without a batch) or the columns as part of them.
    """
    dtype = a.dtype.name
    if dtype not in ELEMENTS or b.dtype != a.dtype:
        raise TypeError(f"gemm: expected two float32 or two float64 arrays, but got {a.dtype} and {b.dtype}")
    if a.ndim not in (2, 3) or b.ndim not in (2, 3) or a.shape[-1] != b.shape[-2]:
        raise ValueError(f"gemm: shapes {a.shape} and {b.shape} cannot be multiplied")
    batches = _batches(a, b)
    shape = (*(() if a.ndim == b.ndim == 2 else (batches,)), a.shape[-2], b.shape[-1])
    if out is None:
        if accumulate:
            raise ValueError("gemm: accumulate=True needs out")
        out = np.empty(shape, a.dtype)
    elif out.shape != shape or out.dtype != a.dtype or not out.flags.writeable:
        raise ValueError(f"gemm: out must be a writable {a.dtype} array of shape {shape}, but it is {out.dtype} of shape {out.shape}")
    elif np.may_share_memory(out, a) or np.may_share_memory(out, b):
        raise ValueError("gemm: out overlaps an operand")
    strides = tuple(stride // x.itemsize for x in (a, b, out) for stride in ((0,) * (3 - x.ndim) + x.strides))
    ab, bb = (0 if x.ndim == 2 or x.shape[0] == 1 else x.strides[0] // x.itemsize for x in (a, b))
    strides = (ab, *strides[1:3], bb, *strides[4:])
    plan = _matmul_layout((batches, a.shape[-2], b.shape[-1], a.shape[-1]), strides, dtype, accumulate, bits)
    run(compiled(dtype, epilogue, bits), (a, b, out), plan, threads, extra)
    return out


def _batches(a: np.ndarray, b: np.ndarray) -> int:
    sizes = {x.shape[0] for x in (a, b) if x.ndim == 3} - {1}
    if len(sizes) > 1:
        raise ValueError(f"gemm: batches of sizes {a.shape[0]} and {b.shape[0]} do not match")
    return sizes.pop() if sizes else 1
