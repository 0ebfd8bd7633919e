"""The states of several modules as one, and functions without writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.origin import located
from ..core.tensor import Tensor
from ..nn.module import Module
from ..nn.normalization import _BatchNorm
from ..ops.shape.join import stack


def stack_module_state(models: Any) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters and the buffers of modules of one architecture, each stacked along a new first dimension, by name."""
    if not models:
        raise RuntimeError(located("stack_module_state: Expected at least one model, got 0."))
    if len({type(m) for m in models}) > 1 or len({m.training for m in models}) > 1:
        raise RuntimeError(
            located("stack_module_state: Expected all models to be of the same class and to be all training or all evaluating.")
        )

    def stacked(tables: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        made = {}
        for name, first in tables[0].items():
            whole = stack([table[name].detach() for table in tables])
            made[name] = whole.requires_grad_() if first.requires_grad else whole
        return made

    return stacked([dict(m.named_parameters()) for m in models]), stacked([dict(m.named_buffers()) for m in models])


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """`root`, whose batch norms keep no running statistics from now on: within vmap these would be the same for all samples."""
    for module in root.modules():
        if isinstance(module, _BatchNorm):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> Callable[..., Any]:
    """`func` itself: writes in place and views are functional in what is recorded and compiled of it."""
    return func
