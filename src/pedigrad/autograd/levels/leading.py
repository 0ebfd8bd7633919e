"""Rules for operations that leave leading dimensions alone, and for those whose own batch takes the samples in too."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.dispatch import computed
from ...core.tensor import constant, wrap
from ...ops.nn.cross_entropy import check_target, class_dim
from .batched import Batch, Batched, rule
from .outside import moved, ran, reshaped
from .products import out_of_batch, out_of_channels, with_batch, with_channels
from .shifted import named

# What is done to the last dimensions alone, whatever there is before them, and how many these are at least.
LAST = {
    "linalg_cholesky": 2, "linalg_det": 2, "linalg_inv": 2, "linalg_qr": 2, "linalg_svd": 2, "linalg_eigh": 2, "linalg_eig": 2,
    "linalg_slogdet": 2, "linalg_lu_factor": 2, "lu_info": 2, "linalg_pinv": 2, "linalg_ldl_factor_ex": 2, "matrix_exp": 2,
    "cholesky_inverse": 2, "cholesky_solve": 2, "linalg_solve": 2, "tril": 2, "triu": 2, "geqrf": 2, "pixel_shuffle": 3,
    "pixel_unshuffle": 3, "cast": 0, "clone": 0, "fill": 0, "gelu": 0, "one_hot_rows": 0, "recurrence": 1, "framed": 1, "overlapped": 2,
    "window_max": 1, "window_mean": 1, "window_sum": 1, "window_spread": 1, "window_put": 1, "window_take": 1, "window_argmax": 1,
    "window_max_grad": 1, "window_indices": 1, "adaptive_mean": 1, "adaptive_spread": 1, "adaptive_argmax": 1, "spatial_take": 1,
    "spatial_put": 1, "unpool_put": 1, "resample": 1, "resample_back": 1, "constant_pad_nd": 0,
}  # fmt: skip


@rule(*LAST)
def last_dims(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    """The operation on the batch as it is; operands of fewer dimensions get some in front."""
    ndim = max(a.ndim for a in arrays if a is not None)
    if len(arrays[0].shape) < LAST[op.name]:
        return NotImplemented
    return batch.all_lifted(computed(op, tuple(map(batch.value, _of_rank(batch, arrays, ndim))), attributes))


def _of_rank(batch: Batch, arrays: tuple[Any, ...], ndim: int) -> tuple[Any, ...]:
    """The operands, samples of `ndim` dimensions."""

    def one(array: Any) -> Any:
        if array is None or array.ndim == ndim:
            return array
        lead = (1,) * (ndim - array.ndim)
        if batch.holds(array):
            return Batched(batch, reshaped(array.value, (batch.size, *lead, *array.shape)))
        return reshaped(array, (*lead, *array.shape))

    return tuple(map(one, arrays))


@rule("pad_around", "mirror_around", "fold_around")
def padded(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    pads, mode = attributes
    return batch.all_lifted(computed(op, (arrays[0].value,), (((0, 0), *pads), mode)))


@rule("native_layer_norm", "rms_norm_scaled")
def layer_norm(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    """Over the last dimensions, where all samples have the same weight."""
    x, *others = arrays
    if any(map(batch.holds, others)):
        return NotImplemented
    return batch.all_lifted(computed(op, (x.value, *others), attributes))


# Whose first dimension is a batch itself


@rule("im2col", "col2im", "pixels", "pixels_back", "channel_shuffle", "native_group_norm", "batch_norm_inference")
def in_own_batch(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    """The samples as further images, where all else is the same for them."""
    images = 2 if op.name.startswith("pixels") else 1
    if any(map(batch.holds, arrays[images:])) or arrays[0].ndim < 2:
        return NotImplemented
    given = tuple(with_batch(batch, Batched(batch, batch.value(a))) for a in arrays[:images])
    return tuple(out_of_batch(batch, r) for r in computed(op, (*given, *arrays[images:]), attributes))


@rule("native_batch_norm")
def batch_norm(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    """As its forward says; running statistics are moved by operations, which refuse it where all samples share them."""
    eps, running = attributes
    if running is not None:
        running.move_by_ops(wrap(arrays[0]))
    results = batch.decomposed(op, arrays, (eps, None))
    return NotImplemented if results is None else results


@rule("attention")
def attention(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    ndim = max(a.ndim for a in arrays if a is not None)
    return batch.all_lifted(computed(op, tuple(map(batch.value, _of_rank(batch, arrays, ndim))), attributes))


@rule("_prelu_kernel")
def prelu(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    x, weight = arrays
    if weight.size == 1:
        slopes = weight.reshape((1,) * x.ndim)
    elif x.ndim > 1:
        slopes = weight.reshape((weight.size, *(1,) * (x.ndim - 2)))
    else:
        return NotImplemented
    low = x * slopes
    return batch.lifted(ran("where", *batch.aligned((x > 0, x, low), x.ndim)))


# Recurrent layers: the batch of sequences is their second dimension


@rule("rnn_layer", "gru_layer", "lstm_layer")
def recurrent(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    states = 2 if op.name == "lstm_layer" else 1
    x, *rest = arrays
    given = named(op, attributes)
    if any(map(batch.holds, rest[states:])) or given["batch_sizes"] is not None or x.ndim != 3:
        return NotImplemented

    hidden = (with_channels(batch, s, s.ndim - 2) for s in rest[:states])
    results = computed(op, (with_channels(batch, x), *hidden, *rest[states:]), attributes)
    return tuple(_of_each(batch, r, x.shape[1]) for r in results)


def _of_each(batch: Batch, result: Any, count: int) -> Any:
    """What a recurrent layer gives, for the `count` sequences of each sample: states, outputs, or what it keeps of all steps as rows."""
    if result.ndim > 2 or result.shape[0] == batch.size * count:
        return out_of_channels(batch, result, result.ndim - 2)
    steps = result.shape[0] // (batch.size * count)
    value = moved(reshaped(result, (steps, batch.size, count, result.shape[1])), 1, 0)
    return batch.lifted(reshaped(value, (batch.size, steps * count, result.shape[1])))


def _of_all(batch: Batch, array: Any, count: int) -> Any:
    """The other way round, of states and rows."""
    steps = array.shape[0] // count
    value = moved(reshaped(batch.value(array), (batch.size, steps, count, array.shape[1])), 0, 1)
    return reshaped(value, (steps * batch.size * count, array.shape[1]))


@rule("lstm_slopes", "gru_slopes", "rnn_slopes")
def slopes_of_steps(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    """Of rows and states, where all samples have the same weights and each step as many sequences."""
    given, settings = dict(zip(op.operands, arrays, strict=True)), named(op, attributes)
    shared = [n for n in ("w_hh", "w_hr") if n in given]
    sizes, count = settings["batch_sizes"], given["dh"].shape[0]
    if any(batch.holds(given[n]) for n in shared) or set(sizes) != {count} or not count:
        return NotImplemented
    together = (a if a is None or n in shared else _of_all(batch, a, count) for n, a in given.items())
    settings["batch_sizes"] = (batch.size * count,) * len(sizes)
    return tuple(_of_each(batch, r, count) for r in computed(op, tuple(together), tuple(settings.values())))


@rule("_ctc_loss", "_ctc_loss_slopes")
def alignments(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    """The samples as further sequences, which scores have as their second dimension, labels and lengths as their first."""
    results = computed(op, tuple(with_channels(batch, a, int(a.ndim == 3)) for a in arrays), attributes)
    return tuple(out_of_channels(batch, r, int(r.ndim == 3)) for r in results)


@rule("padded_stack")
def padded_stack(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    """The samples behind the sequences' own dimension."""
    (out,) = computed(op, tuple(moved(batch.value(a), 0, 1) for a in arrays), attributes)
    return batch.lifted(moved(out, 2, 0))


# Losses: of each element of the batch, put together sample by sample as the reduction says


@rule(
    "mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss", "soft_margin_loss", "kl_div", "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
)  # fmt: skip
def loss(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    given = named(op, attributes)
    reduction, given["reduction"] = given["reduction"], "none"
    if reduction not in ("none", "mean", "sum"):
        return NotImplemented
    (losses,) = batch.all_lifted(computed(op, batch.aligned(arrays), tuple(given.values())))
    return losses if reduction == "none" else losses.sum() if reduction == "sum" else losses.mean()


@rule("cross_entropy_loss", "nll_loss")
def cross_entropy(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    x, target, weight = arrays
    ignored, reduction, *smoothing = attributes
    if reduction not in ("none", "mean", "sum"):
        return NotImplemented
    check_target(x, target)
    of_each, weight = (weight, None) if batch.holds(weight) else (None, weight)  # the classes' weights that samples do not share
    dim = class_dim(x)
    values = (batch.value(x), batch.value(target))
    if dim:
        values = tuple(reshaped(v, (v.shape[0] * v.shape[1], *v.shape[2:])) for v in values)
    losses, *hidden, share = computed(op, (*values, weight), (ignored, "none", *smoothing))

    def sample(result: Any, sizes: tuple[int, ...]) -> Any:
        return batch.lifted(reshaped(result, (batch.size, *sizes)))

    losses = sample(losses, tuple(target.shape))
    share = sample(share, tuple(target.shape)) if share.size == losses.size * batch.size and share.ndim else share
    if of_each is not None:
        counts = target != ignored
        share = np.where(counts, of_each[np.where(counts, target, 0)], np.zeros((), share.dtype))
        losses = np.where(counts, losses * share, np.zeros((), share.dtype))
    if reduction == "mean":
        if share.ndim or batch.holds(share):
            count = share.sum()
            losses, share = losses.sum() / count, share / count
        else:  # all count alike
            losses, share = losses.mean(), constant(np.full((), 1 / max(losses.size, 1), share.dtype))._array
    elif reduction == "sum":
        losses = losses.sum()
    kept = tuple(1 if d == dim else n for d, n in enumerate(x.shape))
    return losses, *(sample(each, kept) for each in hidden), share
