"""Rules for sums of products: matrix products, einsum, convolutions."""

from __future__ import annotations

from typing import Any

from ...core.dispatch import computed
from ...core.op import REGISTRY
from ...ops.linalg.einsum import LETTERS, parsed
from .batched import Batch, rule
from .outside import moved, ran, reshaped


@rule("matmul", "mm", "bmm", "mv", "dot")
def matmul(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    op = REGISTRY["matmul"]
    x, y = arrays
    if not batch.holds(y) and y.ndim <= 2 and x.ndim:
        return batch.all_lifted(computed(op, (x.value, y), ()))
    if not batch.holds(x) and y.ndim == 1 and x.ndim == 2:  # the samples are the rows of one product
        return batch.lifted(ran("matmul", y.value, ran("transpose", x, dim0=0, dim1=1)))
    if not x.ndim or not y.ndim:
        return NotImplemented
    ndim = max(x.ndim, y.ndim, 2)

    def matrices(a: Any, column: bool) -> Any:
        """The operand as matrices behind the dimensions that broadcast: a vector is a row on the left, a column on the right."""
        shape = tuple(a.shape) if a.ndim > 1 else (*a.shape, 1) if column else (1, *a.shape)
        if batch.holds(a):
            return reshaped(a.value, (batch.size, *(1,) * (ndim - len(shape)), *shape))
        return reshaped(a, shape)

    out = ran("matmul", matrices(x, False), matrices(y, True))
    kept = [n for d, n in enumerate(out.shape) if not (d == out.ndim - 2 and x.ndim == 1) and not (d == out.ndim - 1 and y.ndim == 1)]
    return batch.lifted(reshaped(out, tuple(kept)))


@rule("linear")
def linear(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    x, weight, bias = arrays
    if not x.ndim or weight.ndim != 2:
        return NotImplemented
    if not batch.holds(weight) and not batch.holds(bias):
        return batch.all_lifted(computed(op, (x.value, weight, bias), ()))
    out = ran("matmul", x, ran("transpose", weight, dim0=0, dim1=1))
    return out if bias is None else ran("add", out, bias)


@rule("addmm", "addmv", "baddbmm")
def added_product(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    (x, *factors), (beta, alpha) = arrays, attributes
    out = ran("matmul", *factors)
    out = out if alpha == 1 else ran("mul", out, alpha)
    return ran("add", out, x if beta == 1 else ran("mul", x, beta)) if beta != 0 else out


@rule("outer")
def outer(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    x, y = arrays
    return ran("mul", ran("unsqueeze", x, dim=1), ran("unsqueeze", y, dim=0)) if x.ndim == y.ndim == 1 else NotImplemented


@rule("einsum")
def einsum(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    inputs, output = parsed(attributes[0], tuple(a.ndim for a in arrays))
    new = next(c for c in LETTERS if not any(c in term for term in inputs))
    terms = ",".join(new * batch.holds(a) + term for a, term in zip(arrays, inputs, strict=True))
    values = tuple(a.value if batch.holds(a) else a for a in arrays)
    return batch.all_lifted(computed(op, values, (f"{terms}->{new}{output}",)))


# Convolutions. The samples go into the batch of images where the weight is the same for all of them, and into channels where not: into
# groups of them where the images differ too.


def with_batch(batch: Batch, x: Any) -> Any:
    """(N, ...) of each sample as (samples * N, ...)."""
    return reshaped(x.value, (batch.size * x.shape[0], *x.shape[1:]))


def with_channels(batch: Batch, x: Any, dim: int = 1) -> Any:
    """(N, C, ...) of each sample as (N, samples * C, ...)."""
    return reshaped(moved(batch.value(x), 0, dim), (*x.shape[:dim], batch.size * x.shape[dim], *x.shape[dim + 1 :]))


def out_of_batch(batch: Batch, out: Any) -> Any:
    """(samples * N, ...) as (N, ...) of each sample."""
    return batch.lifted(reshaped(out, (batch.size, out.shape[0] // batch.size, *out.shape[1:])))


def out_of_channels(batch: Batch, out: Any, dim: int = 1) -> Any:
    """(N, samples * C, ...) as (N, C, ...) of each sample."""
    shape = (*out.shape[:dim], batch.size, out.shape[dim] // batch.size, *out.shape[dim + 1 :])
    return batch.lifted(moved(reshaped(out, shape), dim, 0))


def plus(out: Any, bias: Any) -> Any:
    """(N, C, ...) plus one number a channel."""
    return out if bias is None else out + bias.reshape(-1, *(1,) * (out.ndim - 2))


@rule("conv_forward", "conv_input_grad")
def convolution(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    x, weight, bias = arrays
    *settings, groups = attributes
    if not batch.holds(weight):
        if not batch.holds(x):
            return plus(computed(op, (x, weight, None), attributes)[0], bias)
        if not batch.holds(bias):
            return out_of_batch(batch, computed(op, (with_batch(batch, x), weight, bias), attributes)[0])
        return plus(out_of_batch(batch, computed(op, (with_batch(batch, x), weight, None), attributes)[0]), bias)
    if not batch.holds(x) and groups == 1:
        side = 0 if op.name == "conv_forward" else 1  # the dimension of the weight that the result's channels are
        value = weight.value if side == 0 else moved(weight.value, 0, 1)
        value = reshaped(value, (*weight.shape[:side], batch.size * weight.shape[side], *weight.shape[side + 1 :]))
        return plus(out_of_channels(batch, computed(op, (x, value, None), attributes)[0]), bias)
    value = reshaped(weight.value, (batch.size * weight.shape[0], *weight.shape[1:]))
    (out,) = computed(op, (with_channels(batch, x), value, None), (*settings, batch.size * groups))
    return plus(out_of_channels(batch, out), bias)


@rule("conv_weight_grad")
def conv_weight_grad(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    x, y = arrays
    *settings, groups = attributes
    if groups == 1 and not batch.holds(y):
        return out_of_channels(batch, computed(op, (with_channels(batch, x), y), attributes)[0])
    if groups == 1 and not batch.holds(x):
        return out_of_channels(batch, computed(op, (x, with_channels(batch, y)), attributes)[0], 0)
    (out,) = computed(op, (with_channels(batch, x), with_channels(batch, y)), (*settings, batch.size * groups))
    return out_of_channels(batch, out, 0)
