"""Slopes of functions of which values at points are known."""

from __future__ import annotations

from typing import Any, cast

from ...core.declare import function
from ...core.dtypes import bool_
from ...core.origin import located
from ...core.shapes import all_dims
from ...core.tensor import Tensor
from ..shape.join import cat
from ..shape.region import part
from ..shape.view import reshape


def _from_to(x: Any, dim: int, start: int | None, stop: int | None) -> Any:
    return part(x, (*(slice(None),) * dim, slice(start, stop), ...))


def _ends(x: Any, dim: int, first: Any, last: Any, weights: Any) -> tuple[Any, Any]:
    """The slopes at both ends, from the `first` and the `last` points there and their weights."""
    low = sum(w * _from_to(x, dim, i, i + 1) for i, w in enumerate(weights(first)))
    n = x.shape[dim]
    high = sum(-w * _from_to(x, dim, n - 1 - i, n - i) for i, w in enumerate(weights(last)))
    return low, high


def _end_weights(steps: list[Any]) -> list[Any]:
    """What the first points count for in the slope at the first one, which lie `steps` apart."""
    if len(steps) == 1:
        return [-1 / steps[0], 1 / steps[0]]
    a, b = steps
    return [-(2 * a + b) / (a * (a + b)), (a + b) / (a * b), -a / (b * (a + b))]


def _slope(x: Any, dim: int, spacing: Any, order: int) -> Any:
    """The slope of `x` along `dim` at points that are `spacing` apart, a number, or lie at its elements, a vector."""
    if isinstance(spacing, Tensor):
        spacing = cast(Any, spacing)
        steps: Any = reshape(spacing[1:] - spacing[:-1], (-1, *(1,) * (x.ndim - dim - 1)))
        n = steps.shape[0]
        before, after = _from_to(steps, 0, None, n - 1), _from_to(steps, 0, 1, None)
        weights = (-after / (before * (before + after)), (after - before) / (before * after), before / (after * (before + after)))
        first, last = ([steps[i : i + 1] for i in range(order)], [steps[n - 1 - i : n - i] for i in range(order)])
        size = x.shape[dim]
        inner = sum(w * _from_to(x, dim, i, size - 2 + i) for i, w in enumerate(weights))
    else:
        inner = (_from_to(x, dim, 2, None) - _from_to(x, dim, None, -2)) / (2 * spacing)
        first = last = [spacing] * order
    low, high = _ends(x, dim, first, last, _end_weights)
    return cat([low, inner, high], dim)


@function("torch")
def gradient(input: Tensor, *, spacing: Any = None, dim: Any = None, edge_order: int = 1) -> tuple[Tensor, ...]:
    """The slope along each of `dim`, from the neighbours on both sides; at the ends from `edge_order + 1` points there.

    `spacing` is the distance of neighbours, a number or one for each dimension, or a vector of places for each.
    """
    if edge_order not in (1, 2):
        raise RuntimeError(located("torch.gradient only supports edge_order=1 and edge_order=2."))
    if isinstance(spacing, Tensor):
        if spacing.ndim:
            raise TypeError(located("gradient(): argument 'spacing' must be a number, or a list of numbers or tensors, not a Tensor"))
        spacing = spacing.item()
    dims = all_dims(dim, input.ndim) if dim is None or isinstance(dim, int) or len(dim) else ()
    if isinstance(spacing, (list, tuple)):
        if len(spacing) != len(dims):
            what = f"got a spacing argument of length {len(spacing)} for {len(dims)} dimensions"
            raise RuntimeError(
                located(f"torch.gradient expected spacing to be unspecified, a scalar, or a list as long as dim, but {what}")
            )
        spacings = list(spacing)
    else:
        spacings = [1 if spacing is None else spacing] * len(dims)
    if input.dtype is bool_:
        raise RuntimeError(located("torch.gradient of a bool tensor is not supported: convert it with .float()"))
    if not (input.ndim or dim is None or dim == ()):
        raise IndexError(located(f"Dimension specified as {dim} but tensor has no dimensions"))
    for d, each in zip(dims, spacings, strict=True):
        if input.shape[d] < edge_order + 1:
            raise RuntimeError(located("torch.gradient expected each dimension size to be at least edge_order+1"))
        if isinstance(each, Tensor) and each.ndim != 1:
            what = f"to have one dimension, but got an element with {each.ndim} dimensions!"
            raise RuntimeError(located(f"torch.gradient expected each element of spacing {what}"))
        if isinstance(each, Tensor) and each.shape[0] != input.shape[d]:
            raise RuntimeError(located(f"torch.gradient expected {input.shape[d]} places along dim {d}, but got {each.shape[0]}"))
    return tuple(_slope(input, d, each, edge_order) for d, each in zip(dims, spacings, strict=True))
