"""Kernels for maxima of windows side by side give what NumPy gives: ties, infinities, nans, any number of threads."""

import numpy as np
import pytest

from pedigrad.eager import native
from pedigrad.ops.nn import pooling

pytestmark = pytest.mark.skipif(not native.takes_product(np.zeros(1, np.float32), 1 << 60), reason="llvmlite is not installed")


def both(x, g, geo):
    """The maxima, and the gradient of `x` when theirs is `g`."""
    out = pooling.window_max.op.forward(x, geo)
    return out, pooling.window_max.op.rules[0].function(g, x, out, geo)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(("kernel", "out"), [((2, 2), (5, 7)), ((3, 1), (1, 40)), ((2, 4), (19, 1)), ((4, 4), (6, 6))])
def test_kernels_are_as_numpy(kernel, out, threads, dtype, monkeypatch):
    r = np.random.default_rng(0)
    sizes = tuple(k * n for k, n in zip(kernel, out, strict=True))
    x = r.choice([-1.0, 0.0, -0.0, 0.5, 2.0, np.inf, -np.inf, np.nan], (3, 2, *sizes), p=[0.2] * 4 + [0.1] + [0.05] + [0.03] + [0.02])
    x, g = x.astype(dtype), r.standard_normal((3, 2, *out)).astype(dtype)
    geo = pooling.pool_geometry(sizes, kernel, kernel, (0, 0), (1, 1), False)
    monkeypatch.setattr(native, "LARGE_POOL", 1 << 60)
    wanted = both(x, g, geo)
    monkeypatch.setattr(native, "LARGE_POOL", 1)
    monkeypatch.setattr(native, "_threads", threads)
    assert native.takes_maxima(x, kernel)
    for found, each in zip(both(x, g, geo), wanted, strict=True):
        np.testing.assert_array_equal(found, each)


def test_a_gradient_may_lie_anyhow(monkeypatch):
    r = np.random.default_rng(0)
    x, g = r.standard_normal((2, 3, 8, 8)).astype(np.float32), r.standard_normal((2, 3, 4, 4)).astype(np.float32)
    geo = pooling.pool_geometry((8, 8), (2, 2), (2, 2), (0, 0), (1, 1), False)
    monkeypatch.setattr(native, "LARGE_POOL", 1)
    turned = np.ascontiguousarray(g.swapaxes(-1, -2)).swapaxes(-1, -2)
    np.testing.assert_array_equal(both(x, turned, geo)[1], both(x, g, geo)[1])
