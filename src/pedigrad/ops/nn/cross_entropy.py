"""Losses of classification: cross entropy from scores, negative log likelihood from log-probabilities.

Scores have shape (C), (N, C) or (N, C, d1, ...); targets are class indices of the same shape without C, or probabilities of
the same shape.
"""

from __future__ import annotations

import math

import numpy as np

from ...core.declare import composite, function
from ...core.quiet import astype
from ..linalg.matmul import linear
from ..linked import linked
from ..xp import kind_of, row_total, total
from .reduction import constant, legacy_reduction, not_a_reduction, reduced
from .softmax import log_softmax


def _classes(*shape, high=3):
    return lambda rng: rng.integers(0, high, shape)


INDICES = [
    ((4, 3), _classes(4), None, -100, "mean"),
    ((4, 3), _classes(4), None, 1, "sum"),
    ((4, 3), _classes(4), None, 1, "none"),
    ((2, 3, 4), _classes(2, 4), None, -100, "mean"),
    ((2, 3, 2, 2), _classes(2, 2, 2), lambda rng: rng.random(3), 2, "mean"),
    ((3,), _classes(), None, -100, "mean"),
]


def are_classes(dtype):
    """Whether class indices may have this dtype: int64 or uint8."""
    return dtype.itemsize == (8 if dtype.kind == "i" else 1) and dtype.kind in "iu"


def class_dim(x):
    """The dimension of the classes in scores of any allowed shape."""
    return 1 if x.ndim > 1 else 0


def over_classes(values, dim):
    """A value for each target, or one for all, shaped to be broadcast along the classes."""
    return values if values.ndim == 0 and dim else np.expand_dims(values, dim)


def places_of(target):
    """The index into the scores that picks the ones of `target`."""
    if target.ndim == 1:
        return np.arange(target.shape[0]), target
    last = target.ndim - 1
    grid = [np.arange(n).reshape((n,) + (1,) * (last - i)) for i, n in enumerate(target.shape)]
    return (*grid[:1], target, *grid[1:])


def is_class(x, target):
    """Whether each element of scores like `x` is that of its target's class."""
    dim = class_dim(x)
    classes = np.reshape(np.arange(x.shape[dim]), (-1,) + (1,) * (x.ndim - dim - 1))
    return classes == np.expand_dims(target, dim)


def one_hot_like(x, target):
    """One at the class of each target, zero elsewhere, in the shape and dtype of `x`."""
    return astype(is_class(x, target), kind_of(x))


def shares(x, target, weight, ignore_index, reduction):
    """How the targets are weighed: the targets without those to be ignored, which are to be counted (None: all), their
    factors, and the share of each one's loss in the result: one number where all have the same."""
    kind = kind_of(x)
    n = math.prod(target.shape)
    lowest = np.minimum.reduce(target, axis=None) if n else 0
    if weight is None and lowest >= 0 and ignore_index < 0:
        return target, None, None, kind.type(1 / n if reduction == "mean" and n else 1)
    valid = target != ignore_index
    safe = np.where(valid, target, 0)
    lowest = np.minimum.reduce(safe, axis=None) if n else 0
    if lowest < 0:
        raise IndexError(no_such_class(x, target, ignore_index=ignore_index))
    factors = np.where(valid, np.ones((), kind), np.zeros((), kind)) if weight is None else np.where(valid, weight[safe], 0)
    return safe, valid, factors, factors if reduction != "mean" else np.where(valid, factors / total(factors), 0)


def combined(losses, valid, factors, reduction):
    """The loss of each target, or all of them together; nan for a mean over nothing."""
    if valid is None:
        return reduced(losses, reduction)
    losses = np.where(valid, losses * factors, 0)  # what is ignored may be anything, nan too
    if reduction == "none":
        return losses
    if reduction == "sum":
        return total(losses)
    if reduction != "mean":
        raise not_a_reduction(reduction)
    return total(losses) / total(factors)


def counted(g, target, ignore_index):
    """The gradient of each loss, zero for those that are ignored."""
    return g if g.ndim == 0 and target.ndim else np.where(target != ignore_index, g, 0)


def no_such_class(x, target, *others, ignore_index=-100, **attributes):
    """Which target is none of the classes of the scores, and where it stands; None if all are."""
    if not (x.ndim and are_classes(target.dtype)):
        return None
    count = x.shape[class_dim(x)]
    wrong = np.argwhere(((target < 0) | (target >= count)) & (target != ignore_index))
    if not len(wrong):
        return None
    at = tuple(map(int, wrong[0]))
    place = f" (at {list(at)})" if at else ""
    return f"Target {target[at]} is out of bounds{place}: the scores {tuple(x.shape)} are of {count} classes, 0 to {count - 1}"


def check_target(x, target):
    """The error for scores and class indices whose shapes or dtypes do not go together."""
    if x.ndim == 0:
        raise ValueError(f"Expected 1 or more dimensions (got {x.ndim})")
    if x.ndim == 1 and target.ndim == 0:
        pass
    elif x.ndim != 1 and target.ndim > 0 and x.shape[0] != target.shape[0]:
        raise ValueError(f"Expected input batch_size ({x.shape[0]}) to match target batch_size ({target.shape[0]}).")
    elif x.ndim == 2 and target.ndim != 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    elif x.shape[:1] + x.shape[2:] != target.shape:
        raise RuntimeError(f"Expected target size {[*x.shape[:1], *x.shape[2:]]}, got {list(target.shape)}")
    if not are_classes(target.dtype):
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {target.dtype.name}")


def check_weight(x, weight):
    """The error for class weights that are not one for each class."""
    classes = x.shape[class_dim(x)]
    if weight.shape != (classes,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of shape:"
            f" {list(weight.shape)}"
        )


@composite(
    real=True, name="cross_entropy_loss", places="", outputs=("out", "top", "height", "share"), hidden=3, node="NllLossBackward0",
    samples=[*[(*s, 0.0) for s in INDICES[:4]], INDICES[4] + (0.0,), INDICES[0] + (0.1,), INDICES[3] + (0.2,), INDICES[5] + (0.1,)],
)  # fmt: skip
def index_cross_entropy(x, target, weight=None, /, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """The negative log-softmax of the scores at the classes `target`; `weight` and `label_smoothing` exclude each other."""
    if x.ndim != 2 or target.ndim != 1 or x.shape[0] != target.shape[0] or not are_classes(target.dtype):
        check_target(x, target)
    if x.dtype.kind in "biu":
        raise NotImplementedError(f'"log_softmax_lastdim_kernel_impl" not implemented for {x.dtype.name}')
    target, valid, factors, share = shares(x, target, weight, ignore_index, reduction)
    dim = class_dim(x)
    top = np.maximum.reduce(x, axis=dim, keepdims=True)
    x = x - top
    height = np.log(row_total(np.exp(x), dim, True))
    losses = x[places_of(target)]
    if label_smoothing:
        losses = losses * (1 - label_smoothing) + row_total(x, dim) * (label_smoothing / x.shape[dim])
    losses = (height[:, 0] if dim else height[0]) - losses
    return combined(losses, valid, factors, reduction), top, height, share


index_cross_entropy.op.mistake = no_such_class


@index_cross_entropy.grad("x")
def _(g, x, target, weight, top, height, share, ignore_index, reduction, label_smoothing):
    dim = class_dim(x)
    slope = np.exp((x - top) - height)  # not of their sum: large scores have no digits left for the second
    if label_smoothing:
        slope = slope - label_smoothing / x.shape[dim]
    if slope.__class__ is np.ndarray and target.__class__ is np.ndarray:
        safe = target if share.ndim == 0 and target.ndim else np.where(target == ignore_index, 0, target)
        slope[places_of(safe)] -= 1 - label_smoothing
    else:
        slope = slope - one_hot_like(x, target) * (1 - label_smoothing)
    return slope * over_classes(counted(g * share, target, ignore_index), dim)


@composite(
    name="cross_entropy_loss_prob", called="cross_entropy_loss", places="", outputs=("out", "top", "height"), hidden=2, node="DivBackward1",
    samples=[((4, 3), (4, 3), None, "mean", 0.0), ((4, 3), (4, 3), (3,), "none", 0.1), ((2, 3, 2), (2, 3, 2), None, "sum", 0.0),
             ((3,), (3,), None, "mean", 0.0)],
)  # fmt: skip
def probability_cross_entropy(x, target, weight=None, /, reduction="mean", label_smoothing=0.0):
    """The cross entropy of the softmax of the scores relative to the probabilities `target`."""
    dim = class_dim(x)
    top = np.maximum.reduce(x, axis=dim, keepdims=True)
    x = x - top
    height = np.log(row_total(np.exp(x), dim, True))
    losses = row_total(_aims(x, target, weight, label_smoothing) * (height - x), dim)
    if reduction == "mean":
        return total(losses) / math.prod(losses.shape), top, height
    return reduced(losses, reduction), top, height


def _aims(x, target, weight, label_smoothing):
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / x.shape[class_dim(x)]
    return target if weight is None else target * over_dims(weight, x)


def over_dims(weight, x):
    """Class weights shaped to be broadcast over scores."""
    return np.reshape(weight, (-1,) + (1,) * (x.ndim - class_dim(x) - 1))


def _targets_of(x):
    return math.prod(n for i, n in enumerate(x.shape) if i != class_dim(x))


def _for_each_target(g, x, reduction):
    if reduction == "mean":
        g = g / _targets_of(x)
    return over_classes(g, class_dim(x)) if reduction == "none" else g


@probability_cross_entropy.grad("x")
def _(g, x, target, weight, top, height, reduction, label_smoothing):
    dim = class_dim(x)
    aims = _aims(x, target, weight, label_smoothing)
    slope = np.exp((x - top) - height) * row_total(aims, dim, True) - aims
    return slope * _for_each_target(g, x, reduction)


@probability_cross_entropy.grad("target")
def _(g, x, weight, top, height, reduction, label_smoothing):
    slope = (height - (x - top)) * (1 - label_smoothing)
    if weight is not None:
        slope = slope * over_dims(weight, x)
    return slope * _for_each_target(g, x, reduction)


@probability_cross_entropy.grad("weight")
def _(g, x, target, top, height, reduction, label_smoothing):
    dim = class_dim(x)
    slope = _aims(x, target, None, label_smoothing) * (height - (x - top)) * _for_each_target(g, x, reduction)
    others = tuple(i for i in range(x.ndim) if i != dim)
    return total(slope, others) if others else slope


@composite(
    name="nll_loss", places="", outputs=("out", "share"), hidden=1, samples=INDICES,
)  # fmt: skip
def index_nll(x, target, weight=None, /, ignore_index=-100, reduction="mean"):
    """The negatives of the log-probabilities `x` at the classes `target`."""
    if x.ndim != 2 or target.ndim != 1 or x.shape[0] != target.shape[0] or not are_classes(target.dtype):
        check_target(x, target)
    target, valid, factors, share = shares(x, target, weight, ignore_index, reduction)
    return combined(-x[places_of(target)], valid, factors, reduction), share


index_nll.op.mistake = no_such_class


@index_nll.grad("x")
def _(g, x, target, weight, share, ignore_index, reduction):
    slope = over_classes(counted(-(g * share), target, ignore_index), class_dim(x))
    return linked(np.where(is_class(x, target), slope, 0), x)


@function("F")
def nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
    """The negatives of the log-probabilities `input` at the classes `target`, weighed and reduced.

    `input` has shape (C), (N, C) or (N, C, d1, ...), `target` the same without C; those equal to `ignore_index` do not count.

    Args:
        weight: a factor for each class, of shape (C,).
        ignore_index: the class that does not count.

    Shape: (C), (N, C) or (N, C, d1, ...) and targets without C; the result is () if reduced.

    Raises:
        IndexError: a target is no class.

    >>> x = torch.tensor([[-0.5, -1.0]])
    >>> torch.nn.functional.nll_loss(x, torch.tensor([1]))
    tensor(1.)
    """
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce)
    if weight is not None:
        constant("nll_loss_forward", "weight", weight)
        check_weight(input, weight)
    return index_nll(input, target, weight, ignore_index, reduction)


@function("F")
def cross_entropy(
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
    label_smoothing=0.0,
):
    """The cross entropy between the softmax of the scores `input` and `target`, weighed and reduced.

    `input` has shape (C), (N, C) or (N, C, d1, ...). `target` holds class indices, of the same shape without C, where those
    equal to `ignore_index` do not count; or floats of the same shape, probabilities of the classes.

    Args:
        input: scores, not normalised.
        target: classes, or their probabilities.
        weight: a factor for each class, of shape (C,).
        ignore_index: the class that does not count.
        label_smoothing: the part of the target that is spread evenly over all classes, from 0 to 1.

    Shape: () if reduced; else that of `target` without the classes.

    Raises:
        IndexError: a target is no class.
        ValueError: the shapes do not belong together.

    >>> F = torch.nn.functional
    >>> F.cross_entropy(torch.zeros(2, 4), torch.tensor([1, 3]))
    tensor(1.3863)
    """
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce)
    if label_smoothing and not 0.0 < label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if target._array.shape == input._array.shape:
        if not target.is_floating_point():
            raise RuntimeError(f"Expected floating point type for target with class probabilities, got {target.dtype}")
        return probability_cross_entropy(input, target, weight, reduction, label_smoothing)
    if weight is None:
        return index_cross_entropy(input, target, None, ignore_index, reduction, label_smoothing)
    constant("nll_loss_forward", "weight", weight)
    check_weight(input, weight)
    if not label_smoothing:
        return index_cross_entropy(input, target, weight, ignore_index, reduction, 0.0)
    return _smoothed(input, target, weight, ignore_index, reduction, label_smoothing)


def _smoothed(input, target, weight, ignore_index, reduction, label_smoothing):
    """Weights and smoothing together: the two parts of the loss are weighed differently."""
    dim = class_dim(input)
    log = log_softmax(input, dim)
    sharp = index_nll(log, target, weight, ignore_index, reduction)
    over = -(log * over_dims(weight, log)).sum(dim)
    valid = target != ignore_index
    smooth = over.where(valid, 0)
    if reduction != "none":
        smooth = smooth.sum()
    if reduction == "mean":
        smooth = smooth / weight[np.where(valid, target, 0)].where(valid, 0).sum()
    return sharp * (1 - label_smoothing) + smooth * (label_smoothing / input.shape[dim])


@function("F")
def linear_cross_entropy(
    input,
    linear_weight,
    target,
    *,
    linear_bias=None,
    weight=None,
    reduction="mean",
    ignore_index=None,
    label_smoothing=0.0,
    options=None,
):
    """The cross entropy of `linear(input, linear_weight, linear_bias)`."""
    if input.ndim not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.ndim}")
    if ignore_index is not None and target.is_floating_point():
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    outputs = linear_weight.shape[:-1]
    if len(outputs) > 1 and input.ndim == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} requires batched input,"
            f" (N, {linear_weight.shape[-1]}), got unbatched input with shape {(*input.shape,)}"
        )
    if len(outputs) > 1:
        linear_weight = linear_weight.reshape(-1, linear_weight.shape[-1])
        linear_bias = None if linear_bias is None else linear_bias.expand(outputs).reshape(-1)
    scores = linear(input, linear_weight, linear_bias)
    if len(outputs) > 1:
        scores = scores.reshape(*input.shape[:-1], *outputs)
    ignored = -100 if ignore_index is None else ignore_index
    return cross_entropy(scores, target, weight, None, ignored, None, reduction, label_smoothing)
