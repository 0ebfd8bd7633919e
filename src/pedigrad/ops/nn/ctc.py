"""Connectionist temporal classification: the likelihood of label sequences that are not aligned with their inputs.

The labels of a sample are written with blanks between and around them: 2 S + 1 states. `forward[t, n, s]` is the logarithm of
the probability of all ways to state s at time t, `backward` of all ways on from it; both contain the one at t itself.
"""

from __future__ import annotations

import numpy as np

from ...core.declare import composite, function
from ...core.lifted import Lifted, whole
from ...core.origin import located
from ...core.quiet import astype
from ...core.tensor import Tensor, constant, read
from .loss import reduce_tensor
from .reduction import not_a_reduction


def _states(targets, target_lengths, blank):
    """The labels of the states, (N, 2 S + 1), and whether each may be reached from the last but one."""
    count, longest = targets.shape
    states = np.full((count, 2 * longest + 1), blank, np.int64)
    states[:, 1::2] = np.where(np.arange(longest) < target_lengths[:, None], targets, blank)
    skips = np.zeros(states.shape, bool)
    skips[:, 2:] = (states[:, 2:] != blank) & (states[:, 2:] != states[:, :-2])
    return states, skips


def _of_states(x, states):
    """The log-probabilities of the states, (T, N, 2 S + 1), in float64: the ways have very small probabilities."""
    return x[:, np.arange(x.shape[1])[:, None], states].astype(np.float64, copy=False)


def _step(before, skips):
    """The logarithm of the sum over the states that lead to each: itself, the one before and, if allowed, the one before that."""
    moved = before.copy()
    moved[:, 1:] = np.logaddexp(before[:, 1:], before[:, :-1])
    skipped = np.where(skips[:, 2:], before[:, :-2], -np.inf)
    moved[:, 2:] = np.logaddexp(moved[:, 2:], skipped)
    return moved


def _ends(shape, target_lengths):
    """Zero at the states a sample may end in, -inf at the others."""
    ends = np.full(shape, -np.inf)
    rows = np.arange(shape[0])
    ends[rows, 2 * target_lengths] = 0
    some = target_lengths > 0
    ends[rows[some], 2 * target_lengths[some] - 1] = 0
    return ends


NO_SECOND = "ctc_loss has no second derivative"
SAMPLES = [
    ((5, 2, 3), np.array([[1, 2], [2, 2]]), np.array([5, 4]), np.array([2, 1]), 0, False),
    ((2, 2, 3), np.array([[1, 1], [2, 0]]), np.array([2, 2]), np.array([2, 1]), 0, True),
]


@composite(real=True, name="_ctc_loss", places="", outputs=("out", "ways"), hidden=1, node="CtcLossBackward0", samples=SAMPLES)
def alignment_losses(x, targets, input_lengths, target_lengths, /, blank=0, zero_infinity=False):
    """The negative log-likelihoods, (N), of `targets`, (N, S), by log-probabilities `x`, (T, N, C)."""
    if isinstance(x, Tensor):
        raise NotImplementedError(located(NO_SECOND))
    states, skips = _states(targets, target_lengths, blank)
    emitted = _of_states(x, states)
    ways = np.full(emitted.shape, -np.inf)
    if x.shape[0]:
        ways[0, :, :2] = emitted[0, :, :2]
        ways[0, target_lengths == 0, 1:] = -np.inf
    for t in range(1, x.shape[0]):
        ways[t] = _step(ways[t - 1], skips) + emitted[t]
    losses = _losses(ways, input_lengths, target_lengths)
    return astype(np.where(losses == np.inf, 0, losses) if zero_infinity else losses, x.dtype), ways


def _losses(ways, input_lengths, target_lengths):
    """The negative logarithms of the probabilities of the ways that end in time."""
    last = np.where((input_lengths > 0)[:, None], ways[input_lengths - 1, np.arange(len(input_lengths))], -np.inf)
    losses = -np.logaddexp.reduce(last + _ends(last.shape, target_lengths), axis=1)
    return np.where((input_lengths == 0) & (target_lengths == 0), 0, losses)


@alignment_losses.grad("x")
def _(g, x, targets, input_lengths, target_lengths, ways, blank, zero_infinity):
    slopes = alignment_slopes(x, targets, input_lengths, target_lengths, ways, blank, zero_infinity)
    return np.where(slopes == 0, 0, slopes * g[:, None])


@composite(real=True, name="_ctc_loss_slopes", places="", samples=[(*SAMPLES[0][:4], (5, 2, 5), *SAMPLES[0][4:])])
def alignment_slopes(x, targets, input_lengths, target_lengths, ways, /, blank=0, zero_infinity=False):
    """The derivatives, (T, N, C), of the losses by the log-probabilities."""
    # As PyTorch's they are right behind a log_softmax only: the gradient of the softmax's normalization is put in here.
    states, skips = _states(targets, target_lengths, blank)
    emitted = _of_states(x, states)
    ends = _ends(states.shape, target_lengths)
    # The way back is the way forward through the states in reverse order.
    skips_back = np.zeros(skips.shape, bool)
    skips_back[:, 2:] = skips[:, :1:-1]
    rest = np.full(states.shape, -np.inf)
    slopes = np.exp(x.astype(np.float64, copy=False))
    losses = _losses(ways, input_lengths, target_lengths)
    rows = np.arange(states.shape[0])
    for t in range(x.shape[0] - 1, -1, -1):
        onwards = np.where((input_lengths - 1 == t)[:, None], ends, _step(rest[:, ::-1], skips_back)[:, ::-1])
        rest = np.where((t < input_lengths)[:, None], onwards + emitted[t], -np.inf)
        share = np.exp(ways[t] + rest - emitted[t] + losses[:, None])
        share = np.where(ways[t] + rest == -np.inf, 0, share) if zero_infinity else np.where(emitted[t] == -np.inf, 0, share)
        np.subtract.at(slopes, (t, rows[:, None], states), share)
    inside = np.arange(x.shape[0])[:, None] < input_lengths
    if zero_infinity:
        inside = inside & (losses != np.inf)
    return astype(np.where(inside[:, :, None], slopes, 0), x.dtype)


@alignment_slopes.grad("x")
def _(g):
    raise NotImplementedError(located(NO_SECOND))


def _lengths(lengths, count, what):
    """Lengths given as numbers or as a tensor, an array of int64."""
    if isinstance(lengths, Tensor):
        read(whole(lengths._array), "ctc_loss()")
        lengths = lengths._array
    array = lengths if isinstance(lengths, Lifted) else np.asarray(lengths)
    if array.dtype.kind not in "iu":
        raise RuntimeError(located(f"{what}_lengths must be integral"))
    array = astype(array.reshape(-1), np.int64)
    if array.size != count:
        raise RuntimeError(located(f"{what}_lengths must be of size batch_size"))
    return array


def _in_rows(targets, lengths):
    """Targets given one after the other, as (N, S)."""
    inside = np.arange(whole(lengths).max(initial=0)) < lengths[:, None]
    before = np.cumsum(lengths) - lengths
    places = np.where(inside, before[:, None] + np.arange(inside.shape[1]), 0)
    return targets[constant(places)].where(constant(inside), 0)


@function("torch F")
def ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction="mean", zero_infinity=False):
    """The negative log-likelihoods of label sequences by log-probabilities of shape (T, N, C) or (T, C).

    `targets` has shape (N, S), or holds the sequences one after the other. "mean" divides each by its length, then takes
    the mean. `zero_infinity` makes the loss of a sequence that does not fit into its input zero.
    """
    if isinstance(reduction, int):
        reduction = ("none", "mean", "sum")[reduction]
    if reduction not in ("none", "mean", "sum"):
        raise not_a_reduction(reduction)
    if log_probs.ndim not in (2, 3):
        raise RuntimeError(located(f"log_probs must have 2 or 3 dimensions, got {log_probs.ndim}"))
    if targets.is_floating_point():
        raise RuntimeError(located("targets must be integral"))
    batch = log_probs.ndim == 3
    x = log_probs if batch else log_probs.unsqueeze(1)
    steps, count, classes = x.shape
    if not 0 <= blank < classes:
        raise RuntimeError(located("blank must be in label range"))
    input_lengths, target_lengths = _lengths(input_lengths, count, "input"), _lengths(target_lengths, count, "target")
    lengths, longest = whole(input_lengths), whole(target_lengths).max(initial=0)
    if (lengths < 0).any() or (lengths > steps).any():
        raise RuntimeError(located(f"Expected input_lengths to have value at most {steps}, but got value {lengths.max()}"))
    if (whole(target_lengths) < 0).any():
        raise RuntimeError(located("Expected target_lengths to have value at least 0"))
    rows = targets if targets.ndim == 2 else targets.unsqueeze(0) if not batch else _in_rows(targets, target_lengths)
    if longest > rows.shape[1]:
        raise RuntimeError(located(f"Expected tensor to have size at least {longest} at dimension 1, but got {rows.shape[1]}"))
    losses = alignment_losses(x, rows, constant(input_lengths), constant(target_lengths), blank, zero_infinity)
    if reduction == "mean":
        return (losses / constant(astype(np.maximum(target_lengths, 1), losses._array.dtype))).mean()
    return reduce_tensor(losses if batch else losses.reshape(()), reduction)
