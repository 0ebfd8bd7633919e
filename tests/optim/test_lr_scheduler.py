"""Schedules of learning rates: closed forms, chaining, state."""

import math
import pickle

import pytest

import pedigrad as torch
from pedigrad.optim import lr_scheduler as schedules


@pytest.fixture
def optimizer():
    p = torch.nn.Parameter(torch.ones(1))
    p.grad = torch.ones(1)
    return torch.optim.SGD([p], lr=1.0, momentum=0.5)


def rates(optimizer, schedule, steps):
    seen = []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return seen


@pytest.mark.parametrize(
    ("name", "kwargs", "expected"),
    [
        ("LambdaLR", {"lr_lambda": lambda epoch: 1 / (1 + epoch)}, lambda e: 1 / (1 + e)),
        ("StepLR", {"step_size": 4, "gamma": 0.5}, lambda e: 0.5 ** (e // 4)),
        ("ExponentialLR", {"gamma": 0.9}, lambda e: 0.9**e),
        ("PolynomialLR", {"total_iters": 8, "power": 2}, lambda e: (1 - min(e, 8) / 8) ** 2),
        ("CosineAnnealingLR", {"T_max": 5, "eta_min": 0.2}, lambda e: 0.2 + 0.4 * (1 + math.cos(math.pi * e / 5))),
        ("CosineAnnealingWarmRestarts", {"T_0": 4}, lambda e: 0.5 * (1 + math.cos(math.pi * (e % 4) / 4))),
        ("LinearLR", {"start_factor": 0.2, "total_iters": 8}, lambda e: 0.2 + 0.1 * min(e, 8)),
        ("CyclicLR", {"base_lr": 0.0, "max_lr": 1.0, "step_size_up": 4}, lambda e: 1 - abs((e % 8) - 4) / 4),
    ],
)
def test_closed_forms(optimizer, name, kwargs, expected):
    schedule = getattr(schedules, name)(optimizer, **kwargs)
    assert rates(optimizer, schedule, 20) == pytest.approx([expected(e) for e in range(20)], abs=1e-9)


def test_chained_by_hand(optimizer):
    one, two = schedules.ExponentialLR(optimizer, 0.9), schedules.StepLR(optimizer, 3, 0.5)
    for epoch in range(12):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(0.9**epoch * 0.5 ** (epoch // 3))
        optimizer.step()
        one.step()
        two.step()


def test_rates_that_the_user_changes_stay_changed(optimizer):
    schedule = schedules.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    schedule.step()
    optimizer.param_groups[0]["lr"] = 8.0
    schedule.step()
    assert schedule.get_last_lr() == [4.0]


def test_state_dicts_can_be_pickled(optimizer):
    schedule = schedules.OneCycleLR(optimizer, 0.5, total_steps=10)
    rates(optimizer, schedule, 4)
    state = pickle.loads(pickle.dumps(schedule.state_dict()))
    p = torch.nn.Parameter(torch.ones(1))
    other = torch.optim.SGD([p], lr=1.0, momentum=0.5)
    again = schedules.OneCycleLR(other, 0.5, total_steps=10)
    again.load_state_dict(state)
    assert again.last_epoch == 4 and again.get_last_lr() == schedule.get_last_lr()


def test_the_scheduled_optimizer_still_takes_closures_and_hooks(optimizer):
    schedule = schedules.StepLR(optimizer, 1)
    calls = []
    optimizer.register_step_post_hook(lambda *args: calls.append("hook"))
    assert optimizer.step(lambda: 3.0) == 3.0 and calls == ["hook"]
    schedule.step()
    assert schedule.get_last_lr() == pytest.approx([0.1])
