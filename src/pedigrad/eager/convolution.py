"""Direct convolutions of arrays: the kernels of `codegen/conv`, written for each shape when it is first met, and their scratch memory."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..codegen.conv import direct, layouts, weight_gradient
from ..codegen.conv.shape import Shape
from ..codegen.emit import llvm
from ..codegen.gemm.microkernel import Body
from ..codegen.runtime import memory, pool

Array = np.ndarray[Any, Any]
CACHE = 1 << 18  # bytes of scratch memory a thread works in at a time: a share of the second-level cache that leaves room for weights


def layout_of(x: Array) -> str:
    """How an array of images (N, C, H, W) lies in memory, as far as kernels tell the ways apart."""
    (_, channels, height, width), item = x.shape, x.itemsize
    _, by_channel, by_row, by_column = x.strides
    if by_column == item and (by_row == width * item or height == 1):
        return "rows"
    return "channels last" if by_channel == item or channels == 1 else "strided"


def steps(x: Array) -> list[int]:
    """The strides in elements."""
    return [s // x.itemsize for s in x.strides]


def address(x: Array) -> int:
    """Where the first element is."""
    return x.__array_interface__["data"][0]  # type: ignore[no-any-return]


def aligned(count: int, dtype: Any) -> Array:
    """Elements of unspecified contents that begin with a line of the cache."""
    size = count * np.dtype(dtype).itemsize
    whole = memory.empty((size + 64,), np.uint8)
    start = -address(whole) % 64
    return whole[start : start + size].view(dtype)


def loaded(bodies: dict[str, Body]) -> dict[str, int]:
    """The addresses of functions."""
    declared = sorted(set().union(*(body.intrinsics for body in bodies.values())))
    return llvm.load("\n".join([*declared, *(body.text() for body in bodies.values())]), list(bodies), optimise=False)


def weight_function(shape: Shape, bits: int, dense: bool) -> Callable[..., Body]:
    """What writes the function that packs a weight, whose elements for each output channel follow each other if it is `dense`."""
    enough = shape.depth * shape.kernel[0] * shape.kernel[1] >= shape.tile(bits).lanes
    return layouts.dense_weight_function if dense and enough else layouts.weight_function


def is_dense(weight: Array) -> bool:
    """Whether the elements for each output channel follow each other."""
    return weight[:1].flags.c_contiguous


@functools.lru_cache(1 << 10)
def forward_functions(shape: Shape, bits: int, dense: bool, source: str, target: str) -> dict[str, int]:
    """The addresses of what packs the weight and of what runs bands."""
    bodies = {
        "weight": weight_function(shape, bits, dense)(shape, bits, "weight", *shape.blocks(bits)),
        "bands": direct.band_function(shape, bits, "bands", source, target),
    }
    return loaded(bodies)


@functools.lru_cache(1 << 10)
def gradient_functions(shape: Shape, bits: int, dense: bool, sources: tuple[str, str]) -> dict[str, int]:
    """The addresses of what packs images and gradients, of the sums, and of what brings these to the weight's gradient."""
    wide = weight_gradient.padded_outputs(shape, bits) // shape.tile(bits).lanes
    bodies = {
        "pack": weight_gradient.pack_function(shape, bits, "pack", sources),
        "sums": (weight_gradient.by_channel_function if shape.by_channel else weight_gradient.gradient_function)(shape, bits, "sums"),
        "weight": weight_function(shape, bits, dense)(shape, bits, "weight", wide, 1, back=True),
    }
    return loaded(bodies)


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


def multiply(x: Array, weight: Array, bias: Array | None, geometry: Any, out: Array, threads: int) -> None:
    """The windows of x (N, C, *sizes) times weight (O, C, *kernel), plus bias (O,), in out (N, O, *out).

    A weight (C, 1, *kernel) is for each channel by itself.
    """
    geometry, (x, weight, out) = in_two_dimensions(geometry, x, weight, out)
    shape, bits = shape_of(x, weight, geometry), llvm.vector_bits()
    functions = forward_functions(shape, bits, is_dense(weight), layout_of(x), layout_of(out))
    vectors, count = shape.blocks(bits)
    wide = vectors * shape.tile(bits).lanes * count
    packed = aligned(wide * shape.depth * shape.kernel[0] * shape.kernel[1], x.dtype)
    offsets = np.zeros(wide, x.dtype)
    if bias is not None:
        offsets[: shape.outputs] = bias
    pool.run(functions["weight"], (address(weight), *steps(weight), address(packed)), threads)
    rows, images = bands(shape, bits, len(x), threads)
    size = -(-direct.scratch_size(shape, bits, rows, images) // 64) * 64
    scratch = aligned(size * threads, x.dtype)
    given = (address(x), *steps(x), address(packed), address(offsets), address(out), *steps(out))
    pool.run(functions["bands"], (*given, len(x), images, rows, address(scratch), size), threads)


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
    functions = gradient_functions(shape, bits, is_dense(out), (layout_of(x), layout_of(y)))
    wide, elements = weight_gradient.padded_outputs(shape, bits), shape.depth * shape.kernel[0] * shape.kernel[1]
    lanes = shape.tile(bits).lanes  # of the last pixels' vectors some lie behind
    inputs = aligned(images * shape.height(shape.out[0]) * shape.width * shape.inputs + lanes, x.dtype)
    gradients = aligned(images * shape.out[0] * shape.out[1] * wide, x.dtype)
    sums = aligned(elements * wide, x.dtype)
    given = address(x), *steps(x), address(y), *steps(y), address(inputs), address(gradients), images
    pool.run(functions["pack"], given, threads)
    row = (shape.stride[0] * shape.width * shape.inputs + shape.out[1] * wide) * x.itemsize
    band = min(shape.out[0], max(1, CACHE // row))
    pool.run(functions["sums"], (address(inputs), address(gradients), address(sums), images, band), threads)
    pool.run(functions["weight"], (address(out), *steps(out), address(sums)), threads)
    return True
