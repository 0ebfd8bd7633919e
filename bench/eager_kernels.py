"""Times single eager operations on 64x512x768 floats and Adam over ten million parameters, as run.py does."""

import math
from dataclasses import replace

import run
from workloads import Workload, integers, normal

BIG = (64, 512, 768)
WORKLOADS = {}


def build(torch, name, compiled=False):
    """A call without arguments that runs operation `name` once and gives a number that stands for its result."""
    step = WORKLOADS[name].make(torch)
    return lambda: step().item()


def softmax(torch):
    return (lambda x: torch.nn.functional.softmax(x, dim=-1)), ()


def layer_norm(torch):
    weight, bias = (normal(torch, seed, BIG[-1]).requires_grad_() for seed in (1, 2))
    return (lambda x: torch.nn.functional.layer_norm(x, (BIG[-1],), weight, bias)), (weight, bias)


def gelu(torch):
    return torch.nn.functional.gelu, ()


def cross_entropy(torch):
    target = integers(torch, 1, BIG[-1], math.prod(BIG[:-1]))
    return (lambda x: torch.nn.functional.cross_entropy(x.reshape(-1, BIG[-1]), target)), ()


def probe(x):
    """A number that stands for the whole of x in the comparison of losses and costs next to nothing."""
    return x if x.ndim == 0 else x[::17, ::61, ::97].abs().sum()


def forward_only(make):
    """The workload that runs an operation without recording it."""

    def build_forward(torch):
        function, _ = make(torch)
        x = normal(torch, 0, *BIG)

        def step():
            with torch.no_grad():
                return probe(function(x))

        return step

    build_forward.__doc__ = f"{make.__name__} forward."
    return build_forward


def with_backward(make):
    """The workload that runs an operation forward and backward; its number is taken from the gradient."""

    def build_backward(torch):
        function, weights = make(torch)
        x = normal(torch, 0, *BIG).requires_grad_()
        leaves = (x, *weights)
        g = normal(torch, 3, *function(x.detach()).shape)

        def step():
            for leaf in leaves:
                leaf.grad = None
            function(x).backward(g)
            return probe(x.grad)

        return step

    build_backward.__doc__ = f"{make.__name__} forward and backward."
    return build_backward


def adam(torch):
    """Fused Adam alone, on ten parameters of 1000x1000 with fixed gradients."""
    parameters = [torch.nn.Parameter(normal(torch, seed, 1000, 1000)) for seed in range(10)]
    for seed, parameter in enumerate(parameters, 100):
        parameter.grad = normal(torch, seed, 1000, 1000)
    optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)

    def step():
        optimizer.step()
        return parameters[0].detach()[::61, ::97].abs().sum()

    return step


ONCE = 4 * math.prod(BIG)  # bytes of x, of what is made of it, and of both gradients: the least that passes read and write
for operation, forward, both in ((softmax, 2, 4), (layer_norm, 2, 4), (gelu, 2, 4), (cross_entropy, 1, 2)):
    name = operation.__name__
    WORKLOADS[name] = Workload(forward_only(operation), 1, "kernel", flops=0, nbytes=forward * ONCE)
    WORKLOADS[name + "_backward"] = Workload(with_backward(operation), 1, "kernel", flops=0, nbytes=both * ONCE)
WORKLOADS["adam"] = Workload(adam, 5, "kernel", flops=0, nbytes=7 * 4 * 10**7)  # four numbers a parameter are read, three written

PEERS = {label: replace(run.PEERS[label], workloads="eager_kernels") for label in ("pedigrad", "torch")}

if __name__ == "__main__":
    run.main(__doc__, WORKLOADS, PEERS)
