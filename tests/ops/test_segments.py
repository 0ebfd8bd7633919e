"""segment_reduce, histogramdd with edges of its own, hash_tensor."""

import math

import pytest

import pedigrad as torch

X = torch.arange(6.0)
LENGTHS = torch.tensor([2, 0, 4])


def test_segments():
    assert torch.segment_reduce(X, "sum", lengths=LENGTHS).tolist() == [1, 0, 14]
    assert torch.segment_reduce(X, "prod", lengths=LENGTHS).tolist() == [0, 1, 120]
    assert torch.segment_reduce(X, "max", lengths=LENGTHS).tolist() == [1, -math.inf, 5]
    assert torch.segment_reduce(X, "max", lengths=LENGTHS, initial=3.0).tolist() == [3, 3, 5]
    assert torch.segment_reduce(X, "mean", lengths=LENGTHS, initial=3.0).tolist() == [2, 3, 4.25]
    assert torch.segment_reduce(X, "mean", lengths=LENGTHS).isnan().tolist() == [False, True, False]
    assert torch.segment_reduce(X, "sum", offsets=torch.tensor([0, 2, 2, 6])).tolist() == [1, 0, 14]
    rows = torch.arange(12.0).reshape(2, 6)
    lengths = torch.tensor([[2, 0, 4], [1, 1, 4]])
    assert torch.segment_reduce(rows, "sum", lengths=lengths, axis=1).tolist() == [[1, 0, 14], [6, 7, 38]]
    assert torch.segment_reduce(X, "sum", lengths=torch.tensor([2, 3]), unsafe=True).tolist() == [1, 9]


def test_gradient_of_segments():
    x = torch.tensor([1.0, 1.0, 2.0, 3.0], requires_grad=True)
    torch.segment_reduce(x, "max", lengths=torch.tensor([2, 2])).sum().backward()
    assert x.grad.tolist() == [0.5, 0.5, 0.0, 1.0]


def test_segments_refused():
    for wrong in ({}, {"lengths": torch.tensor([2, 3])}, {"lengths": torch.tensor([-1, 7])}, {"lengths": torch.tensor([[6]])}):
        with pytest.raises(RuntimeError):
            torch.segment_reduce(X, "sum", **wrong)
    with pytest.raises(RuntimeError, match="reduce"):
        torch.segment_reduce(X, "middle", lengths=LENGTHS)
    with pytest.raises(NotImplementedError):
        torch.segment_reduce(X.long(), "sum", lengths=LENGTHS)


def test_histogram_of_points():
    points = torch.tensor([[0.5], [1.5], [2.0], [-1.0], [3.0]])
    hist, edges = torch.histogramdd(points, [torch.tensor([0.0, 1.0, 2.0, 3.0])])
    assert hist.tolist() == [1, 1, 2] and edges[0].tolist() == [0, 1, 2, 3]
    density = torch.histogramdd(points, [torch.tensor([0.0, 1.0, 3.0])], density=True)[0]
    assert torch.allclose(density, torch.tensor([0.25, 0.375]))


def test_hash():
    assert torch.hash_tensor(torch.tensor([1, 2, 5])).item() == 6
    assert torch.hash_tensor(torch.tensor([1.0, 2.0, 5.0])).item() == 0x3FE4000000000000
    with pytest.raises(RuntimeError, match="mode"):
        torch.hash_tensor(torch.ones(2), mode=1)
