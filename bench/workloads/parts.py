"""What workloads share: weights and data from NumPy with fixed seeds, and the usual training step."""

import math

import numpy as np


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
