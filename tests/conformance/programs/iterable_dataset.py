"""Iterable datasets: a stream divided among workers, one without a length, chained, with a buffer that shuffles."""

import itertools
import math
import random

import torch
from torch.utils.data import ChainDataset, DataLoader, IterableDataset, get_worker_info


class Range(IterableDataset):
    def __init__(self, start, end):
        self.start, self.end = start, end

    def __iter__(self):
        info = get_worker_info()
        if info is None:
            return iter(range(self.start, self.end))
        per_worker = math.ceil((self.end - self.start) / info.num_workers)
        start = self.start + info.id * per_worker
        return iter(range(start, min(start + per_worker, self.end)))


class Shuffled(IterableDataset):
    def __init__(self, source, size, seed):
        self.source, self.size, self.seed = source, size, seed

    def __iter__(self):
        chance, buffer = random.Random(self.seed), []
        for item in self.source:
            if len(buffer) == self.size:
                place = chance.randrange(self.size)
                item, buffer[place] = buffer[place], item
                yield item
            else:
                buffer.append(item)
        chance.shuffle(buffer)
        yield from buffer


class Walk(IterableDataset):
    def __iter__(self):
        x = torch.zeros(2)
        while True:
            x = x + torch.randn(2)
            yield x.clone(), x.norm()


if __name__ == "__main__":
    torch.manual_seed(0)
    print(list(DataLoader(Range(3, 7), num_workers=0)))
    print(list(DataLoader(Range(3, 11), num_workers=2, batch_size=3)))
    print(list(DataLoader(Range(0, 7), batch_size=None)))
    print(list(DataLoader(Range(0, 7), batch_size=3, drop_last=True)))
    print(torch.cat(list(DataLoader(Shuffled(Range(0, 12), 4, 1), batch_size=5))))
    print(list(DataLoader(ChainDataset([Range(0, 3), Range(10, 12)]), batch_size=4)))
    for place, radius in itertools.islice(DataLoader(Walk(), batch_size=3), 2):
        print(place, radius)
