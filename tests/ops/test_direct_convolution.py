"""Direct convolution kernels give what NumPy gives, for whatever windows, layouts and threads."""

import numpy as np
import pytest

from pedigrad.codegen.conv import plan
from pedigrad.eager import convolution, native
from pedigrad.ops.nn import correlation
from pedigrad.ops.nn.windows import geometry

pytestmark = pytest.mark.skipif(not native.takes_product(np.zeros(1, np.float32), 1 << 60), reason="llvmlite is not installed")

LAYOUTS = {
    "rows": np.ascontiguousarray,
    "channels last": lambda x: np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1),
    "columns": lambda x: np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2),
    "gaps": lambda x: np.repeat(x, 2, -1)[..., ::2],
    "backwards": lambda x: np.ascontiguousarray(x[..., ::-1])[..., ::-1],
    "part of the channels": lambda x: np.concatenate([x, x], 1)[:, : x.shape[1]],
}


def random_case(seed):
    """A geometry that fits, sizes and layouts."""
    r = np.random.default_rng(seed)
    while True:
        count = int(r.integers(1, 3))
        kernel, stride, dilation = (tuple(map(int, r.integers(1, most, count))) for most in (6, 4, 3))
        pads = tuple((int(a), int(b)) for a, b in r.integers(-1, 4, (count, 2)))
        sizes = tuple(map(int, r.integers(1, 24, count)))
        try:
            geo = geometry(sizes, kernel, stride, pads, dilation)
        except RuntimeError:
            continue
        inputs, outputs = (int(r.choice([1, 2, 3, 4, 7, 8, 16, 17, 33, 48])) for _ in "io")
        return geo, int(r.integers(1, 6)), inputs, outputs, *(LAYOUTS[name] for name in r.choice(sorted(LAYOUTS), 3))


def given(seed, dtype):
    geo, images, inputs, outputs, *layouts = random_case(seed)
    r = np.random.default_rng(seed)
    x = r.standard_normal((images, inputs, *geo.sizes)).astype(dtype)
    weight = r.standard_normal((outputs, inputs, *geo.kernel)).astype(dtype)
    y = r.standard_normal((images, outputs, *geo.out)).astype(dtype)
    bias = r.standard_normal(outputs).astype(dtype) if seed % 2 else None
    return geo, [lay(each) for lay, each in zip(layouts, (x, weight, y), strict=True)], bias


def same(found, wanted):
    """Equal but for the rounding of sums of up to some ten thousand products in another order."""
    tolerance = 2e-5 if found.dtype == np.float32 else 1e-12
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance * max(1, np.abs(wanted).max(initial=0)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(40))
def test_random_windows(seed, dtype, monkeypatch):
    geo, (x, weight, y), bias = given(seed, dtype)
    monkeypatch.setattr(native, "LARGE_PRODUCT", 1 << 60)
    wide = [each.astype(np.float64) for each in (x, weight, y)]
    offsets = None if bias is None else bias.astype(np.float64)
    forward, back, slope = (
        correlation.correlate(*wide[:2], offsets, geo, 1),
        correlation.input_grad(wide[2], wide[1], geo, 1),
        correlation.weight_grad(wide[0], wide[2], geo, 1),
    )
    monkeypatch.setattr(native, "LARGE_PRODUCT", 1)
    monkeypatch.setattr(native, "_threads", 1 + seed % 3)
    same(correlation.correlate(x, weight, bias, geo, 1), forward)
    same(correlation.input_grad(y, weight, geo, 1), back)
    same(correlation.weight_grad(x, y, geo, 1), slope)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(200, 230))
def test_each_channel_by_itself(seed, dtype, monkeypatch):
    geo, (x, _, _), _ = given(seed, dtype)
    r, channels = np.random.default_rng(seed), x.shape[1]
    weight, y = r.standard_normal((channels, 1, *geo.kernel)).astype(dtype), r.standard_normal((*x.shape[:2], *geo.out)).astype(dtype)
    bias = r.standard_normal(channels).astype(dtype) if seed % 2 else None
    monkeypatch.setattr(native, "LARGE_PRODUCT", 1 << 60)
    wanted = (
        correlation.correlate(x, weight, bias, geo, channels),
        correlation.input_grad(y, weight, geo, channels),
        correlation.weight_grad(x, y, geo, channels),
    )
    monkeypatch.setattr(native, "LARGE_PRODUCT", 1)
    monkeypatch.setattr(native, "_threads", 1 + seed % 3)
    same(correlation.correlate(x, weight, bias, geo, channels), wanted[0])
    same(correlation.input_grad(y, weight, geo, channels), wanted[1])
    same(correlation.weight_grad(x, y, geo, channels), wanted[2])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(300, 330))
def test_weights_of_groups_of_channels(seed, dtype, monkeypatch):
    geo, images, inputs, outputs, *layouts = random_case(seed)
    r, groups = np.random.default_rng(seed), 2 + seed % 4
    shapes = (images, groups * inputs, *geo.sizes), (images, groups * outputs, *geo.out)
    x, y = (lay(r.standard_normal(shape).astype(dtype)) for lay, shape in zip(layouts[:2], shapes, strict=True))
    monkeypatch.setattr(native, "LARGE_PRODUCT", 1 << 60)
    wanted = correlation.weight_grad(x.astype(np.float64), y.astype(np.float64), geo, groups)
    found = []
    for threads in (1, 2, 3):
        out = np.full(wanted.shape, np.nan, dtype)
        if not convolution.weight_grad(x, y, geo, out, threads):
            assert not convolution.has_weight_gradient(x, y, geo, groups, threads)
            return
        same(out, wanted)
        found.append(out.tobytes())
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("seed", range(100, 106))
def test_the_number_of_threads_changes_no_bit(seed):
    geo, (x, weight, y), bias = given(seed, "float32")
    found = []
    for threads in (1, 2, 3):
        out, slope = np.empty((len(x), len(weight), *geo.out), x.dtype), np.zeros(weight.shape, x.dtype)
        convolution.multiply(x, weight, bias, geo, out, threads)
        convolution.weight_grad(x, y, geo, slope, threads)
        found.append((out.tobytes(), slope.tobytes()))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(("images", "size"), [(1, (70, 50)), (9, (12, 10)), (2, (300, 6))])
def test_bands_of_rows_and_groups_of_images(images, size, monkeypatch):
    monkeypatch.setattr(plan, "CACHE", 1 << 14)
    geo = geometry(size, (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
    r = np.random.default_rng(0)
    x, weight = (r.standard_normal(shape).astype(np.float32) for shape in ((images, 5, *size), (20, 5, 3, 3)))
    y = r.standard_normal((images, 20, *geo.out)).astype(np.float32)
    monkeypatch.setattr(native, "LARGE_PRODUCT", 1 << 60)
    wanted = correlation.correlate(x, weight, None, geo, 1), correlation.weight_grad(x, y, geo, 1)
    out, slope = np.empty_like(y), np.empty_like(weight)
    convolution.multiply(x, weight, None, geo, out, 2)
    convolution.weight_grad(x, y, geo, slope, 2)
    same(out, wanted[0])
    same(slope, wanted[1])


def test_zeros_of_the_padding_do_not_meet_infinite_weights_in_the_gradient(monkeypatch):
    geo = geometry((6, 6), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
    weight, y = np.ones((4, 4, 3, 3), np.float32), np.ones((2, 4, 6, 6), np.float32)
    weight[0, 0, 0, 0] = np.inf
    monkeypatch.setattr(native, "LARGE_PRODUCT", 1)
    found = correlation.input_grad(y, weight, geo, 1)
    monkeypatch.setattr(native, "LARGE_PRODUCT", 1 << 60)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(correlation.input_grad(y, weight, geo, 1)))
