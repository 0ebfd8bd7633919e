"""How a training goes, while it goes: loss, time a step, and for each layer gradient norm and how far a step moves the weights."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..core.origin import located
from ..core.tensor import Tensor
from ..nn.module import Module
from ..provenance.facts import norm

EVERY = 0.5  # seconds between two looks


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
        self.file = sys.stdout if file is None else file
        self.step, self.loss = 0, math.nan
        self.layers: list[LayerState] = []
        self.seconds_per_step = math.nan
        self.copies: dict[int, Any] | None = None
        self.begun = self.looked = time.perf_counter()
        self.looked_step = 0
        self.printed = 0  # lines on the terminal

    def __call__(self, loss: Any = None) -> None:
        """A step is over: the optimizer has stepped, and gradients are still there."""
        self.step += 1
        if self.copies is None and time.perf_counter() - self.looked < self.every and self.step > 1:
            return
        if loss is not None:
            self.loss = float(loss.item() if isinstance(loss, Tensor) else loss)
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
        self.layers = [self.state_of(name, list(parameters)) for name, parameters in self.groups()]
        self.copies = None
        if self.writer is not None:
            self.write()

    def groups(self) -> Iterator[tuple[str, Iterator[Any]]]:
        """The parameters by layer: the model's own, and those of each child; of a model with one child those of that one's."""
        module, prefix = self.model, ""
        while len(children := list(module.named_children())) == 1 and not module._parameters:
            prefix, module = f"{prefix}{children[0][0]}.", children[0][1]
        if any(p is not None for p in module._parameters.values()):
            yield prefix.rstrip(".") or type(module).__name__, module.parameters(recurse=False)
        for name, child in module.named_children():
            if any(True for _ in child.parameters()):
                yield prefix + name, child.parameters()

    def state_of(self, name: str, parameters: list[Any]) -> LayerState:
        """One layer."""
        gradients = [norm(p.grad._array) for p in parameters if p.grad is not None]
        weight = math.hypot(*(norm(p._array) for p in parameters))
        ratio = None
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

    def lines(self) -> Iterator[str]:
        """The table."""
        of = "" if self.total is None else f" of {self.total}"
        left = "" if self.total is None else f", {clock((self.total - self.step) * self.seconds_per_step)} left"
        yield f"step {self.step}{of}  loss {self.loss:.6g}  {1e3 * self.seconds_per_step:.3g} ms a step{left}"
        width = max([len(layer.name) for layer in self.layers] + [5])
        yield f"{'layer':<{width}}  {'gradient':>10}  {'weights':>10}  {'step/weights':>12}"
        for layer in self.layers:
            cells = [("none", 10) if layer.gradient is None else (f"{layer.gradient:.3g}", 10), (f"{layer.weight:.3g}", 10)]
            cells.append(("", 12) if layer.ratio is None else (f"{layer.ratio:.1e}", 12))
            yield f"{layer.name:<{width}}  " + "  ".join(f"{text:>{w}}" for text, w in cells)

    def show(self) -> None:
        """Print the table, on a terminal in the place of the last one; elsewhere its first line."""
        lines = list(self.lines())
        if getattr(self.file, "isatty", lambda: False)():
            up = f"\033[{self.printed}F\033[J" if self.printed else ""
            self.file.write(up + "\n".join(lines) + "\n")
            self.printed = len(lines)
        else:
            self.file.write(lines[0] + "\n")
        self.file.flush()

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.step > self.looked_step:
            self.look()
            self.show()

    def __str__(self) -> str:
        return "\n".join(self.lines())


def clock(seconds: float) -> str:
    """Seconds as hours, minutes and seconds."""
    if math.isnan(seconds):
        return "?"
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def watch(model: Any, total: int | None = None, every: float = EVERY, writer: Any = None, file: Any = None) -> Watch:
    """Something to call after each step with the loss, which shows how the training of a model goes.

    `total` is the number of steps, for the time that is left; `writer` is a `SummaryWriter` that is given the same; `file` is where it is
    shown (standard output).

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
