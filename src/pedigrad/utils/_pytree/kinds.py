"""Kinds of containers: those that there are (`core/trees.py`), and classes that are registered as further ones."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, defaultdict, namedtuple
from collections.abc import Callable, Iterable
from typing import Any

from ...core.trees import SUPPORTED_NODES, NodeDef, is_namedtuple_instance
from .keys import GetAttrKey, MappingKey

BUILTIN_TYPES = frozenset(SUPPORTED_NODES)
STANDARD_DICT_TYPES = frozenset((dict, OrderedDict, defaultdict))
_dict_flatten, _list_flatten, _tuple_flatten = (SUPPORTED_NODES[kind].flatten_fn for kind in (dict, list, tuple))
_dict_unflatten = SUPPORTED_NODES[dict].unflatten_fn


def _get_node_type(tree: Any) -> Any:
    """Under which class of `SUPPORTED_NODES` a value would be found: its own, or `namedtuple`."""
    return namedtuple if is_namedtuple_instance(tree) else type(tree)


def _dict_flatten_with_keys(d: dict[Any, Any]) -> tuple[list[tuple[MappingKey, Any]], list[Any]]:
    """The values of a dict with their keys as parts of a path, and its keys."""
    return [(MappingKey(key), value) for key, value in d.items()], list(d)


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
