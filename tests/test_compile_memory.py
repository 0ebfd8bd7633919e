"""Compiled functions and memory: strides, views, tensors on one memory, writes in place, what results hang on."""

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import pedigrad as torch
from pedigrad import nn
from pedigrad.codegen.frontend import regions
from pedigrad.codegen.frontend.trace import Trace, traced
from pedigrad.codegen.ir.interpreter import interpreted
from pedigrad.codegen.runtime.executable import Executable

CALLS = 5


def numbers(thing):
    """What can be seen of a result."""
    if isinstance(thing, torch.Tensor):
        return thing.detach().tolist(), thing.stride(), thing.requires_grad
    return [numbers(each) for each in thing] if isinstance(thing, (list, tuple)) else thing


def same(one, other):
    """Equal beyond rounding: sums may be taken in another order."""
    if isinstance(one, (list, tuple)):
        assert len(one) == len(other), (one, other)
        for each in zip(one, other, strict=True):
            same(*each)
    else:
        assert one == other or one == pytest.approx(other, rel=1e-5, abs=1e-6), (one, other)


def seen(case, compiled):
    """What the calls of a case give, and the number of runs of compiled programs. A case gives a function and a look after each call."""
    torch.manual_seed(0)
    function, look = case()
    function = torch.compile(function) if compiled else function
    found = [numbers(look(function)) for _ in range(CALLS)]
    return found, sum(variant.runs for variant in function.compiled.variants) if compiled else 0


def check(case, runs=True):
    """Compiled calls give what usual ones give, and some run compiled."""
    expected, _ = seen(case, False)
    found, count = seen(case, True)
    same(found, expected)
    assert bool(count) == runs


# Kernels with more axes than what they write


def broadcast(between):
    def case():
        n = torch.zeros(3)

        def step(x):
            n.add_(1.0)
            return between(x, n)

        return step, lambda f: (f(torch.arange(6.0).reshape(2, 3)), n)

    return case


@pytest.mark.parametrize(
    "between",
    [
        lambda x, n: (x - n) @ torch.ones(3),
        lambda x, n: (x - n).sum(1),
        lambda x, n: (x - n).flip(0),
        lambda x, n: (x * n).cumsum(0),
        lambda x, n: torch.cat([x, x - n]),
        lambda x, n: (x - n)[torch.tensor([1, 0, 1])],
        lambda x, n: (x - n).sort(1).values,
        lambda x, n: (x - n).topk(2, 1).values,
    ],
)
def test_an_update_in_place_runs_once_where_what_reads_it_broadcasts(between):
    check(broadcast(between))


# Strides


def laid(how):
    x = torch.arange(24.0).reshape(4, 6)
    if how == "transposed":
        return x.t()
    if how == "reversed":
        return torch.from_numpy(x.numpy()[:, ::-1])
    if how == "every second":
        return x[:, ::2]
    return x[1:3, 1:4] if how == "part" else x


LAYOUTS = ["transposed", "reversed", "every second", "part"]


@pytest.mark.parametrize("how", LAYOUTS)
@pytest.mark.parametrize("passed", [True, False], ids=["passed", "found"])
def test_writes_follow_strides(how, passed):
    def case():
        kept = laid(how)

        def step(*given):
            (x,) = given or (kept,)
            x.mul_(torch.arange(float(x.numel())).reshape(x.shape)).sub_(1)
            return x.sum()

        return step, lambda f: (f(kept) if passed else f(), kept)

    check(case)


@pytest.mark.parametrize("how", LAYOUTS)
def test_backward_passes_read_what_was_saved_by_its_strides(how):
    def case():
        w = laid(how).clone().requires_grad_()

        def step(x):
            return (x.sin() * x).sum()

        def look(f):
            w.grad = None
            x = laid(how).detach().requires_grad_()
            (f(x) + f(w.t())).backward()
            return w.grad, x.grad

        return step, look

    check(case)


def test_parameters_that_are_transposed_are_trained():
    def case():
        layer = nn.Linear(3, 4)
        layer.weight = nn.Parameter(layer.weight.detach().t().contiguous().t())
        assert not layer.weight.is_contiguous()
        optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
        x = torch.randn(5, 3)

        def step():
            optimizer.zero_grad()
            loss = layer(x).square().mean()
            loss.backward()
            optimizer.step()

        return step, lambda f: (f(), layer.weight.detach().round(decimals=5))

    check(case)


# Views


def unfolded():
    s = torch.zeros(6)
    v = s.unfold(0, 3, 1)

    def step():
        s.add_(1)
        return v.sum()

    return step, lambda f: (f(), s)


def base_after_view():
    s = torch.zeros(2, 3)
    v = s.t()

    def step():
        first = v * 2
        s.add_(torch.arange(6.0).reshape(2, 3))
        return first, v * 3

    return step, lambda f: (f(), s)


def part_of_the_base():
    s = torch.zeros(6)
    v = s[1:4]

    def step():
        v.add_(1)
        return s * 2

    return step, lambda f: (f(), s, v)


def two_parts():
    s = torch.zeros(8)
    a, b = s[:4], s[4:]

    def step():
        a.add_(1)
        b.copy_(a * 2)
        return a + b

    return step, lambda f: (f(), s)


def made_and_written():
    def step(x):
        y = x * 1
        y.unfold(0, 2, 2).mul_(10)
        y[1:].add_(1)
        return y

    return step, lambda f: f(torch.arange(4.0))


def exchanged():
    a, b = torch.arange(6.0).reshape(2, 3).t(), torch.ones(3, 2)

    def step():
        kept = a.clone()
        a.copy_(b)
        b.copy_(kept * 2)

    return step, lambda f: (f(), a, b)


@pytest.mark.parametrize("case", [unfolded, base_after_view, part_of_the_base, two_parts, made_and_written, exchanged])
def test_tensors_on_one_memory_are_views_of_one_value(case):
    check(case)


def test_overlapping_parts_of_which_one_is_written_are_left_to_the_usual_way():
    """Neither part is known to lie within the other."""

    def case():
        memory = np.zeros(6, np.float32)
        a, b = torch.from_numpy(memory[:4]), torch.from_numpy(memory[2:])

        def step():
            a.add_(1)
            return b.sum()

        return step, lambda f: (f(), a, b)

    with pytest.warns(UserWarning, match="memory"):
        check(case, runs=False)


@pytest.mark.parametrize("part", ["whole", "turned", "flat", "slice", "step", "reversed", "windows", "cell", "elsewhere"])
def test_what_a_view_shows_and_what_a_write_through_it_leaves(part):
    memory = np.arange(40.0)
    whole = memory[4:34].reshape(5, 6).T
    parts = {"whole": whole, "turned": whole.T, "flat": memory[4:34], "slice": memory[7:13], "step": whole[::2, 1::3]}
    parts |= {"reversed": whole[::-1, ::-1], "cell": memory[9:10].reshape(()), "elsewhere": memory[:8]}
    parts |= {"windows": np.lib.stride_tricks.sliding_window_view(memory[5:15], 3)}
    view = parts[part]
    trace = Trace()
    x = trace.input(whole.copy())
    shown = regions.shown(trace, whole, x.value, view)
    if part == "elsewhere":
        assert shown is None and regions.written(trace, whole, x.value, view, x.value) is None
        return
    new = trace.input(np.zeros(view.shape))
    left = regions.written(trace, whole, x.value, view, new.value)
    trace.program.outputs = [shown] + ([] if left is None else [left])
    assert (left is None) == (part == "windows")
    fresh = np.random.default_rng(0).standard_normal(view.shape)
    inputs = [whole.copy(), fresh]
    known = interpreted(trace.program, {x.value: inputs[0], new.value: fresh} | trace.constants)
    np.testing.assert_array_equal(known[shown], view)
    results = Executable(trace.program, trace.constants).run(inputs)
    np.testing.assert_array_equal(results[0].reshape(view.shape), view)
    if left is not None:
        view[...] = fresh
        np.testing.assert_array_equal(known[left], whole)
        np.testing.assert_array_equal(results[1].reshape(whole.shape), whole)


# What results hang on


def written_base():
    def step(x):
        y = x * 1
        v = y[:]
        y.mul_(3.0)
        return v

    def look(f):
        x = torch.ones(2, requires_grad=True)
        f(x).sum().backward()
        return x.grad

    return step, look


def one_of_the_other(ask):
    def case():
        def step(x, w):
            h = x * w
            return h, (h.sin() * x).sum(), h.cos()

        def look(f):
            x, w = torch.arange(3.0).requires_grad_(), torch.full((3,), 2.0, requires_grad=True)
            return ask(x, w, *f(x, w))

        return step, look

    return case


def retained(x, w, h, s, c):
    h.retain_grad()
    (s + c.sum()).backward()
    return h.grad, x.grad, w.grad


def hooked(x, w, h, s, c):
    h.register_hook(lambda g: g * 2)
    s.backward()
    return x.grad, w.grad


def twice(x, w, h, s, c):
    (g,) = torch.autograd.grad(s, h, create_graph=True)
    return g, *torch.autograd.grad(g.sum(), (x, h), allow_unused=True)


@pytest.mark.parametrize(
    "ask",
    [
        lambda x, w, h, s, c: torch.autograd.grad(s, h),
        lambda x, w, h, s, c: torch.autograd.grad(s, (h, x, w)),
        lambda x, w, h, s, c: torch.autograd.grad([s, c], (h, x), [torch.ones(()), torch.ones(3)]),
        lambda x, w, h, s, c: torch.autograd.grad(h.sum(), x),
        retained,
        hooked,
        twice,
    ],
)
def test_a_result_that_another_one_follows_from_has_its_gradient(ask):
    check(one_of_the_other(ask))


def test_a_returned_view_has_the_history_of_what_was_written_to_its_base():
    check(written_base)


# What a call attaches


def attributes(x):
    x.tag = 5
    return x * 2


def kept_gradient(x):
    y = x * 2
    y.retain_grad()
    return y


def hook_on_an_argument(x):
    x.register_hook(lambda g: g * 10)
    return x * 3


def hook_within(x):
    y = x * 2
    y.register_hook(lambda g: g * 10)
    return y * y


@pytest.mark.parametrize("step", [attributes, kept_gradient, hook_on_an_argument, hook_within])
@pytest.mark.filterwarnings("ignore:pedigrad.compile")
def test_what_a_call_attaches_to_tensors_is_there_after_every_call(step):
    def case():
        def look(f):
            x = torch.arange(3.0).requires_grad_()
            y = f(x)
            y.sum().backward()
            return y, y.grad if y.retains_grad else None, x.grad, getattr(x, "tag", None)

        return step, look

    check(case, runs=False)


def test_parts_that_were_written_as_usual_are_written_compiled():
    """Pieces of `split`, `unbind` and `broadcast_tensors` that need no gradient."""

    def case():
        def step(x, y):
            b, _ = torch.broadcast_tensors(x, y)
            b += 1
            left, right = x.chunk(2, -1)
            left[..., 0] = 0
            for row in y.unbind():
                row[row > 2] = 7
            return b * 2, left + right, y

        return step, lambda f: f(torch.arange(8.0).reshape(2, 4), torch.arange(8.0).reshape(2, 4))

    check(case)


def test_attributes_that_are_assigned_again_are_assigned_to_other_arguments():
    def case():
        calls = iter([torch.ones(2)] * 3 + [torch.zeros(2)] * 2)

        def step(x):
            x.tag = 5
            return x * 2

        def look(f):
            x = next(calls)
            return f(x), x.tag

        return step, look

    with pytest.warns(UserWarning, match="an argument is given an attribute"):
        check(case, runs=False)


def test_histories_that_were_freed_before_the_call_are_no_concern_of_the_results():
    def case():
        def look(f):
            x = torch.ones(3, requires_grad=True)
            y = x * 1.0
            f(y).sum().backward()
            return x.grad

        return lambda x: x.softmax(-1) * torch.arange(3.0), look

    check(case)


def test_tensors_on_one_array_that_is_part_of_another_are_guarded_as_such():
    """One of them is seen to be a part of a tensor that the program is given; the other may be given another array all the same."""
    whole = torch.randn(3, 3)
    part = whole.select(1, 0)
    same = part.detach()

    @torch.compile
    def f():
        return same * 2, part * 1.0, whole * 2

    for _ in range(4):
        f()
    same.data = same.data * 0.5
    assert torch.equal(f()[0], same * 2)
    part.data = part.data + 1
    assert torch.equal(f()[1], part * 1.0)


def test_tensors_on_one_array_are_guarded_as_such():
    compiled, x, y = torch.compile(lambda x, y: x.cos()), torch.ones(3), torch.zeros(3)
    for _ in range(4):
        compiled(x, x.detach())
    assert compiled(x, y).tolist() == x.cos().tolist()
    found = torch.zeros(3)
    other = found.detach()
    again = torch.compile(lambda: other * 2 + 1)
    for _ in range(4):
        again()
    other.data = torch.ones(3)
    assert again().tolist() == [3.0, 3.0, 3.0]


@pytest.mark.parametrize("needs_old", [False, True])
def test_what_a_backward_pass_needs_of_a_tensor_that_is_written_to(needs_old):
    """As it is afterwards it is kept, not computed again from what was overwritten; as it was it would be gone."""

    def case():
        w = torch.full((3,), 2.0, requires_grad=True)
        c = torch.arange(3.0)

        def step():
            before = (w * c).sum() if needs_old else 0.0
            c.add_(0.5)
            return (w * c * c).sum() + before

        def look(f):
            w.grad = None
            f().backward()
            return w.grad, c

        return step, look

    if needs_old:  # refused as usual too: a saved tensor is written to
        function, look = case()
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            look(torch.compile(function))
    else:
        check(case)


def test_a_gradient_that_comes_later_is_zeroed():
    w, v = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([w, v], lr=0.0)

    @torch.compile
    def step():
        optimizer.zero_grad()
        (v * 2).sum().backward()

    for _ in range(4):
        step()
    w.grad = torch.ones(2)
    step()
    assert w.grad.tolist() == [0.0, 0.0]


def test_a_padded_gradient_of_one_number_is_compiled():
    """The number is known before the first step of its program."""

    def case():
        w = nn.Parameter(torch.arange(4.0))

        def look(f):
            w.grad = None
            f().backward()
            return w.grad

        return lambda: torch.nn.functional.pad(w, (1, -1), value=2.0).mean(), look

    check(case)


# Optimizers beside compiled steps


def trained(scheduler=False, usual=(), load=()):
    """A model and its compiled step, which an optimizer's usual step and `load_state_dict` come between."""
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
    x, within = torch.randn(4, 3), False

    def step():
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        if within:
            schedule.step()
        return loss

    compiled, losses = torch.compile(step), []
    for i in range(24):
        losses.append((step if i in usual else compiled)().item())
        if scheduler:
            schedule.step()
        if i in load:
            optimizer.load_state_dict(optimizer.state_dict())
    return losses, compiled.compiled


@pytest.mark.parametrize("options", [{"scheduler": True}, {"usual": range(4, 24, 5)}, {"load": range(6, 24, 6)}])
def test_what_happens_between_steps_compiles_nothing_anew(options):
    losses, compiled = trained(**options)
    expected, _ = trained(**{**options, "usual": range(24)})
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    programs = {id(variant.executable.natives[variant.native]) for variant in compiled.variants}
    assert len(programs) == 1 and not compiled.left
    assert sum(variant.runs for variant in compiled.variants) >= 24 - 3 - len(options.get("usual", ())) - len(options.get("load", ()))


def test_instructions_that_hang_on_one_another_as_long_as_a_loop_are_compiled():
    def case():
        def step(x):
            y = x
            for i in range(400):
                y = torch.where(y > i, y - x, y + 0.5)
            return y

        return step, lambda f: f(torch.arange(4.0))

    check(case)


# The interpreter


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_interpreter_and_native_code_agree(dtype):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((4, 6)).astype(dtype), rng.standard_normal(6).astype(dtype), rng.integers(0, 4, 5)]

    def function(x, y, i):
        a = np.tanh(x * y) + np.where(x > 0, x, np.exp(y))
        b = np.concatenate([a[i], x[::-1]], axis=0)
        c = np.matmul(b, a.T) / np.max(np.abs(b), axis=1, keepdims=True)
        return c.sum(axis=0), np.transpose(b)[1:, ::2], np.floor(c) % 3, b.astype(np.int64) & 5

    trace, results = traced(function, *arrays)
    known = interpreted(trace.program, dict(zip(trace.program.inputs, arrays, strict=False)) | trace.constants)
    native = Executable(trace.program, trace.constants).run(arrays)
    for value, found, result in zip(trace.program.outputs, native, results, strict=True):
        np.testing.assert_allclose(known[value], result.array, rtol=1e-5)
        np.testing.assert_allclose(found.reshape(known[value].shape), known[value], rtol=1e-5, atol=1e-6)


def test_what_is_written_beside_something_empty_is_written():
    c = torch.ones(1, 1)

    @torch.compile
    def function(x):
        empty = c[1:]
        c.mul_(2.0)
        return torch.nn.functional.softplus(empty), (x[:0] * 3.0).sum() + x.sum() * 0.5, x[:0].exp()

    for n in range(1, 8):
        found = function(torch.full((2,), float(n)))
        assert c.item() == 2.0**n and found[0].shape == (0, 1) and found[1].item() == n and found[2].shape == (0,)
    assert [v.is_proven for v in function.compiled.variants] == [True]
    assert function.compiled.variants[0].runs >= 4


def stepping():
    """A parameter, and the compiled step of its optimizer."""
    w = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=1.0)
    return w, torch.compile(lambda: optimizer.step())


def test_gradients_that_come_and_go_are_each_the_one_that_is_there():
    w, step = stepping()
    one, other = torch.ones(3), torch.full((3,), 10.0)
    for gradient in (one, one, other, one, other, other, one):
        before = w.detach().clone()
        w.grad = gradient
        step()
        assert torch.equal(before - w.detach(), gradient)
    assert step.compiled.variants[0].runs >= 4


def test_a_report_between_two_steps_changes_nothing():
    w, step = stepping()
    w.grad = torch.ones(3)
    for _ in range(5):
        step()
    step.explain()
    assert w.tolist() == [-5.0] * 3
    step()
    assert w.tolist() == [-6.0] * 3


def test_a_view_that_shows_another_tensor_no_more_is_seen():
    a = torch.ones(4)
    view = a.view(-1)

    def write():
        a[:1] = 0
        return view + 0

    step = torch.compile(write)
    assert [step().tolist() for _ in range(4)][-1] == [0, 1, 1, 1]
    a.data = torch.full((4,), 5.0)
    assert step().tolist() == [0, 1, 1, 1]
    assert a.tolist() == [0, 5, 5, 5]


@pytest.mark.parametrize("given", [False, True])
def test_history_that_a_view_gets_from_its_base_is_seen(given):
    base, w = torch.ones(3), torch.ones(2, requires_grad=True)
    view = base[:2]
    step = torch.compile((lambda v: v * 2) if given else (lambda: view * 2))
    for _ in range(4):
        assert step(*[view] * given).grad_fn is None
    base[:2] = w
    assert step(*[view] * given).grad_fn is not None


@pytest.mark.filterwarnings("ignore:pedigrad.compile")  # it is not compiled
def test_an_argument_that_is_a_view_gets_its_history():
    def copy(y, z):
        y.transpose(0, 0).copy_(z)

    step, z = torch.compile(copy), torch.ones(2, 2, requires_grad=True)
    for _ in range(4):
        y = torch.zeros(2, 2).t()
        step(y, z)
        assert y.requires_grad


def test_an_argument_on_the_memory_of_what_is_written_to_is_not_run_compiled():
    w = torch.ones(4)

    def write(x):
        w.add_(1.0)
        return x * 1.0

    step, apart = torch.compile(write), torch.zeros(2)
    for _ in range(5):
        step(apart)
    assert step.compiled.variants[0].short is not None
    assert step(w[1:3]).tolist() == [7.0, 7.0]
    assert step(apart).tolist() == [0.0, 0.0]
    assert w.tolist() == [8.0] * 4


@pytest.mark.filterwarnings("ignore:pedigrad.compile")  # it is not compiled
def test_a_view_loses_its_history_where_part_of_a_view_that_is_a_leaf_is_written_to_without_history():
    w = torch.ones(4, 4)[()].requires_grad_()

    def shown():
        view = w.diagonal()
        with torch.no_grad():
            w[()] *= 2.0
        return view

    step = torch.compile(shown)
    for _ in range(4):
        step().sum().backward()
        assert w.grad is None


def test_the_slices_that_are_taken_lie_as_they_do_in_usual_runs():
    x, at = torch.arange(8.0).reshape(4, 2), torch.tensor([0])

    def strides(x):
        return x * torch.tensor(x.index_select(1, at).stride())

    step = torch.compile(strides)
    for _ in range(4):
        assert step(x).tolist() == (x * torch.tensor([1, 1])).tolist()


@pytest.mark.filterwarnings("ignore:pedigrad.compile")  # it is not compiled
def test_a_view_that_shows_elements_twice_gets_the_history_of_a_write_to_its_base():
    base = torch.zeros(1)
    view, y = base.as_strided((2, 1), (0, 0)), torch.ones(1, requires_grad=True)

    def write(y):
        base[:] = y
        return view.contiguous()

    step = torch.compile(write)
    for _ in range(4):
        assert torch.autograd.grad(step(y).sum(), y)[0].tolist() == [2.0]


@pytest.mark.filterwarnings("ignore:pedigrad.compile")  # it is not compiled
def test_windows_are_filled_where_a_mask_says():
    def fill(windows):
        windows.masked_fill_(windows > 2, 0.0)

    step = torch.compile(fill)
    for _ in range(4):
        x = torch.arange(5.0)
        step(x.unfold(0, 2, 1))
        assert x.tolist() == [0.0, 1.0, 2.0, 0.0, 0.0]


@pytest.mark.filterwarnings("ignore:pedigrad.compile")  # it is not compiled
@pytest.mark.parametrize("value", [1.0, torch.ones(2, requires_grad=True)], ids=["a number", "with a history"])
def test_a_row_of_windows_that_overlap_is_written_to_as_usual(value):
    def function(x):
        x = x.clone().as_strided((2, 2), (1, 1))
        x[0] = value
        return x.sum()

    compiled, x = torch.compile(function), torch.arange(3.0)
    for _ in range(3):
        assert compiled(x).item() == function(x).item() == 5.0


@pytest.mark.filterwarnings("ignore:pedigrad.compile")  # it is not compiled
def test_a_result_whose_history_cannot_be_told_is_returned_all_the_same():
    def function(x):
        y = next(iter(x))
        with torch.no_grad():
            x[0] = 5.0
        return y

    compiled, x = torch.compile(function), torch.ones(2, requires_grad=True)
    for _ in range(3):
        y = compiled(x)
        with pytest.raises(RuntimeError, match="modified in place"):
            y.grad_fn  # noqa: B018


@pytest.mark.filterwarnings("ignore:pedigrad.compile")  # it is not compiled
def test_a_leaf_written_to_by_a_mask_stays_one():
    def function(y):
        with torch.no_grad():
            y[y > 0] *= 0.5

    compiled, y = torch.compile(function), torch.ones(2, requires_grad=True)
    for count in range(1, 4):
        compiled(y)
        assert y.requires_grad and y.tolist() == [0.5**count] * 2


def test_zeros_like_a_gradient_lie_as_it_does():
    w = torch.randn(2, 2).t().requires_grad_()

    def function():
        return torch.autograd.grad(((w // 1) ** 2).mean(), w)[0]

    compiled = torch.compile(function)
    assert [compiled().stride() for _ in range(4)] == [function().stride()] * 4 == [(1, 2)] * 4
