"""A Gaussian process fitted, and an acquisition function optimized."""

import warnings

import torch

warnings.simplefilter("ignore")
from botorch.acquisition import LogExpectedImprovement
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.optim import optimize_acqf
from gpytorch.mlls import ExactMarginalLogLikelihood

torch.manual_seed(0)
x = torch.rand(8, 2, dtype=torch.double)
y = -(x - 0.5).square().sum(1, keepdim=True)
g = SingleTaskGP(x, y)
fit_gpytorch_mll(ExactMarginalLogLikelihood(g.likelihood, g))
print(g.posterior(torch.tensor([[0.5, 0.5]], dtype=torch.double)).mean.item())
c, v = optimize_acqf(
    LogExpectedImprovement(g, best_f=y.max()),
    bounds=torch.stack([torch.zeros(2), torch.ones(2)]).double(),
    q=1,
    num_restarts=3,
    raw_samples=16,
    batch_initial_conditions=torch.tensor([[[0.3, 0.4]], [[0.8, 0.1]], [[0.1, 0.9]]]).double(),
)
print(c, v)
