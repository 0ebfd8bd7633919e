"""Whole training steps, compiled, against the same steps run as usual."""

import copy
import itertools
import pathlib
import sys
import warnings

import numpy as np
import pytest

import pedigrad as torch
from pedigrad import nn

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "bench"))
STEPS = 12


def model_of(seed=0, sizes=(5, 7, 3), dtype=torch.float32):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(sizes[0], sizes[1]), nn.Tanh(), nn.Linear(sizes[1], sizes[2])).to(dtype)


def data(seed=1, n=6, dtype=np.float32):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.standard_normal((n, 5)).astype(dtype)), torch.from_numpy(rng.standard_normal((n, 3)).astype(dtype))


def training(model, optimizer, x, y, before=None, after=None):
    """A usual step."""

    def step():
        optimizer.zero_grad()
        loss = ((model(x) - y) ** 2).mean()
        loss.backward()
        if before is not None:
            before()
        optimizer.step()
        if after is not None:
            after()
        return loss

    return step


def state_of(model, optimizer):
    """Everything that a step changes, as NumPy arrays."""
    found = [p.detach().numpy().copy() for p in model.parameters()]
    found += [np.zeros(1) if p.grad is None else p.grad.numpy().copy() for p in model.parameters()]
    for entries in optimizer.state_dict()["state"].values():
        found += [np.asarray(v.numpy() if isinstance(v, torch.Tensor) else v, float) for v in entries.values() if v is not None]
    return found


def close(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-5)


def variants(compiled):
    return len(compiled.compiled.variants)


def both(make, steps=STEPS, between=None, compare=True):
    """Run the step that `make()` gives as usual and compiled; returns the compiled one. `make` returns step, model, optimizer and more."""
    usual, compiled = make(), make()
    step = torch.compile(compiled[0])
    for i in range(steps):
        if between is not None:
            between(i, *usual[1:])
            between(i, *compiled[1:])
        a, b = usual[0](), step()
        np.testing.assert_allclose(a.item(), b.item(), rtol=2e-4, atol=1e-6)
        assert a.requires_grad == b.requires_grad
        close(state_of(*usual[1:3]), state_of(*compiled[1:3]))
    return step


RECORDED = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "dampening": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.1, weight_decay=0.01),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "maximize": lambda p: torch.optim.SGD(p, lr=0.01, maximize=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adam decay": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1, betas=(0.8, 0.95)),
    "amsgrad": lambda p: torch.optim.Adam(p, lr=0.01, amsgrad=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
    "rmsprop centered": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.05, lr_decay=0.01),
    "nadam": lambda p: torch.optim.NAdam(p, lr=0.01),
    "adamax": lambda p: torch.optim.Adamax(p, lr=0.01),
    "adadelta": lambda p: torch.optim.Adadelta(p, lr=0.5),
    "radam": lambda p: torch.optim.RAdam(p, lr=0.01),
    "rprop": lambda p: torch.optim.Rprop(p, lr=0.01),
    "asgd": lambda p: torch.optim.ASGD(p, lr=0.05),
    "groups": lambda p: torch.optim.SGD([{"params": (q := list(p))[:2], "lr": 0.1}, {"params": q[2:], "momentum": 0.8}], lr=0.05),
}
MUST = {"sgd", "momentum", "dampening", "nesterov", "maximize", "adam", "adam decay", "amsgrad", "adamw", "rmsprop", "adagrad", "groups"}


def maker(optimizer, dtype=torch.float32, **more):
    def make():
        model = model_of(dtype=dtype)
        made = optimizer(model.parameters())
        x, y = data(dtype=np.float32 if dtype is torch.float32 else np.float64)
        return training(model, made, x, y, **more), model, made

    return make


@pytest.mark.parametrize("name", RECORDED)
def test_optimizers(name):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        step = both(maker(RECORDED[name]), steps=STEPS + 3)
    told = [w for w in seen if "pedigrad.compile" in str(w.message)]
    if name in MUST:
        assert variants(step) == 1 and step.compiled.variants[0].runs >= 8, told
    assert bool(variants(step)) != bool(told), "compiled, or said once why not"
    assert len(told) <= 1


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_double_precision(name):
    step = both(maker(RECORDED[name], torch.float64))
    assert variants(step) == 1


def test_learning_rate_by_hand():
    def between(i, model, optimizer):
        optimizer.param_groups[0]["lr"] = 0.1 / (i + 1)

    step = both(maker(RECORDED["momentum"]), between=between)
    assert variants(step) == 1 and step.compiled.variants[0].runs == STEPS - 3


def test_zero_learning_rate_and_momentum_switched_off():
    def between(i, model, optimizer):
        optimizer.param_groups[0]["lr"] = 0.0 if i in (6, 7) else 0.1
        optimizer.param_groups[0]["weight_decay"] = 0.0 if i < 9 else 0.1

    both(maker(RECORDED["nesterov"]), between=between, steps=16)


def test_integer_learning_rate():
    def between(i, model, optimizer):
        optimizer.param_groups[0]["lr"] = 1 if i == 7 else 0.1

    both(maker(RECORDED["momentum"]), between=between)


@pytest.mark.parametrize("schedule", ["StepLR", "OneCycleLR", "ExponentialLR"])
@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_schedulers_between_steps(schedule, name):
    def make():
        step, model, optimizer = maker(RECORDED[name])()
        kinds = torch.optim.lr_scheduler
        scheduler = {
            "StepLR": lambda: kinds.StepLR(optimizer, 3, 0.5),
            "OneCycleLR": lambda: kinds.OneCycleLR(optimizer, 0.2, total_steps=40),
            "ExponentialLR": lambda: kinds.ExponentialLR(optimizer, 0.9),
        }[schedule]()
        return step, model, optimizer, scheduler

    def between(i, model, optimizer, scheduler):
        if i:
            scheduler.step()

    step = both(make, between=between)
    assert variants(step) == 1 and step.compiled.variants[0].runs == STEPS - 3


def test_scheduler_within_the_step_is_never_stale():
    def make():
        model = model_of()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.8)
        return training(model, optimizer, *data(), after=scheduler.step), model, optimizer

    step = both(make)
    assert variants(step) == 1 and step.compiled.variants[0].runs == STEPS - 3


@pytest.mark.parametrize("kind", ["norm", "inf", "value"])
def test_clipping(kind):
    def make():
        model = model_of()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        clip = {
            "norm": lambda: nn.utils.clip_grad_norm_(model.parameters(), 0.1),
            "inf": lambda: nn.utils.clip_grad_norm_(list(model.parameters()), 0.05, norm_type=float("inf")),
            "value": lambda: nn.utils.clip_grad_value_(model.parameters(), 0.03),
        }[kind]
        return training(model, optimizer, *data(), before=clip), model, optimizer

    assert variants(both(make)) == 1


@pytest.mark.parametrize("to_none", [True, False])
@pytest.mark.parametrize("place", ["first", "last", "outside", "model"])
def test_zeroing(to_none, place):
    def make():
        model = model_of()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        x, y = data()

        def step():
            if place == "first":
                optimizer.zero_grad(set_to_none=to_none)
            if place == "model":
                model.zero_grad(set_to_none=to_none)
            loss = ((model(x) - y) ** 2).mean()
            loss.backward()
            optimizer.step()
            if place == "last":
                optimizer.zero_grad(set_to_none=to_none)
            return loss

        return step, model, optimizer

    def between(i, model, optimizer):
        if place == "outside":
            optimizer.zero_grad(set_to_none=to_none)

    step = both(make, between=between)
    assert 1 <= variants(step) <= 2


def test_gradients_accumulate_over_calls():
    def make():
        model = model_of()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        x, y = data()

        def step():
            loss = ((model(x) - y) ** 2).mean()
            loss.backward()
            return loss

        return step, model, optimizer

    def between(i, model, optimizer):
        if i % 4 == 3:
            optimizer.step()
            optimizer.zero_grad(set_to_none=i % 8 == 3)

    step = both(make, between=between, steps=24)
    assert step.compiled.variants


@pytest.mark.parametrize("threads", [1, 2])
def test_steps_that_are_large(threads):
    """Programs too long for other threads of Python to wait for, between whose calls much is exchanged."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)

    def make():
        model = model_of(sizes=(5, 400, 3))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        x, y = data(n=100)

        def step():
            loss = ((model(x) - y) ** 2).mean()
            loss.backward()  # adds to the gradients
            optimizer.step()
            return loss

        return step, model, optimizer

    def between(i, model, optimizer):
        weight = model[0].weight
        if i == 6:
            weight.grad = weight.grad * 0.5
        if i == 8:
            weight.data = weight.data * 0.9
        if i == 10:
            optimizer.param_groups[0]["lr"] = 0.005
        if i == 12:
            weight.grad.zero_()

    try:
        step = both(make, between=between, steps=16)
        compiled = step.compiled
        assert variants(step) == 1 and compiled.variants[0].executable.threads == threads
        assert compiled.shortcut is not None and compiled.variants[0].together is None
    finally:
        torch.set_num_threads(before)


def test_writes_of_a_large_step_are_noticed():
    model = model_of(sizes=(5, 400, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    x, y = data(n=100)
    step = torch.compile(training(model, optimizer, x, y))
    for _ in range(5):
        step()
    kept = (model[0].weight * model[0].weight).sum()
    step()
    with pytest.raises(RuntimeError, match="a compiled step"):
        kept.backward()


def test_a_large_step_draws_anew():
    torch.manual_seed(0)
    layer = nn.Linear(5, 400)
    x = data(n=100)[0]
    step = torch.compile(lambda: nn.functional.dropout(layer(x).detach(), 0.5) == 0)
    found = [step().numpy() for _ in range(8)]
    assert all(0.48 < dropped.mean() < 0.52 for dropped in found)
    assert all(0.48 < (a != b).mean() < 0.52 for a, b in itertools.combinations(found, 2))
    assert step.compiled.shortcut is not None


def test_optimizer_state_is_there_before():
    """Steps as usual, then compiled ones, then as usual again, on one optimizer."""
    results = []
    for compiled in (False, True):
        step, model, optimizer = maker(RECORDED["adam"])()
        for _ in range(3):
            step()
        run = torch.compile(step) if compiled else step
        for _ in range(9):
            run()
        for _ in range(3):
            step()
        for _ in range(3):
            run()
        results.append(state_of(model, optimizer))
        if compiled:
            assert variants(run) >= 1
    close(*results)


def test_state_dicts_loaded_between():
    saved = {}

    def between(i, model, optimizer):
        if i == 6:
            saved[id(model)] = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
        if i == 10:
            model.load_state_dict(saved[id(model)][0])
            optimizer.load_state_dict(saved[id(model)][1])

    both(maker(RECORDED["adam"]), between=between, steps=18)


def test_returned_loss_has_no_backward_left():
    step, _, _ = maker(RECORDED["sgd"])()
    compiled = torch.compile(step)
    for _ in range(5):
        loss = compiled()
    assert variants(compiled) == 1 and loss.requires_grad
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_step_returns_nothing():
    step, model, optimizer = maker(RECORDED["sgd"])()
    other, model2, optimizer2 = maker(RECORDED["sgd"])()
    compiled = torch.compile(lambda: (other(), None)[1])
    for _ in range(6):
        step()
        assert compiled() is None
    close(state_of(model, optimizer), state_of(model2, optimizer2))


def test_loss_backward_outside():
    def make():
        model = model_of()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        x, y = data()

        def forward():
            optimizer.zero_grad()
            return ((model(x) - y) ** 2).mean()

        return forward, model, optimizer

    usual, compiled = make(), make()
    run = torch.compile(compiled[0])
    for _ in range(STEPS):
        for forward, (_, _, optimizer) in ((usual[0], usual), (run, compiled)):
            forward().backward()
            optimizer.step()
        close(state_of(*usual[1:]), state_of(*compiled[1:]))


@pytest.mark.parametrize("kind", ["batch", "layer", "group"])
def test_normalization_state(kind):
    def make():
        torch.manual_seed(0)
        norm = {"batch": nn.BatchNorm1d(7), "layer": nn.LayerNorm(7), "group": nn.GroupNorm(7, 7)}[kind]
        model = nn.Sequential(nn.Linear(5, 7), norm, nn.ReLU(), nn.Linear(7, 3))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        return training(model, optimizer, *data()), model, optimizer

    usual, compiled = make(), make()
    step = torch.compile(compiled[0])
    for _ in range(STEPS):
        usual[0]()
        step()
    assert variants(step) == 1
    for (name, a), b in zip(usual[1].state_dict().items(), compiled[1].state_dict().values(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-6, err_msg=name)
    if kind == "batch":
        assert compiled[1][1].num_batches_tracked.item() == STEPS


@pytest.mark.parametrize("name", ["founding", "chain", "adam_small", "mlp_small", "mlp_64", "pinn"])
def test_workloads(name):
    import workloads

    count = 10 if name == "pinn" else 50
    usual, compiled = (workloads.build(torch, name, compiled=c) for c in (False, True))
    for i in range(count):
        a, b = usual(), compiled()
        assert abs(a - b) <= 1e-3 * abs(a) + 1e-6, (i, a, b)


def test_recurrent_network():
    def make():
        torch.manual_seed(0)
        model = nn.ModuleDict({"embed": nn.Embedding(11, 6), "lstm": nn.LSTM(6, 8, batch_first=True), "head": nn.Linear(8, 11)})
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        text = torch.from_numpy(np.random.default_rng(0).integers(11, size=(3, 9)))

        def step():
            optimizer.zero_grad()
            hidden, _ = model["lstm"](model["embed"](text[:, :-1]))
            loss = nn.functional.cross_entropy(model["head"](hidden).reshape(-1, 11), text[:, 1:].reshape(-1))
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            return loss

        return step, model, optimizer

    assert variants(both(make)) == 1


def test_under_force_eager_compiled_functions_run_as_usual_and_why_sees_into_them():
    @torch.compile
    def f(x):
        return torch.log(x - 2).sum()

    x = torch.ones(3, requires_grad=True)
    for _ in range(3):
        f(x)
    with torch.compiler.set_stance("force_eager"):
        assert "log() computed it" in str(torch.why(f(x)))
    assert str(torch.why(f(x))).startswith("A compiled function returned it")

    @torch.compiler.set_stance("force_eager")
    def asked():
        return str(torch.why(f(x)))

    assert str(torch.why(f(x))).startswith("A compiled function returned it") and "log() computed it" in asked()
    torch.compiler.set_stance("force_eager")
    try:
        assert "log() computed it" in str(torch.why(f(x)))
    finally:
        torch.compiler.set_stance("default")
    assert str(torch.why(f(x))).startswith("A compiled function returned it") and f.compiled.aside == 3
    with pytest.raises(RuntimeError, match="stance 'eager'"):
        torch.compiler.set_stance("eager")
