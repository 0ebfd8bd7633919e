"""Multi-head attention: projections, attention in each head, and the projection of what the heads say together."""

from __future__ import annotations

import math

import numpy as np

from ...core.declare import PLACES, composite, function
from ...core.origin import warn
from ...core.tensor import constant
from ..linalg.matmul import linear
from ..shape.masked import masked_fill
from ..shape.padding import constant_pad_nd
from ..xp import matmul
from .attention import attention, scaled_dot_product_attention
from .dropout import dropout
from .softmax import softmax


@composite(wide="rules", places="", outputs=("query", "key", "value"), samples=[((3, 2, 24), 2)])
def split_projections(x, /, heads):
    """Query, key and value, each (batch, heads, length, size), from their joint projection (length, batch, 3 * embedding)."""
    parts = np.transpose(np.reshape(x, (*x.shape[:2], 3, heads, x.shape[2] // (3 * heads))), (2, 1, 3, 0, 4))
    return parts[0], parts[1], parts[2]


@split_projections.grad("x")
def _(g_query, g_key, g_value, x_shape, heads):
    grads = (g_query, g_key, g_value)
    known = next(g for g in grads if g is not None)
    parts = np.stack([np.zeros_like(known) if g is None else g for g in grads])
    return np.reshape(np.transpose(parts, (3, 1, 0, 2, 4)), x_shape)


def _in_heads(x, heads):
    """(length, batch, embedding) as (batch, heads, length, size)."""
    return np.transpose(np.reshape(x, (*x.shape[:2], heads, x.shape[2] // heads)), (1, 2, 0, 3))


def _projected(query, key, value, weight, bias, heads):
    """Query, key and value in heads, with one weight for all three."""
    if query is key and key is value:
        return split_projections(linear(query, weight, bias), heads)
    size = query.shape[-1]
    b_query, b_rest = (None, None) if bias is None else (bias[:size], bias[size:])
    q = _in_heads(linear(query, weight[:size], b_query), heads)
    if key is value:
        both = linear(key, weight[size:], b_rest)
        return q, _in_heads(both[..., :size], heads), _in_heads(both[..., size:], heads)
    b_key, b_value = (None, None) if bias is None else (b_rest[:size], b_rest[size:])
    k = linear(key, weight[size : 2 * size], b_key)
    return q, _in_heads(k, heads), _in_heads(linear(value, weight[2 * size :], b_value), heads)


def _additive(mask, name, like):
    """A mask as something to add: where a boolean one is True, minus infinity."""
    if mask is None or mask.is_floating_point():
        return mask
    if mask._array.dtype != bool:
        raise AssertionError(f"only bool and floating types of {name} are supported")
    return masked_fill(constant(np.zeros(mask.shape, like._array.dtype)), mask, -math.inf)


def _check(query, key, value, embed_dim_to_check, heads, separate):
    embedding = query.shape[-1]
    if embedding != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {embedding}")
    if embedding % heads:
        raise AssertionError(f"embed_dim {embedding} not divisible by num_heads {heads}")
    agree = key.shape[:2] == value.shape[:2] if separate else key.shape == value.shape
    if not agree:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")


def _check_mask(attn_mask, batch, heads, rows, columns):
    if attn_mask.ndim not in (2, 3):
        raise RuntimeError(f"attn_mask's dimension {attn_mask.ndim} is not supported")
    wanted = (rows, columns) if attn_mask.ndim == 2 else (batch * heads, rows, columns)
    if tuple(attn_mask.shape) != wanted:
        raise RuntimeError(f"The shape of the {attn_mask.ndim}D attn_mask is {attn_mask.shape}, but should be {wanted}.")
    return attn_mask if attn_mask.ndim == 2 else np.reshape(attn_mask, (batch, heads, rows, columns))


def _longer(mask):
    return None if mask is None else constant_pad_nd(mask, (0, 1))


def _appended(x, row):
    """`x` (batch, heads, length, size) with one more row for each head."""
    return PLACES["torch"]["cat"]([x, row.expand((*x.shape[:2], 1, x.shape[-1]))], 2)


@function("F")
def multi_head_attention_forward(
    query, key, value, embed_dim_to_check, num_heads, in_proj_weight, in_proj_bias, bias_k, bias_v, add_zero_attn, dropout_p,
    out_proj_weight, out_proj_bias, training=True, key_padding_mask=None, need_weights=True, attn_mask=None,
    use_separate_proj_weight=False, q_proj_weight=None, k_proj_weight=None, v_proj_weight=None, static_k=None, static_v=None,
    average_attn_weights=True, is_causal=False,
):  # fmt: skip
    """The attention's output (L, N, E) and its weights (N, L, S), None if not needed.

    query is (L, N, E), key and value (S, N, E), all may lack N. In masks True, or minus infinity, means not to attend:
    `key_padding_mask` is (N, S), `attn_mask` (L, S) or (N * num_heads, L, S).
    """
    batched = query.ndim == 3
    if not batched:
        if query.ndim != 2:
            raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {query.ndim}-D query tensor")
        same = key is query, value is key
        query = query.unsqueeze(1)
        key = query if same[0] else key.unsqueeze(1)
        value = key if same[1] else value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    _check(query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
    if is_causal and attn_mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
    if key_padding_mask is not None and attn_mask is not None and key_padding_mask.dtype is not attn_mask.dtype:
        warn("Support for mismatched key_padding_mask and attn_mask is deprecated. Use same type for both instead.")
    causal = is_causal and key_padding_mask is None and not need_weights
    attn_mask = None if causal else _additive(attn_mask, "attn_mask", query)
    padding = _additive(key_padding_mask, "key_padding_mask", query)

    if use_separate_proj_weight:
        parts = [slice(i * embed_dim_to_check, (i + 1) * embed_dim_to_check) for i in range(3)]
        biases = [None if in_proj_bias is None else in_proj_bias[part] for part in parts]
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
        q, k, v = (_in_heads(linear(x, w, b), num_heads) for x, w, b in zip((query, key, value), weights, biases, strict=True))
    else:
        q, k, v = _projected(query, key, value, in_proj_weight, in_proj_bias, num_heads)
    rows, batch = query.shape[:2]
    size = embed_dim_to_check // num_heads
    k = k if static_k is None else np.reshape(static_k, (batch, num_heads, -1, size))
    v = v if static_v is None else np.reshape(static_v, (batch, num_heads, -1, size))
    if attn_mask is not None:
        attn_mask = _check_mask(attn_mask, batch, num_heads, rows, key.shape[0])
    if padding is not None and tuple(padding.shape) != (batch, key.shape[0]):
        raise AssertionError(f"expecting key_padding_mask shape of {(batch, key.shape[0])}, but got {tuple(padding.shape)}")
    if bias_k is not None and bias_v is not None:
        rows_of_bias = (np.reshape(bias, (1, 1, -1)) for bias in (bias_k, bias_v))
        k, v = (_appended(x, _in_heads(bias, num_heads)) for x, bias in zip((k, v), rows_of_bias, strict=True))
        attn_mask, padding = _longer(attn_mask), _longer(padding)
    if add_zero_attn:
        zero = constant(np.zeros((1, 1, 1, size), q._array.dtype))
        k, v = _appended(k, zero), _appended(v, zero)
        attn_mask, padding = _longer(attn_mask), _longer(padding)
    mask = attn_mask
    if padding is not None:
        padding = np.reshape(padding, (batch, 1, 1, padding.shape[1]))
        mask = padding if mask is None else mask + padding

    probability = dropout_p if training else 0.0
    weights = None
    if need_weights:
        out, weights = _with_weights(q, k, v, mask, probability)
        weights = weights.mean(1) if average_attn_weights else weights
    elif probability:
        out = scaled_dot_product_attention(q, k, v, mask, probability, causal)
    else:
        out = attention(q, k, v, mask, None, causal, 1 / math.sqrt(size))
    out = linear(np.reshape(np.transpose(out, (2, 0, 1, 3)), (rows, batch, embed_dim_to_check)), out_proj_weight, out_proj_bias)
    if not batched:
        return out.squeeze(1), None if weights is None else weights.squeeze(0)
    return out, weights


def _with_weights(q, k, v, mask, probability):
    scores = matmul(q * (1 / math.sqrt(q.shape[-1])), np.swapaxes(k, -1, -2))
    weights = softmax(scores if mask is None else scores + mask, -1)
    if probability:
        weights = dropout(weights, probability)
    return matmul(weights, v), weights
