"""A compiled function is never stale: whatever is changed between two calls, it gives what the function gives."""

import functools
import itertools
import random
import types
import warnings
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
from compile_checks import a_model, check, runs, same, tensor

import pedigrad as torch
from pedigrad import nn

pytestmark = pytest.mark.filterwarnings("ignore:pedigrad.compile")
FACTOR = 2.0
Pair = namedtuple("Pair", "first second")


# Parameters and modules


def swap_data(m):
    m[0].weight.data = tensor(4, 3, seed=5)


def grow(m):
    m[2] = nn.Linear(4, 5)


CHANGES = {
    "in place": lambda m: m[0].weight.data.mul_(2),
    "copy_": lambda m: torch.no_grad()(m[0].weight.copy_)(tensor(4, 3, seed=6)),
    "data": swap_data,
    "parameter": lambda m: setattr(m[0], "weight", nn.Parameter(tensor(4, 3, seed=7))),
    "load_state_dict": lambda m: m.load_state_dict({k: v * 3 for k, v in a_model().state_dict().items()}),
    "module": lambda m: m.__setitem__(1, nn.Tanh()),
    "layer": grow,
    "frozen": lambda m: m.requires_grad_(False),
    "one frozen": lambda m: m[0].weight.requires_grad_(False),
    "forward": lambda m: setattr(m[1], "forward", lambda x: x * 7),
    "hook": lambda m: m[1].register_forward_hook(lambda mod, given, out: out + 1),
    "no bias": lambda m: m[0].register_parameter("bias", None),
    "numpy": lambda m: m[0].weight.detach().numpy().fill(0.5),
    "transposed": lambda m: setattr(m[0].weight, "data", tensor(3, 4).t()),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("backward", [False, True])
def test_changed_models(name, backward):
    model, x = a_model(), tensor(5, 3)

    def function():
        out = model(x)
        if backward and out.requires_grad:
            model.zero_grad(set_to_none=True)
            out.sum().backward()
            return out.detach() * 1, [p.grad.clone() for p in model.parameters() if p.grad is not None]
        return out

    check(function, functools.partial(CHANGES[name], model))


def test_changed_dtype():
    model = a_model()
    check(lambda x: model(x.to(model[0].weight.dtype)), model.double, model.float, args=(tensor(5, 3),))


def test_train_and_eval():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    compiled = check(model, model.eval, args=(tensor(5, 3),), calls=1)
    for _ in range(5):
        compiled(tensor(5, 3))
    same(model(tensor(5, 3)), compiled(tensor(5, 3)))


def test_global_hooks():
    model, handles = a_model(), []
    hook = lambda m, given, out: out * 2  # noqa: E731
    check(model, lambda: handles.append(nn.modules_hook(hook) if hasattr(nn, "modules_hook") else _global(hook)), args=(tensor(5, 3),))
    handles[0].remove()


def _global(hook):
    from pedigrad.nn import hooks

    return hooks.add_hook(hooks.global_forward_hooks, hook)


def test_gradients_taken_away():
    w = tensor(3, grad=True)

    def function():
        (w * w).sum().backward()
        return w.grad.clone()

    compiled = torch.compile(function)
    for i in range(16):
        before = None if w.grad is None else w.grad.numpy().copy()
        if i % 5 == 4:
            w.grad = before = None
        if i % 7 == 6:
            w.grad = torch.ones(3)
            before = np.ones(3, np.float32)
        got = compiled()
        np.testing.assert_allclose(got.numpy(), 2 * w.detach().numpy() + (0 if before is None else before), rtol=1e-5)


def test_hook_on_a_parameter():
    w = tensor(3, grad=True)

    def function():
        w.grad = None
        (w * w).sum().backward()
        return w.grad.clone()

    check(function, lambda: w.register_hook(lambda g: g * 3))


# What Python finds


def make_global(value):
    def change():
        global FACTOR
        FACTOR = value

    return change


def test_global_numbers():
    x = tensor(3)
    compiled = check(lambda: x * FACTOR, make_global(3.0), make_global(-0.0), make_global(0.0), make_global(2), make_global(2.0))
    assert runs(compiled) > 4


def test_global_function():
    def change():
        global helper
        helper = lambda x: x - 1  # noqa: E731

    x = tensor(3)
    check(lambda: helper(x), change)


def helper(x):
    return x + 1


def test_shadowed_builtin():
    namespace = {"torch": torch}
    exec("def function(x): return x * max(1.0, 2.0)", namespace)
    check(namespace["function"], lambda: namespace.update(max=min), args=(tensor(3),))


def test_closures():
    scale = 2.0

    def change():
        nonlocal scale
        scale = 5.0

    x = tensor(3)
    check(lambda: x * scale, change)


class Thing:
    size = 1.0

    def __init__(self):
        self.scale = 2.0
        self.parts = [1.0, {"a": (3.0, [4.0])}]

    def method(self, x):
        return x * self.scale * self.size + self.parts[0] + self.parts[1]["a"][1][0]

    @property
    def half(self):
        return self.scale / 2


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


def test_objects():
    thing, x = Thing(), tensor(3)
    check(
        lambda: thing.method(x) * thing.half,
        lambda: setattr(thing, "scale", 3.0),
        lambda: thing.parts.__setitem__(0, 7.0),
        lambda: thing.parts[1]["a"][1].append(5.0),
        lambda: thing.parts[1]["a"][1].insert(0, 9.0),
        lambda: thing.parts[1].update(a=(1.0, [2.0])),
        lambda: setattr(Thing, "size", 6.0),
        lambda: setattr(Thing, "method", lambda self, x: x - 1),
        lambda: setattr(thing, "method", lambda x: x - 2),
        lambda: thing.__dict__.clear() or thing.__dict__.update(scale=1.0, parts=[]),
    )


@pytest.mark.parametrize("make", [Slotted, lambda v: types.SimpleNamespace(value=v)])
def test_other_objects(make):
    thing, x = make(2.0), tensor(3)
    check(lambda: x * thing.value, lambda: setattr(thing, "value", 4.0))


def test_sets_and_default_arguments():
    names, x = {"a"}, tensor(3)

    def function(scale=2.0):
        return x * scale * (3.0 if "b" in names else 1.0)

    check(function, lambda: names.add("b"), lambda: names.remove("a"), lambda: setattr(function, "__defaults__", (5.0,)))


def test_code_replaced():
    def function(x):
        return x + 1

    def other(x):
        return x + 2

    check(lambda x: function(x), lambda: setattr(function, "__code__", other.__code__), args=(tensor(3),))


@pytest.mark.parametrize("size", [1, 5, 600, 40_000])
def test_numpy_arrays_looked_at(size):
    numbers, x = np.ones(size), tensor(3)
    check(lambda: x * float(numbers[size // 2]), lambda: numbers.fill(2.0), lambda: numbers.__setitem__(size // 2, 3.0))


def test_numpy_arrays_as_inputs():
    numbers = np.arange(6, dtype=np.float32)

    def refill(i):
        numbers[:] = np.arange(6) * i

    compiled = check(lambda: torch.from_numpy(numbers) * 2, *(functools.partial(refill, i) for i in range(3, 9)), calls=2)
    assert runs(compiled) > 4
    reshaped = np.arange(6, dtype=np.float32)
    check(lambda: torch.from_numpy(reshaped).sum(0), lambda: setattr(reshaped, "shape", (2, 3)))


def test_data_made_inside():
    values, x = [1.0, 2.0, 3.0], tensor(3)
    check(lambda: x + torch.tensor(values), lambda: values.__setitem__(1, 5.0))


def test_iterators_and_chance_are_not_frozen():
    x, numbers = tensor(3), itertools.cycle([1.0, 1.0, 1.0, 2.0])
    compiled = torch.compile(lambda: x * next(numbers))
    got = [round(float((compiled() / x)[0]), 3) for _ in range(8)]
    assert got == [1.0, 1.0, 1.0, 2.0] * 2
    for draw in (lambda: np.random.rand() < 0.5, lambda: random.random() < 0.5, lambda: random.randint(0, 1), RNG.random):
        compiled = torch.compile(lambda draw=draw: x * float(draw()))
        assert len({round(float((compiled() / x)[0]), 5) for _ in range(40)}) > 1


RNG = np.random.default_rng(0)


@pytest.mark.parametrize("draw", [
    lambda x: torch.rand(3), lambda x: torch.randn(3), lambda x: torch.randint(0, 2, (1,)) + 0 * x, lambda x: torch.randperm(2)[:1] + 0 * x,
    lambda x: nn.functional.dropout(x, 0.5), lambda x: torch.bernoulli(torch.full((3,), 0.5)), lambda x: torch.rand_like(x),
    lambda x: x.clone().normal_(), lambda x: torch.empty(2).exponential_(), lambda x: torch.multinomial(x.abs() + 1, 1),
])  # fmt: skip
def test_random_numbers_are_fresh(draw):
    x = tensor(3)
    compiled = torch.compile(draw)
    assert len({tuple(compiled(x).tolist()) for _ in range(40)}) > 1


def test_counters():
    count, x = [0], tensor(3)

    def function():
        count[0] += 1
        return x * count[0]

    compiled = torch.compile(function)
    for i in range(1, 9):
        same(compiled(), x * i)


def test_appending_to_a_list():
    found, x = [], tensor(3)

    def function(into):
        into.append(x * 2)
        return x

    compiled = torch.compile(function)
    for i in range(6):
        compiled(found)
        fresh = []
        compiled(fresh)
        assert len(found) == i + 1 and len(fresh) == 1


@pytest.mark.parametrize("look", [
    lambda t: t.item(), float, lambda t: t.tolist(), lambda t: t.detach().numpy().sum(), str, repr, lambda t: f"{t:.3f}", int,
    lambda t: t.numpy() + 0, lambda t: float(np.asarray(t)),
])  # fmt: skip
def test_elements_in_python(look):
    def function(x):
        value = look(x.sum())
        return (x * value if isinstance(value, (int, float)) else x), value if isinstance(value, (int, float, str)) else 0

    compiled = torch.compile(function)
    for i in range(8):
        x = tensor(3, seed=i)
        same(function(x), compiled(x))


TESTS = [lambda t: t.sum() > 0, lambda t: (t > 0).all(), lambda t: t[0] > 0, lambda t: (t > 0)[1], lambda t: not t[0].gt(0)]


@pytest.mark.parametrize("test", TESTS)
def test_branches(test):
    def function(x):
        return x * 2 if test(x) else x - 1

    compiled = torch.compile(function)
    for i in range(24):
        x = tensor(3, seed=i)
        same(function(x), compiled(x))
    assert runs(compiled) > 4


def test_flags_given_as_tensors():
    compiled = torch.compile(lambda x, flag: x + 1 if flag else x - 1)
    x = tensor(3)
    for i in range(12):
        flag = torch.tensor(i % 3 == 0)
        same(compiled(x, flag), x + 1 if i % 3 == 0 else x - 1)


def test_printing(capsys):
    compiled = torch.compile(lambda x: (print("called"), x * 2)[1])
    for _ in range(5):
        compiled(tensor(3))
    assert capsys.readouterr().out.count("called") == 5


# Modes


def test_modes_around():
    w, x = tensor(3, grad=True), tensor(3)
    function = lambda: w * x  # noqa: E731
    compiled = check(function)
    with torch.no_grad():
        check(function)
        assert not compiled().requires_grad
    with torch.inference_mode():
        assert not compiled().requires_grad
    assert compiled().requires_grad


def test_default_dtype():
    function = lambda: torch.ones(3) * torch.tensor(0.5)  # noqa: E731
    check(function, lambda: torch.set_default_dtype(torch.float64), lambda: torch.set_default_dtype(torch.float32))


def test_number_of_threads():
    before = torch.get_num_threads()
    try:
        check(lambda x: x @ x, lambda: torch.set_num_threads(1), lambda: torch.set_num_threads(2), args=(tensor(20, 20),))
    finally:
        torch.set_num_threads(before)


# Arguments


ARGUMENTS = {
    "shapes": [tensor(3), tensor(4), tensor(2, 3), tensor(), tensor(0), tensor(1)],
    "dtypes": [tensor(3), tensor(3).double(), torch.arange(3), torch.tensor([True, False])],
    "strides": [tensor(3, 4), tensor(4, 3).t(), tensor(6, 4)[::2], tensor(1, 4).expand(3, 4), tensor(3, 8)[:, 1::2]],
    "gradients": [tensor(3), tensor(3, grad=True), tensor(3, grad=True) * 2],
    "numbers": [2.0, 2, True, 0.0, -0.0, float("nan"), float("inf"), 1 + 0j],
}


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_arguments(kind):
    def function(x, y=1.0, *, scale=2):
        return (x * scale + y) if not isinstance(x, torch.Tensor) or kind != "gradients" else (x * x).sum() * scale

    compiled = torch.compile(function)
    for _ in range(4):
        for x in ARGUMENTS[kind]:
            given = torch.ones(3) * x if kind == "numbers" and not isinstance(x, complex) else x
            same(function(given), compiled(given))
            same(function(given, scale=3), compiled(given, scale=3))
            same(function(given, y=5), compiled(given, y=5))


def test_nested_arguments_and_results():
    def function(pair, table, *rest):
        first, second = pair
        return {"sum": first + second, "pair": Pair(first * 2, [second]), "none": None, "n": 3, "rest": tuple(r + table["a"] for r in rest)}

    compiled = torch.compile(function)
    for i in range(6):
        a, b = tensor(3, seed=i), tensor(3, seed=i + 9)
        for pair in ((a, b), [a, b], Pair(a, b), (a, a)):
            same(function(pair, {"a": b}, a, b), compiled(pair, {"a": b}, a, b))
    check(lambda: OrderedDict(a=tensor(2) * 2, b=(tensor(1),)))


def test_objects_as_arguments():
    compiled = torch.compile(lambda thing, x: thing.method(x))
    x = tensor(3)
    for i in range(12):
        thing = Thing() if i % 4 == 0 else thing  # noqa: F821
        thing.scale = float(i // 2)
        same(thing.method(x), compiled(thing, x))


def test_many_kinds_of_arguments_are_bounded():
    compiled = torch.compile(lambda x, n: x * n)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for i in range(200):
            same(compiled(tensor(2), i), tensor(2) * i)
    inside = compiled.compiled
    assert len(inside.variants) <= 8 and len(inside.pending) <= 8 and len(seen) == 1


def test_least_recently_used_goes():
    from pedigrad.capture.function import VARIANTS

    compiled = torch.compile(lambda x: x * 2)
    for n in range(1, VARIANTS + 3):
        for _ in range(3):
            compiled(tensor(n))
            compiled(tensor(1))
    shapes = [v.key[0][1][1][1][0] for v in compiled.compiled.variants]
    assert len(shapes) == VARIANTS and (1,) in shapes and (2,) not in shapes


def test_calls_that_are_recorded_now_and_then_are_not_added_up(monkeypatch):
    from pedigrad.capture import function

    monkeypatch.setattr(function, "WASTED", 4)
    p = nn.Parameter(tensor(3))
    optimizer = torch.optim.SGD([p], lr=0.1, momentum=0.9)

    @torch.compile
    def step():
        (p * p).sum().backward()
        optimizer.step()

    for _ in range(12):
        for _ in range(6):
            step()
        optimizer.zero_grad(set_to_none=True)
    inside = step.compiled
    assert inside.given_up is None and inside.runs > 40
