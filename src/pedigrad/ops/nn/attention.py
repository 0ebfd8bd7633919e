"""Scaled dot-product attention as one node, and multi-head attention on top of it."""

from __future__ import annotations

import math

import numpy as np

from ...core.declare import composite, function
from ...core.large import MANY, NEVER
from ...core.quiet import astype
from ...core.tensor import Tensor, constant, wrap
from ...eager import native
from ...rng.generator import default_generator
from ..xp import matmul, real, total, transposed, whole
from .correlation import widened

BLOCK = 1 << 18  # elements of the scores that are worked on at a time, so that they stay in cache

MANY_SCORES = 1 << 22  # elements of all scores beyond which a program has them a block at a time too


def _scores(query, key, attn_mask, is_causal, scale):
    """What softmax is taken of; in NumPy's words alone."""
    scores = matmul(query * scale, transposed(key))
    if is_causal:
        allowed = np.tril(np.ones(tuple(scores.shape[-2:]), bool))
        scores = np.where(allowed, scores, -math.inf)
    if attn_mask is None:
        return scores
    return np.where(attn_mask, scores, -math.inf) if attn_mask.dtype.kind == "b" else scores + attn_mask


def _weights(scores):
    """Softmax along the last dimension; a row of which everything is masked gets weights of zero."""
    top = np.max(scores, axis=-1, keepdims=True)
    e = np.exp(scores - np.where(top == -math.inf, 0.0, top))
    s = np.sum(e, axis=-1, keepdims=True)
    return e / np.where(s == 0, 1.0, s)


def _softmax_in_place(scores):
    weights = native.computed(_weights, (scores,), least=MANY)
    if weights is not None:
        scores[...] = weights
        return
    top = np.maximum.reduce(scores, axis=-1, keepdims=True)
    top[top == -math.inf] = 0
    np.subtract(scores, top, out=scores)
    np.exp(scores, out=scores)
    s = np.add.reduce(scores, axis=-1, keepdims=True)
    s[s == 0] = 1
    np.multiply(scores, np.reciprocal(s, out=s), out=scores)


def is_native(*operands):
    """Whether native code takes query, key and value. Programs have kernels of their own: there it does where scores leave the caches."""
    lead = np.broadcast_shapes(*(x.shape[:-2] for x in operands))
    query, key, _ = operands
    if hasattr(query, "_trace") and math.prod(lead) * query.shape[-2] * key.shape[-2] < MANY_SCORES:
        return False
    return native.takes_attention(*real(*operands))


@whole
def attend(query, key, value, mask, is_causal, scale):
    """The same in native code: the results, and of each row the logarithm of its sum, from which the way back works the weights out."""
    (query, key, value), dtype = widened(query, key, value)
    out, logs = native.attend(query, key, value, _added(mask, query.dtype, key.shape[-2]), is_causal, scale)
    return out.astype(dtype, copy=False), logs


@whole
def attend_back(g, query, key, value, mask, out, logs, is_causal, scale):
    """The gradients of query, key and value."""
    (g, query, key, value, out), dtype = widened(g, query, key, value, out)
    slopes = native.attend_back(g, query, key, value, _added(mask, out.dtype, key.shape[-2]), out, logs, is_causal, scale)
    return tuple(d.astype(dtype, copy=False) for d in slopes)


def _added(mask, dtype, columns):
    """A mask as what is added to scores of a dtype, the elements of its rows side by side in memory."""
    if mask is None:
        return None
    if mask.ndim < 2 or mask.shape[-1] != columns:
        mask = np.broadcast_to(mask, (*(mask.shape[:-1] or (1,)), columns))
    added = np.where(mask, dtype.type(0), dtype.type(-math.inf)) if mask.dtype.kind == "b" else mask.astype(dtype, copy=False)
    return np.ascontiguousarray(added) if added.strides[-1] != added.itemsize else added


def _parts(lead, size):
    """Indices of blocks of a batch of these sizes, of each of which `size` elements stay in cache."""
    inner = math.prod(lead[1:]) * size
    if not lead:
        yield ()
    elif len(lead) == 1 or inner <= BLOCK:
        step = max(1, BLOCK // max(1, inner))
        yield from ((slice(start, start + step),) for start in range(0, lead[0], step))
    else:
        yield from ((first, *rest) for first in range(lead[0]) for rest in _parts(lead[1:], size))


def _blocked(query, key, value, attn_mask, keep, is_causal, scale):
    """The same on arrays: a block of the batch at a time, in place."""
    masks = () if attn_mask is None else (attn_mask.shape[:-2],)
    lead = np.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2], *masks)
    rows, columns = query.shape[-2], key.shape[-2]

    def whole(x):
        return x if x is None or x.shape[:-2] == lead else np.broadcast_to(x, (*lead, *x.shape[-2:]))

    query, key, value, keep = whole(query), whole(key).swapaxes(-1, -2), whole(value), whole(keep)
    shared = attn_mask is not None and math.prod(attn_mask.shape[:-2]) == 1
    attn_mask = attn_mask.reshape(attn_mask.shape[-2:]) if shared else whole(attn_mask)
    weights = np.empty((*lead, rows, columns), query.dtype)
    out = np.empty((*lead, rows, value.shape[-1]), query.dtype)
    hidden = np.triu(np.ones((rows, columns), bool), 1) if is_causal else None
    for part in _parts(lead, rows * columns):
        block = matmul(query[part] * scale, key[part], out=weights[part])
        if hidden is not None:
            np.copyto(block, -math.inf, where=hidden)
        if attn_mask is not None:
            mask = attn_mask if shared else attn_mask[part]
            if mask.dtype.kind == "b":
                np.copyto(block, -math.inf, where=~mask)
            else:
                np.add(block, mask, out=block)
        if block.size:
            _softmax_in_place(block)
        matmul(block if keep is None else block * keep[part], value[part], out=out[part])
    return out, weights


QKV = [(2, 3, 4), (2, 5, 4), (2, 5, 3)]


@composite(called="scaled_dot_product_attention", native_from=NEVER, layout="heads", real=True, places="", remade=True,
           outputs=("out", "weights"), hidden=1,
           node="ScaledDotProductAttentionBackward0", samples=[
    (*QKV, None, None, False, 0.5), (*QKV, (3, 5), None, False, 0.5), ((1, 2, 4, 4), (1, 2, 4, 4), (1, 2, 4, 4), None, None, True, 0.5),
    (*QKV, lambda rng: rng.random((2, 3, 5)) < 0.7, lambda rng: rng.random((2, 3, 5)) * 1.0, False, 0.3),
])  # fmt: skip
def attention(query, key, value, attn_mask=None, keep=None, /, is_causal=False, scale=1.0):
    """`softmax(query @ key.T * scale + attn_mask) @ value`; `keep` is what dropout multiplies the weights with."""
    if keep is None and is_native(query, key, value):
        return attend(query, key, value, attn_mask, is_causal, scale)
    if query.__class__ is np.ndarray:
        (query, key, value), dtype = widened(query, key, value)
        out, weights = _blocked(query, key, value, attn_mask, keep, is_causal, scale)
        return out.astype(dtype, copy=False), weights.astype(dtype, copy=False)
    if value.ndim > query.ndim:  # weights have as many dimensions as results: the logarithms of native code have one less
        query = np.reshape(query, (*(1,) * (value.ndim - query.ndim), *query.shape))
    scores = _scores(query, key, attn_mask, is_causal, scale)
    weights = _weights(scores) if scores.shape[-1] else scores
    return matmul(weights if keep is None else weights * keep, value), weights


@attention.grad("query", "key", "value", "attn_mask")
def _(g, query, key, value, attn_mask, keep, weights, out, is_causal, scale, needs):
    if weights.ndim < out.ndim:
        if (g.__class__ is np.ndarray or hasattr(g, "_trace")) and not needs[3]:
            return *attend_back(g, query, key, value, attn_mask, out, weights, is_causal, scale), None
        weights = _weights(_scores(query, key, attn_mask, is_causal, scale))
    d_value = matmul(transposed(weights if keep is None else weights * keep), g) if needs[2] else None
    if not (needs[0] or needs[1] or needs[3]):
        return None, None, d_value, None
    if (
        g.__class__ is np.ndarray
        and not needs[3]
        and keep is None
        and g.shape[:-2] == query.shape[:-2] == key.shape[:-2] == value.shape[:-2]
    ):
        return *_blocked_grad(g, query, key, value, weights, out, scale), d_value, None
    d = matmul(g, transposed(value))
    if keep is not None:
        d = d * keep
    d = d - total(g * out, -1, True)
    d = np.multiply(d, weights, out=d) if d.__class__ is np.ndarray else d * weights
    d_query = matmul(d, key * scale) if needs[0] else None
    d_key = matmul(transposed(d), query * scale) if needs[1] else None
    return d_query, d_key, d_value, d if needs[3] else None


def _blocked_grad(g, query, key, value, weights, out, scale):
    """The gradients of query and key on arrays: a block of the batch at a time, so that what lies between stays in cache."""
    d_query, d_key = (np.empty(x.shape, x.dtype) for x in (query, key))
    for part in _parts(query.shape[:-2], weights.shape[-2] * weights.shape[-1]):
        d = matmul(g[part], value[part].swapaxes(-1, -2))
        d -= total(g[part] * out[part], -1, True)
        d *= weights[part]
        d *= scale
        matmul(d, key[part], out=d_query[part])
        matmul(d.swapaxes(-1, -2), query[part], out=d_key[part])
    return d_query, d_key


@function("F")
def scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
    """`softmax(query @ key.T * scale + attn_mask) @ value`, for query (..., L, E), key (..., S, E) and value (..., S, Ev).

    `scale` is 1 / sqrt(E) by default. In a boolean mask, True takes part; with `is_causal` only what comes no later than the query
    does, and of that what the mask lets through. With `enable_gqa` several heads of the query share
    one of key and value.

    Args:
        dropout_p: the probability with which weights are dropped.

    Shape: (..., L, E), (..., S, E) and (..., S, V) give (..., L, V).

    Raises:
        RuntimeError: the dtypes differ, or one has fewer than two dimensions.

    >>> q = k = v = torch.ones(1, 2, 3)
    >>> torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True).shape
    torch.Size([1, 2, 3])
    """
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise RuntimeError(
            "scaled_dot_product_attention: Expected query, key, and value to all be at least 2 dimensional, but got "
            f"{query.ndim}, {key.ndim}, {value.ndim} dimensions instead"
        )
    if not query.dtype == key.dtype == value.dtype:
        raise RuntimeError(
            f"Expected query, key, and value to have the same dtype, but got query.dtype: {query.dtype} key.dtype: {key.dtype} "
            f"and value.dtype: {value.dtype} instead."
        )
    if attn_mask is not None and attn_mask.dtype != query.dtype and str(attn_mask.dtype) not in ("torch.bool", "bool"):
        raise RuntimeError(
            f"Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: {attn_mask.dtype} "
            f"and query.dtype: {query.dtype} instead."
        )
    if scale is None:
        scale = 1.0 / math.sqrt(query.shape[-1]) if query.shape[-1] else 1.0
    if enable_gqa and min(query.ndim, key.ndim, value.ndim) < 3:
        raise IndexError("scaled_dot_product_attention: with enable_gqa query, key and value have heads in their third dimension from last")
    if enable_gqa and not query.shape[-3] == key.shape[-3] == value.shape[-3]:
        return _grouped(query, key, value, attn_mask, dropout_p, is_causal, scale)
    keep = _dropout_factors(query, key, attn_mask, dropout_p)
    return attention(query, key, value, attn_mask, keep, is_causal, float(scale))


def _grouped(query, key, value, attn_mask, dropout_p, is_causal, scale):
    """Heads of the query in groups that share a head of key and value: a dimension of its own, along which they broadcast."""
    heads, shared, others = query.shape[-3], key.shape[-3], value.shape[-3]
    if shared == 0 or others == 0 or heads % shared or heads % others:
        counts = f"{heads}, {shared} and {others}"
        raise RuntimeError(f"Number of heads in key and value must divide the number of heads in query, got {counts}")
    if shared != others:
        key, value = (_repeated(x, heads) for x in (key, value))
        return attention(query, key, value, attn_mask, _dropout_factors(query, key, attn_mask, dropout_p), is_causal, float(scale))
    split = (*query.shape[:-3], shared, heads // shared, *query.shape[-2:])
    query = np.reshape(query, split)
    key, value = np.expand_dims(key, -3), np.expand_dims(value, -3)
    if attn_mask is not None and attn_mask.ndim > 2:
        sizes = attn_mask.shape
        attn_mask = (
            np.expand_dims(attn_mask, -3) if sizes[-3] == 1 else np.reshape(attn_mask, (*sizes[:-3], shared, heads // shared, *sizes[-2:]))
        )
    keep = _dropout_factors(query, key, attn_mask, dropout_p)
    out = attention(query, key, value, attn_mask, keep, is_causal, float(scale))
    return np.reshape(out, (*out.shape[:-4], heads, *out.shape[-2:]))


def _repeated(x, heads):
    """Each head of `x` several times, one after the other, so that there are `heads` of them."""
    lead, count, rest = x.shape[:-3], x.shape[-3], x.shape[-2:]
    return np.reshape(np.broadcast_to(np.expand_dims(x, -3), (*lead, count, heads // count, *rest)), (*lead, heads, *rest))


def _dropout_factors(query, key, attn_mask, dropout_p):
    if not dropout_p:
        return None
    if not 0 <= dropout_p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {dropout_p}")
    lead = np.broadcast_shapes(query.shape[:-2], key.shape[:-2], *(() if attn_mask is None else (attn_mask.shape[:-2],)))
    array = query._array if isinstance(query, Tensor) else query
    shape = (*lead, query.shape[-2], key.shape[-2])
    if dropout_p == 1:
        return constant(np.zeros(shape, array.dtype))
    kept = default_generator.bernoulli(shape, 1 - dropout_p, np.bool_)
    return astype(wrap(kept), array.dtype) / (1 - dropout_p)
