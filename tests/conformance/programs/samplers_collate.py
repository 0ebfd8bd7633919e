"""Samplers, batch samplers, collate functions and splits of DataLoader as the documentation has them."""

import collections
import dataclasses

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    random_split,
)
from torch.utils.data.dataloader import default_convert
from torch.utils.data.distributed import DistributedSampler

Point = collections.namedtuple("Point", "x y")


class Words(Dataset):
    def __init__(self):
        self.rows = ["a", "bc", "def", "gh", "i", "jklmn"]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return {
            "text": self.rows[i],
            "length": len(self.rows[i]),
            "codes": torch.tensor([ord(c) for c in self.rows[i]]),
            "p": Point(i, float(i) / 2),
        }


class ByLength(Sampler):
    def __init__(self, data, size):
        self.data, self.size = data, size

    def __iter__(self):
        order = sorted(range(len(self.data)), key=lambda i: self.data[i]["length"])
        for k in range(0, len(order), self.size):
            yield order[k : k + self.size]

    def __len__(self):
        return -(-len(self.data) // self.size)


def padded(samples):
    codes = pad_sequence([s["codes"] for s in samples], batch_first=True, padding_value=-1)
    return codes, torch.as_tensor([s["length"] for s in samples]), [s["text"] for s in samples]


words = Words()
loader = DataLoader(words, batch_sampler=ByLength(words, 4), collate_fn=padded)
print(len(loader))
for batch in loader:
    print(batch)
print(default_collate([{"a": 1, "b": [1.5, (2, "x")]}, {"a": 2, "b": [2.5, (3, "y")]}]))
print(
    default_collate([Point(1, 2.0), Point(3, 4.0)]),
    default_collate([np.float32(1), np.float32(2)]),
    default_collate([np.ones(2), np.zeros(2)]),
)
print(
    default_collate([True, False]),
    default_collate(["u", "v"]),
    default_collate([b"x", b"y"]),
    default_collate([torch.ones(()), torch.zeros(())]),
)
print(default_convert({"a": np.arange(3), "b": [np.float64(2), "s"], "c": Point(np.ones(1), 3)}))
for bad in ([[1, 2], [3]], [object(), object()], [np.array(["a"]), np.array(["b"])], [torch.ones(2), torch.ones(3)], [None, None]):
    try:
        print(default_collate(bad))
    except Exception as e:
        print(type(e).__name__)
g = torch.Generator().manual_seed(3)
print(
    list(RandomSampler(range(7), generator=g)),
    list(RandomSampler(range(4), replacement=True, num_samples=9, generator=g)),
    list(RandomSampler(range(3), num_samples=8, generator=g)),
)
print(
    list(WeightedRandomSampler([0.1, 0.9, 0.0, 2.0], 8, generator=g)),
    list(WeightedRandomSampler(torch.tensor([1.0, 2, 3]), 2, replacement=False, generator=g)),
)
print(
    list(SubsetRandomSampler([4, 5, 9], generator=g)),
    list(BatchSampler(SequentialSampler(range(8)), 3, drop_last=True)),
    list(BatchSampler(range(7), 3, False)),
)
for epoch in range(2):
    for rank in range(3):
        s = DistributedSampler(range(10), num_replicas=3, rank=rank, shuffle=True, seed=5, drop_last=rank == 1)
        s.set_epoch(epoch)
        print(epoch, rank, len(s), list(s))
x = torch.arange(10.0)
parts = random_split(TensorDataset(x, -x), [0.5, 0.31, 0.19], generator=torch.Generator().manual_seed(0))
print([len(p) for p in parts], [p.indices for p in parts])
both = ConcatDataset([parts[0], parts[1]]) + parts[2]
print(len(both), both[-1], both.cumulative_sizes, type(both).__name__)
stack = StackDataset(x=TensorDataset(x), y=TensorDataset(x * 2))
print(len(stack), stack[3])
pairs = StackDataset(Subset(x, [1, 2, 3]), Subset(x, [4, 5, 6]))
print(next(iter(DataLoader(pairs, batch_size=2))))


class Count(IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return iter(range(self.n))


print(
    [b.tolist() for b in DataLoader(ChainDataset([Count(3), Count(4)]), batch_size=4)], [b for b in DataLoader(Count(3), batch_size=None)]
)
torch.manual_seed(1)
print([b[0].tolist() for b in DataLoader(TensorDataset(x), batch_size=4, shuffle=True, drop_last=True)], torch.rand(1))
loader = DataLoader(TensorDataset(x), batch_size=3, shuffle=True, generator=torch.Generator().manual_seed(9))
for epoch in range(2):
    print([b.tolist() for (b,) in loader])
for wrong in (
    lambda: DataLoader(words, batch_size=2, batch_sampler=ByLength(words, 2)),
    lambda: DataLoader(Count(2), shuffle=True),
    lambda: DataLoader(words, sampler=[1], shuffle=True),
    lambda: DataLoader(words, num_workers=-1),
    lambda: DataLoader(words, timeout=-1),
    lambda: RandomSampler([]),
    lambda: random_split(words, [1, 2]),
    lambda: DataLoader(words, prefetch_factor=2),
    lambda: DataLoader(words, persistent_workers=True),
    lambda: BatchSampler(range(3), 0, False),
    lambda: DistributedSampler(words, 2, 2),
    lambda: TensorDataset(x, x[:3]),
    lambda: len(Count(2)),
    lambda: DataLoader(words, batch_size=0),
):
    try:
        wrong()
        print("accepted")
    except Exception as e:
        print(type(e).__name__)


@dataclasses.dataclass
class Batch:
    x: torch.Tensor

    def pin_memory(self):
        return self


print(next(iter(DataLoader(TensorDataset(x), batch_size=2, collate_fn=lambda r: Batch(torch.stack([q for (q,) in r])), pin_memory=True))))
