"""torch.func: functions made of modules and of other functions."""

from typing import Any

from ..core.op import PLACES
from ..core.origin import located
from ..nn.utils.stateless import call as functional_call

__all__ = ["functional_call", "stack_module_state"]


def stack_module_state(models: list[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the buffers of several models of one class, stacked by name."""
    if not models:
        raise RuntimeError(located("stack_module_state: Expected at least one model, got 0."))
    if len({model.training for model in models}) > 1:
        raise RuntimeError(located("stack_module_state: Expected all models to have the same training/eval mode."))
    if len({type(model) for model in models}) > 1:
        raise RuntimeError(located("stack_module_state: Expected all models to be of the same class."))
    stack = PLACES["torch"]["stack"]

    def stacked(named: list[dict[str, Any]], leaves: bool) -> dict[str, Any]:
        found = {}
        for name in named[0]:
            each = [entries[name] for entries in named]
            found[name] = stack([t.detach() for t in each]).requires_grad_(leaves and each[0].requires_grad)
        return found

    parameters = [dict(model.named_parameters()) for model in models]
    return stacked(parameters, True), stacked([dict(model.named_buffers()) for model in models], False)
