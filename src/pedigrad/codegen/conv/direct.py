"""The forward kernel: tiles of pixels times vectors of output channels stay in registers while a window is run through.

A thread packs the rows that a band of windows touches into its scratch memory, channels last with a zero halo; runs the band, block
of output channels by block, so that a block's weights stay in the cache; and brings the results to where the user wants them. Each
element is one sum in the order of the window, whatever the threads.
"""

from __future__ import annotations

from ..emit.kernel_body import share
from ..gemm.microkernel import Body, Tile, fused, load, splat, store
from .layouts import pointer, run
from .shape import Part, Shape

MOST = 160  # multiplications of vectors that are written out in a round of the loop through a window
ROUND = 5  # elements of a window in a round, at most


def band_function(shape: Shape, bits: int, name: str) -> Body:
    """`name(x, xn, xc, xr, xi, packed, bias, out, on, oc, or, oi, images, groups, band, scratch, size, pack, unpack, thread, threads)`.

    `x` and `out` have strides of images, channels, rows and columns; a unit of work is a band of rows of one of `groups` of images;
    each thread has `size` elements of scratch memory. `bias` has a number for each output channel of whole blocks; `pack` and `unpack`
    are the addresses of `layouts.pack_image` and `unpack_image`.
    """
    tile = shape.tile(bits)
    strides = "i64 %xn, i64 %xc, i64 %xr, i64 %xi, ptr %packed, ptr %bias, ptr %out, i64 %on, i64 %oc, i64 %or, i64 %oi"
    work = "i64 %images, i64 %groups, i64 %band, ptr %scratch, i64 %size, ptr %pack, ptr %unpack, i64 %thread, i64 %threads"
    body = Body(name, f"ptr %x, {strides}, {work}", bits, "")
    element, (vectors, count) = tile.element, shape.blocks(bits)
    apart, (above, extent, _), (left, _, _) = shape.spacing[0], shape.touched(0), shape.touched(1)
    wide = shape.padded_outputs(bits)
    integer = body.integer
    bands = ceiling(body, shape.out[0], "%band")
    low, high = share(body, integer("mul", "%groups", bands))
    scratch = body.at("%scratch", integer("mul", "%thread", "%size"), element)

    def height(rows: str) -> str:
        """The rows of the input that so many rows of results touch."""
        steps = integer("sub", ceiling(body, rows, apart), 1)
        return integer("add", integer("mul", steps, shape.stride[0]), extent)

    tall = height("%band")
    image_size = integer("mul", tall, shape.width * shape.inputs)
    made = body.at(scratch, integer("mul", image_size, ceiling(body, "%images", "%groups")), element)
    made_size = integer("mul", "%band", shape.out[1] * wide)
    with body.loop(low, high) as unit:
        group = integer("udiv", unit.index, bands)
        first_image, end = (integer("udiv", integer("mul", g, "%images"), "%groups") for g in (group, integer("add", group, 1)))
        images = integer("sub", end, first_image)
        first = integer("mul", integer("urem", unit.index, bands), "%band")
        rows = body.smaller("%band", integer("sub", shape.out[0], first))
        touched = height(rows)
        top = integer("add", integer("mul", integer("udiv", first, apart), shape.stride[0]), above)
        with body.loop(0, images) as image:
            x = body.at("%x", integer("mul", integer("add", first_image, image.index), "%xn"), element)
            to = body.at(scratch, integer("mul", image.index, image_size), element)
            sizes = shape.inputs, *shape.size, top, touched, -left, shape.width
            run(body, "%pack", pointer(x), "%xc", "%xr", "%xi", *sizes, pointer(to), shape.inputs)
        with body.loop(0, count) as block:
            size = shape.kernel[0] * shape.kernel[1] * shape.depth * vectors * tile.lanes
            weight = body.at("%packed", integer("mul", block.index, size), element)
            column = integer("mul", block.index, vectors * tile.lanes)
            bias = [load(body, tile, body.at("%bias", integer("add", column, v * tile.lanes), element)) for v in range(vectors)]
            with body.loop(0, images) as image:
                at = integer("mul", image.index, image_size)
                x = body.at(scratch, integer("add", at, column) if shape.by_channel else at, element)
                out = body.at(made, integer("add", integer("mul", image.index, made_size), column), element)
                for part in shape.parts():
                    windows(body, tile, shape, bits, part, x, weight, bias, out, wide, rows, top)
        with body.loop(0, images) as image:
            at = integer("mul", integer("add", first_image, image.index), "%on")
            out = body.at("%out", integer("add", at, integer("mul", first, "%or")), element)
            place = body.at(made, integer("mul", image.index, made_size), element)
            run(body, "%unpack", pointer(place), wide, shape.outputs, shape.out[1], rows, pointer(out), "%oc", "%or", "%oi")
    return body


def scratch_size(shape: Shape, bits: int, rows: int, images: int) -> int:
    """The elements of scratch memory for bands of so many rows and images; what lies behind is read and thrown away."""
    wide = shape.padded_outputs(bits)
    return images * (shape.height(rows) * shape.width * shape.inputs + rows * shape.out[1] * wide) + shape.tile(bits).lanes * wide


def ceiling(body: Body, x: object, y: object) -> str:
    """x / y, rounded up."""
    return body.integer("udiv", body.integer("sub", body.integer("add", x, y), 1), y)


def windows(
    body: Body, tile: Tile, shape: Shape, bits: int, part: tuple[Part, Part], x: str, weight: str, bias: list[str], out: str, wide: int,
    rows: str, top: str,
) -> None:  # fmt: skip
    """The results of a part, in `rows` rows, for one block of output channels, pixel by pixel, each `wide` elements from the next.

    `top` is the number of the first row that `x` has, which may be of the padding.
    """
    (down, across), (apart, beside) = part, shape.spacing
    tall, spans = shape.pixels(bits, across.size)
    line, step = shape.width * shape.inputs, shape.stride[1] * shape.inputs
    x = body.at(x, down.start * line + across.start * shape.inputs, tile.element)
    out = body.at(out, (down.first * shape.out[1] + across.first) * wide, tile.element)
    taps = tile.lanes * len(bias) * shape.depth
    weight = body.at(weight, (down.taps.start * shape.kernel[1] + across.taps.start) * taps, tile.element)
    if apart > 1:
        rows = ceiling(body, body.integer("sub", rows, down.first), apart)
    whole = body.integer("mul", body.integer("udiv", rows, tall), tall)
    for first, end, high in ((0, whole, tall), (whole, rows, 1))[: 1 if tall == 1 else 2]:
        with body.loop(first, end, high) as row:
            inside = (0, len(down.taps)) if tall > 1 else rows_inside(body, shape, down, top, row.index)
            for start, stop, columns in spans:
                with body.loop(start, stop, columns) as column:
                    at = body.integer("mul", row.index, shape.stride[0] * line)
                    at = body.integer("add", at, body.integer("mul", column.index, step))
                    to = body.integer("mul", row.index, apart * shape.out[1])
                    to = body.integer("add", to, body.integer("mul", column.index, beside))
                    pixels = [(a * shape.stride[0] * line + b * step, (a * apart * shape.out[1] + b * beside) * wide)
                              for a in range(high) for b in range(columns)]  # fmt: skip
                    sums = (by_channel if shape.by_channel else through_window)(
                        body, tile, shape, part, inside, body.at(x, at, tile.element), weight, bias, [p for p, _ in pixels]
                    )
                    place = body.at(out, body.integer("mul", to, wide), tile.element)
                    for i, value in enumerate(sums):
                        offset = pixels[i // len(bias)][1] + i % len(bias) * tile.lanes
                        store(body, tile, value, body.at(place, offset, tile.element))


def rows_inside(body: Body, shape: Shape, down: Part, top: str, row: str) -> tuple[object, object]:
    """The first row of a window that is not of the padding, and the first one behind these, of the row's results."""
    integer, step = body.integer, shape.dilation[0]
    first = integer("add", integer("add", top, down.start), integer("mul", row, shape.stride[0]))
    low, high = (body.smaller(integer("sub", edge, first), 0, "sgt") for edge in (0, shape.size[0]))
    return ceiling(body, low, step), body.smaller(ceiling(body, high, step), len(down.taps))


def through_window(
    body: Body, tile: Tile, shape: Shape, part: tuple[Part, Part], inside: tuple[object, object], x: str, weight: str, bias: list[str],
    pixels: list[int],
) -> list[str]:  # fmt: skip
    """The sums of one tile over the rows `inside`: for each pixel, by the offset of its window, a vector for each of the block's."""
    vector, element, lanes, vectors = tile.vector, tile.element, tile.lanes, len(bias)
    (down, across), tap = part, shape.inputs * vectors * lanes
    if not (down.taps and across.taps):
        return [value for _ in pixels for value in bias]
    in_one = shape.dilation[1] == 1 and across.taps.step == 1  # a row of a window is one piece of memory, and so are its weights
    pieces, run = (1, shape.inputs * len(across.taps)) if in_one else (len(across.taps), shape.inputs)
    most = max(1, min(ROUND, MOST // (len(pixels) * vectors)))
    together = next(n for n in range(most, 0, -1) if run % n == 0)
    sums = [(vector, value) for _ in pixels for value in bias]
    kinds = ["ptr", "ptr", *[vector] * len(sums)]
    line, further = shape.dilation[0] * shape.width * shape.inputs, down.taps.step * shape.kernel[1] * tap
    start = [("ptr", body.at(p, body.integer("mul", inside[0], step), element)) for p, step in ((x, line), (weight, further))]
    with body.loop(*inside, 1, [*start, *sums]) as row:
        with body.loop(0, pieces, 1, list(zip(kinds, row.carried, strict=True))) as piece:
            with body.loop(0, run, together, list(zip(kinds, piece.carried, strict=True))) as each:
                place, factors, *values = each.carried
                for k in range(together):
                    right = [load(body, tile, body.at(factors, (k * vectors + v) * lanes, element)) for v in range(vectors)]
                    for p, offset in enumerate(pixels):
                        left = splat(body, element, lanes, body.put(f"load {element}, ptr {body.at(place, offset + k, element)}"))
                        for v, factor in enumerate(right):
                            i = p * vectors + v
                            values[i] = fused(body, tile, left, factor, values[i])
                each.next = [body.at(place, together, element), body.at(factors, together * vectors * lanes, element), *values]
            places = [body.at(piece.carried[0], shape.dilation[1] * shape.inputs, element)]
            piece.next = [*places, body.at(piece.carried[1], across.taps.step * tap, element), *each.carried[2:]]
        row.next = [body.at(row.carried[0], line, element), body.at(row.carried[1], further, element), *piece.carried[2:]]
    return row.carried[2:]


def by_channel(
    body: Body, tile: Tile, shape: Shape, part: tuple[Part, Part], inside: tuple[object, object], x: str, weight: str, bias: list[str],
    pixels: list[int],
) -> list[str]:  # fmt: skip
    """`through_window` where each channel is by itself: the lanes of inputs and weights are those of the results."""
    vector, element, lanes, vectors, (down, over) = tile.vector, tile.element, tile.lanes, len(bias), part
    sums = [(vector, value) for _ in pixels for value in bias]
    across, wide = shape.dilation[1] * shape.inputs, vectors * lanes
    line, further = shape.dilation[0] * shape.width * shape.inputs, down.taps.step * shape.kernel[1] * wide
    start = [("ptr", body.at(p, body.integer("mul", inside[0], step), element)) for p, step in ((x, line), (weight, further))]
    with body.loop(*inside, 1, [*start, *sums]) as row:
        place, factors, *values = row.carried
        for k in range(len(over.taps)):
            right = [load(body, tile, body.at(factors, k * over.taps.step * wide + v * lanes, element)) for v in range(vectors)]
            for p, offset in enumerate(pixels):
                for v, each in enumerate(right):
                    left = load(body, tile, body.at(place, offset + k * across + v * lanes, element))
                    values[p * vectors + v] = fused(body, tile, left, each, values[p * vectors + v])
        row.next = [body.at(place, line, element), body.at(factors, further, element), *values]
    return row.carried[2:]
