"""Direct convolutions of arrays: the kernels of `codegen/conv`, written for each shape when it is first met, and their scratch memory."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from ..codegen.conv import direct, layouts, weight_gradient
from ..codegen.conv.shape import Shape
from ..codegen.emit import llvm
from ..codegen.gemm.contraction import address_of
from ..codegen.gemm.microkernel import Body
from ..codegen.runtime import memory, pool
from ..core.layout import steps

Array = np.ndarray[Any, Any]
CACHE = 1 << 18  # bytes of scratch memory a thread works in at a time: a share of the second-level cache that leaves room for weights


def aligned(count: int, dtype: Any) -> Array:
    """Elements of unspecified contents that begin with a line of the cache."""
    size = count * np.dtype(dtype).itemsize
    whole = memory.empty((size + 64,), np.uint8)
    start = -address_of(whole) % 64
    return whole[start : start + size].view(dtype)


def loaded(bodies: dict[str, Body]) -> dict[str, int]:
    """The addresses of functions."""
    declared = sorted(set().union(*(body.intrinsics for body in bodies.values())))
    return llvm.load("\n".join([*declared, *(body.text() for body in bodies.values())]), list(bodies), optimise=False)


@functools.cache
def library(dtype: str, bits: int) -> dict[str, int]:
    """The addresses of the functions that change layouts."""
    return loaded(layouts.library(dtype, bits))


@functools.lru_cache(1 << 10)
def bands_of(shape: Shape, bits: int) -> int:
    """The address of what runs bands."""
    return loaded({"bands": direct.band_function(shape, bits, "bands")})["bands"]


@functools.lru_cache(1 << 10)
def sums_of(shape: Shape, bits: int) -> int:
    """The address of what sums up the weight's gradient."""
    write = weight_gradient.by_channel_function if shape.by_channel else weight_gradient.gradient_function
    return loaded({"sums": write(shape, bits, "sums")})["sums"]


def weight_sizes(shape: Shape, lanes: int, block: int) -> tuple[int, ...]:
    """What the functions are told of a weight beside its strides."""
    return shape.outputs, shape.depth, *shape.kernel, lanes, block


def shape_of(x: Array, weight: Array, geometry: Any) -> Shape:
    """The shape of a convolution of images, whose weight has one input channel for many where each channel is by itself."""
    pads = tuple(low for low, _ in geometry.pads)
    same = geometry.sizes, geometry.kernel, geometry.stride, geometry.dilation, pads, geometry.out
    return Shape(x.dtype.name, x.shape[1], len(weight), *same, weight.shape[1] < x.shape[1])


def in_two_dimensions(geometry: Any, *arrays: Array) -> tuple[Any, list[Array]]:
    """Signals as images of one row."""
    if len(geometry.out) == 2:
        return geometry, list(arrays)
    sizes, kernel, stride, pads, dilation, out = geometry
    wide = type(geometry)((1, *sizes), (1, *kernel), (1, *stride), ((0, 0), *pads), (1, *dilation), (1, *out))
    return wide, [x[:, :, None] for x in arrays]


class Plan(NamedTuple):
    """What follows from a shape, the images of a batch and the threads: sizes of vectors, blocks, bands and scratch memory, in elements."""

    lanes: int
    block: int
    wide: int  # output channels in whole blocks
    rows: int
    images: int
    scratch: int  # of each thread


@functools.lru_cache(1 << 10)
def planned(shape: Shape, bits: int, images: int, threads: int) -> Plan:
    """How a convolution of so many images goes."""
    lanes, (vectors, _) = shape.tile(bits).lanes, shape.blocks(bits)
    rows, together = bands(shape, bits, images, threads)
    scratch = -(-direct.scratch_size(shape, bits, rows, together) // 64) * 64
    return Plan(lanes, vectors * lanes, shape.padded_outputs(bits), rows, together, scratch)


def multiply(x: Array, weight: Array, bias: Array | None, geometry: Any, out: Array, threads: int) -> None:
    """The windows of x (N, C, *sizes) times weight (O, C, *kernel), plus bias (O,), in out (N, O, *out).

    A weight (C, 1, *kernel) is for each channel by itself.
    """
    geometry, (x, weight, out) = in_two_dimensions(geometry, x, weight, out)
    shape, bits = shape_of(x, weight, geometry), llvm.vector_bits()
    tools, (lanes, block, wide, rows, images, size) = library(shape.dtype, bits), planned(shape, bits, len(x), threads)
    packed = aligned(wide * shape.depth * shape.kernel[0] * shape.kernel[1], x.dtype)
    if shape.outputs < wide:
        packed.fill(0)
    offsets = np.zeros(wide, x.dtype)
    if bias is not None:
        offsets[: shape.outputs] = bias
    given = address_of(weight), *steps(weight), *weight_sizes(shape, lanes, block), address_of(packed)
    pool.run(tools["pack_weight"], given, threads)
    scratch = aligned(size * threads, x.dtype)
    given = (address_of(x), *steps(x), address_of(packed), address_of(offsets), address_of(out), *steps(out))
    functions = tools["pack_image"], tools["unpack_image"]
    pool.run(bands_of(shape, bits), (*given, len(x), images, rows, address_of(scratch), size, *functions), threads)


def bands(shape: Shape, bits: int, images: int, threads: int) -> tuple[int, int]:
    """Rows of a band and images of a unit: what fits the cache, and leaves each thread something to do."""
    itemsize, height, tall = np.dtype(shape.dtype).itemsize, shape.out[0], shape.pixels(bits)[0]
    each = direct.scratch_size(shape, bits, height, 1) * itemsize
    if each <= CACHE and images >= threads:
        return height, max(1, min(CACHE // each, -(-images // threads)))
    row = (direct.scratch_size(shape, bits, height, 1) - direct.scratch_size(shape, bits, 0, 1)) * itemsize / height
    most = min(height, max(tall, int(CACHE / row)))
    if images < threads:
        most = min(most, -(-height // threads))
    return max(tall, most // tall * tall), 1


def weight_grad(x: Array, y: Array, geometry: Any, out: Array, threads: int) -> bool:
    """Put the gradient of a weight into out (O, C, *kernel), from x (N, C, *sizes) and y (N, O, *out); False if no tile fits well."""
    geometry, (x, y, out) = in_two_dimensions(geometry, x, y, out)
    shape, bits, images = shape_of(x, out, geometry), llvm.vector_bits(), len(x)
    if not shape.by_channel and not shape.gradient_tile(bits)[0]:
        return False
    tools, lanes, wide = library(shape.dtype, bits), shape.tile(bits).lanes, weight_gradient.padded_outputs(shape, bits)
    height, width = shape.height(shape.out[0]), shape.width
    inputs = aligned(images * height * width * shape.inputs + lanes, x.dtype)  # of the last pixels' vectors some lie behind
    gradients = aligned(images * shape.out[0] * shape.out[1] * wide, x.dtype)
    sums = aligned(shape.depth * shape.kernel[0] * shape.kernel[1] * wide, x.dtype)
    by_image, *strides = steps(x)
    sizes = shape.inputs, *shape.size, -shape.before[0], height, shape.before[1], width
    whole = address_of(inputs), shape.inputs, by_image, height * width * shape.inputs, images
    pool.run(tools["pack_images"], (address_of(x), *strides, *sizes, *whole), threads)
    by_image, *strides = steps(y)
    out_height, out_width = (1, shape.out[0] * shape.out[1]) if strides[1] == shape.out[1] * strides[2] else shape.out
    sizes = shape.outputs, out_height, out_width, 0, out_height, 0, out_width
    whole = address_of(gradients), wide, by_image, shape.out[0] * shape.out[1] * wide, images
    pool.run(tools["pack_images"], (address_of(y), *strides, *sizes, *whole), threads)
    row = (shape.stride[0] * width * shape.inputs + shape.out[1] * wide) * x.itemsize
    band = min(shape.out[0], max(1, CACHE // row))
    pool.run(sums_of(shape, bits), (address_of(inputs), address_of(gradients), address_of(sums), images, band), threads)
    pool.run(tools["unpack_weight"], (address_of(out), *steps(out), *weight_sizes(shape, lanes, wide), address_of(sums)), threads)
    return True
