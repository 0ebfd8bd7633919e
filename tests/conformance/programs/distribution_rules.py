"""Divergences, transforms, constraints and the messages of argument checks."""

import torch
from torch import distributions as D
from torch.distributions import biject_to, constraints, kl_divergence, register_kl, transform_to
from torch.distributions import transforms as T

torch.manual_seed(0)
pairs = [
    (D.Normal(0.0, 1.0), D.Normal(1.0, 2.0)),
    (D.Gamma(2.0, 1.0), D.Gamma(3.0, 2.0)),
    (D.Beta(1.0, 2.0), D.Beta(2.0, 2.0)),
    (D.Bernoulli(0.3), D.Bernoulli(0.6)),
    (D.Categorical(torch.tensor([0.1, 0.9])), D.Categorical(torch.tensor([0.5, 0.5]))),
    (D.Dirichlet(torch.ones(3)), D.Dirichlet(torch.tensor([1.0, 2, 3]))),
    (D.Exponential(1.0), D.Exponential(2.0)),
    (D.Exponential(1.0), D.Gamma(2.0, 1.0)),
    (D.Laplace(0.0, 1.0), D.Laplace(1.0, 1.0)),
    (D.Poisson(2.0), D.Poisson(3.0)),
    (D.Uniform(0.0, 1.0), D.Normal(0.0, 1.0)),
    (D.Uniform(0.0, 1.0), D.Uniform(-1.0, 2.0)),
    (D.Gumbel(0.0, 1.0), D.Gumbel(1.0, 2.0)),
    (D.Geometric(0.2), D.Geometric(0.5)),
    (D.MultivariateNormal(torch.zeros(2), torch.eye(2)), D.MultivariateNormal(torch.ones(2), 2 * torch.eye(2))),
    (D.Pareto(1.0, 2.0), D.Exponential(1.0)),
    (D.Independent(D.Normal(torch.zeros(3), 1.0), 1), D.Independent(D.Normal(torch.ones(3), 1.0), 1)),
    (D.HalfNormal(1.0), D.HalfNormal(2.0)),
    (D.LogNormal(0.0, 1.0), D.LogNormal(1.0, 1.0)),
    (D.Binomial(3, torch.tensor(0.2)), D.Binomial(3, torch.tensor(0.4))),
    (D.ContinuousBernoulli(0.3), D.ContinuousBernoulli(0.6)),
]
for p, q in pairs:
    print(type(p).__name__, type(q).__name__, kl_divergence(p, q))
try:
    kl_divergence(D.Cauchy(0.0, 1.0), D.Normal(0.0, 1.0))
except NotImplementedError as e:
    print("NotImplementedError", str(e)[:80])


class Mine(D.Normal):
    pass


@register_kl(Mine, Mine)
def _(p, q):
    return torch.tensor(42.0)


print(kl_divergence(Mine(0.0, 1.0), Mine(0.0, 1.0)), kl_divergence(Mine(0.0, 1.0), D.Normal(0.0, 1.0)))
x = torch.tensor([0.2, 0.5, -0.7])
for t in (
    T.ExpTransform(),
    T.AffineTransform(1.0, -2.0),
    T.SigmoidTransform(),
    T.TanhTransform(),
    T.SoftplusTransform(),
    T.PowerTransform(torch.tensor(2.0)),
    T.StickBreakingTransform(),
    T.SoftmaxTransform(),
    T.AbsTransform(),
    T.LowerCholeskyTransform(),
    T.CorrCholeskyTransform(),
    T.ComposeTransform([T.ExpTransform(), T.AffineTransform(0.0, 3.0)]),
    T.IndependentTransform(T.ExpTransform(), 1),
    T.ReshapeTransform((3,), (1, 3)),
    T.CumulativeDistributionTransform(D.Normal(0.0, 1.0)),
):
    v = x.abs() if isinstance(t, T.PowerTransform) else x
    if isinstance(t, T.LowerCholeskyTransform):
        v = torch.randn(2, 2)
    y = t(v)
    print(type(t).__name__, y, t.bijective, t.domain, t.codomain)
    try:
        print("  ", t.inv(y), t.log_abs_det_jacobian(v, y), t.forward_shape(v.shape))
    except NotImplementedError:
        print("   NotImplementedError")
print(
    T.ExpTransform() == T.ExpTransform(),
    T.AffineTransform(0.0, 1.0) == T.AffineTransform(0.0, 2.0),
    T.ExpTransform().inv.inv == T.ExpTransform(),
)
for c in (
    constraints.positive,
    constraints.unit_interval,
    constraints.simplex,
    constraints.real,
    constraints.greater_than(1.0),
    constraints.less_than(2.0),
    constraints.interval(-1.0, 1.0),
    constraints.lower_cholesky,
    constraints.positive_definite,
    constraints.corr_cholesky,
    constraints.nonnegative,
    constraints.real_vector,
):
    v = torch.randn(3, 3) if "chol" in repr(c).lower() or "definite" in repr(c).lower() else torch.randn(3)
    f = transform_to(c)
    print(c, f(v).flatten()[:4], c.check(f(v)).flatten().all(), type(f).__name__)
try:
    biject_to(constraints.positive_definite)
    print("biject ok")
except NotImplementedError:
    print("no bijection")
print(
    constraints.boolean.check(torch.tensor([0.0, 1.0, 2.0])),
    constraints.nonnegative_integer,
    constraints.integer_interval(0, 3),
    constraints.is_dependent(D.Uniform.support),
    constraints.stack([constraints.real, constraints.positive]).check(torch.tensor([1.0, -1.0])),
)
wrong = [
    lambda: D.Normal(0.0, -1.0),
    lambda: D.Categorical(torch.tensor([-0.1, 1.0])),
    lambda: D.Bernoulli(1.5),
    lambda: D.Normal(0.0, 1.0).log_prob(torch.tensor(float("nan"))),
    lambda: D.Exponential(1.0).log_prob(torch.tensor(-1.0)),
    lambda: D.Bernoulli(probs=0.1, logits=0.1),
    lambda: D.Uniform(1.0, 0.0),
    lambda: D.MultivariateNormal(torch.zeros(2), -torch.eye(2)),
    lambda: D.Categorical(),
    lambda: D.Dirichlet(torch.tensor(1.0)),
    lambda: D.Beta(1.0, 1.0).log_prob(torch.tensor(2.0)),
    lambda: D.Poisson(1.0).log_prob(torch.tensor(0.5)),
    lambda: D.Normal("a", 1.0),
    lambda: D.Normal(torch.zeros(2), torch.ones(3)),
    lambda: D.Independent(D.Normal(0.0, 1.0), 1),
    lambda: D.Poisson(1.0).rsample(),
    lambda: D.Normal(0.0, 1.0).enumerate_support(),
]
for w in wrong:
    try:
        print(w())
    except Exception as e:
        print(type(e).__name__)
D.Distribution.set_default_validate_args(False)
print(D.Normal(0.0, -1.0).scale)
D.Distribution.set_default_validate_args(True)
mu = torch.tensor([0.1, -0.2], requires_grad=True)
loss = D.Normal(mu, mu.exp()).rsample((4,)).sum() + D.Gamma(mu.exp(), 1.0).rsample((2,)).sum() + D.Dirichlet(mu.exp()).rsample()[0]
loss.backward()
print(loss, mu.grad)
