"""vmap: a function of one sample, run once for all samples of a batch.

Its arguments are tensors whose arrays stand for a sample (`autograd/levels/batched.py`), so it cannot branch on their elements.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..autograd.levels.batched import Batch
from ..autograd.levels.mapping import entered, left, running
from ..core import override, trees
from ..core.declare import function
from ..core.origin import located
from ..core.tensor import Tensor
from ..ops.shape.join import cat


def _spread(dims: Any, tree: Any) -> list[Any]:
    """A dimension for each leaf of a nest, where one may stand for a whole nest."""
    if dims is None or isinstance(dims, int):
        return [dims] * len(trees.leaves(tree))
    if isinstance(dims, (tuple, list)):
        if not isinstance(tree, (tuple, list)) or len(dims) != len(tree):
            raise ValueError(located(f"vmap(): in_dims {dims!r} does not fit the structure of the arguments"))
        return [d for each, part in zip(dims, tree, strict=True) for d in _spread(each, part)]
    if isinstance(dims, dict):
        return [d for key, part in tree.items() for d in _spread(dims[key], part)]
    raise ValueError(located(f"vmap(): in_dims must be ints, None or nests of them, got {dims!r}"))


def _batch_size(values: list[Any], dims: list[Any]) -> int:
    sizes = set()
    for value, dim in zip(values, dims, strict=True):
        if dim is None:
            continue
        if not isinstance(value, Tensor):
            message = f"vmap(): in_dims has {dim} for an argument that is a {type(value).__name__}: only Tensors can be split, give None"
            raise ValueError(located(message))
        if not -value.dim() <= dim < value.dim():
            raise ValueError(located(f"vmap(): in_dim {dim} for a tensor of {value.dim()} dimensions, must be in [0, {value.dim()})"))
        sizes.add(value.shape[dim])
    if not sizes:
        raise ValueError(located("vmap(): no argument has a dimension to map over: some in_dim must be an int"))
    if len(sizes) > 1:
        raise ValueError(located(f"vmap(): Expected all tensors to have the same size in the mapped dimension, got sizes {sorted(sizes)}"))
    return sizes.pop()


@function("torch")
def vmap(
    func: Callable[..., Any], in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *, chunk_size: int | None = None
) -> Callable[..., Any]:
    """A version of `func`, a function of one sample, for batches along `in_dims` of its arguments; results are stacked at `out_dims`.

    `in_dims` is an int for all arguments, or one a argument (None: the same for all samples), also nested as these are. `randomness` says
    whether random numbers differ from sample to sample ("different"), are the same ("same") or are refused ("error").

    >>> import pedigrad as torch
    >>> torch.vmap(torch.dot)(torch.ones(2, 3), torch.ones(2, 3))
    tensor([3., 3.])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(located(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}"))
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(located(f"vmap(): chunk_size should be None or greater than 0, got {chunk_size}"))

    @override.as_a_whole("vmap")
    @functools.wraps(func)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        if isinstance(in_dims, (tuple, list)) and len(in_dims) != len(args):
            raise ValueError(located(f"vmap(): in_dims has {len(in_dims)} entries for {len(args)} arguments"))
        values, dims = trees.leaves(args), _spread(in_dims if not isinstance(in_dims, list) else tuple(in_dims), args)
        named = trees.leaves(kwargs)
        named_dims = [0 if isinstance(v, Tensor) else None for v in named]
        given, given_dims = [*values, *named], [*dims, *named_dims]
        size = _batch_size(given, given_dims)
        columns = []
        for start in range(0, size or 1, chunk_size or size or 1):
            stop = min(start + (chunk_size or size), size)
            parts = [
                v if d is None or stop - start == size else v.narrow(d, start, stop - start) for v, d in zip(given, given_dims, strict=True)
            ]
            with running(Batch(stop - start, randomness)) as batch:
                taken = [v if d is None else entered(v, batch, d) for v, d in zip(parts, given_dims, strict=True)]
                result = func(*trees.filled(args, taken[: len(values)]), **trees.filled(kwargs, taken[len(values) :]))
                columns.append(_left(result, out_dims, batch))
        return columns[0][0] if len(columns) == 1 else _joined(columns)

    return mapped


def _left(result: Any, out_dims: Any, batch: Batch) -> tuple[Any, list[Any]]:
    """What the function gave for a batch, out of its level, and the dimension of the samples in each tensor."""
    values = trees.leaves(result)
    for leaf in values:
        if not isinstance(leaf, Tensor):
            raise ValueError(located(f"vmap(): the function must only return Tensors, got type {type(leaf).__name__}"))
    dims = [out_dims] * len(values) if isinstance(out_dims, int) or out_dims is None else _spread(out_dims, result)
    return trees.filled(result, [left(v, batch, d) for v, d in zip(values, dims, strict=True)]), dims


def _joined(chunks: list[tuple[Any, list[Any]]]) -> Any:
    """What the function gave for the parts of a batch, as for the whole."""
    first, dims = chunks[0]
    columns = zip(*(trees.leaves(result) for result, _ in chunks), strict=True)
    return trees.filled(first, [c[0] if d is None else cat(c, d) for c, d in zip(columns, dims, strict=True)])
