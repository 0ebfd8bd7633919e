"""A DataLoader with worker processes: seeds of workers, a function at their start, order, pinned memory and prefetching."""

import random

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info


class Noisy(Dataset):
    def __len__(self):
        return 20

    def __getitem__(self, index):
        info = get_worker_info()
        return index, torch.rand(2), info.id if info else -1


def seed_worker(worker_id):
    seed = torch.initial_seed() % 2**32
    np.random.seed(seed)
    random.seed(seed)


if __name__ == "__main__":
    torch.manual_seed(0)
    g = torch.Generator()
    g.manual_seed(3)
    loader = DataLoader(Noisy(), batch_size=4, shuffle=True, num_workers=2, worker_init_fn=seed_worker, generator=g, prefetch_factor=2)
    for epoch in range(2):
        for index, noise, worker in loader:
            print(epoch, index.tolist(), worker.tolist(), noise.sum(dim=1))
    persistent = DataLoader(Noisy(), batch_size=6, num_workers=1, persistent_workers=True)
    for _ in range(2):
        print([index.tolist() for index, _, _ in persistent], torch.rand(1))
    print([float(noise.sum()) for _, noise, _ in DataLoader(Noisy(), batch_size=10)], len(loader), loader.batch_size)
