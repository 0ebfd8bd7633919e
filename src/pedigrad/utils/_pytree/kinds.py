"""Kinds of containers: how each is taken apart and put together; classes can be registered as further ones."""

from __future__ import annotations

import dataclasses
import functools
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ...core.shapes import Size
from ...return_types import Results
from .keys import GetAttrKey, MappingKey


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


def _get_node_type(tree: Any) -> Any:
    """Under which class of `SUPPORTED_NODES` a value would be found: its own, or `namedtuple`."""
    return namedtuple if is_namedtuple_instance(tree) else type(tree)


def _dict_flatten_with_keys(d: dict[Any, Any]) -> tuple[list[tuple[MappingKey, Any]], list[Any]]:
    """The values of a dict with their keys as parts of a path, and its keys."""
    return [(MappingKey(key), value) for key, value in d.items()], list(d)


def _dict_unflatten(values: Iterable[Any], context: list[Any]) -> dict[Any, Any]:
    """The dict of these values, whose keys are the context."""
    return dict(zip(context, values, strict=True))


_dict_flatten, _list_flatten, _tuple_flatten = _values, _items, _items
SUPPORTED_NODES: dict[Any, NodeDef] = {
    tuple: NodeDef(tuple, _items, lambda values, _: tuple(values), None),
    list: NodeDef(list, _items, lambda values, _: list(values), None),
    dict: NodeDef(dict, _values, _dict_unflatten, None),
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
BUILTIN_TYPES = frozenset(SUPPORTED_NODES)
STANDARD_DICT_TYPES = frozenset((dict, OrderedDict, defaultdict))


@functools.cache
def _structure(cls: Any) -> NodeDef:
    return NodeDef(cls, _items, lambda values, _: cls(values), None)


def _kind(tree: Any) -> NodeDef | None:
    """The kind of container that a value is; None for a leaf."""
    cls = type(tree)
    found = SUPPORTED_NODES.get(cls)
    if found is None and isinstance(tree, tuple):
        if is_structseq_class(cls):
            return _structure(cls)  # type: ignore[arg-type]
        if is_namedtuple_class(cls):
            return SUPPORTED_NODES[namedtuple]
    return found


def register_pytree_node(
    cls: Any,
    flatten_fn: Callable[[Any], tuple[list[Any], Any]],
    unflatten_fn: Callable[[Iterable[Any], Any], Any],
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Callable[[Any], Any] | None = None,
    from_dumpable_context: Callable[[Any], Any] | None = None,
    flatten_with_keys_fn: Callable[[Any], tuple[list[tuple[Any, Any]], Any]] | None = None,
) -> None:
    """Make a class a container: `flatten_fn(x)` gives its children and a context, `unflatten_fn(children, context)` the container.

    ValueError if it is one already. The arguments on dumping are for writing structures to files, which there is not.
    """
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    SUPPORTED_NODES[cls] = NodeDef(cls, flatten_fn, unflatten_fn, flatten_with_keys_fn)


_register_pytree_node = register_pytree_node


def _deregister_pytree_node(cls: Any) -> None:
    SUPPORTED_NODES.pop(cls, None)


def register_dataclass(
    cls: Any, *, field_names: list[str] | None = None, drop_field_names: list[str] | None = None, serialized_type_name: str | None = None
) -> None:
    """Make a dataclass a container of its fields, those with `init` unless they are named, without those to drop."""
    if field_names is None:
        field_names = [field.name for field in dataclasses.fields(cls) if field.init]
    names = [name for name in field_names if name not in (drop_field_names or ())]

    def present(x: Any) -> list[str]:
        return [name for name in names if getattr(x, name) is not None]

    register_pytree_node(
        cls,
        lambda x: ([getattr(x, name) for name in present(x)], [present(x), [name for name in names if name not in present(x)]]),
        lambda values, context: cls(**dict(zip(context[0], values, strict=True)), **dict.fromkeys(context[1])),
        flatten_with_keys_fn=lambda x: ([(GetAttrKey(name), getattr(x, name)) for name in present(x)], None),
    )


def register_constant(cls: Any) -> None:
    """Make a class one whose instances are no leaves but part of the structure; they are compared when structures are.

    TypeError if the class does not say when two of its instances are equal, and how to hash one.
    """
    if cls.__eq__ is object.__eq__:
        raise TypeError("register_constant(cls) expects `cls` to have a non-default `__eq__` implementation.")
    if cls.__hash__ is None or cls.__hash__ is object.__hash__:
        raise TypeError("register_constant(cls) expects `cls` to have a non-default `__hash__` implementation.")
    register_pytree_node(cls, lambda x: ([], x), lambda _, context: context)
