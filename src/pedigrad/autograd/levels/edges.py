"""The edges of levels: the operations by which tensors come into a level and leave it, and whose gradients go the other way.

They are operations like any other, so a gradient that crosses an edge, or a second one, has a history too. Attributes name the level: for
arrays of a younger one they are run on its parts, with dimensions counted past that of its batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import modes
from ...core.declare import edge
from ...core.dispatch import computed
from .batched import Batch, Batched, rule
from .dual import Dual, zeros_like
from .outside import expanded, moved, ran


@edge
def sample_of_batch(x, /, level, dim):
    """`x`, which has the samples of `level` along `dim`, as one sample."""
    return Batched(level, moved(x, dim, 0))


@edge
def batch_of_samples(x, /, level, dim):
    """The samples of `level` that `x` is one of, along `dim`; where all are the same, `x` as often."""
    return moved(level.value(x), 0, dim)


@edge
def sum_of_samples(x, /, level):
    """The sum of the samples of `level` that `x` is one of."""
    if level.holds(x):
        return ran("sum", x.value, dim=0)
    return ran("mul", x, level.size)


@edge
def each_sample(x, /, level):
    """`x` as a sample of `level` which is like all others."""
    return Batched(level, expanded(x, (level.size, *x.shape)))


@sample_of_batch.grad("x")
def _(g, level, dim):
    return batch_of_samples(g, level, dim)


@batch_of_samples.grad("x")
def _(g, level, dim):
    return sample_of_batch(g, level, dim)


@sum_of_samples.grad("x")
def _(g, level):
    return each_sample(g, level)


@each_sample.grad("x")
def _(g, level):
    return sum_of_samples(g, level)


# Forward derivatives. The cotangents of a dual number are kept as one, in the other order, which is what makes the rules for numbers those
# for dual ones: (df * G) of G = (that of the tangent, that of the primal) is the same pair for the operand.


@edge
def dual_of(x, t, /, level):
    """`x` with the tangent `t`."""
    return Dual(level, x, t)


@edge
def primal_of(x, /, level):
    """`x` without its tangent."""
    return level.primal(x)


@edge
def tangent_of(x, /, level):
    """The tangent of `x`, zeros if it has none."""
    return x.tangent if level.holds(x) else zeros_like(x)


@dual_of.grad("x", "t")
def _(g, level, needs):
    run = modes.settings.backward
    if level.ended or (run is not None and level in run.inside):  # the gradient of a dual number, not of its parts: it has a tangent itself
        return g, None
    return tangent_of(g, level) if needs[0] else None, primal_of(g, level) if needs[1] else None


@primal_of.grad("x")
def _(g, level):
    return dual_of(np.zeros(g.shape, dtype_of(g)), g, level)


@tangent_of.grad("x")
def _(g, level):
    return dual_of(g, np.zeros(g.shape, dtype_of(g)), level)


def dtype_of(g):
    """NumPy's dtype of an array or a Tensor."""
    return g.dtype if isinstance(g.dtype, np.dtype) else g._array.dtype


# Under a younger batch the parts of its samples are what crosses the edge.


@rule("dual_of", "primal_of", "tangent_of")
def of_older_derivative(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    return batch.all_lifted(computed(op, batch.values(arrays), attributes))


@rule("sample_of_batch", "batch_of_samples", "sum_of_samples", "each_sample")
def of_older_level(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    level, *dim = attributes
    dims = (arrays[0].ndim + (op.name == "batch_of_samples"),)
    return batch.all_lifted(computed(op, arrays[0].parts(), (level, *((d % n) + 1 for d, n in zip(dim, dims, strict=False)))))
