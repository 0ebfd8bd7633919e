"""A Dataset, a Sampler and a collate function of one's own; batches by length; subsets, concatenation, weights."""

import random

import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    Sampler,
    Subset,
    WeightedRandomSampler,
    default_collate,
    random_split,
)


class Words(Dataset):
    def __init__(self, count, transform=None):
        chance = random.Random(0)
        self.items = [[chance.randrange(100) for _ in range(chance.randrange(1, 9))] for _ in range(count)]
        self.transform = transform

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        item = torch.tensor(self.items[index])
        return {"tokens": self.transform(item) if self.transform else item, "index": index}


class ByLength(Sampler):
    def __init__(self, dataset, size):
        self.dataset, self.size = dataset, size

    def __iter__(self):
        order = sorted(range(len(self.dataset)), key=lambda i: len(self.dataset.items[i]))
        batches = [order[i : i + self.size] for i in range(0, len(order), self.size)]
        for i in torch.randperm(len(batches)).tolist():
            yield batches[i]

    def __len__(self):
        return -(-len(self.dataset) // self.size)


def collate(items):
    tokens = pad_sequence([item["tokens"] for item in items], batch_first=True, padding_value=-1)
    return tokens, torch.tensor([len(item["tokens"]) for item in items]), [item["index"] for item in items]


torch.manual_seed(0)
words = Words(14, transform=lambda t: t * 2)
loader = DataLoader(words, batch_sampler=ByLength(words, 4), collate_fn=collate)
print(len(loader))
for tokens, lengths, index in loader:
    print(tokens, lengths, index)
for batch in DataLoader(words, batch_size=5, shuffle=True, collate_fn=collate, drop_last=True):
    print(batch[2])
parts = random_split(words, [0.5, 0.3, 0.2], generator=torch.Generator().manual_seed(1))
print([len(p) for p in parts], [list(p.indices) for p in parts])
both = ConcatDataset([Subset(words, [3, 1]), parts[2]])
print(len(both), both[0], both[-1]["index"], both.cumulative_sizes)
sampler = WeightedRandomSampler([0.1, 0.1, 5.0, 1.0], 10, replacement=True)
print(list(sampler), list(BatchSampler(range(7), 3, drop_last=False)))
print(default_collate([{"a": 1, "b": (2.0, "x")}, {"a": 3, "b": (4.0, "y")}]))
