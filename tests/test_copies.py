"""Copies and pickles of tensors."""

import copy
import pickle

import pytest

import pedigrad as torch


def through_pickle(x):
    return pickle.loads(pickle.dumps(x))


def test_what_has_a_history_comes_back_as_a_leaf():
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    y.retain_grad()
    y.sum().backward()
    for other in (through_pickle(y), copy.copy(y)):
        assert other.is_leaf and other.requires_grad and other.grad is None and other.tolist() == [2.0, 2.0, 2.0]
    assert copy.copy(y).data_ptr() == y.data_ptr()
    with pytest.raises(RuntimeError, match="deepcopy"):
        copy.deepcopy(y)


def test_leaves_and_their_attributes():
    x = torch.ones(3, requires_grad=True)
    x.grad, x.note = torch.ones(3), "kept"
    assert through_pickle(x).grad is None and copy.deepcopy(x).grad.tolist() == [1.0, 1.0, 1.0]
    for other in (through_pickle(x), copy.copy(x), copy.deepcopy(x)):
        assert other.requires_grad and other.note == "kept"
