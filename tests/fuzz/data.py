"""Loaders of random configurations, held against PyTorch: datasets, samplers, workers, sizes, seeds; what comes of two passes and
which random numbers come after.

With workers, what a dataset draws at random is compared too: each worker's generators are seeded as PyTorch seeds them.
"""

from __future__ import annotations

import random

from fuzz import against, programs

KNOWN = {
    "workers": "loaders with workers",
    "streams": "IterableDatasets",
    "generators": "generators that a program makes itself",
}
D = "torch.utils.data."
OWN = f"""class Own({D}Dataset):
    def __len__(self):
        return {{n}}
    def __getitem__(self, i):
        return {{sample}}"""
MANY = """
    def __getitems__(self, indices):
        return [self[i] for i in indices]"""
STREAM = f"""class Stream({D}IterableDataset):
    def __iter__(self):
        info = {D}get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        for i in range(first, {{n}}, step):
            yield {{sample}}"""
SAMPLES = (
    "i",
    "float(i)",
    "torch.full((3,), i)",
    "torch.full((2, 2), float(i)).T",
    "torch.tensor(i * 0.5)",
    "np.full((2,), i)",
    "np.float32(i)",
    "np.random.rand()",
    "torch.rand(2)",
    "torch.full((64, 64), i)",
    "(i, torch.ones(2) * i)",
    "{'a': i, 'b': (str(i), [i, float(i)])}",
    "[np.full((40, 60), i), i % 2 == 0]",
    "torch.ones(i % 3)",
    "i if i < 6 else float(i)",
    "1 / (i - 5)",
    "torch.full((2,), i, dtype=torch.bfloat16)",
)


def generate(seed: int, avoid: frozenset[str] = frozenset()) -> programs.Program:
    """The program of a seed."""
    return Writer(programs.source(seed, "data"), avoid).program()


def compare(program: programs.Program) -> str | None:
    """How pedigrad differs from PyTorch on a program."""
    return against.against_torch(program)


class Writer:
    """Writes one program."""

    def __init__(self, chance: random.Random, avoid: frozenset[str]) -> None:
        self.chance = chance
        self.avoid = avoid
        self.statements: list[str] = []

    def one(self, *options: str) -> str:
        return self.chance.choice(options)

    def program(self) -> programs.Program:
        n = self.chance.choice((1, 2, 5, 7, 8, 12, 33))
        stream = "streams" not in self.avoid and self.chance.random() < 0.2
        self.statements.append(self.stream(n) if stream else self.dataset(n))
        arguments = self.batches(n, stream) + self.workers()
        if self.chance.random() < 0.2:
            arguments.append("collate_fn=" + self.one("list", "len", "lambda samples: samples[::-1]"))
        if "generators" not in self.avoid and self.chance.random() < 0.3:
            self.statements.append(f"g = torch.Generator().manual_seed({self.chance.randrange(100)})")
            arguments.append("generator=g")
        self.statements.append(f"loader = {D}DataLoader({', '.join(['data', *arguments])})")
        self.statements.append("first = [batch for batch in loader]")
        if self.chance.random() < 0.3:
            self.statements.append("part = next(iter(loader))")
        self.statements.append("second = list(loader)")
        if not stream:
            self.statements.append("length = len(loader)")
        self.statements.append("after = torch.randint(high=1000, size=(3,))")
        self.statements.append("del loader, data")
        names = [text.split(" = ")[0] for text in self.statements if " = " in text.split("\n")[0]]
        return programs.Program(tuple(self.statements), tuple(n for n in names if n in ("first", "part", "second", "length", "after")))

    def dataset(self, n: int) -> str:
        """A statement that binds `data` to a dataset of about n samples."""
        kind = self.chance.randrange(8)
        if kind < 3:
            tensors = [
                f"torch.arange({n})",
                f"torch.arange({n * 6}.).reshape({n}, 2, 3)",
                f"torch.arange({n * 3}).reshape(3, {n}).T",
                f"torch.ones({n}, dtype=torch.bool)",
                f"torch.arange({n * 4096}).reshape({n}, -1)",
                f"torch.arange({n}, dtype=torch.bfloat16)",
            ]
            whole = f"{D}TensorDataset({', '.join(self.chance.sample(tensors, self.chance.randint(1, 3)))})"
            if kind == 1:
                return f"data = {D}Subset({whole}, {[self.chance.randrange(-n, n) for _ in range(n)]})"
            if kind == 2 and n > 1:
                return f"data = {D}random_split({whole}, [0.5, 0.5])[0]"
            return f"data = {whole}"
        if kind == 3:
            return f"data = {D}ConcatDataset([range({n}), torch.arange({n}).tolist()])"
        if kind == 4:
            other = f"{D}TensorDataset(torch.arange({n}))"
            return f"data = {D}StackDataset(range({n}), {other})" if n % 2 else f"data = {D}StackDataset(a=range({n}), b={other})"
        if kind == 5:
            return "data = " + self.one(f"range({n})", f"torch.arange({n * 2}).reshape({n}, 2)", f"np.arange({n}.)", f"list('x' * {n})")
        self.statements.append(OWN.format(n=n, sample=self.one(*SAMPLES)) + (MANY if kind == 6 else ""))
        return "data = Own()"

    def stream(self, n: int) -> str:
        self.statements.append(STREAM.format(n=n, sample=self.one(*SAMPLES)))
        return "data = Stream()"

    def batches(self, n: int, stream: bool) -> list[str]:
        """Arguments that say which samples come when."""
        size = self.one("1", "2", "3", "4", "5", "8", "40")
        drop = self.chance.random() < 0.3
        sizes = [f"batch_size={size}", *(["drop_last=True"] if drop else [])]
        if self.chance.random() < 0.1:
            sizes = ["batch_size=None"]
        order = self.chance.randrange(8)
        if stream or order < 2:
            return sizes
        if order < 4:
            return [*sizes, "shuffle=True"]
        g = f", generator=torch.Generator().manual_seed({n})" if "generators" not in self.avoid and self.chance.random() < 0.4 else ""
        count = self.chance.choice((n, n + 1, 2 * n, 32, 70))
        sampler = self.one(
            f"{D}RandomSampler(data, num_samples={count}{g})",
            f"{D}RandomSampler(data, replacement=True, num_samples={count}{g})",
            f"{D}SubsetRandomSampler([0, {n // 2}, -1]{g})",
            f"{D}WeightedRandomSampler({[float(i + 1) for i in range(n)]}, {count}{g})",
            f"{D}DistributedSampler(data, 2, 1, seed={n})",
            f"{D}SequentialSampler(data)",
            f"[0, {n - 1}, {self.chance.randrange(-n - 1, n + 1)}]",
        )
        self.statements.append(f"sampler = {sampler}")
        if order == 7:
            return [f"batch_sampler={D}BatchSampler(sampler, {size}, {drop})"]
        return [*sizes, "sampler=sampler"]

    def workers(self) -> list[str]:
        """Arguments that say who makes the batches."""
        if "workers" in self.avoid or self.chance.random() < 0.5:
            return []
        out = [f"num_workers={self.one('1', '2', '2')}"]
        if self.chance.random() < 0.3:
            out.append(f"prefetch_factor={self.one('1', '3', '5')}")
        if self.chance.random() < 0.3:
            out.append("persistent_workers=True")
        return out
