"""What the loader and its workers run: fetching samples, putting them into batches, the loop of a worker."""

from . import collate, fetch, pin_memory, worker

__all__ = ["collate", "fetch", "pin_memory", "worker"]

MP_STATUS_CHECK_INTERVAL = 5.0  # seconds
HAS_NUMPY = True
