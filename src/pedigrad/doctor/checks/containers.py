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
                times = repeated(container)
                if times and (model.trained or not self.program.updaters):
                    self.tell(model, path, container, times)

    def tell(self, model: Model, path: str, container: Module, times: int) -> None:
        """Enter a finding, if a list was repeated to make the container."""
        outer, _, name = path.rpartition(".")
        owner = model.module.get_submodule(outer) if path else None
        place = line_that_sets(type(owner), name) if owner is not None else None
        if isinstance(container, ModuleList) and not is_repeated(owner, place):
            return
        layer = next(each for i, each in enumerate(container._modules.values()) if each in list(container._modules.values())[:i])
        message = f"{model.name}.{path}".rstrip(".") + f" has one {type(layer).__name__} in {times} places, which share its weights."
        if place is None:
            parameters = list(layer.parameters())
            made = self.program.made_at(parameters[0])
            self.found(message, made if made.code is not None else model.origin)
        else:
            self.findings.add(Finding(self.name, message, self.remedy, *place))


def repeated(container: Module) -> int:
    """In how many places of a container the same layer with parameters stands one after the other, 0 if none does."""
    if not isinstance(container, (Sequential, ModuleList)):
        return 0
    layers = list(container._modules.values())
    most = run = 1
    for one, other in itertools.pairwise(layers):
        run = run + 1 if one is other and one is not None and next(one.parameters(), None) is not None else 1
        most = max(most, run)
    return most if most > 1 else 0


def is_repeated(owner: Any, place: tuple[str, int, str] | None) -> bool:
    """Whether the line that sets a list of layers, or another of the methods of its owner, repeats a list."""
    if place is not None and TIMES.search(place[2]):
        return True
    try:
        return owner is not None and TIMES.search(inspect.getsource(type(owner).__init__)) is not None
    except (OSError, TypeError):
        return False
