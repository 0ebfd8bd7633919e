"""The kernel of the weight's gradient: for a row of the window, tiles of its elements times vectors of output channels.

Inputs, with a zero halo, and gradients lie with channels last, and nothing else is packed. The part of each band of rows, or of each
`chunk` of small images, which the cache holds, is summed in registers and added to what is there, in order, so the sums are the same
whatever the threads: these divide the window's elements. Of many groups of channels each thread takes some, from the packing on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from ..emit.kernel_body import share
from ..gemm.microkernel import Body, Tile, fused, load, splat, store
from .layouts import function, pointer, run
from .shape import Shape

ROUND = 4  # pixels in a round of the inner loop, at most
ARGUMENTS = "ptr %inputs, ptr %gradients, ptr %out, i64 %images, i64 %chunk, i64 %band, i64 %thread, i64 %threads"


def padded_outputs(shape: Shape, bits: int) -> int:
    """Output channels in whole blocks of vectors."""
    lanes = shape.tile(bits).lanes * (1 if shape.by_channel else shape.gradient_tile(bits)[1])
    return -(-shape.outputs // lanes) * lanes


class Band(NamedTuple):
    """The same rows of some images, whose part of the sums is kept in registers: where the first ones are, how many there are."""

    first: str  # whether nothing was summed up before
    height: str
    inputs: str
    gradients: str
    images: str


@contextmanager
def each_band(body: Body, shape: Shape, element: str, wide: int) -> Iterator[Band]:
    """The loop over groups of images, and over bands of their rows."""
    integer, line = body.integer, shape.stride[0] * shape.width * shape.inputs
    with body.loop(0, "%images", "%chunk") as image, body.loop(0, shape.out[0], "%band") as band:
        first = body.put(f"icmp eq i64 {integer('or', image.index, band.index)}, 0")
        images = body.smaller("%chunk", integer("sub", "%images", image.index))
        height = body.smaller("%band", integer("sub", shape.out[0], band.index))
        at = integer("mul", image.index, image_size(shape))
        inputs = body.at("%inputs", integer("add", at, integer("mul", band.index, line)), element)
        at = integer("add", integer("mul", image.index, shape.out[0]), band.index)
        yield Band(first, height, inputs, body.at("%gradients", integer("mul", at, shape.out[1] * wide), element), images)


def image_size(shape: Shape) -> int:
    """The elements of an image with its halo."""
    return shape.height(shape.out[0]) * shape.width * shape.inputs


def sums_over(
    body: Body, shape: Shape, element: str, wide: int, band: Band, x: str, y: str, sums: list[tuple[str, str]], together: int,
    pixel: Callable[[str, str, list[str]], list[str]],
) -> list[str]:  # fmt: skip
    """What `sums` become over a band's images, rows and columns; `pixel` adds `together` columns, given their places of both operands."""
    step, line = shape.stride[1] * shape.inputs, shape.stride[0] * shape.width * shape.inputs
    kinds = ["ptr", "ptr", *[kind for kind, _ in sums]]
    with body.loop(0, band.images, 1, [("ptr", x), ("ptr", y), *sums]) as image:
        with body.loop(0, band.height, 1, list(zip(kinds, image.carried, strict=True))) as row:
            with body.loop(0, shape.out[1], together, list(zip(kinds, row.carried, strict=True))) as column:
                from_x, from_y, *values = column.carried
                values = pixel(from_x, from_y, values)
                column.next = [body.at(from_x, together * step, element), body.at(from_y, together * wide, element), *values]
            row.next = [body.at(row.carried[0], line, element), *column.carried[1:]]
        places = [body.at(image.carried[0], image_size(shape), element)]
        places.append(body.at(image.carried[1], shape.out[0] * shape.out[1] * wide, element))
        image.next = [*places, *row.carried[2:]]
    return image.carried[2:]


def add_to(body: Body, tile: Tile, place: str, value: str, first: str) -> None:
    """Add a vector to what is at a place, where the first band finds nothing."""
    before = body.put(f"select i1 {first}, {tile.vector} zeroinitializer, {tile.vector} {load(body, tile, place)}")
    store(body, tile, body.put(f"fadd {tile.vector} {before}, {value}"), place)


def gradient_function(shape: Shape, bits: int, name: str) -> Body:
    """`name(inputs, gradients, out, images, chunk, band, thread, threads)`: `out` is [row][element of the window's row][output]."""
    tile, (rows, vectors) = shape.tile(bits), shape.gradient_tile(bits)
    element, vector, lanes = tile.element, tile.vector, tile.lanes
    body = Body(name, ARGUMENTS, bits, "")
    integer = body.integer
    wide = padded_outputs(shape, bits)
    columns = shape.out[1]
    pieces = shape.pieces
    parts = shape.run // rows
    low, high = share(body, shape.kernel[0] * pieces * parts)
    step = shape.stride[1] * shape.inputs
    together = next(n for n in range(ROUND, 0, -1) if columns % n == 0)

    def pixel(x: str, y: str, values: list[str]) -> list[str]:
        for k in range(together):
            right = [load(body, tile, body.at(y, k * wide + v * lanes, element)) for v in range(vectors)]
            for r in range(rows):
                value = body.put(f"load {element}, ptr {body.at(x, k * step + r, element)}")
                left = splat(body, element, lanes, value)
                for v, each in enumerate(right):
                    i = r * vectors + v
                    values[i] = fused(body, tile, left, each, values[i])
        return values

    with each_band(body, shape, element, wide) as band, body.loop(low, high) as unit:
        part, tap = integer("urem", unit.index, parts), integer("udiv", unit.index, parts)
        across, down = integer("urem", tap, pieces), integer("udiv", tap, pieces)
        at = integer("mul", down, shape.dilation[0] * shape.width * shape.inputs)
        at = integer("add", at, integer("mul", across, shape.dilation[1] * shape.inputs))
        x = body.at(band.inputs, integer("add", at, integer("mul", part, rows)), element)
        out = body.at("%out", integer("mul", unit.index, rows * wide), element)
        with body.loop(0, wide, vectors * lanes) as block:
            y = body.at(band.gradients, block.index, element)
            sums = [(vector, "zeroinitializer")] * (rows * vectors)
            there = body.at(out, block.index, element)
            for i, value in enumerate(sums_over(body, shape, element, wide, band, x, y, sums, together, pixel)):
                place = body.at(there, i // vectors * wide + i % vectors * lanes, element)
                add_to(body, tile, place, value, band.first)
    return body


def by_channel_function(shape: Shape, bits: int, name: str) -> Body:
    """`gradient_function` where each channel is by itself: `out` is [row][column][output], and threads divide rows and vectors."""
    tile = shape.tile(bits)
    element, vector, lanes = tile.element, tile.vector, tile.lanes
    body = Body(name, ARGUMENTS, bits, "")
    integer, wide = body.integer, padded_outputs(shape, bits)
    count, taps = wide // lanes, shape.kernel[1]
    low, high = share(body, shape.kernel[0] * count)

    def pixel(x: str, y: str, values: list[str]) -> list[str]:
        right = load(body, tile, y)
        for k in range(taps):
            left = load(body, tile, body.at(x, k * shape.dilation[1] * shape.inputs, element))
            values[k] = fused(body, tile, left, right, values[k])
        return values

    with each_band(body, shape, element, wide) as band, body.loop(low, high) as unit:
        channel, down = integer("mul", integer("urem", unit.index, count), lanes), integer("udiv", unit.index, count)
        at = integer("add", integer("mul", down, shape.dilation[0] * shape.width * shape.inputs), channel)
        x, y = body.at(band.inputs, at, element), body.at(band.gradients, channel, element)
        out = body.at("%out", integer("add", integer("mul", down, taps * wide), channel), element)
        for k, value in enumerate(sums_over(body, shape, element, wide, band, x, y, [(vector, "zeroinitializer")] * taps, 1, pixel)):
            add_to(body, tile, body.at(out, k * wide, element), value, band.first)
    return body


def memory_for(shape: Shape, bits: int, images: int) -> dict[str, int]:
    """The elements of what the kernel works on, of so many images: the packed inputs and gradients, and the sums."""
    wide = padded_outputs(shape, bits)
    inputs = images * image_size(shape) + shape.tile(bits).lanes  # of the last pixels' vectors some lie behind
    return {
        "inputs": inputs,
        "gradients": images * shape.out[0] * shape.out[1] * wide,
        "sums": shape.depth * math.prod(shape.kernel) * wide,
    }


def by_group_function(shape: Shape, bits: int, name: str) -> Body:
    """`name(x, xn, xc, xr, xi, xg, y, yn, yc, yr, yi, yg, high, wide, out, oo, oi, or, oc, og, images, chunk, band, groups, scratch,
    size, pack, unpack, thread, threads)`: the gradients of the weights of `groups` convolutions.

    `x`, `y` and `out` have the strides of images, outputs, inputs, rows and columns, and of groups; `y` is of `high` rows of `wide`
    columns. Each thread has `size` elements of scratch memory; `pack` and `unpack` are the addresses of `layouts.pack_images` and
    `unpack_weight`, and `@sums` is in this module.
    """
    tile, element = shape.tile(bits), shape.tile(bits).element
    names = "*x xn xc xr xi xg *y yn yc yr yi yg high wide *out oo oi or oc og images chunk band groups *scratch size *pack *unpack"
    body = function(name, f"{names} thread threads", tile)
    integer, pixel, height = body.integer, padded_outputs(shape, bits), shape.height(shape.out[0])
    x_size, y_size = image_size(shape), shape.out[0] * shape.out[1] * pixel
    inputs = body.at("%scratch", integer("mul", "%thread", "%size"), element)
    gradients = body.at(inputs, integer("add", integer("mul", "%images", x_size), tile.lanes), element)
    sums = body.at(gradients, integer("mul", "%images", y_size), element)
    low, high = share(body, "%groups")
    with body.loop(low, high) as group:
        x, y, out = (body.at(f"%{end}", integer("mul", group.index, f"%{end[0]}g"), element) for end in ("x", "y", "out"))
        sizes: tuple[object, ...] = (shape.inputs, *shape.size, -shape.before[0], height, shape.before[1], shape.width)
        run(body, "%pack", pointer(x), "%xc", "%xr", "%xi", *sizes, pointer(inputs), shape.inputs, "%xn", x_size, "%images", 0, 1)
        sizes = shape.outputs, "%high", "%wide", 0, "%high", 0, "%wide"
        run(body, "%pack", pointer(y), "%yc", "%yr", "%yi", *sizes, pointer(gradients), pixel, "%yn", y_size, "%images", 0, 1)
        run(body, "@sums", pointer(inputs), pointer(gradients), pointer(sums), "%images", "%chunk", "%band", 0, 1)
        sizes = shape.outputs, shape.depth, *shape.kernel, tile.lanes, pixel
        run(body, "%unpack", pointer(out), "%oo", "%oi", "%or", "%oc", *sizes, pointer(sums), 0, 1)
    return body
