"""The layers of a model with the shapes that go through them, their parameters and multiplications: torchinfo's columns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..core import modes
from ..core.origin import located
from ..core.tensor import Tensor
from ..core.trees import leaves
from ..nn.module import Module
from ..nn.recurrent import RNNBase, RNNCellBase
from ..nn.uninitialized import UninitializedParameter
from ..ops.creation import zeros

COLUMNS = ("Layer (type:depth-idx)", "Input Shape", "Output Shape", "Param #", "Mult-Adds")


@dataclass
class Layer:
    """A module, as often as it was called."""

    name: str  # among its siblings
    kind: str
    depth: int
    index: int  # among the modules of its depth
    module: Module
    parameters: int  # its own and its descendants'
    own: int
    inputs: list[list[int]]
    outputs: list[list[int]]
    bytes_out: int = 0
    multiplications: int = 0
    calls: int = 0
    has_children: bool = False

    def count(self) -> None:
        """Count the parameters, which a lazy module has only after its first call, as the class that it is then."""
        self.kind = type(self.module).__name__
        own, every = self.module.parameters(recurse=False), self.module.parameters()
        self.own = sum(p.numel() for p in own if not isinstance(p, UninitializedParameter))
        self.parameters = sum(p.numel() for p in every if not isinstance(p, UninitializedParameter))


class Summary:
    """The layers of a model; prints as a table."""

    def __init__(self, model: Module, layers: list[Layer], input_bytes: int, depth: int | None):
        self.model, self.layers, self.input_bytes, self.depth = model, layers, input_bytes, depth
        parameters = [p for p in model.parameters() if not isinstance(p, UninitializedParameter)]
        self.total_params = sum(p.numel() for p in parameters)
        self.trainable_params = sum(p.numel() for p in parameters if p.requires_grad)
        self.total_mult_adds = sum(layer.multiplications for layer in layers if not layer.has_children)
        self.param_bytes = sum(p.numel() * p.element_size() for p in parameters)
        self.output_bytes = 2 * sum(layer.bytes_out for layer in layers if not layer.has_children)

    def rows(self) -> Iterator[tuple[str, ...]]:
        """The cells of the table."""
        counted: set[int] = set()  # parameters of earlier rows
        for layer in self.layers:
            if self.depth is None or layer.depth <= self.depth:
                lead = "" if not layer.depth else "│    " * (layer.depth - 1) + "├─"
                title = f"{lead}{layer.kind}{f' ({layer.name})' if layer.name else ''}: {layer.depth}-{layer.index}"
                shapes = [str(shape[0]) if shape else "--" for shape in (layer.inputs, layer.outputs)]
                is_folded = layer.depth == self.depth or not layer.has_children
                adds = self.multiplications(layer) if is_folded else 0
                yield title, *shapes, parameters(layer.module.parameters(recurse=is_folded), counted), f"{adds:,}" if adds else "--"

    def multiplications(self, layer: Layer) -> int:
        """Those of a layer and of all that are in it."""
        inside = set(layer.module.modules())
        return sum(each.multiplications for each in self.layers if not each.has_children and each.module in inside)

    def __str__(self) -> str:
        cells = [COLUMNS, *self.rows()]
        widths = [max(len(row[i]) for row in cells) for i in range(len(COLUMNS))]
        lines = [
            "  ".join(cell.ljust(w) if i < 3 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))).rstrip()
            for row in cells
        ]
        rule = "=" * max(map(len, lines))
        total = self.input_bytes + self.output_bytes + self.param_bytes
        counts = {"Total params": self.total_params, "Trainable params": self.trainable_params}
        counts |= {"Non-trainable params": self.total_params - self.trainable_params}
        sizes = {"Params size": self.param_bytes}
        if any(layer.calls for layer in self.layers):  # else nothing is known but the parameters
            counts |= {"Total mult-adds": self.total_mult_adds}
            sizes = {
                "Input size": self.input_bytes,
                "Forward/backward pass size": self.output_bytes,
                **sizes,
                "Estimated total size": total,
            }
        footer = [f"{what}: {n:,}" for what, n in counts.items()], [f"{what} (MB): {n / 1e6:.2f}" for what, n in sizes.items()]
        return "\n".join([rule, lines[0], rule, *lines[1:], rule, *footer[0], rule, *footer[1], rule])

    __repr__ = __str__


def summary(model: Any, *inputs: Any, depth: int | None = None, input_size: Any = None, **kwargs: Any) -> Summary:
    """The layers of a model called with these inputs: their shapes, parameters and multiplications; to a `depth` if one is given.

    The model is called once, in evaluation mode and without gradients, and is as it was afterwards; parameters of lazy layers are made.
    Multiplications are those of linear, convolution and recurrent layers.

    Args:
        inputs: what the model is called with. Without any, and without keywords, it is not called, and shapes are not known.
        depth: how deep modules are shown, all of them if it is None.
        input_size: instead of inputs the sizes of one, `(32, 3, 64, 64)`, or of several in a list; zeros are given to the model.
        kwargs: what else the model is called with.

    Raises:
        TypeError: `model` is no Module, or both inputs and their sizes are given.
    """
    if not isinstance(model, Module):
        raise TypeError(located(f"summary(): the model must be a Module, not {type(model).__name__}"))
    if input_size is not None:
        if inputs:
            raise TypeError(located("summary(): give either inputs or input_size"))
        several = any(isinstance(each, (list, tuple)) for each in input_size)
        inputs = tuple(zeros(tuple(size)) for size in (input_size if several else [input_size]))
    layers = described(model)
    handles = [layer.module.register_forward_hook(_noting(layer)) for layer in layers]
    training = [(module, module.training) for module in model.modules()]
    try:
        if inputs or kwargs:
            with modes.no_grad():
                model.eval()(*inputs, **kwargs)
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in training:
            module.training = mode
    for layer in layers:
        layer.count()
    given = [t for t in leaves((inputs, kwargs)) if isinstance(t, Tensor)]
    return Summary(model, layers, sum(t.numel() * t.element_size() for t in given), depth)


def parameters(of: Iterable[Any], counted: set[int]) -> str:
    """How many numbers parameters have, and how many of these an earlier row has: `counted`, which they enter."""
    made = [p for p in of if not isinstance(p, UninitializedParameter)]
    total, shared = sum(p.numel() for p in made), sum(p.numel() for p in made if id(p) in counted)
    counted.update(map(id, made))
    if not shared:
        return f"{total:,}" if total else "--"
    return f"{total:,} (shared)" if shared == total else f"{total:,} ({shared:,} shared)"


def described(model: Module) -> list[Layer]:
    """A layer for each module, parents before their children; one that is in several places counts in the first."""
    found: list[Layer] = []
    numbers: dict[int, int] = {}
    for path, module in model.named_modules():
        depth = path.count(".") + 1 if path else 0
        numbers[depth] = numbers.get(depth, 0) + 1
        layer = Layer(path.rpartition(".")[2], type(module).__name__, depth, numbers[depth], module, 0, 0, [], [])
        layer.has_children = any(True for _ in module.children())
        found.append(layer)
    return found


def _noting(layer: Layer) -> Any:
    """A hook that notes what goes into a layer and comes out."""

    def hook(module: Module, args: Any, out: Any) -> None:
        given = [t for t in leaves(args) if isinstance(t, Tensor)]
        made = [t for t in leaves(out) if isinstance(t, Tensor)]
        layer.inputs = layer.inputs or [list(t.shape) for t in given[:1]]
        layer.outputs = layer.outputs or [list(t.shape) for t in made[:1]]
        layer.calls += 1
        layer.bytes_out += sum(t.numel() * t.element_size() for t in made)
        layer.multiplications += multiplications(module, made)

    return hook


def multiplications(module: Module, made: list[Tensor]) -> int:
    """How many products a layer adds up for what it gives: the elements of its weights, for each place or time step."""
    if isinstance(module, (RNNBase, RNNCellBase)) and made:
        rows = math.prod(made[0].shape[:-1])
        return rows * sum(p.numel() for p in module._parameters.values() if p is not None and p.ndim > 1)
    weight: Any = module._parameters.get("weight")
    channels = getattr(module, "out_channels", None) or getattr(module, "out_features", None)
    if weight is None or not channels or not made:
        return 0
    if getattr(module, "transposed", False):  # each input element is multiplied with its part of the weight
        return weight.numel() * math.prod(made[0].shape) // (channels * math.prod(getattr(module, "stride", (1,))))
    return weight.numel() * math.prod(made[0].shape) // channels
