"""What is ours: where PyTorch's distributions are wrong, what errors say, how families are extended."""

import math
import pickle

import numpy as np
import pytest

import pedigrad as torch

D = torch.distributions


def double(values, **options):
    return torch.tensor(values, dtype=torch.float64, **options)


def test_the_mode_of_a_kumaraswamy_distribution():
    d = D.Kumaraswamy(double([2.0, 3.0, 0.5]), double([3.0, 1.5, 2.0]))
    x = torch.linspace(0.0001, 0.9999, 9999, dtype=torch.float64)
    best = x[d.log_prob(x[:, None]).argmax(0)]
    assert np.allclose(d.mode.numpy()[:2], best.numpy()[:2], atol=2e-4) and math.isnan(d.mode[2])


@pytest.mark.parametrize("name", ["log_prob", "icdf", "cdf"])
def test_a_generalized_pareto_distribution_is_smooth_at_zero(name):
    slopes = []
    for c in (-1e-4, 0.0, 1e-4):
        c = double(c, requires_grad=True)
        getattr(D.GeneralizedPareto(double(0.0), double(2.0), c), name)(double(0.7)).backward()
        slopes.append(float(c.grad))
    assert slopes[1] == pytest.approx((slopes[0] + slopes[2]) / 2, rel=1e-3)


def test_divergences_from_what_lies_in_the_same_interval_are_finite():
    uniform, p = D.Uniform(double(0.0), double(1.0)), D.ContinuousBernoulli(double(0.3))
    assert float(D.kl_divergence(p, uniform)) == pytest.approx(-float(p.entropy()))
    assert float(D.kl_divergence(uniform, p)) == pytest.approx(-float(p.log_prob(torch.linspace(0, 1, 20001).double()).mean()), rel=1e-6)
    assert D.kl_divergence(D.Normal(0.0, 1.0), D.Beta(torch.ones(3), 1.0)).shape == (3,)


PAIRS = [
    "Beta(2., 3.)", "ContinuousBernoulli(0.3)", "Exponential(2.)", "Gamma(3., 2.)", "Gumbel(0.5, 0.7)", "Laplace(0.2, 0.6)",
    "Normal(0.3, 0.8)", "Pareto(0.5, 6.)", "Uniform(0.1, 0.9)",
]  # fmt: skip


@pytest.mark.parametrize("p", PAIRS)
def test_divergences_are_the_means_that_they_say(p):
    p = eval(f"D.{p}")
    p._validate_args = False
    ends = {"Beta": (1e-9, 1 - 1e-9), "Gamma": (1e-9, 30.0)}.get(type(p).__name__)
    low, high = map(double, ends) if ends else (p.icdf(double(share)) for share in (1e-9, 1 - 1e-7))
    x = low + (high - low) * ((torch.arange(40000, dtype=torch.float64) + 0.5) / 40000)
    density = p.log_prob(x).exp()
    for q in PAIRS:
        q = eval(f"D.{q}")
        try:
            divergence = float(D.kl_divergence(p, q))
        except NotImplementedError:
            continue
        if math.isfinite(divergence):
            q._validate_args = False
            mean = float((density * (p.log_prob(x) - q.log_prob(x))).sum() * (high - low) / 40000)
            assert divergence == pytest.approx(mean, rel=2e-2, abs=1e-3), (p, q)


def test_errors_say_what_is_wrong():
    with pytest.raises(
        ValueError, match=r"parameter scale .* of distribution Normal\(loc: 0.0, scale: -1.0\) .* GreaterThan\(lower_bound=0.0\)"
    ):
        D.Normal(0.0, -1.0)
    with pytest.raises(ValueError, match=r"within the support \(Boolean\(\)\) of the distribution Bernoulli\(probs: 0.5\)"):
        D.Bernoulli(0.5).log_prob(torch.tensor(0.5))
    with pytest.raises(NotImplementedError, match="Poisson has no rsample: its draws have no gradients"):
        D.Poisson(1.0).rsample()
    with pytest.raises(ValueError, match="numbers or tensors, got str, float"):
        D.Normal("a", 1.0)
    with pytest.raises(NotImplementedError, match="p type Normal and q type Cauchy"):
        D.kl_divergence(D.Normal(0.0, 1.0), D.Cauchy(0.0, 1.0))


def test_arguments_are_checked_unless_told_otherwise():
    try:
        D.Distribution.set_default_validate_args(False)
        assert float(D.Normal(0.0, -1.0).scale) == -1
        with pytest.raises(ValueError, match="parameter scale"):
            D.Normal(0.0, -1.0, validate_args=True)
    finally:
        D.Distribution.set_default_validate_args(True)
    assert float(D.Normal(0.0, -1.0, validate_args=False).scale) == -1


def test_a_subclass_with_its_own_init_says_that_it_must_expand_itself():
    class Standard(D.Normal):
        def __init__(self):
            super().__init__(0.0, 1.0)

    with pytest.raises(NotImplementedError, match=r"Subclass Standard of Normal .* must also define a custom \.expand"):
        Standard().expand((2,))

    class Expanding(Standard):
        def expand(self, batch_shape, _instance=None):
            return super().expand(batch_shape, _instance=self._get_checked_instance(Expanding, _instance))

    assert Expanding().expand((2, 3)).sample().shape == (2, 3)


def test_divergences_can_be_registered_and_ambiguous_ones_are_warned_of():
    class P(D.Normal):
        pass

    class Q(D.Normal):
        pass

    registry = D.kl._KL_REGISTRY
    before = dict(registry)
    try:
        D.register_kl(P, D.Normal)(lambda p, q: torch.tensor(1.0))
        assert D.kl_divergence(P(0.0, 1.0), Q(0.0, 1.0)) == 1 and D.kl_divergence(Q(0.0, 1.0), P(0.0, 1.0)) == 0
        D.register_kl(D.Normal, Q)(lambda p, q: torch.tensor(2.0))
        with pytest.warns(RuntimeWarning, match=r"Ambiguous kl_divergence\(P, Q\)"):
            assert D.kl_divergence(P(0.0, 1.0), Q(0.0, 1.0)) == 1
    finally:
        registry.clear()
        registry.update(before)
        D.kl._KL_MEMOIZE.clear()


def test_a_cached_map_gives_the_very_argument_back():
    f = D.TanhTransform(cache_size=1)
    x = torch.tensor([50.0])
    assert f.inv(f(x)) is x and f.inv.inv is f and f(x) is f(x)
    assert D.TanhTransform().inv(D.TanhTransform()(x))[0] == math.inf


def test_properties_that_are_computed_once_have_gradients():
    logits = torch.zeros(3, requires_grad=True)
    with torch.no_grad():
        d = D.Bernoulli(logits=logits)
        probs = d.probs
    assert probs.requires_grad and d.probs is probs and "probs" not in D.Bernoulli(logits=logits).__dict__


def test_parameters_of_one_shape_are_the_tensors_that_were_given():
    loc, scale = torch.zeros(2, requires_grad=True), torch.ones(2)
    d = D.Normal(loc, scale)
    assert d.loc is loc and d.scale is scale


def test_a_distribution_survives_pickling():
    d = pickle.loads(pickle.dumps(D.TransformedDistribution(D.Normal(0.0, 1.0), [D.ExpTransform(), D.AffineTransform(1.0, 2.0)])))
    assert float(d.log_prob(torch.tensor(3.0))) == pytest.approx(-math.log(2 * math.sqrt(2 * math.pi)))


def test_a_von_mises_density_adds_up_to_one():
    x = (torch.arange(20000, dtype=torch.float64) + 0.5) / 20000 * 2 * math.pi
    total = D.VonMises(double(1.0), double([1e-3, 1.0, 80.0])).log_prob(x[:, None]).exp().mean(0) * 2 * math.pi
    assert np.allclose(total.numpy(), 1, rtol=1e-12)
