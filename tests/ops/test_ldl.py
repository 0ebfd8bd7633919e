"""linalg.ldl_factor and ldl_solve: exchanges of rows, blocks of two, Hermitian matrices, errors."""

import numpy as np
import pytest

import pedigrad as torch


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("hermitian", [False, True])
def test_solves(dtype, hermitian):
    torch.manual_seed(0)
    A = torch.randn(40, 5, 5, dtype=dtype)
    A = A + (A.mH if hermitian else A.mT)
    B = torch.randn(40, 5, 2, dtype=dtype)
    LD, pivots = torch.linalg.ldl_factor(A, hermitian=hermitian)
    assert (pivots < 0).any() and (pivots > 0).any()
    assert torch.allclose(A @ torch.linalg.ldl_solve(LD, pivots, B, hermitian=hermitian), B)


def test_reads_one_triangle():
    LD, pivots = torch.linalg.ldl_factor(torch.tensor([[4.0, 99.0], [2.0, 3.0]]))
    assert LD.tolist() == [[4.0, 0.0], [0.5, 2.0]] and pivots.tolist() == [1, 2]


def test_zero_pivots_are_said():
    zero = torch.zeros(2, 2)
    assert torch.linalg.ldl_factor_ex(zero).info.item() == 1
    with pytest.raises(RuntimeError, match="is zero"):
        torch.linalg.ldl_factor(zero)


def test_refused():
    LD, pivots = torch.linalg.ldl_factor(torch.eye(2))
    one = torch.ones(2, 2)
    for wrong in ((LD, pivots, torch.ones(3, 2)), (LD, pivots.float(), one), (LD, pivots[:1], one), (LD, pivots, one.double())):
        with pytest.raises(RuntimeError):
            torch.linalg.ldl_solve(*wrong)
    with pytest.raises(RuntimeError, match="square"):
        torch.linalg.ldl_factor(torch.ones(2, 3))


def test_statistics_of_normalizations():
    x = torch.randn(4, 6)
    out, mean, scale = torch.native_layer_norm(x, (6,), None, None, 1e-5)
    assert mean.shape == (4, 1) and torch.allclose((x - mean) * scale, out, atol=1e-6)
    out, mean, scale = torch.native_batch_norm(x, None, None, None, None, True, 0.1, 1e-5)
    assert mean.shape == (6,) and torch.allclose((x - mean) * scale, out, atol=1e-6)
    assert np.isclose(
        torch.native_batch_norm(x, None, None, torch.zeros(6), torch.ones(6), False, 0.1, 0.0)[0].sum().item(), x.sum().item()
    )


def test_gradient_of_softmax_by_name():
    x = torch.randn(3, 4, requires_grad=True)
    for name in ("softmax", "log_softmax"):
        x.grad, g, out = None, torch.randn(3, 4), getattr(torch, name)(x, 1)
        out.backward(g)
        back = getattr(torch, f"_{name}_backward_data")(g, out.detach(), 1, torch.float32)
        assert torch.allclose(back, x.grad, atol=1e-6)
