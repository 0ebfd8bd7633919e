"""The types of sparse tensors by their old names, `torch.sparse.FloatTensor` and its relatives, and matrices of diagonals."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import dtypes
from ...core.declare import function
from ...core.origin import located
from ...core.sparse import Coordinates
from ...core.sparse_tensor import SparseTensor, sparse_coo, sparse_csc, sparse_csr
from ...core.tensor import Tensor, TensorMeta
from ..shape.convert import LEGACY_NAMES
from .build import sparse_coo_tensor
from .convert import in_another
from .values import with_values


class LegacyType(TensorMeta):
    """The type of `sparse.FloatTensor` and its relatives: they construct, and `isinstance` asks for layout and dtype."""

    def __instancecheck__(cls, instance: Any) -> bool:
        own = cls.dtype  # type: ignore[attr-defined]
        return isinstance(instance, SparseTensor) and instance.layout is sparse_coo and instance.dtype is own


def _legacy(name: str, dtype: dtypes.dtype) -> Any:
    def new(cls: Any, *args: Any, device: Any = None) -> Any:
        if args and isinstance(args[0], Tensor):
            return sparse_coo_tensor(*args, dtype=dtype, device=device)
        return sparse_coo_tensor(args[0] if args and not isinstance(args[0], int) else args or (0,), dtype=dtype, device=device)

    namespace = {"__new__": new, "dtype": dtype, "legacy_name": f"torch.sparse.{name}Tensor", "__slots__": (), "__module__": "torch.sparse"}
    return LegacyType(name + "Tensor", (Tensor,), namespace)


LEGACY_TYPES = {f"{name}Tensor": _legacy(name, dtypes.named(d)) for d, name in LEGACY_NAMES.items() if d[:7] != "complex" and d != "bool"}


@function("sparse")
def spdiags(diagonals: Tensor, offsets: Tensor, shape: Any, layout: Any = None) -> Any:
    """The sparse matrix of this shape with the rows of `diagonals` on the diagonals `offsets`: element j of a row is in column j."""
    rows, columns = shape
    table = diagonals if diagonals.ndim > 1 else diagonals.unsqueeze(0)  # type: ignore[attr-defined]
    at = np.atleast_1d(offsets._array)
    if at.ndim != 1 or table.ndim != 2 or at.dtype.kind not in "iu":
        raise RuntimeError(located("spdiags(): diagonals must be a vector or a matrix, offsets a vector of integers"))
    if len(at) != table.shape[0]:
        raise RuntimeError(located(f"Number of diagonals ({table.shape[0]}) does not match the number of offsets ({len(at)})"))
    if len(np.unique(at)) != len(at):
        raise RuntimeError(located("spdiags(): Offset tensor contains duplicate values"))
    if layout not in (None, sparse_coo, sparse_csr, sparse_csc):
        raise RuntimeError(located(f"Only output layouts (Sparse, SparseCsc, and SparseCsr) are supported, got {layout}"))
    width = min(table.shape[1], columns)
    line, column = np.nonzero((np.arange(width) - at[:, None] >= 0) & (np.arange(width) - at[:, None] < rows))
    values = table[line, column]  # type: ignore[index]
    made = with_values(values, Coordinates(np.stack([column - at[line], column]).astype(np.int64), values._array, (rows, columns)))
    return in_another(made, layout or sparse_coo)
