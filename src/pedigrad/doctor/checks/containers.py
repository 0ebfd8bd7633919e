"""Containers of layers: one layer in several places."""

from __future__ import annotations

import inspect
import itertools
import re
from typing import Any

from ...nn.containers import ModuleList, Sequential
from ...nn.module import Module
from ..findings import Check, Finding
from ..program import Model
from .modules import line_that_sets

TIMES = re.compile(r"\]\s*\*\s*[\w(]|[\w)]\s*\*\s*\[")  # a list that is repeated


class LayersShared(Check):
    """One layer stands several times in a container, as in `[layer] * 3`: the places share their weights."""

    name = "layers-shared"
    remedy = (
        "Make each layer anew: [make() for _ in range(n)], or copy.deepcopy(layer). Where the weights are to be shared, call one layer"
        " several times in forward()."
    )

    def finish(self) -> None:
        for model in list(self.program.models.values()):
            for path, container in model.module.named_modules():
                layer, times = repeated(container)
                if layer is not None and (model.trained or not self.program.updaters):
                    self.tell(model, path, container, layer, times)

    def tell(self, model: Model, path: str, container: Module, layer: Module, times: int) -> None:
        """Enter a finding, if a list was repeated to make the container."""
        outer, _, name = path.rpartition(".")
        owner = model.module.get_submodule(outer) if path else None
        place = line_that_sets(type(owner), name) if owner is not None else None
        if isinstance(container, ModuleList) and not is_repeated(owner, place):
            return
        message = f"{model.name}.{path}".rstrip(".") + f" has one {type(layer).__name__} in {times} places, which share its weights."
        if place is None:
            parameters = list(layer.parameters())
            made = self.program.made_at(parameters[0])
            self.found(message, made if made.code is not None else model.origin)
        else:
            self.findings.add(Finding(self.name, message, self.remedy, *place))


def repeated(container: Module) -> tuple[Module | None, int]:
    """The layer with parameters that stands most often one after the other in a container, and in how many places; None if none does."""
    if not isinstance(container, (Sequential, ModuleList)):
        return None, 0
    runs = [(layer, len(list(run))) for layer, run in itertools.groupby(container._modules.values())]
    shared = [(layer, times) for layer, times in runs if times > 1 and layer is not None and next(layer.parameters(), None) is not None]
    return max(shared, key=lambda run: run[1], default=(None, 0))


def is_repeated(owner: Any, place: tuple[str, int, str] | None) -> bool:
    """Whether the line that sets a list of layers, or another of the methods of its owner, repeats a list."""
    if place is not None and TIMES.search(place[2]):
        return True
    try:
        return owner is not None and TIMES.search(inspect.getsource(type(owner).__init__)) is not None
    except (OSError, TypeError):
        return False
