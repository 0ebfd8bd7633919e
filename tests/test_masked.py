"""torch.masked: what masks keep is reduced, and what nothing counts for."""

import math

import pytest

import pedigrad as torch
from pedigrad import masked

X = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
KEEP = torch.tensor([[True, False, True], [False, False, False]])


def test_of_some_and_of_nothing():
    results = {"sum": [4, 0], "prod": [3, 1], "amax": [3, -math.inf], "amin": [1, math.inf], "argmax": [2, 0], "norm": [10**0.5, 0]}
    for name, wanted in results.items():
        out = getattr(masked, name)(X, dim=1, mask=KEEP)
        assert torch.allclose(out, torch.tensor(wanted, dtype=torch.float32)), name
    for name, first in {"mean": 2.0, "var": 2.0, "median": 1.0, "std": 2**0.5}.items():
        out = getattr(masked, name)(X, dim=1, mask=KEEP)
        assert math.isclose(out[0].item(), first, rel_tol=1e-6) and math.isnan(out[1].item()), name
    assert masked.softmax(X, 1, mask=KEEP)[0, 1].item() == 0
    assert masked.log_softmax(X, 1, mask=KEEP)[0, 1].item() == -math.inf
    assert masked.cumsum(X, 1, mask=KEEP).tolist() == [[1, 1, 4], [0, 0, 0]]


def test_what_does_not_count_has_no_gradient():
    x = X.clone().requires_grad_()
    masked.mean(x, mask=KEEP).backward()
    assert x.grad.tolist() == [[0.5, 0.0, 0.5], [0.0, 0.0, 0.0]]


def test_masks_broadcast_and_are_checked():
    assert masked.sum(X, mask=torch.tensor([True, False, True])).item() == 14
    with pytest.raises(IndexError):
        masked.sum(X, mask=torch.ones(5, 2, 3, dtype=torch.bool))
    with pytest.raises(TypeError):
        masked.sum(X, mask=[True])
    with pytest.raises(NotImplementedError):
        masked.amax(X > 2)
    with pytest.raises(ValueError):
        masked.mean(X.long())
    with pytest.raises(ValueError):
        masked.var(X, 1, False, correction=1)
