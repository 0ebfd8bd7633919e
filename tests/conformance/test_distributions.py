"""torch.distributions against PyTorch's, in one process: draws with one seed, densities, moments, gradients, divergences, maps, errors."""

import itertools
import re
import warnings

import numpy as np
import pytest
import torch as reference
from distribution_table import INVALID, TABLE

import pedigrad
import pedigrad.distributions

LIBRARIES = (reference, pedigrad)
CASES = [text for texts in TABLE.values() for text in texts]
MODE_IS_WRONG = ("Kumaraswamy",)  # PyTorch 2.13 gives nan where the mode is in the interior


ROUGH = ("D.GeneralizedPareto", "D.VonMises")  # PyTorch's have no float64, or Bessel functions in 7 digits


class Side:
    """One library with the parameters that a text has made."""

    def __init__(self, torch, kind="float64"):
        self.torch, self.kind, self.leaves = torch, getattr(torch, kind), []

    def t(self, values):
        leaf = self.torch.tensor(values, dtype=self.kind, requires_grad=True)
        self.leaves.append(leaf)
        return leaf

    def c(self, values):
        return self.torch.tensor(values, dtype=self.kind)

    def make(self, text):
        return eval(text, {"D": self.torch.distributions, "t": self.t, "c": self.c, "torch": self.torch})

    def gradients(self, value, extra=()):
        """The gradients of a sum of the value with uneven weights, by the parameters and other leaves; None where there are none."""
        leaves = [*self.leaves, *extra]
        if not leaves or not isinstance(value, self.torch.Tensor) or not value.requires_grad:
            return None
        weights = np.linspace(0.5, 1.5, value.numel()).reshape(tuple(value.shape))
        total = (value * self.torch.tensor(weights, dtype=value.dtype)).sum()
        return attempted(lambda: list(self.torch.autograd.grad(total, leaves, retain_graph=True, allow_unused=True)))


def attempted(action):
    """What the action gives, or the error it raises."""
    try:
        return action()
    except Exception as error:
        return error


def plain(value):
    return value.detach().numpy() if isinstance(value, LIBRARIES[0].Tensor | LIBRARIES[1].Tensor) else value


def is_a_fault(error):
    """Whether an error of PyTorch's is one that users cannot have wanted."""
    return isinstance(error, AttributeError) and "_binomial" in str(error)  # an expanded Multinomial has no entropy


def same(expected, actual, what, rtol=1e-9, atol=1e-10):
    """Values of the two libraries agree: tensors in dtype, shape and numbers, errors in type."""
    if is_a_fault(expected):
        return
    if isinstance(expected, Exception) or isinstance(actual, Exception):
        assert type(expected).__name__ == type(actual).__name__, f"{what}: {expected!r} and {actual!r}"
        return
    if isinstance(expected, list | tuple) and not isinstance(expected, reference.Size):
        assert len(expected) == len(actual), what
        for i, pair in enumerate(zip(expected, actual, strict=True)):
            same(*pair, f"{what}[{i}]", rtol, atol)
        return
    if isinstance(expected, reference.Tensor):
        assert isinstance(actual, pedigrad.Tensor), f"{what}: {type(actual)}"
        a, b = plain(expected), plain(actual)
        assert (a.shape, a.dtype) == (b.shape, b.dtype), f"{what}: {a.shape} {a.dtype} and {b.shape} {b.dtype}"
        if a.dtype == np.float32:
            rtol, atol = max(rtol, 1e-4), max(atol, 1e-5)
        np.testing.assert_allclose(b, a, rtol=rtol, atol=atol, err_msg=what)
        return
    assert plain(expected) == plain(actual), f"{what}: {expected} and {actual}"


def shown(value):
    """The repr, without the names of nodes."""
    return re.sub(r", (grad_fn=<\w+>|requires_grad=True)", "", repr(value))


def both(text, kind=None):
    kind = kind or ("float32" if text.startswith(ROUGH) else "float64")
    sides = [Side(torch, kind) for torch in LIBRARIES]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sides, [side.make(text) for side in sides]


def compare(sides, actions, what, rtol=1e-9, atol=1e-10, seed=0, extra=None):
    """Run on both sides with one seed; values agree, and gradients where one is needed. Gives the values."""
    results = []
    for side, action in zip(sides, actions, strict=True):
        side.torch.manual_seed(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results.append(attempted(action))
    same(*results, what, rtol, atol)
    if not isinstance(results[0], Exception):
        extras = extra or ((), ())
        same(*(side.gradients(r, e) for side, r, e in zip(sides, results, extras, strict=True)), f"gradients of {what}", rtol, atol)
    return results


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("text", CASES)
def test_what_it_says_of_itself(text):
    _, (theirs, ours) = both(text)
    for name in ("batch_shape", "event_shape", "has_rsample", "has_enumerate_support"):
        same(getattr(theirs, name), getattr(ours, name), name)
    names = [set(d.__dict__) for d in (theirs, ours)]
    assert {n for n in names[0] if n in theirs.arg_constraints} == {n for n in names[1] if n in ours.arg_constraints}
    limits = [{name: shown(c) for name, c in d.arg_constraints.items()} for d in (theirs, ours)]
    assert limits[0] == limits[1]
    assert type(theirs.support).__name__ == type(ours.support).__name__
    for name in ("event_dim", "is_discrete"):
        same(getattr(theirs.support, name), getattr(ours.support, name), name)
    assert shown(theirs) == shown(ours)


@pytest.mark.parametrize("text", CASES)
@pytest.mark.parametrize("kind", ("float64", "float32"))
def test_draws(text, kind):
    sides, dists = both(text, kind)
    loose = {"rtol": 2e-3, "atol": 1e-4}  # PyTorch's derivatives of gamma and beta numbers are approximations
    tight = {"rtol": 1e-9, "atol": 1e-10} if kind == "float64" else {"rtol": 1e-4, "atol": 1e-5}
    for shape in ((), (3,), (2, 2)):
        compare(sides, [lambda d=d: d.sample(shape) for d in dists], f"sample({shape})", **tight)
        compare(sides, [lambda d=d: d.rsample(shape) for d in dists], f"rsample({shape})", **loose)
        with reference.no_grad(), pedigrad.no_grad():
            compare(sides, [lambda d=d: d.rsample(shape) for d in dists], f"rsample({shape})", **tight)


def values_of(sides, dists, shape=(3,)):
    """Draws of PyTorch's distribution as leaves of both sides."""
    reference.manual_seed(1)
    value = plain(dists[0].sample(shape))
    return [side.torch.tensor(value, requires_grad=value.dtype.kind == "f") for side in sides]


@pytest.mark.parametrize("text", CASES)
def test_densities(text):
    sides, dists = both(text)
    values = values_of(sides, dists)
    extra = [(v,) if v.requires_grad else () for v in values]
    for name in ("log_prob", "cdf"):
        actions = [lambda d=d, v=v: getattr(d, name)(v) for d, v in zip(dists, values, strict=True)]
        compare(sides, actions, name, rtol=1e-7, atol=1e-8, extra=extra)
    shares = [side.torch.tensor([0.1, 0.5, 0.93]).reshape(3, *(1,) * len(dists[0].batch_shape)) for side in sides]
    shares = [s.to(side.kind).requires_grad_() for s, side in zip(shares, sides, strict=True)]
    actions = [lambda d=d, s=s: d.icdf(s) for d, s in zip(dists, shares, strict=True)]
    compare(sides, actions, "icdf", rtol=1e-7, atol=1e-8, extra=[(s,) for s in shares])


@pytest.mark.parametrize("text", CASES)
def test_moments(text):
    sides, dists = both(text)
    for name in ("mean", "mode", "variance", "stddev"):
        if name == "mode" and type(dists[0]).__name__ in MODE_IS_WRONG:
            continue
        compare(sides, [lambda d=d: getattr(d, name) for d in dists], name, rtol=1e-7)
    for name in ("entropy", "perplexity"):
        compare(sides, [lambda d=d: getattr(d, name)() for d in dists], name, rtol=1e-7)


@pytest.mark.parametrize("text", CASES)
def test_support(text):
    sides, dists = both(text)
    for expand in (True, False):
        compare(sides, [lambda d=d: d.enumerate_support(expand) for d in dists], f"enumerate_support({expand})")
    values = values_of(sides, dists)
    for shift in (0.0, -1.0, 1.0, 0.25, float("nan")):
        shifted = [v.detach() + shift for v in values]
        compare(sides, [lambda d=d, v=v: d.support.check(v) for d, v in zip(dists, shifted, strict=True)], f"support of values + {shift}")


@pytest.mark.parametrize("text", CASES)
def test_expand(text):
    sides, dists = both(text)
    shape = (2, *dists[0].batch_shape)
    wide = [d.expand(shape) for d in dists]
    for name in ("batch_shape", "event_shape"):
        same(getattr(wide[0], name), getattr(wide[1], name), name)
    assert type(wide[1]) is type(dists[1])
    values = values_of(sides, wide)
    compare(sides, [lambda d=d, v=v: d.log_prob(v) for d, v in zip(wide, values, strict=True)], "log_prob", rtol=1e-7)
    compare(sides, [lambda d=d: d.sample((2,)) for d in wide], "sample")
    compare(sides, [lambda d=d: d.mean for d in wide], "mean", rtol=1e-7)
    compare(sides, [lambda d=d: d.variance for d in wide], "variance", rtol=1e-7)
    compare(sides, [lambda d=d: d.expand((3, *shape)).entropy() for d in wide], "entropy", rtol=1e-7)
    compare(sides, [lambda d=d: d.enumerate_support() for d in wide], "enumerate_support")


@pytest.mark.parametrize("text", INVALID)
def test_refusals(text):
    sides = [Side(torch) for torch in LIBRARIES]
    results = [attempted(lambda side=side: side.make(text)) for side in sides]
    if isinstance(results[0], Exception) or isinstance(results[1], Exception):
        same(*results, text)
    elif isinstance(results[0], reference.Tensor) and "sample" not in text:
        same(*results, text)


# Divergences

FIRST = {name: texts[0] for name, texts in TABLE.items()}
KL_FORMS = {
    "Bernoulli": ("D.Bernoulli(t([0.1, 0.5, 0.8]))", "D.Bernoulli(logits=t([0.3, -1., 2.]))", "D.Bernoulli(t([0., 1., 0.]))"),
    "Beta": ("D.Beta(t([0.5, 2., 30.]), t([0.7, 3., 5.]))", "D.Beta(t([2., 1., 3.]), t([1., 3., 0.5]))"),
    "Binomial": ("D.Binomial(30, t([0.1, 0.5, 0.8]))", "D.Binomial(20, t([0.3, 0.5, 0.6]))", "D.Binomial(20, t([0.1, 0.5, 0.7]))"),
    "Categorical": ("D.Categorical(t([0.1, 0.6, 0.3]))", "D.Categorical(t([0., 0.5, 0.5]))", "D.Categorical(logits=t([0.1, 2., -1.]))"),
    "Cauchy": ("D.Cauchy(t([0., 1., 2.]), t([1., 2.5, 0.3]))", "D.Cauchy(0., 1.)"),
    "Chi2": ("D.Chi2(t([0.5, 3., 10.]))", "D.Chi2(4.)"),
    "ContinuousBernoulli": ("D.ContinuousBernoulli(t([0.1, 0.5, 0.8]))", "D.ContinuousBernoulli(t([0.3, 0.9, 0.4]))"),
    "Dirichlet": ("D.Dirichlet(t([0.5, 2., 3.]))", "D.Dirichlet(t([1., 4., 0.3]))"),
    "Exponential": ("D.Exponential(t([0.5, 2., 3.]))", "D.Exponential(t([1., 0.2, 4.]))"),
    "Gamma": ("D.Gamma(t([0.5, 2., 3.]), t([1., 2., 0.3]))", "D.Gamma(t([1., 0.2, 4.]), 2.)"),
    "Geometric": ("D.Geometric(t([0.1, 0.5, 0.8]))", "D.Geometric(t([0.3, 0.9, 0.2]))"),
    "Gumbel": ("D.Gumbel(t([0., 1., -2.]), t([1., 2.5, 0.3]))", "D.Gumbel(0.5, 1.)"),
    "HalfNormal": ("D.HalfNormal(t([1., 2.5, 3.]))", "D.HalfNormal(1.)"),
    "Independent": ("D.Independent(D.Normal(t([0., 1.]), c(1.)), 1)", "D.Independent(D.Normal(t([2., 1.]), t(2.)), 1)"),
    "Laplace": ("D.Laplace(t([0., 1., -2.]), t([1., 2.5, 0.3]))", "D.Laplace(0.5, 1.)"),
    "LogNormal": ("D.LogNormal(t([0., 1.]), t([1., 2.5]))", "D.LogNormal(0.5, 1.)"),
    "LowRankMultivariateNormal": (FIRST["LowRankMultivariateNormal"], "D.LowRankMultivariateNormal(t([1., 1., 0.]), t([[1.], [0.3], [2.]]), t([2., 0.7, 1.]))"),
    "MultivariateNormal": (FIRST["MultivariateNormal"], TABLE["MultivariateNormal"][1], TABLE["MultivariateNormal"][2]),
    "Normal": ("D.Normal(t([0., 1., -2.]), t([1., 2.5, 0.3]))", "D.Normal(0.5, 1.)"),
    "OneHotCategorical": ("D.OneHotCategorical(t([0.1, 0.6, 0.3]))", "D.OneHotCategorical(t([0.3, 0.2, 0.5]))"),
    "Pareto": ("D.Pareto(t([1., 0.5, 2.]), t([3., 2.5, 4.]))", "D.Pareto(t([0.9, 0.3, 3.]), t([3., 2., 4.]))"),
    "Poisson": ("D.Poisson(t([0.3, 4., 30.]))", "D.Poisson(t([2., 3., 10.]))"),
    "TransformedDistribution": tuple(f"D.TransformedDistribution(D.Normal(t({m}), c(1.)), [D.ExpTransform(), D.SigmoidTransform()])" for m in (0.5, 2.0)),
    "Uniform": ("D.Uniform(t([0.1, 1., 3.]), t([0.7, 2., 5.]))", "D.Uniform(t([-0.5, 0.5, 2.]), t([2., 3., 6.]))"),
    "Wishart": (FIRST["Wishart"], TABLE["Wishart"][2]),
}  # fmt: skip
PAIRS = [(p, q) for a, b in itertools.product(KL_FORMS, repeat=2) for p, q in itertools.product(KL_FORMS[a], KL_FORMS[b])]


@pytest.mark.parametrize("name", KL_FORMS)
def test_divergences(name):
    for p, q in PAIRS:
        if not p.startswith(f"D.{name}("):
            continue
        sides = [Side(torch) for torch in LIBRARIES]
        pairs = [(side.make(p), side.make(q)) for side in sides]
        actions = [
            lambda side=side, pair=pair: side.torch.distributions.kl_divergence(*pair) for side, pair in zip(sides, pairs, strict=True)
        ]
        results = [attempted(action) for action in actions]
        if not isinstance(results[0], Exception) and np.isinf(plain(results[0])).any():
            shapes = [pedigrad.broadcast_shapes(r.shape, pairs[1][1].batch_shape) for r in results]  # PyTorch's has p's shape alone
            same(*(r.expand(s) for r, s in zip(results, shapes, strict=True)), f"KL({p}, {q})", 1e-7, 1e-8)
            continue
        compare(sides, actions, f"KL({p}, {q})", rtol=1e-6, atol=1e-8)


def test_the_same_pairs_are_registered():
    registries = [{(p.__name__, q.__name__) for p, q in torch.distributions.kl._KL_REGISTRY} for torch in LIBRARIES]
    assert registries[0] == registries[1]


# Maps

TRANSFORMS = {
    "D.AbsTransform()": "[-1., 2., 0.5]", "D.AffineTransform(t(1.), t([2., -3., 0.5]))": "[-1., 2., 0.5]", "D.AffineTransform(1., 2.)": "[-1., 2.]",
    "D.AffineTransform(t([1., 2.]), t([2., -3.]), event_dim=1)": "[[1., 2.], [3., 4.]]", "D.AffineTransform(1, 2, 1)": "[[1., 2.], [3., 4.]]",
    "D.ExpTransform()": "[-1., 2., 0.]", "D.PowerTransform(t(2.))": "[1., 2.]", "D.PowerTransform(t([-1., 0.5]))": "[1., 2.]", "D.PowerTransform(2)": "[1., 2.]",
    "D.SigmoidTransform()": "[-50., -1., 0., 2., 50.]", "D.SoftplusTransform()": "[-10., 0., 5., 30.]", "D.TanhTransform()": "[-3., 0., 0.5]",
    "D.SoftmaxTransform()": "[[1., 2., 0.], [0., 0., 3.]]", "D.StickBreakingTransform()": "[[1., 2., 0.], [0., 0., 3.]]",
    "D.LowerCholeskyTransform()": "[[1., 2.], [0.3, -1.]]", "D.PositiveDefiniteTransform()": "[[[1., 2.], [0.3, -1.]]]", "D.CorrCholeskyTransform()": "[[0.5, -1., 0.2]]",
    "D.CumulativeDistributionTransform(D.Normal(t(0.5), t(2.)))": "[-1., 0.3, 2.]", "D.ReshapeTransform((2, 2), (4,))": "[[[1., 2.], [3., 4.]]]",
    "D.ComposeTransform([D.AffineTransform(t(0.5), t(-1.)), D.SigmoidTransform(), D.ExpTransform().inv])": "[0.3, -1.]",
    "D.ComposeTransform([D.StickBreakingTransform(), D.AffineTransform(0., t(3.))])": "[[0.3, -1.]]", "D.ComposeTransform([])": "[1., 2.]", "D.identity_transform": "[1., 2.]",
    "D.IndependentTransform(D.ExpTransform(), 1)": "[[0.3, -1.]]", "D.StackTransform([D.ExpTransform(), D.TanhTransform()], dim=1)": "[[0.3, -1.]]",
    "D.CatTransform([D.ExpTransform(), D.AffineTransform(t(1.), 2.)], dim=-1, lengths=[2, 1])": "[[0.3, -1., 3.]]",
    "D.CatTransform([D.IndependentTransform(D.ExpTransform(), 1), D.IndependentTransform(D.TanhTransform(), 1)], lengths=[1, 2])": "[[0.3, -1.], [1., 2.], [3., 0.5]]",
    "D.TanhTransform().inv": "[-0.5, 0.3]", "D.StickBreakingTransform().inv": "[0.2, 0.5, 0.3]", "D.ComposeTransform([D.ExpTransform(), D.TanhTransform()]).inv": "[0.5, 0.3]",
    "D.ExpTransform(cache_size=1)": "[1., 2.]", "D.TanhTransform().with_cache()": "[1., 2.]",
    **{f"D.{r}(D.constraints.{c})": x for r in ("biject_to", "transform_to") for c, x in {
        "real": "[1.]", "positive": "[1.]", "nonnegative": "[-1.]", "greater_than(t(2.))": "[1.]", "greater_than_eq(2)": "[1.]", "less_than(2.)": "[1.]", "interval(-1., t(2.))": "[1.]",
        "unit_interval": "[1.]", "half_open_interval(1, 3)": "[1.]", "simplex": "[1., 2.]", "corr_cholesky": "[1., 2., 0.5]", "real_vector": "[[1., 2.]]", "independent(D.constraints.positive, 1)": "[[1., 2.]]",
        "stack([D.constraints.positive, D.constraints.real], 0)": "[1., 2.]", "cat([D.constraints.positive, D.constraints.real], 0, [2, 1])": "[1., 2., 3.]"}.items()},
    "D.transform_to(D.constraints.lower_cholesky)": "[[1., 2.], [0.3, -1.]]", "D.transform_to(D.constraints.positive_definite)": "[[1., 2.], [0.3, -1.]]",
    "D.transform_to(D.constraints.positive_semidefinite)": "[[1., 2.], [0.3, -1.]]",
}  # fmt: skip


@pytest.mark.parametrize("text", TRANSFORMS)
def test_transforms(text):
    sides, maps = both(text)
    xs = [side.torch.tensor(eval(TRANSFORMS[text]), dtype=side.kind, requires_grad=True) for side in sides]
    extra = [(x,) for x in xs]
    ys = compare(sides, [lambda f=f, x=x: f(x) for f, x in zip(maps, xs, strict=True)], "f(x)", extra=extra)
    compare(sides, [lambda f=f, y=y: f.inv(y) for f, y in zip(maps, ys, strict=True)], "f.inv(y)", rtol=1e-7, extra=extra)
    fresh = [side.torch.tensor(plain(ys[0]), requires_grad=True) for side in sides]
    compare(sides, [lambda f=f, y=y: f.inv(y) for f, y in zip(maps, fresh, strict=True)], "f.inv", rtol=1e-6, extra=[(y,) for y in fresh])
    actions = [lambda f=f, x=x, y=y: f.log_abs_det_jacobian(x, y) for f, x, y in zip(maps, xs, ys, strict=True)]
    compare(sides, actions, "log_abs_det_jacobian", rtol=1e-7, extra=extra)
    for name in ("bijective", "event_dim", "sign"):
        compare(sides, [lambda f=f: getattr(f, name) for f in maps], name)
    for name in ("domain", "codomain"):
        same(*(repr(getattr(f, name)) for f in maps), name)
        values = xs if name == "domain" else ys
        compare(sides, [lambda f=f, v=v: getattr(f, name).check(v) for f, v in zip(maps, values, strict=True)], name)
    same(tuple(maps[0].forward_shape(xs[0].shape)), tuple(maps[1].forward_shape(xs[1].shape)), "forward_shape")
    same(tuple(maps[0].inverse_shape(ys[0].shape)), tuple(maps[1].inverse_shape(ys[1].shape)), "inverse_shape")
    same(repr(maps[0]), repr(maps[1]), "repr")
    for other in ("D.ExpTransform()", "D.AffineTransform(1., 2.)", "D.TanhTransform()", text):
        again = [side.make(other) for side in sides]
        compare(sides, [lambda f=f, g=g: bool(f == g) for f, g in zip(maps, again, strict=True)], f"== {other}")


CONSTRAINTS = {
    "boolean": "[0., 1., 0.5, float('nan')]", "one_hot": "[[0., 1.], [1., 1.], [0., 0.5]]", "nonnegative_integer": "[-1., 0., 0.5, 2.]", "positive_integer": "[0., 1., 1.5]",
    "integer_interval(0, 2)": "[-1., 0., 1.5, 2., 3.]", "real": "[1., float('nan'), float('inf')]", "real_vector": "[[1., 2.], [float('nan'), 0.]]", "positive": "[-1., 0., 1.]", "nonnegative": "[-1., 0., 1.]",
    "greater_than(1.)": "[0., 1., 2.]", "greater_than_eq(1.)": "[0., 1., 2.]", "less_than(1.)": "[0., 1., 2.]", "interval(c([0., 1.]), 2.)": "[[0., 0.], [2., 2.]]", "half_open_interval(0., 1.)": "[0., 0.5, 1.]",
    "simplex": "[[0.5, 0.5], [0.4, 0.4], [-0.5, 1.5]]", "multinomial(3)": "[[1., 2.], [2., 2.], [-1., 2.], [0., 1.]]", "lower_triangular": "[[[1., 0.], [2., 1.]], [[1., 1.], [0., 1.]]]",
    "lower_cholesky": "[[[1., 0.], [2., 1.]], [[1., 0.], [0., -1.]]]", "corr_cholesky": "[[[1., 0.], [0.6, 0.8]], [[1., 0.], [1., 1.]]]", "square": "[[[1., 0.], [2., 1.]]]", "symmetric": "[[[1., 0.], [2., 1.]], [[1., 2.], [2., 1.]]]",
    "positive_semidefinite": "[[[1., 1.], [1., 1.]], [[1., 2.], [2., 1.]]]", "positive_definite": "[[[1., 0.5], [0.5, 1.]], [[1., 2.], [2., 1.]]]", "cat([D.constraints.positive, D.constraints.real], -1, [1, 2])": "[[1., 2., -1.]]",
    "stack([D.constraints.positive, D.constraints.unit_interval], 1)": "[[1., 2.], [-1., 0.5]]", "MixtureSameFamilyConstraint(D.constraints.real_vector)": "[[1., 2.]]",
}  # fmt: skip


@pytest.mark.parametrize("text", CONSTRAINTS)
def test_constraints(text):
    sides, sets = both(f"D.constraints.{text}")
    values = [side.torch.tensor(eval(CONSTRAINTS[text]), dtype=side.kind) for side in sides]
    compare(sides, [lambda s=s, v=v: s.check(v) for s, v in zip(sets, values, strict=True)], "check")
    same(repr(sets[0]), repr(sets[1]), "repr")
    for name in ("event_dim", "is_discrete"):
        same(getattr(sets[0], name), getattr(sets[1], name), name)


@pytest.mark.parametrize("module", ("", ".constraints", ".transforms", ".kl", ".constraint_registry", ".utils"))
def test_names(module):
    theirs, ours = (eval(f"torch.distributions{module}", {"torch": torch}) for torch in LIBRARIES)
    assert not set(theirs.__all__) - set(dir(ours)) if hasattr(theirs, "__all__") else True
