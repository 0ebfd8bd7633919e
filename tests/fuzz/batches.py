"""How many random programs the tests try: `PEDIGRAD_FUZZ` times as many as in an ordinary run, by fixed seeds."""

import os

TIMES = int(os.environ.get("PEDIGRAD_FUZZ", "1"))


def batches(count: int, size: int) -> list[range]:
    """The seeds of so many batches, times `TIMES`; one test tries a batch."""
    return [range(start * size, (start + 1) * size) for start in range(count * TIMES)]
