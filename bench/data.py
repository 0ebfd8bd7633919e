"""Times passes of a DataLoader over a TensorDataset in pedigrad and PyTorch, in turn in one process; prints the ratio of medians.

    python bench/data.py                  # 0, 1 and 2 workers, small samples and images
    python bench/data.py --rounds 15

`ratio` is PyTorch's median over ours: above 1, we are faster. Persistent workers are started before the first pass is timed.
"""

import argparse
import gc
import statistics
import time

import numpy as np
import torch

import pedigrad

CASES = {  # samples, shape of one, batch size
    "small": (20000, (16,), 64),
    "single numbers": (20000, (), 32),
    "images": (2000, (3, 32, 32), 64),
    "large images": (400, (3, 128, 128), 32),
}


class Items:
    """A dataset of NumPy arrays and labels, asked one by one."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


def loader(library, case, workers, items, shuffle):
    """A loader of one library over the data of a case."""
    count, shape, size = CASES[case]
    x = np.random.default_rng(0).standard_normal((count, *shape), np.float32)
    y = np.arange(count)
    data = Items(x, y.tolist()) if items else library.utils.data.TensorDataset(library.from_numpy(x), library.from_numpy(y))
    kind = {"persistent_workers": True} if workers else {}
    return library.utils.data.DataLoader(data, size, shuffle, num_workers=workers, **kind)


def seconds(batches):
    """How long a pass takes, each batch looked at."""
    gc.collect()
    start = time.perf_counter()
    for x, _ in batches:
        x.shape  # noqa: B018
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--workers", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--cases", nargs="*", default=list(CASES))
    options = parser.parse_args()
    print(f"{'case':28} {'workers':>7} {'pedigrad ms':>12} {'torch ms':>10} {'ratio':>7}")
    for case in options.cases:
        for items in (False, True):
            for workers in options.workers:
                ours, theirs = (loader(library, case, workers, items, True) for library in (pedigrad, torch))
                times = [(seconds(ours), seconds(theirs)) for _ in range(options.rounds + 1)][1:]
                mine, its = (statistics.median(column) for column in zip(*times, strict=True))
                name = f"{case}, {'arrays' if items else 'tensors'}"
                print(f"{name:28} {workers:7} {mine * 1e3:12.2f} {its * 1e3:10.2f} {its / mine:7.2f}", flush=True)
                del ours, theirs


if __name__ == "__main__":
    main()
