"""Learning rates and their schedules in compiled steps: steps of schedules are taken, and no number is one that the rate was before."""

import copy
import reprlib
import warnings

import pytest
from compile_checks import runs, tensor

pytest.importorskip("llvmlite")

import pedigrad as torch
from pedigrad import nn
from pedigrad.optim import lr_scheduler as schedules

CALLS = 12
pytestmark = pytest.mark.filterwarnings("ignore:pedigrad.compile", "ignore:Detected call")


class Case:
    """A parameter, an optimizer and a schedule, and what a step has to do with them."""

    def __init__(self, schedule=lambda opt: schedules.ExponentialLR(opt, 0.9), **options):
        self.p = nn.Parameter(torch.ones(2))
        options = options or {"momentum": 0.9}
        self.opt = torch.optim.SGD([{"params": [self.p]}], lr=0.1, **options)
        self.sched = schedule(self.opt)
        self.group = self.opt.param_groups[0]

    def learn(self, x):
        self.opt.zero_grad()
        loss = ((self.p - x) ** 2).sum()
        loss.backward()
        self.opt.step()
        return loss.detach()

    def state(self):
        rates = [{k: v for k, v in g.items() if k != "params"} for g in self.opt.param_groups]
        return self.p.tolist(), rates, {k: v for k, v in self.sched.state_dict().items() if k != "_schedulers"}


def step(case):
    """The usual step, the schedule's within."""

    def function(x):
        loss = case.learn(x)
        case.sched.step()
        return loss

    return function


def followed(make, case, between=lambda case: None):
    """Calls of a step compiled and as usual, which must agree in all; how many runs there were."""
    usual, other = case(), case()
    function, compiled = make(usual), torch.compile(make(other))
    for seed in range(CALLS):
        x = tensor(2, seed=seed)
        assert number(compiled(x)) == pytest.approx(number(function(x)), rel=1e-5, abs=1e-6)
        assert close(other.state(), usual.state())
        between(usual)
        between(other)
    return runs(compiled), compiled


def number(thing):
    return [number(each) for each in thing] if isinstance(thing, tuple) else thing.tolist() if isinstance(thing, torch.Tensor) else thing


def close(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(close(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(close, one, other))
    return one == pytest.approx(other, rel=1e-5, abs=1e-6) if isinstance(one, float) else True if callable(one) else one == other


SCHEDULES = {
    "step": lambda opt: schedules.StepLR(opt, 3, 0.5),
    "exponential": lambda opt: schedules.ExponentialLR(opt, 0.9),
    "cosine": lambda opt: schedules.CosineAnnealingLR(opt, 7),
    "restarts": lambda opt: schedules.CosineAnnealingWarmRestarts(opt, 3, 2),
    "lambda": lambda opt: schedules.LambdaLR(opt, lambda e: 1 / (1 + e)),
    "multiplicative": lambda opt: schedules.MultiplicativeLR(opt, lambda e: 0.9),
    "linear": lambda opt: schedules.LinearLR(opt, total_iters=6),
    "one cycle": lambda opt: schedules.OneCycleLR(opt, 0.1, total_steps=60),
    "cyclic": lambda opt: schedules.CyclicLR(opt, 0.01, 0.1, 4),
    "milestones": lambda opt: schedules.MultiStepLR(opt, [2, 5], 0.3),
    "polynomial": lambda opt: schedules.PolynomialLR(opt, 20),
    "sequential": lambda opt: schedules.SequentialLR(opt, [schedules.ConstantLR(opt), schedules.ExponentialLR(opt, 0.9)], [5]),
    "chained": lambda opt: schedules.ChainedScheduler([schedules.ConstantLR(opt), schedules.ExponentialLR(opt, 0.9)]),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_takes_its_step_within(name):
    found, _ = followed(step, lambda: Case(SCHEDULES[name]))
    assert found >= CALLS - 3


def test_a_step_without_arguments():
    case = Case()
    x = tensor(2)
    function = torch.compile(lambda: (case.learn(x), case.sched.step())[0])
    for i in range(CALLS):
        function()
        assert case.group["lr"] == pytest.approx(0.1 * 0.9 ** (i + 1))
    assert runs(function) >= CALLS - 3


def test_two_optimizers_with_schedules_in_turn():
    def make(pair):
        def function(x):
            one = pair[0].learn(x)
            pair[0].sched.step()
            two = pair[1].learn(x * 2)
            pair[1].sched.step()
            return one, two

        return function

    usual, other = [Case(), Case(SCHEDULES["cosine"])], [Case(), Case(SCHEDULES["cosine"])]
    function, compiled = make(usual), torch.compile(make(other))
    for seed in range(CALLS):
        x = tensor(2, seed=seed)
        assert number(compiled(x)) == pytest.approx(number(function(x)), rel=1e-5, abs=1e-6)
        assert all(close(a.state(), b.state()) for a, b in zip(usual, other, strict=True))
    assert runs(compiled) >= CALLS - 3


def before(case):
    def function(x):
        case.sched.step()
        return case.learn(x)

    return function


def with_look(look):
    def make(case):
        def function(x):
            loss = case.learn(x)
            case.sched.step()
            return loss, look(case)

        return function

    return make


class Own(schedules.LRScheduler):
    """A schedule of a user's, with a state of its own."""

    told = 0

    def get_lr(self):
        self.told += 1
        return [group["lr"] * 0.9 for group in self.optimizer.param_groups]


LOOKS = {
    "epoch": lambda case: case.sched.last_epoch,
    "rate": lambda case: case.group["lr"],
    "rates": lambda case: case.sched.get_last_lr()[0],
    "groups": lambda case: case.opt.param_groups[0]["lr"],
    "each": lambda case: sum(case.group[k] for k in case.group if isinstance(case.group[k], float)),
    "values": lambda case: sum(v for v in case.group.values() if isinstance(v, float)),
    "state": lambda case: case.opt.state_dict()["param_groups"][0]["lr"],
    "text": lambda case: len(f"{case.opt}"),
    "another's text": lambda case: len(reprlib.repr(case.opt)),
    "all": lambda case: sum(v for v in {**case.group}.values() if isinstance(v, float)),
    "copy": lambda case: copy.deepcopy(case.sched).last_epoch,
    "attributes": lambda case: vars(case.sched)["last_epoch"],
}


@pytest.mark.parametrize("name", LOOKS)
def test_who_looks_at_the_rate_or_the_schedule_sees_it_as_it_is(name):
    assert followed(with_look(LOOKS[name]), Case)[0] == 0


def test_a_schedule_that_goes_before_the_optimizer():
    assert followed(before, Case)[0] == 0


def test_a_schedule_of_the_users():
    assert followed(step, lambda: Case(Own))[0] == 0


def without_step(look):
    return lambda case: lambda x: (case.learn(x), look(case))


@pytest.mark.parametrize("name", LOOKS)
def test_rates_that_change_outside_are_seen_within(name):
    followed(without_step(LOOKS[name]), Case, lambda case: case.sched.step())


def test_rates_that_are_looked_at_and_stay_are_compiled():
    assert followed(without_step(LOOKS["groups"]), Case)[0] >= CALLS - 3


def test_groups_that_are_used_for_something_else_do_not_hinder():
    def make(case):
        def function(x):
            loss = case.learn(x)
            nn.utils.clip_grad_norm_([p for group in case.opt.param_groups for p in group["params"]], 1.0)
            return loss

        return function

    found, compiled = followed(make, Case, lambda case: case.sched.step())
    assert found >= CALLS - 3
    assert len(compiled.compiled.variants) == 1


def test_zeroing_of_the_gradient_of_a_frozen_parameter():
    frozen, p = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    opt = torch.optim.SGD([frozen, p], lr=0.1)
    (frozen.sum() + p.sum()).backward()
    frozen.requires_grad_(False)
    given = frozen.grad

    @torch.compile
    def function(x):
        opt.zero_grad(set_to_none=False)
        loss = ((p - x) ** 2).sum()
        loss.backward()
        opt.step()
        return loss.detach()

    for seed in range(CALLS):
        given.fill_(3.0)
        function(tensor(2, seed=seed))
        assert frozen.grad is given
        assert given.tolist() == [0.0, 0.0]
        assert frozen.tolist() == [1.0, 1.0]
    assert runs(function) >= CALLS - 3


def test_rates_of_groups_whose_parameters_are_all_frozen_may_change():
    p, frozen = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2), requires_grad=False)
    opt = torch.optim.Adagrad([{"params": [p]}, {"params": [frozen], "lr": 0.3}], lr=0.1)
    other = torch.optim.SGD([frozen], lr=0.5)

    @torch.compile
    def function(x):
        loss = ((p * frozen - x) ** 2).sum()
        opt.zero_grad()
        loss.backward()
        opt.step()
        other.step()
        return loss.detach()

    for seed in range(CALLS):
        function(tensor(2, seed=seed))
        for group in (*opt.param_groups, *other.param_groups):
            group["lr"] *= 0.9
    assert frozen.tolist() == [1.0, 1.0]
    assert runs(function) >= CALLS - 3
    frozen.requires_grad_(True)
    for seed in range(CALLS):
        before = frozen.tolist()
        function(tensor(2, seed=seed))
        rate = other.param_groups[0]["lr"] = 0.5 ** (seed + 1)
        assert frozen.tolist() != before
    assert runs(function) >= 2 * CALLS - 6
    assert rate == other.param_groups[0]["lr"]


def test_a_schedule_of_an_optimizer_that_takes_no_step():
    model = nn.Linear(3, 2)
    opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    sched = torch.optim.lr_scheduler.StepLR(opt, 2, 0.5)

    @torch.compile
    def function(x):
        loss = model(x).square().sum()
        opt.zero_grad()
        loss.backward()
        sched.step()
        return loss.detach()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(CALLS):
            function(tensor(4, 3, seed=seed))
            assert sched.last_epoch == seed + 1 and opt.param_groups[0]["lr"] == 0.1 * 0.5 ** ((seed + 1) // 2)
    assert runs(function) >= CALLS - 3
