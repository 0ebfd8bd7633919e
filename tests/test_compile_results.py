"""What compiled functions give: gradients of their results, hooks, layouts, and what they refuse to take for constant.

The inputs are the same in the first calls, which are recorded, and others later: what was taken for constant would show.
"""

import functools

import numpy as np
import pytest
from compile_checks import runs, tensor

pytest.importorskip("llvmlite")

import pedigrad as torch
from pedigrad import nn
from pedigrad.nn import functional as F

CALLS = 8
pytestmark = pytest.mark.filterwarnings("ignore:pedigrad.compile")


values, leaf = tensor, functools.partial(tensor, grad=True)


def seeds():
    """The same in the first calls, then others."""
    return [0, 0, 0, *range(1, CALLS - 2)]


def equal(one, other):
    np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-5, atol=1e-6)


# Gradients


@pytest.mark.parametrize("scale", [lambda loss: -loss, lambda loss: loss * 0.5, lambda loss: loss**2, lambda loss: loss / 3])
def test_backward_from_what_is_computed_of_a_scalar_result(scale):
    w, x = leaf(3), values(4, 3)
    function = torch.compile(lambda x: (x @ w).sin().mean())
    for _ in range(CALLS):
        w.grad = None
        scale(function(x)).backward()
        (expected,) = torch.autograd.grad(scale((x @ w).sin().mean()), w)
        equal(w.grad, expected)
    assert runs(function)


@pytest.mark.parametrize("hooked", ["leaf", "argument"])
def test_hooks_run_once(hooked):
    w, calls = leaf(3), []
    function = torch.compile(lambda x: w * x)
    if hooked == "leaf":
        w.register_hook(lambda g: (calls.append(1), g * 3)[1])
    for _ in range(CALLS):
        x = leaf(3, seed=1)
        if hooked == "argument":
            x.register_hook(lambda g: (calls.append(1), g * 3)[1])
        w.grad = None
        calls.clear()
        function(x).sum().backward()
        equal(w.grad, x.detach() * (3 if hooked == "leaf" else 1))
        equal(x.grad, w.detach() * (3 if hooked == "argument" else 1))
        assert len(calls) == 1
    assert runs(function)


def test_results_that_are_not_used_have_no_say():
    w = torch.zeros(3, requires_grad=True)
    function = torch.compile(lambda: (w * 2, w.sqrt()))  # the gradient of the second one is infinite
    for _ in range(CALLS):
        w.grad = None
        first, _ = function()
        first.sum().backward()
        equal(w.grad, np.full(3, 2.0))
    assert runs(function)


def test_leaves_that_a_result_does_not_reach_get_no_gradient():
    a, b = leaf(3), leaf(3, seed=1)
    function = torch.compile(lambda: (a * 1, b * b, a * b))
    for used in range(CALLS):
        a.grad = b.grad = None
        results = function()
        results[used % 3].sum().backward()
        assert (a.grad is None) == (used % 3 == 1) and (b.grad is None) == (used % 3 == 0)
        with pytest.raises(RuntimeError):
            torch.autograd.grad(results[0], b)
    assert runs(function)


def test_backward_from_each_result_and_from_several():
    w = leaf(3)
    function = torch.compile(lambda: ((w * w).sin(), (w * 3).cos(), w.exp()))
    for _ in range(CALLS):
        w.grad = None
        a, b, c = function()
        a.sum().backward()
        (b.sum() * 2 + c.sum()).backward()
        v = w.detach()
        equal(w.grad, (v * v).cos() * 2 * v - 6 * (v * 3).sin() + v.exp())
        w.grad = None
        a, b, c = function()
        (a + b + c).sum().backward()
        equal(w.grad, (v * v).cos() * 2 * v - 3 * (v * 3).sin() + v.exp())
    assert runs(function)


def test_gradients_that_are_looked_at():
    p = leaf(3)
    optimizer = torch.optim.Adam([p], lr=0.1)
    step = torch.compile(optimizer.step)
    other = p.detach().clone().requires_grad_()
    reference = torch.optim.Adam([other], lr=0.1)
    for i in range(12):
        p.grad = None if i % 4 == 3 else values(3, seed=i)
        other.grad = None if p.grad is None else p.grad.clone()
        step()
        reference.step()
        equal(p.detach(), other.detach())


@pytest.mark.parametrize("look", [lambda p: p.grad * 2, lambda p: p * 2 if p.grad is None else p * 3])
def test_gradients_of_arguments(look):
    function, p = torch.compile(lambda p: look(p).detach()), leaf(3)
    for i in range(CALLS):
        p.grad = torch.ones(3) * (1.0 if i < 5 else 5.0)
        equal(function(p), look(p).detach())
    p.grad = torch.zeros(3)
    equal(function(p), look(p).detach())


def test_an_argument_that_becomes_a_gradient():
    p = leaf(3)

    def assigns(x):
        p.grad = x
        return x + 1

    function = torch.compile(assigns)
    for seed in seeds():
        x = values(3, seed=seed)
        function(x)
        x.add_(1)
        equal(p.grad, x)


# What is no constant


@pytest.mark.filterwarnings("ignore:To copy a tensor")
@pytest.mark.parametrize("name", ["bfloat16", "complex", "copy", "list", "attention", "one_hot", "counts", "resized"])
def test_what_hangs_on_inputs_is_not_taken_for_constant(name):
    attention = nn.MultiheadAttention(4, 2, batch_first=True)
    rows = values(1, 3, 4)
    function = {
        "bfloat16": lambda x: (x.bfloat16() * 2).float(),
        "complex": lambda x: torch.complex(x, x * 2).imag,
        "copy": lambda x: torch.tensor(x) * 2,
        "list": lambda x: torch.tensor([x[0], x[1]]) * 2,
        "attention": lambda x: attention(rows, rows, rows, key_padding_mask=x[:3][None] > 5)[0].detach(),
        "one_hot": lambda x: F.one_hot((x * 2).long().abs()).float(),
        "counts": lambda x: torch.repeat_interleave(torch.arange(len(x)), (x * 2).long().abs()),
        "resized": lambda x: x.clone().reshape(2, -1) * 2,
    }[name]
    compiled = torch.compile(function)
    for seed in seeds():
        x = values(6, seed=seed)
        equal(compiled(x), function(x))


def test_an_argument_that_is_found_around_the_function_too():
    module = nn.Linear(3, 3)
    function = torch.compile(lambda x: x * 2 if x is module.weight else x * 3)
    other = module.weight.detach().clone().requires_grad_()
    for i in range(CALLS):
        x = other if i < 4 else module.weight
        equal(function(x).detach(), (x * (3 if i < 4 else 2)).detach())


@pytest.mark.parametrize("look", [lambda x: x.storage_offset(), lambda x: x._version, lambda x: x._is_view(), lambda x: x.data_ptr() % 64])
def test_what_no_key_tells_of_arguments(look):
    function = torch.compile(lambda x: x * (1 + look(x)))
    for i in range(CALLS):
        whole = values(6, seed=i)
        x = whole[3:] if i > 4 else whole.clone()[:3].clone()
        for _ in range(max(i - 4, 0)):
            x.add_(1)
        equal(function(x), x * (1 + look(x)))


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
def test_memory_that_cannot_be_written_to():
    function = torch.compile(lambda x: x.add_(1))
    for _ in range(3):
        function(torch.zeros(50))
    fixed = np.zeros(50, np.float32)
    fixed.flags.writeable = False
    with pytest.raises(RuntimeError, match="read-only"):
        function(torch.from_numpy(fixed))
    assert not fixed.any()


def test_a_captured_array_that_is_made_read_only():
    array = np.zeros(50, np.float32)
    target = torch.from_numpy(array)
    function = torch.compile(lambda: target.add_(1))
    for _ in range(4):
        function()
    array.flags.writeable = False
    with pytest.raises(RuntimeError, match="read-only"):
        function()
    assert (array == 4).all()


def test_tensors_on_one_buffer():
    def both(a, b):
        a.add_(1)
        return a + b

    function = torch.compile(both)
    for i in range(CALLS):
        buffer, apart = bytearray(12), bytearray(12)
        a = torch.frombuffer(buffer, dtype=torch.float32)
        b = torch.frombuffer(buffer if i > 3 else apart, dtype=torch.float32)
        equal(function(a, b), np.full(3, 2.0 if i > 3 else 1.0))


def shared_gradients(end):
    """A step after which two parameters have one tensor as their gradient, scaled once for each; and those two."""
    w, u = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))

    def step(x):
        w.grad, u.grad = torch.autograd.grad(((w + u) * x).sum(), [w, u])
        nn.utils.clip_grad_norm_([w, u], 0.5)
        return end(w, u)

    return step, w, u


@pytest.mark.parametrize("end", [lambda w, u: None, lambda w, u: w.grad, lambda w, u: (w.grad * 2, u.grad)])
def test_gradients_that_are_one_tensor_stay_so(end):
    step, w, u = shared_gradients(end)
    usual, v, _ = shared_gradients(end)
    function = torch.compile(step)
    for seed in seeds():
        result, right = function(values(3, seed=seed)), usual(values(3, seed=seed))
        assert w.grad is u.grad
        equal(w.grad, v.grad)
        if isinstance(result, torch.Tensor):
            assert result is w.grad
        elif result is not None:
            assert result[1] is w.grad
            equal(result[0], right[0])
    assert runs(function)


@pytest.mark.parametrize("view", [lambda g: g[:], lambda g: g[:1].expand(3)])
@pytest.mark.parametrize("returned", [False, True])
def test_gradients_in_memory_of_others_are_not_compiled(view, returned):
    w, u = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))

    @torch.compile
    def function(x):
        w.grad = x * 2
        if returned:
            return view(w.grad)
        u.grad = view(w.grad)
        return None

    for seed in seeds():
        result = function(values(3, seed=seed))
        assert w.grad.data_ptr() == (result if returned else u.grad).data_ptr()
    assert not runs(function)


@pytest.mark.parametrize("make", [lambda y: y.prod(0), lambda y: (y.prod(0), y.sum(0)), lambda y: torch.stack([y.prod(1), y.sum(1)])])
def test_a_backward_pass_that_branches_on_numbers(make):
    function = torch.compile(make)
    for i in range(CALLS):
        y = (torch.arange(6.0).reshape(2, 3) / 7 + (i not in (0, 4, 6))).requires_grad_()
        grads = []
        for each in (function, make):
            result = each(y)
            (gradient,) = torch.autograd.grad(sum(r.sum() for r in result) if isinstance(result, tuple) else result.sum(), y)
            grads.append(gradient)
        equal(*grads)
    assert runs(function)


def test_a_backward_pass_that_branches_on_numbers_and_cannot_be_done_again():
    n = torch.zeros(())

    @torch.compile
    def function(y):
        n.add_(1.0)
        return y.prod(0)

    for i in range(CALLS):
        y = (torch.arange(6.0).reshape(2, 3) / 7 + (i not in (0, 4, 6))).requires_grad_()
        function(y).sum().backward()
        (expected,) = torch.autograd.grad(y.prod(0).sum(), y)
        equal(y.grad, expected)
        assert n.item() == i + 1


def test_second_derivatives_of_what_draws_random_numbers_are_refused():
    function = torch.compile(lambda x: F.dropout(x, 0.5) ** 3)
    for _ in range(CALLS):
        x = leaf(40)
        result = function(x)
        if runs(function):
            with pytest.raises(RuntimeError, match="draws random numbers"):
                torch.autograd.grad(result.sum(), x, create_graph=True)
    assert runs(function)


# Layouts, calls of NumPy


def test_writes_on_the_same_memory_of_one_element():
    def function(x):
        h = x * 2
        shown, _ = torch.broadcast_tensors(h[:], h)
        shown += 1
        shown.copy_(h)
        return h * 3

    compiled = torch.compile(function)
    for seed in seeds():
        equal(compiled(values(1, seed=seed)), function(values(1, seed=seed)))


@pytest.mark.parametrize("index", [lambda w: (..., 0), lambda w: w > 0])
def test_windows_that_overlap_are_written_to_as_usual(index):
    def function(x):
        windows = x.unfold(0, 3, 1)[:, :2]
        windows[index(windows)] = 0.25
        return windows * 1

    compiled = torch.compile(function)
    for seed in seeds():
        x, y = values(5, seed=seed), values(5, seed=seed)
        equal(compiled(x), function(y))
        equal(x, y)
    assert not runs(compiled)


@pytest.mark.parametrize("equation", ["ij,jk->ki", "ij,jk->jki", "ij,kj->ikj", "ij,ij->ji", "ij,k->kij"])
def test_products_lie_in_rows_in_recorded_calls_too(equation):
    def product(x, y):
        return torch.einsum(equation, x, y)

    function = torch.compile(product)
    y = {"jk": values(4, 5), "kj": values(5, 4), "ij": values(3, 4), "k": values(5)}[equation[3 : equation.index("-")]]
    for x in (values(3, 4), values(4, 3).t()):
        for _ in range(4):
            assert function(x, y).stride() == product(x, y).stride()
            assert product(x, y).is_contiguous()
    assert runs(function)


def test_ravel_copies_what_does_not_lie_in_rows():
    def function(x):
        flat = x.ravel()
        flat.mul_(2.0)
        return flat

    compiled = torch.compile(function)
    for seed in seeds():
        x = values(5, 3, seed=seed)[1:, 1:2]
        before = x.clone()
        flat = compiled(x)
        assert flat.stride() == (1,)
        equal(flat, before.ravel() * 2)
        equal(x, before)
    assert runs(compiled)


def test_view_is_refused_in_recorded_calls_too():
    function = torch.compile(lambda x: x.view(-1))
    for _ in range(CALLS):
        with pytest.raises(RuntimeError, match="view size is not compatible"):
            function(values(2, 3).t())


@pytest.mark.parametrize("turned", [lambda x: x.mT, lambda x: x.permute(2, 0, 1), lambda x: x])
def test_results_lie_as_they_do_without_compile(turned):
    x = values(3, 4, 5)
    function = torch.compile(lambda x: (x * 2, x.sum(0)))
    for _ in range(CALLS):
        for one, other in zip(function(turned(x)), (turned(x) * 2, turned(x).sum(0)), strict=True):
            equal(one, other)
            assert one.stride() == other.stride()
    assert runs(function)


def test_what_numpy_gives_several_results_of():
    function = torch.compile(lambda x: torch.zeros(4).masked_scatter(x > 0, x) * 2)
    for seed in seeds():
        x = values(4, seed=seed)
        equal(function(x), torch.zeros(4).masked_scatter(x > 0, x) * 2)


def test_explain_draws_no_random_numbers():
    function = torch.compile(lambda x: F.dropout(x, 0.5))
    for _ in range(4):
        function(values(40))
    state = torch.get_rng_state()
    str(function.explain())
    assert torch.equal(torch.get_rng_state(), state)


def test_a_number_less_itself_is_zero_where_it_is_computed_again():
    """A product that becomes one instruction with the difference would leave the error of its rounding there, and that has a sign."""
    scale = torch.randn(3, 1)

    def f(z):
        h = scale * (z * z)
        return (h.t() - h.detach()).sign(), torch.nn.functional.l1_loss(h.t(), h.detach())

    compiled = torch.compile(f)
    for _ in range(5):
        z = torch.randn(3, 3, requires_grad=True)
        signs, loss = compiled(z)
        loss.backward()
        assert not signs.diagonal().any()
        given, z.grad = z.grad, None
        f(z)[1].backward()
        assert torch.equal(given, z.grad)
    assert compiled.compiled.variants


def test_a_running_sum_of_negative_zeros_is_zero():
    step, x = torch.compile(lambda x: x.cumsum(0).reciprocal()), -torch.zeros(3)
    for _ in range(4):
        assert step(x).tolist() == [float("inf")] * 3
    assert step.compiled.runs


@pytest.mark.filterwarnings("ignore:pedigrad.compile")  # it is not compiled
def test_a_result_follows_from_another_one_although_a_backward_pass_freed_what_it_follows_from_elsewhere():
    w = torch.eye(3).requires_grad_()

    def losses(x):
        h = (x @ w).tanh()
        out = h @ w
        loss = h.pow(2).sum() + out.sum()
        loss.backward()
        return loss, out

    step = torch.compile(losses)
    for i in range(4):
        loss, out = step(tensor(3, 3, seed=i))
        assert torch.autograd.grad(loss, out)[0].tolist() == [[1.0] * 3] * 3


@pytest.mark.parametrize("hook", [lambda r: r.register_hook(lambda g: g * 0), lambda r: r.grad_fn.register_prehook(lambda g: (g[0] * 0,))])
def test_hooks_on_a_result_whose_history_is_spent_are_not_those_of_the_next_one(hook):
    w = torch.ones(3).requires_grad_()

    @torch.compile
    def loss():
        found = w.pow(2).sum()
        found.backward()
        return found

    for _ in range(3):
        loss()
    earlier = [loss() for _ in range(5)]
    assert len({id(each.grad_fn) for each in earlier}) == 5
    hook(earlier[-1])
    later = [loss() for _ in range(5)]
    assert [torch.autograd.grad(each, each)[0].item() for each in later] == [1.0] * 5
    assert torch.autograd.grad(earlier[0] * 2, earlier[1], allow_unused=True, retain_graph=True) == (None,)
    assert loss.compiled.runs >= 10


def test_a_sum_of_nothing_is_multiplied():
    step, x = torch.compile(lambda x, y: torch.outer(x.sum().reshape(-1), y)), torch.ones(0)
    for _ in range(4):
        assert step(x, torch.ones(2)).tolist() == [[0.0, 0.0]]
    assert step.compiled.runs
