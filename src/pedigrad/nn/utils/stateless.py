"""Calling a module with other parameters and buffers than its own."""

from contextlib import contextmanager

from ...core.origin import located, warn
from ...core.tensor import Tensor
from ..registry import registry

__all__ = ["functional_call"]

MISSING = object()


def _swap(module, path, tensor):
    """Put `tensor` in the place of the parameter, buffer or attribute at a dotted path; returns what was there."""
    *parents, name = path.split(".")
    for parent in parents:
        module = getattr(module, parent)
    for kind in ("_parameters", "_buffers"):
        entries = registry(module, kind)
        if name in entries:
            before = entries[name]
            if tensor is MISSING:
                del entries[name]
            else:
                entries[name] = tensor
            return before
    before = getattr(module, name, MISSING)
    if before is not MISSING and not isinstance(before, Tensor):
        raise TypeError(located(f"{path} is not an instance of torch.Tensor"))
    if tensor is MISSING:
        delattr(module, name)
    else:
        object.__setattr__(module, name, tensor)
    return before


def _with_ties(module, given):
    """The given tensors, also under the other names of parameters that are the same one."""
    names: dict[int, list[str]] = {}
    for named in (module.named_parameters, module.named_buffers):
        for name, tensor in named(remove_duplicate=False):
            names.setdefault(id(tensor), []).append(name)
    whole = dict(given)
    for tied in names.values():
        values = {id(given[name]): given[name] for name in tied if name in given}
        if len(values) > 1:
            raise ValueError(located(f"functional_call got multiple values for keys {sorted(tied)}, which are tied. Use tie_weights=False"))
        for value in values.values():
            whole.update(dict.fromkeys(tied, value))
    return whole


@contextmanager
def reparametrized(module, given, tie_weights=True, strict=False):
    """Within it the module has the given parameters and buffers."""
    given = _with_ties(module, given) if tie_weights else dict(given)
    if strict:
        own = {name for named in (module.named_parameters, module.named_buffers) for name, _ in named(remove_duplicate=False)}
        problems = [("Unexpected", set(given) - own), ("Missing", own - set(given))]
        texts = [f"{what} key(s): {', '.join(map(repr, sorted(keys)))}." for what, keys in problems if keys]
        if texts:
            raise RuntimeError(located(f"Error(s) in reparametrizing for {type(module).__name__}:\n\t" + "\n\t".join(texts)))
    before = []
    try:
        for name, tensor in given.items():
            before.append((name, _swap(module, name, tensor)))
        yield
    finally:
        for name, tensor in reversed(before):
            _swap(module, name, tensor)


def call(module, given, args=None, kwargs=None, *, tie_weights=True, strict=False):
    """What `module` gives for these arguments with the given parameters and buffers: `torch.func.functional_call`."""
    if isinstance(given, (list, tuple)):
        merged: dict[str, Tensor] = {}
        for each in given:
            if not isinstance(each, dict):
                raise ValueError(
                    located(f"Expected all elements of parameter_and_buffer_dicts to be dictionaries, got {type(each).__name__}")
                )
            for key in each:
                if key in merged:
                    raise ValueError(located(f"{key} appeared in multiple dictionaries; behavior of functional call is ambiguous"))
            merged |= each
        given = merged
    elif not isinstance(given, dict):
        kind = type(given).__name__
        raise ValueError(located(f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got {kind}"))
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with reparametrized(module, given, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def functional_call(module, parameters_and_buffers, args=None, kwargs=None, *, tie_weights=True, strict=False):
    """The same as `torch.func.functional_call`, under its old name."""
    message = "`torch.nn.utils.stateless.functional_call` is deprecated: use `torch.func.functional_call` instead."
    warn(message, FutureWarning)
    return call(module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict)
