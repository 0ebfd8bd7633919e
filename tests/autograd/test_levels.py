"""Levels: vmap and forward derivatives run a function once, leave nothing behind, and refuse what has no one answer for a batch."""

import warnings

import numpy as np
import pytest

import pedigrad as torch
from pedigrad.autograd.levels import batched
from pedigrad.core import lifted, modes
from pedigrad.core.op import REGISTRY

fw = torch.autograd.forward_ad


def test_a_function_is_run_once_for_all_samples():
    calls = []

    def f(x):
        calls.append(x.shape)
        return x.sin()

    out = torch.vmap(f)(torch.arange(12.0).reshape(4, 3))
    assert calls == [(3,)] and torch.equal(out, torch.arange(12.0).reshape(4, 3).sin())


def test_a_function_is_run_once_for_its_tangent():
    calls = []
    torch.func.jvp(lambda x: calls.append(1) or x.sin(), (torch.ones(2),), (torch.ones(2),))
    torch.func.jacfwd(lambda x: calls.append(1) or x.sin())(torch.ones(5))
    assert len(calls) == 2


def test_levels_leave_nothing_behind():
    before = modes.special, lifted.alive
    x = torch.ones(2, 3)
    torch.vmap(torch.func.grad(lambda x: (x**2).sum()))(x)
    torch.func.hessian(lambda x: (x**3).sum())(x[0])
    with pytest.raises(RuntimeError):
        torch.vmap(lambda x: x.item())(x)
    del x
    assert (modes.special, lifted.alive) == before and not modes.settings.batches


def test_what_has_no_rule_is_run_sample_by_sample_and_named_once():
    batched.LOOPED.discard("histc")
    x = torch.tensor([[0.1, 0.2, 0.9], [0.6, 0.7, 0.8]])
    with pytest.warns(UserWarning, match=r"histc\(\) has no rule for batches"):
        out = torch.vmap(lambda x: torch.histc(x, 2, 0, 1))(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.vmap(lambda x: torch.histc(x, 2, 0, 1))(x)
    assert out.tolist() == [[2, 1], [0, 3]]


@pytest.mark.parametrize(
    "function, what",
    [
        (lambda x: x if x.sum() > 0 else -x, "data-dependent control flow"),
        (lambda x: x * x.sum().item(), r"\.item\(\)"),
        (lambda x: torch.tensor(x.numpy()), "numpy"),
        (lambda x: x.nonzero(), "nonzero"),
    ],
)
def test_what_depends_on_the_sample_is_refused_with_the_users_line(function, what):
    with pytest.raises(RuntimeError, match=what) as caught:
        torch.vmap(function)(torch.ones(2, 3))
    assert __file__ in str(caught.value)


def test_writes_into_what_all_samples_share_are_refused():
    shared = torch.zeros(3)
    with pytest.raises(RuntimeError, match="written to is the same for all samples"):
        torch.vmap(lambda x: shared.add_(x))(torch.ones(2, 3))
    assert shared.tolist() == [0, 0, 0]


def test_a_write_into_a_sample_reaches_the_argument():
    x = torch.zeros(2, 3)
    torch.vmap(lambda x: x.add_(1))(x)
    assert x.tolist() == [[1, 1, 1]] * 2


def test_a_write_into_a_sample_of_a_tensor_with_history_is_refused():
    x = torch.zeros(2, 3, requires_grad=True)
    with pytest.raises(RuntimeError, match="in place"):
        torch.vmap(lambda x: x.add_(1))(x * 1)


def test_a_number_of_each_sample_is_promoted_as_a_number():
    single, double = torch.ones(2, 3), torch.ones(2, dtype=torch.float64)
    assert torch.vmap(lambda x, y: x * y)(single, double).dtype == torch.float32


def test_views_written_to_before_they_have_a_tangent():
    def f(x):
        z = torch.zeros(4)
        part, other = z[:2], z[1:3]
        part[1] = x
        return z, part, other

    _, (z, part, other) = torch.func.jvp(f, (torch.tensor(2.0),), (torch.tensor(3.0),))
    assert z.tolist() == [0, 3, 0, 0] and part.tolist() == [0, 3] and other.tolist() == [3, 0]


def test_detach_lets_the_tangent_go():
    _, tangent = torch.func.jvp(lambda x: x * x.detach(), (torch.tensor(3.0),), (torch.tensor(1.0),))
    assert tangent.item() == 3


def test_perturbations_are_not_confused():
    def f(x):
        return x * torch.func.jvp(lambda y: x + y, (torch.tensor(1.0),), (torch.tensor(1.0),))[1]

    assert torch.func.jvp(f, (torch.tensor(2.0),), (torch.tensor(1.0),))[1].item() == 1


def test_gradients_of_a_closed_over_tensor_are_summed_over_the_samples():
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    torch.vmap(lambda x: (w * x).sum())(torch.tensor([[1.0, 10.0], [2.0, 20.0]])).sum().backward()
    assert w.grad.tolist() == [3, 30]


def test_hooks_and_retained_gradients_within_vmap():
    seen = []

    def f(x):
        y = x * 2
        if y.requires_grad:
            y.register_hook(lambda g: seen.append(tuple(g.shape)))
        return y.sum()

    torch.vmap(f)(torch.ones(3, 2, requires_grad=True)).sum().backward()
    assert seen == [(2,)]


def test_dual_levels():
    x = torch.tensor(2.0)
    with pytest.raises(RuntimeError, match="no level exists"):
        fw.make_dual(x, x)
    with fw.dual_level():
        with pytest.raises(RuntimeError, match="Nested forward mode"):
            fw.enter_dual_level()
        dual = fw.make_dual(x, torch.tensor(1.0))
        assert fw.unpack_dual(dual**2).tangent.item() == 4 and fw.unpack_dual(x).tangent is None
    assert fw.unpack_dual(dual).tangent is None
    with pytest.raises(RuntimeError, match="exit a forward AD level"):
        fw.exit_dual_level()


def test_no_rule_takes_arrays_out_of_tensors():
    """While a program is recorded, arrays that rules make are constants: so they make none of what they are given."""
    taking = [name for name, op in REGISTRY.items() for rule in op.rules if "_array" in rule.function.__code__.co_names]
    assert not taking


_ = torch.vmap  # found now, and not within what is compiled
CALM = {
    "per-sample gradients": lambda x: torch.vmap(torch.func.grad(lambda x: (x.sin() * x).cumsum(0).prod()))(x),
    "hessian": lambda x: torch.func.hessian(lambda v: (torch.tanh(x @ v) ** 2).sum())(x[0]).contiguous(),
    "jvp": lambda x: torch.func.jvp(lambda x: torch.softmax(x * 2, -1), (x,), (x.cos(),))[1],
    "grad of vmap": lambda x: torch.func.grad(lambda w: torch.vmap(lambda v: (w * v).exp().sum())(x).sum())(x[1]),
    "classes": lambda x: torch.vmap(
        torch.func.grad(lambda v: torch.nn.functional.cross_entropy(torch.nn.functional.layer_norm(v, (3,))[None], torch.tensor([1])))
    )(x),
}


@pytest.mark.parametrize("name", CALM)
def test_compiled_levels_give_what_they_give(name):
    compiled = torch.compile(CALM[name])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i in range(5):
            x = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(i))
            assert np.allclose(compiled(x).numpy(), CALM[name](x).numpy(), rtol=1e-10), i


def test_a_write_into_a_number_of_each_sample():
    counts = torch.zeros(3, dtype=torch.int64)
    torch.vmap(lambda n: n.add_(1))(counts)
    assert counts.tolist() == [1, 1, 1]


def test_batch_norm_moves_the_statistics_of_each_sample_and_none_that_all_share():
    x, mean = torch.randn(2, 5, 3), torch.zeros(2, 3)
    torch.vmap(lambda x, m: torch.nn.functional.batch_norm(x, m, None, training=True))(x, mean)
    assert torch.allclose(mean, x.mean(1) * 0.1)
    shared = torch.zeros(3)
    with pytest.raises(RuntimeError, match="the same for all samples"):
        torch.vmap(lambda x: torch.nn.functional.batch_norm(x, shared, None, training=True))(x)
    assert shared.tolist() == [0, 0, 0]
