"""torch.distributions against PyTorch's, in one process: draws with one seed, densities, moments, gradients, divergences, maps, errors."""

import itertools
import re
import warnings

import numpy as np
import pytest
import torch as reference
from distribution_table import CONSTRAINTS, INVALID, KL_FORMS, TABLE, TRANSFORMS

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
    return (
        isinstance(error, AttributeError) and "_binomial" in str(error)  # an expanded Multinomial has no entropy
    ) or (
        isinstance(error, RuntimeError) and "CPUBoolType" in str(error)  # several draws of a Wishart have no gradients
    )


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
    if (
        isinstance(results[0], Exception)
        or isinstance(results[1], Exception)
        or (isinstance(results[0], reference.Tensor) and "sample" not in text)
    ):
        same(*results, text)


# Divergences

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
