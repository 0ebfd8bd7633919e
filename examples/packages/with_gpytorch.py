"""An exact Gaussian process."""

import gpytorch
import torch

torch.manual_seed(0)


class G(gpytorch.models.ExactGP):
    def __init__(s, x, y, l):
        super().__init__(x, y, l)
        s.m = gpytorch.means.ConstantMean()
        s.k = gpytorch.kernels.ScaleKernel(gpytorch.kernels.RBFKernel())

    def forward(s, x):
        return gpytorch.distributions.MultivariateNormal(s.m(x), s.k(x))


x = torch.linspace(0, 1, 20)
y = torch.sin(6 * x)
l = gpytorch.likelihoods.GaussianLikelihood()
g = G(x, y, l)
g.train()
l.train()
o = torch.optim.Adam(g.parameters(), 0.1)
mll = gpytorch.mlls.ExactMarginalLogLikelihood(l, g)
for _i in range(10):
    o.zero_grad()
    loss = -mll(g(x), y)
    loss.backward()
    o.step()
print(loss.item())
g.eval()
l.eval()
with torch.no_grad(), gpytorch.settings.fast_pred_var():
    p = l(g(torch.tensor([0.33, 0.5])))
    print(p.mean, p.variance, p.confidence_region())
