"""The loops over the blocks of a contraction: what is packed when, and which thread multiplies it.

The rows or the columns of C, those of which there are more panels, are divided among threads and `streamed`: a thread packs one
panel (or a group) and multiplies it by a whole block of the other operand, which is `resident` in the second-level cache. While
it multiplies, it fetches what is packed next.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

from .microkernel import STEPS, Body, Tile, configured
from .packing import A, B, C, words_of

__all__ = ["IRREGULAR", "MEMORY", "TABLES", "WORDS", "driver"]

TABLES = ("k_a", "k_b", "m_a", "m_c", "n_b", "n_c")  # an index and an operand
MEMORY = ("tile", "places", "packed", *TABLES, "batch", "resident", "streamed")  # what lies in a thread's scratch memory
WORDS = [  # the head of a layout; `scratch` in bytes for each thread, at_* in bytes, index_* in words
    *("batches", "m", "n", "k", "accumulate", "over_n", "kc", "block", "chunk", "group", "step_a", "step_b", "scratch"),
    *("gemv", "row_a", "row_b"),  # whether `gemv` does it, the strides of A along m and of B along n then
    *(f"at_{name}" for name in MEMORY),
    *("index_b", "index_m", "index_n", "index_k"),
]
IRREGULAR = -(1 << 62)  # the stride along k of an operand that has several
FEW_PANELS = 2  # of the resident block: up to so many, packing would take longer than it saves


def driver(name: str, tile: Tile, epilogue: bool) -> Body:
    """The function that does the share of a thread."""
    return _Driver(name, tile, epilogue).body


class _Side(NamedTuple):
    """The rows or the columns of C, which one is known at run time: values and pointers.

    The operand that has them and its number; how many there are and how many make a panel; their dimensions, the tables for the
    operand and for C; the operand's stride along k and its table of k; the function that packs it.
    """

    operand: str
    number: str
    extent: str
    width: str
    dimensions: str
    table: str
    table_c: str
    step: str
    table_k: str
    pack: str


class _Block(NamedTuple):
    """A step of the loops over batches and over k: the batch, its offset in C, the steps, how many words of a panel these are, whether
    to add, whether it is the last.
    """

    batch: str
    c: str
    k: str
    words: str
    add: str
    last: str


class _Strip(NamedTuple):
    """`length` rows or columns from `start`: their entries in the operand's table, or the packed panel, and those for C."""

    start: str
    length: str
    entries: str
    places: str


class _Driver:
    """The loops over blocks; the words of the layout are its attributes."""

    def __init__(self, name: str, tile: Tile, epilogue: bool):
        self.name, self.tile, self.epilogue = name, tile, epilogue
        arguments = "ptr %a, ptr %b, ptr %c, ptr %extra, ptr %scratch, ptr %layout, i64 %thread, i64 %threads"
        self.body = body = Body(name, arguments, tile.bits, linkage="")
        self.words = {word: body.word("%layout", i) for i, word in enumerate(WORDS)}
        mine = body.at("%scratch", body.integer("mul", self.words["scratch"], "%thread"), "i8")
        self.memory = {word[3:]: body.at(mine, self.words[word], "i8") for word in WORDS if word.startswith("at_")}
        self.indices = {word[6:]: body.at("%layout", self.words[word]) for word in WORDS if word.startswith("index_")}
        if not tile.is_plain:
            self.blocked()
            return
        few = body.put(f"icmp ne i64 {self.words['gemv']}, 0")
        given = f"ptr %a, ptr %b, ptr %c, ptr %extra, ptr {mine}, ptr %layout, i64 %thread, i64 %threads"
        body.choose(few, "void", lambda: self.call(f"gemv({given})"), self.blocked)

    def blocked(self) -> str:
        """The product in blocks of packed panels."""
        body, tile = self.body, self.tile
        for table in TABLES:
            body.do(f"store i64 -1, ptr {self.memory[table]}")
        body.do(f"store i64 -1, ptr {body.at(self.memory['packed'], 2)}")
        for row in range(tile.rows):
            body.do(f"store i64 {row * tile.columns}, ptr {body.at(self.memory['places'], 2 * row)}")
        self.over_n = body.put(f"icmp ne i64 {self.words['over_n']}, 0")
        rows, columns = self.side("a", A, "m", tile.rows), self.side("b", B, "n", tile.columns)
        self.streamed, self.resident = (_Side(*map(self.choice, _Side._fields, x, y)) for x, y in ((columns, rows), (rows, columns)))
        if tile.square:
            configured(body)
        self.batches()
        if tile.square:
            body.call("void", "llvm.x86.tilerelease")
        return ""

    def side(self, operand: str, number: int, index: str, width: int) -> _Side:
        """The rows or the columns."""
        tables = (self.memory[f"{index}_{operand}"], self.memory[f"{index}_c"])
        along_k = (self.words[f"step_{operand}"], self.memory[f"k_{operand}"], f"@{self.name}.pack_{operand}")
        return _Side(f"%{operand}", str(number), self.words[index], str(width), self.indices[index], *tables, *along_k)

    def choice(self, field: str, over_n: str, over_m: str) -> str:
        """The one of two values, or pointers, that goes with the side that is divided."""
        kind = "i64" if field in ("number", "extent", "width", "step", "start", "length") else "ptr"
        return self.body.put(f"select i1 {self.over_n}, {kind} {over_n}, {kind} {over_m}")

    def table(self, index: str, number: object, block: tuple[object, object], multiple: object, table: str) -> str:
        """Fill the table of an index for an operand, padded to a multiple; returns its entries."""
        padded = _rounded(self.body, block[1], multiple)
        self.call(f"offsets(ptr {index}, i64 {number}, i64 {block[0]}, i64 {block[1]}, i64 {padded}, ptr {table})")
        return self.body.at(table, 2)

    def strip(self, side: _Side, start: str, count: str) -> _Strip:
        """A block of rows or columns with its tables."""
        tables = ((side.number, side.table), (C, side.table_c))
        return _Strip(start, count, *(self.table(side.dimensions, n, (start, count), side.width, table) for n, table in tables))

    def batches(self) -> None:
        """The thread's share of all streamed panels of all batches."""
        body, words = self.body, self.words
        extent, panel = self.streamed.extent, self.streamed.width
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
            self.blocks(loop.index, body.integer("mul", low, panel), body.smaller(body.integer("mul", high, panel), extent))

    def blocks(self, batch: str, low: str, high: str) -> None:
        """A part of a batch, block by block; the loop over k runs once where k is 0."""
        body, words, resident = self.body, self.words, self.resident
        offsets = []
        for number in (self.streamed.number, resident.number, C):
            body.do(f"store i64 -1, ptr {self.memory['batch']}")
            offsets.append(body.word(self.table(self.indices["b"], number, (batch, 1), 1, self.memory["batch"]), 0))
        operands = zip((self.streamed.operand, resident.operand), offsets[:2], strict=True)
        source, packed = (body.at(operand, offset, self.tile.source) for operand, offset in operands)
        accumulate = body.put(f"icmp ne i64 {words['accumulate']}, 0")
        with body.loop(low, high, words["chunk"]) as chunk:
            size = body.smaller(words["chunk"], body.integer("sub", high, chunk.index))
            streamed = self.strip(self.streamed, chunk.index, size)
            with body.loop(0, body.smaller(words["k"], 1, "sgt"), words["kc"]) as over_k:
                last = body.put(f"icmp sge i64 {body.integer('add', over_k.index, words['kc'])}, {words['k']}")
                k = body.smaller(words["kc"], body.integer("sub", words["k"], over_k.index))
                for number, table in ((A, "k_a"), (B, "k_b")):
                    self.table(self.indices["k"], number, (over_k.index, k), 1, self.memory[table])
                add = self.some(accumulate, body.put(f"icmp ne i64 {over_k.index}, 0"))
                block = _Block(batch, offsets[2], k, words_of(body, k, self.tile), add, last)
                with body.loop(0, resident.extent, words["block"]) as over_r:
                    count = body.smaller(words["block"], body.integer("sub", resident.extent, over_r.index))
                    whole = self.strip(resident, over_r.index, count)
                    self.pack_once(packed, k, whole, over_k.index)
                    with body.loop(0, size, words["group"]) as over_s:
                        left = body.integer("sub", size, over_s.index)
                        start = body.integer("add", chunk.index, over_s.index)
                        here = [_entry(body, e, over_s.index) for e in (streamed.entries, streamed.places)]
                        self.group(block, source, _Strip(start, body.smaller(left, words["group"]), *here), left, whole)

    def pack(self, side: _Side, source: str, k: str, strip: _Strip, panels: str) -> str:
        """Pack a strip of A or of B."""
        rows, steps = f"ptr {strip.entries}", f"ptr {self.body.at(side.table_k, 2)}"
        self.body.do(f"call void {side.pack}(ptr {source}, {rows}, {steps}, i64 {strip.length}, i64 {k}, ptr {panels})")
        return ""

    def pack_once(self, source: str, k: str, strip: _Strip, start: str) -> None:
        """Pack a block of the resident operand where it does not lie there already."""
        body, packed = self.body, self.memory["packed"]
        words = (body.put(f"ptrtoint ptr {source} to i64"), start, strip.start)
        differs = [body.put(f"icmp ne i64 {body.word(packed, i)}, {word}") for i, word in enumerate(words)]

        def pack() -> str:
            for i, word in enumerate(words):
                body.do(f"store i64 {word}, ptr {body.at(packed, i)}")
            return self.pack(self.resident, source, k, strip, self.memory["resident"])

        body.when(self.some(*differs), pack)

    def group(self, block: _Block, source: str, strip: _Strip, left: str, resident: _Strip) -> None:
        """The products of a few streamed panels, of those `left`, with the resident block.

        Where they are used once or twice and their vectors lie in memory at one distance, they are not packed.
        """
        body, side, group = self.body, self.streamed, self.words["group"]
        regular = body.put(f"icmp ne i64 {side.step}, {IRREGULAR}")
        together = body.put(f"icmp sge i64 {body.word(strip.entries, 1)}, {strip.length}")
        panels = body.put(f"icmp eq i64 {body.integer('urem', strip.length, side.width)}, 0")
        few = body.put(f"icmp sle i64 {resident.length}, {body.integer('mul', self.resident.width, FEW_PANELS)}")
        there = "false" if self.tile.converts else self.all(regular, together, panels, few)
        body.choose(there, "void", str, lambda: self.pack(side, source, block.k, strip, self.memory["streamed"]))
        begin = body.at(source, body.word(body.at(side.table_k, 2), 0), self.tile.source)
        step = body.put(f"select i1 {there}, i64 {side.step}, i64 {side.width}")
        along = body.put(f"select i1 {regular}, i64 {side.step}, i64 0")
        along = along if self.tile.depth == 1 else body.integer("mul", along, self.tile.depth)
        with body.loop(0, strip.length, side.width) as loop:
            entries, places = (_entry(body, e, loop.index) for e in (strip.entries, strip.places))
            unpacked = body.at(begin, body.word(entries, 0), self.tile.source)
            packed = body.at(self.memory["streamed"], body.integer("mul", loop.index, block.words), self.tile.word)
            panel = body.put(f"select i1 {there}, ptr {unpacked}, ptr {packed}")
            more = body.put(f"icmp slt i64 {body.integer('add', loop.index, group)}, {left}")
            following = _entry(body, entries, body.put(f"select i1 {more}, i64 {group}, i64 0"))
            part = _Strip(*self.part(strip, side, loop.index), panel, places)
            self.panel(block, part, resident, (step, along), (begin, following))

    def panel(self, block: _Block, strip: _Strip, resident: _Strip, steps: tuple[str, str], ahead: tuple[str, str]) -> None:
        """The products of a streamed panel with the resident block, each of which fetches two rows of a later panel."""
        body, side = self.body, self.resident
        half = body.integer("lshr", self.streamed.width, 1)
        with body.loop(0, resident.length, side.width, carry=[("i64", "0"), ("i64", "0")]) as loop:
            number, row = loop.carried
            packed = body.at(self.memory["resident"], body.integer("mul", loop.index, block.words), self.tile.word)
            opposite = _Strip(*self.part(resident, side, loop.index), packed, _entry(body, resident.places, loop.index))
            below = body.integer("add", row, 1)
            again = body.put(f"icmp eq i64 {below}, {half}")
            loop.next = [body.integer("add", number, 1), body.put(f"select i1 {again}, i64 0, i64 {below}")]  # a division is slow
            fetched = []
            for i, late in ((0, 0), (half, STEPS // 2)):  # the steps that one product leaves out are others' to fetch
                offset = body.word(_entry(body, ahead[1], body.integer("add", row, i)), 0)
                step = body.integer("and", body.integer("add", number, late), STEPS - 1)
                offset = body.integer("add", offset, body.integer("mul", step, steps[1]))
                fetched.append(f"ptr {body.at(ahead[0], offset, self.tile.source)}")
            ends = ((opposite, strip), (strip, opposite))
            left, right = (_Strip(*map(self.choice, _Strip._fields, x, y)) for x, y in ends)
            apart = [self.choice("step", x, y) for x, y in ((side.width, steps[0]), (steps[0], side.width))]
            panels = f"ptr {left.entries}, i64 {apart[0]}, ptr {right.entries}, i64 {apart[1]}"
            self.one(block, left, right, panels, ", ".join([*fetched, f"i64 {steps[1]}"]))

    def part(self, strip: _Strip, side: _Side, index: str) -> tuple[str, str]:
        """The start and the count of the panel at an index of a strip."""
        body = self.body
        return body.integer("add", strip.start, index), body.smaller(body.integer("sub", strip.length, index), side.width)

    def one(self, block: _Block, rows: _Strip, columns: _Strip, panels: str, fetched: str) -> None:
        """One tile, straight into C where it is as large as a microkernel's and its rows lie there."""
        body, tile = self.body, self.tile
        narrow = body.put(f"icmp sle i64 {columns.length}, {tile.lanes}")
        wide, half = (body.put(f"icmp eq i64 {columns.length}, {width}") for width in (tile.columns, tile.lanes))
        *lower, high = (body.put(f"icmp eq i64 {rows.length}, {height}") for height in (*tile.few, tile.rows))
        exact = self.some(self.all(wide, self.some(*lower, high)), self.all(half, high))
        together = body.put(f"icmp sge i64 {body.word(columns.places, 1)}, {columns.length}")
        final = block.last if self.epilogue or tile.rounded else "false"
        straight = "false" if tile.square else self.all(exact, together, body.put(f"xor i1 {final}, true"))
        place = body.at("%c", body.integer("add", block.c, body.word(columns.places, 0)), tile.element)
        to = body.put(f"select i1 {straight}, ptr {place}, ptr {self.memory['tile']}")
        places = body.put(f"select i1 {straight}, ptr {rows.places}, ptr {self.memory['places']}")
        add = body.put(f"select i1 {straight}, i1 {block.add}, i1 false")
        self.multiply(rows.length, narrow, f"(i64 {block.words}, {panels}, ptr {to}, ptr {places}, i1 {add}, {fetched})")
        where = f"i64 {block.c}, i64 {rows.length}, i64 {columns.length}, i64 {rows.start}, i64 {columns.start}, i64 {block.batch}"
        where = f"ptr %c, ptr {rows.places}, ptr {columns.places}, {where}, i1 {block.add}, i1 {block.last}"
        body.choose(straight, "void", str, lambda: self.call(f"finish(ptr {self.memory['tile']}, {where}, ptr %extra)"))

    def all(self, *tests: str) -> str:
        """Whether all tests hold."""
        return functools.reduce(lambda x, y: self.body.put(f"and i1 {x}, {y}"), tests)

    def some(self, *tests: str) -> str:
        """Whether any test holds."""
        return functools.reduce(lambda x, y: self.body.put(f"or i1 {x}, {y}"), tests)

    def multiply(self, height: str, narrow: str, panels: str) -> None:
        """Call the smallest microkernel that has enough rows, or enough columns."""
        otherwise = functools.partial(self.call, f"multiply{panels}")
        otherwise = functools.partial(self.body.choose, narrow, "void", functools.partial(self.call, f"multiply_narrow{panels}"), otherwise)
        for rows in reversed(self.tile.few):
            otherwise = functools.partial(self._multiply_few, height, rows, panels, otherwise)
        otherwise()

    def _multiply_few(self, height: str, rows: int, panels: str, otherwise: Callable[[], str]) -> str:
        few = self.body.put(f"icmp sle i64 {height}, {rows}")
        return self.body.choose(few, "void", functools.partial(self.call, f"multiply_{rows}{panels}"), otherwise)

    def call(self, text: str) -> str:
        """Call one of the other functions."""
        self.body.do(f"call void @{self.name}.{text}")
        return ""


def _entry(body: Body, entries: str, index: str) -> str:
    """The entry at an index of a table's entries."""
    return body.at(entries, body.integer("shl", index, 1))


def _rounded(body: Body, count: object, multiple: object) -> str:
    if multiple == 1:
        return str(count)
    up = body.integer("sub", body.integer("add", count, multiple), 1)
    return body.integer("mul", body.integer("udiv", up, multiple), multiple)
