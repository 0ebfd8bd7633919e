"""Compiled functions among others: gradients through them, views, errors, threads, and the forms of `compile`."""

import gc
import os
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
from compile_checks import check, runs, same, tensor

import pedigrad as torch
from pedigrad import nn
from pedigrad.capture.specialization import MISS
from pedigrad.core import modes

pytestmark = pytest.mark.filterwarnings("ignore:pedigrad.compile")


# Gradients through a compiled function


def gradients(function, *given, order=1):
    """The gradients of a function's sum, differentiated `order` times."""
    inputs = [g.detach().clone().requires_grad_() for g in given]
    out = function(*inputs)
    for _ in range(order):
        outs = out if isinstance(out, (tuple, list)) else [out]
        grads = torch.autograd.grad(sum((o * o).sum() for o in outs), inputs, create_graph=True)
        out = list(grads)
    return [g.detach() for g in out]


@pytest.mark.parametrize("order", [1, 2])
def test_gradients(order):
    function = lambda x, y: (torch.sin(x) * y, (x * y).exp())  # noqa: E731
    compiled = torch.compile(function)
    for i in range(6):
        x, y = tensor(3, seed=i), tensor(3, seed=i + 50)
        for a, b in zip(gradients(function, x, y, order=order), gradients(compiled, x, y, order=order), strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-5)


def test_arguments_with_a_history():
    cell = nn.Linear(4, 4)
    compiled = torch.compile(lambda h, x: torch.tanh(cell(h) + x))
    for step in (lambda h, x: torch.tanh(cell(h) + x), compiled, compiled, compiled, compiled):
        cell.zero_grad(set_to_none=True)
        h, x = torch.zeros(2, 4), tensor(2, 4)
        for _ in range(4):
            h = step(h, x)
        h.sum().backward()
        if step is not compiled:
            wanted = cell.weight.grad.clone()
        np.testing.assert_allclose(cell.weight.grad.numpy(), wanted.numpy(), rtol=1e-4, atol=1e-6)
    assert runs(compiled) > 4


def test_arguments_that_depend_on_one_another():
    function = lambda a, b: a * b  # noqa: E731
    compiled = torch.compile(function)
    for _ in range(5):
        x = tensor(3, grad=True)
        y = x.exp()
        compiled(x, y).sum().backward()
        np.testing.assert_allclose(x.grad.numpy(), (y * (1 + x)).detach().numpy(), rtol=1e-5)


def test_history_from_outside():
    w, holder = tensor(3, grad=True), {}
    compiled = torch.compile(lambda: holder["h"] * 2)
    for _ in range(6):
        h = holder["h"] = (w * w).exp()
        w.grad = None
        compiled().sum().backward()
        np.testing.assert_allclose(w.grad.numpy(), (4 * w * h).detach().numpy(), rtol=1e-5)


def test_backward_into_an_argument():
    compiled = torch.compile(lambda loss: loss.backward())
    for _ in range(5):
        w = tensor(3, grad=True)
        compiled((w * w).sum())
        np.testing.assert_allclose(w.grad.numpy(), 2 * w.detach().numpy(), rtol=1e-6)


def test_modified_before_backward():
    w = tensor(3, grad=True)
    compiled = torch.compile(lambda x: (x * w * w).exp().sum())
    for _ in range(4):
        x = tensor(3)
        out = compiled(x)
        with torch.no_grad():
            w.add_(0.1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            out.backward()


def test_results_written_to_before_backward():
    w = tensor(3, grad=True)
    for function in (lambda x: x * w + 1, lambda x: torch.relu(x * w) * 3):
        compiled = torch.compile(function)
        for _ in range(5):
            grads = []
            for each in (function, compiled):
                w.grad = None
                out = each(tensor(3))
                out += 1
                (out * 2).sum().backward()
                grads.append(w.grad.numpy())
            np.testing.assert_allclose(*grads)


def test_derivatives_within():
    w = tensor(3, grad=True)

    def function(x):
        x = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad((x**3 * w).sum(), x, create_graph=True)
        return (slope * slope).sum()

    compiled = torch.compile(function)
    for i in range(5):
        grads = []
        for each in (function, compiled):
            w.grad = None
            each(tensor(3, seed=i)).backward()
            grads.append(w.grad.numpy())
        np.testing.assert_allclose(*grads, rtol=1e-4)
    assert runs(compiled)


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0]


def test_functions_of_the_users():
    w = tensor(3, grad=True)

    def step():
        w.grad = None
        loss = Doubled.apply(w * 3).sum()
        loss.backward()
        return loss, w.grad.clone()

    check(step)
    compiled = torch.compile(lambda: Doubled.apply(w * 3).sum())
    for _ in range(5):
        w.grad = None
        compiled().backward()
        np.testing.assert_allclose(w.grad.numpy(), 9 * w.detach().numpy(), rtol=1e-5)


def test_hooks_within():
    w, seen = tensor(3, grad=True), []

    def function():
        y = w * 2
        y.register_hook(lambda g: g * 5)
        y.register_hook(lambda g: seen.append(1))
        return y.sum()

    compiled = torch.compile(function)
    for i in range(6):
        w.grad = None
        compiled().backward()
        assert len(seen) == i + 1 and w.grad.tolist() == [10.0] * 3


# Views and writes


VIEWS = [lambda x: x, lambda x: x[0], lambda x: x.t(), lambda x: x.view(-1), lambda x: x.detach(), lambda x: x.data]


@pytest.mark.parametrize("view", VIEWS)
def test_views_as_results(view):
    w = tensor(2, 3)
    for function, given in ((view, w), (lambda _: view(w), tensor(1))):
        compiled = torch.compile(function)
        for _ in range(5):
            out = compiled(given)
            assert (out is w) == (view(w) is w)
            out.fill_(7.0)
            assert 7.0 in w.tolist()[0]
            w.copy_(tensor(2, 3))


def test_results_that_share_memory():
    def function(x):
        y = x * 2
        return y, y.view(-1), y

    compiled = torch.compile(function)
    for _ in range(5):
        a, b, c = compiled(tensor(2, 3))
        b.zero_()
        assert a is c and not a.any()


def test_writes_to_arguments():
    def function(x, y):
        x.add_(y)
        return x * 2

    compiled = torch.compile(function)
    for i in range(6):
        a, b = tensor(3, seed=i), tensor(3, seed=i)
        same(function(a, torch.ones(3)), compiled(b, torch.ones(3)))
        same(a, b)
        same(function(a, a), compiled(b, b))
        same(a, b)
        same(function(a[:1], a[1:2]), compiled(b[:1], b[1:2]))
        same(a, b)
        for each, x in ((function, a), (compiled, b)):
            with pytest.raises(RuntimeError, match="single memory location"):
                each(x[:2], x[1:])
        same(a, b)


def test_writes_to_what_is_an_argument_too():
    buffer = torch.zeros(3)

    def function(x):
        buffer.add_(1)
        return x + buffer

    compiled = torch.compile(function)
    for _ in range(5):
        same(compiled(tensor(3)) - tensor(3) - buffer + 1, torch.ones(3))
    buffer.zero_()
    for i in range(1, 6):
        same(compiled(buffer), torch.full((3,), 2.0 * i))


def test_an_argument_that_is_a_parameter():
    w = tensor(3)
    compiled = torch.compile(lambda x: x * w)
    for x in [w] * 4 + [tensor(3, seed=3)] * 4 + [w] * 2:
        same(compiled(x), x * w)


def test_parts_written_to():
    buffer = torch.zeros(4)

    def function(x):
        buffer[1:3] += x
        buffer[0] = 5.0
        return buffer.sum()

    compiled = torch.compile(function)
    for i in range(1, 7):
        assert compiled(torch.ones(2)).item() == 2 * i + 5


# Errors, nesting, threads


def test_errors_leave_everything_right():
    w = tensor(3, grad=True)
    fail, special = [True], modes.special

    def function(x):
        y = x * w
        if fail[0]:
            raise ValueError("mine")
        return y @ x

    compiled = torch.compile(function)
    for i in range(12):
        fail[0] = i % 4 == 0
        if fail[0]:
            with pytest.raises(ValueError, match="mine"):
                compiled(tensor(3))
        else:
            same(compiled(tensor(3)), function(tensor(3)))
        assert modes.settings.recorder is None and sys.getprofile() is None and modes.special == special
    with pytest.raises(RuntimeError):
        compiled(tensor(4))


def test_nested_and_recursive():
    inner = torch.compile(lambda x: x * 2)

    def power(x, n):
        return x if n == 0 else compiled(x, n - 1) * x

    compiled = torch.compile(power)
    x = tensor(3)
    outer = check(lambda: inner(x) + inner(x), calls=6)
    assert runs(outer)
    for _ in range(6):
        same(compiled(tensor(3), 3), tensor(3) ** 4)
        same(inner(tensor(3)), tensor(3) * 2)


def test_threads():
    compiled, wrong = torch.compile(lambda x: (x * 2 + 1).sum()), []
    zero = torch.compile(lambda: torch.ones(3) * 2)

    def work(seed):
        for i in range(150):
            x = torch.full((50,), float(seed * 1000 + i))
            if abs(compiled(x).item() - (x * 2 + 1).sum().item()) > 1 or zero().tolist() != [2.0] * 3:
                wrong.append((seed, i))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("size", [3, 30_000])
def test_a_run_that_another_thread_has_written_out_anew(size):
    weight = tensor(size)
    compiled = torch.compile(lambda: weight * 2)
    for _ in range(5):
        compiled()
    run, variant = compiled.compiled.shortcut, compiled.compiled.variants[0]
    again = variant.shortcut()  # what it compares is laid out anew; `run` must neither go on for ever nor use what is gone
    gc.collect()
    weight.data = tensor(size, seed=1)
    found = []
    thread = threading.Thread(target=lambda: found.extend([run(), again()]), daemon=True)
    thread.start()
    thread.join(20)
    assert len(found) == 2
    assert all(isinstance(each, torch.Tensor) or each is MISS for each in found)
    same(weight * 2, compiled())


def test_modes_of_another_thread():
    w = tensor(3, grad=True)
    compiled = torch.compile(lambda: w * 2)
    for _ in range(4):
        compiled()
    found = []

    def work():
        with torch.no_grad():
            found.append(compiled().requires_grad)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False] and compiled().requires_grad


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_fork():
    code = """
import os, warnings, pedigrad as torch
warnings.simplefilter("ignore")
f = torch.compile(lambda x: (x @ x).sum())
x = torch.ones(200, 200)
for _ in range(4): f(x)
child = os.fork()
if child == 0:
    os._exit(0 if f(x).item() == 200.0 ** 3 else 1)
assert os.waitpid(child, 0)[1] == 0 and f(x).item() == 200.0 ** 3
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


BUSY = """
import os, threading, pedigrad as torch
f = torch.compile(lambda x: (torch.sin(x) * x).sum())
g = torch.compile(lambda x: (x * 2).sum())
x, end = torch.ones(600, 1000), threading.Event()
for _ in range(4): f(x).item(), g(x.requires_grad_()).backward()
def busy():
    while not end.is_set():
        f(x.detach()), g(x).backward(), torch.exp(x)
thread = threading.Thread(target=busy)
thread.start()
children = []
for i in range(20):
    end.wait(0.001 * (i % 5))
    child = os.fork()
    if child == 0:
        expected = torch.sin(torch.tensor(1.0)).item() * 600_000
        right = abs(f(x.detach()).item() / expected - 1) < 1e-5 and g(x).item() == 1_200_000 and torch.rand(3).shape == (3,)
        g(x).backward()
        os._exit(not right)
    children.append(os.waitpid(child, 0)[1])
end.set()
thread.join()
print(sum(children))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_forks_while_another_thread_runs_compiled_functions():
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", BUSY], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "0", done.stderr


# How it is asked for


def test_forms():
    @torch.compile
    def one(x):
        """Its text."""
        return x + 1

    @torch.compile(mode="max-autotune", dynamic=False, backend="inductor", options={})
    def two(x):
        return x + 1

    assert one.__name__ == "one" and one.__doc__ == "Its text."
    plain = lambda x: x  # noqa: E731
    assert torch.compile(plain, disable=True) is plain
    for each in (one, two):
        for _ in range(4):
            same(each(tensor(3)), tensor(3) + 1)
        assert runs(each)
    with pytest.raises(RuntimeError):
        torch.compile(3)


def test_fullgraph():
    compiled = torch.compile(lambda x: x * x.sum().item(), fullgraph=True)
    with pytest.raises(RuntimeError, match="item"):
        for _ in range(6):
            compiled(tensor(3))


def test_one_warning_that_names_the_line():
    def function(x):
        return x * x.sum().item()

    compiled = torch.compile(function)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for n in range(1, 9):
            for _ in range(4):
                compiled(tensor(n))
    assert len(seen) == 1 and "x.sum().item()" in str(seen[0].message) and seen[0].filename == __file__


# Classes and modes that take operations over


class SumsTwice(torch.Tensor):
    """Its sums are twice what they are."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        result = super().__torch_function__(func, types, args, kwargs)
        return result * 2 if func in (torch.sum, torch.Tensor.sum) else result


class Counts(torch.overrides.TorchFunctionMode):
    """Counts the calls of the library."""

    calls = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        Counts.calls += 1
        return func(*args, **(kwargs or {}))


def test_functions_are_compiled_beside_tensors_of_classes_that_take_operations_over():
    kept = tensor(3).as_subclass(SumsTwice)
    compiled = torch.compile(lambda x: (x * 2).sum())
    for _ in range(6):
        x = tensor(3)
        same(compiled(x), (x * 2).sum())
    assert runs(compiled)
    for _ in range(6):
        same(compiled(kept).as_subclass(torch.Tensor), (tensor_of(kept) * 2).sum() * 2)


def test_what_a_class_takes_over_is_left_to_it():
    kept = tensor(3).as_subclass(SumsTwice)
    compiled = torch.compile(lambda x: x * (kept * 1).sum().as_subclass(torch.Tensor))
    for _ in range(6):
        x = tensor(3)
        same(compiled(x), x * tensor_of(kept).sum() * 2)
    assert not runs(compiled)


@pytest.mark.parametrize("args", [(), (3.0,)], ids=["without arguments", "with arguments"])
def test_a_mode_sees_the_calls_within_a_compiled_function(args):
    w = tensor(3)
    compiled = torch.compile(lambda *given: (w * 2).sum() + sum(given))
    for _ in range(6):
        compiled(*args)
    assert runs(compiled)
    before = Counts.calls
    with Counts():
        compiled(*args)
    assert Counts.calls > before
    with pytest.raises(ValueError, match="mine"), Counts():
        raise ValueError("mine")
    ran = runs(compiled)
    compiled(*args)
    assert runs(compiled) > ran


def tensor_of(x):
    return x.as_subclass(torch.Tensor)


def test_what_is_compiled_with_an_argument_is_not_run_without():
    def scaled(x, by=None):
        return x * 2 if by is None else x * by

    step, x = torch.compile(scaled), torch.ones(3)
    for _ in range(4):
        step(x)
    with pytest.raises(TypeError):
        step()
    assert step(x, by=3.0).tolist() == [3.0] * 3


def test_objects_that_are_given_again_are_looked_at_under_the_modes_of_the_call():
    class Holder:
        factor = 2.0

    w, holder = torch.ones(3, requires_grad=True), Holder()
    step = torch.compile(lambda holder: w * holder.factor)
    for _ in range(5):
        assert step(holder).requires_grad
    assert step.compiled.same is not None
    with torch.no_grad():
        assert not step(holder).requires_grad
    holder.factor = 3.0
    assert step(holder).tolist() == [3.0] * 3


SHAPED_BY_VALUES = {
    "unique": lambda x: x.unique(),
    "unique of rows": lambda x: x.unique(dim=0),
    "runs": lambda x: torch.unique_consecutive(x),
    "runs of rows": lambda x: torch.unique_consecutive(x, dim=0),
    "nonzero": lambda x: (x > 1).nonzero(),
    "where": lambda x: torch.where(x > 1)[0],
    "masked_select": lambda x: x.masked_select(x > 1),
    "an index of booleans": lambda x: x[x > 1],
    "bincount": lambda x: x.reshape(-1).long().bincount(),
    "repeat_interleave": lambda x: torch.repeat_interleave(x.reshape(-1), x.reshape(-1).long()),
}


@pytest.mark.filterwarnings("ignore:pedigrad.compile")
@pytest.mark.parametrize("name", SHAPED_BY_VALUES)
def test_shapes_that_elements_decide_are_those_of_each_call(name):
    def function(x):
        return SHAPED_BY_VALUES[name](x * 2 / 2)

    compiled = torch.compile(function)
    one, other = torch.tensor([[1.0, 1.0], [2.0, 3.0]]), torch.ones(2, 2)
    for x in (one, one, one, one, other, one):
        assert torch.equal(compiled(x), function(x))
