"""Rows times a small matrix: that is packed, the rows are read where they are.

`rows_product` takes a matrix that was packed beforehand, for a recurrent layer's steps; `skinny_product` packs one in each thread's scratch
memory, where it stays in the cache while many rows pass.
"""

from __future__ import annotations

from collections.abc import Callable

from ..emit.kernel_body import share
from .microkernel import Body, Tile, fused, lanes_below, load, splat, store

HEIGHTS = (12, 6, 4, 2, 1)  # the rows of tiles: what is left over of the rows is done by smaller ones
VECTORS = {512: 4, 256: 2, 128: 2}  # of a block of columns, by the width of registers: with six rows of them they stay in these
REGISTERS = {512: 32, 256: 16, 128: 16}
ROUND = 4  # elements of a row in a round of the loop through it
OPERANDS = "ptr %a, i64 %a_row, ptr %packed, ptr %c, i64 %c_row"


def rows_product(tile: Tile, biased: bool = False, vectors: int = 0) -> Body:
    """`rows_product(a, a_row, packed, c, c_row, rows, depth, columns)`: c[r][j] += the sum of a[r][k] * packed[k][j] over k.

    `a_row` and `c_row` are the strides of rows. `packed` lies [block][depth][columns of a block], blocks of so many whole `vectors`. Where
    it is `biased` there is a last argument `bias` (columns), and c[r][j] = bias[j] + that sum.
    """
    more = ", ptr %bias" if biased else ""
    body = Body("rows_product", f"{OPERANDS}, i64 %rows, i64 %depth, i64 %columns{more}", tile.bits, "")

    def start(first: str, lanes: list[str]) -> list[str] | None:
        """The bias of a block of columns."""
        if not biased:
            return None
        place = body.at("%bias", first, tile.element)
        return [load(body, tile, body.at(place, v * tile.lanes, tile.element), mask) for v, mask in enumerate(lanes)]

    multiply_rows(body, tile, vectors or VECTORS[tile.bits], "%depth", "1", start)
    return body


def part_product(name: str, tile: Tile, vectors: int, adds: bool) -> Body:
    """`name(a, a_row, a_step, packed, height, c, c_row, rows, depth, columns)`: c[r][j] = sum of a[r][k] * packed[k][j] over k.

    `a_step` is the stride of `a` along k. `packed` has blocks of so many `vectors` of columns, each of `height` rows. With `adds` sums are
    added to c.
    """
    arguments = "ptr %a, i64 %a_row, i64 %a_step, ptr %packed, i64 %height, ptr %c, i64 %c_row, i64 %rows, i64 %depth, i64 %columns"
    body = Body(name, arguments, tile.bits)
    multiply_rows(body, tile, vectors, "%height", "%a_step", lambda first, lanes: None if adds else ["zeroinitializer"] * vectors)
    return body


Start = Callable[[str, list[str]], "list[str] | None"]  # from the first column of a block and the masks of its lanes; None is what is in c


def multiply_rows(body: Body, tile: Tile, vectors: int, height: str, a_step: str, start: Start) -> None:
    """The loops over blocks of columns, each of `height` rows of the packed matrix, and over tiles of rows."""
    element = tile.element
    with body.loop(0, "%columns", vectors * tile.lanes) as block:
        weight = body.at("%packed", body.integer("mul", block.index, height), element)
        left = body.integer("sub", "%columns", block.index)
        masks = [lanes_below(body, tile, body.integer("sub", left, v * tile.lanes)) for v in range(vectors)]
        first, begin = start(block.index, masks), "0"
        for rows in HEIGHTS:
            if rows * vectors + vectors + 1 > REGISTERS[tile.bits]:
                continue
            count = body.integer("udiv", body.integer("sub", "%rows", begin), rows)
            end = body.integer("add", begin, body.integer("mul", count, rows))
            with body.loop(begin, end, rows) as row:
                a = body.at("%a", body.integer("mul", row.index, "%a_row"), element)
                c = body.at("%c", body.integer("add", body.integer("mul", row.index, "%c_row"), block.index), element)
                add_tile(body, tile, rows, a_step, masks, first, a, weight, c)
            begin = end


def add_tile(
    body: Body, tile: Tile, height: int, a_step: str, masks: list[str], first: list[str] | None, a: str, weight: str, c: str
) -> None:
    """Add the products of `height` rows with a block of columns to the `first` sums, or to what is there; `masks` are of its lanes."""
    element, lanes, vectors = tile.element, tile.lanes, len(masks)
    rows = [body.integer("mul", "%a_row", r) for r in range(height)]

    def advance(place: str, factors: str, sums: list[str], count: int) -> list[str]:
        """The sums after `count` elements more."""
        for k in range(count):
            right = [load(body, tile, body.at(factors, (k * vectors + v) * lanes, element)) for v in range(vectors)]
            for r, row in enumerate(rows):
                value = body.put(f"load {element}, ptr {body.at(place, row, element)}")
                left = splat(body, element, lanes, value)
                for v, each in enumerate(right):
                    sums[r * vectors + v] = fused(body, tile, left, each, sums[r * vectors + v])
            place = body.at(place, a_step, element)
        return [place, body.at(factors, count * vectors * lanes, element), *sums]

    pointers = [("ptr", a), ("ptr", weight)]
    most = body.integer("and", "%depth", -ROUND)
    with body.loop(0, most, ROUND, [*pointers, *[(tile.vector, "zeroinitializer")] * (height * vectors)]) as part:
        part.next = advance(part.carried[0], part.carried[1], part.carried[2:], ROUND)
    a, weight, *sums = part.carried
    with body.loop(most, "%depth", 1, [("ptr", a), ("ptr", weight), *((tile.vector, each) for each in sums)]) as rest:
        rest.next = advance(rest.carried[0], rest.carried[1], rest.carried[2:], 1)
    for i, value in enumerate(rest.carried[2:]):
        r, v = divmod(i, vectors)
        place = body.at(body.at(c, body.integer("mul", "%c_row", r), element), v * lanes, element)
        before = load(body, tile, place, masks[v]) if first is None else first[v]
        store(body, tile, body.put(f"fadd {tile.vector} {before}, {value}"), place, masks[v])


def skinny_product(tile: Tile, vectors: int) -> Body:
    """`skinny_product(a, a_row, b, b_down, b_across, c, bias, rows, depth, columns, scratch, size, thread, threads)`: c = a @ b + bias.

    c has its rows one after the other, `bias` (columns) is added to each of them. Each thread packs `b` into its `size` elements of
    scratch memory.
    """
    sizes = "i64 %rows, i64 %depth, i64 %columns, ptr %scratch, i64 %size, i64 %thread, i64 %threads"
    body = Body("skinny_product", f"ptr %a, i64 %a_row, ptr %b, i64 %b_down, i64 %b_across, ptr %c, ptr %bias, {sizes}", tile.bits, "")
    element, integer, wide = tile.element, body.integer, vectors * tile.lanes
    packed = body.at("%scratch", integer("mul", "%thread", "%size"), element)
    blocks = integer("udiv", integer("add", "%columns", wide - 1), wide)
    for first, end, known in (("0", "%columns", True), ("%columns", integer("mul", blocks, wide), False)):
        with body.loop(first, end) as column:  # beyond the last column zeros: what is there is computed with and thrown away
            start = integer("mul", integer("mul", integer("udiv", column.index, wide), "%depth"), wide)
            place = body.at(body.at(packed, start, element), integer("urem", column.index, wide), element)
            b = body.at("%b", integer("mul", column.index, "%b_across"), element) if known else ""
            with body.loop(0, "%depth") as row:
                from_here = body.at(b, integer("mul", row.index, "%b_down"), element) if known else ""
                value = body.put(f"load {element}, ptr {from_here}") if known else "0.0"
                body.do(f"store {element} {value}, ptr {body.at(place, integer('mul', row.index, wide), element)}")
    low, high = share(body, "%rows")
    a = body.at("%a", integer("mul", low, "%a_row"), element)
    c = body.at("%c", integer("mul", low, "%columns"), element)
    given = f"ptr {a}, i64 %a_row, ptr {packed}, ptr {c}, i64 %columns, i64 {integer('sub', high, low)}, i64 %depth, i64 %columns"
    body.do(f"call void @rows_product({given}, ptr %bias)")
    return body


def block_of(tile: Tile) -> int:
    """The columns of a block of a packed matrix."""
    return VECTORS[tile.bits] * tile.lanes


def vectors_for(tile: Tile, columns: int) -> int:
    """How many vectors of columns a block has that leaves as little as it can empty, and is then as wide as it can be."""
    count = -(-columns // tile.lanes)
    return min(range(VECTORS[tile.bits], 1 if count > 1 else 0, -1), key=lambda vectors: -(-count // vectors) * vectors)
