"""Rules for operations that leave leading dimensions alone, and for those whose own batch takes the samples in too."""

from __future__ import annotations

from typing import Any

from ...core.dispatch import computed
from .batched import Batch, rule
from .outside import reshaped

# What is done to the last dimensions alone, whatever there is before them, and how many these are at least.
LAST = {
    "linalg_cholesky": 2, "linalg_det": 2, "linalg_inv": 2, "linalg_qr": 2, "linalg_svd": 2, "linalg_eigh": 2, "linalg_eig": 2,
    "linalg_slogdet": 2, "linalg_lu_factor": 2, "lu_info": 2, "linalg_pinv": 2, "linalg_ldl_factor_ex": 2, "matrix_exp": 2,
    "cholesky_inverse": 2, "tril": 2, "triu": 2, "geqrf": 2, "pixel_shuffle": 3, "pixel_unshuffle": 3,
    "cast": 0, "clone": 0, "fill": 0, "gelu": 0, "one_hot_rows": 0,
}  # fmt: skip


@rule(*LAST)
def last_dims(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    """The operation on the batch as it is."""
    if len(arrays[0].shape) < LAST[op.name]:
        return NotImplemented
    return batch.all_lifted(computed(op, batch.aligned(arrays), attributes))
