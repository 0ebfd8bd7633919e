"""Schedules of learning rates against PyTorch's: rates and momentums over 60 steps, state dicts, warnings, errors."""

import copy
import importlib
import inspect
import math
import warnings

import pytest
import torch
from bridge import ours

import pedigrad

theirs_module = torch.optim.lr_scheduler


class Decay:
    """A function with attributes, which go into state dicts."""

    def __init__(self, rate):
        self.rate = rate

    def __call__(self, epoch):
        return self.rate**epoch


def linear(epoch):
    return 1 - epoch / 100


SGD = {"momentum": 0.9}
CASES = {
    "lambda": ("LambdaLR", {"lr_lambda": linear}),
    "lambda per group": ("LambdaLR", {"lr_lambda": [linear, Decay(0.9)]}),
    "multiplicative": ("MultiplicativeLR", {"lr_lambda": lambda epoch: 0.97}),
    "step": ("StepLR", {"step_size": 7, "gamma": 0.5}),
    "multistep": ("MultiStepLR", {"milestones": [3, 10, 10, 41], "gamma": 0.3}),
    "constant": ("ConstantLR", {}),
    "constant long": ("ConstantLR", {"factor": 0.25, "total_iters": 30}),
    "linear": ("LinearLR", {}),
    "linear down": ("LinearLR", {"start_factor": 0.9, "end_factor": 0.1, "total_iters": 20}),
    "exponential": ("ExponentialLR", {"gamma": 0.9}),
    "polynomial": ("PolynomialLR", {"total_iters": 40, "power": 2.0}),
    "polynomial default": ("PolynomialLR", {}),
    "cosine": ("CosineAnnealingLR", {"T_max": 13, "eta_min": 0.001}),
    "cosine once": ("CosineAnnealingLR", {"T_max": 60}),
    "restarts": ("CosineAnnealingWarmRestarts", {"T_0": 7}),
    "restarts longer": ("CosineAnnealingWarmRestarts", {"T_0": 5, "T_mult": 2, "eta_min": 0.01}),
    "cyclic": ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 7}),
    "cyclic two": (
        "CyclicLR",
        {"base_lr": [0.01, 0.02], "max_lr": [0.1, 0.3], "step_size_up": 5, "step_size_down": 9, "mode": "triangular2"},
    ),
    "cyclic exp": ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 7, "mode": "exp_range", "gamma": 0.95}),
    "cyclic own": ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 7, "scale_fn": Decay(0.9), "scale_mode": "iterations"}),
    "cyclic no momentum": ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 7, "cycle_momentum": False}),
    "one cycle": ("OneCycleLR", {"max_lr": 0.5, "total_steps": 60}),
    "one cycle linear": ("OneCycleLR", {"max_lr": [0.5, 0.1], "epochs": 6, "steps_per_epoch": 11, "anneal_strategy": "linear"}),
    "one cycle three": ("OneCycleLR", {"max_lr": 0.5, "total_steps": 64, "three_phase": True, "pct_start": 0.2, "div_factor": 5.0}),
    "one cycle no momentum": ("OneCycleLR", {"max_lr": 0.5, "total_steps": 60, "cycle_momentum": False}),
    "swa": ("SWALR", {"swa_lr": 0.05}),
    "swa linear": ("SWALR", {"swa_lr": [0.05, 0.3], "anneal_epochs": 20, "anneal_strategy": "linear"}),
    "swa at once": ("SWALR", {"swa_lr": 0.05, "anneal_epochs": 0}),
}


def module(library, name):
    return library.optim.swa_utils if name == "SWALR" else library.optim.lr_scheduler


def optimizer_of(library, lr=0.1, adam=False):
    params = [library.nn.Parameter(library.ones(2)) for _ in range(2)]
    for p in params:
        p.grad = library.ones(2)
    groups = [{"params": params[:1]}, {"params": params[1:], "lr": lr * 2}]
    if adam:
        return library.optim.Adam(groups, lr=lr)
    return library.optim.SGD(groups, lr=lr, **SGD)


def numbers(optimizer):
    """Rates and momentums of all groups."""
    return [float(g["lr"]) for g in optimizer.param_groups] + [
        g["betas"][0] if "betas" in g else g["momentum"] for g in optimizer.param_groups
    ]


def made(library, case, optimizer):
    name, kwargs = CASES[case]
    return getattr(module(library, name), name)(optimizer, **copy.deepcopy(kwargs))


@pytest.mark.parametrize("adam", [False, True], ids=["SGD", "Adam"])
@pytest.mark.parametrize("case", CASES)
def test_sixty_steps(case, adam):
    pair = [optimizer_of(library, adam=adam) for library in (torch, pedigrad)]
    schedules = [made(library, case, optimizer) for library, optimizer in zip((torch, pedigrad), pair, strict=True)]
    for epoch in range(60):
        assert numbers(pair[1]) == pytest.approx(numbers(pair[0]), rel=1e-9, abs=1e-12), epoch
        assert schedules[1].get_last_lr() == pytest.approx(schedules[0].get_last_lr(), rel=1e-9, abs=1e-12)
        for optimizer, schedule in zip(pair, schedules, strict=True):
            optimizer.step()
            schedule.step()
    assert set(schedules[0].state_dict()) == set(schedules[1].state_dict())


@pytest.mark.parametrize("case", CASES)
def test_rates_that_are_tensors(case):
    pair = [optimizer_of(library) for library in (torch, pedigrad)]
    tensors = []
    for library, optimizer in zip((torch, pedigrad), pair, strict=True):
        for i, group in enumerate(optimizer.param_groups):
            group["lr"] = library.tensor(0.1 * (i + 1))
        tensors.append([group["lr"] for group in optimizer.param_groups])
    schedules = [made(library, case, optimizer) for library, optimizer in zip((torch, pedigrad), pair, strict=True)]
    for _ in range(20):
        assert numbers(pair[1]) == pytest.approx(numbers(pair[0]), rel=1e-5, abs=1e-7)
        for optimizer, schedule in zip(pair, schedules, strict=True):
            optimizer.step()
            schedule.step()
    for optimizer, own in zip(pair, tensors, strict=True):
        assert all(group["lr"] is tensor for group, tensor in zip(optimizer.param_groups, own, strict=True))


CLOSED = [case for case, (name, _) in CASES.items() if name != "SWALR"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CLOSED)
def test_jumps_to_epochs(case):
    pair = [optimizer_of(library) for library in (torch, pedigrad)]
    schedules = [made(library, case, optimizer) for library, optimizer in zip((torch, pedigrad), pair, strict=True)]
    for epoch in (0, 1, 5, 4, 23, 40):
        for optimizer, schedule in zip(pair, schedules, strict=True):
            optimizer.step()
            schedule.step(epoch)
        assert numbers(pair[1]) == pytest.approx(numbers(pair[0]), rel=1e-9, abs=1e-12), epoch


@pytest.mark.parametrize("case", CASES)
def test_state_dicts_are_exchanged(case):
    pair = [optimizer_of(library) for library in (torch, pedigrad)]
    schedules = [made(library, case, optimizer) for library, optimizer in zip((torch, pedigrad), pair, strict=True)]
    for _ in range(9):
        for optimizer, schedule in zip(pair, schedules, strict=True):
            optimizer.step()
            schedule.step()
    state = copy.deepcopy(schedules[0].state_dict())
    own = copy.deepcopy(schedules[1].state_dict())
    fresh = [optimizer_of(library) for library in (torch, pedigrad, pedigrad)]
    after = [made(library, case, optimizer) for library, optimizer in zip((torch, pedigrad, pedigrad), fresh, strict=True)]
    for schedule, optimizer, loaded, source in zip(after, fresh, (state, state, own), (pair[0], pair[0], pair[1]), strict=True):
        schedule.load_state_dict(copy.deepcopy(loaded))
        for group, old in zip(optimizer.param_groups, source.param_groups, strict=True):
            group.update({name: value for name, value in old.items() if name != "params"})
    for _ in range(12):
        for optimizer, schedule in zip(fresh, after, strict=True):
            optimizer.step()
            schedule.step()
        assert numbers(fresh[1]) == pytest.approx(numbers(fresh[0]), rel=1e-9, abs=1e-12)
        assert numbers(fresh[2]) == pytest.approx(numbers(fresh[0]), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("case", [c for c in CASES if not c.startswith("swa")])
def test_resuming(case):
    """`last_epoch` with the groups of an optimizer that was stopped there."""
    outcomes = []
    for library in (torch, pedigrad):
        optimizer = optimizer_of(library)
        schedule = made(library, case, optimizer)
        for _ in range(4):
            optimizer.step()
            schedule.step()
        fresh = optimizer_of(library)
        fresh.load_state_dict(optimizer.state_dict())
        name, kwargs = CASES[case]
        again = getattr(module(library, name), name)(fresh, **copy.deepcopy(kwargs), last_epoch=4)
        rates = numbers(fresh)
        for _ in range(6):
            fresh.step()
            again.step()
            rates += numbers(fresh)
        outcomes.append(rates)
    assert outcomes[1] == pytest.approx(outcomes[0], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"patience": 2, "factor": 0.5},
        {"mode": "max", "patience": 3, "threshold_mode": "abs", "threshold": 0.05},
        {"mode": "max", "patience": 1, "cooldown": 4, "min_lr": [0.01, 0.05]},
        {"patience": 0, "threshold_mode": "abs", "min_lr": 0.02, "eps": 1e-3},
    ],
)
def test_plateau(kwargs):
    pair = [optimizer_of(library) for library in (torch, pedigrad)]
    schedules = [
        library.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **kwargs)
        for library, optimizer in zip((torch, pedigrad), pair, strict=True)
    ]
    for epoch in range(60):
        metric = math.cos(epoch / 5) / (1 + epoch / 20)
        for library, schedule in zip((torch, pedigrad), schedules, strict=True):
            schedule.step(metric if epoch % 2 else library.tensor(metric, dtype=library.float64))
        assert numbers(pair[1]) == pytest.approx(numbers(pair[0]))
        assert schedules[1].get_last_lr() == pytest.approx(schedules[0].get_last_lr())
        assert schedules[1].state_dict() == schedules[0].state_dict()
    fresh = pedigrad.optim.lr_scheduler.ReduceLROnPlateau(optimizer_of(pedigrad))
    fresh.load_state_dict(schedules[0].state_dict())
    assert fresh.num_bad_epochs == schedules[0].num_bad_epochs and fresh.in_cooldown == schedules[0].in_cooldown


def sequences(library, optimizer):
    s = library.optim.lr_scheduler
    return {
        "warm up, then decay": lambda: s.SequentialLR(
            optimizer, [s.LinearLR(optimizer, total_iters=10), s.CosineAnnealingLR(optimizer, T_max=50)], [10]
        ),
        "three": lambda: s.SequentialLR(
            optimizer,
            [s.ConstantLR(optimizer, total_iters=5), s.ExponentialLR(optimizer, 0.9), s.StepLR(optimizer, 4)],
            [7, 20],
        ),
        "with restarts": lambda: s.SequentialLR(
            optimizer, [s.LinearLR(optimizer, total_iters=4), s.CosineAnnealingWarmRestarts(optimizer, 6)], [5]
        ),
        "nested": lambda: s.SequentialLR(
            optimizer,
            [
                s.SequentialLR(optimizer, [s.ConstantLR(optimizer), s.ExponentialLR(optimizer, 0.8)], [6]),
                s.PolynomialLR(optimizer, 30),
            ],
            [15],
        ),
        "chained": lambda: s.ChainedScheduler([s.ConstantLR(optimizer, 0.1, 20), s.ExponentialLR(optimizer, 0.95)], optimizer=optimizer),
        "chained three": lambda: s.ChainedScheduler(
            [s.LinearLR(optimizer, total_iters=9), s.StepLR(optimizer, 5, 0.7), s.CosineAnnealingLR(optimizer, 12)]
        ),
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", ["warm up, then decay", "three", "with restarts", "nested", "chained", "chained three"])
def test_combined(case):
    pair = [optimizer_of(library) for library in (torch, pedigrad)]
    schedules = [sequences(library, optimizer)[case]() for library, optimizer in zip((torch, pedigrad), pair, strict=True)]
    for epoch in range(60):
        assert numbers(pair[1]) == pytest.approx(numbers(pair[0]), rel=1e-9, abs=1e-12), epoch
        assert schedules[1].get_last_lr() == pytest.approx(schedules[0].get_last_lr(), rel=1e-9, abs=1e-12)
        for optimizer, schedule in zip(pair, schedules, strict=True):
            optimizer.step()
            schedule.step()
        if epoch == 8:
            states = [copy.deepcopy(schedule.state_dict()) for schedule in schedules]
            assert set(states[0]) == set(states[1])
            for a, b in zip(states[0]["_schedulers"], states[1]["_schedulers"], strict=True):
                assert set(a) == set(b)
            schedules[1].load_state_dict(states[0])


WRONG = {
    "lambdas": ("LambdaLR", {"lr_lambda": [linear]}),
    "no function": ("MultiplicativeLR", {"lr_lambda": 3}),
    "constant": ("ConstantLR", {"factor": 1.5}),
    "linear start": ("LinearLR", {"start_factor": 0}),
    "linear end": ("LinearLR", {"end_factor": -0.1}),
    "T_0": ("CosineAnnealingWarmRestarts", {"T_0": 0}),
    "T_0 float": ("CosineAnnealingWarmRestarts", {"T_0": 2.5}),
    "T_mult": ("CosineAnnealingWarmRestarts", {"T_0": 2, "T_mult": 0}),
    "eta_min": ("CosineAnnealingWarmRestarts", {"T_0": 2, "eta_min": "0"}),
    "cyclic mode": ("CyclicLR", {"base_lr": 0.1, "max_lr": 1.0, "mode": "square"}),
    "cyclic lists": ("CyclicLR", {"base_lr": [0.1], "max_lr": 1.0}),
    "cycle steps": ("OneCycleLR", {"max_lr": 1.0}),
    "cycle steps 0": ("OneCycleLR", {"max_lr": 1.0, "total_steps": 0}),
    "cycle epochs": ("OneCycleLR", {"max_lr": 1.0, "epochs": 0, "steps_per_epoch": 3}),
    "cycle per epoch": ("OneCycleLR", {"max_lr": 1.0, "epochs": 3, "steps_per_epoch": 0.5}),
    "cycle part": ("OneCycleLR", {"max_lr": 1.0, "total_steps": 5, "pct_start": 1.5}),
    "cycle strategy": ("OneCycleLR", {"max_lr": 1.0, "total_steps": 5, "anneal_strategy": "sine"}),
    "plateau factor": ("ReduceLROnPlateau", {"factor": 1.0}),
    "plateau mode": ("ReduceLROnPlateau", {"mode": "up"}),
    "plateau threshold": ("ReduceLROnPlateau", {"threshold_mode": "up"}),
    "plateau min": ("ReduceLROnPlateau", {"min_lr": [0.1]}),
    "swa strategy": ("SWALR", {"swa_lr": 0.1, "anneal_strategy": "sine"}),
    "swa epochs": ("SWALR", {"swa_lr": 0.1, "anneal_epochs": -1}),
    "resume": ("StepLR", {"step_size": 3, "last_epoch": 2}),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_options(case):
    name, kwargs = WRONG[case]
    kinds = []
    for library in (torch, pedigrad):
        with pytest.raises(Exception) as caught:
            getattr(module(library, name), name)(optimizer_of(library), **kwargs)
        kinds.append(caught.type)
    assert kinds[0] is kinds[1]


@pytest.mark.parametrize("library", [torch, pedigrad], ids=["theirs", "ours"])
class TestBothAlike:
    def test_errors(self, library):
        s = library.optim.lr_scheduler
        a, b = optimizer_of(library), optimizer_of(library)
        with pytest.raises(TypeError, match="is not an Optimizer"):
            s.StepLR(3, 1)
        plain = library.optim.Adagrad([library.nn.Parameter(library.ones(1))])
        with pytest.raises(ValueError, match="must support momentum or beta1"):
            s.CyclicLR(plain, 0.1, 0.2)
        with pytest.raises(ValueError, match="must support momentum or beta1"):
            s.OneCycleLR(plain, 0.1, 10)
        for combine in (lambda each: s.SequentialLR(a, each, [1]), lambda each: s.ChainedScheduler(each, a)):
            with pytest.raises(ValueError):
                combine([])
            with pytest.raises(ValueError):
                combine([s.StepLR(a, 1), s.StepLR(b, 1)])
            with pytest.raises(ValueError):
                combine([s.StepLR(a, 1), s.ReduceLROnPlateau(a)])
            with pytest.raises(TypeError):
                combine([s.StepLR(a, 1), 3])
        with pytest.raises(ValueError):
            s.SequentialLR(a, [s.StepLR(a, 1)], [1])
        cycle = s.OneCycleLR(a, 0.1, total_steps=2)
        a.step()
        cycle.step()
        cycle.step()
        with pytest.raises(ValueError, match="Tried to step 3 times"):
            cycle.step()

    def test_warnings(self, library):
        s = library.optim.lr_scheduler
        optimizer = optimizer_of(library)
        schedule = s.StepLR(optimizer, 1)
        with pytest.warns(UserWarning, match=r"Detected call of `lr_scheduler.step\(\)` before `optimizer.step\(\)`") as caught:
            schedule.step()
        assert caught[0].filename == __file__
        with pytest.warns(UserWarning, match="epoch parameter"):
            schedule.step(3)
        with pytest.warns(UserWarning, match="please use `get_last_lr"):
            schedule.get_lr()
        optimizer = optimizer_of(library)
        schedule = s.StepLR(optimizer, 1)
        optimizer.step = lambda: None
        with pytest.warns(UserWarning, match="has been overridden after"):
            schedule.step()
        optimizer = optimizer_of(library)
        schedule = s.StepLR(optimizer, 1)
        optimizer.step()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            schedule.step()

    def test_a_scheduler_of_the_users(self, library):
        class Halves(library.optim.lr_scheduler._LRScheduler):
            def get_lr(self):
                return [base / 2**self.last_epoch for base in self.base_lrs]

        optimizer = optimizer_of(library)
        schedule = Halves(optimizer)
        optimizer.step()
        schedule.step()
        assert schedule.get_last_lr() == pytest.approx([0.05, 0.1])
        assert isinstance(schedule, library.optim.lr_scheduler.LRScheduler)

    def test_groups_added_later(self, library):
        optimizer = optimizer_of(library)
        schedule = library.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, factor=0.5)
        optimizer.add_param_group({"params": [library.nn.Parameter(library.ones(1))], "lr": 8.0})
        schedule.step(1.0)
        schedule.step(2.0)
        assert [group["lr"] for group in optimizer.param_groups] == [0.05, 0.1, 4.0]
        schedule = library.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.0, 0.0, 0.0])
        optimizer.add_param_group({"params": [library.nn.Parameter(library.ones(1))], "lr": 8.0})
        schedule.step(1.0)
        with pytest.raises(RuntimeError, match="number of param groups"):
            schedule.step(2.0)

    def test_optimizers_are_freed_and_copied(self, library):
        optimizer = optimizer_of(library)
        schedule = library.optim.lr_scheduler.StepLR(optimizer, 2)
        optimizer.step()
        twin = copy.deepcopy(optimizer)
        assert "step" not in vars(twin)
        assert schedule.optimizer is optimizer


def test_all_schedulers_are_there():
    assert set(theirs_module.__all__) <= set(pedigrad.optim.lr_scheduler.__all__)
    assert set(torch.optim.swa_utils.__all__) == set(pedigrad.optim.swa_utils.__all__)


@pytest.mark.parametrize("name", [*theirs_module.__all__, *torch.optim.swa_utils.__all__])
def test_signatures(name):
    part = "lr_scheduler" if name in theirs_module.__all__ else "swa_utils"
    theirs, mine = (getattr(importlib.import_module(f"{root}.optim.{part}"), name) for root in ("torch", "pedigrad"))
    a, b = (list(inspect.signature(f).parameters.values()) for f in (theirs, mine))
    assert [(p.name, p.default) for p in a] == [(p.name, p.default) for p in b]


# Averaged models


def models(seed=0):
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))
    mine = pedigrad.nn.Sequential(pedigrad.nn.Linear(3, 4), pedigrad.nn.BatchNorm1d(4), pedigrad.nn.Linear(4, 1))
    mine.load_state_dict(ours(theirs.state_dict()))
    return theirs, mine


@pytest.mark.parametrize("use_buffers", [False, True])
@pytest.mark.parametrize("kind", ["mean", "ema", "ema multi", "swa", "swa multi", "own"])
def test_averaged_models(kind, use_buffers):
    if kind == "swa multi" and use_buffers:
        pytest.skip("PyTorch's fails on the integer buffers of batch norm")
    averaged, pair = [], models()
    for library, model in zip((torch, pedigrad), pair, strict=True):
        swa = library.optim.swa_utils
        options = {
            "mean": {},
            "ema": {"avg_fn": swa.get_ema_avg_fn(0.8)},
            "ema multi": {"multi_avg_fn": swa.get_ema_multi_avg_fn(0.8)},
            "swa": {"avg_fn": swa.get_swa_avg_fn()},
            "swa multi": {"multi_avg_fn": swa.get_swa_multi_avg_fn()},
            "own": {"avg_fn": lambda old, new, count: old + (new - old) * 0.5},
        }
        averaged.append(swa.AveragedModel(model, use_buffers=use_buffers, **options[kind]))
    for i in range(4):
        x = torch.randn(5, 3)
        for library, model, average in zip((torch, pedigrad), pair, averaged, strict=True):
            model(x if library is torch else ours(x))
            with library.no_grad():
                for p in model.parameters():
                    p.mul_(0.9).add_(0.1 * (i + 1))
            average.update_parameters(model)
    states = [average.state_dict() for average in averaged]
    assert list(states[0]) == list(states[1])
    for name, value in states[0].items():
        assert tuple(value.shape) == tuple(states[1][name].shape) and str(value.dtype) == str(states[1][name].dtype)
        assert states[1][name].numpy() == pytest.approx(value.numpy(), rel=1e-5, abs=1e-6), name


def test_update_bn():
    theirs, mine = models()
    data = [torch.randn(8, 3) for _ in range(3)]
    torch.optim.swa_utils.update_bn([(x, 0) for x in data], theirs)
    pedigrad.optim.swa_utils.update_bn([(ours(x), 0) for x in data], mine)
    for name, value in theirs.state_dict().items():
        assert mine.state_dict()[name].numpy() == pytest.approx(value.numpy(), rel=1e-5, abs=1e-6), name
    assert mine[1].momentum == 0.1 and mine.training
