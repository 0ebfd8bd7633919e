"""How a training goes, while it goes: loss, time a step, and for each layer gradient norm and how far a step moves the weights."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..core.origin import located
from ..core.tensor import Tensor
from ..nn.module import Module
from ..provenance.facts import norm
from .display import Display, display_for, html_table, rich_table
from .progress import clock

EVERY = 0.5  # seconds between two looks
ROWS = 24  # layers that are shown: modules are opened as long as there are no more


COLUMNS = ("layer", "gradient", "weights", "step/weights")
HEADS = ("layer", " " * 10, " " * 10, COLUMNS[3])  # as wide as the columns


class LayerState(NamedTuple):
    """One layer at one step."""

    name: str
    gradient: float | None  # the norm of its gradients; None: it has none
    weight: float  # the norm of its parameters
    ratio: float | None  # how far the step moved them, in parts of that norm


class Watch:
    """Called after each step with the loss, shows a table every `every` seconds; as a context manager it ends with one.

    Between two looks a call costs a microsecond. For a look the parameters are copied before one step and compared after it.
    """

    def __init__(self, model: Module, total: int | None = None, every: float = EVERY, writer: Any = None, file: Any = None):
        self.model, self.total, self.every, self.writer = model, total, every, writer
        self.display: Display = display_for(file)
        self.step, self.loss = 0, math.nan
        self.latest: Any = None  # the loss of the last call
        self.layers: list[LayerState] = []
        self.seconds_per_step = math.nan
        self.copies: dict[int, Any] | None = None
        self.begun = self.looked = time.perf_counter()
        self.looked_step = 0

    def __call__(self, loss: Any = None) -> None:
        """A step is over: the optimizer has stepped, and gradients are still there."""
        self.step += 1
        self.latest = loss._array if isinstance(loss, Tensor) else loss
        if self.copies is None and time.perf_counter() - self.looked < self.every and self.step > 1:
            return
        if self.copies is None:
            self.copies = {id(p): p._array.copy() for p in self.model.parameters()}
            return
        self.look()
        self.show()

    def look(self) -> None:
        """Work out what is shown."""
        now = time.perf_counter()
        self.seconds_per_step = (now - self.looked) / max(self.step - self.looked_step, 1)
        self.looked, self.looked_step = now, self.step
        if self.latest is not None:
            self.loss = float(self.latest)
        before = {layer.name: layer.ratio for layer in self.layers}
        self.layers = [self.state_of(name, list(parameters), before.get(name)) for name, parameters in self.groups()]
        self.copies = None
        if self.writer is not None:
            self.write()

    def groups(self) -> Iterator[tuple[str, Iterator[Any]]]:
        """The parameters by layer: the modules as far down as they are few enough to be shown."""
        rows: list[tuple[str, Module, bool]] = [("", self.model, True)]  # a path, a module, whether with all that is in it
        while len(opened := [each for row in rows for each in within(*row)]) > len(rows) and (len(opened) <= ROWS or len(rows) == 1):
            rows = opened
        while len(rows) == 1 and (opened := within(*rows[0])) != rows:
            rows = opened  # of a model with one child those of that one's
        for path, module, whole in rows:
            yield path or type(module).__name__, module.parameters(recurse=whole)

    def state_of(self, name: str, parameters: list[Any], ratio: float | None) -> LayerState:
        """One layer; `ratio` is what was known of it, for a step that no copies were made before."""
        gradients = [norm(p.grad._array) for p in parameters if p.grad is not None]
        weight = math.hypot(*(norm(p._array) for p in parameters))
        if self.copies is not None and all(id(p) in self.copies for p in parameters):
            moved = math.hypot(*(norm(np.subtract(p._array, self.copies[id(p)])) for p in parameters))
            ratio = moved / weight if weight else None
        return LayerState(name, math.hypot(*gradients) if gradients else None, weight, ratio)

    def write(self) -> None:
        """The same for TensorBoard."""
        scalars: dict[str, float | None] = {"loss": self.loss, "seconds per step": self.seconds_per_step}
        for layer in self.layers:
            scalars[f"gradient norm/{layer.name}"], scalars[f"update ratio/{layer.name}"] = layer.gradient, layer.ratio
        for name, value in scalars.items():
            if value is not None and not math.isnan(value):
                self.writer.add_scalar(name, value, self.step)

    def heading(self) -> str:
        """The step, the loss, the time a step and the time that is left."""
        of = "" if self.total is None else f" of {self.total}"
        left = "" if self.total is None else f", {clock((self.total - self.step) * self.seconds_per_step)} left"
        return f"step {self.step}{of}  loss {self.loss:.6g}  {1e3 * self.seconds_per_step:.3g} ms a step{left}"

    def rows(self) -> Iterator[tuple[str, str, str, str]]:
        """The table's cells: a layer, the norms of its gradient and of its weights, and how far the step moved them."""
        for layer in self.layers:
            gradient = "none" if layer.gradient is None else f"{layer.gradient:.3g}"
            yield layer.name, gradient, f"{layer.weight:.3g}", "" if layer.ratio is None else f"{layer.ratio:.1e}"

    def lines(self) -> Iterator[str]:
        """The table as text."""
        yield self.heading()
        width = max([len(layer.name) for layer in self.layers] + [5])
        for cells in (COLUMNS, *self.rows()):
            yield f"{cells[0]:<{width}}  " + "  ".join(f"{text:>{len(head)}}" for text, head in zip(cells[1:], HEADS[1:], strict=True))

    def show(self) -> None:
        """Show the table: on a terminal, and in a notebook, in the place of the last one; elsewhere its first line is written."""
        self.display.show(self)

    def __rich__(self) -> Any:
        return rich_table(self.heading(), COLUMNS, self.rows())

    def _repr_html_(self) -> str:
        return html_table(self.heading(), COLUMNS, self.rows())

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.step > self.looked_step:
            self.look()
            self.show()
        self.display.end()

    def __str__(self) -> str:
        return "\n".join(self.lines())


def within(path: str, module: Module, whole: bool) -> list[tuple[str, Module, bool]]:
    """The parts of a row that have parameters: the module's own ones, and its children; itself if there is nothing to open."""
    children = [(name, child) for name, child in module.named_children() if any(True for _ in child.parameters())]
    if not whole or not children:
        return [(path, module, whole)]
    own = [(path, module, False)] if any(p is not None for p in module._parameters.values()) else []
    return own + [(f"{path}.{name}".lstrip("."), child, True) for name, child in children]


def watch(model: Any, total: int | None = None, every: float = EVERY, writer: Any = None, file: Any = None) -> Watch:
    """Something to call after each step with the loss, which shows how the training of a model goes.

    `total` is the number of steps, for the time that is left; `writer` is a `SummaryWriter` that is given the same; `file` is where it is
    shown (standard output). On a terminal the table stays in its place, drawn by rich where that is installed
    (`pip install pedigrad[watch]`), in a notebook in its cell; elsewhere each look writes a line.

    >>> import io
    >>> import pedigrad as torch
    >>> model = torch.nn.Linear(1, 1)
    >>> with watch(model, total=1, file=io.StringIO()) as live:
    ...     model(torch.ones(1)).sum().backward()
    ...     live(0.5)
    >>> live.layers[0].name
    'Linear'
    """
    if not isinstance(model, Module):
        raise TypeError(located(f"watch(): the model must be a Module, not {type(model).__name__}"))
    return Watch(model, total, every, writer, file)
