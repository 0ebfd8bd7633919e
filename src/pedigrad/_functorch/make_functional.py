"""`torch._functorch.make_functional`: modules as functions of their parameters, as the package functorch made them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from ..func import functional_call, stack_module_state
from ..nn import Module


class FunctionalModuleWithBuffers(Module):
    """A module that is called with its parameters and buffers before its arguments."""

    def __init__(self, stateless_model: Module, param_names: tuple[str, ...], buffer_names: tuple[str, ...]):
        super().__init__()
        self.stateless_model, self.param_names, self.buffer_names = stateless_model, param_names, buffer_names

    def forward(self, params: Any, buffers: Any, *args: Any, **kwargs: Any) -> Any:
        """What the module makes of its arguments with these parameters and buffers."""
        state = dict(zip((*self.param_names, *self.buffer_names), (*params, *buffers), strict=True))
        return functional_call(self.stateless_model, state, args, kwargs, tie_weights=False)


class FunctionalModule(FunctionalModuleWithBuffers):
    """A module that is called with its parameters before its arguments."""

    def forward(self, params: Any, *args: Any, **kwargs: Any) -> Any:
        """What the module makes of its arguments with these parameters."""
        return super().forward(params, (), *args, **kwargs)


def make_functional_with_buffers(
    model: Module, disable_autograd_tracking: bool = False
) -> tuple[FunctionalModuleWithBuffers, tuple[Any, ...], tuple[Any, ...]]:
    """A function of parameters, buffers and arguments that does what the module does; its parameters; its buffers.

    Args:
        model: a module, which is copied and stays as it is.
        disable_autograd_tracking: whether the parameters are to need no gradient.
    """
    model = copy.deepcopy(model)
    params, buffers = dict(model.named_parameters()), dict(model.named_buffers())
    model = copy.deepcopy(model).to("meta")
    given = tuple(each.detach().requires_grad_(each.requires_grad and not disable_autograd_tracking) for each in params.values())
    return FunctionalModuleWithBuffers(model, tuple(params), tuple(buffers)), given, tuple(buffers.values())


def make_functional(model: Module, disable_autograd_tracking: bool = False) -> tuple[FunctionalModule, tuple[Any, ...]]:
    """A function of parameters and arguments that does what a module without buffers does, and its parameters.

    Raises:
        RuntimeError: the module has buffers.
    """
    if list(model.buffers()):
        raise RuntimeError("make_functional(model): `model` has buffers. Please use make_functional_with_buffers(model) instead.")
    made, params, _ = make_functional_with_buffers(model, disable_autograd_tracking)
    return FunctionalModule(made.stateless_model, made.param_names, ()), params


def combine_state_for_ensemble(models: Sequence[Module]) -> tuple[FunctionalModuleWithBuffers, tuple[Any, ...], tuple[Any, ...]]:
    """The modules' common function, and their parameters and buffers stacked, for `vmap`; RuntimeError for no or different modules."""
    params, buffers = stack_module_state(list(models))
    made = FunctionalModuleWithBuffers(copy.deepcopy(models[0]).to("meta"), tuple(params), tuple(buffers))
    return made, tuple(params.values()), tuple(buffers.values())
