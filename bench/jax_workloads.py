"""Training workloads of workloads/ in plain JAX: the same sizes, data, initial weights and losses.

A workload gives its initial weights, its data, its loss and its optimizer; `build` puts the loss, the gradients and
the update into one jitted function that takes over the buffers of the weights and of the optimizer's state.
`python bench/jax_workloads.py` compares the losses of the first ten steps with PyTorch's.
"""

import math
from functools import partial
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import workloads
from jax import nn
from workloads import initial_weights

WORKLOADS = {}

# What workloads.normal and workloads.integers ask of a library.
arrays = SimpleNamespace(from_numpy=jnp.asarray)
normal = partial(workloads.normal, arrays)
integers = partial(workloads.integers, arrays)


def workload(make):
    """Enters a workload, a function giving (weights, data, loss, optimizer), under its name."""
    WORKLOADS[make.__name__] = make
    return make


def build(module, name, compiled=True):
    """A call without arguments that runs one step of workload `name` and gives its loss as a float."""
    if name not in WORKLOADS:
        raise NotImplementedError(f"{name} is not written for JAX")
    weights, data, loss, (start, update) = WORKLOADS[name]()
    weights = {key: jnp.asarray(value) for key, value in weights.items()}
    state = weights, start(weights)

    @partial(jax.jit, donate_argnums=0)
    def train(state, *data):
        weights, memory = state
        value, gradients = jax.value_and_grad(loss)(weights, *data)
        return update(weights, gradients, memory), value

    def step():
        nonlocal state
        state, value = train(state, *data)
        return float(value)

    return step


# ---- optimizers: (initial state, update) ---------------------------------------------------------------


def sgd(lr, momentum=0.0):
    def start(weights):
        return jax.tree.map(jnp.zeros_like, weights) if momentum else ()

    def update(weights, gradients, memory):
        if momentum:
            memory = gradients = jax.tree.map(lambda m, g: momentum * m + g, memory, gradients)
        return jax.tree.map(lambda w, g: w - lr * g, weights, gradients), memory

    return start, update


def adam(lr, decay=0.0, clip=None):
    """Adam; with `decay`, AdamW; with `clip`, the gradients' common norm is at most that."""

    def start(weights):
        return jnp.zeros(()), jax.tree.map(jnp.zeros_like, weights), jax.tree.map(jnp.zeros_like, weights)

    def update(weights, gradients, memory):
        if clip is not None:
            norm = jnp.sqrt(sum(jnp.sum(g * g) for g in jax.tree.leaves(gradients)))
            scale = jnp.minimum(clip / (norm + 1e-6), 1.0)
            gradients = jax.tree.map(lambda g: scale * g, gradients)
        count, first, second = memory
        count = count + 1
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
        rate, root = lr / (1 - 0.9**count), jnp.sqrt(1 - 0.999**count)

        def move(w, m, v):
            return (1 - lr * decay) * w - rate * m / (jnp.sqrt(v) / root + 1e-8)

        return jax.tree.map(move, weights, first, second), (count, first, second)

    return start, update


# ---- layers --------------------------------------------------------------------------------------------


def linear_shapes(name, inputs, outputs):
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def linear(weights, name, x):
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def norm_shapes(name, width):
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def layer_norm(weights, name, x):
    centred = x - x.mean(-1, keepdims=True)
    scale = jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + 1e-5)
    return centred * scale * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def cross_entropy(logits, target):
    picked = jnp.take_along_axis(logits, target[..., None], axis=-1)[..., 0]
    return (nn.logsumexp(logits, axis=-1) - picked).mean()


# ---- workloads -----------------------------------------------------------------------------------------


@workload
def founding():
    x = np.arange(11, dtype=np.float32).reshape(-1, 1)

    def loss(weights, x, y):
        return ((x @ weights["weight"].T - y) ** 2).mean()

    return initial_weights({"weight": (1, 1)}), (x, 2 * x + 1), loss, sgd(0.01)


def perceptron(batch, width, optimizer):
    sizes = [784, width, width, 10]
    shapes = {}
    for layer in range(3):
        shapes |= linear_shapes(layer, sizes[layer], sizes[layer + 1])

    def loss(weights, x, target):
        x = nn.relu(linear(weights, 0, x))
        x = nn.relu(linear(weights, 1, x))
        return cross_entropy(linear(weights, 2, x), target)

    return initial_weights(shapes), (normal(1, batch, 784), integers(2, 10, batch)), loss, optimizer


@workload
def mlp_512():
    return perceptron(128, 512, sgd(0.01, momentum=0.9))


@workload
def mlp_1024():
    return perceptron(256, 1024, adam(1e-4))


@workload
def char_lstm():
    shapes = {
        "embedding.weight": (128, 128),
        "lstm.weight_ih": (1024, 128),
        "lstm.weight_hh": (1024, 256),
        "lstm.bias_ih": (1024,),
        "lstm.bias_hh": (1024,),
        **linear_shapes("head", 256, 128),
    }

    def loss(weights, tokens, target):
        recurrent = weights["lstm.weight_hh"].T
        x = weights["embedding.weight"][tokens.T]
        x = x @ weights["lstm.weight_ih"].T + weights["lstm.bias_ih"] + weights["lstm.bias_hh"]

        def cell(carry, x):
            hidden, memory = carry
            enter, forget, new, leave = jnp.split(x + hidden @ recurrent, 4, axis=-1)
            memory = nn.sigmoid(forget) * memory + nn.sigmoid(enter) * jnp.tanh(new)
            hidden = nn.sigmoid(leave) * jnp.tanh(memory)
            return (hidden, memory), hidden

        zeros = jnp.zeros((tokens.shape[0], 256))
        _, hidden = jax.lax.scan(cell, (zeros, zeros), x)
        return cross_entropy(linear(weights, "head", hidden), target.T)

    text = integers(1, 128, 32, 65)
    return initial_weights(shapes), (text[:, :-1], text[:, 1:]), loss, adam(1e-3, clip=1.0)


@workload
def char_gpt():
    vocabulary, width, heads, length, blocks = 128, 192, 6, 128, 4
    shapes = {"token": (vocabulary, width), "position": (length, width)}
    for block in range(blocks):
        shapes |= norm_shapes(f"{block}.norm1", width)
        shapes |= linear_shapes(f"{block}.qkv", width, 3 * width)
        shapes |= linear_shapes(f"{block}.project", width, width)
        shapes |= norm_shapes(f"{block}.norm2", width)
        shapes |= linear_shapes(f"{block}.up", width, 4 * width)
        shapes |= linear_shapes(f"{block}.down", 4 * width, width)
    shapes |= norm_shapes("norm", width) | {"head": (vocabulary, width)}

    def attention(weights, block, x):
        split = x.shape[:-1] + (heads, width // heads)
        q, k, v = (part.reshape(split) for part in jnp.split(linear(weights, f"{block}.qkv", x), 3, axis=-1))
        y = nn.dot_product_attention(q, k, v, is_causal=True)
        return linear(weights, f"{block}.project", y.reshape(x.shape))

    def loss(weights, tokens, target):
        x = weights["token"][tokens] + weights["position"]
        for block in range(blocks):
            x = x + attention(weights, block, layer_norm(weights, f"{block}.norm1", x))
            y = nn.gelu(linear(weights, f"{block}.up", layer_norm(weights, f"{block}.norm2", x)), approximate=False)
            x = x + linear(weights, f"{block}.down", y)
        return cross_entropy(layer_norm(weights, "norm", x) @ weights["head"].T, target)

    text = integers(1, vocabulary, 16, length + 1)
    return initial_weights(shapes), (text[:, :-1], text[:, 1:]), loss, adam(3e-4, decay=0.01)


@workload
def pinn():
    sizes = [2, 64, 64, 64, 1]
    shapes = {}
    for layer in range(4):
        shapes |= linear_shapes(layer, sizes[layer], sizes[layer + 1])

    def loss(weights, points, start, wanted):
        def model(x):
            for layer in range(3):
                x = jnp.tanh(linear(weights, layer, x))
            return linear(weights, 3, x)

        def slope(xt):
            u, pull = jax.vjp(model, xt)
            return pull(jnp.ones_like(u))[0], u

        along_x = jnp.zeros_like(points).at[:, 0].set(1.0)
        first, bend, u = jax.jvp(slope, (points,), (along_x,), has_aux=True)
        residual = first[:, 1:] + u * first[:, :1] - 0.01 / math.pi * bend[:, :1]
        return (residual * residual).mean() + ((model(start) - wanted) ** 2).mean()

    points = jnp.tanh(normal(1, 1024, 2))
    start = points[:128] * jnp.array([[1.0, 0.0]])
    return initial_weights(shapes), (points, start, -jnp.sin(math.pi * start[:, :1])), loss, adam(1e-3)


@workload
def fusion():
    def loss(weights):
        x = weights["x"]
        return (jnp.sin(x) * jnp.exp(-x * x) + jnp.tanh(x) * 0.5).mean()

    def keep(weights, gradients, memory):
        return weights, gradients

    return {"x": normal(0, 2048, 2048)}, (), loss, (partial(jax.tree.map, jnp.zeros_like), keep)


@workload
def vocab():
    def loss(weights, x, target):
        return cross_entropy(linear(weights, "head", x), target)

    data = normal(1, 1024, 256), integers(2, 16384, 1024)
    return initial_weights(linear_shapes("head", 256, 16384)), data, loss, adam(1e-3, decay=0.01)


def main():
    import torch

    for name in WORKLOADS:
        ours, theirs = build(jax, name), workloads.build(torch, name)
        difference = 0.0
        for _ in range(10):
            loss, wanted = ours(), theirs()
            difference = max(difference, abs(loss - wanted) / abs(wanted))
        print(f"{name:12} {loss:12.6g}  largest relative difference of ten losses {difference:.0e}")


if __name__ == "__main__":
    main()
