"""DataLoader with workers: order, worker_init_fn, sharding of iterable datasets, errors, persistent workers."""

import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info


class Squares(Dataset):
    def __len__(self):
        return 11

    def __getitem__(self, i):
        info = get_worker_info()
        return i * i, (-1 if info is None else info.id), torch.full((2,), float(i))


class Broken(Squares):
    def __getitem__(self, i):
        if i == 5:
            raise KeyError(f"no sample {i}")
        return i


class Sharded(IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        info = get_worker_info()
        step, start = (1, 0) if info is None else (info.num_workers, info.id)
        return iter(range(start, self.n, step))

    def __len__(self):
        return self.n


class Noise(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        return torch.rand(2)


def init(worker):
    info = get_worker_info()
    torch.manual_seed(info.seed % 2**31)
    info.dataset.offset = worker


if __name__ == "__main__":
    torch.manual_seed(0)
    print(get_worker_info())
    for workers in (0, 2):
        for squares, who, full in DataLoader(Squares(), batch_size=4, num_workers=workers, worker_init_fn=init if workers else None):
            print(squares.tolist(), who.tolist(), full.sum().item(), full.shape)
    for workers in (0, 1):
        try:
            for batch in DataLoader(Broken(), batch_size=2, num_workers=workers):
                print(batch)
        except KeyError as e:
            print("KeyError", str(e)[:40].replace("\n", " "), "Traceback" in str(e))
    print(sorted(int(v) for b in DataLoader(Sharded(9), batch_size=2, num_workers=2) for v in b))
    print(len(DataLoader(Sharded(9), batch_size=2)), [b.tolist() for b in DataLoader(Sharded(5), batch_size=2)])
    loader = DataLoader(
        Noise(), batch_size=2, num_workers=2, persistent_workers=True, prefetch_factor=3, generator=torch.Generator().manual_seed(4)
    )
    for epoch in range(2):
        print([b for b in loader])
    print([b for b in DataLoader(Noise(), batch_size=2, num_workers=1, worker_init_fn=init, generator=torch.Generator().manual_seed(4))])
    it = iter(DataLoader(Squares(), batch_size=None, num_workers=2))
    print(next(it), next(it))
    del it
    print([s for s, *_ in DataLoader(Squares(), num_workers=2, in_order=True, batch_size=5)])
