"""Parametrized modules where they are ours: copies, classes, errors."""

import copy

import pytest

import pedigrad as torch
from pedigrad import nn
from pedigrad.nn.utils import parametrize, prune


class Double(nn.Module):
    def forward(self, x):
        return 2 * x

    def right_inverse(self, x):
        return x / 2


def test_a_copy_keeps_its_parametrization_when_the_original_loses_it():
    module = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Double())
    twin = copy.deepcopy(module)
    parametrize.remove_parametrizations(module, "weight")
    assert type(module) is nn.Linear and parametrize.is_parametrized(twin)
    assert (twin.weight == module.weight).all()
    twin.weight = torch.ones(2, 2)
    assert (twin.parametrizations.weight.original == 0.5).all()


def test_it_is_saved_by_its_state_only():
    module = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Double())
    with pytest.raises(RuntimeError, match="state_dict"):
        module.__getstate__()


def test_a_refused_parametrization_leaves_the_module_alone():
    class Flat(nn.Module):
        def forward(self, x):
            return x.flatten()

    module = nn.Linear(2, 3)
    with pytest.raises(ValueError, match="shape"):
        parametrize.register_parametrization(module, "weight", Flat())
    assert type(module) is nn.Linear and list(module.state_dict()) == ["weight", "bias"]


def test_pruned_entries_stay_zero_in_training():
    module = prune.l1_unstructured(nn.Linear(4, 4), "weight", 0.5)
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    for _ in range(3):
        optimizer.zero_grad()
        (module(torch.ones(1, 4)) ** 2).sum().backward()
        optimizer.step()
    assert int((module.weight == 0).sum()) >= 8
    prune.remove(module, "weight")
    assert isinstance(module.weight, nn.Parameter) and not prune.is_pruned(module)
