"""Matrix products from shapes and strides that are kept: they are NumPy's, and NumPy is not asked."""

import numpy as np
import pytest

import pedigrad as torch
from pedigrad.eager import native
from pedigrad.eager import product as products
from pedigrad.eager.product import product
from pedigrad.ops import xp


def numbers(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


SHAPES = [
    *[((3, 4), (4, 5)), ((130, 70), (70, 90)), ((200, 300), (300, 3)), ((3, 300), (300, 200)), ((1, 50), (50, 1))],
    *[((6, 20, 30), (6, 30, 40)), ((6, 20, 30), (30, 40)), ((20, 30), (6, 30, 40)), ((2, 1, 9, 8), (3, 8, 7))],
    *[((0, 3), (3, 4)), ((3, 0), (0, 4))],
]  # fmt: skip


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shapes", SHAPES)
def test_as_numpy(shapes, threads, monkeypatch):
    monkeypatch.setattr(products, "SHARED", 1)
    products._signatures.clear()
    for dtype, tolerance in ((np.float32, 1e-4), (np.float64, 1e-12)):
        a, b = (numbers(*shape, dtype=dtype, seed=i) for i, shape in enumerate(shapes))
        turned = [np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2) for x in (a, b)]
        apart = [np.repeat(x, 2, axis=-1)[..., ::2] for x in (a, b)]
        for left in (a, turned[0], apart[0], a[..., ::-1, :]):
            for right in (b, turned[1], apart[1]):
                expected = np.matmul(left, right)
                for _ in range(2):  # the second one from what is kept
                    np.testing.assert_allclose(product(left, right, threads), expected, rtol=tolerance, atol=tolerance)
                out = np.full(expected.shape, np.nan, dtype)
                assert product(left, right, threads, out) is out
                np.testing.assert_allclose(out, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("shapes", [((130, 70), (70, 90)), ((3, 300), (300, 200)), ((200, 300), (300, 3)), ((20, 1000), (1000, 33))])
def test_with_a_bias(shapes):
    for dtype, tolerance in ((np.float32, 1e-4), (np.float64, 1e-12)):
        a, b, bias = (numbers(*shape, dtype=dtype, seed=i) for i, shape in enumerate([*shapes, shapes[1][1:]]))
        for left, right in ((a, b), (np.asfortranarray(a), np.asfortranarray(b))):
            for threads in (1, 2):
                np.testing.assert_allclose(product(left, right, threads, None, bias), left @ right + bias, rtol=tolerance, atol=tolerance)
    with pytest.raises(ValueError, match="no bias"):
        product(a, b, 1, None, bias[:-1].copy())


def test_linear_with_a_bias(monkeypatch):
    x, w, b = (torch.from_numpy(numbers(*shape, seed=i)).requires_grad_() for i, shape in enumerate([(5, 40, 60), (70, 60), (70,)]))
    expected = (x.reshape(200, 60) @ w.T + b).reshape(5, 40, 70)
    asked = []
    kept = native.product
    monkeypatch.setattr(native, "product", lambda *given: asked.append(len(given)) or kept(*given))
    found = torch.nn.functional.linear(x, w, b)
    assert asked == [4]
    np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), rtol=1e-12, atol=1e-12)


def test_what_is_not_aligned():
    a, b = numbers(40, 30), numbers(30, 20)
    memory = np.zeros(a.nbytes + 1, np.uint8)
    moved = np.ndarray(a.shape, a.dtype, memory, 1)
    moved[...] = a
    np.testing.assert_allclose(product(moved, b, 1), a @ b, rtol=1e-12)
    np.testing.assert_allclose(product(moved, b, 1, None, b[0].copy()), a @ b + b[0], rtol=1e-12)


def test_signatures_do_not_pile_up(monkeypatch):
    monkeypatch.setattr(products, "MOST", 5)
    for n in range(2, 20):
        product(numbers(n, 3), numbers(3, 2), 1)
        assert len(products._signatures) <= 5


def test_shapes_that_have_none():
    for a, b in (((3, 4), (3, 4)), ((4,), (4, 5)), ((2, 3, 4), (3, 4, 5))):
        with pytest.raises(ValueError):
            product(numbers(*a), numbers(*b), 1)
    with pytest.raises(ValueError, match="float64 and float32"):
        product(numbers(3, 4), numbers(4, 5, dtype=np.float32), 1)
    with pytest.raises(ValueError, match="out"):
        product(numbers(3, 4), numbers(4, 5), 1, np.empty((5, 3)))


def test_operations_on_large_arrays(monkeypatch):
    asked = []
    kept = native.product
    monkeypatch.setattr(native, "product", lambda *given: asked.append(given[0].shape) or kept(*given))
    x, w = (torch.from_numpy(numbers(200, 200, dtype=np.float32, seed=i)).requires_grad_() for i in range(2))
    torch.nn.functional.linear(torch.relu(x @ w), w).sum().backward()
    assert asked == [(200, 200)] * 6
    small = numbers(10, 10, dtype=np.float32)
    xp.matmul(small, small)
    assert len(asked) == 6
