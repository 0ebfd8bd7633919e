"""A Gaussian process: the marginal likelihood by Cholesky factors, hyperparameters by LBFGS and by Adam, predictions."""

import math

import torch
from torch import nn
from torch.distributions import MultivariateNormal


class GP(nn.Module):
    def __init__(self):
        super().__init__()
        self.log_length = nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.log_scale = nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.log_noise = nn.Parameter(torch.tensor(-2.0, dtype=torch.float64))

    def kernel(self, a, b):
        return self.log_scale.exp() * torch.exp(-0.5 * torch.cdist(a, b).pow(2) / (2 * self.log_length).exp())

    def covariance(self, x):
        return self.kernel(x, x) + self.log_noise.exp() * torch.eye(len(x), dtype=x.dtype)

    def nll(self, x, y):
        L = torch.linalg.cholesky(self.covariance(x))
        alpha = torch.cholesky_solve(y.unsqueeze(1), L).squeeze(1)
        return 0.5 * y @ alpha + L.diagonal().log().sum() + 0.5 * len(x) * math.log(2 * math.pi)

    def predict(self, x, y, new):
        L = torch.linalg.cholesky(self.covariance(x))
        cross = self.kernel(x, new)
        half = torch.linalg.solve_triangular(L, cross, upper=False)
        mean = cross.T @ torch.cholesky_solve(y.unsqueeze(1), L).squeeze(1)
        return mean, self.kernel(new, new).diagonal() - half.pow(2).sum(0)


torch.manual_seed(0)
x = torch.sort(4 * torch.rand(20, 1, dtype=torch.float64), dim=0).values
y = torch.sin(2 * x[:, 0]) + 0.1 * torch.randn(20, dtype=torch.float64)
gp = GP()
exact = -MultivariateNormal(torch.zeros(20, dtype=torch.float64), gp.covariance(x)).log_prob(y)
print(gp.nll(x, y).item(), exact.item())
adam = torch.optim.Adam(gp.parameters(), lr=0.1)
for _ in range(10):
    adam.zero_grad()
    loss = gp.nll(x, y)
    loss.backward()
    adam.step()
print(loss.item(), [p.item() for p in gp.parameters()])
lbfgs = torch.optim.LBFGS(gp.parameters(), line_search_fn="strong_wolfe", max_iter=15)


def closure():
    lbfgs.zero_grad()
    loss = gp.nll(x, y)
    loss.backward()
    return loss


print(lbfgs.step(closure).item(), closure().item(), [p.item() for p in gp.parameters()])
mean, variance = gp.predict(x, y, torch.linspace(0, 5, 6, dtype=torch.float64).unsqueeze(1))
print(mean, variance)
