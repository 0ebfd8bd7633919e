"""The product of a step: a few rows of a state times a matrix that has been packed beforehand, block of columns by block."""

from __future__ import annotations

from ..conv.layouts import function
from ..gemm.microkernel import Body, Tile, fused, lanes_below, load, splat, store

TILES = {512: (6, 4), 256: (6, 2), 128: (6, 2)}  # rows of a tile, and the vectors of a block, that stay in registers
ROUND = 4  # elements of a row in a round of the loop through it


def heights(bits: int) -> list[int]:
    """The rows of tiles, the largest first: what is left over of the rows is done by smaller ones."""
    return [n for n in (6, 4, 2, 1) if n <= TILES[bits][0]]


def rows_product(tile: Tile) -> Body:
    """`rows_product(a, a_row, packed, c, c_row, rows, depth, columns)`: c[r][j] += the sum of a[r][k] * packed[k][j] over k.

    `a_row` and `c_row` are the strides of rows. `packed` lies [block][depth][columns of a block], blocks of whole vectors.
    """
    body = function("rows_product", "*a a_row *packed *c c_row rows depth columns", tile)
    wide = TILES[tile.bits][1] * tile.lanes
    with body.loop(0, "%columns", wide) as block:
        weight = body.at("%packed", body.integer("mul", block.index, "%depth"), tile.element)
        left = body.integer("sub", "%columns", block.index)
        masks = [lanes_below(body, tile, body.integer("sub", left, v * tile.lanes)) for v in range(TILES[tile.bits][1])]
        start = "0"
        for height in heights(tile.bits):
            count = body.integer("udiv", body.integer("sub", "%rows", start), height)
            end = body.integer("add", start, body.integer("mul", count, height))
            with body.loop(start, end, height) as row:
                a = body.at("%a", body.integer("mul", row.index, "%a_row"), tile.element)
                c = body.at("%c", body.integer("add", body.integer("mul", row.index, "%c_row"), block.index), tile.element)
                add_tile(body, tile, height, masks, a, weight, c)
            start = end
    return body


def add_tile(body: Body, tile: Tile, height: int, masks: list[str], a: str, weight: str, c: str) -> None:
    """Add the products of `height` rows with a block of columns to what is there; `masks` are of the lanes that there are."""
    element, lanes, vectors = tile.element, tile.lanes, len(masks)
    rows = [body.integer("mul", "%a_row", r) for r in range(height)]

    def advance(place: str, factors: str, sums: list[str], count: int) -> list[str]:
        """The sums after `count` elements more."""
        for k in range(count):
            right = [load(body, tile, body.at(factors, (k * vectors + v) * lanes, element)) for v in range(vectors)]
            for r, row in enumerate(rows):
                value = body.put(f"load {element}, ptr {body.at(body.at(place, row, element), k, element)}")
                left = splat(body, element, lanes, value)
                for v, each in enumerate(right):
                    sums[r * vectors + v] = fused(body, tile, left, each, sums[r * vectors + v])
        return [body.at(place, count, element), body.at(factors, count * vectors * lanes, element), *sums]

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
        value = body.put(f"fadd {tile.vector} {load(body, tile, place, masks[v])}, {value}")
        store(body, tile, value, place, masks[v])
