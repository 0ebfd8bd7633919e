"""Rows of a matrix that are added to those of another, by the kernel of `codegen/emit/scatter.py`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codegen.emit.scatter import adding
from ..codegen.gemm.contraction import address_of
from ..codegen.runtime import pool

Array = np.ndarray[Any, Any]
SHARED = 1 << 15  # elements from which several threads share the columns
COLUMNS = 16  # of each thread at least


def add_rows(out: Array, rows: Array, x: Array, threads: int) -> None:
    """Add each row of `x` to the row of `out` that `rows` names; all lie row by row, in one dtype."""
    threads = min(threads, x.shape[1] // COLUMNS) if x.size >= SHARED else 1
    places = address_of(x), address_of(rows), address_of(out)
    pool.run(adding(x.dtype), (*places, len(rows), *out.shape), threads)
