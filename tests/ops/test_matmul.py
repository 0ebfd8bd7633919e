"""Products in 16-bit floats and in small integers, and of many small matrices."""

import numpy as np
import pytest

import pedigrad as torch

F = torch.nn.functional


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_products_keep_narrow_dtypes(dtype):
    x = torch.arange(6.0).reshape(2, 3).to(dtype).requires_grad_()
    v, b = x[0], x[None]
    results = [x @ x.T, v @ v, v.dot(v), x.mv(v), x.mm(x.T), b.bmm(b.mT), F.linear(x, x), torch.einsum("ij,kj->ik", x, x)]
    results += [torch.addmm(x[:, :2], x, x.T, beta=0.5, alpha=2.0), torch.addmv(x[:, 0], x, v, alpha=0.5), torch.outer(v, v)]
    results += [torch.addr(x[:, :2], x[:, 0], x[:, 1], alpha=0.5), torch.baddbmm(b[..., :2], b, b.mT, beta=0.5), torch.inner(v, v)]
    results += [torch.addbmm(x[:, :2], b, b.mT, beta=0.5), torch.renorm(x, 2, 0, 1.0), torch.matrix_exp(x[:, :2])]
    assert {y.dtype for y in results} == {dtype}
    sum(y.float().sum() for y in results).backward()
    assert x.grad.dtype is dtype


def test_gradient_of_a_bfloat16_product():
    x = torch.arange(6.0, dtype=torch.bfloat16).reshape(2, 3).requires_grad_()
    ((x @ x.t()).sum() * 1.5).backward()
    assert x.grad.tolist() == [[9.0, 15.0, 21.0], [9.0, 15.0, 21.0]]


def test_integers_keep_their_dtype():
    x = torch.ones(2, 3, 3, dtype=torch.int32)
    assert torch.addbmm(x[0], x, x).dtype is torch.int32
    assert torch.tensordot(torch.ones(1, 1, 1).int(), torch.ones(2, 1, 2).int(), dims=((0, 1), (2, 0))).dtype is torch.int32
    assert torch.linalg.vander(torch.tensor([1, 2], dtype=torch.int32)).dtype is torch.int64
    assert torch.unravel_index(torch.tensor([3], dtype=torch.int32), (2, 2))[0].dtype is torch.int64


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("depth", [0, 1, 2, 7])
def test_one_matrix_with_many_small_ones(depth, dtype):
    """However these lie in memory, and where there is one product, or none, to each element."""
    random = np.random.default_rng(depth)

    def numbers(*shape):
        return (random.standard_normal(shape) * 9).astype(dtype)

    pairs = [
        (numbers(5, depth), numbers(6, depth, 3)),
        (numbers(6, 5, depth), numbers(6, depth, 3)),
        (numbers(1, 5, depth), numbers(6, depth, 3)),
    ]
    pairs += [(x, np.ascontiguousarray(y.swapaxes(1, 2)).swapaxes(1, 2)) for x, y in pairs]
    for x, y in [*pairs, (numbers(0, depth), numbers(6, depth, 3)), (numbers(5, depth), numbers(6, depth, 0))]:
        expected = (x[..., None] * y[:, None]).sum(-2)
        found = torch.from_numpy(x) @ torch.from_numpy(y)
        assert found.shape == expected.shape and found.numpy().dtype == dtype
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-4)
    zero = torch.from_numpy(-np.zeros((5, 1), np.float32)) @ torch.ones(6, 1, 3)
    assert not torch.signbit(zero).any()


def test_products_of_the_wrong_sizes_are_refused_in_batches():
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        torch.ones(5, 2) @ torch.ones(6, 1, 3)
