"""Few rows times a matrix whose columns lie in memory one after the other: sums along memory, nothing is packed.

A linear layer of one token is such a product: each element of its weight is used once, and packing it would take longer than multiplying.
"""

from __future__ import annotations

from collections.abc import Mapping

from .microkernel import Body, Tile, fused, lanes_below, load
from .packing import A, B, C

ROWS = 4  # up to so many rows; the columns of a tile stay in the cache from one to the next
TOGETHER = 4  # columns that are gone through at once
VECTORS = 2  # of each in a round of the loop: sums that do not wait for one another


def gemv(name: str, tile: Tile, words: Mapping[str, int]) -> Body:
    """`name.gemv(a, b, c, extra, scratch, layout, thread, threads)`: the share of a thread, which has its scratch memory to itself.

    `words` says where in the layout a number is. Threads divide the tiles of columns of all batches. The columns of a tile are multiplied
    by each row into memory of the thread's own, from where `finish` brings them into C.
    """
    pointers = "ptr %a, ptr %b, ptr %c, ptr %extra, ptr %scratch, ptr %layout"
    body = Body(f"{name}.gemv", f"{pointers}, i64 %thread, i64 %threads", tile.bits)
    integer, element, width = body.integer, tile.element, tile.columns

    def word(which: str) -> str:
        return body.word("%layout", words[which])

    def table(index: str, operand: int, start: object, count: object, padded: object, place: str) -> str:
        given = f"ptr {index}, i64 {operand}, i64 {start}, i64 {count}, i64 {padded}, ptr {place}"
        body.do(f"call void @{name}.offsets({given})")
        return body.at(place, 2)

    indices = {letter: body.at("%layout", word(f"index_{letter}")) for letter in "bmn"}
    memory = {which: body.at("%scratch", word(f"at_{which}"), "i8") for which in ("tile", "m_c", "n_c", "batch")}
    rows, columns, depth, row_a, row_b = map(word, ("m", "n", "k", "row_a", "row_b"))
    accumulate = body.put(f"icmp ne i64 {word('accumulate')}, 0")
    body.do(f"store i64 -1, ptr {memory['m_c']}")
    rows_of_c = table(indices["m"], C, 0, rows, rows, memory["m_c"])
    tiles = integer("udiv", integer("add", columns, width - 1), width)
    units = integer("mul", word("batches"), tiles)
    first, last = (integer("udiv", integer("mul", units, each), "%threads") for each in ("%thread", integer("add", "%thread", 1)))
    with body.loop(first, last) as unit:
        batch = integer("udiv", unit.index, tiles)
        start = integer("mul", integer("urem", unit.index, tiles), width)
        count = body.smaller(width, integer("sub", columns, start))
        offsets = []
        for operand in (A, B, C):
            body.do(f"store i64 -1, ptr {memory['batch']}")
            offsets.append(body.word(table(indices["b"], operand, batch, 1, 1, memory["batch"]), 0))
        body.do(f"store i64 -1, ptr {memory['n_c']}")
        columns_of_c = table(indices["n"], C, start, count, width, memory["n_c"])
        a, b = body.at("%a", offsets[0], element), body.at("%b", offsets[1], element)
        b = body.at(b, integer("mul", start, row_b), element)
        whole = integer("and", count, -TOGETHER)
        with body.loop(0, rows) as row:
            left = body.at(a, integer("mul", row.index, row_a), element)
            to = body.at(memory["tile"], integer("mul", row.index, width), element)
            for low, high, together in ((0, whole, TOGETHER), (whole, count, 1)):
                with body.loop(low, high, together) as column:
                    right = [body.at(b, integer("mul", integer("add", column.index, i), row_b), element) for i in range(together)]
                    for i, total in enumerate(dots(body, tile, left, right, depth)):
                        body.do(f"store {element} {total}, ptr {body.at(to, integer('add', column.index, i), element)}")
        where = f"i64 {offsets[2]}, i64 {rows}, i64 {count}, i64 0, i64 {start}, i64 {batch}"
        tables = f"ptr {memory['tile']}, ptr %c, ptr {rows_of_c}, ptr {columns_of_c}"
        body.do(f"call void @{name}.finish({tables}, {where}, i1 {accumulate}, i1 true, ptr %extra)")
    return body


def dots(body: Body, tile: Tile, left: str, right: list[str], depth: str) -> list[str]:
    """The sums of the products of `depth` elements from `left` with those from each of `right`."""
    step = VECTORS * tile.lanes
    most = body.integer("and", depth, -step)
    with body.loop(0, most, step, carry=[(tile.vector, "zeroinitializer")] * (VECTORS * len(right))) as whole:
        sums = list(whole.carried)
        for v in range(VECTORS):
            at = body.integer("add", whole.index, v * tile.lanes)
            x = load(body, tile, body.at(left, at, tile.element))
            for i, place in enumerate(right):
                number = v * len(right) + i
                sums[number] = fused(body, tile, x, load(body, tile, body.at(place, at, tile.element)), sums[number])
        whole.next = sums
    halves = [whole.carried[i :: len(right)] for i in range(len(right))]
    sums = [body.put(f"fadd {tile.vector} {x}, {y}") for x, y in halves]
    with body.loop(most, depth, tile.lanes, carry=[(tile.vector, each) for each in sums]) as rest:
        mask = lanes_below(body, tile, body.integer("sub", depth, rest.index))
        x = load(body, tile, body.at(left, rest.index, tile.element), mask)
        others = [load(body, tile, body.at(place, rest.index, tile.element), mask) for place in right]
        rest.next = [fused(body, tile, x, y, total) for y, total in zip(others, rest.carried, strict=True)]
    body.intrinsics.add(f"declare {tile.element} @llvm.vector.reduce.fadd.{tile.suffix}({tile.element}, {tile.vector})")
    name = f"@llvm.vector.reduce.fadd.{tile.suffix}"
    return [body.put(f"call reassoc {tile.element} {name}({tile.element} 0.0, {tile.vector} {each})") for each in rest.carried]
