"""Attention whose scores go through functions of their own: by its formula, on whole arrays.

PyTorch maps `score_mod` and `mask_mod` over single elements. Here they are given all scores and all indices at once, which
broadcast against one another; functions of arithmetic, comparisons, `where` and indexing give the same.
"""

import math
from typing import NamedTuple

from ...core.declare import PLACES
from ...core.origin import located
from ...core.tensor import Tensor
from .. import functional as F
from .block_mask import _DEFAULT_SPARSE_BLOCK_SIZE, BlockMask, and_masks, create_block_mask, create_mask, indices, noop_mask, or_masks

__all__ = [
    "_DEFAULT_SPARSE_BLOCK_SIZE",
    "AuxOutput",
    "AuxRequest",
    "BlockMask",
    "and_masks",
    "create_block_mask",
    "create_mask",
    "flex_attention",
    "noop_mask",
    "or_masks",
]  # fmt: skip


class AuxRequest(NamedTuple):
    """What a call of `flex_attention` is to give beside the result."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What a call of `flex_attention` gave beside the result."""

    lse: Tensor | None = None
    max_scores: Tensor | None = None


def _check(query, key, value, enable_gqa):
    for name, each in (("query", query), ("key", key), ("value", value)):
        if each.ndim != 4:
            raise NotImplementedError(located(f"NYI: {name} must have 4 dimensions, batch, heads, length and size, not {each.ndim}"))
    if not query.dtype == key.dtype == value.dtype:
        dtypes = f"query.dtype: {query.dtype}, key.dtype: {key.dtype}, and value.dtype: {value.dtype}"
        raise ValueError(located(f"Expected query, key, and value to have the same dtype, but got {dtypes} instead."))
    if query.shape[-1] != key.shape[-1]:
        sizes = f"got query and key with E={query.shape[-1]} and {key.shape[-1]}"
        raise ValueError(located(f"Expect query and key/value to have the same embedding dimension, {sizes}"))
    heads, shared = query.shape[1], key.shape[1]
    if heads != shared and not enable_gqa:
        raise ValueError(located(f"Expect query and key/value to have the same number of heads but got Hq={heads} and Hkv={shared}"))
    if shared == 0 or heads % shared:
        raise ValueError(located(f"Expect number of query heads to be a multiple of kv heads for GQA but got Hq={heads} and Hkv={shared}."))


def flex_attention(
    query, key, value, score_mod=None, block_mask=None, scale=None, enable_gqa=False, return_lse=False, kernel_options=None, *,
    return_aux=None,
):  # fmt: skip
    """`softmax(score_mod(query @ key.T * scale)) @ value`, of what `block_mask` lets through.

    Query (B, Hq, L, E), key (B, H, S, E), value (B, H, S, Ev). With `return_lse` the logarithms of the sums of the exponentials
    too, of shape (B, Hq, L); with `return_aux` an AuxOutput.
    """
    _check(query, key, value, enable_gqa)
    if return_lse and return_aux is not None:
        raise ValueError(located("Cannot specify both return_lse and return_aux: prefer return_aux"))
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    dtype = query.dtype
    wide = [x if dtype.itemsize == 8 else x.float() for x in (query, key, value)]
    scores = (wide[0] @ wide[1].transpose(-2, -1)) * (1.0 / math.sqrt(query.shape[-1]) if scale is None else scale)
    b, h, q, kv = indices(*scores.shape)
    if score_mod is not None:
        scores = score_mod(scores, b, h, q, kv)
    if block_mask is not None:
        _check_length(block_mask, query, key)
        scores = PLACES["torch"]["where"](block_mask.mask_mod(b, h, q, kv), scores, -math.inf)
    weights = F.softmax(scores, -1).nan_to_num(0.0) if block_mask is not None else F.softmax(scores, -1)
    out = (weights @ wide[2]).to(dtype)
    if return_aux is not None:
        lse = scores.logsumexp(-1) if return_aux.lse else None
        return out, AuxOutput(lse, scores.amax(-1) if return_aux.max_scores else None)
    return (out, scores.logsumexp(-1)) if return_lse else out


def _check_length(block_mask, query, key):
    rows, columns = block_mask.seq_lengths
    if query.shape[-2] > rows or key.shape[-2] > columns:
        sizes = f"({rows}, {columns}), but the query and the key are of lengths {query.shape[-2]} and {key.shape[-2]}"
        raise ValueError(located(f"block_mask was created for block_mask.shape={block_mask.shape} of lengths {sizes}"))
