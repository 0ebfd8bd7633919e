"""Modules as functions of their parameters and buffers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..core.origin import located
from ..core.tensor import Tensor
from ..nn.module import Module
from ..ops.shape.join import stack


def _tied(module: Module) -> dict[str, list[str]]:
    """The names of each parameter and buffer that has several, by each of them."""
    groups: dict[int, list[str]] = {}
    for name, tensor in [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]:
        groups.setdefault(id(tensor), []).append(name)
    return {name: names for names in groups.values() for name in names}


@contextmanager
def _standing_in(module: Module, tensors: dict[str, Tensor]) -> Iterator[None]:
    """Within it the module has `tensors` in the place of the parameters and buffers of these names."""
    old = []
    try:
        for name, tensor in tensors.items():
            path, _, last = name.rpartition(".")
            owner = module.get_submodule(path)
            table = next((t for t in (owner._parameters, owner._buffers) if last in t), None)
            if table is None:
                raise KeyError(last)
            old.append((table, last, table[last]))
            table[last] = tensor
        yield
    finally:
        for table, last, tensor in reversed(old):
            table[last] = tensor


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """What `module` returns for `args` with these tensors in the place of its parameters and buffers of the same names.

    Tensors that the module has under several names are replaced under all of them, unless `tie_weights` is False. With `strict` all
    must be given, and no others. What the call writes in place is written to the tensors that were given.
    """
    dicts = parameter_and_buffer_dicts if isinstance(parameter_and_buffer_dicts, (tuple, list)) else (parameter_and_buffer_dicts,)
    if not all(isinstance(each, dict) for each in dicts):
        raise ValueError(located(f"functional_call() takes a dict of tensors, or a sequence of them, got {type(dicts[0]).__name__}"))
    given: dict[str, Tensor] = {}
    for each in dicts:
        if repeated := given.keys() & each.keys():
            raise ValueError(located(f"{sorted(repeated)[0]} appears in multiple dictionaries; behavior of functional call is ambiguous"))
        given.update(each)
    names = _tied(module)
    if strict and (given.keys() ^ names.keys()):
        missing, unknown = sorted(names.keys() - given.keys()), sorted(given.keys() - names.keys())
        raise RuntimeError(located(f"Error(s) in loading state: missing {missing}, unexpected {unknown}"))
    if tie_weights:
        for name in list(given):
            for other in names.get(name, ()):
                if other in given and given[other] is not given[name]:
                    raise ValueError(located(f"functional_call got multiple values for keys {sorted(names[name])}, which are tied"))
                given.setdefault(other, given[name])
    values = () if args is None else args if isinstance(args, tuple) else (args,)
    with _standing_in(module, given):
        return module(*values, **(kwargs or {}))


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


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> Callable[..., Any]:
    """`func` itself: writes in place and views are functional in what is recorded and compiled of it."""
    return func
