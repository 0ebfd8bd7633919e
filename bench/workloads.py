"""Training workloads written against PyTorch's API alone; each takes the library as its argument `torch`.

A workload is a function that builds its model, data and optimizer and returns `step`; `step()` runs one
whole training step and returns its loss, a tensor of one element. `build` makes that a call giving a float.
Weights and data come from NumPy with fixed seeds, so the loss curves of two libraries can be compared.
"""

import math
from typing import NamedTuple

import numpy as np


class Workload(NamedTuple):
    make: object
    steps: int  # how many steps from the start the losses of two libraries are compared after


WORKLOADS = {}


def workload(steps=20):
    """A decorator that enters a workload into `WORKLOADS` under its function's name."""

    def enter(make):
        WORKLOADS[make.__name__] = Workload(make, steps)
        return make

    return enter


def build(torch, name, compiled=False):
    """A call without arguments that runs one step of workload `name` and gives its loss as a float."""
    step = WORKLOADS[name].make(torch)
    if compiled:
        step = torch.compile(step)
    return lambda: step().item()


# ---- weights, data, the usual step ---------------------------------------------------------------------


def normal(torch, seed, *shape):
    """A float32 tensor of standard normal numbers, the same ones for the same seed in every library."""
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return torch.from_numpy(np.asarray(values, np.float32))


def integers(torch, seed, high, *shape):
    """An int64 tensor of numbers below `high`."""
    return torch.from_numpy(np.random.default_rng(seed).integers(high, size=shape))


def initial_weights(shapes, seed=0):
    """NumPy arrays for parameters' names and shapes: normal scaled by fan-in, norm weights 1, small biases."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in shapes.items():
        if len(shape) > 1:
            values = rng.standard_normal(shape) / math.sqrt(math.prod(shape[1:]))
        elif "bias" in name:
            values = 0.01 * rng.standard_normal(shape)
        else:
            values = np.ones(shape)
        weights[name] = values.astype(np.float32)
    return weights


def initialise(torch, model):
    """The model, filled with its initial weights."""
    parameters = dict(model.named_parameters())
    weights = initial_weights({name: tuple(parameter.shape) for name, parameter in parameters.items()})
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(torch.from_numpy(weights[name]))
    return model


def training(optimizer, loss):
    """The usual step: gradients to zero, loss, backward, update."""

    def step():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        return value

    return step


def classifier(torch, model, optimizer, x, classes):
    """The usual step of a model trained by cross-entropy on one batch of random labels."""
    target = integers(torch, 2, classes, x.shape[0])
    return training(optimizer, lambda: torch.nn.functional.cross_entropy(model(x), target))


# ---- small programs: the cost of dispatch --------------------------------------------------------------


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


# ---- multilayer perceptrons ----------------------------------------------------------------------------


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


@workload(steps=10)
def mlp_1024(torch):
    """784-1024-1024-10, batch 256, Adam."""
    return perceptron(torch, 256, 1024, lambda parameters: torch.optim.Adam(parameters, lr=1e-4))


# ---- convolutional -------------------------------------------------------------------------------------


@workload()
def lenet(torch):
    """LeNet-5 with ReLU and max pooling on 1x28x28, batch 32, SGD with momentum."""
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    initialise(torch, model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return classifier(torch, model, optimizer, normal(torch, 1, 32, 1, 28, 28), 10)


def residual_block(torch, inputs, outputs, stride):
    """Two 3x3 convolutions with batch norm beside a shortcut."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
            self.norm1 = nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
            self.norm2 = nn.BatchNorm2d(outputs)
            self.shortcut = nn.Identity()
            if inputs != outputs:
                shrink = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
                self.shortcut = nn.Sequential(shrink, nn.BatchNorm2d(outputs))

        def forward(self, x):
            y = torch.relu(self.norm1(self.conv1(x)))
            return torch.relu(self.norm2(self.conv2(y)) + self.shortcut(x))

    return Block()


@workload(steps=5)
def resnet10(torch):
    """A ResNet-10 of widths 32 to 256 on 3x32x32, batch 16, SGD with momentum and weight decay."""
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
        residual_block(torch, 32, 32, 1), residual_block(torch, 32, 64, 2),
        residual_block(torch, 64, 128, 2), residual_block(torch, 128, 256, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 10),
    )  # fmt: skip
    initialise(torch, model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    return classifier(torch, model, optimizer, normal(torch, 1, 16, 3, 32, 32), 10)


# ---- sequences -----------------------------------------------------------------------------------------


@workload(steps=5)
def char_lstm(torch):
    """Characters of a vocabulary of 128, LSTM of 256, 64 steps, batch 32, Adam with clipped gradients."""
    nn = torch.nn

    class CharLSTM(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(128, 128)
            self.lstm = nn.LSTM(128, 256, batch_first=True)
            self.head = nn.Linear(256, 128)

        def forward(self, tokens):
            hidden, _ = self.lstm(self.embedding(tokens))
            return self.head(hidden)

    model = initialise(torch, CharLSTM())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    text = integers(torch, 1, 128, 32, 65)
    tokens, target = text[:, :-1], text[:, 1:].reshape(-1)

    def step():
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(tokens).reshape(-1, 128), target)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    return step


def transformer_block(torch, width, heads):
    """Causal self-attention and a perceptron of four times the width, each behind a layer norm."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1 = nn.LayerNorm(width)
            self.qkv = nn.Linear(width, 3 * width)
            self.project = nn.Linear(width, width)
            self.norm2 = nn.LayerNorm(width)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def attention(self, x):
            batch, length, _ = x.shape
            q, k, v = (part.view(batch, length, heads, width // heads).transpose(1, 2) for part in self.qkv(x).split(width, dim=2))
            y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.project(y.transpose(1, 2).reshape(batch, length, width))

        def forward(self, x):
            x = x + self.attention(self.norm1(x))
            return x + self.mlp(self.norm2(x))

    return Block()


@workload(steps=5)
def char_gpt(torch):
    """A GPT of 4 layers, width 192 and 6 heads on 128 characters, batch 16, AdamW."""
    nn = torch.nn
    vocabulary, width, length = 128, 192, 128

    class CharGPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.token = nn.Embedding(vocabulary, width)
            self.position = nn.Embedding(length, width)
            self.blocks = nn.Sequential(*(transformer_block(torch, width, 6) for _ in range(4)))
            self.norm = nn.LayerNorm(width)
            self.head = nn.Linear(width, vocabulary, bias=False)

        def forward(self, tokens):
            x = self.token(tokens) + self.position(torch.arange(tokens.shape[1]))
            return self.head(self.norm(self.blocks(x)))

    model = initialise(torch, CharGPT())
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
    text = integers(torch, 1, vocabulary, 16, length + 1)
    tokens, target = text[:, :-1], text[:, 1:].reshape(-1)

    def loss():
        return nn.functional.cross_entropy(model(tokens).reshape(-1, vocabulary), target)

    return training(optimizer, loss)


# ---- derivatives of derivatives, fusion, a large vocabulary --------------------------------------------


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


@workload(steps=1)
def fusion(torch):
    """Elementwise functions and a mean over four million floats, forward and backward."""
    x = normal(torch, 0, 2048, 2048).requires_grad_()

    def step():
        x.grad = None
        loss = (torch.sin(x) * torch.exp(-x * x) + torch.tanh(x) * 0.5).mean()
        loss.backward()
        return loss

    return step


@workload(steps=3)
def vocab(torch):
    """A linear layer from 256 to 16384 classes on 1024 rows, AdamW."""
    model = initialise(torch, torch.nn.Linear(256, 16384))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    return classifier(torch, model, optimizer, normal(torch, 1, 1024, 256), 16384)


# ---- derivatives of functions ---------------------------------------------------------------------------


@workload(steps=1)
def per_sample(torch):
    """The gradient of each of 64 images' losses by the weights of a network of four layers, by vmap of grad; their norm."""
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 7 * 7, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip
    initialise(torch, model)
    weights = {name: parameter.detach() for name, parameter in model.named_parameters()}
    images, classes = normal(torch, 1, 64, 1, 28, 28), integers(torch, 2, 10, 64)

    def loss(weights, image, label):
        scores = torch.func.functional_call(model, weights, (image[None],))
        return torch.nn.functional.cross_entropy(scores, label[None])

    gradients = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))

    def step():
        return sum((g * g).sum() for g in gradients(weights, images, classes).values())

    return step


@workload(steps=1)
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
