"""Random numbers that have gradients by the parameters of their distributions, and counts of successes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.declare import composite, function
from ...core.origin import located
from ...core.quiet import astype
from ...core.tensor import Tensor, wrap
from ...rng.generator import default_generator
from ...rng.reparameterization import beta_slope, gamma_slope


def _refuse(name: str) -> Any:
    def rule(g: Any) -> Any:
        raise NotImplementedError(f"the derivative for '{name}' is not implemented.")

    return rule


@composite(places="torch", layout="rows", names="input output", samples=[])
def _standard_gamma_grad(a, x, /):
    """The derivative of gamma distributed numbers `x` of scale 1 by their shapes `a`."""
    return astype(gamma_slope(x, a), x.dtype)


@composite(places="torch", layout="rows", samples=[])
def _standard_gamma(x, /, generator=None):
    """Gamma distributed numbers of the shapes `input` and scale 1."""
    return (generator or default_generator).standard_gamma(np.asarray(x, order="C"))


@_standard_gamma.grad("x")
def _(g, x, out):
    return g * _standard_gamma_grad(x, out)


@composite(places="torch", layout="rows", names="x alpha total", samples=[])
def _dirichlet_grad(x, a, total, /):
    """The derivative of the elements `x` of Dirichlet distributed vectors by their own concentrations `a`, over 1 - x."""
    return astype(beta_slope(x, a, np.asarray(total, np.float64) - a), x.dtype)


@composite(places="torch", layout="rows", samples=[])
def _sample_dirichlet(x, /, generator=None):
    """Vectors with elements that sum to one, Dirichlet distributed with the concentrations `input`."""
    drawn = (generator or default_generator).standard_gamma(np.asarray(x, np.float64, order="C"))
    kind = np.finfo(x.dtype)
    parts = astype(drawn / drawn.sum(-1, keepdims=True), x.dtype)
    return np.clip(parts, kind.tiny, np.nextafter(x.dtype.type(1), x.dtype.type(0)))


@_sample_dirichlet.grad("x")
def _(g, x, out):
    slope = _dirichlet_grad(out, x, np.broadcast_to(np.sum(x, -1, keepdims=True), x.shape))
    return slope * (g - np.sum(out * g, -1, keepdims=True))


for _op, _operand in ((_standard_gamma_grad, "a"), (_standard_gamma_grad, "x"), *((_dirichlet_grad, o) for o in ("x", "a", "total"))):
    _op.grad(_operand)(_refuse(_op.op.name))


@function("torch")
def binomial(count: Tensor, prob: Tensor, generator: Any = None) -> Tensor:
    """The numbers of successes in `count` trials, each of probability `prob`."""
    if count.dtype is not prob.dtype:
        raise RuntimeError(located(f"binomial: count and prob must have one dtype, got {count.dtype} and {prob.dtype}"))
    counts, probs = np.broadcast_arrays(count._array, prob._array)
    return wrap((generator or default_generator).binomial(counts, probs))
