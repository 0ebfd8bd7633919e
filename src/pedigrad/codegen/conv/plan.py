"""Plans of direct convolutions: which native functions run one after the other, on what, and what memory they need beside the operands.

Eager operations run a plan's calls through the thread pool; a compiled program has them in its own text.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..emit import llvm
from ..gemm.microkernel import Body
from . import direct, layouts, weight_gradient
from .shape import Shape

CACHE = 1 << 18  # bytes of scratch memory a thread works in at a time: a share of the second-level cache that leaves room for weights
LINE = 64


class Function(NamedTuple):
    """A native function as an argument of another."""

    address: int


Argument: TypeAlias = int | str | Function  # a number; the name of an operand, of memory, of all threads' "scratch" or of its "size"


class NativeCall(NamedTuple):
    """A call `function(*arguments, thread, threads)`, by one thread if it is `serial`; the names of what it reads and writes."""

    function: int
    arguments: tuple[Argument, ...]
    reads: tuple[str, ...]
    writes: str
    serial: bool = False


class Plan(NamedTuple):
    """The calls of a convolution, the elements of each piece of memory that they need, and of each thread's scratch memory."""

    calls: tuple[NativeCall, ...]
    memory: tuple[tuple[str, int], ...]
    scratch: int = 0


class Operand(NamedTuple):
    """An array as plans see it: its shape and its strides, in elements."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]


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


@functools.lru_cache(1 << 10)
def by_group(shape: Shape, bits: int) -> int:
    """The address of what sums up the weights' gradients of groups of channels."""
    sums = weight_gradient.gradient_function(shape, bits, "sums")
    return loaded({"sums": sums, "by_group": weight_gradient.by_group_function(shape, bits, "by_group")})["by_group"]


def weight_sizes(shape: Shape, lanes: int, block: int) -> tuple[int, ...]:
    """What the functions are told of a weight beside its strides."""
    return shape.outputs, shape.depth, *shape.kernel, lanes, block


def in_two_dimensions(geometry: Any, *operands: Operand) -> tuple[Any, list[Operand]]:
    """Signals as images of one row."""
    if len(geometry.out) == 2:
        return geometry, list(operands)
    sizes, kernel, stride, pads, dilation, out = geometry
    wide = type(geometry)((1, *sizes), (1, *kernel), (1, *stride), ((0, 0), *pads), (1, *dilation), (1, *out))
    return wide, [Operand((*x.shape[:2], 1, *x.shape[2:]), (*x.strides[:2], 0, *x.strides[2:])) for x in operands]


def shape_of(dtype: str, inputs: int, weight: Operand, geometry: Any) -> Shape:
    """The shape of a convolution of images of `inputs` channels; each is by itself where the weight has one for many."""
    before = tuple(low for low, _ in geometry.pads)
    same = geometry.sizes, geometry.kernel, geometry.stride, geometry.dilation, before, geometry.out
    return Shape(dtype, inputs, weight.shape[0], *same, weight.shape[1] < inputs)


def backward_shape(dtype: str, inputs: int, weight: Operand, geometry: Any) -> Shape:
    """The shape of what takes gradients of `inputs` channels back through a convolution: one of strides of one, the weight turned round."""
    before = tuple(d * (k - 1) - low for d, k, (low, _) in zip(geometry.dilation, geometry.kernel, geometry.pads, strict=True))
    same = geometry.out, geometry.kernel, (1, 1), geometry.dilation, before, geometry.sizes
    return Shape(dtype, inputs, weight.shape[0], *same, weight.shape[1] < inputs, geometry.stride)


def bands(shape: Shape, bits: int, images: int, threads: int) -> tuple[int, int]:
    """Rows of a band, and groups of images: what fits the cache, and leaves all threads as much to do."""
    itemsize, height, tall = np.dtype(shape.dtype).itemsize, shape.out[0], shape.tall(bits)
    each = direct.scratch_size(shape, bits, height, 1) * itemsize
    if each <= CACHE and images >= threads:
        return height, min(images, -(-images // (CACHE // each * threads)) * threads)
    row = (direct.scratch_size(shape, bits, height, 1) - direct.scratch_size(shape, bits, 0, 1)) * itemsize / height
    most = min(height, max(tall, int(CACHE / row)))
    if images < threads:
        most = min(most, -(-height // threads))
    return max(tall, most // tall * tall), images


@functools.lru_cache(1 << 12)
def convolution(
    dtype: str, geometry: Any, x: Operand, weight: Operand, out: Operand, biased: bool, back: bool, bits: int, threads: int
) -> Plan:
    """The plan of "out" (N, O, *out), the windows of "x" (N, C, *sizes) times "weight" (O, C, *kernel), plus "bias" (O,).

    A weight (C, 1, *kernel) is for each channel by itself. With `back` gradients x (N, C, *out) are taken back through a convolution of
    that geometry, to out (N, O, *sizes); the weight is turned round already.
    """
    geometry, (x, weight, out) = in_two_dimensions(geometry, x, weight, out)
    images, inputs = x.shape[:2]
    shape = (backward_shape if back else shape_of)(dtype, inputs, weight, geometry)
    tools, lanes, (vectors, _), wide = library(dtype, bits), shape.tile(bits).lanes, shape.blocks(bits), shape.padded_outputs(bits)
    band, groups = bands(shape, bits, images, threads)
    scratch = -(-direct.scratch_size(shape, bits, band, -(-images // groups)) // LINE) * LINE
    packed = wide * shape.depth * shape.kernel[0] * shape.kernel[1]
    start: tuple[Argument, ...] = ("bias", shape.outputs) if biased else ("offsets", 0)
    calls = [NativeCall(tools["fill"], (*start, "offsets", wide), ("bias",) if biased else (), "offsets", True)]
    if shape.outputs < wide:
        calls.append(NativeCall(tools["fill"], ("packed", 0, "packed", packed), (), "packed", True))
    given: tuple[Argument, ...] = ("weight", *weight.strides, *weight_sizes(shape, lanes, vectors * lanes), "packed")
    calls.append(NativeCall(tools["pack_weight"], given, ("weight",), "packed"))
    ends: tuple[Argument, ...] = ("x", *x.strides, "packed", "offsets", "out", *out.strides)
    functions = Function(tools["pack_image"]), Function(tools["unpack_image"])
    given = (*ends, images, groups, band, "scratch", "size", *functions)
    calls.append(NativeCall(bands_of(shape, bits), given, ("x", "packed", "offsets"), "out"))
    return Plan(tuple(calls), (("packed", packed), ("offsets", wide)), scratch)


def in_rows(shape: tuple[int, ...]) -> Operand:
    """An array that lies row by row."""
    return Operand(shape, tuple(math.prod(shape[i + 1 :]) for i in range(len(shape))))


def turned_round(weight: Operand) -> tuple[Operand, int]:
    """A weight (O, C, *kernel) as gradients meet it, (C, O, *kernel) with each window turned round, and how far on it begins."""
    (outputs, inputs, *kernel), (by_output, by_input, *rest) = weight
    first = sum((n - 1) * step for n, step in zip(kernel, rest, strict=True))
    back = [-step for step in rest]
    if inputs == 1:  # each channel is by itself
        return Operand(weight.shape, (by_output, by_input, *back)), first
    return Operand((inputs, outputs, *kernel), (by_input, by_output, *back)), first


def for_rows(
    kind: str, dtype: str, geometry: Any, shapes: tuple[tuple[int, ...], ...], bits: int, threads: int
) -> tuple[Plan, list[tuple[str, int]]]:
    """The plan for operands that lie row by row, and what these are called in it, the result last, with the element they begin at.

    A "forward" one has x, weight and perhaps bias, a "backward" one the gradient and the weight, a "weight" one x and the gradient.
    """
    one, other, out = (in_rows(shape) for shape in (shapes[0], shapes[1], shapes[-1]))
    if kind == "weight":
        plan = weight_gradient_plan(dtype, geometry, one, other, out, bits, threads)
        assert plan is not None
        return plan, [("x", 0), ("y", 0), ("out", 0)]
    if kind == "backward":
        other, first = turned_round(other)
        return convolution(dtype, geometry, one, other, out, False, True, bits, threads), [("x", 0), ("weight", first), ("out", 0)]
    biased = len(shapes) == 4
    names = [("x", 0), ("weight", 0), *[("bias", 0)] * biased, ("out", 0)]
    return convolution(dtype, geometry, one, other, out, biased, False, bits, threads), names


def of_a_group(x: Operand, y: Operand, out: Operand) -> tuple[int, Operand, Operand, Operand]:
    """How many groups of channels have weights of their own, and the operands of the first; channels by themselves are one group."""
    groups = x.shape[1] // out.shape[1]
    if groups == out.shape[0] and out.shape[1] == 1:
        return 1, x, y, out
    x, y = (Operand((n, channels // groups, *rest), strides) for (n, channels, *rest), strides in (x, y))
    return groups, x, y, Operand((out.shape[0] // groups, *out.shape[1:]), out.strides)


@functools.lru_cache(1 << 12)
def weight_gradient_plan(dtype: str, geometry: Any, x: Operand, y: Operand, out: Operand, bits: int, threads: int) -> Plan | None:
    """The plan of "out" (O, C, *kernel), the gradient of a weight, from "x" (N, C, *sizes) and "y" (N, O, *out); None if no tile fits.

    Where "x" has more channels than "out", these are of groups, or each is by itself.
    """
    geometry, (x, y, out) = in_two_dimensions(geometry, x, y, out)
    groups, x, y, out = of_a_group(x, y, out)
    images, inputs = x.shape[:2]
    shape = shape_of(dtype, inputs, out, geometry)
    if not shape.by_channel and not shape.gradient_tile(bits)[0]:
        return None
    tools, lanes, wide = library(dtype, bits), shape.tile(bits).lanes, weight_gradient.padded_outputs(shape, bits)
    memory = weight_gradient.memory_for(shape, bits, images)
    row = (shape.stride[0] * shape.width * inputs + shape.out[1] * wide) * np.dtype(dtype).itemsize
    band = min(shape.out[0], max(1, CACHE // row))
    together = max(1, CACHE // (row * shape.out[0])) if band == shape.out[0] else 1
    dense = y.strides[2] == shape.out[1] * y.strides[3]  # its rows are one
    out_height, out_width = (1, shape.out[0] * shape.out[1]) if dense else shape.out
    given: tuple[Argument, ...]
    if groups > 1:
        of_x, of_y = (step.strides[1] * step.shape[1] for step in (x, y))
        given = ("x", *x.strides, of_x, "y", *y.strides, of_y, out_height, out_width, "out", *out.strides, out.shape[0] * out.strides[0])
        functions = Function(tools["pack_images"]), Function(tools["unpack_weight"])
        given = (*given, images, together, band, groups, "scratch", "size", *functions)
        call = NativeCall(by_group(shape, bits), given, ("x", "y"), "out")
        return Plan((call,), (), -(-sum(memory.values()) // LINE) * LINE)
    calls = []
    height, width, pixels = shape.height(shape.out[0]), shape.width, shape.out[0] * shape.out[1]
    by_image, *strides = x.strides
    sizes = inputs, *shape.size, -shape.before[0], height, shape.before[1], width
    given = ("x", *strides, *sizes, "inputs", inputs, by_image, height * width * inputs, images)
    calls.append(NativeCall(tools["pack_images"], given, ("x",), "inputs"))
    by_image, *strides = y.strides
    sizes = shape.outputs, out_height, out_width, 0, out_height, 0, out_width
    given = ("y", *strides, *sizes, "gradients", wide, by_image, pixels * wide, images)
    calls.append(NativeCall(tools["pack_images"], given, ("y",), "gradients"))
    given = ("inputs", "gradients", "sums", images, together, band)
    calls.append(NativeCall(sums_of(shape, bits), given, ("inputs", "gradients"), "sums"))
    given = ("out", *out.strides, *weight_sizes(shape, lanes, wide), "sums")
    calls.append(NativeCall(tools["unpack_weight"], given, ("sums",), "out"))
    return Plan(tuple(calls), tuple(memory.items()))
