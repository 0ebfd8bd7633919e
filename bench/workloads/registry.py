"""The table of workloads, and how a step is made of one."""

from typing import NamedTuple


class Workload(NamedTuple):
    make: object
    steps: int  # how many steps from the start the losses of two libraries are compared after
    kind: str = "training"  # the table of the report that it is in
    flops: int | None = None  # of a step; None: as `torch.utils.flop_counter` counts them
    unseen: int = 0  # what is added to the count: FLOPs within operations that the counter does not see into
    nbytes: int = 0  # the least that a step reads from memory and writes to it, where that is what limits it
    small: dict = {}  # sizes for a quick step, arguments of `make`
    parts: bool = False  # `make` is handed `compile` too, and says itself what goes through it

    @property
    def title(self):
        """The first sentence of what the workload says of itself."""
        text = " ".join((self.make.__doc__ or self.make.__name__).split())
        return text.partition(". ")[0].removesuffix(".")

    def step(self, torch, compiled=False, **sizes):
        """A call without arguments that runs one step and returns its loss, a tensor of one element."""
        compile = torch.compile if compiled else (lambda function: function)
        return self.make(torch, compile, **sizes) if self.parts else compile(self.make(torch, **sizes))


WORKLOADS = {}


def workload(steps=20, **said):
    """A decorator that enters a workload into `WORKLOADS` under its function's name; `said`: more fields of `Workload`."""

    def enter(make):
        WORKLOADS[make.__name__] = Workload(make, steps, **said)
        return make

    return enter


def build(torch, name, compiled=False, **sizes):
    """A call without arguments that runs one step of workload `name` and gives its loss as a float."""
    step = WORKLOADS[name].step(torch, compiled, **sizes)
    return lambda: step().item()
