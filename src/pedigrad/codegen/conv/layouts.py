"""Between the layouts of users and those of direct convolutions: channels last, with a zero halo, weights in blocks of vectors.

The functions are told sizes and strides when they are called, so there is one module of them for a dtype (`library`).
"""

from __future__ import annotations

import functools

from ..emit.kernel_body import share
from ..gemm.microkernel import Body, Tile, lanes_below, load, store, tile_for


def library(dtype: str, bits: int) -> dict[str, Body]:
    """The functions by name, each with its text."""
    tile = tile_for(dtype, bits)
    made = turn, pack_image, pack_images, unpack_image, pack_weight, unpack_weight, fill
    return {each.__name__: each(tile) for each in made}


def function(name: str, arguments: str, tile: Tile) -> Body:
    """A function to be written; `arguments` are names, those of pointers with a star."""
    typed = ", ".join(f"ptr %{each[1:]}" if each[0] == "*" else f"i64 %{each}" for each in arguments.split())
    return Body(name, typed, tile.bits, linkage="")


def run(body: Body, name: str, *arguments: object) -> None:
    """Call one of the functions; pointers are given as ("ptr", value)."""
    body.do(f"call void {name}({', '.join(f'{a[0]} {a[1]}' if isinstance(a, tuple) else f'i64 {a}' for a in arguments)})")


def pointer(place: str) -> tuple[str, str]:
    """A pointer as an argument of a call."""
    return "ptr", place


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


def turn(tile: Tile) -> Body:
    """`turn(x, x_step, rows, out, out_step, columns)`: out[j][i] = x[i][j] of a block no larger than a square of vectors."""
    body = function("turn", "*x x_step rows *out out_step columns", tile)
    element, lanes, integer = tile.element, tile.lanes, body.integer
    whole = body.put(f"icmp eq i64 {integer('add', '%rows', '%columns')}, {2 * lanes}")

    def square() -> str:
        rows = [load(body, tile, body.at("%x", integer("mul", "%x_step", i), element)) for i in range(lanes)]
        for i, value in enumerate(transposed(body, tile, rows)):
            store(body, tile, value, body.at("%out", integer("mul", "%out_step", i), element))
        return ""

    def part() -> str:
        down, across = lanes_below(body, tile, "%rows"), lanes_below(body, tile, "%columns")
        last = integer("sub", "%rows", 1)
        places = [body.at("%x", integer("mul", "%x_step", body.smaller(i, last)), element) for i in range(lanes)]
        columns = transposed(body, tile, [load(body, tile, place, across) for place in places])
        for i, value in enumerate(columns):
            there = body.at("%out", integer("mul", "%out_step", i), element)
            body.when(body.put(f"icmp sgt i64 %columns, {i}"), functools.partial(store, body, tile, value, there, down))
        return ""

    body.choose(whole, "void", square, part)
    return body


def turn_blocks(body: Body, tile: Tile, x: str, x_step: object, rows: object, out: str, out_step: object, columns: object) -> None:
    """`turn` for blocks of any size."""
    element, lanes, integer = tile.element, tile.lanes, body.integer
    with body.loop(0, rows, lanes) as down, body.loop(0, columns, lanes) as across:
        high = body.smaller(integer("sub", rows, down.index), lanes)
        wide = body.smaller(integer("sub", columns, across.index), lanes)
        source = body.at(x, integer("add", integer("mul", down.index, x_step), across.index), element)
        target = body.at(out, integer("add", integer("mul", across.index, out_step), down.index), element)
        run(body, "@turn", pointer(source), x_step, high, pointer(target), out_step, wide)


def copy(body: Body, tile: Tile, source: str, target: str, count: object) -> None:
    """Copy `count` elements that follow each other."""
    with body.loop(0, count, tile.lanes) as at:
        mask = lanes_below(body, tile, body.integer("sub", count, at.index))
        store(body, tile, load(body, tile, body.at(source, at.index, tile.element), mask), body.at(target, at.index, tile.element), mask)


def move(body: Body, tile: Tile, source: str, from_step: object, target: str, to_step: object, count: object) -> None:
    """Copy `count` elements one by one."""
    element = tile.element
    with body.loop(0, count) as at:
        value = body.put(f"load {element}, ptr {body.at(source, body.integer('mul', at.index, from_step), element)}")
        body.do(f"store {element} {value}, ptr {body.at(target, body.integer('mul', at.index, to_step), element)}")


def clear(body: Body, tile: Tile, place: str, elements: object) -> None:
    """Set elements to zero."""
    size = body.integer("mul", elements, tile.size)
    body.call("void", "llvm.memset.p0.i64", f"ptr {place}", "i8 0", f"i64 {size}", "i1 false")


def pixels(
    body: Body, tile: Tile, image: tuple[str, object, object], line: tuple[str, object], count: object, channels: object, back: bool
) -> None:
    """A row of pixels of an image, with its strides of channels and columns, to a line with one of pixels, or back from there."""
    (x, by_channel, by_column), (out, wide), element = image, line, tile.element
    in_rows, in_pixels = (body.put(f"icmp eq i64 {step}, 1") for step in (by_column, by_channel))

    def turned() -> str:
        both = (x, by_channel, channels, out, wide, count) if not back else (out, wide, count, x, by_channel, channels)
        turn_blocks(body, tile, *both)
        return ""

    def each(how: object) -> str:
        with body.loop(0, count) as pixel:
            ends = [body.at(x, body.integer("mul", pixel.index, by_column), element)]
            ends.append(body.at(out, body.integer("mul", pixel.index, wide), element))
            source, target = ends[::-1] if back else ends
            if how == "copied":
                copy(body, tile, source, target, channels)
            else:
                steps = (1, by_channel) if back else (by_channel, 1)
                move(body, tile, source, steps[0], target, steps[1], channels)
        return ""

    def otherwise() -> str:
        return body.choose(in_pixels, "void", lambda: each("copied"), lambda: each("moved"))

    body.choose(in_rows, "void", turned, otherwise)


IMAGE = "*x xc xr xi channels height width top rows left wide"


def pack_image(tile: Tile) -> Body:
    """`pack_image(x, xc, xr, xi, channels, height, width, top, rows, left, wide, out, pixel)`: rows of an image, with a halo of zeros.

    `top` is the number of the first row; `left` columns of zeros come before the image's, negative if as many of its are left out;
    `wide` pixels make a row of the result, `pixel` elements a pixel.
    """
    body = function("pack_image", f"{IMAGE} *out pixel", tile)
    element, integer = tile.element, body.integer
    left, skipped = body.smaller("%left", 0, "sgt"), body.smaller(integer("sub", 0, "%left"), 0, "sgt")
    columns = body.smaller(integer("sub", "%wide", left), integer("sub", "%width", skipped))
    columns = body.smaller(columns, 0, "sgt")
    right = body.smaller(integer("sub", integer("sub", "%wide", left), columns), 0, "sgt")
    line, before = integer("mul", "%wide", "%pixel"), integer("mul", body.smaller(left, "%wide"), "%pixel")
    behind, middle = integer("mul", right, "%pixel"), integer("mul", columns, "%pixel")
    with body.loop(0, "%rows") as row:
        out = body.at("%out", integer("mul", row.index, line), element)
        number = integer("add", "%top", row.index)

        def fill(out: str = out, number: str = number) -> str:
            clear(body, tile, out, before)
            start = integer("add", integer("mul", number, "%xr"), integer("mul", skipped, "%xi"))
            there = body.at(out, before, element)
            pixels(body, tile, (body.at("%x", start, element), "%xc", "%xi"), (there, "%pixel"), columns, "%channels", False)
            clear(body, tile, body.at(there, middle, element), behind)
            return ""

        def empty(out: str = out) -> str:
            clear(body, tile, out, line)
            return ""

        body.choose(body.put(f"icmp ult i64 {number}, %height"), "void", fill, empty)
    return body


def pack_images(tile: Tile) -> Body:
    """`pack_images(the arguments of pack_image, xn, size, images, thread, threads)`: all images, `size` elements apart in the result.

    What of a pixel is beyond its channels is zero: products of it are thrown away, but those of subnormal numbers would take long.
    """
    body = function("pack_images", f"{IMAGE} *out pixel xn size images thread threads", tile)
    names = ("xc", "xr", "xi", "channels", "height", "width", "top", "rows", "left", "wide")
    low, high = share(body, "%images")
    with body.loop(low, high) as image:
        x = body.at("%x", body.integer("mul", image.index, "%xn"), tile.element)
        out = body.at("%out", body.integer("mul", image.index, "%size"), tile.element)
        body.when(body.put("icmp ne i64 %pixel, %channels"), functools.partial(clear, body, tile, out, "%size"))
        run(body, "@pack_image", pointer(x), *(f"%{name}" for name in names), pointer(out), "%pixel")
    return body


def unpack_image(tile: Tile) -> Body:
    """`unpack_image(x, wide, channels, columns, rows, out, oc, or, oi)`: rows of pixels, `wide` elements each, to an image."""
    body = function("unpack_image", "*x wide channels columns rows *out oc or oi", tile)
    element, integer = tile.element, body.integer
    in_rows, dense = body.put("icmp eq i64 %oi, 1"), body.put("icmp eq i64 %or, %columns")

    def together() -> str:
        both = ("%out", "%oc", "%oi"), ("%x", "%wide")
        pixels(body, tile, *both, integer("mul", "%rows", "%columns"), "%channels", True)
        return ""

    def row_by_row() -> str:
        with body.loop(0, "%rows") as row:
            out = body.at("%out", integer("mul", row.index, "%or"), element)
            x = body.at("%x", integer("mul", integer("mul", row.index, "%columns"), "%wide"), element)
            pixels(body, tile, (out, "%oc", "%oi"), (x, "%wide"), "%columns", "%channels", True)
        return ""

    body.choose(body.put(f"and i1 {in_rows}, {dense}"), "void", together, row_by_row)
    return body


WEIGHT = "*w o i r c outputs inputs high across lanes block"


def pack_weight(tile: Tile) -> Body:
    """`pack_weight(w, o, i, r, c, outputs, inputs, high, across, lanes, block, packed, thread, threads)`: a weight in blocks of outputs.

    `o`, `i`, `r`, `c` are strides of outputs, inputs, rows and columns. A block of `block` outputs lies [row][column][input][output];
    threads divide vectors of `lanes` of them. What is beyond the last output is left alone.
    """
    body = function("pack_weight", f"{WEIGHT} *packed thread threads", tile)
    element, integer = tile.element, body.integer
    taps = integer("mul", "%high", "%across")
    vectors = integer("udiv", integer("sub", integer("add", "%outputs", "%lanes"), 1), "%lanes")
    step = integer("mul", "%inputs", "%block")
    forward = body.put(f"and i1 {body.put('icmp eq i64 %c, 1')}, {body.put('icmp eq i64 %r, %across')}")
    backward = body.put(f"icmp eq i64 %r, {integer('sub', 0, '%across')}")
    backward = body.put(f"and i1 {body.put('icmp eq i64 %c, -1')}, {backward}")
    low, high = share(body, integer("mul", vectors, "%inputs"))
    with body.loop(low, high) as unit:
        first, channel = integer("mul", integer("udiv", unit.index, "%inputs"), "%lanes"), integer("urem", unit.index, "%inputs")
        count = body.smaller("%lanes", integer("sub", "%outputs", first))
        w = body.at("%w", integer("add", integer("mul", first, "%o"), integer("mul", channel, "%i")), element)
        block, inner = integer("udiv", first, "%block"), integer("urem", first, "%block")
        there = integer("add", integer("mul", block, integer("mul", taps, step)), integer("mul", channel, "%block"))
        out = body.at("%packed", integer("add", there, inner), element)

        def along(w: str = w, out: str = out, count: str = count) -> str:
            turn_blocks(body, tile, w, "%o", count, out, step, taps)
            return ""

        def against(w: str = w, out: str = out, count: str = count) -> str:
            end = integer("sub", taps, 1)
            w, out = body.at(w, integer("sub", 0, end), element), body.at(out, integer("mul", end, step), element)
            turn_blocks(body, tile, w, "%o", count, out, integer("sub", 0, step), taps)
            return ""

        def anyhow(w: str = w, out: str = out, count: str = count) -> str:
            with body.loop(0, "%high") as row, body.loop(0, "%across") as column:
                at = integer("add", integer("mul", row.index, "%r"), integer("mul", column.index, "%c"))
                to = integer("mul", integer("add", integer("mul", row.index, "%across"), column.index), step)
                move(body, tile, body.at(w, at, element), "%o", body.at(out, to, element), 1, count)
            return ""

        body.choose(forward, "void", along, functools.partial(body.choose, backward, "void", against, anyhow))
    return body


def unpack_weight(tile: Tile) -> Body:
    """`unpack_weight(w, o, i, r, c, outputs, inputs, high, across, lanes, block, packed, thread, threads)`: back from one block.

    A weight's columns follow each other, and its rows.
    """
    body = function("unpack_weight", f"{WEIGHT} *packed thread threads", tile)
    integer = body.integer
    low, high = share(body, "%inputs")
    taps, step = integer("mul", "%high", "%across"), integer("mul", "%inputs", "%block")
    with body.loop(low, high) as channel:
        w = body.at("%w", integer("mul", channel.index, "%i"), tile.element)
        packed = body.at("%packed", integer("mul", channel.index, "%block"), tile.element)
        turn_blocks(body, tile, packed, step, taps, w, "%o", "%outputs")
    return body


def fill(tile: Tile) -> Body:
    """`fill(x, count, out, size, thread, threads)`: `count` elements of `x` and zeros behind them, `size` in all, by the first thread."""
    body = function("fill", "*x count *out size thread threads", tile)

    def first() -> str:
        copy(body, tile, "%x", "%out", "%count")
        clear(body, tile, body.at("%out", "%count", tile.element), body.integer("sub", "%size", "%count"))
        return ""

    body.when(body.put("icmp eq i64 %thread, 0"), first)
    return body
