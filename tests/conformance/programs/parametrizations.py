"""Parametrizations: symmetric and orthogonal weights, weight norm, a chain of them, right inverses, removal."""

import torch
import torch.nn.utils.parametrize as parametrize
from torch import nn
from torch.nn.utils.parametrizations import orthogonal, weight_norm


class Symmetric(nn.Module):
    def forward(self, X):
        return X.triu() + X.triu(1).transpose(-1, -2)

    def right_inverse(self, A):
        return A.triu()


class Skew(nn.Module):
    def forward(self, X):
        A = X.triu(1)
        return A - A.transpose(-1, -2)


class Cayley(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.register_buffer("Id", torch.eye(n))

    def forward(self, X):
        return torch.linalg.solve(self.Id + X, self.Id - X)


torch.manual_seed(0)
layer = nn.Linear(3, 3)
parametrize.register_parametrization(layer, "weight", Symmetric())
print(layer, torch.allclose(layer.weight, layer.weight.T))
layer.weight = torch.eye(3) * 2
print(layer.weight, list(layer.state_dict()))
cayley = nn.Linear(3, 3)
parametrize.register_parametrization(cayley, "weight", Skew())
parametrize.register_parametrization(cayley, "weight", Cayley(3))
X = cayley.weight
print(torch.dist(X.T @ X, torch.eye(3)).item() < 1e-6)
optimizer = torch.optim.SGD(cayley.parameters(), lr=0.1)
for _ in range(5):
    optimizer.zero_grad()
    loss = (cayley(torch.eye(3)) - torch.tensor([[0.0, 1, 0], [1, 0, 0], [0, 0, 1]])).pow(2).sum()
    loss.backward()
    optimizer.step()
    print(loss.item())
with parametrize.cached():
    print(cayley.weight is cayley.weight)
parametrize.remove_parametrizations(cayley, "weight", leave_parametrized=True)
print(cayley, cayley.weight.requires_grad, parametrize.is_parametrized(cayley))
normed = weight_norm(nn.Linear(4, 2), name="weight")
print([(n, tuple(p.shape)) for n, p in normed.named_parameters()], normed(torch.ones(4)))
for kind in ("matrix_exp", "cayley", "householder"):
    Q = orthogonal(nn.Linear(5, 3), orthogonal_map=kind).weight
    print(kind, (Q @ Q.T - torch.eye(3)).abs().max().item() < 1e-5)
