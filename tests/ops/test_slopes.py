"""gradient, pdist, and small functions around them, on numbers worked out by hand."""

import pytest

import pedigrad as torch


def test_slopes_of_a_square():
    x = torch.tensor([0.0, 1.0, 4.0, 9.0])
    assert torch.gradient(x)[0].tolist() == [1.0, 2.0, 4.0, 5.0]
    assert torch.gradient(x, edge_order=2)[0].tolist() == [0.0, 2.0, 4.0, 6.0]
    assert torch.gradient(x, spacing=2.0)[0].tolist() == [0.5, 1.0, 2.0, 2.5]
    places = torch.tensor([0.0, 1.0, 3.0, 4.0], dtype=torch.float64)
    assert torch.allclose(torch.gradient(places**2, spacing=[places], edge_order=2)[0], 2 * places)


def test_slopes_refused():
    x = torch.ones(3, 4)
    for wrong in ({"edge_order": 3}, {"spacing": (1.0, 2.0, 3.0)}, {"spacing": (torch.ones(3, 3), torch.ones(4))}, {"dim": (0, 0)}):
        with pytest.raises(RuntimeError):
            torch.gradient(x, **wrong)
    with pytest.raises(RuntimeError, match="edge_order"):
        torch.gradient(torch.ones(1))
    with pytest.raises(TypeError):
        torch.gradient(x, dim=1, spacing=torch.ones(4))


def test_distances_of_rows():
    x = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]], requires_grad=True)
    d = torch.pdist(x)
    assert torch.allclose(d, torch.tensor([5.0, 1.0, 18.0**0.5]))
    d[0].backward()
    assert torch.allclose(x.grad, torch.tensor([[-0.6, -0.8], [0.6, 0.8], [0.0, 0.0]]))
    with pytest.raises(RuntimeError, match="2D"):
        torch.pdist(torch.ones(3))


def test_laid_out_as_asked():
    assert torch.empty_permuted((2, 3, 4), (1, 2, 0)).stride() == (1, 8, 2)
    assert torch.ones(2).new_empty_strided((2, 3), (7, 8), dtype=torch.int64).stride() == (7, 8)
    with pytest.raises(RuntimeError, match="Duplicate"):
        torch.empty_permuted((2, 3), (0, 0))


def test_what_is_drawn_has_a_history():
    mean = torch.zeros(3, requires_grad=True)
    torch.normal(mean, 1.0).sum().backward()
    assert mean.grad.tolist() == [0.0, 0.0, 0.0]
    with torch.no_grad():
        assert not torch.bernoulli(torch.full((3,), 0.5, requires_grad=True)).requires_grad
