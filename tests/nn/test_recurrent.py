"""Recurrent layers: what PyTorch's comparison does not look at."""

import itertools

import pytest

import pedigrad as torch
from pedigrad import nn


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("create", [False, True])
def test_gradients_of_both_biases_are_in_memory_of_their_own(kind, create):
    layer = kind(2, 3)
    grads = torch.autograd.grad(layer(torch.randn(4, 2))[0].sum(), list(layer.parameters()), create_graph=create)
    assert all(one is not other and one.data_ptr() != other.data_ptr() for one, other in itertools.combinations(grads, 2))
