"""What the loader and its workers run: fetching samples, putting them into batches, the loop of a worker."""

from . import collate, fetch, worker

__all__ = ["collate", "fetch", "worker"]
