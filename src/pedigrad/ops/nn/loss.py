"""Losses of regression and of binary choices: a loss for each element, then their mean or sum."""

from __future__ import annotations

import math

import numpy as np

from ...core import large, modes
from ...core.declare import composite, function
from ...core.origin import located, warn
from ..math.arithmetic import sign_of
from ..math.special import xlogy
from ..xp import FEW
from .activation import clipped, logistic
from .reduction import constant, legacy_reduction, reduced, spread, warn_of_shapes

PAIRS = [((2, 3), (2, 3), "mean"), ((2, 3), (2, 3), "sum"), ((2, 3), (3,), "none"), ((), (), "mean")]


def _unit(*shape):
    return lambda rng: rng.uniform(0.1, 0.9, shape)


def _need_floats(d, name):
    if d.dtype.kind in "biuc":
        raise NotImplementedError(f'"{name}" not implemented for {d.dtype.name}')


# Of differences


@composite(native_from=large.FEW, name="mse_loss", layout="iterator", places="", promote=True, result="same", samples=PAIRS)
def squared_errors(x, target, /, reduction="mean"):
    """The squared differences, reduced."""
    d = x - target
    _need_floats(d, "mse_cpu")
    if d.__class__ is np.ndarray and d.dtype.kind == "f" and d.size < FEW and reduction != "none":
        s = np.vdot(d, d)
        if reduction == "mean":
            return s / d.size
        if reduction == "sum":
            return s
    return reduced(d * d, reduction)


@squared_errors.grad("x", "target")
def _(g, x, target, reduction, needs):
    d = x - target
    slope = d * (g * (2 / math.prod(d.shape)) if reduction == "mean" and 0 not in d.shape else spread(g * 2, d.shape, reduction))
    return slope, -slope if needs[1] else None


@composite(native_from=large.FEW, name="l1_loss", layout="iterator", places="", promote=True, samples=PAIRS)
def absolute_errors(x, target, /, reduction="mean"):
    """The absolute differences, reduced."""
    return reduced(np.abs(x - target), reduction)


@absolute_errors.grad("x", "target")
def _(g, x, target, reduction, needs):
    d = x - target
    slope = sign_of(d) * spread(g, d.shape, reduction)
    return slope, -slope if needs[1] else None


@composite(
    native_from=large.SEVERAL,
    real=True,
    name="huber_loss",
    layout="iterator",
    places="",
    promote=True,
    result="same",
    samples=[(*s, 1.0) for s in PAIRS] + [(*PAIRS[0], 0.3)],
)
def limited_errors(x, target, /, reduction="mean", delta=1.0):
    """Half the squared differences, where these do not exceed `delta`, continued linearly; reduced."""
    size = np.abs(x - target)
    _need_floats(size, "huber")
    low = np.minimum(size, delta)
    return reduced(low * (size - 0.5 * low), reduction)


@limited_errors.grad("x", "target")
def _(g, x, target, reduction, delta, needs):
    d = x - target
    slope = clipped(d, -delta, delta) * spread(g, d.shape, reduction)
    return slope, -slope if needs[1] else None


@composite(
    native_from=large.SEVERAL,
    real=True,
    name="smooth_l1_loss",
    layout="iterator",
    places="",
    promote=True,
    result="same",
    samples=[(*s, 1.0) for s in PAIRS] + [(*PAIRS[0], 0.3), (*PAIRS[0], 0.0)],
)
def smooth_errors(x, target, /, reduction="mean", beta=1.0):
    """The absolute differences less `beta / 2`, and below `beta` a parabola instead; reduced."""
    size = np.abs(x - target)
    _need_floats(size, "smooth_l1_cpu")
    if beta == 0:
        return reduced(size, reduction)
    low = np.minimum(size, beta)
    return reduced(low * (size - 0.5 * low) / beta, reduction)


@smooth_errors.grad("x", "target")
def _(g, x, target, reduction, beta, needs):
    d = x - target
    slope = sign_of(d) if beta == 0 else clipped(d / beta, -1, 1)
    slope = slope * spread(g, d.shape, reduction)
    return slope, -slope if needs[1] else None


def _reduction(reduction, size_average, reduce):
    return reduction if size_average is None and reduce is None else legacy_reduction(size_average, reduce)


@function("F")
def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """The squared differences of `input` and `target`: their mean, their sum or all of them, as `reduction` says.

    Args:
        input, target: tensors of one shape, or of shapes that broadcast.
        reduction: "mean", "sum" or "none".
        weight: a factor for each square, of the shape of the input.

    Shape: `input` and `target` of one shape; the result is () if reduced.

    >>> torch.nn.functional.mse_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(2.)
    """
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce)
    if input._array.shape != target._array.shape:
        warn_of_shapes(input, target)
    if weight is not None:
        return _weighted(squared_errors(input, target, "none"), input, weight, reduction, by_weight=True)
    return squared_errors(input, target, reduction)


@function("F")
def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """The absolute differences of `input` and `target`: their mean, their sum or all of them, as `reduction` says.

    Args:
        weight: a factor for each difference.

    Shape: `input` and `target` of one shape; the result is () if reduced.

    >>> torch.nn.functional.l1_loss(torch.zeros(2), torch.tensor([1.0, -3.0]))
    tensor(2.)
    """
    reduction = _reduction(reduction, size_average, reduce)
    if input._array.shape != target._array.shape:
        warn_of_shapes(input, target)
    if weight is not None:
        return _weighted(absolute_errors(input, target, "none"), input, weight, reduction, by_weight=True)
    return absolute_errors(input, target, reduction)


@function("F")
def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """Absolute differences less `beta / 2`, below `beta` a parabola instead; reduced."""
    reduction = _reduction(reduction, size_average, reduce)
    if input._array.shape != target._array.shape:
        warn_of_shapes(input, target)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    return smooth_errors(input, target, reduction, beta)


@function("F")
def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """Half the squared differences, continued linearly from `delta` on; reduced."""
    if input._array.shape != target._array.shape:
        warn_of_shapes(input, target)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    if weight is not None:
        return _weighted(limited_errors(input, target, "none", delta), input, weight, reduction, by_weight=False)
    return limited_errors(input, target, reduction, delta)


def _weighted(losses, input, weight, reduction, by_weight):
    """Losses times weights, reduced; their mean is relative to the weights' sum or to the number of elements."""
    if weight.shape != input.shape:
        raise ValueError("Weights and input must have the same size.")
    losses = losses * weight
    if reduction == "mean" and by_weight:
        return losses.sum() / weight.sum()
    return reduce_tensor(losses, reduction)


def reduce_tensor(losses, reduction):
    """The mean or the sum of a Tensor of losses, or itself."""
    if reduction == "mean":
        return losses.mean()
    return losses.sum() if reduction == "sum" else reduced(losses, reduction)


# Of probabilities

LEAST_VARIANCE = float(np.float32(1e-12))  # that a slope is divided by: a number of 32 bits in PyTorch, for float64 too


@composite(
    native_from=large.SEVERAL,
    real=True, name="binary_cross_entropy", layout="iterator", places="", promote=("x", "target"),
    samples=[(_unit(2, 3), _unit(2, 3), None, "mean"), (_unit(2, 3), _unit(2, 3), (3,), "none"), (_unit(), _unit(), None, "sum")],
)  # fmt: skip
def bernoulli_losses(x, target, weight=None, /, reduction="mean"):
    """The negative log-likelihoods of `target` where one has the probability `x`; logarithms are limited to -100."""
    if x.dtype.kind in "biu":
        raise NotImplementedError(f'"binary_cross_entropy" not implemented for {x.dtype.name}')
    if not np.logical_and.reduce((x >= 0) & (x <= 1), axis=None):  # a guard where this is traced
        raise RuntimeError("all elements of input should be between 0 and 1")
    if not np.logical_and.reduce((target >= 0) & (target <= 1), axis=None):
        raise RuntimeError("all elements of target should be between 0 and 1")
    one, zero = np.maximum(np.log(x), -100), np.maximum(np.log1p(-x), -100)
    losses = (target - 1) * zero - target * one
    return reduced(losses if weight is None else losses * weight, reduction)


@bernoulli_losses.grad("x")
def _(g, x, target, weight, reduction):
    slope = (x - target) / np.maximum((1 - x) * x, LEAST_VARIANCE) * spread(g, x.shape, reduction)
    return slope if weight is None else slope * weight


@bernoulli_losses.grad("target")
def _(g, x, weight, reduction):
    slope = (np.log1p(-x) - np.log(x)) * spread(g, x.shape, reduction)
    return slope if weight is None else slope * weight


def _need_float_target(name, target):
    if target._array.dtype.kind in "biu":
        raise RuntimeError(located(f"{name}(): the target must be of floats, got {target.dtype}: convert it with .float()"))


@function("F")
def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """The cross entropy between probabilities `input` of one and `target`, reduced.

    Args:
        weight: a factor for each element.

    Shape: `input` and `target` of one shape; the result is () if reduced.

    Raises:
        ValueError: the shapes differ.
        RuntimeError: an element is not from 0 to 1.

    >>> torch.nn.functional.binary_cross_entropy(torch.tensor([0.5]), torch.tensor([1.0]))
    tensor(0.6931)
    """
    reduction = _reduction(reduction, size_average, reduce)
    if target._array.shape != input._array.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated."
            " Please ensure they have the same size."
        )
    if target.dtype is not input.dtype and input.is_floating_point():
        raise RuntimeError(located(f"binary_cross_entropy(): found target dtype {target.dtype} but expected {input.dtype}"))
    constant("binary_cross_entropy", "weight", weight)
    return bernoulli_losses(input, target, weight, reduction)


@composite(
    native_from=large.SEVERAL,
    real=True, name="binary_cross_entropy_with_logits", layout="iterator", places="", promote=("x", "target"),
    samples=[((2, 3), _unit(2, 3), None, None, "mean"), ((2, 3), _unit(2, 3), (3,), (3,), "none"), ((), _unit(), None, None, "sum")],
)  # fmt: skip
def logit_losses(x, target, weight=None, pos_weight=None, /, reduction="mean"):
    """The negative log-likelihoods of `target` where one has the log-odds `x`; `pos_weight` multiplies those of ones."""
    tail = np.log1p(np.exp(-np.abs(x))) + np.maximum(-x, 0)  # minus the logarithm of the sigmoid
    losses = (1 - target) * x + (tail if pos_weight is None else _ones_weight(target, pos_weight) * tail)
    return reduced(losses if weight is None else losses * weight, reduction)


def _ones_weight(target, pos_weight):
    return (pos_weight - 1) * target + 1


def _shape_of_losses(x, weight, pos_weight):
    return np.broadcast_shapes(*(tuple(a.shape) for a in (x, weight, pos_weight) if a is not None))


@logit_losses.grad("x")
def _(g, x, target, weight, pos_weight, reduction):
    if pos_weight is None:
        slope = logistic(x) - target
    else:
        slope = (1 - target) - _ones_weight(target, pos_weight) * logistic(-x)
    slope = slope * spread(g, _shape_of_losses(x, weight, pos_weight), reduction)
    return slope if weight is None else slope * weight


@logit_losses.grad("target")
def _(g, x, weight, pos_weight, reduction):
    slope = -x
    if pos_weight is not None:
        slope = slope + (pos_weight - 1) * (np.log1p(np.exp(-np.abs(x))) + np.maximum(slope, 0))
    slope = slope * spread(g, _shape_of_losses(x, weight, pos_weight), reduction)
    return slope if weight is None else slope * weight


@function("F")
def binary_cross_entropy_with_logits(input, target, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None):
    """The cross entropy between log-odds `input` of one and `target`, reduced; `pos_weight` multiplies the losses of ones.

    Args:
        weight: a factor for each element.
        pos_weight: a factor for ones, of each class.

    Shape: `input` and `target` of one shape; the result is () if reduced.

    Raises:
        ValueError: the shapes differ.

    >>> torch.nn.functional.binary_cross_entropy_with_logits(torch.zeros(2), torch.tensor([0.0, 1.0]))
    tensor(0.6931)
    """
    reduction = _reduction(reduction, size_average, reduce)
    if target._array.shape != input._array.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    _need_float_target("binary_cross_entropy_with_logits", target)
    constant("binary_cross_entropy_with_logits", "weight", weight)
    constant("binary_cross_entropy_with_logits", "pos_weight", pos_weight)
    return logit_losses(input, target, weight, pos_weight, reduction)


@composite(
    native_from=large.SEVERAL,
    name="kl_div", layout="iterator", places="", promote=True, result="same",
    samples=[((2, 3), _unit(2, 3), "mean", False), ((2, 3), _unit(3), "none", True),
                                                     ((), _unit(), "sum", False)],
)  # fmt: skip
def divergences(x, target, /, reduction="mean", log_target=False):
    """`target * (log(target) - x)`, reduced; with `log_target` the logarithms of the target are given."""
    return reduced(np.exp(target) * (target - x) if log_target else _plogp(target) - target * x, reduction)


def _plogp(p):
    return np.where(p == 0, 0, p * np.log(p))


@divergences.grad("x")
def _(g, x, target, reduction, log_target):
    shape = np.broadcast_shapes(tuple(x.shape), tuple(target.shape))
    return -(np.exp(target) if log_target else target) * spread(g, shape, reduction)


@divergences.grad("target")
def _(g, x, target, reduction, log_target):
    g = spread(g, np.broadcast_shapes(tuple(x.shape), tuple(target.shape)), reduction)
    if log_target:
        p = np.exp(target)
        return g * (target - x) * p + g * p
    return np.where(target == 0, 0, xlogy(g, target)) + g * target / target - g * x


@function("F")
def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """The Kullback-Leibler divergences from log-probabilities `input` to probabilities `target`, element by element, reduced.

    "batchmean" divides the sum by the size of dimension 0; that is the divergence, "mean" is not.
    """
    _need_float_target("kl_div", target)
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce)
    elif reduction == "mean":
        warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
            "'mean' will be changed to behave the same as 'batchmean' in the next major release."
        )
    if reduction == "batchmean":
        total_loss = divergences(input, target, "sum", log_target)
        return total_loss / input.shape[0] if input.ndim else total_loss
    return divergences(input, target, reduction, log_target)


@composite(
    native_from=large.SEVERAL,
    name="soft_margin_loss", layout="iterator", places="", promote=True, result="same",
    samples=[((2, 3), lambda rng: rng.choice([-1.0, 1.0], (2, 3)), "mean"),
                                                               ((2, 3), lambda rng: rng.choice([-1.0, 1.0], (2, 3)), "none")],
)  # fmt: skip
def margin_losses(x, target, /, reduction="mean"):
    """`log(1 + exp(-target * x))`, reduced."""
    z = -target * x
    return reduced(np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))), reduction)


@margin_losses.grad("x", "target")
def _(g, x, target, reduction, needs):
    z = target * x
    slope = logistic(-z) * spread(g, z.shape, reduction)
    return -target * slope if needs[0] else None, -x * slope if needs[1] else None


@function("F")
def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """`log(1 + exp(-target * input))` for targets of 1 and -1, reduced."""
    constant("soft_margin_loss", "target", target)
    return margin_losses(input, target, _reduction(reduction, size_average, reduce))


# Written with other operations


def _stirling(target):
    """Stirling's approximation of log(target!), zero for targets up to 1."""
    approximation = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
    return approximation.where(target > 1, 0)


@function("F")
def poisson_nll_loss(input, target, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction="mean"):
    """The negative log-likelihoods of the counts `target` for rates `input` (or their logarithms), reduced.

    `full` adds Stirling's approximation of log(target!), which is constant otherwise left out.
    """
    reduction = _reduction(reduction, size_average, reduce)
    losses = input.exp() - target * input if log_input else input - target * (input + eps).log()
    return reduce_tensor(losses + _stirling(target) if full else losses, reduction)


@function("F")
def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """The negative log-likelihoods of `target` for means `input` and variances `var`, reduced.

    `var` has the shape of `input`, or lacks its last dimension, or has one dimension of size one; it is taken to be at
    least `eps`.
    """
    if isinstance(var, (int, float)):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = input.detach() * 0 + float(var)
    elif (var < 0).any():
        raise ValueError("var has negative entry/entries")
    if var.shape != input.shape:
        if tuple(input.shape[:-1]) == tuple(var.shape):
            var = var.unsqueeze(-1)
        elif var.ndim != input.ndim or sum(n for m, n in zip(input.shape, var.shape, strict=True) if m != n) != 1:
            raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid")
    var = var.clone()
    with modes.no_grad():  # the gradient passes as if there were no limit
        var.clamp_min_(eps)
    losses = 0.5 * (var.log() + (input - target) ** 2 / var)
    return reduce_tensor(losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction)
