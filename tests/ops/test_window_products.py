"""Convolutions by native code give what those on NumPy give."""

import itertools

import numpy as np
import pytest

import pedigrad as torch
from pedigrad.eager import native
from pedigrad.ops.nn import window_products
from pedigrad.ops.nn.windows import geometry

F = torch.nn.functional
CONVOLVE = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
CASES = [
    # x, weight, stride, padding, dilation, groups
    ((3, 5, 17), (7, 5, 4), 1, 2, 1, 1),
    ((2, 8, 33), (8, 4, 3), 3, 0, 1, 2),
    ((2, 4, 9, 11), (6, 4, 3, 2), 1, 1, 1, 1),
    ((2, 4, 9, 11), (8, 4, 3, 3), 2, 1, 1, 1),
    ((2, 12, 10, 7), (8, 6, 2, 3), (3, 2), (0, 2), 1, 2),
    ((2, 4, 12, 12), (5, 4, 3, 3), 1, 2, 2, 1),
    ((2, 4, 13, 13), (5, 4, 3, 3), 2, 2, 2, 1),  # the gradient of x is lowered: holes and strides
    ((4, 8, 6, 6), (16, 8, 1, 1), 1, 0, 1, 1),
    ((2, 8, 6, 6), (16, 8, 1, 1), 3, 0, 1, 1),  # elements that no window meets
    ((2, 4, 5, 6, 7), (4, 4, 2, 3, 2), (1, 2, 1), 1, 1, 1),
    ((1, 24, 40, 40), (32, 24, 5, 5), 1, 2, 1, 1),  # several blocks of the sum and of windows
    ((2, 4, 5, 5), (4, 4, 3, 3), 1, 4, 1, 1),  # gradients of x from windows that lie in the padding
]


def numbers(*shape, dtype, seed):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def results(case, dtype, bias):
    """The convolution and the gradients of its operands."""
    x_shape, w_shape, stride, padding, dilation, groups = case
    shapes = [x_shape, w_shape] + [w_shape[:1]] * bias
    operands = [torch.from_numpy(numbers(*shape, dtype=dtype, seed=i)).requires_grad_() for i, shape in enumerate(shapes)]
    out = CONVOLVE[len(x_shape) - 2](*operands, stride=stride, padding=padding, dilation=dilation, groups=groups)
    out.backward(torch.from_numpy(numbers(*out.shape, dtype=dtype, seed=9)))
    return [out.detach().numpy(), *(each.grad.numpy() for each in operands)]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_as_on_numpy(case, dtype, threads, monkeypatch):
    monkeypatch.setattr(native, "_threads", threads)
    for bias in (False, True):
        monkeypatch.setattr(native, "LARGE_PRODUCT", 1 << 60)
        expected = results(case, dtype, bias)
        monkeypatch.setattr(native, "LARGE_PRODUCT", 1)
        tolerance = 1e-4 if dtype == "float32" else 1e-11  # sums of up to 3,200 products, in another order
        for one, other in zip(expected, results(case, dtype, bias), strict=True):
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * np.abs(one).max())


def test_which_are_taken(monkeypatch):
    x, weight, geo = (
        np.ones((2, 4, 9, 9), np.float32),
        np.ones((8, 4, 3, 3), np.float32),
        geometry((9, 9), (3, 3), (1, 1), ((0, 0),) * 2, (1, 1)),
    )
    y = np.ones((2, 8, 7, 7), np.float32)
    products = (
        (window_products.correlate, (x, weight, None)),
        (window_products.input_grad, (y, weight)),
        (window_products.weight_grad, (x, y)),
    )
    for small, groups in itertools.product((False, True), (1, 4)):
        monkeypatch.setattr(native, "LARGE_PRODUCT", 1 << 60 if small else 1)
        for function, operands in products:
            given = [a[:, : a.shape[1] // groups] if a is weight else a for a in operands]
            assert (function(*given, geo, groups) is None) == (small or groups == 4)
            assert function(*(a if a is None else a.astype(np.float16) for a in given), geo, groups) is None


def test_operands_that_lie_otherwise(monkeypatch):
    monkeypatch.setattr(native, "LARGE_PRODUCT", 1)
    x, weight = numbers(9, 9, 4, 2, dtype=np.float32, seed=0).T, numbers(3, 3, 4, 8, dtype=np.float32, seed=1).T
    geo = geometry((9, 9), (3, 3), (2, 1), ((0, 0), (0, 0)), (1, 1))
    found = window_products.correlate(x, weight, None, geo, 1)
    np.testing.assert_allclose(found, window_products.correlate(x.copy(), weight.copy(), None, geo, 1), rtol=1e-5, atol=1e-5)


def test_in_compiled_functions(monkeypatch):
    monkeypatch.setattr(native, "LARGE_PRODUCT", 1)
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(4, 6, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(6, 5, 3, stride=2))
    compiled = torch.compile(model)
    for i in range(5):
        x = torch.from_numpy(numbers(2, 4, 8, 8, dtype=np.float32, seed=i))
        gradients = []
        for each in (model, compiled):
            model.zero_grad()
            out = each(x)
            (out * out).sum().backward()
            gradients.append([out.detach().numpy(), *(p.grad.numpy().copy() for p in model.parameters())])
        for one, other in zip(*gradients, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
