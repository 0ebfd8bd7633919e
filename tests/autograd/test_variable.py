"""`torch.autograd.Variable`, as programs from before 0.4 use it."""

import pytest

import pedigrad as torch
from pedigrad.autograd import Variable


def test_variable():
    data = torch.ones(2)
    x = Variable(data, requires_grad=True)
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2, 2]
    assert type(x) is torch.Tensor
    assert isinstance(data, Variable)
    assert not data.requires_grad
    x.data[0] = 5
    assert data[0] == 5


def test_variable_has_no_history():
    x = torch.ones(2, requires_grad=True)
    assert Variable(x * 2).grad_fn is None
    assert not Variable(x).requires_grad
    with pytest.raises(TypeError, match="has to be a tensor"):
        Variable([1.0])
