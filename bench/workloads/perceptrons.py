"""Perceptrons, and what products and memory alone decide."""

from .parts import classifier, initialise, normal
from .registry import workload


def perceptron(torch, batch, width, optimizer):
    """A 784-width-width-10 perceptron's step; `optimizer` makes one from the parameters."""
    nn = torch.nn
    model = nn.Sequential(nn.Linear(784, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))
    initialise(torch, model)
    return classifier(torch, model, optimizer(model.parameters()), normal(torch, 1, batch, 784), 10)


@workload()
def mlp_small(torch):
    """784-64-64-10, batch 32, SGD."""
    return perceptron(torch, 32, 64, lambda parameters: torch.optim.SGD(parameters, lr=0.05))


@workload()
def mlp_64(torch):
    """Three layers of width 64 throughout, batch 32, SGD: all of it fits the first cache."""
    nn = torch.nn
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64))
    initialise(torch, model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    return classifier(torch, model, optimizer, normal(torch, 1, 32, 64), 64)


@workload()
def mlp_512(torch):
    """784-512-512-10, batch 128, SGD with momentum."""
    return perceptron(torch, 128, 512, lambda parameters: torch.optim.SGD(parameters, lr=0.01, momentum=0.9))


@workload(steps=10, small={"batch": 4})
def mlp_1024(torch, batch=256):
    """784-1024-1024-10, batch 256, Adam."""
    return perceptron(torch, batch, 1024, lambda parameters: torch.optim.Adam(parameters, lr=1e-4))


@workload(steps=1, nbytes=2 * 4 * 2048**2, small={"side": 128})  # x is read, its gradient written
def fusion(torch, side=2048):
    """Elementwise functions and a mean over four million floats, forward and backward."""
    x = normal(torch, 0, side, side).requires_grad_()

    def step():
        x.grad = None
        loss = (torch.sin(x) * torch.exp(-x * x) + torch.tanh(x) * 0.5).mean()
        loss.backward()
        return loss

    return step


@workload(steps=3, small={"rows": 16, "classes": 512})
def vocab(torch, rows=1024, classes=16384):
    """A linear layer from 256 to 16384 classes on 1024 rows, AdamW."""
    model = initialise(torch, torch.nn.Linear(256, classes))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    return classifier(torch, model, optimizer, normal(torch, 1, rows, 256), classes)
