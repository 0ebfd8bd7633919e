"""Attention of arrays by the functions of `codegen/attention`: what follows from shapes and strides is worked out once."""

from __future__ import annotations

import functools
import math
import struct
from typing import Any, NamedTuple

import numpy as np

from ..codegen.attention.heads import BACKWARD, FORWARD, PIECES, WORDS, formula_addresses, function, vectors_for
from ..codegen.conv.plan import library
from ..codegen.emit import llvm
from ..codegen.gemm.contraction import address_of, scratch, up
from ..codegen.gemm.microkernel import tile_for
from ..codegen.runtime import memory, pool
from ..core.layout import steps

Array = np.ndarray[Any, Any]
SCORES = 1 << 15  # elements of a block's scores: so many stay in the second-level cache beside what is packed
ROWS = 48  # of a block; of fewer keys more would have to be computed that `is_causal` hides
FEWEST = 8  # rows below which packing keys takes longer than multiplying by them
LINE = 64


class Known(NamedTuple):
    """What is known of attention on arrays of certain shapes and strides."""

    function: int
    plan: Array
    offsets: Array
    scratch: int  # bytes of each thread
    heads: int


def takes(query: Array, key: Array, value: Array, work: int) -> bool:
    """Whether arrays are large enough, with `work` multiplications."""
    sizes = query.shape[-2], key.shape[-2], query.shape[-1], value.shape[-1]
    many = math.prod(np.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])) * math.prod(sizes[:3])
    return min(sizes) > 0 and sizes[0] >= FEWEST and many >= work


def like(x: Array, lead: tuple[int, ...], width: int) -> Array:
    """A new array (*lead, rows of x, width), whose rows follow each other in memory as those of `x` do."""
    shape = (*lead, x.shape[-2], width)
    outer = list(range(len(shape) - 1))
    order = sorted(outer, key=lambda i: -x.strides[i]) if x.ndim == len(shape) and all(x.strides) else outer
    made = memory.empty((*(shape[i] for i in order), width), x.dtype)
    return made if order == outer else made.transpose(*np.argsort(order), len(outer))


def attend(query: Array, key: Array, value: Array, mask: Array | None, causal: bool, scale: float, threads: int) -> tuple[Array, Array]:
    """The results (*lead, L, V), and of each row the logarithm of its sum of exponentials (*lead, L)."""
    lead = np.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2], *(() if mask is None else (mask.shape[:-2],)))
    query, key, value = map(in_rows, (query, key, value))
    out = like(query, lead, value.shape[-1])
    logs = memory.empty(out.shape[:-1], out.dtype)
    run(dict(q=query, k=key, v=value, mask=mask, out=out), logs, causal, scale, threads)
    return out, logs


def attend_back(
    g: Array, query: Array, key: Array, value: Array, mask: Array | None, out: Array, logs: Array, causal: bool, scale: float, threads: int
) -> tuple[Array, Array, Array]:
    """The gradients of query, key and value, each with all leading dimensions."""
    lead = out.shape[:-2]
    g, query, key, value, out = map(in_rows, (g, query, key, value, out))
    dq, dk, dv = (like(x, lead, x.shape[-1]) for x in (query, key, value))
    run(dict(q=query, k=key, v=value, mask=mask, out=out, g=g, dq=dq, dk=dk, dv=dv), logs, causal, scale, threads)
    return dq, dk, dv


def in_rows(x: Array) -> Array:
    """An array whose rows lie in memory, element by element."""
    return x if x.strides[-1] == x.itemsize and x.flags.aligned else np.ascontiguousarray(x)


def run(arrays: dict[str, Array | None], logs: Array, causal: bool, scale: float, threads: int) -> None:
    """Call the function for these arrays."""
    found = tuple(None if a is None else (a.shape, steps(a)) for a in arrays.values())
    known = worked_out(logs.dtype.name, llvm.vector_bits(), found, logs.shape, causal, scale)
    places = [0 if a is None else address_of(a) for a in arrays.values()]
    threads = min(threads, known.heads)
    given = *places, address_of(logs), address_of(known.offsets), address_of(known.plan), scratch(known.scratch * threads)
    pool.run(known.function, given, threads)


@functools.lru_cache(1024)
def worked_out(dtype: str, bits: int, arrays: Any, shape: tuple[int, ...], causal: bool, scale: float) -> Known:
    """What is to be known for arrays of these shapes and strides, in the order of `BACKWARD`; `shape` is that of the rows."""
    tile = tile_for(dtype, bits)
    given = dict(zip(BACKWARD, arrays, strict=False))
    *lead, rows = shape
    columns, depth, width = given["k"][0][-2], given["q"][0][-1], given["v"][0][-1]
    heads = math.prod(lead)
    wide, narrow, thin = (vectors_for(n, tile) for n in (columns, depth, width))
    span = up(columns, wide * tile.lanes)
    block = min(rows, max(min(ROWS, SCORES // span), FEWEST))
    back = len(arrays) > len(FORWARD)
    pieces = dict.fromkeys(PIECES, 0) | dict(keys=span * depth, scores=block * span)
    if back:
        pieces |= dict(values=span * width, flat_keys=up(depth, narrow * tile.lanes) * columns, slopes=block * span)
        pieces |= dict(some_q=up(depth, narrow * tile.lanes) * block, some_g=up(width, thin * tile.lanes) * block)
    else:
        pieces |= dict(values=up(width, thin * tile.lanes) * columns, tops=block, totals=block)
    scale_bits = struct.unpack("q", struct.pack("d", scale))[0]
    values = dict(heads=heads, rows=rows, columns=columns, depth=depth, width=width, block=block, span=span, causal=int(causal))
    values |= dict(scale=scale_bits, scratch=0)
    for name, count in pieces.items():
        values[f"at_{name}"] = values["scratch"]
        values["scratch"] += up(count * tile.size, LINE)
    values |= {f"{name}_row": each[1][-2] if each and each[0][-2] > 1 else 0 for name, each in given.items()}
    values |= formula_addresses(dtype, bits) | {"pack": library(dtype, bits)["pack_weight"]}
    plan = np.array([values.get(word, 0) for word in WORDS], np.int64)
    offsets = np.zeros((heads, len(BACKWARD)), np.int64)
    for i, each in enumerate(given.values()):
        if each is not None:
            offsets[:, i] = starts(each[0], each[1], tuple(lead))
    return Known(function(dtype, bits, wide, narrow, thin, given["mask"] is not None, back), plan, offsets, values["scratch"], heads)


def starts(shape: tuple[int, ...], strides: tuple[int, ...], lead: tuple[int, ...]) -> Array:
    """Where each head of an array begins, in elements: its leading dimensions broadcast to `lead`."""
    own = [0] * (len(lead) - len(shape) + 2) + [0 if n == 1 else step for n, step in zip(shape[:-2], strides[:-2], strict=True)]
    places = np.zeros(lead, np.int64)
    for i, step in enumerate(own):
        places += np.arange(lead[i]).reshape(-1, *[1] * (len(lead) - 1 - i)) * step
    return places.reshape(-1)
