"""Dropout: elements or whole channels set to zero at random, the rest scaled up so that the expected value stays."""

from __future__ import annotations

import math

import numpy as np

from ...core.declare import composite, function
from ...core.inplace import inplace_form
from ...core.origin import warn
from ...core.quiet import astype
from ...rng.generator import default_generator
from .reduction import in_dtype_of

NEGATIVE_LIMIT = 1.7580993408473766  # minus what selu tends to for very negative elements


def drawn(x, p, whole_channels):
    """Which elements are kept, each with probability 1 - p, as booleans that broadcast to `x`; for a traced one, traced."""
    keep = _drawn(x, p, whole_channels)
    return x._trace.found(keep) if hasattr(x, "_trace") else keep


def _drawn(x, p, whole_channels):
    shape = (*x.shape[:2], *(1,) * (x.ndim - 2)) if whole_channels else x.shape
    if p == 1:
        return np.zeros(shape, bool)
    strides = getattr(x, "strides", None)
    if whole_channels or strides is None or x.flags.c_contiguous or 0 in strides:
        return default_generator.bernoulli(tuple(shape), 1 - p, np.bool_)
    order = sorted(range(x.ndim), key=lambda d: -strides[d])  # PyTorch draws in the order of memory
    keep = default_generator.bernoulli(tuple(shape[d] for d in order), 1 - p, np.bool_)
    return np.transpose(keep, np.argsort(order))


SURE = [((2, 3), 0.0, False), ((2, 3), 1.0, False), ((2, 3, 4), 0.0, True)]  # samples on which nothing is left to chance


@composite(
    wide="rules", layout="like", real=True, name="dropout", places="", outputs=("out", "keep"), hidden=1, node="MulBackward0", samples=SURE,
)  # fmt: skip
def thinned(x, /, p=0.5, whole_channels=False):
    """`x` with elements, or whole channels, set to zero with probability `p` and the others divided by 1 - p."""
    keep = drawn(x, p, whole_channels)
    return in_dtype_of(x, x * _factors(keep, x.dtype, p)), keep


@thinned.grad("x")
def _(g, keep, x_dtype, p):
    return g * _factors(keep, x_dtype, p)


def _factors(keep, kind, p):
    return astype(keep, kind) / (1 - p if p < 1 else 1)


@composite(
    wide="rules", layout="like", name="alpha_dropout", places="", outputs=("out", "keep"), hidden=1, node="AddBackward0", samples=SURE,
)  # fmt: skip
def saturated(x, /, p=0.5, whole_channels=False):
    """`x` with elements, or whole channels, set to selu's negative limit with probability `p`, scaled and shifted to keep
    mean and variance."""
    keep = drawn(x, p, whole_channels)
    scale = _alpha_scale(p)
    noise = astype(keep, x.dtype)
    out = x * (noise * scale) + ((noise - 1) * (NEGATIVE_LIMIT * scale) + NEGATIVE_LIMIT * scale * p)
    return in_dtype_of(x, out), keep


@saturated.grad("x")
def _(g, keep, x_dtype, p):
    return g * (astype(keep, x_dtype) * _alpha_scale(p))


def _alpha_scale(p):
    return 1 / math.sqrt((NEGATIVE_LIMIT * NEGATIVE_LIMIT * p + 1) * (1 - p)) if p < 1 else 0.0


def _is_idle(input, p, training):
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    return not training or p == 0 or not input._array.size


thinned_, saturated_ = inplace_form(thinned.op), inplace_form(saturated.op)


@function("F")
def dropout(input, p=0.5, training=True, inplace=False):
    """`input` with each element set to zero with probability `p` and the others divided by 1 - p; itself unless `training`.

    Args:
        p: the probability with which an element is set to zero.
        training: False gives `input` itself.

    Shape: that of `input`.

    Raises:
        ValueError: `p` is not from 0 to 1.

    >>> torch.nn.functional.dropout(torch.ones(2), 0.5, training=False)
    tensor([1., 1.])
    """
    if _is_idle(input, p, training):
        return input
    return thinned_(input, p, False) if inplace else thinned(input, p, False)


def _feature_dropout(input, p, training, inplace=False):
    """`input` with whole channels set to zero with probability `p`."""
    if _is_idle(input, p, training):
        return input
    if input.ndim < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return thinned_(input, p, True) if inplace else thinned(input, p, True)


def _unbatched(input, p, training, inplace):
    """Feature dropout of a sample without batch dimension."""
    if _is_idle(input, p, training):
        return input
    batch = input.unsqueeze(0)
    if inplace:
        thinned_(batch, p, True)
        return input
    return thinned(batch, p, True).squeeze(0)


@function("F")
def dropout1d(input, p=0.5, training=True, inplace=False):
    """`input` of shape (N, C, L) or (C, L) with whole channels set to zero with probability `p`."""
    _is_idle(input, p, training)
    if input.ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input. Note that dropout1d exists to provide"
            " channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch dimension"
            " (i.e. 2D or 3D inputs)."
        )
    return (_feature_dropout if input.ndim == 3 else _unbatched)(input, p, training, inplace)


@function("F")
def dropout2d(input, p=0.5, training=True, inplace=False):
    """`input` of shape (N, C, H, W) with whole channels set to zero with probability `p`."""
    _is_idle(input, p, training)
    if input.ndim not in (3, 4):
        warn(
            f"dropout2d: Received a {input.ndim}-D input to dropout2d, which is deprecated and will result in an error in a"
            " future release. To retain the behavior and silence this warning, please use dropout instead."
        )
    if input.ndim == 3:
        warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired -"
            " input is interpreted as shape (N, C, L), where C is the channel dim. Please use dropout1d for that."
        )
    return _feature_dropout(input, p, training, inplace)


@function("F")
def dropout3d(input, p=0.5, training=True, inplace=False):
    """`input` of shape (N, C, D, H, W) or (C, D, H, W) with whole channels set to zero with probability `p`."""
    _is_idle(input, p, training)
    if input.ndim not in (4, 5):
        warn(
            f"dropout3d: Received a {input.ndim}-D input to dropout3d, which is deprecated and will result in an error in a"
            " future release. To retain the behavior and silence this warning, please use dropout instead."
        )
    return (_feature_dropout if input.ndim == 5 else _unbatched)(input, p, training, inplace)


@function("F")
def alpha_dropout(input, p=0.5, training=False, inplace=False):
    """`input` with each element set to selu's negative limit with probability `p`, keeping mean and variance."""
    if _is_idle(input, p, training):
        return input
    return saturated_(input, p, False) if inplace else saturated(input, p, False)


@function("F")
def feature_alpha_dropout(input, p=0.5, training=False, inplace=False):
    """`alpha_dropout` of whole channels."""
    if _is_idle(input, p, training):
        return input
    if input.ndim < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return saturated_(input, p, True) if inplace else saturated(input, p, True)


# As the torch namespace has them: (input, p, train)


def _publish_short_forms(name, form):
    def short(input, p, train):
        return form(input, p, train)

    def short_(input, p, train):
        return form(input, p, train, True)

    for function_, ending, summary in ((short, "", form.__doc__), (short_, "_", f"In-place form of `{name}`.")):
        function_.__name__ = function_.__qualname__ = name + ending
        function_.__doc__ = summary
        function("torch")(function_)


_publish_short_forms("dropout", dropout)
_publish_short_forms("alpha_dropout", alpha_dropout)
_publish_short_forms("feature_alpha_dropout", feature_alpha_dropout)
_publish_short_forms("feature_dropout", _feature_dropout)
