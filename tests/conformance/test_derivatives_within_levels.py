"""Derivatives of decompositions, of writes in place and of what is made within vmap and forward derivatives, one within the other."""

import pytest

torch = pytest.importorskip("torch")

import pedigrad  # noqa: E402


def matrix(t):
    return t.tensor([[2.3, 0.4], [0.1, 1.2]], dtype=t.float64)


def vector(t):
    return t.tensor([0.3, 0.5, -0.7], dtype=t.float64)


def batch(t):
    return t.linspace(-1.0, 1.0, 24, dtype=t.float64).reshape(2, 3, 2, 2).sin() + 2 * t.eye(2, dtype=t.float64)


def plain(value):
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    if not hasattr(value, "detach"):
        return value
    rounded = [round(v, 6) + 0.0 for v in (value.detach() + 0).double().reshape(-1).tolist()]
    return [tuple(value.shape), rounded]


DECOMPOSITIONS = {
    "svdvals": lambda t: lambda a: t.linalg.svdvals(a) ** 3,
    "qr": lambda t: lambda a: t.linalg.qr(a)[0] * t.linalg.qr(a)[1],
    "eigh": lambda t: lambda a: t.linalg.eigh(a + a.mT)[0] ** 3,
    "lu": lambda t: lambda a: t.linalg.lu(a)[2] ** 2,
    "nuclear norm": lambda t: lambda a: t.linalg.norm(a, "nuc") ** 2,
    "max": lambda t: lambda a: a.max(0).values ** 3,
    "unbind": lambda t: lambda a: a.unbind(0)[0] * a.unbind(0)[1] ** 2,
}


@pytest.mark.parametrize("name", DECOMPOSITIONS)
def test_the_second_jacobian_of_what_has_several_results_is_pytorchs(name):
    def second(t):
        return t.func.jacrev(t.func.jacrev(DECOMPOSITIONS[name](t)))(matrix(t))

    assert plain(second(pedigrad)) == plain(second(torch))


def written(t, x):
    y = x + 0
    y[0] = x[1] * x[0]
    return y


def shown(t, x):
    y = x + 0
    y[:1].exp_()
    return y


def masked(t, x):
    y = x.clone()
    y[y > 0.2] = 0.1
    return y * x


def numbered(t, x):
    y = x.clone()
    y.view(-1)[0] = 5
    y[[1]] = 0.25
    return y * x


def filled(t, x):
    y = t.zeros_like(x)
    y += x
    y.view(-1)[0] = x.sum()
    return y * y


def made(t, x):
    y = x.new_zeros(3)
    y.copy_(x.sin())
    y.mul_(x)
    return y


def expanded(t, x):
    y = t.zeros(3, dtype=t.float64) + x[0]
    y[1].mul_(x[2])
    return y


WRITES = (written, shown, masked, numbered, filled, made, expanded)
LEVELS = {
    "jacrev of jvp": lambda t, f: t.func.jacrev(lambda x: t.func.jvp(f, (x,), (x.sin(),))[1])(vector(t)),
    "grad of jvp of jvp": lambda t, f: t.func.grad(
        lambda x: t.func.jvp(lambda y: t.func.jvp(f, (y,), (y.cos(),))[1], (x,), (x.sin(),))[1].sum()
    )(vector(t)),
    "vmap": lambda t, f: t.func.vmap(f)(t.stack([vector(t), vector(t).cos()])),
    "vmap of jacfwd": lambda t, f: t.func.vmap(t.func.jacfwd(f))(t.stack([vector(t), vector(t).cos()])),
    "vmap of hessian": lambda t, f: t.func.vmap(t.func.hessian(lambda x: f(x).sum()))(t.stack([vector(t), vector(t).cos()])),
    "jacfwd of jacfwd": lambda t, f: t.func.jacfwd(t.func.jacfwd(f))(vector(t)),
    "vmap of vmap": lambda t, f: t.func.vmap(t.func.vmap(f))(t.stack([vector(t), vector(t).cos()])[None]),
}


# PyTorch refuses masks within vmap.
PAIRS = [(write, levels) for write in WRITES for levels in LEVELS if write is not masked or "vmap" not in levels]


@pytest.mark.parametrize("write, levels", PAIRS, ids=lambda each: getattr(each, "__name__", each))
def test_writes_in_place_within_levels_have_pytorchs_derivatives(write, levels):
    def run(t):
        return plain(LEVELS[levels](t, lambda x: write(t, x)))

    assert run(pedigrad) == run(torch)


def pinv_of_samples(t):
    a = batch(t)[0]
    return t.func.vmap(t.linalg.pinv)(a), t.func.vmap(lambda m, r: t.linalg.pinv(m, rtol=r))(a, t.tensor([0.1, 0.3, 0.6], dtype=t.float64))


def hermitian_pinv_of_samples(t):
    a = batch(t)
    return t.func.vmap(lambda m: t.linalg.pinv(m, hermitian=True))(a @ a.mT)


def rank_of_samples(t):
    return t.func.vmap(t.linalg.matrix_rank)(batch(t))


def least_squares_of_samples(t):
    return t.func.vmap(t.func.vmap(lambda a: t.linalg.lstsq(a, a * a)[0]))(batch(t))


def lu_of_samples(t):
    f = lambda a: t.linalg.lu(a)  # noqa: E731
    return list(t.func.vmap(t.func.vmap(f))(batch(t))), t.func.vmap(t.func.grad(lambda a: f(a)[2].sin().sum()))(batch(t)[0])


def gather_of_numbers(t):
    at, many = t.zeros(1, dtype=t.int64), t.zeros(2, dtype=t.int64)
    x = vector(t)
    found = [t.func.vmap(lambda v: v.gather(0, at))(x), t.func.vmap(lambda v: v.gather(0, many))(x)]
    return found, t.func.vmap(t.func.grad(lambda v: v.gather(0, at).sum()))(x)


def means_of_samples(t):
    at, x = t.tensor([0, 0, 2]), t.stack([vector(t), vector(t).cos()])
    f = lambda own: lambda v: v.scatter_reduce(0, at, v.sin(), "mean", include_self=own)  # noqa: E731
    return [(t.func.vmap(f(own))(x), t.func.vmap(t.func.jacrev(f(own)))(x)) for own in (True, False)]


def models_of_levels(t):
    """What is made like a sample is written to for each sample."""
    x = t.stack([vector(t), vector(t).cos()])

    def f(v):
        out = [t.zeros_like(v), t.ones_like(v), t.full_like(v, 3.0), t.empty_like(v), v.new_ones(3), v.new_full((3,), 2.0)]
        for y in out:
            y.copy_(v)
        return tuple(out)

    return list(t.func.vmap(f)(x))


def random_numbers_of_samples(t):
    """What is drawn has other numbers in the two libraries: its shape, and what they are to be."""
    x = t.stack([vector(t), vector(t).cos()]) * 0
    draws = (t.bernoulli, t.poisson, t.rand_like, lambda v: t.normal(v, v), lambda v: t.multinomial(v + 1, 3))
    found = [t.func.vmap(draw, randomness="different")(x) for draw in draws]
    return [found[0], found[1], found[2].floor(), found[3], found[4] * 0]


def statistics_of_samples(t):
    """What normalizations of the core give beside their result."""
    x = batch(t)
    layer = t.func.vmap(lambda v: t.native_layer_norm(v, (2,), None, None, 0.1))(x)
    return [*layer, *t.func.vmap(lambda v: t.native_batch_norm(v, None, None, None, None, True, 0.1, 0.1))(x)]


SAMPLES = (
    random_numbers_of_samples, statistics_of_samples,
    pinv_of_samples, hermitian_pinv_of_samples, rank_of_samples, least_squares_of_samples, lu_of_samples, gather_of_numbers,
    means_of_samples, models_of_levels,
)  # fmt: skip


@pytest.mark.parametrize("program", SAMPLES, ids=lambda p: p.__name__)
def test_within_vmap_a_program_gives_what_pytorch_gives(program):
    assert plain(program(pedigrad)) == plain(program(torch))


def running(t, run):
    """The result and its tangent, and what became of the running statistics."""
    mean, variance = t.zeros(2, dtype=t.float64), t.ones(2, dtype=t.float64)
    found = t.func.jvp(lambda x: run(x, mean, variance), (batch(t)[0],), (batch(t)[1],))
    return [*found, mean, variance]


def draws_along(t):
    x = vector(t).abs()
    draws = (t.bernoulli, t.poisson, lambda v: t.normal(v, v), lambda v: t.normal(v, 2.0))
    return [t.func.jvp(draw, (x,), (x,))[1] for draw in draws]


FORWARD = {
    "layer norm of the core": lambda t: t.func.jvp(
        lambda x: t.native_layer_norm(x, (3,), x.sin(), None, 0.1), (vector(t),), (vector(t).exp(),)),
    "batch norm of the core": lambda t: running(t, lambda x, m, v: t.native_batch_norm(x, None, None, m, v, True, 0.1, 0.1)),
    "instance norm": lambda t: running(t, lambda x, m, v: t.nn.functional.instance_norm(x, m, v)),
    "batch norm": lambda t: running(t, lambda x, m, v: t.nn.functional.batch_norm(x, m, v, training=True)),
    "what is drawn": draws_along,
    "the inverse of a spectrogram": lambda t: t.func.jvp(
        lambda w: t.istft(t.ones(5, 4, dtype=t.complex128), 8, window=w),
        (t.linspace(0.5, 1.5, 8, dtype=t.float64),), (t.linspace(-1.0, 1.0, 8, dtype=t.float64),)),
    "a quantile": lambda t: t.func.jvp(lambda x, q: t.quantile(x, q), (vector(t), vector(t)[:2]), (vector(t), vector(t)[1:])),
    "a quantile of numbers": lambda t: t.func.jvp(lambda x, q: t.nanquantile(x, q), (vector(t), vector(t)[0]), (vector(t), vector(t)[1])),
    "a count": lambda t: t.func.linearize(lambda x: ((x > 0).sum(), x * x), vector(t))[1](vector(t)),
}  # fmt: skip


@pytest.mark.parametrize("name", FORWARD)
def test_a_forward_derivative_is_pytorchs(name):
    assert plain(FORWARD[name](pedigrad)) == plain(FORWARD[name](torch))
