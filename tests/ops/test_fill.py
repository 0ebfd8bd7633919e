"""Writes in place that are not the in-place form of anything else."""

import pytest

import pedigrad as torch


def test_fill_diagonal():
    assert torch.zeros(3, 2).fill_diagonal_(1).tolist() == [[1, 0], [0, 1], [0, 0]]
    assert torch.zeros(2, 3).fill_diagonal_(1).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert torch.zeros(5, 2).fill_diagonal_(1, wrap=True).tolist() == [[1, 0], [0, 1], [0, 0], [1, 0], [0, 1]]
    assert torch.zeros(2, 2, 2).fill_diagonal_(1).nonzero().tolist() == [[0, 0, 0], [1, 1, 1]]
    with pytest.raises(RuntimeError, match="equal length"):
        torch.zeros(2, 3, 2).fill_diagonal_(1)
    with pytest.raises(RuntimeError, match="two dimensions"):
        torch.zeros(2).fill_diagonal_(1)


def test_fill_diagonal_with_history():
    x = torch.zeros(2, 2, requires_grad=True)
    (x * 3).fill_diagonal_(1).sum().backward()
    assert x.grad.tolist() == [[0, 3], [3, 0]]
