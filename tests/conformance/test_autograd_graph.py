"""Hooks on saved tensors and on several gradients: what pedigrad does is what PyTorch does."""

import warnings

import pytest

torch = pytest.importorskip("torch")

import pedigrad  # noqa: E402


def leaf(t, *values):
    return t.tensor(values, dtype=t.float64, requires_grad=True)


def packed_as_lists(t):
    x, w = leaf(t, 1.0, 2.0), leaf(t, 3.0, -1.0)
    with t.autograd.graph.saved_tensors_hooks(lambda s: s.tolist(), lambda s: t.tensor(s, dtype=t.float64)):
        y = (x * w).exp().sum()
    y.backward()
    return x.grad, w.grad


def scaled(t):
    x = leaf(t, 1.0, 2.0)
    with t.autograd.graph.saved_tensors_hooks(lambda s: s * 2, lambda s: s):
        y = x.sin().sum()
    y.backward()
    return x.grad


def of_a_function(t):
    class Cube(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 3 * g * x**2

    log = []
    x = leaf(t, 1.0, 2.0)
    with t.autograd.graph.saved_tensors_hooks(lambda s: (log.append(tuple(s.shape)), s)[1], lambda s: s * 10):
        y = Cube.apply(x).sum()
    y.backward()
    return x.grad, log


def second_derivative(t):
    x = leaf(t, 0.5, 2.0)
    with t.autograd.graph.save_on_cpu():
        y = (x**3).sum()
    (g,) = t.autograd.grad(y, x, create_graph=True)
    (h,) = t.autograd.grad(g.sum(), x)
    return h


def mutated(t):
    x = leaf(t, 1.0, 2.0)
    with t.autograd.graph.allow_mutation_on_saved_tensors():
        a = x * 1
        y = a.sin().sum()
        a.mul_(0)
        y.backward()
    return x.grad


def all_of_several(t):
    x, y = leaf(t, 1.0), leaf(t, 2.0)
    log = []
    t.autograd.graph.register_multi_grad_hook((x, y), lambda grads: log.append([None if g is None else g.tolist() for g in grads]))
    (x * y).backward()
    (x * 2).backward()
    return log


def any_of_several(t):
    x, y = leaf(t, 1.0), leaf(t, 2.0)
    log = []
    handle = t.autograd.graph.register_multi_grad_hook((x, y), lambda g: log.append(1), mode="any")
    (x * y).backward()
    handle.remove()
    (x * y).backward()
    return log


def edges(t):
    x = leaf(t, 1.0)
    edge = t.autograd.graph.get_gradient_edge(x * 2)
    before = x.detach()._version
    t.autograd.graph.increment_version(x)
    return edge.node.name(), edge.output_nr, x._version - before


def of_what_is_not_behind(t):
    x, other = leaf(t, 1.0, 2.0), leaf(t, 3.0, 4.0)
    y = x * x
    none = t.autograd.grad(y, other, t.ones(2), allow_unused=True)
    found = t.autograd.grad(y, x, t.ones(2))  # the pass before has freed nothing
    return none, found, t.autograd.grad(y, other, t.ones(2), allow_unused=True)


PROGRAMS = [
    packed_as_lists,
    scaled,
    of_a_function,
    second_derivative,
    mutated,
    all_of_several,
    any_of_several,
    edges,
    of_what_is_not_behind,
]


def plain(value):
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    return [round(v, 10) for v in value.reshape(-1).tolist()] if hasattr(value, "tolist") else value


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_a_program_gives_what_pytorch_gives(program):
    assert plain(program(pedigrad)) == plain(program(torch))


def test_hooks_can_be_forbidden():
    for t in (torch, pedigrad):
        hooks = t.autograd.graph.saved_tensors_hooks(lambda s: s, lambda s: s)
        with t.autograd.graph.disable_saved_tensors_hooks("not here"), pytest.raises(RuntimeError, match="not here"), hooks:
            leaf(t, 1.0) * 2


@pytest.mark.parametrize("how", ["detect_anomaly(check_nan=False)", "set_detect_anomaly(True, check_nan=False)"])
def test_anomaly_detection_without_looking_for_nan_raises_nothing(how):
    for library in (torch, pedigrad):
        x = library.zeros(2, requires_grad=True)
        with warnings.catch_warnings(action="ignore"), eval(f"library.autograd.{how}"):
            (x.sqrt() * 0).sum().backward()
        assert x.grad.isnan().all()
