"""Products of many rows with a small matrix are NumPy's, wherever the rows and the matrix lie."""

import numpy as np
import pytest

import pedigrad as torch
from pedigrad.eager import native

pytestmark = pytest.mark.skipif(not native.takes_product(np.zeros(1, np.float32), 1 << 60), reason="llvmlite is not installed")

RIGHT = {
    "rows": lambda b: b,
    "columns": lambda b: np.ascontiguousarray(b.T).T,
    "gaps": lambda b: np.repeat(np.repeat(b, 2, 0), 3, 1)[::2, ::3],
    "backwards": lambda b: np.ascontiguousarray(b[::-1, ::-1])[::-1, ::-1],
}
LEFT = {
    "rows": lambda a: a,
    "part of the columns": lambda a: np.concatenate([a, a], 1)[:, : a.shape[1]],
    "every other row": lambda a: np.repeat(a, 2, 0)[::2],
}


@pytest.mark.parametrize("left", LEFT)
@pytest.mark.parametrize("right", RIGHT)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(8))
def test_skinny_products(left, right, dtype, seed, monkeypatch):
    from pedigrad.eager import product

    monkeypatch.setattr(product, "SHARED", 1)
    r = np.random.default_rng(seed)
    rows, depth, columns = int(r.integers(64, 300)), int(r.integers(1, 90)), int(r.integers(2, 150))
    a, b = LEFT[left](r.standard_normal((rows, depth)).astype(dtype)), RIGHT[right](r.standard_normal((depth, columns)).astype(dtype))
    bias = r.standard_normal(columns).astype(dtype) if seed % 2 else None
    assert isinstance(product.skinny(a, b, None, bias), product.Skinny)
    found = [product.product(a, b, threads, bias=bias) for threads in (1, 2, 3)]
    wanted = a.astype(np.float64) @ b + (0 if bias is None else bias)
    np.testing.assert_allclose(
        found[0], wanted, rtol=1e-5 if dtype == "float32" else 1e-13, atol=depth * (1e-6 if dtype == "float32" else 1e-15)
    )
    assert all(np.array_equal(found[0], other) for other in found[1:])


@pytest.mark.parametrize("rows", [512, 543, 1024, 2000])
def test_sums_of_columns_keep_their_digits(rows):
    x = np.random.default_rng(0).standard_normal((rows, 7)).astype(np.float32) + 1000
    found = torch.from_numpy(x).sum(0)
    np.testing.assert_allclose(found.numpy(), x.astype(np.float64).sum(0), rtol=2e-7)
    assert torch.from_numpy(x).sum(0, keepdim=True).shape == (1, 7)


@pytest.mark.parametrize("rows", [512, 543])
def test_rows_without_columns_have_a_sum(rows):
    assert torch.zeros(rows, 0).sum(0).shape == (0,) and torch.zeros(rows, 0).sum(0, keepdim=True).shape == (1, 0)
    bias = torch.ones(0, requires_grad=True)
    torch.nn.functional.linear(torch.ones(rows, 2), torch.ones(0, 2), bias).sum().backward()
    assert bias.grad.shape == (0,)
