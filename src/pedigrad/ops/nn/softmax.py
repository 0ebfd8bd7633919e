"""Softmax and its relatives, and vectors scaled to unit norm."""

from __future__ import annotations

import numpy as np

from ...core import dtypes
from ...core.declare import composite, function
from ...core.large import MANY, SEVERAL
from ...core.origin import warn
from ...core.quiet import astype
from ...core.shapes import one_dim
from ...core.tensor import constant, wrap
from ...rng.generator import default_generator
from ..math.arithmetic import true_divide
from ..reduce.norms import vector_norm
from ..xp import row_total

ALONG = [((2, 3), 1), ((2, 3, 4), 0), ((2, 3, 4), -2), ((), 0), ((3,), -1), ((0, 3), 1)]


def is_trivial(x, dim, name):
    """Whether `x` is 0-d or empty; NotImplementedError for integers, IndexError if it is without `dim`."""
    if x.dtype.kind in "biuc":
        raise NotImplementedError(f'"{name}" not implemented for {x.dtype.name}')
    if x.ndim == 0 or 0 in x.shape:
        one_dim(dim, x.ndim)
    return x.ndim == 0 or 0 in x.shape


def _as_wanted(x, dtype):
    return x if dtype is None else astype(x, dtypes.to_numpy(dtype))


def _as_operand(g, x_dtype):
    return g if g.dtype == x_dtype or g.dtype.name == x_dtype.name else astype(g, x_dtype)


@composite(native_from=MANY, places="torch Tensor special", out=True, samples=ALONG)
def softmax(x, /, dim, dtype=None):
    """Exponentials along `dim`, scaled to sum to one: exp(x_i) / sum_j exp(x_j); computed in `dtype` if one is given.

    Args:
        dim: the dimension along which the results sum to one.
        dtype: what `input` is converted to first.

    Shape: that of `input`.

    >>> torch.tensor([0.0, 0.0, 1.0]).softmax(dim=0)
    tensor([0.2119, 0.2119, 0.5761])
    """
    if dtype is not None:
        x = _as_wanted(x, dtype)
    if is_trivial(x, dim, "softmax_lastdim_kernel_impl"):
        return np.exp(x - x)  # one, unless it is not finite
    e = np.exp(x - np.maximum.reduce(x, axis=dim, keepdims=True))
    return e / row_total(e, dim, True)


@softmax.grad("x")
def _(g, out, dim, x_dtype):
    go = g * out
    return _as_operand(go - out * (row_total(go, dim, True) if out.ndim else go), x_dtype)


@composite(native_from=MANY, places="torch Tensor special", out=True, samples=ALONG)
def log_softmax(x, /, dim, dtype=None):
    """Logarithms of the softmax along `dim`, x_i - log(sum_j exp(x_j)), without its overflow; in `dtype` if one is given.

    Args:
        dim: the dimension along which the exponentials of the results sum to one.
        dtype: what `input` is converted to first.

    Shape: that of `input`.

    >>> torch.tensor([0.0, 1000.0]).log_softmax(dim=0)
    tensor([-1000.,     0.])
    """
    if dtype is not None:
        x = _as_wanted(x, dtype)
    if is_trivial(x, dim, "log_softmax_lastdim_kernel_impl"):
        return x - x
    x = x - np.maximum.reduce(x, axis=dim, keepdims=True)
    return x - np.log(row_total(np.exp(x), dim, True))


@log_softmax.grad("x")
def _(g, out, dim, x_dtype):
    return _as_operand(g - np.exp(out) * (row_total(g, dim, True) if out.ndim else g), x_dtype)


# As torch.nn.functional has them


def _dim_or_usual(name, ndim, dim, stacklevel):
    if dim is None:
        warn(f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.")
        return 0 if ndim in (0, 1, 3) else 1
    return dim


@function("F", name="softmax")
def softmax_with_stacklevel(input, dim=None, _stacklevel=3, dtype=None):
    """Exponentials along `dim`, scaled to sum to one; computed in `dtype` if one is given.

    Args:
        dim: the dimension along which the results sum to one.
        dtype: what `input` is converted to first.

    Shape: that of `input`.

    >>> torch.nn.functional.softmax(torch.tensor([[0.0, 0.0]]), dim=1)
    tensor([[0.5000, 0.5000]])
    """
    return softmax(input, _dim_or_usual("softmax", input.ndim, dim, _stacklevel) if dim is None else dim, dtype)


@function("F", name="log_softmax")
def log_softmax_with_stacklevel(input, dim=None, _stacklevel=3, dtype=None):
    """Logarithms of the softmax along `dim`; computed in `dtype` if one is given.

    Args:
        dim: the dimension along which the exponentials of the results sum to one.
        dtype: what `input` is converted to first.

    Shape: that of `input`.

    >>> torch.nn.functional.log_softmax(torch.tensor([[0.0, 0.0]]), dim=1)
    tensor([[-0.6931, -0.6931]])
    """
    return log_softmax(input, _dim_or_usual("log_softmax", input.ndim, dim, _stacklevel) if dim is None else dim, dtype)


@function("F")
def softmin(input, dim=None, _stacklevel=3, dtype=None):
    """The softmax of `-input` along `dim`."""
    return softmax(-input, _dim_or_usual("softmin", input.ndim, dim, _stacklevel), dtype)


@function("F")
def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1):
    """A random choice along `dim` with the weights `exp(logits)`, softened by the temperature `tau`.

    With `hard` it is one-hot, and its gradient is still that of the soft choice.
    """
    if eps != 1e-10:
        warn("The parameter `eps` of gumbel_softmax is deprecated and has no effect.")
    array = logits._array
    noise = np.log(wrap(default_generator.exponential(array.shape, 1.0, array.dtype)))
    soft = softmax((logits - noise) / tau, dim)
    if not hard:
        return soft
    settled = soft.detach()
    places = np.reshape(np.arange(array.shape[dim]), [-1 if d == dim % array.ndim else 1 for d in range(array.ndim)])
    choice = constant(places) == settled.argmax(dim, keepdim=True)
    return astype(choice, array.dtype) - settled + soft


# Scaled to unit norm


@composite(
    native_from=SEVERAL,
    name="normalize",
    places="",
    remade=True,
    layout="like",
    outputs=("out", "length"),
    hidden=1,
    samples=[((2, 3), 1, 1e-12), ((2, 3, 4), 0, 1e-12), ((3,), 0, 9.0)],
)
def unit_vectors(x, /, dim, eps):
    """`x` divided by its Euclidean norm along `dim`, or by `eps` if that is larger."""
    length = np.sqrt(np.maximum(row_total(x * x, dim, True), eps * eps))
    return x / length, length


@unit_vectors.grad("x")
def _(g, x, out, length, dim, eps):
    along = np.where(length > eps, row_total(g * out, dim, True), 0)
    return (g - out * along) / length


@function("F")
def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """`input` divided by its `p`-norm along `dim`, or by `eps` if that is larger.

    Shape: that of `input`.

    >>> torch.nn.functional.normalize(torch.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    if p == 2 and out is None and isinstance(dim, int) and input.ndim and input._array.dtype.name in ("float32", "float64"):
        return unit_vectors(input, dim, eps)
    return true_divide(input, vector_norm(input, p, dim, True).clamp_min(eps), out=out)
