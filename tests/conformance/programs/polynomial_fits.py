"""The sine fitted by a polynomial in steps: by hand, with autograd, nn.Sequential, torch.optim, a Module of its own."""

import math
import random

import torch

torch.manual_seed(0)
random.seed(0)
x = torch.linspace(-math.pi, math.pi, 2000)
y = torch.sin(x)
coefficients = [torch.randn(()) for _ in range(4)]
for _t in range(200):
    y_pred = sum(c * x**k for k, c in enumerate(coefficients))
    grad = 2.0 * (y_pred - y)
    coefficients = [c - 1e-6 * (grad * x**k).sum() for k, c in enumerate(coefficients)]
print("by hand", [c.item() for c in coefficients])

a, b, c, d = (torch.randn((), requires_grad=True) for _ in range(4))
for _t in range(200):
    loss = (a + b * x + c * x**2 + d * x**3 - y).pow(2).sum()
    loss.backward()
    with torch.no_grad():
        for p in (a, b, c, d):
            p -= 1e-6 * p.grad
            p.grad = None
print("autograd", loss.item(), a.item(), b.item(), c.item(), d.item())

xx = x.unsqueeze(-1).pow(torch.tensor([1, 2, 3]))
model = torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.Flatten(0, 1))
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
for _t in range(200):
    loss = torch.nn.MSELoss(reduction="sum")(model(xx), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("optim", loss.item(), model[0].bias.item(), model[0].weight.tolist())


class DynamicNet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.d, self.e = (torch.nn.Parameter(torch.randn(())) for _ in range(5))

    def forward(self, x):
        y = self.a + self.b * x + self.c * x**2 + self.d * x**3
        for exp in range(4, random.randint(4, 6)):
            y = y + self.e * x**exp
        return y

    def string(self):
        a, b, c, d, e = (p.item() for p in self.parameters())
        return f"y = {a:.4f} + {b:.4f} x + {c:.4f} x^2 + {d:.4f} x^3 + {e:.4f} x^4 ?"


model = DynamicNet()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-9, momentum=0.9)
for _t in range(60):
    loss = torch.nn.MSELoss(reduction="sum")(model(x), y)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
print("dynamic", loss.item(), model.string())
