"""torch.utils._pytree: values in containers within containers, taken apart into leaves and put together again.

Containers are tuples, lists, dicts, named tuples, `OrderedDict`, `defaultdict`, `deque`, what operations with several results
return, and whatever is registered. A subclass of one of them is a leaf unless it is registered itself. None is a leaf.
"""

from __future__ import annotations

import functools
from collections import deque, namedtuple
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ...core.trees import (
    SUPPORTED_NODES,
    NodeDef,
    is_namedtuple,
    is_namedtuple_class,
    is_namedtuple_instance,
    is_structseq,
    is_structseq_class,
    is_structseq_instance,
)
from ...core.trees import kind_of as _kind
from .keys import GetAttrKey, KeyPath, MappingKey, SequenceKey, key_get, keystr
from .kinds import (
    BUILTIN_TYPES,
    STANDARD_DICT_TYPES,
    _deregister_pytree_node,
    _dict_flatten,
    _dict_flatten_with_keys,
    _dict_unflatten,
    _get_node_type,
    _list_flatten,
    _register_pytree_node,
    _tuple_flatten,
    register_constant,
    register_dataclass,
    register_pytree_node,
)
from .spec import _LEAF_SPEC, LeafSpec, PyTreeSpec, TreeSpec

__all__ = [
    "SUPPORTED_NODES",
    "Context",
    "GetAttrKey",
    "KeyPath",
    "LeafSpec",
    "MappingKey",
    "NodeDef",
    "PyTree",
    "PyTreeSpec",
    "SequenceKey",
    "TreeSpec",
    "_deregister_pytree_node",
    "_dict_flatten",
    "_dict_flatten_with_keys",
    "_dict_unflatten",
    "_get_node_type",
    "_is_leaf",
    "_list_flatten",
    "_register_pytree_node",
    "_tuple_flatten",
    "is_namedtuple",
    "is_namedtuple_class",
    "is_namedtuple_instance",
    "is_structseq",
    "is_structseq_class",
    "is_structseq_instance",
    "key_get",
    "keystr",
    "map_only",
    "register_constant",
    "register_dataclass",
    "register_pytree_node",
    "tree_all",
    "tree_all_only",
    "tree_any",
    "tree_any_only",
    "tree_flatten",
    "tree_flatten_with_path",
    "tree_is_leaf",
    "tree_iter",
    "tree_leaves",
    "tree_leaves_with_path",
    "tree_map",
    "tree_map_",
    "tree_map_only",
    "tree_map_only_",
    "tree_map_with_path",
    "tree_structure",
    "tree_unflatten",
    "treespec_pprint",
]  # fmt: skip

PyTree = Any
Context = Any
Leafy = Callable[[Any], bool] | None


def tree_is_leaf(tree: Any, is_leaf: Leafy = None) -> bool:
    """Whether a value is a leaf: no container, or one that `is_leaf` says is to be left whole."""
    return _kind(tree) is None or (is_leaf is not None and bool(is_leaf(tree)))


_is_leaf = tree_is_leaf


def _flatten(tree: Any, leaves: list[Any], is_leaf: Leafy) -> TreeSpec:
    kind = _kind(tree)
    if kind is None or (is_leaf is not None and is_leaf(tree)):
        leaves.append(tree)
        return _LEAF_SPEC
    children, context = kind.flatten_fn(tree)
    return TreeSpec(kind.type, context, [_flatten(each, leaves, is_leaf) for each in children])


def tree_flatten(tree: Any, is_leaf: Leafy = None) -> tuple[list[Any], TreeSpec]:
    """The leaves of a value, and its structure.

    Args:
        tree: anything; lists, tuples, dicts and registered classes are containers.
        is_leaf: a function that says of what else not to look into.

    >>> tree_flatten([1, (2, {"a": 3})])[0]
    [1, 2, 3]
    """
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves, is_leaf)


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> Any:
    """A value of a structure with these leaves. TypeError if it is no structure, ValueError for another number of leaves."""
    if not isinstance(treespec, TreeSpec):
        message = f"Expected `treespec` to be an instance of TreeSpec but got item of type {type(treespec)}"
        raise TypeError(f"tree_unflatten(leaves, treespec): {message}.")
    return treespec.unflatten(leaves)


def tree_iter(tree: Any, is_leaf: Leafy = None) -> Iterator[Any]:
    """The leaves of a value, one after the other."""
    kind = _kind(tree)
    if kind is None or (is_leaf is not None and is_leaf(tree)):
        yield tree
    else:
        for each in kind.flatten_fn(tree)[0]:
            yield from tree_iter(each, is_leaf)


def tree_leaves(tree: Any, is_leaf: Leafy = None) -> list[Any]:
    """The leaves of a value."""
    return list(tree_iter(tree, is_leaf))


def tree_structure(tree: Any, is_leaf: Leafy = None) -> TreeSpec:
    """The structure of a value."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Leafy = None) -> Any:
    """A value of the same structure with what `func` makes of each leaf, and of what the others have at its place.

    >>> tree_map(lambda x, y: x + y, {"a": 1}, {"a": 2})
    {'a': 3}
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    return spec.unflatten(map(func, leaves, *(spec.flatten_up_to(each) for each in rests)))


def tree_map_(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Leafy = None) -> Any:
    """`tree` itself, after `func` was called with each leaf, and with what the others have at its place."""
    leaves, spec = tree_flatten(tree, is_leaf)
    deque(map(func, leaves, *(spec.flatten_up_to(each) for each in rests)), maxlen=0)
    return tree


def _of(chosen: Any) -> Callable[[Any], bool]:
    """What says whether a leaf is meant: a type, several, or a function."""
    if isinstance(chosen, (type, tuple)) or hasattr(chosen, "__args__"):
        return lambda x: isinstance(x, chosen)
    if callable(chosen):
        return chosen
    raise TypeError("Argument must be a type, a tuple of types, or a callable.")


def map_only(type_or_types_or_pred: Any, /) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """A decorator: the function is applied to what is of these types, all else is returned as it is."""
    meant = _of(type_or_types_or_pred)

    def wrapper(func: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return functools.wraps(func)(lambda x: func(x) if meant(x) else x)

    return wrapper


def tree_map_only(type_or_types_or_pred: Any, /, func: Callable[[Any], Any], tree: Any, is_leaf: Leafy = None) -> Any:
    """`tree_map` of the leaves of some types, or of those that a function picks."""
    return tree_map(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_map_only_(type_or_types_or_pred: Any, /, func: Callable[[Any], Any], tree: Any, is_leaf: Leafy = None) -> Any:
    """`tree_map_` of the leaves of some types, or of those that a function picks."""
    return tree_map_(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: Any, is_leaf: Leafy = None) -> bool:
    """Whether it holds for all leaves."""
    return all(map(pred, tree_iter(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: Any, is_leaf: Leafy = None) -> bool:
    """Whether it holds for any leaf."""
    return any(map(pred, tree_iter(tree, is_leaf)))


def tree_all_only(type_or_types: Any, /, pred: Callable[[Any], bool], tree: Any, is_leaf: Leafy = None) -> bool:
    """Whether it holds for all leaves of some types."""
    meant = _of(type_or_types)
    return all(pred(x) for x in tree_iter(tree, is_leaf) if meant(x))


def tree_any_only(type_or_types: Any, /, pred: Callable[[Any], bool], tree: Any, is_leaf: Leafy = None) -> bool:
    """Whether it holds for any leaf of some types."""
    meant = _of(type_or_types)
    return any(pred(x) for x in tree_iter(tree, is_leaf) if meant(x))


# --- with paths


def _with_keys(kind: NodeDef, tree: Any) -> Iterable[tuple[Any, Any]]:
    """The children of a container with their keys."""
    if kind.flatten_with_keys_fn is not None:
        return kind.flatten_with_keys_fn(tree)[0]
    if kind.type in STANDARD_DICT_TYPES:
        return [(MappingKey(key), value) for key, value in tree.items()]
    if kind.type is namedtuple:
        return [(GetAttrKey(name), value) for name, value in zip(tree._fields, tree, strict=True)]
    if kind.type not in BUILTIN_TYPES and not is_structseq_class(kind.type):
        message = f"Did not find a flatten_with_keys_fn for type: {kind.type}. Please pass a flatten_with_keys_fn argument"
        raise ValueError(f"{message} to register_pytree_node.")
    return [(SequenceKey(i), value) for i, value in enumerate(tree)]


def _paths(tree: Any, is_leaf: Leafy, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    kind = _kind(tree)
    if kind is None or (is_leaf is not None and is_leaf(tree)):
        yield path, tree
        return
    for key, each in _with_keys(kind, tree):
        yield from _paths(each, is_leaf, (*path, key))


def tree_leaves_with_path(tree: Any, is_leaf: Leafy = None) -> list[tuple[KeyPath, Any]]:
    """The leaves of a value, each behind the path to it."""
    return list(_paths(tree, is_leaf, ()))


def tree_flatten_with_path(tree: Any, is_leaf: Leafy = None) -> tuple[list[tuple[KeyPath, Any]], TreeSpec]:
    """The leaves of a value, each behind the path to it, and its structure."""
    return tree_leaves_with_path(tree, is_leaf), tree_structure(tree, is_leaf)


def tree_map_with_path(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Leafy = None) -> Any:
    """`tree_map` by a function that is given the path before the leaf."""
    pairs, spec = tree_flatten_with_path(tree, is_leaf)
    paths, leaves = [path for path, _ in pairs], [leaf for _, leaf in pairs]
    return spec.unflatten(map(func, paths, leaves, *(spec.flatten_up_to(each) for each in rests)))


def _broadcast_to_and_flatten(tree: Any, treespec: TreeSpec, is_leaf: Leafy = None) -> list[Any] | None:
    """A value for each leaf of a structure: a leaf of `tree` stands for all at its place. None if they do not fit."""
    if tree_is_leaf(tree, is_leaf):
        return [tree] * treespec.num_leaves
    try:
        children = treespec.one_level(tree)
    except ValueError:
        return None
    out: list[Any] = []
    for child, spec in zip(children, treespec.children_specs, strict=True):
        part = _broadcast_to_and_flatten(child, spec, is_leaf)
        if part is None:
            return None
        out += part
    return out


def treespec_pprint(treespec: TreeSpec) -> str:
    """A structure as a value with `*` for its leaves."""

    class Star:
        def __repr__(self) -> str:
            return "*"

    return repr(treespec.unflatten([Star()] * treespec.num_leaves))
