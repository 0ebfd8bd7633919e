"""Between the layouts of users and those of direct convolutions: channels last, with a zero halo, weights in blocks of vectors."""

from __future__ import annotations

import functools

from ..emit.kernel_body import share
from ..gemm.microkernel import Body, Tile, _typed, lanes_below, load
from .shape import Shape

LAYOUTS = ("rows", "channels last", "strided")


def transposed(body: Body, tile: Tile, rows: list[str]) -> list[str]:
    """The columns of a square of as many vectors as a vector has lanes: each step exchanges one bit of a lane's and a row's number."""
    lanes, rows, step = tile.lanes, list(rows), 1
    while step < lanes:
        low = [lane if not lane & step else lanes + lane - step for lane in range(lanes)]
        high = [lane + step if not lane & step else lanes + lane for lane in range(lanes)]
        for i in (i for i in range(lanes) if not i & step):
            pair = f"{tile.vector} {rows[i]}, {tile.vector} {rows[i + step]}"
            rows[i], rows[i + step] = (
                body.put(f"shufflevector {pair}, <{lanes} x i32> <{', '.join(f'i32 {lane}' for lane in order)}>") for order in (low, high)
            )
        step *= 2
    return rows


def store(body: Body, tile: Tile, value: str, place: str, mask: str | None = None) -> None:
    """Store a vector, or the lanes of it that a mask names."""
    if mask is None:
        body.do(f"store {tile.vector} {value}, ptr {place}, align {tile.size}")
    else:
        typed = _typed((tile.vector, "ptr", "i32", f"<{tile.lanes} x i1>"), (value, place, tile.size, mask))
        body.call("void", f"llvm.masked.store.{tile.suffix}.p0", *typed)


def spread(body: Body, tile: Tile, pointer: str, step: str) -> str:
    """Addresses for the lanes of a vector, `step` elements apart."""
    lanes = tile.lanes
    one = body.put(f"insertelement <{lanes} x i64> poison, i64 {step}, i64 0")
    steps = body.put(f"shufflevector <{lanes} x i64> {one}, <{lanes} x i64> poison, <{lanes} x i32> zeroinitializer")
    offsets = body.put(f"mul <{lanes} x i64> {steps}, <{', '.join(f'i64 {i}' for i in range(lanes))}>")
    return body.put(f"getelementptr {tile.element}, ptr {pointer}, <{lanes} x i64> {offsets}")


def gather(body: Body, tile: Tile, places: str, mask: str) -> str:
    """The elements at the addresses that a mask names, zero in the other lanes."""
    kinds = (f"<{tile.lanes} x ptr>", "i32", f"<{tile.lanes} x i1>", tile.vector)
    return body.call(
        tile.vector, f"llvm.masked.gather.{tile.suffix}.v{tile.lanes}p0", *_typed(kinds, (places, tile.size, mask, "zeroinitializer"))
    )


def scatter(body: Body, tile: Tile, value: str, places: str, mask: str) -> None:
    """Store the lanes that a mask names at their addresses."""
    kinds = (tile.vector, f"<{tile.lanes} x ptr>", "i32", f"<{tile.lanes} x i1>")
    body.call("void", f"llvm.masked.scatter.{tile.suffix}.v{tile.lanes}p0", *_typed(kinds, (value, places, tile.size, mask)))


def clear(body: Body, tile: Tile, place: str, elements: object) -> None:
    """Set elements to zero."""
    size = body.integer("mul", elements, tile.size)
    body.call("void", "llvm.memset.p0.i64", f"ptr {place}", "i8 0", f"i64 {size}", "i1 false")


def copy_vectors(body: Body, tile: Tile, source: str, target: str, count: int) -> None:
    """Copy `count` elements that follow each other."""
    whole = count // tile.lanes * tile.lanes
    if whole:
        with body.loop(0, whole, tile.lanes) as at:
            value = load(body, tile, body.at(source, at.index, tile.element))
            store(body, tile, value, body.at(target, at.index, tile.element))
    if whole < count:
        mask = lanes_below(body, tile, str(count - whole))
        value = load(body, tile, body.at(source, whole, tile.element), mask)
        store(body, tile, value, body.at(target, whole, tile.element), mask)


class Source:
    """An image as the user has it: the first element, and the strides of channels, rows and columns as the function is given them."""

    def __init__(self, layout: str, pointer: str, channel: str, row: str, column: str):
        self.layout, self.pointer, self.channel, self.row, self.column = layout, pointer, channel, row, column


def blocks(count: int, lanes: int) -> list[tuple[int, int]]:
    """The whole blocks of `count` elements and what is left: first elements and ends."""
    whole = count // lanes * lanes
    return [(start, end) for start, end in ((0, whole), (whole, count)) if start < end]


def pack_row(body: Body, tile: Tile, source: Source, row: str, target: str, columns: int, channels: int, wide: int) -> None:
    """`columns` pixels of a row of an image, pixel by pixel, each `wide` elements from the next."""
    element, lanes = tile.element, tile.lanes
    start = body.at(source.pointer, row, element)
    if source.layout != "rows":
        with body.loop(0, columns) as pixel:
            place = body.at(start, body.integer("mul", pixel.index, source.column), element)
            there = body.at(target, body.integer("mul", pixel.index, wide), element)
            if source.layout == "channels last":
                copy_vectors(body, tile, place, there, channels)
            else:
                with body.loop(0, channels) as channel:
                    at = body.at(place, body.integer("mul", channel.index, source.channel), element)
                    value = body.put(f"load {element}, ptr {at}")
                    body.do(f"store {element} {value}, ptr {body.at(there, channel.index, element)}")
        return
    for first, end in blocks(columns, lanes):
        for low, high in blocks(channels, lanes):
            pixels, together = min(lanes, end - first), min(lanes, high - low)
            in_row = None if pixels == lanes else lanes_below(body, tile, str(pixels))
            in_pixel = None if together == lanes else lanes_below(body, tile, str(together))
            with body.loop(first, end, lanes) as column, body.loop(low, high, lanes) as channel:
                place = body.at(start, body.integer("add", body.integer("mul", channel.index, source.channel), column.index), element)
                vectors = []
                for _ in range(together):
                    vectors.append(load(body, tile, place, in_row))
                    place = body.at(place, source.channel, element)
                vectors += ["zeroinitializer"] * (lanes - together)
                there = body.at(target, body.integer("add", body.integer("mul", column.index, wide), channel.index), element)
                for i, vector in enumerate(transposed(body, tile, vectors)[:pixels]):
                    store(body, tile, vector, body.at(there, i * wide, element), in_pixel)


def pack_padded(body: Body, tile: Tile, shape: Shape, source: Source, top: str, rows: str, target: str) -> None:
    """The rows of an image from `top` on (rows of padding count) with the halo to the left and right of them, one after the other."""
    element, channels, width = tile.element, shape.inputs, shape.width
    left = max(shape.before[1], 0)
    skipped = max(-shape.before[1], 0)
    columns = max(min(width - left, shape.size[1] - skipped), 0)
    right = width - left - columns
    with body.loop(0, rows) as row:
        there = body.at(target, body.integer("mul", row.index, width * channels), element)
        number = body.integer("sub", body.integer("add", top, row.index), shape.before[0])
        is_there = body.put(f"icmp ult i64 {number}, {shape.size[0]}")

        def fill(there: str = there, number: str = number) -> str:
            if left:
                clear(body, tile, there, left * channels)
            at = body.integer("add", body.integer("mul", number, source.row), body.integer("mul", source.column, skipped))
            pack_row(body, tile, source, at, body.at(there, left * channels, element), columns, channels, channels)
            if right:
                clear(body, tile, body.at(there, (left + columns) * channels, element), right * channels)
            return ""

        def empty(there: str = there) -> str:
            clear(body, tile, there, width * channels)
            return ""

        body.choose(is_there, "void", fill if columns else empty, empty)


def unpack(body: Body, tile: Tile, source: str, wide: int, channels: int, target: Source, columns: int, first: str, rows: str) -> None:
    """Rows of pixels, each `wide` elements from the next, to where an image of the user's has its rows from `first` on.

    Vectors are read beyond the last pixel, and thrown away.
    """
    element, lanes = tile.element, tile.lanes
    if target.layout != "rows":
        with body.loop(0, rows) as row, body.loop(0, columns) as pixel:
            number = body.integer("add", first, row.index)
            at = body.integer("add", body.integer("mul", number, target.row), body.integer("mul", pixel.index, target.column))
            there = body.at(target.pointer, at, element)
            place = body.integer("add", body.integer("mul", row.index, columns), pixel.index)
            place = body.at(source, body.integer("mul", place, wide), element)
            if target.layout == "channels last":
                copy_vectors(body, tile, place, there, channels)
            else:
                with body.loop(0, channels) as channel:
                    value = body.put(f"load {element}, ptr {body.at(place, channel.index, element)}")
                    at = body.integer("mul", channel.index, target.channel)
                    body.do(f"store {element} {value}, ptr {body.at(there, at, element)}")
        return
    start = body.at(target.pointer, body.integer("mul", first, columns), element)
    count = body.integer("mul", rows, columns)

    def squares(from_pixel: object, to_pixel: object, mask: str | None) -> None:
        for low, high in blocks(channels, lanes):
            together = min(lanes, high - low)
            with body.loop(from_pixel, to_pixel, lanes) as pixel, body.loop(low, high, lanes) as channel:
                place = body.at(source, body.integer("add", body.integer("mul", pixel.index, wide), channel.index), element)
                vectors = [load(body, tile, body.at(place, i * wide, element)) for i in range(lanes)]
                there = body.at(start, body.integer("add", body.integer("mul", channel.index, target.channel), pixel.index), element)
                for vector in transposed(body, tile, vectors)[:together]:
                    store(body, tile, vector, there, mask)
                    there = body.at(there, target.channel, element)

    whole = body.integer("mul", body.integer("udiv", count, lanes), lanes)
    squares(0, whole, None)
    squares(whole, count, lanes_below(body, tile, body.integer("sub", count, whole)))


def weight_function(shape: Shape, bits: int, name: str, vectors: int, count: int, back: bool = False) -> Body:
    """`name(weight, output, input, row, column, packed, thread, threads)`: a weight with these strides in `count` blocks.

    A block lies `[row][column][input][output]`, with `vectors` of output channels, zero where there is none. With `back` it is taken
    from there to the weight.
    """
    tile = shape.tile(bits)
    lanes, element, (high, wide) = tile.lanes, tile.element, shape.kernel
    wide_block, size = vectors * lanes, high * wide * shape.depth
    body = Body(name, "ptr %w, i64 %o, i64 %i, i64 %r, i64 %c, ptr %packed, i64 %thread, i64 %threads", bits, linkage="")
    low, end = share(body, count * vectors * shape.depth)
    with body.loop(low, end) as unit:
        vector, channel = body.integer("udiv", unit.index, shape.depth), body.integer("urem", unit.index, shape.depth)
        first = body.integer("mul", vector, lanes)
        block, inner = body.integer("udiv", vector, vectors), body.integer("urem", vector, vectors)
        mask = lanes_below(body, tile, body.integer("sub", shape.outputs, first))
        start = body.at("%w", body.integer("add", body.integer("mul", first, "%o"), body.integer("mul", channel, "%i")), element)
        offset = body.integer("mul", body.integer("add", body.integer("mul", block, size), channel), wide_block)
        there = body.at("%packed", body.integer("add", offset, body.integer("mul", inner, lanes)), element)
        for row in range(high):
            for column in range(wide):
                at = body.integer("add", body.integer("mul", "%r", row), body.integer("mul", "%c", column))
                places = spread(body, tile, body.at(start, at, element), "%o")
                place = body.at(there, (row * wide + column) * shape.depth * wide_block, element)
                if back:
                    scatter(body, tile, load(body, tile, place), places, mask)
                else:
                    store(body, tile, gather(body, tile, places, mask), place)
    return body


def dense_weight_function(shape: Shape, bits: int, name: str, vectors: int, count: int, back: bool = False) -> Body:
    """`weight_function` for weights of at least as many elements an output channel as a vector has lanes, which follow each other.

    Squares are transposed in registers: the lanes of a gather would lie apart by a power of two, in few sets of the cache.
    """
    tile = shape.tile(bits)
    lanes, element, taps = tile.lanes, tile.element, shape.kernel[0] * shape.kernel[1]
    wide_block, size = vectors * lanes, taps * shape.depth
    body = Body(name, "ptr %w, i64 %o, i64 %i, i64 %r, i64 %c, ptr %packed, i64 %thread, i64 %threads", bits, linkage="")
    integer, squares = body.integer, -(-size // lanes)
    low, end = share(body, count * vectors * squares)
    with body.loop(low, end) as unit:
        vector, square = integer("udiv", unit.index, squares), integer("urem", unit.index, squares)
        first, start = integer("mul", vector, lanes), body.smaller(integer("mul", square, lanes), size - lanes)  # the last ones overlap
        block, inner = integer("udiv", vector, vectors), integer("urem", vector, vectors)
        there = integer("add", integer("mul", block, size * wide_block), integer("mul", inner, lanes))
        places, rows = [], []
        for i in range(lanes):
            number = integer("add", start, i)
            at = integer("add", integer("mul", integer("urem", number, taps), shape.depth), integer("udiv", number, taps))
            places.append(body.at("%packed", integer("add", there, integer("mul", at, wide_block)), element))
            row = body.smaller(integer("add", first, i), shape.outputs - 1)
            rows.append(body.at("%w", integer("add", integer("mul", row, "%o"), start), element))
        if back:
            columns = transposed(body, tile, [load(body, tile, place) for place in places])
            for i, (value, row) in enumerate(zip(columns, rows, strict=True)):
                body.when(body.put(f"icmp slt i64 {integer('add', first, i)}, {shape.outputs}"),
                          functools.partial(store, body, tile, value, row))  # fmt: skip
        else:
            mask = lanes_below(body, tile, integer("sub", shape.outputs, first))
            for value, place in zip(transposed(body, tile, [load(body, tile, row) for row in rows]), places, strict=True):
                there_is = f"select <{lanes} x i1> {mask}, {tile.vector} {value}, {tile.vector} zeroinitializer"
                store(body, tile, body.put(there_is), place)
    return body
