"""Attention of a batch of heads as native functions: `attend` gives the results, `attend_back` the gradients of query, key and value.

A thread takes one head after the other. Keys and values are packed once a head; the scores of a block of queries lie in the thread's
memory until they have been used, so that memory grows with the length and not with its square. Of each row is kept the logarithm of its
sum of exponentials, from which the way back works the weights out again (M. N. Rabe and C. Staats, Self-attention Does Not Need O(n^2)
Memory, 2021; T. Dao and others, FlashAttention, 2022). What `is_causal` hides is not computed, but for the rest of a block.

All sums are taken in an order that does not depend on the threads.
"""

from __future__ import annotations

import functools

from ..emit import llvm
from ..emit.formula_loop import formula_loop
from ..emit.kernel_body import share
from ..emit.module import finished
from ..formulas.exponential import exp, log
from ..gemm.microkernel import Body, Tile, fused, lanes_below, load, splat, store, tile_for
from ..gemm.rows import VECTORS, part_product

FORWARD = ("q", "k", "v", "mask", "out")  # arrays with an offset for each head and a stride of rows; elements of a row are side by side
BACKWARD = (*FORWARD, "g", "dq", "dk", "dv")
SIZES = ("heads", "rows", "columns", "depth", "width", "block", "span", "causal", "scale", "scratch")
PIECES = ("keys", "values", "flat_keys", "scores", "slopes", "tops", "totals", "some_g", "some_q")  # of each thread's memory, in bytes
FUNCTIONS = ("pack", "weigh", "logarithms", "differ")
Triple = tuple[str, str, str]
WORDS = {name: i for i, name in enumerate((*SIZES, *(f"{a}_row" for a in BACKWARD), *(f"at_{p}" for p in PIECES), *FUNCTIONS))}


def formulas(element: str, bits: int) -> dict[str, str]:
    """The functions that work on the elements of a row, by name."""
    made = {
        "weigh": (1, 1, lambda a, x, at: {0: exp(a[0] - x[0], at)}),
        "logarithms": (3, 0, lambda a, x, at: {2: a[0] + log(a[1], at)}),
        "differ": (2, 2, lambda a, x, at: {1: a[0] * (a[1] - x[0]) * x[1]}),
    }
    return {name: formula_loop(name, *given, element, bits, linkage="") for name, given in made.items()}


@functools.cache
def formula_addresses(dtype: str, bits: int) -> dict[str, int]:
    """Where these functions are."""
    texts = formulas(tile_for(dtype, bits).element, bits)
    return llvm.load(finished(texts.values()), list(texts))


def vectors_for(columns: int, tile: Tile) -> int:
    """The vectors of blocks of so many columns, of which little is empty then."""
    most = VECTORS[tile.bits]
    return min((v for v in (most, 2, 1) if v <= most), key=lambda v: -(-columns // (v * tile.lanes)) * v * (1.25 if v == 1 < most else 1))


@functools.cache
def function(dtype: str, bits: int, columns: int, depth: int, width: int, masked: bool, back: bool) -> int:
    """The address of `attend` or `attend_back` for so many vectors in blocks of scores, of query and key, and of values."""
    tile = tile_for(dtype, bits)
    written = (Backward if back else Forward)(tile, columns, depth, width, masked)
    bodies = [*written.parts, written.body]
    declared = sorted(set().union(*(body.intrinsics for body in bodies)))
    return llvm.load("\n".join([*declared, *(body.text() for body in bodies)]), ["attend"], optimise=False)["attend"]


def pack_rows(name: str, tile: Tile, vectors: int) -> Body:
    """`name(b, b_row, packed, rows, columns)`: a matrix whose rows lie in memory, in blocks of columns, zeros beyond the last one."""
    body = Body(name, "ptr %b, i64 %b_row, ptr %packed, i64 %rows, i64 %columns", tile.bits)
    with body.loop(0, "%columns", vectors * tile.lanes) as block:
        left = body.integer("sub", "%columns", block.index)
        masks = [lanes_below(body, tile, body.integer("sub", left, v * tile.lanes)) for v in range(vectors)]
        there = body.at("%packed", body.integer("mul", block.index, "%rows"), tile.element)
        with body.loop(0, "%rows") as row:
            b = body.at("%b", body.integer("add", body.integer("mul", row.index, "%b_row"), block.index), tile.element)
            to = body.at(there, body.integer("mul", row.index, vectors * tile.lanes), tile.element)
            for v, mask in enumerate(masks):
                place = v * tile.lanes
                store(body, tile, load(body, tile, body.at(b, place, tile.element), mask), body.at(to, place, tile.element))
    return body


class Heads:
    """A function over heads in the making. `%plan` holds `WORDS`, `%offsets` a row of the arrays' offsets for each head, in elements."""

    arrays: tuple[str, ...]

    def __init__(self, tile: Tile, columns: int, depth: int, width: int, masked: bool):
        self.tile, self.masked, self.block_vectors = tile, masked, columns
        pointers = ", ".join(f"ptr %{name}" for name in (*self.arrays, "logs", "offsets", "plan", "scratch"))
        self.body = body = Body("attend", f"{pointers}, i64 %thread, i64 %threads", tile.bits, linkage="")
        self.word = {name: body.word("%plan", i) for name, i in WORDS.items()}
        mine = body.at("%scratch", body.integer("mul", self.word["scratch"], "%thread"), "i8")
        self.memory = {name: body.at(mine, self.word[f"at_{name}"], "i8") for name in PIECES}
        self.functions = {name: body.put(f"inttoptr i64 {self.word[name]} to ptr") for name in FUNCTIONS}
        scale = body.put(f"bitcast i64 {self.word['scale']} to double")
        self.scale = body.put(f"fptrunc double {scale} to float") if tile.element == "float" else scale
        self.is_causal = body.put(f"icmp ne i64 {self.word['causal']}, 0")
        self.parts = self.products(depth, width)
        self.clear()
        low, high = share(body, self.word["heads"])
        with body.loop(low, high) as head:
            row = body.at("%offsets", body.integer("mul", head.index, len(BACKWARD)))
            self.start = {a: body.at(f"%{a}", body.word(row, BACKWARD.index(a)), tile.element) for a in self.arrays}
            self.start["logs"] = body.at("%logs", body.integer("mul", head.index, self.word["rows"]), tile.element)
            self.begin()
            with body.loop(0, self.word["rows"], self.word["block"]) as block:
                self.first = block.index
                self.count = body.smaller(self.word["block"], body.integer("sub", self.word["rows"], block.index))
                seen = body.smaller(self.word["columns"], body.integer("add", block.index, self.count))
                self.seen = body.put(f"select i1 {self.is_causal}, i64 {seen}, i64 {self.word['columns']}")
                self.block()

    def products(self, depth: int, width: int) -> list[Body]:
        """The functions that are called."""
        raise NotImplementedError

    def clear(self) -> None:
        """Put zeros where keys are packed: what is computed beyond the last one is thrown away, but denormal numbers would take long."""
        for piece, depth in (("keys", "depth"), ("values", "width"))[: 1 if self.arrays is FORWARD else 2]:
            with self.body.loop(0, self.body.integer("mul", self.word["span"], self.word[depth]), self.tile.lanes) as part:
                store(self.body, self.tile, "zeroinitializer", self.cell(piece, part.index))

    def begin(self) -> None:
        """What is done once a head."""
        raise NotImplementedError

    def block(self) -> None:
        """What is done for each block of rows."""
        raise NotImplementedError

    # Places

    def row(self, array: str, number: str) -> str:
        """The address of a row of an array."""
        return self.body.at(self.start[array], self.body.integer("mul", number, self.word[f"{array}_row"]), self.tile.element)

    def line(self, piece: str, number: str) -> str:
        """The address of a row of scores."""
        return self.body.at(self.memory[piece], self.body.integer("mul", number, self.word["span"]), self.tile.element)

    def up(self, count: str, multiple: int) -> str:
        """The next multiple of a power of two."""
        return self.body.integer("and", self.body.integer("add", count, multiple - 1), -multiple)

    # Calls

    def pack_along(self, array: str, piece: str, depth: str) -> None:
        """Pack the transpose of an array of keys: what is side by side there comes one below the other."""
        lanes, block = self.tile.lanes, self.block_vectors * self.tile.lanes
        numbers = (self.word[f"{array}_row"], 0, depth, 1, self.word["columns"], 1, 1, depth, lanes, block)
        given = [f"ptr {self.start[array]}", *(f"i64 {n}" for n in numbers), f"ptr {self.memory[piece]}", "i64 0", "i64 1"]
        self.body.do(f"call void {self.functions['pack']}({', '.join(given)})")

    def pack(self, name: str, start: str, array: str, piece: str, rows: str, columns: str) -> None:
        """Pack rows of an array."""
        given = f"ptr {start}, i64 {self.word[f'{array}_row']}, ptr {self.memory[piece]}, i64 {rows}, i64 {columns}"
        self.body.do(f"call void @{name}({given})")

    def multiply(self, name: str, a: Triple, packed: tuple[str, str], c: tuple[str, str], sizes: Triple) -> None:
        """Call a product of a, its strides, with a packed piece of so many rows, into c with its stride: rows, depth and columns."""
        given = f"ptr {a[0]}, i64 {a[1]}, i64 {a[2]}, ptr {self.memory[packed[0]]}, i64 {packed[1]}, ptr {c[0]}, i64 {c[1]}"
        self.body.do(f"call void @{name}({given}, {', '.join(f'i64 {n}' for n in sizes)})")

    def scores(self, name: str, array: str, packed: str, piece: str, depth: str) -> None:
        """The products of a block of rows with all keys, or values, that they see."""
        a = self.row(array, self.first), self.word[f"{array}_row"], "1"
        self.multiply(name, a, (packed, depth), (self.memory[piece], self.word["span"]), (self.count, depth, self.seen))

    # Rows

    def limit(self, number: str) -> str:
        """How many keys a row of the block sees."""
        body = self.body
        last = body.smaller(self.seen, body.integer("add", body.integer("add", self.first, number), 1))
        return body.put(f"select i1 {self.is_causal}, i64 {last}, i64 {self.seen}")

    def scaled(self, x: str, limit: str, number: str) -> str:
        """Scale a row of scores and add the mask, -inf in what is left of the last vector; the largest of them."""
        body, tile = self.body, self.tile
        lowest = splat(body, tile.element, tile.lanes, "0xFFF0000000000000")
        scale = splat(body, tile.element, tile.lanes, self.scale)
        mask_row = self.row("mask", body.integer("add", self.first, number)) if self.masked else ""
        with body.loop(0, limit, tile.lanes, carry=[(tile.vector, lowest)]) as part:
            place = body.at(x, part.index, tile.element)
            lanes = lanes_below(body, tile, body.integer("sub", limit, part.index))
            value = body.put(f"fmul {tile.vector} {load(body, tile, place)}, {scale}")
            if self.masked:
                value = body.put(f"fadd {tile.vector} {value}, {load(body, tile, body.at(mask_row, part.index, tile.element), lanes)}")
            value = body.put(f"select <{tile.lanes} x i1> {lanes}, {tile.vector} {value}, {tile.vector} {lowest}")
            store(body, tile, value, place)
            larger = body.put(f"fcmp ogt {tile.vector} {value}, {part.carried[0]}")
            part.next = [body.put(f"select <{tile.lanes} x i1> {larger}, {tile.vector} {value}, {tile.vector} {part.carried[0]}")]
        return body.call(tile.element, f"llvm.vector.reduce.fmax.{tile.suffix}", f"{tile.vector} {part.carried[0]}")

    def weigh(self, x: str, limit: str, less: str) -> str:
        """The exponentials of a row, less a number, and zeros for the keys that it does not see; the elements of its vectors."""
        body, tile = self.body, self.tile
        there = self.up(limit, tile.lanes)
        body.do(f"call void {self.functions['weigh']}(ptr {x}, {tile.element} {less}, i64 {there})")
        with body.loop(there, self.up(self.seen, tile.lanes), tile.lanes) as rest:
            store(body, tile, "zeroinitializer", body.at(x, rest.index, tile.element))
        return there

    def total(self, vector: str) -> str:
        """The sum of the lanes of a vector."""
        tile = self.tile
        self.body.intrinsics.add(f"declare {tile.element} @llvm.vector.reduce.fadd.{tile.suffix}({tile.element}, {tile.vector})")
        name = f"@llvm.vector.reduce.fadd.{tile.suffix}"
        return self.body.put(f"call reassoc {tile.element} {name}({tile.element} 0.0, {tile.vector} {vector})")

    def cell(self, piece: str, number: str) -> str:
        """The address of what a piece of memory has for a row."""
        return self.body.at(self.memory[piece], number, self.tile.element)


class Forward(Heads):
    """`attend(q, k, v, mask, out, logs, offsets, plan, scratch, thread, threads)`."""

    arrays = FORWARD

    def products(self, depth: int, width: int) -> list[Body]:
        tile = self.tile
        return [part_product("scores", tile, self.block_vectors, False), part_product("mix", tile, width, False),
                pack_rows("pack_values", tile, width)]  # fmt: skip

    def begin(self) -> None:
        self.pack_along("k", "keys", self.word["depth"])
        self.pack("pack_values", self.start["v"], "v", "values", self.word["columns"], self.word["width"])

    def block(self) -> None:
        body, tile, word = self.body, self.tile, self.word
        self.scores("scores", "q", "keys", "scores", word["depth"])
        with body.loop(0, self.count) as row:
            x, limit = self.line("scores", row.index), self.limit(row.index)
            top = self.scaled(x, limit, row.index)
            sees = body.put(f"fcmp one {tile.element} {top}, 0xFFF0000000000000")
            top = body.put(f"select i1 {sees}, {tile.element} {top}, {tile.element} 0.0")
            there = self.weigh(x, limit, top)
            with body.loop(0, there, tile.lanes, carry=[(tile.vector, "zeroinitializer")]) as part:
                value = load(body, tile, body.at(x, part.index, tile.element))
                part.next = [body.put(f"fadd {tile.vector} {part.carried[0]}, {value}")]
            total = self.total(part.carried[0])
            is_zero = body.put(f"fcmp oeq {tile.element} {total}, 0.0")
            total = body.put(f"select i1 {is_zero}, {tile.element} 1.0, {tile.element} {total}")
            for piece, value in (("tops", top), ("totals", total)):
                body.do(f"store {tile.element} {value}, ptr {self.cell(piece, row.index)}")
        logs = body.at(self.start["logs"], self.first, tile.element)
        given = f"ptr {self.memory['tops']}, ptr {self.memory['totals']}, ptr {logs}"
        body.do(f"call void {self.functions['logarithms']}({given}, i64 {self.count})")
        out = self.row("out", self.first)
        a = self.memory["scores"], word["span"], "1"
        self.multiply("mix", a, ("values", word["columns"]), (out, word["out_row"]), (self.count, self.seen, word["width"]))
        with body.loop(0, self.count) as row:
            total = body.put(f"load {tile.element}, ptr {self.cell('totals', row.index)}")
            factor = splat(body, tile.element, tile.lanes, body.put(f"fdiv {tile.element} 1.0, {total}"))
            line = self.row("out", body.integer("add", self.first, row.index))
            with body.loop(0, word["width"], tile.lanes) as part:
                place = body.at(line, part.index, tile.element)
                lanes = lanes_below(body, tile, body.integer("sub", word["width"], part.index))
                store(body, tile, body.put(f"fmul {tile.vector} {load(body, tile, place, lanes)}, {factor}"), place, lanes)


class Backward(Heads):
    """`attend(q, k, v, mask, out, g, dq, dk, dv, logs, offsets, plan, scratch, thread, threads)`."""

    arrays = BACKWARD

    def products(self, depth: int, width: int) -> list[Body]:
        tile = self.tile
        return [part_product("scores", tile, self.block_vectors, False), part_product("mix_keys", tile, depth, False),
                part_product("add_keys", tile, depth, True), part_product("add_values", tile, width, True),
                pack_rows("pack_keys", tile, depth), pack_rows("pack_values", tile, width)]  # fmt: skip

    def begin(self) -> None:
        body, tile, word = self.body, self.tile, self.word
        self.pack_along("k", "keys", word["depth"])
        self.pack_along("v", "values", word["width"])
        self.pack("pack_keys", self.start["k"], "k", "flat_keys", word["columns"], word["depth"])
        for array, width in (("dk", word["depth"]), ("dv", word["width"])):
            with body.loop(0, word["columns"]) as row, body.loop(0, width, tile.lanes) as part:
                lanes = lanes_below(body, tile, body.integer("sub", width, part.index))
                store(body, tile, "zeroinitializer", body.at(self.row(array, row.index), part.index, tile.element), lanes)

    def block(self) -> None:
        body, tile, word = self.body, self.tile, self.word
        self.scores("scores", "q", "keys", "scores", word["depth"])
        self.scores("scores", "g", "values", "slopes", word["width"])
        with body.loop(0, self.count) as row:
            number = body.integer("add", self.first, row.index)
            x, limit = self.line("scores", row.index), self.limit(row.index)
            self.scaled(x, limit, row.index)
            self.weigh(x, limit, body.put(f"load {tile.element}, ptr {body.at(self.start['logs'], number, tile.element)}"))
            along = self.dot(self.row("g", number), self.row("out", number))
            given = f"ptr {x}, ptr {self.line('slopes', row.index)}, {tile.element} {along}, {tile.element} {self.scale}"
            body.do(f"call void {self.functions['differ']}({given}, i64 {self.up(self.seen, tile.lanes)})")
        span, depth, width = word["span"], word["depth"], word["width"]
        slopes, scores = self.memory["slopes"], self.memory["scores"]
        dq = self.row("dq", self.first), word["dq_row"]
        self.multiply("mix_keys", (slopes, span, "1"), ("flat_keys", word["columns"]), dq, (self.count, self.seen, depth))
        for kind, a, array, piece, into, columns in (
            ("keys", slopes, "q", "some_q", "dk", depth),
            ("values", scores, "g", "some_g", "dv", width),
        ):
            self.pack(f"pack_{kind}", self.row(array, self.first), array, piece, self.count, columns)
            to = self.start[into], word[f"{into}_row"]
            self.multiply(f"add_{kind}", (a, "1", span), (piece, self.count), to, (self.seen, self.count, columns))

    def dot(self, x: str, y: str) -> str:
        """The sum of the products of two rows as wide as values."""
        body, tile, width = self.body, self.tile, self.word["width"]
        with body.loop(0, width, tile.lanes, carry=[(tile.vector, "zeroinitializer")]) as part:
            lanes = lanes_below(body, tile, body.integer("sub", width, part.index))
            one, other = (load(body, tile, body.at(each, part.index, tile.element), lanes) for each in (x, y))
            part.next = [fused(body, tile, one, other, part.carried[0])]
        return self.total(part.carried[0])
