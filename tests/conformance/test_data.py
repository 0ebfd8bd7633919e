"""Datasets, samplers, batches and loaders against PyTorch's: the same seeds give the same batches, errors and random numbers after."""

import collections
import random
import warnings

import numpy as np
import pytest
import torch

import pedigrad
import pedigrad.utils.data

LIBRARIES = (torch, pedigrad)
Point = collections.namedtuple("Point", "x y")


def plain(value):
    """A value without its library: what each tensor holds and of which dtype, what type each container has."""
    if isinstance(value, LIBRARIES[0].Tensor | LIBRARIES[1].Tensor):
        return "tensor", str(value.dtype), tuple(value.shape), value.tolist()
    if isinstance(value, dict):
        return type(value).__name__, {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, collections.UserList, range)):
        return type(value).__name__, [plain(each) for each in value]
    if isinstance(value, np.ndarray):
        return "array", str(value.dtype), value.tolist()
    return value


def told(program, library):
    """What a program yields, or how it fails, and the number that the default generator gives next."""
    log = []
    library.manual_seed(11)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            for value in program(library, library.utils.data):
                log.append(plain(value))
        except Exception as error:
            log.append(type(error).__name__)
    log.append([w.category.__name__ for w in caught if "worker" not in str(w.message)])
    log.append(library.randint(high=1 << 30, size=(2,)).tolist())
    return log


def agree(program):
    assert told(program, pedigrad) == told(program, torch)


def generator(library, seed=5):
    return library.Generator().manual_seed(seed)


# --- samplers


SAMPLERS = {
    "sequential": lambda t, d: d.SequentialSampler(range(7)),
    "random": lambda t, d: d.RandomSampler(range(9)),
    "random more": lambda t, d: d.RandomSampler(range(9), num_samples=23),
    "random fewer": lambda t, d: d.RandomSampler(range(9), num_samples=3),
    "random generator": lambda t, d: d.RandomSampler(range(9), generator=generator(t)),
    "replacement": lambda t, d: d.RandomSampler(range(9), replacement=True, num_samples=70),
    "replacement whole": lambda t, d: d.RandomSampler(range(64), replacement=True),
    "subset": lambda t, d: d.SubsetRandomSampler([3, 9, 4, 1]),
    "weighted": lambda t, d: d.WeightedRandomSampler([0.1, 0.5, 0.2, 3.0], 9),
    "weighted once": lambda t, d: d.WeightedRandomSampler([0.1, 0.5, 0.2, 3.0], 3, replacement=False, generator=generator(t)),
    "batches": lambda t, d: d.BatchSampler(d.RandomSampler(range(10)), 4, False),
    "batches drop": lambda t, d: d.BatchSampler(d.RandomSampler(range(10)), 4, True),
    "batches of batches": lambda t, d: d.BatchSampler(d.BatchSampler(range(10), 3, False), 2, False),
    "distributed": lambda t, d: d.DistributedSampler(range(10), 3, 1),
    "distributed drop": lambda t, d: d.DistributedSampler(range(11), 3, 2, drop_last=True, seed=4),
    "distributed few": lambda t, d: d.DistributedSampler(range(2), 7, 5, shuffle=False),
    "distributed fewer": lambda t, d: d.DistributedSampler(range(2), 7, 5, drop_last=True),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers(name):
    def program(t, d):
        sampler = SAMPLERS[name](t, d)
        yield len(sampler)
        for epoch in range(3):
            if hasattr(sampler, "set_epoch"):
                sampler.set_epoch(epoch)
            yield from sampler
        yield t.randint(high=1000, size=(3,))

    agree(program)


@pytest.mark.parametrize(
    "make",
    [
        lambda t, d: d.RandomSampler(range(0)),
        lambda t, d: d.RandomSampler(range(5), replacement=1),
        lambda t, d: d.RandomSampler(range(5), num_samples=-1),
        lambda t, d: d.RandomSampler(range(5), num_samples=1.5),
        lambda t, d: d.WeightedRandomSampler([1.0], True),
        lambda t, d: d.WeightedRandomSampler([[1.0]], 2),
        lambda t, d: d.WeightedRandomSampler([1.0], 2, replacement=None),
        lambda t, d: list(d.WeightedRandomSampler([1.0], 2, replacement=False)),
        lambda t, d: d.BatchSampler(range(5), 0, False),
        lambda t, d: d.BatchSampler(range(5), True, False),
        lambda t, d: d.BatchSampler(range(5), 2, 0),
        lambda t, d: len(d.BatchSampler(iter(range(5)), 2, False)),
        lambda t, d: d.DistributedSampler(range(5), 2, 2),
        lambda t, d: list(d.Sampler()),
        lambda t, d: d.Dataset()[0],
        lambda t, d: d.TensorDataset(t.ones(2), t.ones(3)),
        lambda t, d: d.TensorDataset(t.ones(2))[2],
        lambda t, d: d.StackDataset(),
        lambda t, d: d.StackDataset([1], a=[2]),
        lambda t, d: d.StackDataset([1], [1, 2]),
        lambda t, d: d.ConcatDataset([]),
        lambda t, d: d.ConcatDataset([[1], [2]])[-3],
        lambda t, d: d.ConcatDataset([[1], [2]])[2],
        lambda t, d: list(d.ChainDataset([[1]])),
        lambda t, d: type("Half", (d.Subset,), {"__getitem__": lambda self, i: i})([1], [0]),
        lambda t, d: d.random_split(range(5), [2, 2]),
        lambda t, d: d.random_split(range(5), [1.5, -0.5]),
        lambda t, d: d.default_collate([object()]),
        lambda t, d: d.default_collate([[1, 2], [3]]),
        lambda t, d: d.default_collate([np.array(["a"]), np.array(["b"])]),
        lambda t, d: d.default_collate([t.ones(2), t.ones(3)]),
        lambda t, d: d.default_collate([None]),
        lambda t, d: d.default_collate([]),
        lambda t, d: d.default_collate([{"a": 1}, {"b": 1}]),
        lambda t, d: d.DataLoader([1], num_workers=-1),
        lambda t, d: d.DataLoader([1], timeout=-1),
        lambda t, d: d.DataLoader([1], prefetch_factor=2),
        lambda t, d: d.DataLoader([1], num_workers=1, prefetch_factor=-2),
        lambda t, d: d.DataLoader([1], persistent_workers=True),
        lambda t, d: d.DataLoader([1], shuffle=True, sampler=[0]),
        lambda t, d: d.DataLoader([1], batch_size=2, batch_sampler=[[0]]),
        lambda t, d: d.DataLoader([1], batch_size=None, drop_last=True),
        lambda t, d: d.DataLoader([1], batch_size=0),
        lambda t, d: d.DataLoader([], shuffle=True),
        lambda t, d: d.DataLoader([1], multiprocessing_context="fork"),
        lambda t, d: d.DataLoader([1], num_workers=1, multiprocessing_context="no"),
        lambda t, d: d.DataLoader([1], num_workers=1, multiprocessing_context=3),
        lambda t, d: setattr(d.DataLoader([1]), "batch_size", 3),
        lambda t, d: list(d.DataLoader([1], timeout=2)),
        lambda t, d: list(d.DataLoader([1], sampler=[5])),
        lambda t, d: list(d.DataLoader(d.TensorDataset(t.ones(3)), sampler=[0, 5])),
        lambda t, d: list(d.DataLoader(d.Subset(d.TensorDataset(t.ones(3)), [0]), sampler=[0, 5])),
    ],
)
def test_errors(make):
    def program(t, d):
        yield str(make(t, d)) and None

    log = told(program, torch)
    assert isinstance(log[0], str), "no error in PyTorch"
    agree(program)


# --- datasets and batches


def test_datasets():
    def program(t, d):
        x = t.arange(12).reshape(6, 2)
        tensors = d.TensorDataset(x, x[:, 0])
        yield from (tensors[2], tensors[-1], tensors[1:3], len(tensors))
        both = tensors + d.TensorDataset(x[:2], x[:2, 1])
        yield from (len(both), both[6], both[-1], both.cumulative_sizes)
        yield from (d.StackDataset(range(3), "abc")[1], d.StackDataset(a=range(3), b="abc").__getitems__([0, 2]))
        part = d.Subset(both, [7, 0, 3])
        yield from (part[0], part.__getitems__([2, 1]), len(part))
        yield from (
            [each.indices for each in d.random_split(range(10), [3, 7])],
            [len(s) for s in d.random_split(range(11), [0.5, 0.3, 0.2])],
        )
        yield [each.indices for each in d.random_split(range(3), [0.9, 0.1], generator=generator(t))]

        class Count(d.IterableDataset):
            def __iter__(self):
                return iter(range(3))

            def __len__(self):
                return 3

        chain = Count() + Count()
        yield from (len(chain), list(chain))

    agree(program)


SAMPLES = [
    lambda t: t.arange(3),
    lambda t: t.tensor(1.5),
    lambda t: t.ones(2, 3, dtype=t.bfloat16),
    lambda t: t.tensor(True),
    lambda t: t.zeros(0, 3),
    lambda t: t.arange(6).reshape(2, 3).T,
    lambda t: np.arange(3.0),
    lambda t: np.array(3),
    lambda t: np.float32(2),
    lambda t: np.int16(2),
    lambda t: np.bool_(True),
    lambda t: 3,
    lambda t: True,
    lambda t: 2.5,
    lambda t: "text",
    lambda t: b"bytes",
    lambda t: (1, 2.0, "x"),
    lambda t: [1, (t.ones(2), 3)],
    lambda t: {"a": 1, "b": [t.ones(1), "y"]},
    lambda t: Point(1, t.zeros(2)),
    lambda t: collections.OrderedDict(b=1, a=2),
    lambda t: collections.UserList([1, 2]),
    lambda t: range(3),
    lambda t: (),
    lambda t: {},
]


@pytest.mark.parametrize("make", SAMPLES)
def test_collate_and_convert(make):
    def program(t, d):
        yield d.default_convert(make(t))
        yield d.default_collate([make(t)])
        yield d.default_collate([make(t), make(t), make(t)])

    agree(program)


def test_collate_by_type():
    class Own:
        def __init__(self, value):
            self.value = value

    def program(t, d):
        def own(batch, *, collate_fn_map=None):
            return ["own", *[each.value for each in batch]]

        yield d._utils.collate.collate([(Own(1), Own(2)), (Own(3), Own(4))], collate_fn_map={Own: own})
        yield d._utils.collate.collate(
            [(1, Own(2)), (3, Own(4))], collate_fn_map={(int, float): lambda b, collate_fn_map: sum(b), Own: own}
        )

    agree(program)


def test_collate_keeps_history():
    for t in LIBRARIES:
        x = t.ones(2, requires_grad=True)
        t.utils.data.default_collate([x, x * 2]).sum().backward()
        assert x.grad.tolist() == [3.0, 3.0]


# --- loaders


class Squares(torch.utils.data.Dataset):
    """Samples by key, of several types; a bad key is an error of the dataset's own."""

    def __init__(self, t, n=10):
        self.t, self.n = t, n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if i == 99:
            raise KeyError("bad")
        return {"i": i, "square": self.t.tensor([float(i * i)]), "drawn": self.t.randint(high=1000, size=(2,)), "numpy": np.random.rand()}


def counting(d, n, lengths=True):
    class Counting(d.IterableDataset):
        def __iter__(self):
            info = d.get_worker_info()
            first, step = (0, 1) if info is None else (info.id, info.num_workers)
            return iter(range(first, n, step))

    if lengths:
        Counting.__len__ = lambda self: n
    return Counting()


LOADERS = {
    "plain": lambda t, d, w: d.DataLoader(range(10), num_workers=w),
    "batches": lambda t, d, w: d.DataLoader(range(10), 3, num_workers=w),
    "drop last": lambda t, d, w: d.DataLoader(range(10), 3, drop_last=True, num_workers=w),
    "shuffle": lambda t, d, w: d.DataLoader(range(10), 3, True, num_workers=w),
    "shuffle generator": lambda t, d, w: d.DataLoader(range(10), 3, True, num_workers=w, generator=generator(t)),
    "tensors": lambda t, d, w: d.DataLoader(d.TensorDataset(t.arange(20).reshape(10, 2), t.ones(10)), 4, num_workers=w),
    "tensors shuffle": lambda t, d, w: d.DataLoader(d.TensorDataset(t.arange(20).reshape(10, 2).T.contiguous().T), 5, True, num_workers=w),
    "tensors many": lambda t, d, w: d.DataLoader(
        d.TensorDataset(t.arange(7)), 4, sampler=d.RandomSampler(range(7), num_samples=30), num_workers=w, drop_last=True
    ),
    "tensors again": lambda t, d, w: d.DataLoader(
        d.TensorDataset(t.arange(7)), 16, sampler=d.RandomSampler(range(7), True, 64, generator(t)), num_workers=w
    ),
    "tensors single": lambda t, d, w: d.DataLoader(d.TensorDataset(t.arange(7)), None, True, num_workers=w),
    "tensors negative": lambda t, d, w: d.DataLoader(d.TensorDataset(t.arange(7)), 2, sampler=[-1, 3, -7], num_workers=w),
    "tensors masks": lambda t, d, w: d.DataLoader(d.TensorDataset(t.arange(7)), 2, sampler=[True, 3], num_workers=w),
    "subset": lambda t, d, w: d.DataLoader(
        d.random_split(d.TensorDataset(t.arange(20)), [0.5, 0.5])[1], 4, True, num_workers=w, generator=generator(t)
    ),
    "large": lambda t, d, w: d.DataLoader(d.TensorDataset(t.arange(40000).reshape(20, 2000)), 6, True, num_workers=w),
    "one sampler": lambda t, d, w: d.DataLoader(range(10), sampler=[3, 1, 4], num_workers=w),
    "batch sampler": lambda t, d, w: d.DataLoader(range(10), batch_sampler=[[3, 1], [4]], num_workers=w),
    "no batches": lambda t, d, w: d.DataLoader(Squares(t), None, num_workers=w),
    "collate": lambda t, d, w: d.DataLoader(range(10), 4, collate_fn=sum, num_workers=w),
    "random samples": lambda t, d, w: d.DataLoader(Squares(t), 3, True, num_workers=w),
    "random samples generator": lambda t, d, w: d.DataLoader(Squares(t), 3, num_workers=w, generator=generator(t)),
    "error": lambda t, d, w: d.DataLoader(Squares(t), 2, sampler=[1, 2, 3, 99, 4], num_workers=w),
    "stream": lambda t, d, w: d.DataLoader(counting(d, 11), 2, num_workers=w),
    "stream drop": lambda t, d, w: d.DataLoader(counting(d, 11), 3, num_workers=w, drop_last=True),
    "stream single": lambda t, d, w: d.DataLoader(counting(d, 5), None, num_workers=w),
    "stream without length": lambda t, d, w: d.DataLoader(counting(d, 3, False), 2, num_workers=w),
    "arrays": lambda t, d, w: d.DataLoader(np.arange(12.0).reshape(6, 2), 4, num_workers=w),
    "concatenated": lambda t, d, w: d.DataLoader(d.ConcatDataset([range(3), range(10, 14)]), 3, True, num_workers=w),
    "stacked": lambda t, d, w: d.DataLoader(d.StackDataset(a=range(5), b=d.TensorDataset(t.arange(5))), 3, True, num_workers=w),
    "weighted": lambda t, d, w: d.DataLoader(range(4), 3, sampler=d.WeightedRandomSampler([1.0, 2, 3, 4], 10), num_workers=w),
}

WORKERS = (0, 1, 2)


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("name", LOADERS)
def test_loaders(name, workers):
    def program(t, d):
        np.random.seed(3)
        random.seed(3)
        loader = LOADERS[name](t, d, workers)
        for _ in range(2):
            try:
                yield len(loader)
            except TypeError:
                yield "no length"
            for batch in loader:
                yield batch
                yield t.randint(high=1000, size=(1,)) if workers == 0 else None

    agree(program)


@pytest.mark.parametrize("name", ["shuffle", "random samples", "stream", "large"])
def test_persistent_workers(name):
    def program(t, d):
        first = LOADERS[name](t, d, 2)
        kind = {"shuffle": True} if name == "shuffle" else {}
        loader = d.DataLoader(
            first.dataset, 3, num_workers=2, persistent_workers=True, prefetch_factor=1, collate_fn=first.collate_fn, **kind
        )
        for _ in range(3):
            yield from loader
        for i, batch in enumerate(loader):
            yield batch
            if i == 1:
                break
        yield from loader
        del loader

    agree(program)
