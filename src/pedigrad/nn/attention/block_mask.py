"""BlockMask: which blocks of a mask have anything in them."""

import math
from typing import Any

from ...core.declare import PLACES
from ...core.origin import located

torch = PLACES["torch"]
_DEFAULT_SPARSE_BLOCK_SIZE = 128


def noop_mask(batch, head, token_q, token_kv):
    """A mask that lets everything through."""
    return torch["ones"]((), dtype=(token_q == token_q).dtype)


def and_masks(*mask_mods):
    """The mask function of what all of them let through."""
    if not all(callable(each) for each in mask_mods):
        raise RuntimeError(located(f"All inputs should be callable mask_mods: {mask_mods}"))

    def both(b, h, q_idx, kv_idx):
        result = b.new_ones((), dtype=(b == b).dtype)
        for each in mask_mods:
            result = result & each(b, h, q_idx, kv_idx)
        return result

    return both


def or_masks(*mask_mods):
    """The mask function of what any of them lets through."""
    if not all(callable(each) for each in mask_mods):
        raise RuntimeError(located(f"All inputs should be callable mask_mods: {mask_mods}"))

    def either(b, h, q_idx, kv_idx):
        result = b.new_zeros((), dtype=(b == b).dtype)
        for each in mask_mods:
            result = result | each(b, h, q_idx, kv_idx)
        return result

    return either


def indices(*sizes):
    """The numbers along each dimension, in shapes that broadcast against one another."""
    n = len(sizes)
    return [torch["arange"](size).reshape((1,) * i + (size,) + (1,) * (n - i - 1)) for i, size in enumerate(sizes)]


def create_mask(mod_fn, B, H, Q_LEN, KV_LEN, device=None):
    """What `mod_fn(b, h, q_idx, kv_idx)` gives everywhere, of shape (B, H, Q_LEN, KV_LEN); one for a size of None.

    A function of five arguments is one of scores, and is given zeros.
    """
    b, h, q, kv = indices(B or 1, H or 1, Q_LEN, KV_LEN)
    if mod_fn.__code__.co_argcount == 5:
        mask = mod_fn(torch["zeros"](B or 1, H or 1, Q_LEN, KV_LEN), b, h, q, kv)
    else:
        mask = mod_fn(b, h, q, kv)
    return mask.expand(B or 1, H or 1, Q_LEN, KV_LEN).clone()


def _ordered(blocks):
    """How many columns of each row are set, and their numbers, those that are set first."""
    dense = blocks.int()
    return dense.sum(-1).int(), torch["argsort"](dense, dim=-1, descending=True, stable=True).int()


class BlockMask:
    """A mask function, and for each row of blocks which blocks it lets anything through of (`kv_...`), or all (`full_kv_...`)."""

    def __init__(
        self, seq_lengths, kv_num_blocks, kv_indices, full_kv_num_blocks, full_kv_indices, q_num_blocks, q_indices, full_q_num_blocks,
        full_q_indices, BLOCK_SIZE, mask_mod,
    ):  # fmt: skip
        if kv_indices.ndim < 2:
            raise RuntimeError(located("BlockMask must have at least 2 dimensions"))
        self.seq_lengths, self.BLOCK_SIZE, self.mask_mod = tuple(seq_lengths), BLOCK_SIZE, mask_mod
        self.kv_num_blocks, self.kv_indices = kv_num_blocks, kv_indices
        self.full_kv_num_blocks, self.full_kv_indices = full_kv_num_blocks, full_kv_indices
        self.q_num_blocks, self.q_indices = q_num_blocks, q_indices
        self.full_q_num_blocks, self.full_q_indices = full_q_num_blocks, full_q_indices

    @classmethod
    def from_kv_blocks(
        cls, kv_num_blocks, kv_indices, full_kv_num_blocks=None, full_kv_indices=None, BLOCK_SIZE=_DEFAULT_SPARSE_BLOCK_SIZE,
        mask_mod=None, seq_lengths=None, compute_q_blocks=True,
    ):  # fmt: skip
        """The mask of these blocks of keys for each row of blocks of queries."""
        if kv_indices.ndim < 2:
            raise RuntimeError(located("BlockMask must have at least 2 dimensions"))
        if (full_kv_num_blocks is None) != (full_kv_indices is None):
            raise AssertionError("full_kv_num_blocks and full_kv_indices must be both provided or omitted")
        size = BLOCK_SIZE if isinstance(BLOCK_SIZE, tuple) else (BLOCK_SIZE, BLOCK_SIZE)
        if seq_lengths is None:
            seq_lengths = kv_indices.shape[-2] * size[0], kv_indices.shape[-1] * size[1]
        columns = (None, None, None, None)
        if compute_q_blocks:
            columns = (*_transposed(kv_num_blocks, kv_indices), None, None)
            if full_kv_num_blocks is not None:
                columns = (*columns[:2], *_transposed(full_kv_num_blocks, full_kv_indices))
        rows = (kv_num_blocks, kv_indices, full_kv_num_blocks, full_kv_indices)
        return cls(seq_lengths, *rows, *columns, size, noop_mask if mask_mod is None else mask_mod)

    def as_tuple(self, flatten=True):
        """All it is made of."""
        size = self.BLOCK_SIZE if flatten else (self.BLOCK_SIZE,)
        lengths = self.seq_lengths if flatten else (self.seq_lengths,)
        return (
            *lengths, self.kv_num_blocks, self.kv_indices, self.full_kv_num_blocks, self.full_kv_indices, self.q_num_blocks,
            self.q_indices, self.full_q_num_blocks, self.full_q_indices, *size, self.mask_mod,
        )  # fmt: skip

    @property
    def shape(self):
        """Its sizes: batch, heads, queries, keys."""
        return (*self.kv_indices.shape[:-2], *self.seq_lengths)

    def numel(self):
        """The number of its elements."""
        return math.prod(self.shape)

    def to_dense(self):
        """The blocks that have anything in them, as ones and zeros."""
        dense = _dense(self.kv_num_blocks, self.kv_indices)
        if self.full_kv_num_blocks is not None:
            dense = dense | _dense(self.full_kv_num_blocks, self.full_kv_indices)
        return dense

    def sparsity(self):
        """The share of blocks that are left out, in percent."""
        dense = self.to_dense()
        blocks = dense.sum().item() * self.BLOCK_SIZE[0] * self.BLOCK_SIZE[1]
        return 100 - 100 * blocks / self.numel()

    def to(self, device):
        """The mask itself: there is one device."""
        return self

    def __getitem__(self, index):
        index = index if isinstance(index, tuple) else (index,)
        index = tuple(slice(i, i + 1 or None) if isinstance(i, int) else i for i in index)
        some = self.kv_num_blocks[index], self.kv_indices[index]
        whole = (None, None) if self.full_kv_indices is None else (self.full_kv_num_blocks[index], self.full_kv_indices[index])
        blocks: tuple[Any, Any, Any, Any] = (*some, *whole)
        return BlockMask.from_kv_blocks(*blocks, BLOCK_SIZE=self.BLOCK_SIZE, mask_mod=None, seq_lengths=self.seq_lengths)

    def __repr__(self):
        return f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%, block_size={self.BLOCK_SIZE})"


def _dense(counts, columns):
    """The blocks as a matrix of ones and zeros."""
    n = columns.shape[-1]
    taken = torch["arange"](n) < counts.unsqueeze(-1)
    dense = torch["zeros"](columns.shape, dtype=columns.dtype)
    return dense.scatter(-1, columns.long(), taken.to(columns.dtype))


def _transposed(counts, columns):
    return _ordered(_dense(counts, columns).transpose(-2, -1))


def create_block_mask(
    mask_mod, B, H, Q_LEN, KV_LEN, device=None, BLOCK_SIZE=_DEFAULT_SPARSE_BLOCK_SIZE, _compile=False, separate_full_blocks=True,
):  # fmt: skip
    """The BlockMask of what `mask_mod(b, h, q_idx, kv_idx)` lets through."""
    if not callable(mask_mod) or mask_mod.__code__.co_argcount - len(getattr(mask_mod, "__defaults__", None) or ()) == 5:
        raise AssertionError("create-block_mask requires a mask_mod function of 4 arguments: b, h, q_idx, kv_idx")
    rows, columns = BLOCK_SIZE if isinstance(BLOCK_SIZE, tuple) else (BLOCK_SIZE, BLOCK_SIZE)
    mask = create_mask(mask_mod, B, H, Q_LEN, KV_LEN)
    high, wide = -(-Q_LEN // rows), -(-KV_LEN // columns)
    padded = torch["zeros"](*mask.shape[:2], high * rows, wide * columns, dtype=mask.dtype)
    padded[..., :Q_LEN, :KV_LEN] = mask
    counts = padded.reshape(*mask.shape[:2], high, rows, wide, columns).sum((3, 5))
    full = (counts == rows * columns) & separate_full_blocks
    some = (counts > 0) & ~full
    whole = _ordered(full) if separate_full_blocks else (None, None)
    blocks: tuple[Any, Any, Any, Any] = (*_ordered(some), *whole)
    return BlockMask.from_kv_blocks(*blocks, BLOCK_SIZE=(rows, columns), mask_mod=mask_mod, seq_lengths=(Q_LEN, KV_LEN))
