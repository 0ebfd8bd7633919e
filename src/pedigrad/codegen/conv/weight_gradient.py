"""The kernel of the weight's gradient: for a row of the window, tiles of its elements times vectors of output channels.

Inputs, with a zero halo, and gradients lie with channels last, and nothing else is packed. The part of each band of rows, which the
cache holds, is summed in registers and added to what is there, in order, so the sums are the same whatever the threads: these divide the
window's elements.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..emit.kernel_body import share
from ..gemm.microkernel import Body, Tile, fused, load, splat, store
from .shape import Shape

ROUND = 4  # pixels in a round of the inner loop, at most
ARGUMENTS = "ptr %inputs, ptr %gradients, ptr %out, i64 %images, i64 %band, i64 %thread, i64 %threads"


def padded_outputs(shape: Shape, bits: int) -> int:
    """Output channels in whole blocks of vectors."""
    lanes = shape.tile(bits).lanes * (1 if shape.by_channel else shape.gradient_tile(bits)[1])
    return -(-shape.outputs // lanes) * lanes


@contextmanager
def each_band(body: Body, shape: Shape, element: str, wide: int) -> Iterator[tuple[str, str, str, str]]:
    """The loop over bands of rows: whether it is the first one, how many rows it has, where its inputs and its gradients begin."""
    integer, line = body.integer, shape.stride[0] * shape.width * shape.inputs
    with body.loop(0, "%images") as image, body.loop(0, shape.out[0], "%band") as band:
        first = body.put(f"icmp eq i64 {integer('or', image.index, band.index)}, 0")
        height = body.smaller("%band", integer("sub", shape.out[0], band.index))
        at = integer("mul", image.index, shape.height(shape.out[0]) * shape.width * shape.inputs)
        inputs = body.at("%inputs", integer("add", at, integer("mul", band.index, line)), element)
        at = integer("add", integer("mul", image.index, shape.out[0]), band.index)
        yield first, height, inputs, body.at("%gradients", integer("mul", at, shape.out[1] * wide), element)


def add_to(body: Body, tile: Tile, place: str, value: str, first: str) -> None:
    """Add a vector to what is at a place, where the first band finds nothing."""
    before = body.put(f"select i1 {first}, {tile.vector} zeroinitializer, {tile.vector} {load(body, tile, place)}")
    store(body, tile, body.put(f"fadd {tile.vector} {before}, {value}"), place)


def gradient_function(shape: Shape, bits: int, name: str) -> Body:
    """`name(inputs, gradients, out, images, band, thread, threads)`: `out` is [row][element of the window's row][output]."""
    tile, (rows, vectors) = shape.tile(bits), shape.gradient_tile(bits)
    element, vector, lanes = tile.element, tile.vector, tile.lanes
    body = Body(name, ARGUMENTS, bits, "")
    integer = body.integer
    wide = padded_outputs(shape, bits)
    columns = shape.out[1]
    pieces = shape.pieces
    parts = shape.run // rows
    low, high = share(body, shape.kernel[0] * pieces * parts)
    step, line = shape.stride[1] * shape.inputs, shape.stride[0] * shape.width * shape.inputs
    together = next(n for n in range(ROUND, 0, -1) if columns % n == 0)
    with each_band(body, shape, element, wide) as (first, height, inputs, gradients), body.loop(low, high) as unit:
        part, tap = integer("urem", unit.index, parts), integer("udiv", unit.index, parts)
        across, down = integer("urem", tap, pieces), integer("udiv", tap, pieces)
        at = integer("mul", down, shape.dilation[0] * shape.width * shape.inputs)
        at = integer("add", at, integer("mul", across, shape.dilation[1] * shape.inputs))
        x = body.at(inputs, integer("add", at, integer("mul", part, rows)), element)
        out = body.at("%out", integer("mul", unit.index, rows * wide), element)
        with body.loop(0, wide, vectors * lanes) as block:
            y = body.at(gradients, block.index, element)
            sums = [(vector, "zeroinitializer")] * (rows * vectors)
            with body.loop(0, height, 1, [("ptr", x), ("ptr", y), *sums]) as row:
                kinds = ["ptr", "ptr", *[vector] * len(sums)]
                with body.loop(0, columns, together, list(zip(kinds, row.carried, strict=True))) as pixel:
                    from_x, from_y, *values = pixel.carried
                    for k in range(together):
                        right = [load(body, tile, body.at(from_y, k * wide + v * lanes, element)) for v in range(vectors)]
                        for r in range(rows):
                            value = body.put(f"load {element}, ptr {body.at(from_x, k * step + r, element)}")
                            left = splat(body, element, lanes, value)
                            for v, each in enumerate(right):
                                i = r * vectors + v
                                values[i] = fused(body, tile, left, each, values[i])
                    pixel.next = [body.at(from_x, together * step, element), body.at(from_y, together * wide, element), *values]
                row.next = [body.at(row.carried[0], line, element), *pixel.carried[1:]]
            there = body.at(out, block.index, element)
            for i, value in enumerate(row.carried[2:]):
                place = body.at(there, i // vectors * wide + i % vectors * lanes, element)
                add_to(body, tile, place, value, first)
    return body


def by_channel_function(shape: Shape, bits: int, name: str) -> Body:
    """`gradient_function` where each channel is by itself: `out` is [row][column][output], and threads divide rows and vectors."""
    tile = shape.tile(bits)
    element, vector, lanes = tile.element, tile.vector, tile.lanes
    body = Body(name, ARGUMENTS, bits, "")
    integer, wide, columns = body.integer, padded_outputs(shape, bits), shape.out[1]
    count, taps = wide // lanes, shape.kernel[1]
    step, line = shape.stride[1] * shape.inputs, shape.stride[0] * shape.width * shape.inputs
    low, high = share(body, shape.kernel[0] * count)
    with each_band(body, shape, element, wide) as (first, height, inputs, gradients), body.loop(low, high) as unit:
        channel, down = integer("mul", integer("urem", unit.index, count), lanes), integer("udiv", unit.index, count)
        at = integer("add", integer("mul", down, shape.dilation[0] * shape.width * shape.inputs), channel)
        start = [("ptr", body.at(inputs, at, element)), ("ptr", body.at(gradients, channel, element))]
        with body.loop(0, height, 1, [*start, *[(vector, "zeroinitializer")] * taps]) as row:
            kinds = ["ptr", "ptr", *[vector] * taps]
            with body.loop(0, columns, 1, list(zip(kinds, row.carried, strict=True))) as pixel:
                x, y, *values = pixel.carried
                right = load(body, tile, y)
                for k in range(taps):
                    left = load(body, tile, body.at(x, k * shape.dilation[1] * shape.inputs, element))
                    values[k] = fused(body, tile, left, right, values[k])
                pixel.next = [body.at(x, step, element), body.at(y, wide, element), *values]
            row.next = [body.at(row.carried[0], line, element), *pixel.carried[1:]]
        out = body.at("%out", integer("add", integer("mul", down, taps * wide), channel), element)
        for k, value in enumerate(row.carried[2:]):
            place = body.at(out, k * wide, element)
            add_to(body, tile, place, value, first)
    return body
