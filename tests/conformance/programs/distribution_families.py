"""Every family of torch.distributions: draws, densities, moments, entropies, from one seed."""

import torch
import torch.distributions as D

torch.manual_seed(0)
families = [
    D.Normal(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 2.0])),
    D.LogNormal(0.0, 0.5),
    D.HalfNormal(2.0),
    D.Cauchy(0.0, 1.0),
    D.HalfCauchy(1.0),
    D.Laplace(torch.zeros(2), 1.0),
    D.Gumbel(0.0, 2.0),
    D.Uniform(-1.0, torch.tensor([1.0, 3.0])),
    D.Exponential(torch.tensor([1.0, 3.0])),
    D.Weibull(1.0, 2.0),
    D.Pareto(1.0, 3.0),
    D.Bernoulli(torch.tensor([0.3, 0.9])),
    D.Bernoulli(logits=torch.tensor(0.4)),
    D.Geometric(0.3),
    D.Categorical(torch.tensor([[0.2, 0.3, 0.5], [1.0, 1.0, 2.0]])),
    D.OneHotCategorical(logits=torch.randn(4)),
    D.OneHotCategoricalStraightThrough(torch.ones(3)),
    D.Multinomial(5, torch.tensor([0.1, 0.4, 0.5])),
    D.Poisson(torch.tensor([1.0, 4.0])),
    D.Binomial(6, torch.tensor([0.2, 0.8])),
    D.NegativeBinomial(5, torch.tensor(0.3)),
    D.ContinuousBernoulli(torch.tensor([0.2, 0.7])),
    D.RelaxedBernoulli(torch.tensor(0.5), torch.tensor([0.2, 0.7])),
    D.RelaxedOneHotCategorical(torch.tensor(1.0), torch.tensor([0.2, 0.3, 0.5])),
    D.MultivariateNormal(torch.zeros(2), torch.tensor([[2.0, 0.3], [0.3, 1.0]])),
    D.LowRankMultivariateNormal(torch.zeros(3), torch.ones(3, 1), torch.ones(3)),
    D.LogisticNormal(torch.zeros(2), torch.ones(2)),
    D.VonMises(torch.tensor(0.5), torch.tensor(3.0)),
    D.Independent(D.Normal(torch.zeros(3, 2), 1.0), 1),
    D.MixtureSameFamily(D.Categorical(torch.ones(2)), D.Normal(torch.tensor([-2.0, 2.0]), 1.0)),
    D.TransformedDistribution(D.Normal(0.0, 1.0), [D.AffineTransform(1.0, 2.0), D.SigmoidTransform()]),
    D.LKJCholesky(3, 1.5),
    D.Gamma(torch.tensor([0.5, 3.0]), 2.0),
    D.InverseGamma(3.0, 1.0),
    D.Beta(torch.tensor([0.5, 2.0]), 2.0),
    D.Dirichlet(torch.tensor([1.0, 2.0, 0.5])),
    D.Chi2(3.0),
    D.StudentT(4.0),
    D.FisherSnedecor(3.0, 6.0),
]
for d in families:
    name = type(d).__name__
    torch.manual_seed(7)
    x = d.sample((3,))
    print(name, tuple(d.batch_shape), tuple(d.event_shape), d.has_rsample, d.has_enumerate_support)
    print("  ", x.flatten()[:6], d.log_prob(x).flatten()[:4])
    for what in ("mean", "variance", "stddev", "mode"):
        try:
            print("  ", what, getattr(d, what).flatten()[:4])
        except NotImplementedError:
            print("  ", what, "NotImplementedError")
    try:
        print("   entropy", d.entropy().flatten()[:4])
    except NotImplementedError:
        print("   no entropy")
    try:
        print("   cdf", d.cdf(x).flatten()[:4])
        print("   icdf", d.icdf(torch.tensor(0.3)).flatten()[:4])
    except NotImplementedError:
        print("   no cdf or icdf")
    e = d.expand((2, *d.batch_shape))
    print(
        "  ",
        tuple(e.batch_shape),
        tuple(e.rsample((2,)).shape) if e.has_rsample else tuple(e.sample((2,)).shape),
        d.support,
        type(e).__name__,
    )
    if d.has_enumerate_support:
        print("  ", d.enumerate_support().flatten()[:6], d.enumerate_support(expand=False).shape)
    print("  ", repr(d).replace("\n", " ")[:100])
