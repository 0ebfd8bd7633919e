"""Numbers that a compiled function fetches from tensors to give them back are those of each run; with all others it runs as usual."""

import math
import warnings

import pytest
from compile_checks import runs

pytest.importorskip("llvmlite")

import pedigrad as torch

CALLS = 7


def given_back(x, y):
    return (x * y).sum().item()


def several(x, y):
    product = x * y
    return {"loss": product.mean().item(), "count": (product > 0).sum().item(), "all": [product.max().item(), product, 3]}


def named(x, y):
    loss = (x * y).sum()
    value = loss.item()
    count = (x > y).sum().item()
    return value, count, loss


def as_float(x, y):
    return float((x * y).sum())


def before_a_write(x, y):
    total = (x * y).sum()
    first = total.item()
    total.mul_(2)
    return first, total.item()


def under_a_mode(x, y):
    with torch.no_grad():
        total = (x * y).sum()
    return total.item()


def within_a_mode(x, y):
    with torch.no_grad():
        return (x * y).sum().item()


@pytest.mark.parametrize("function", [given_back, several, named, as_float, before_a_write, under_a_mode, within_a_mode])
def test_numbers_that_are_given_back_are_of_each_run(function):
    compiled = torch.compile(function)
    for seed in range(CALLS):
        x, y = torch.randn(2, 5, generator=torch.Generator().manual_seed(seed))
        found, wanted = compiled(x, y), function(x, y)
        assert type(found) is type(wanted)
        for one, other in zip(values(found), values(wanted), strict=True):
            assert type(one) is type(other)
            assert torch.allclose(torch.as_tensor(one), torch.as_tensor(other), atol=1e-5)
    assert runs(compiled) >= CALLS - 2


def values(thing):
    if isinstance(thing, dict):
        return [v for value in thing.values() for v in values(value)]
    return [v for item in thing for v in values(item)] if isinstance(thing, (list, tuple)) else [thing]


LOG = []


def root(x, y):
    return math.sqrt((x * x).sum().item())


def root_of_a_tensor(x, y):
    return math.sqrt((x * x).sum())


def rounded(x, y):
    return round((x * y).sum().item(), 1)


def added(x, y):
    return (x * y).sum().item() + 1.0


def kept(x, y):
    value = (x * y).sum().item()
    LOG.append(value)
    return value


def compared(x, y):
    return max((x * y).sum().item(), 0.5)


def branched(x, y):
    value = (x * y).sum().item()
    if value > 0:
        return value
    return 0.0


def as_text(x, y):
    return f"{(x * y).sum().item()}"


def in_a_loop(x, y):
    return [(x * k).sum().item() for k in y]


def by_another(x, y):
    return given_back(x, y)


def by_another_and_used(x, y):
    return given_back(x, y) * 2.0


def as_a_key(x, y):
    return {(x * y).sum().item(): 1}


def seen_by_locals(x, y):
    value = (x * y).sum().item()
    return value, dict(locals())["value"] * 2


def as_a_truth(x, y):
    return ((x * y).sum() > 0).item()


def in_order(x, y):
    return sorted(map(float, (x.sum(), y.sum())))


def in_order_by_method(x, y):
    return sorted(map(torch.Tensor.item, (x.sum(), y.sum())))


def the_larger(x, y):
    return max(map(float, (x.sum(), 0.0)))


def unpacked(x, y):
    first, second = map(float, (x.sum(), y.sum()))
    return first, second, second > 0


def filtered(x, y):
    return list(filter((0.0).__lt__, map(float, (x.sum(), 1))))


def by_itself(x, y, again=True):
    if again:
        value = compiled_by_itself(x, y, False)
        return value, value > 0
    return x.sum().item()


compiled_by_itself = torch.compile(by_itself)
SEEN = [in_order, in_order_by_method, the_larger, unpacked, filtered, by_itself]


@pytest.mark.parametrize("function", SEEN)
def test_numbers_that_something_else_sees_first_are_never_of_another_run(function):
    compiled = compiled_by_itself if function is by_itself else torch.compile(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(CALLS):
            x, y = torch.randn(2, 5, generator=torch.Generator().manual_seed(seed)).abs() * (1 if seed < CALLS - 2 else -1)
            y = x + 1 if seed < CALLS - 2 else x - 1
            assert str(compiled(x, y)) == str(function(x, y))


class Nested(torch.nn.Module):
    """A module whose child is of the same class."""

    def __init__(self, child=None):
        super().__init__()
        self.child = child

    def forward(self, x):
        if self.child is None:
            return (x > 0).sum().item()
        count = self.child(x)
        return count, count > 2


def test_numbers_of_a_child_of_the_same_class_are_used():
    model = Nested(Nested())
    compiled = torch.compile(model.forward)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(CALLS):
            x = torch.ones(5) if seed >= CALLS - 2 else -torch.ones(5)
            assert compiled(x) == model(x)


USED = [root, root_of_a_tensor, rounded, added, kept, compared, branched, as_text, in_a_loop, by_another, by_another_and_used, as_a_key]


@pytest.mark.parametrize("function", [*USED, seen_by_locals, as_a_truth])
def test_numbers_that_are_used_are_never_of_another_run(function):
    compiled = torch.compile(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(CALLS):
            x, y = torch.randn(2, 5, generator=torch.Generator().manual_seed(seed))
            assert str(compiled(x, y)) == str(function(x, y))


def test_training_steps_that_return_their_loss_are_compiled():
    torch.manual_seed(0)
    model, usual = torch.nn.Linear(4, 3), torch.nn.Linear(4, 3)
    usual.load_state_dict(model.state_dict())
    optimizers = [torch.optim.Adam(m.parameters()) for m in (model, usual)]

    def step(model, optimizer, x, y):
        optimizer.zero_grad()
        out = model(x)
        loss = torch.nn.functional.cross_entropy(out, y)
        loss.backward()
        optimizer.step()
        return loss.item(), (out.argmax(1) == y).sum().item()

    fast = torch.compile(step)
    for seed in range(CALLS):
        torch.manual_seed(seed)
        x, y = torch.randn(8, 4), torch.randint(3, (8,))
        (loss, right), wanted = fast(model, optimizers[0], x, y), step(usual, optimizers[1], x, y)
        assert loss == pytest.approx(wanted[0], rel=1e-5) and right == wanted[1] and type(right) is int
    assert runs(fast) >= CALLS - 4


def test_numbers_are_fetched_under_verification_of_every_call(monkeypatch):
    from pedigrad.capture import agreement

    monkeypatch.setattr(agreement, "MODE", "always")
    compiled = torch.compile(several)
    for seed in range(CALLS):
        x, y = torch.randn(2, 5, generator=torch.Generator().manual_seed(seed))
        for one, other in zip(values(compiled(x, y)), values(several(x, y)), strict=True):
            assert torch.allclose(torch.as_tensor(one), torch.as_tensor(other), atol=1e-5)
