"""Functions of users, hooks on what is saved, gradient edges and anomaly detection: results and refusals are PyTorch's."""

import pytest

torch = pytest.importorskip("torch")

import pedigrad  # noqa: E402


def leaf(t, *values):
    return t.tensor(values, dtype=t.float64, requires_grad=True)


def doubling(t, **methods):
    """A Function that doubles, with other methods than that takes."""
    own = {"forward": lambda ctx, x: x * 2, "backward": lambda ctx, g: g * 2}
    made = {name: staticmethod(each) if callable(each) else each for name, each in (own | methods).items()}
    return type("Double", (t.autograd.Function,), made)


def results_that_are_no_tensors(t):
    class Mixed(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, text):
            at = x.argmax()
            ctx.mark_non_differentiable(at)
            ctx.set_materialize_grads(False)
            return x * 2, at, text, x + 1, None

        @staticmethod
        def backward(ctx, *given):
            kinds.append([g is None for g in given])
            return given[0] * 2 if given[3] is None else given[3], None

    kinds, x = [], leaf(t, 1.0, 3.0)
    y, at, text, z, none = Mixed.apply(x, "text")
    y.sum().backward(retain_graph=True)
    z.sum().backward()
    return x.grad, at, text, none, kinds


def edges_as_roots(t):
    edge = t.autograd.graph.get_gradient_edge
    x = leaf(t, 1.0, 3.0)
    y = x * 3
    z = y.exp()
    one, other = (x * 1).unbind()
    found = t.autograd.grad([edge(z), y], x, [t.ones(2, dtype=t.float64)] * 2, retain_graph=True)
    t.autograd.backward(edge(y), t.ones(2, dtype=t.float64), inputs=[edge(x)])
    return found, x.grad, t.autograd.grad(one * other, edge(other)), edge(other).output_nr, t.autograd.grad(edge(x.sum()), edge(x))


def anomaly_without_nan(t):
    x = leaf(t, 0.0, -1.0)
    with t.autograd.detect_anomaly(check_nan=False):
        inside = t.is_anomaly_enabled(), t.is_anomaly_check_nan_enabled()
        x.sqrt().sum().backward()
    before = t.is_anomaly_enabled(), t.is_anomaly_check_nan_enabled()
    with t.autograd.set_detect_anomaly(True, check_nan=False):
        switched = t.is_anomaly_enabled(), t.is_anomaly_check_nan_enabled()
    return [str(v) for v in x.grad.tolist()], inside, before, switched, (t.is_anomaly_enabled(), t.is_anomaly_check_nan_enabled())


def batches_of_no_samples(t):
    vmap, x = t.func.vmap, t.ones(0, 2, 2)
    functions = (t.linalg.inv, lambda m: m.sum(), lambda m: m @ m, lambda m: m.softmax(-1), lambda m: m[0], lambda m: m.sort().values)
    shapes = [tuple(vmap(f)(x).shape) for f in functions]
    empty = t.func.jacrev(lambda v: v[:0])(t.ones(3)), t.func.jacfwd(lambda v: v * 2)(t.ones(0))
    return shapes, [tuple(each.shape) for each in empty]


def norms_without_statistics(t):
    m = t.nn.Sequential(t.nn.BatchNorm1d(3), t.nn.Sequential(t.nn.Flatten(), t.nn.BatchNorm1d(3)))
    same = t.func.replace_all_batch_norm_modules_(m) is m
    y = t.func.vmap(m)(t.arange(24.0).reshape(2, 4, 3).sin())
    return same, m[0].running_mean, m[1][1].num_batches_tracked, m[0].track_running_stats, y


def plain(value):
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    return [round(v, 5) + 0.0 for v in value.reshape(-1).tolist()] if hasattr(value, "tolist") else value


PROGRAMS = (
    results_that_are_no_tensors, edges_as_roots, anomaly_without_nan, batches_of_no_samples, norms_without_statistics,
)  # fmt: skip


@pytest.mark.filterwarnings("ignore:Anomaly")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_a_program_gives_what_pytorch_gives(program):
    assert plain(program(pedigrad)) == plain(program(torch))


def saved_number(t):
    def forward(ctx, x):
        ctx.save_for_backward(3)
        return x * 2

    doubling(t, forward=forward).apply(leaf(t, 1.0))


def number_for_a_gradient(t):
    doubling(t, backward=lambda ctx, g: 3).apply(leaf(t, 1.0)).sum().backward()


def too_few_gradients(t):
    x = leaf(t, 1.0)
    doubling(t, forward=lambda ctx, x, y: x * 2).apply(x, x).sum().backward()


def no_backward(t):
    forward = staticmethod(lambda ctx, x: x * 2)
    type("Double", (t.autograd.Function,), {"forward": forward}).apply(leaf(t, 1.0)).sum().backward()


def two_rules_for_batches(t):
    methods = {"forward": lambda x: x * 2, "setup_context": lambda ctx, i, o: None, "vmap": lambda info, dims, x: (x, 0)}
    t.func.vmap(doubling(t, generate_vmap_rule=True, **methods).apply)(t.ones(2))


def packing_in_place(t):
    x = leaf(t, 1.0)
    with t.autograd.graph.saved_tensors_hooks(lambda s: s.mul_(2), lambda s: s):
        x.exp()


def unpacked_number(t):
    x = leaf(t, 1.0)
    with t.autograd.graph.saved_tensors_hooks(lambda s: s, lambda s: 3):
        y = x.exp()
    y.sum().backward()


def edge_of_several_numbers(t):
    x = leaf(t, 1.0, 2.0)
    t.autograd.grad(t.autograd.graph.get_gradient_edge(x * 2), x)


REFUSED = (
    saved_number, number_for_a_gradient, too_few_gradients, no_backward, two_rules_for_batches, packing_in_place, unpacked_number,
    edge_of_several_numbers,
    lambda t: t.func.grad(lambda x, y: (x * y).sum(), argnums=(0, 1))(t.ones(2), t.ones(2, dtype=t.int64)),
    lambda t: t.func.vjp(lambda x: x * 2, t.ones(2, dtype=t.int64)),
    lambda t: t.func.jacrev(lambda x: x * 2.0)(t.ones(2, dtype=t.int64)),
    lambda t: t.func.grad(lambda x: x * 2.0)(3.0),
    lambda t: t.func.grad(lambda pair: pair[0].sum() * pair[1])([t.ones(2), 3.0]),
)  # fmt: skip


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_what_pytorch_refuses_is_refused_in_its_words(number):
    said = []
    for t in (torch, pedigrad):
        with pytest.raises(Exception) as refusal:
            REFUSED[number](t)
        said.append((refusal.type.__name__, str(refusal.value).split("\n")[0].replace("pedigrad", "torch")[:40]))
    assert said[0] == said[1]
