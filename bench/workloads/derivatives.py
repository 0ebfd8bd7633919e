"""Derivatives of derivatives, and of functions."""

import math

from .parts import initialise, integers, normal, training
from .registry import workload


@workload(steps=10)
def pinn(torch):
    """Burgers' equation on 1024 points by a tanh perceptron, second derivatives inside the loss, Adam."""
    nn = torch.nn
    model = nn.Sequential(
        nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(),
        nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1),
    )  # fmt: skip
    initialise(torch, model)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    points = torch.tanh(normal(torch, 1, 1024, 2))
    start = points[:128] * torch.tensor([[1.0, 0.0]])
    wanted = -torch.sin(math.pi * start[:, :1])

    def loss():
        xt = points.clone().requires_grad_()
        u = model(xt)
        (slope,) = torch.autograd.grad(u.sum(), xt, create_graph=True)
        u_x, u_t = slope[:, :1], slope[:, 1:]
        (bend,) = torch.autograd.grad(u_x.sum(), xt, create_graph=True)
        residual = u_t + u * u_x - 0.01 / math.pi * bend[:, :1]
        return (residual * residual).mean() + ((model(start) - wanted) ** 2).mean()

    return training(optimizer, loss)


def per_sample_flops(images):
    """FLOPs of the products of the network below: forward, and for both gradients but that of the images."""
    first, rest = 28**2 * 16 * 9, 14**2 * 32 * 16 * 9 + 32 * 7 * 7 * 64 + 64 * 10
    return images * 2 * (2 * first + 3 * rest)


@workload(steps=1, flops=per_sample_flops(64), small={"images": 4})
def per_sample(torch, images=64):
    """The gradient of each of 64 images' losses by the weights of a network of four layers, by vmap of grad; their norm."""
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 7 * 7, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip
    initialise(torch, model)
    weights = {name: parameter.detach() for name, parameter in model.named_parameters()}
    pictures, classes = normal(torch, 1, images, 1, 28, 28), integers(torch, 2, 10, images)

    def loss(weights, image, label):
        scores = torch.func.functional_call(model, weights, (image[None],))
        return torch.nn.functional.cross_entropy(scores, label[None])

    gradients = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))

    def step():
        return sum((g * g).sum() for g in gradients(weights, pictures, classes).values())

    return step


@workload(steps=1, flops=2 * 207 * 3 * 2 * 32 * (8 * 12 + 12 * 7 + 7))  # forward and backward, each with its tangent
def hessian(torch):
    """All second derivatives of a loss by the 207 weights of a perceptron, forward over reverse; the sum of their squares."""
    nn = torch.nn
    model = initialise(torch, nn.Sequential(nn.Linear(8, 12), nn.Tanh(), nn.Linear(12, 7), nn.Tanh(), nn.Linear(7, 1)))
    shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    flat = torch.cat([parameter.detach().reshape(-1) for parameter in model.parameters()])
    points = normal(torch, 1, 32, 8)

    def loss(flat):
        parts = flat.split([math.prod(shape) for shape in shapes.values()])
        weights = {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
        return (torch.func.functional_call(model, weights, (points,)) ** 2).mean()

    second = torch.func.hessian(loss)

    def step():
        return (second(flat) ** 2).sum()

    return step
