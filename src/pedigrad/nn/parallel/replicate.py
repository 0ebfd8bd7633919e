"""Copies of a module that share its parameters."""

import copy

from ..registry import without_mirrors


def replicate(network, devices, detach=False):
    """As many copies of `network` as there are devices; they share its parameters and buffers."""
    return [_copy(network, detach) for _ in devices]


def _copy(module, detach):
    twin = module.__new__(type(module))
    state = without_mirrors(module.__dict__)
    state["_modules"] = {name: None if child is None else _copy(child, detach) for name, child in module._modules.items()}
    for kind in ("_parameters", "_buffers"):
        entries = module.__dict__[kind].items()
        state[kind] = {name: value.detach() if detach and value is not None else value for name, value in entries}
    twin.__setstate__(copy.copy(state))
    return twin
