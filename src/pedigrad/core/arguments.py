"""Arguments: which operands and attributes of an op a call means."""

from __future__ import annotations

from typing import Any

from .errors import MISSING
from .keywords import in_our_words
from .op import Op
from .origin import located, warn
from .tensor import Tensor


def in_new_order(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call in an old order, in which numbers stand among the tensors: those by name, as now."""
    numbers = [value for value in args if not isinstance(value, Tensor)]
    if len(numbers) > len(op.scalars):
        return args, kwargs
    message = f"This overload of {op.name} is deprecated: give {' and '.join(op.scalars)} by name, after the tensors"
    warn(located(message), UserWarning)
    return tuple(v for v in args if isinstance(v, Tensor)), {**dict(zip(op.scalars, numbers, strict=False)), **kwargs}


def bind(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The operands and attributes meant by a call."""
    names = op.public_names + tuple(n for n in op.attributes if n not in op.keyword_only)
    if args and args[0] is MISSING:
        args = ()
    if op.varargs and args[1:] and hasattr(args[1], "__index__"):
        args = (args[0], args[1:])
    if len(args) > len(names) and op.scalars:
        args, kwargs = in_new_order(op, args, kwargs)
    if len(args) > len(names):
        raise TypeError(located(f"{op.name}() takes {len(names)} positional arguments but {len(args)} were given"))
    values = dict(zip(names, args, strict=False))
    known = {*op.public_names, *op.attributes}
    if not known.issuperset(kwargs):
        kwargs = in_our_words(kwargs, op.words, values, op.name)
    for name, value in kwargs.items():
        if name not in known or name in values:
            raise TypeError(located(f"{op.name}() got an unexpected keyword argument '{name}'"))
        values[name] = value
    try:
        operands = tuple(values[p] if p in values else op.defaults[n] for p, n in zip(op.public_names, op.operands, strict=True))
        attributes = tuple(values[n] if n in values else op.defaults[n] for n in op.attributes)
    except KeyError as missing:
        (name,) = missing.args
        name = dict(zip(op.operands, op.public_names, strict=True)).get(name, name)
        raise TypeError(located(f'{op.name}() missing 1 required positional arguments: "{name}"')) from None
    return operands, attributes
