"""Results that have names: how they print, what they are, that they can be pickled."""

import copy
import pickle

import pytest

import pedigrad as torch


def test_they_print_as_pytorchs_do():
    x = torch.tensor([[3.0, 1.0]])
    assert repr(torch.max(x, 1)) == "torch.return_types.max(\nvalues=tensor([3.]),\nindices=tensor([0]))"
    assert repr(x.aminmax()) == "torch.return_types.aminmax(\nmin=tensor(1.),\nmax=tensor(3.))"
    square = torch.eye(2)
    assert repr(torch.slogdet(square)).startswith("torch.return_types.slogdet(\nsign=")
    assert repr(torch.linalg.slogdet(square)).startswith("torch.return_types.linalg_slogdet(\nsign=")
    assert repr(torch.linalg.inv_ex(square)).startswith("torch.return_types.linalg_inv_ex(\ninverse=")


def test_their_classes_are_in_a_module():
    found = torch.sort(torch.ones(2))
    values, indices = found
    assert type(found) is torch.return_types.sort and isinstance(found, tuple) and found.values is values and found[1] is indices
    assert torch.return_types.sort((1, 2)) == torch.return_types.sort(1, 2) == (1, 2)
    with pytest.raises(TypeError, match="takes 2 values, got 3"):
        torch.return_types.sort((1, 2, 3))


def test_they_are_pickled_and_copied():
    for found in (torch.max(torch.ones(2, 2), 0), torch.linalg.svd(torch.eye(2)), torch.linalg.qr(torch.eye(2))):
        for other in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found)):
            assert type(other) is type(found)
            assert all(torch.equal(a, b) for a, b in zip(found, other, strict=True))
