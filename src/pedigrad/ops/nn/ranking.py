"""Losses and measures of how near or far vectors and classes are to each other."""

from __future__ import annotations

import numpy as np

from ...core import dtypes
from ...core.declare import composite, function
from ...core.origin import located
from ...core.quiet import astype
from ...core.shapes import broadcast_shapes, one_dim
from ...core.tensor import read, wrap
from ..reduce.norms import vector_norm
from ..xp import total
from .activation import logsigmoid
from .embedding import one_hot_rows
from .loss import reduce_tensor
from .reduction import legacy_reduction, not_a_reduction


def _reduction(reduction, size_average, reduce):
    if size_average is not None or reduce is not None:
        return legacy_reduction(size_average, reduce)
    if reduction not in ("mean", "sum", "none"):
        raise not_a_reduction(reduction)
    return reduction


# Measures


@composite(
    name="cosine_similarity", places="", promote=True, result="same",
    samples=[((2, 3), (2, 3), 1, 1e-8), ((2, 3, 4), (2, 3, 4), -2, 1e-8), ((3,), (3,), 0, 1e-8)],
)  # fmt: skip
def cosines(x, y, /, dim, eps):
    """The cosine of the angle between vectors along `dim`."""
    x, y = _unit(x, dim, eps)[0], _unit(y, dim, eps)[0]
    return total(x * y, dim)


def _unit(x, dim, eps):
    squares = total(x * x, dim, True)
    length = np.sqrt(np.maximum(squares, eps * eps))
    return x / length, length, squares > eps * eps


@cosines.grad("x")
def _(g, x, y, dim, eps):
    return _cosine_slope(g, x, y, dim, eps)


@cosines.grad("y")
def _(g, x, y, dim, eps):
    return _cosine_slope(g, y, x, dim, eps)


def _cosine_slope(g, x, y, dim, eps):
    g = np.expand_dims(g, dim)
    (x, length, free), (y, _, _) = _unit(x, dim, eps), _unit(y, dim, eps)
    return g * (y - np.where(free, total(x * y, dim, True), 0) * x) / length


@function("torch F")
def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """The cosine of the angle between the vectors along `dim` of `x1` and `x2`, whose lengths are at least `eps`.

    Shape: `x1` and `x2` broadcast; the result lacks `dim`.

    >>> torch.nn.functional.cosine_similarity(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0]]))
    tensor([0.7071])
    """
    ndim = max(x1.ndim, x2.ndim)
    one_dim(dim, ndim)
    if x1.shape != x2.shape:
        shape = broadcast_shapes(x1.shape, x2.shape)
        x1, x2 = x1.expand(shape), x2.expand(shape)
    if not ndim:
        return cosines(x1.reshape(1), x2.reshape(1), 0, eps)
    return cosines(x1, x2, dim, eps)


@function("torch F")
def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """The `p`-norm of `x1 - x2 + eps` along the last dimension."""
    return vector_norm(x1 - x2 + eps, p, -1, keepdim)


# Losses of pairs and triplets


@function("F")
def margin_ranking_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """`max(0, -target * (input1 - input2) + margin)` for targets of 1 and -1, reduced."""
    reduction = _reduction(reduction, size_average, reduce)
    if input1.ndim != input2.ndim or input1.ndim != target.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    return reduce_tensor((-target * (input1 - input2) + margin).clamp_min(0), reduction)


@function("F")
def hinge_embedding_loss(input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"):
    """The distances `input` where `target` is 1, `max(0, margin - input)` where it is -1; reduced."""
    reduction = _reduction(reduction, size_average, reduce)
    apart = (margin - input).clamp_min(0).where(target != 1, 0)
    return reduce_tensor(apart + input.where(target != -1, 0), reduction)


@function("F")
def cosine_embedding_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """One less the cosine of the angle where `target` is 1, `max(0, cosine - margin)` where it is -1; reduced.

    Inputs of shape (N, D) and (D), targets of shape (N) and ().
    """
    reduction = _reduction(reduction, size_average, reduce)
    if target.ndim not in (0, 1):
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    wanted = target.ndim + 1
    if input1.ndim != wanted or input2.ndim != wanted:
        raise RuntimeError(
            f"{target.ndim}D target tensor expects {wanted}D input tensors, but found inputs with sizes"
            f" {list(input1.shape)} and {list(input2.shape)}."
        )
    tiny = 1e-12
    squares = ((input1 * input1).sum(-1) + tiny) * ((input2 * input2).sum(-1) + tiny)
    cosine = (input1 * input2).sum(-1) / squares.sqrt()
    losses = (1 - cosine).where(target == 1, 0) + (cosine - margin).clamp_min(0).where(target == -1, 0)
    return reduce_tensor(losses, reduction)


@function("F")
def triplet_margin_loss(
    anchor, positive, negative, margin=1.0, p=2, eps=1e-6, swap=False, size_average=None, reduce=None, reduction="mean"
):
    """`max(0, d(anchor, positive) - d(anchor, negative) + margin)` with the `p`-norm for the distance d, reduced.

    `swap` takes the distance from `positive` to `negative` where it is smaller than the one from `anchor`.
    """
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    reduction = _reduction(reduction, size_average, reduce)
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = far.minimum(pairwise_distance(positive, negative, p, eps))
    return reduce_tensor((margin + near - far).clamp_min(0), reduction)


@function("F")
def triplet_margin_with_distance_loss(anchor, positive, negative, *, distance_function=None, margin=1.0, swap=False, reduction="mean"):
    """`triplet_margin_loss` with any function of two tensors for the distance."""
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )
    distance = pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return reduce_tensor((margin + near - far).clamp_min(0), _reduction(reduction, None, None))


# Losses of classes


def _scores_and_classes(input, target, name):
    """Scores as (N, C) and targets as one row for each; whether there was a batch."""
    if not ((input.ndim == 2 and input.shape[1]) or (input.ndim == 1 and input.shape[0]) or input.ndim == 0):
        message = "Expected non-empty vector or matrix with optional 0-dim batch size, but got:"
        raise RuntimeError(f"{name}: {message} {list(input.shape)}")
    batch = input.ndim == 2
    scores = input if batch else input.reshape(1, -1)
    return scores, target if batch else target.reshape(1, -1), batch


def _need_classes(name, target):
    if target.dtype is not dtypes.int64:
        raise RuntimeError(located(f"{name}(): expected a target of int64, got {target.dtype}: convert it with .long()"))


@function("F")
def multi_margin_loss(input, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"):
    """The mean over the other classes j of `max(0, margin - input[target] + input[j]) ** p`; reduced.

    `input` has shape (N, C) or (C), `target` (N) or (); `weight` has one factor for each class.
    """
    reduction = _reduction(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    scores, classes, batch = _scores_and_classes(input, target, "multi_margin_loss")
    count = scores.shape[1]
    if classes.numel() != scores.shape[0] or (batch and classes.ndim != 1):
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch size)."
            f" Expected target size [{scores.shape[0]}], but got {list(target.shape)}. Input has shape {list(input.shape)}."
        )
    classes = classes.reshape(-1)
    if weight is not None and weight.ndim != 1:
        raise ValueError("weight must be one-dimensional")
    if weight is not None and weight.shape[0] != count:
        raise RuntimeError(f"multi_margin_loss: inconsistent weight size, expected {count} but got {list(weight.shape)}")
    _need_classes("multi_margin_loss", target)
    if classes.numel() and ((classes < 0) | (classes >= count)).any():
        raise RuntimeError("target out of range")
    own = astype(one_hot_rows(classes, count), scores._array.dtype)
    excess = margin - scores.gather(1, classes.unsqueeze(1)) + scores
    excess = excess.where((excess > 0) & (own == 0), 0)
    excess = excess if p == 1 else excess * excess
    if weight is not None:
        excess = excess * weight.detach()[classes].unsqueeze(1)
    losses = excess.sum(1) / count
    return reduce_tensor(losses if batch else losses.reshape(()), reduction)


@function("F")
def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """The sum over wanted classes i and others j of `max(0, 1 - input[i] + input[j])`, divided by their number; reduced.

    `input` and `target` have shape (N, C) or (C); a row of `target` lists the wanted classes and ends at the first -1.
    """
    reduction = _reduction(reduction, size_average, reduce)
    if input.shape != target.shape:
        raise RuntimeError(f"inconsistent size {list(target.shape)} for multilabel_margin_loss of input {list(input.shape)}")
    scores, labels, batch = _scores_and_classes(input, target, "multilabel_margin_loss")
    _need_classes("multilabel_margin_loss", target)
    labels = labels._array
    read(labels, "multilabel_margin_loss()")
    count = scores.shape[1]
    if labels.size and (labels.min() < -1 or labels.max() >= count):
        raise RuntimeError("target out of range")
    listed = np.logical_and.accumulate(labels >= 0, axis=1)
    wanted = np.zeros(labels.shape, bool)
    np.put_along_axis(wanted, np.where(listed, labels, 0), listed, 1)
    wanted[(np.where(listed, labels, -1) == 0).any(1), 0] = True
    rows = np.arange(labels.shape[0])[:, None]
    chosen = scores[rows, np.where(listed, labels, 0)]
    excess = 1 - chosen.unsqueeze(2) + scores.unsqueeze(1)
    counted = wrap(listed[:, :, None] & ~wanted[:, None, :]) & (excess > 0)
    losses = excess.where(counted, 0).sum((1, 2)) / count
    return reduce_tensor(losses if batch else losses.reshape(()), reduction)


@function("F")
def multilabel_soft_margin_loss(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """The mean over classes of the cross entropy between the sigmoid of `input` and `target`, reduced."""
    from_logits = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        from_logits = from_logits * weight
    return reduce_tensor(from_logits.sum(-1) / input.shape[-1], _reduction(reduction, size_average, reduce))
