"""Averaged models."""

import pytest

import pedigrad as torch
from pedigrad.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn


def test_mean_of_the_models_seen():
    model = torch.nn.Linear(1, 1, bias=False)
    average = AveragedModel(model)
    for value in (1.0, 2.0, 6.0):
        with torch.no_grad():
            model.weight.fill_(value)
        average.update_parameters(model)
    assert average.module.weight.item() == pytest.approx(3.0) and average.n_averaged.item() == 3
    assert average(torch.ones(1, 1)).item() == pytest.approx(3.0)


def test_exponential_average():
    model = torch.nn.Linear(1, 1, bias=False)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.75))
    for value in (1.0, 5.0):
        with torch.no_grad():
            model.weight.fill_(value)
        average.update_parameters(model)
    assert average.module.weight.item() == pytest.approx(2.0)
    with pytest.raises(ValueError, match="Invalid decay value"):
        get_ema_multi_avg_fn(1.5)


def test_update_bn():
    model = torch.nn.Sequential(torch.nn.BatchNorm1d(1))
    model.eval()
    update_bn([torch.tensor([[0.0], [2.0]]), torch.tensor([[4.0], [6.0]])], model)
    assert model[0].running_mean.item() == pytest.approx(3.0)
    assert model[0].momentum == 0.1 and not model.training
