"""LLVM IR as text: a function in the making, the register-tiled product of two packed panels, and its way into C.

A `Body` collects the instructions of one function in SSA form. Values are written as LLVM writes them: "%name", or a number.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from ..emit import llvm

# Register width in bits: the rows of a tile, and the vectors in a row, that stay in registers. 14 rows would fill all registers of
# AVX-512: then some processes, by chance of their addresses, run at half the speed on Zen 4.
TILES = {512: (12, 2), 256: (6, 2), 128: (8, 2)}
FEW = {512: (4, 8), 256: (2, 4), 128: (2, 4)}  # the rows of further microkernels, for what is left at the lower edge
STEPS = 4  # steps of k in a round of the microkernel's loop: what a round does beside multiplying would cost a fifth of the time
ELEMENTS = {"float32": ("float", 4), "float64": ("double", 8)}
SUFFIXES = {"float": "f32", "double": "f64", "half": "f16", "i8": "i8", "i16": "i16", "i32": "i32"}
NARROW = {"bfloat16": ("i16", 2), "float16": ("half", 2), "int8": ("i8", 1)}  # operands whose products are summed in 32 bits
DOTS = {"bfloat16": "avx512bf16", "int8": "avx512vnni"}  # features with which several of them are multiplied and added at once
MATRICES = {"bfloat16": "amx-bf16", "int8": "amx-int8"}  # and those with which whole squares of them are
SQUARE = 16  # rows, and words in a row, of the registers that hold squares


class Tile(NamedTuple):
    """What one call of the microkernel computes: `rows` by `columns` elements, `lanes` to a vector.

    Operands are of type `source` in memory. In panels they are elements like C's, or where `depth` is more than 1 words of so many
    that follow each other along k, whose products one instruction adds. Where C's complete sums are to be `rounded` to the operands'
    dtype, the first pointer of `extra` is the array that gets them, and C is memory for sums that go on.
    """

    element: str
    size: int
    bits: int
    lanes: int
    rows: int
    columns: int
    source: str = ""
    source_size: int = 0
    depth: int = 1
    rounded: bool = False
    square: bool = False  # whether panels are multiplied by squares, k filled up to whole ones

    @property
    def is_plain(self) -> bool:
        """Whether operands are in memory what they are in panels: then they may be multiplied where they lie."""
        return self.depth == 1 and self.source in ("", self.element)

    @property
    def vector(self) -> str:
        """The type of a vector of elements."""
        return f"<{self.lanes} x {self.element}>"

    @property
    def word(self) -> str:
        """The type of what panels consist of."""
        return self.element if self.depth == 1 else "float"

    @property
    def words(self) -> str:
        """The type of a vector of what panels consist of."""
        return f"<{self.lanes} x {self.word}>"

    @property
    def few(self) -> tuple[int, ...]:
        """The rows of further microkernels, for what is left at the lower edge."""
        return (SQUARE,) if self.square else FEW[self.bits]

    @property
    def sum(self) -> str:
        """The instruction that adds elements."""
        return "add" if self.element == "i32" else "fadd"

    @property
    def converts(self) -> bool:
        """Whether panels are something else than what lies in memory."""
        return self.source != self.element

    @property
    def suffix(self) -> str:
        """How the names of intrinsics on such vectors end."""
        return f"v{self.lanes}{SUFFIXES[self.element]}"


def tile_for(dtype: str, bits: int) -> Tile:
    """The tile for operands of a dtype, one of `ELEMENTS` or `NARROW`, on registers of `bits` bits."""
    rows, vectors = TILES[bits]
    if dtype in ELEMENTS:
        element, size = ELEMENTS[dtype]
        lanes = bits // (8 * size)
        return Tile(element, size, bits, lanes, rows, vectors * lanes, element, size)
    source, size = NARROW[dtype]
    square = has_squares(dtype, bits)
    depth = 4 // size if square or has_dot(dtype, bits) else 1
    if source == "i8" and depth == 1:
        raise NotImplementedError("products of bytes need a processor that adds four of them at once")
    lanes = bits // 32
    rows = 2 * SQUARE if square else rows
    return Tile("i32" if source == "i8" else "float", 4, bits, lanes, rows, vectors * lanes, source, size, depth, source != "i8", square)


def has_dot(dtype: str, bits: int) -> bool:
    """Whether the processor adds the products of several elements of a narrow dtype at once, and gains by it.

    Intel's take four times as long for it as for a product of float32 numbers, with bfloat16.
    """
    if bits == 128 or dtype not in DOTS or not llvm.has_feature(DOTS[dtype]) or not llvm.has_feature("avx512vl"):
        return False
    return dtype != "bfloat16" or llvm.host()[0].startswith("znver")


def has_squares(dtype: str, bits: int) -> bool:
    """Whether the processor multiplies squares of a narrow dtype."""
    return bits == 512 and dtype in MATRICES and llvm.has_feature(MATRICES[dtype]) and llvm.may_use_tiles()


class Loop:
    """A loop while its body is written: `index`, the values `carried` from round to round, and what the next round gets."""

    def __init__(self, index: str, carried: list[str], step: str):
        self.index, self.carried, self.step = index, carried, step
        self.next = carried


class Body:
    """The text of one function: instructions with fresh names, branches and loops."""

    def __init__(self, name: str, arguments: str, bits: int, linkage: str = "internal "):
        width = f'"prefer-vector-width"="{bits}" "min-legal-vector-width"="{bits}"'
        self.lines = [f"define {linkage}void @{name}({arguments}) noinline nounwind {width} {{", "entry:"]
        self.block, self.bits = "entry", bits
        self.intrinsics: set[str] = set()
        self._names = 0

    def fresh(self) -> str:
        """A name not used before."""
        self._names += 1
        return f"v{self._names}"

    def do(self, text: str) -> None:
        """Append an instruction without a result."""
        self.lines.append(f"  {text}")

    def put(self, text: str) -> str:
        """Append an instruction; returns its result."""
        name = f"%{self.fresh()}"
        self.do(f"{name} = {text}")
        return name

    def label(self, name: str) -> None:
        """Begin a basic block."""
        self.lines.append(f"{name}:")
        self.block = name

    def call(self, result: str, name: str, *arguments: str) -> str:
        """Call an intrinsic whose arguments are written "type value"; returns its result ("" for void)."""
        types = ", ".join(a[: a.rindex(" ")] if " " in a else a for a in arguments)
        self.intrinsics.add(f"declare {result} @{name}({types})")
        text = f"call {result} @{name}({', '.join(arguments)})"
        if result == "void":
            self.do(text)
            return ""
        return self.put(text)

    def integer(self, operation: str, x: object, y: object) -> str:
        """A 64-bit integer operation: add, sub, mul, udiv, and so on."""
        return self.put(f"{operation} i64 {x}, {y}")

    def smaller(self, x: object, y: object, kind: str = "slt") -> str:
        """The smaller of two 64-bit integers (the larger one with kind="sgt")."""
        test = self.put(f"icmp {kind} i64 {x}, {y}")
        return self.put(f"select i1 {test}, i64 {x}, i64 {y}")

    def at(self, pointer: str, index: object, element: str = "i64") -> str:
        """The address of an element."""
        return self.put(f"getelementptr {element}, ptr {pointer}, i64 {index}")

    def word(self, pointer: str, index: object) -> str:
        """The 64-bit integer at an index."""
        return self.put(f"load i64, ptr {self.at(pointer, index)}")

    @contextmanager
    def loop(self, start: object, stop: object, step: object = 1, carry: Sequence[tuple[str, str]] = ()) -> Iterator[Loop]:
        """Write the body of a loop from `start` while below `stop`; `carry` gives types and first values of what is carried."""
        tag = self.fresh()
        before, head, inside, latch, end = (f"{tag}.{part}" for part in ("before", "head", "body", "latch", "end"))
        self.do(f"br label %{before}")
        self.label(before)
        self.do(f"br label %{head}")
        self.label(head)
        loop = Loop(self.put(""), [self.put("") for _ in carry], str(step))
        first = len(self.lines) - 1 - len(carry)
        test = self.put(f"icmp slt i64 {loop.index}, {stop}")
        self.do(f"br i1 {test}, label %{inside}, label %{end}")
        self.label(inside)
        yield loop
        self.do(f"br label %{latch}")
        self.label(latch)
        following = [self.integer("add", loop.index, loop.step), *loop.next]
        for i, (kind, value) in enumerate([("i64", str(start)), *carry]):
            self.lines[first + i] += f"phi {kind} [ {value}, %{before} ], [ {following[i]}, %{latch} ]"
        self.do(f"br label %{head}")
        self.label(end)

    def choose(self, test: str, kind: str, then: Callable[[], str], otherwise: Callable[[], str]) -> str:
        """The value of `then` where `test` holds, else that of `otherwise`; kind "void" for branches without a value."""
        tag = self.fresh()
        self.do(f"br i1 {test}, label %{tag}.then, label %{tag}.else")
        values = []
        for part, make in (("then", then), ("else", otherwise)):
            self.label(f"{tag}.{part}")
            values.append((make(), self.block))
            self.do(f"br label %{tag}.end")
        self.label(f"{tag}.end")
        if kind == "void":
            return ""
        return self.put(f"phi {kind} " + ", ".join(f"[ {value}, %{block} ]" for value, block in values))

    def when(self, test: str, then: Callable[[], object]) -> None:
        """Run `then` only where `test` holds."""
        self.choose(test, "void", lambda: str(then()), str)

    def text(self) -> str:
        """The whole function."""
        return "\n".join([*self.lines, "  ret void", "}", ""])


def splat(body: Body, kind: str, lanes: int, value: str) -> str:
    """A vector with one scalar in all lanes."""
    vector = f"<{lanes} x {kind}>"
    one = body.put(f"insertelement {vector} poison, {kind} {value}, i64 0")
    return body.put(f"shufflevector {vector} {one}, {vector} poison, <{lanes} x i32> zeroinitializer")


def lanes_below(body: Body, tile: Tile, limit: str) -> str:
    """A mask of the first `limit` lanes of a vector."""
    lanes = ", ".join(f"i32 {i}" for i in range(tile.lanes))
    limits = splat(body, "i32", tile.lanes, body.put(f"trunc i64 {limit} to i32"))
    return body.put(f"icmp slt <{tile.lanes} x i32> <{lanes}>, {limits}")


def load_source(body: Body, tile: Tile, place: str, mask: str | None = None) -> str:
    """The vector of an operand's elements at an address, as elements of C's type; zero in the lanes that a mask leaves out."""
    if not tile.converts:
        return load(body, tile, place, mask)
    source = tile._replace(element=tile.source, size=tile.source_size)
    return widened(body, tile.source, tile.lanes, load(body, source, place, mask))


def widened(body: Body, source: str, lanes: int, value: str) -> str:
    """A vector of 16-bit floats, bfloat16 as "i16" and float16 as "half", as one of float32."""
    if source == "half":
        return body.put(f"fpext <{lanes} x half> {value} to <{lanes} x float>")
    high = body.put(f"shl <{lanes} x i32> {body.put(f'zext <{lanes} x i16> {value} to <{lanes} x i32>')}, splat (i32 16)")
    return body.put(f"bitcast <{lanes} x i32> {high} to <{lanes} x float>")


def rounded(body: Body, source: str, lanes: int, value: str) -> str:
    """A vector of float32 rounded to 16-bit floats, to the nearest, of two to the even one; nan stays nan."""
    if source == "half":
        return body.put(f"fptrunc <{lanes} x float> {value} to <{lanes} x half>")
    kind = f"<{lanes} x i32>"
    bits = body.put(f"bitcast <{lanes} x float> {value} to {kind}")
    odd = body.put(f"and {kind} {body.put(f'lshr {kind} {bits}, splat (i32 16)')}, splat (i32 1)")
    up = body.put(f"add {kind} {body.put(f'add {kind} {bits}, splat (i32 32767)')}, {odd}")
    quiet = body.put(f"or {kind} {bits}, splat (i32 4194304)")
    is_nan = body.put(f"fcmp uno <{lanes} x float> {value}, {value}")
    chosen = body.put(f"select <{lanes} x i1> {is_nan}, {kind} {quiet}, {kind} {up}")
    return body.put(f"trunc {kind} {body.put(f'lshr {kind} {chosen}, splat (i32 16)')} to <{lanes} x i16>")


def load(body: Body, tile: Tile, place: str, mask: str | None = None) -> str:
    """The vector at an address; zero in the lanes that a mask leaves out, which are not read."""
    if mask is None:
        return body.put(f"load {tile.vector}, ptr {place}, align {tile.size}")
    given = typed(("ptr", "i32", f"<{tile.lanes} x i1>", tile.vector), (place, tile.size, mask, "zeroinitializer"))
    return body.call(tile.vector, f"llvm.masked.load.{tile.suffix}.p0", *given)


def store(body: Body, tile: Tile, value: str, place: str, mask: str | None = None) -> str:
    """Store a vector at an address, or the lanes of it that a mask names; it gives no value."""
    if mask is None:
        body.do(f"store {tile.vector} {value}, ptr {place}, align {tile.size}")
        return ""
    given = typed((tile.vector, "ptr", "i32", f"<{tile.lanes} x i1>"), (value, place, tile.size, mask))
    return body.call("void", f"llvm.masked.store.{tile.suffix}.p0", *given)


def fused(body: Body, tile: Tile, x: str, y: str, total: str) -> str:
    """The vector x * y + total, rounded once."""
    terms = (f"{tile.vector} {each}" for each in (x, y, total))
    return body.call(tile.vector, f"llvm.fmuladd.{tile.suffix}", *terms)


def dot(body: Body, tile: Tile, x: str, y: str, total: str) -> str:
    """The vector total + x * y of vectors of what panels consist of: of words, the sum of the products of the elements in them."""
    if tile.depth == 1:
        return fused(body, tile, x, y, total)
    if tile.element == "i32":
        name, kind = f"llvm.x86.avx512.vpdpbusd.{tile.bits}", tile.vector
    else:
        name, kind = f"llvm.x86.avx512bf16.dpbf16ps.{tile.bits}", f"<{2 * tile.lanes} x bfloat>"
    x, y = (body.put(f"bitcast {tile.words} {each} to {kind}") for each in (x, y))
    return body.call(tile.vector, name, f"{tile.vector} {total}", f"{kind} {x}", f"{kind} {y}")


def typed(kinds: Sequence[str], values: Sequence[object]) -> list[str]:
    """Arguments of a call, each with its type."""
    return [f"{kind} {value}" for kind, value in zip(kinds, values, strict=True)]


def _prefetch(body: Body, place: str, write: int, locality: int) -> None:
    body.call("void", "llvm.prefetch.p0", f"ptr {place}", f"i32 {write}", f"i32 {locality}", "i32 1")


def microkernel(name: str, tile: Tile, rows: int, vectors: int = 0) -> Body:
    """c[places[r] + j] = or += sum over k of a[k * a_step + r] * b[k * b_step + j], for `rows` rows r and a tile's columns j.

    `places` are entries of a table; `vectors` is given where not all columns are computed. Meanwhile C comes into the cache, and
    what lies at every fourth step (`STEPS`) from `next` and `other`, whose steps are `step` elements apart. Of words of several
    elements k, a and b count words.
    """
    operands = "ptr %a, i64 %a_step, ptr %b, i64 %b_step, ptr %c, ptr %places"
    body = Body(name, f"i64 %k, {operands}, i1 %add, ptr %next, ptr %other, i64 %step", tile.bits)
    vector, lanes = tile.vector, tile.lanes
    width = vectors * lanes or tile.columns
    columns = range(0, width, lanes)
    spots = [(r, c) for r in range(rows) for c in columns]
    for r in range(rows):
        row = body.at("%c", body.word("%places", 2 * r), tile.element)
        for c in range(0, width, 64 // tile.size):
            _prefetch(body, body.at(row, c, tile.element), 1, 3)

    def advance(a: str, b: str, sums: list[str]) -> list[str]:
        """One step of k: the next step of both panels, and the sums."""
        places = {c: body.at(b, c, tile.word) for c in columns}
        right = {c: body.put(f"load {tile.words}, ptr {place}, align {tile.size}") for c, place in places.items()}
        for r in range(rows):
            left = splat(body, tile.word, lanes, body.put(f"load {tile.word}, ptr {body.at(a, r, tile.word)}"))
            for i, c in enumerate(columns, r * len(columns)):
                sums[i] = dot(body, tile, left, right[c], sums[i])
        return [body.at(a, "%a_step", tile.word), body.at(b, "%b_step", tile.word), *sums]

    far = body.integer("mul", "%step", STEPS)
    most = body.integer("and", "%k", -STEPS)
    pointers = [("ptr", place) for place in ("%a", "%b", "%next", "%other")]
    with body.loop(0, most, STEPS, carry=[*pointers, *((vector, "zeroinitializer") for _ in spots)]) as loop:
        a, b, *ahead = loop.carried[:4]
        for place in ahead:
            _prefetch(body, place, 0, 2)
        sums = loop.carried[4:]
        for _ in range(STEPS):
            a, b, *sums = advance(a, b, sums)
        loop.next = [a, b, *(body.at(place, far, tile.source) for place in ahead), *sums]
    a, b, _, _, *sums = loop.carried
    with body.loop(most, "%k", carry=[("ptr", a), ("ptr", b), *((vector, each) for each in sums)]) as rest:
        rest.next = advance(rest.carried[0], rest.carried[1], rest.carried[2:])
    sums = rest.carried[2:]

    def store(adding: bool) -> str:
        for (r, c), value in zip(spots, sums, strict=True):
            place = body.at(body.at("%c", body.word("%places", 2 * r), tile.element), c, tile.element)
            if adding:
                value = body.put(f"{tile.sum} {vector} {load(body, tile, place)}, {value}")
            body.do(f"store {vector} {value}, ptr {place}, align {tile.size}")
        return ""

    body.choose("%add", "void", lambda: store(True), lambda: store(False))
    return body


def square_microkernel(name: str, tile: Tile, rows: int, vectors: int = 0) -> Body:
    """The same by squares, whose registers `configured` has set up, into C whose rows are a tile's columns apart; it never adds.

    The squares of `a` lie one after the other: those of a panel's rows, then those of the next words along k.
    """
    operands = "ptr %a, i64 %a_step, ptr %b, i64 %b_step, ptr %c, ptr %places"
    body = Body(name, f"i64 %k, {operands}, i1 %add, ptr %next, ptr %other, i64 %step", tile.bits)
    down, across = range(rows // SQUARE), range(vectors or tile.columns // SQUARE)
    area, row = 4 * SQUARE * SQUARE, 4 * tile.columns
    product = f"llvm.x86.{'tdpbusd' if tile.element == 'i32' else 'tdpbf16ps'}"

    def move(way: str, register: int, place: str, stride: int) -> None:
        body.call("void", f"llvm.x86.tile{way}64", f"i8 {register}", f"ptr {place}", f"i64 {stride}")

    for register in range(len(down) * len(across)):
        body.call("void", "llvm.x86.tilezero", f"i8 {register}")
    pointers = [("ptr", place) for place in ("%a", "%b", "%next", "%other")]
    far = body.integer("mul", "%step", SQUARE // 4)
    with body.loop(0, "%k", SQUARE, carry=pointers) as loop:
        a, b, *ahead = loop.carried
        for r in down:
            move("loadd", 4 + r, body.at(a, r * area, "i8"), 4 * SQUARE)
        for c in across:
            move("loadd", 6 + c, body.at(b, 4 * c * SQUARE, "i8"), row)
            for r in down:
                body.call("void", product, f"i8 {r * len(across) + c}", f"i8 {4 + r}", f"i8 {6 + c}")
        for place in ahead:
            _prefetch(body, place, 0, 2)
        following = [body.at(a, tile.rows // SQUARE * area, "i8"), body.at(b, SQUARE * row, "i8")]
        loop.next = [*following, *(body.at(place, far, tile.source) for place in ahead)]
    for r in down:
        for c in across:
            move("stored", r * len(across) + c, body.at("%c", r * SQUARE * row + 4 * c * SQUARE, "i8"), row)
    return body


def configured(body: Body) -> None:
    """Set up all registers for whole squares, until `llvm.x86.tilerelease`."""
    place = body.put("alloca [64 x i8], align 64")
    rows, widths = ", ".join(["i8 16"] * 8), ", ".join(["i16 64"] * 8)
    body.do(f"store <64 x i8> zeroinitializer, ptr {place}")
    body.do(f"store i8 1, ptr {place}")
    body.do(f"store <8 x i16> <{widths}>, ptr {body.at(place, 16, 'i8')}")
    body.do(f"store <8 x i8> <{rows}>, ptr {body.at(place, 48, 'i8')}")
    body.call("void", "llvm.x86.ldtilecfg", f"ptr {place}")


class Site:
    """A vector of a tile on its way into C: `value`, the place of its first lane (`b`, `m`, `n`, which count along the index's
    whole tuple of dimensions) and `extra`, an array of pointers that the caller passes along.

    An epilogue is given a site, emits instructions into its `body` and returns the vector to be stored.
    """

    def __init__(self, body: Body, tile: Tile, m: str, n: str, entry: str, row: str):
        self.body, self.tile, self.m, self.n, self.b, self.extra = body, tile, m, n, "%batch", "%extra"
        self.value = ""
        self._entry, self._row = entry, row  # the table's entry for n, the offset of the row from C's start
        self._mask: str | None = None  # None: all lanes are there and follow each other in C
        self._near = ""  # whether those that are there follow each other

    def pointer(self, number: int) -> str:
        """The pointer `number` of `extra`, the one to where sums are rounded not counted."""
        return self.body.put(f"load ptr, ptr {self.body.at(self.extra, number + self.tile.rounded, 'ptr')}")

    def load(self, pointer: str, offset: str) -> str:
        """The vector at an element offset; lanes beyond C's last column are not read."""
        return load(self.body, self.tile, self.body.at(pointer, offset, self.tile.element), self._mask)

    def splat(self, pointer: str, offset: str) -> str:
        """One element in all lanes."""
        element = self.tile.element
        value = self.body.put(f"load {element}, ptr {self.body.at(pointer, offset, element)}")
        return splat(self.body, element, self.tile.lanes, value)

    def like_c(self, pointer: str) -> str:
        """The vector at this place of an array that has C's strides."""
        place, body = self._place(pointer), self.body
        if self._mask is None:
            return load(body, self.tile, place)
        lanes, vector = self.tile.lanes, self.tile.vector

        def gather() -> str:
            kinds = (f"<{lanes} x ptr>", "i32", f"<{lanes} x i1>", vector)
            values = (self._places(pointer), self.tile.size, self._mask, "zeroinitializer")
            return body.call(vector, f"llvm.masked.gather.{self.tile.suffix}.v{lanes}p0", *typed(kinds, values))

        return body.choose(self._near, vector, lambda: load(body, self.tile, place, self._mask), gather)

    def store(self, pointer: str, value: str) -> None:
        """Store the vector at this place of C."""
        place, body, tile = self._place(pointer), self.body, self.tile
        if self._mask is None:
            store(body, tile, value, place)
            return

        def scatter() -> str:
            kinds = (tile.vector, f"<{tile.lanes} x ptr>", "i32", f"<{tile.lanes} x i1>")
            given = typed(kinds, (value, self._places(pointer), tile.size, self._mask))
            return body.call("void", f"llvm.masked.scatter.{tile.suffix}.v{tile.lanes}p0", *given)

        body.choose(self._near, "void", functools.partial(store, body, tile, value, place, self._mask), scatter)

    def finish(self, product: str, epilogue: Epilogue | None, mask: str | None, near: str) -> str:
        """Add C's old value where there is one, run the epilogue where the sum is complete, store."""
        body, vector = self.body, self.tile.vector
        self._mask, self._near = mask, near
        self.value = body.choose(
            "%add", vector, lambda: body.put(f"{self.tile.sum} {vector} {self.like_c('%c')}, {product}"), lambda: product
        )
        value = self.value
        if epilogue is not None:
            value = body.choose("%last", vector, lambda: epilogue(self), lambda: self.value)
        if self.tile.rounded:
            body.choose("%last", "void", lambda: self._store_rounded(value), lambda: self._store_sum(value))
        else:
            self.store("%c", value)
        return ""

    def _store_sum(self, value: str) -> str:
        self.store("%c", value)
        return ""

    def _store_rounded(self, value: str) -> str:
        tile = self.tile
        value = rounded(self.body, tile.source, tile.lanes, value)
        self.tile = tile._replace(element=tile.source, size=tile.source_size)
        self.store(self.pointer(-1), value)
        self.tile = tile
        return ""

    def _place(self, pointer: str) -> str:
        row = self.body.at(pointer, self._row, self.tile.element)
        return self.body.at(row, self.body.word(self._entry, 0), self.tile.element)

    def _places(self, pointer: str) -> str:
        lanes, body = self.tile.lanes, self.body
        pairs = body.put(f"load <{2 * lanes} x i64>, ptr {self._entry}, align 8")  # offset and run by turns
        even = ", ".join(f"i32 {2 * i}" for i in range(lanes))
        chosen = body.put(f"shufflevector <{2 * lanes} x i64> {pairs}, <{2 * lanes} x i64> poison, <{lanes} x i32> <{even}>")
        row = body.at(pointer, self._row, self.tile.element)
        return body.put(f"getelementptr {self.tile.element}, ptr {row}, <{lanes} x i64> {chosen}")


Epilogue = Callable[[Site], str]


def finish(name: str, tile: Tile, epilogue: Epilogue | None) -> Body:
    """Bring a tile into C: added to it where `add` is set, through the epilogue where `last` is.

    The tables give the offsets of C's rows and columns; whole vectors of columns that follow each other are stored as such.
    """
    numbers = ("c_batch", "rows", "columns", "m0", "n0", "batch")
    arguments = ", ".join(["ptr %tile, ptr %c, ptr %m_c, ptr %n_c", *(f"i64 %{number}" for number in numbers)])
    body = Body(name, f"{arguments}, i1 %add, i1 %last, ptr %extra", tile.bits)
    with body.loop(0, "%columns", tile.lanes) as across:
        left = body.integer("sub", "%columns", across.index)
        n = body.integer("add", "%n0", across.index)
        entry = body.at("%n_c", body.integer("shl", across.index, 1))
        near = body.put(f"icmp sge i64 {body.word(entry, 1)}, {body.smaller(left, tile.lanes)}")
        whole = body.put(f"icmp sge i64 {body.word(entry, 1)}, {tile.lanes}")
        mask = lanes_below(body, tile, left)
        with body.loop(0, "%rows") as down:
            m = body.integer("add", "%m0", down.index)
            row = body.integer("add", "%c_batch", body.word("%m_c", body.integer("shl", down.index, 1)))
            place = body.integer("add", body.integer("mul", down.index, tile.columns), across.index)
            product = body.put(f"load {tile.vector}, ptr {body.at('%tile', place, tile.element)}, align {tile.bits // 8}")
            site = Site(body, tile, m, n, entry, row)
            ways = [functools.partial(site.finish, product, epilogue, *how) for how in ((None, near), (mask, near))]
            body.choose(whole, "void", *ways)
    return body
