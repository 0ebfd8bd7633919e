"""The C heap, where arrays come from: what is freed there is kept for the arrays that follow.

glibc gives a block of 128 KiB or more back to the system when it is freed, and the fresh pages of the next one cost more than most
operations on them. The limit rises to the size of any larger block that is freed, to 32 MiB at most, and twice as much may then
lie unused at the heap's end.
"""

from __future__ import annotations

import numpy as np

HIGHEST = 32 << 20  # bytes, to which glibc raises its limit
BESIDE = 2 * 4096  # bytes that it may add to a block of its own pages


def keep_freed() -> None:
    """Free a block of the highest limit. None of its pages is ever touched."""
    np.empty(HIGHEST - BESIDE, np.uint8)
