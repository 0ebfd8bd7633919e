"""Values in containers within containers: their leaves, and the same containers around other leaves.

Containers are tuples, lists, dicts, named tuples, `OrderedDict`, `defaultdict`, `deque`, results by name, and what is registered by
`utils/_pytree`. A subclass of one of them is a leaf unless it is registered itself.
"""

from __future__ import annotations

import functools
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..return_types import Results
from .shapes import Size


class NodeDef(NamedTuple):
    """A kind of container: how one is taken apart into children and a context, put together, and its children's keys."""

    type: Any
    flatten_fn: Callable[[Any], tuple[Any, Any]]
    unflatten_fn: Callable[[Iterable[Any], Any], Any]
    flatten_with_keys_fn: Callable[[Any], tuple[Any, Any]] | None


def is_namedtuple_class(cls: Any) -> bool:
    """Whether a class was made by `namedtuple` or `NamedTuple`, or derives from one."""
    if not isinstance(cls, type) or not issubclass(cls, tuple) or issubclass(cls, Results):
        return False
    return isinstance(getattr(cls, "_fields", None), tuple) and callable(getattr(cls, "_make", None))


def is_namedtuple_instance(obj: Any) -> bool:
    """Whether an object is a named tuple."""
    return is_namedtuple_class(type(obj))


def is_namedtuple(obj: Any) -> bool:
    """Whether an object is a named tuple, or the class of one."""
    return is_namedtuple_class(obj if isinstance(obj, type) else type(obj))


def is_structseq_class(cls: Any) -> bool:
    """Whether a class is that of results by name, as Python and `torch.return_types` have them."""
    counts = ("n_fields", "n_sequence_fields", "n_unnamed_fields")
    if not isinstance(cls, type) or not issubclass(cls, tuple):
        return False
    return issubclass(cls, Results) or all(isinstance(getattr(cls, each, None), int) for each in counts)


def is_structseq_instance(obj: Any) -> bool:
    """Whether an object is of such a class."""
    return is_structseq_class(type(obj))


def is_structseq(obj: Any) -> bool:
    """Whether an object is of such a class, or one itself."""
    return is_structseq_class(obj if isinstance(obj, type) else type(obj))


def _items(sequence: Any) -> tuple[list[Any], Any]:
    return list(sequence), None


def _values(mapping: Any) -> tuple[list[Any], Any]:
    return list(mapping.values()), list(mapping)


SUPPORTED_NODES: dict[Any, NodeDef] = {
    tuple: NodeDef(tuple, _items, lambda values, _: tuple(values), None),
    list: NodeDef(list, _items, lambda values, _: list(values), None),
    dict: NodeDef(dict, _values, lambda values, keys: dict(zip(keys, values, strict=True)), None),
    namedtuple: NodeDef(namedtuple, lambda t: (list(t), type(t)), lambda values, kind: kind(*values), None),
    OrderedDict: NodeDef(OrderedDict, _values, lambda values, keys: OrderedDict(zip(keys, values, strict=True)), None),
    defaultdict: NodeDef(
        defaultdict,
        lambda d: (list(d.values()), [d.default_factory, list(d)]),
        lambda values, context: defaultdict(context[0], zip(context[1], values, strict=True)),
        None,
    ),
    deque: NodeDef(deque, lambda d: (list(d), d.maxlen), lambda values, longest: deque(values, maxlen=longest), None),
    Size: NodeDef(Size, _items, lambda values, _: Size(values), None),
}


@functools.cache
def structure_of(cls: Any) -> NodeDef:
    return NodeDef(cls, _items, lambda values, _: cls(values), None)


def kind_of(tree: Any) -> NodeDef | None:
    """The kind of container that a value is; None for a leaf."""
    cls = type(tree)
    found = SUPPORTED_NODES.get(cls)
    if found is None and isinstance(tree, tuple):
        if is_structseq_class(cls):
            return structure_of(cls)  # type: ignore[arg-type]
        if is_namedtuple_class(cls):
            return SUPPORTED_NODES[namedtuple]
    return found


def leaves(tree: Any) -> list[Any]:
    """What is in a nest and is no container, in order."""
    kind = kind_of(tree)
    return [tree] if kind is None else [leaf for each in kind.flatten_fn(tree)[0] for leaf in leaves(each)]


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """The nest with `function` of each leaf in its place."""
    kind = kind_of(tree)
    if kind is None:
        return function(tree)
    children, context = kind.flatten_fn(tree)
    return kind.unflatten_fn([mapped(function, each) for each in children], context)


def filled(tree: Any, values: list[Any]) -> Any:
    """The nest with `values` in the place of its leaves, in order."""
    found = iter(values)
    return mapped(lambda _: next(found), tree)
