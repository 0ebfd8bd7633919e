"""Small programs, in which dispatch is what costs."""

import numpy as np

from .parts import initialise, normal
from .registry import workload


@workload(steps=5)
def founding(torch):
    """Linear regression on 11 points, data converted in every step."""
    x = np.arange(11, dtype=np.float32).reshape(-1, 1)
    y = 2 * x + 1
    model = initialise(torch, torch.nn.Linear(1, 1, bias=False))
    criterion = torch.nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def step():
        inputs = torch.from_numpy(x).requires_grad_()
        labels = torch.from_numpy(y)
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
        return loss

    return step


@workload(steps=2)
def chain(torch):
    """Twenty small operations forward and backward."""
    x, a, b = (normal(torch, seed, 8, 8).requires_grad_() for seed in range(3))

    def step():
        x.grad = a.grad = b.grad = None
        y = x
        for _ in range(10):
            y = y * b + a
        total = y.sum()
        total.backward()
        return total

    return step


@workload()
def adam_small(torch):
    """Adam alone, on twenty parameters of 16x16 with fixed gradients."""
    parameters = [torch.nn.Parameter(normal(torch, seed, 16, 16)) for seed in range(20)]
    for seed, parameter in enumerate(parameters, 100):
        parameter.grad = normal(torch, seed, 16, 16)
    optimizer = torch.optim.Adam(parameters, lr=1e-3)

    def step():
        optimizer.step()
        return parameters[0].detach().norm()

    return step
