"""torch.utils._pytree: values in containers within containers, taken apart into leaves and put together again.

Containers are tuples, lists, dicts, named tuples, `OrderedDict`, `defaultdict`, `deque`, what operations with several results
return, and whatever is registered. A subclass of one of them is a leaf unless it is registered itself. None is a leaf.
"""

from __future__ import annotations

import dataclasses
import functools
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from ..core.shapes import Size
from ..return_types import Results

PyTree = Any
Context = Any
Leafy = Callable[[Any], bool] | None


# --- keys: how to come from a container to what is in it


@dataclasses.dataclass(frozen=True)
class MappingKey:
    """The way to the value of a key."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"

    def get(self, mapping: Any) -> Any:
        """The value in a mapping."""
        return mapping[self.key]


@dataclasses.dataclass(frozen=True)
class SequenceKey:
    """The way to the item at an index."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"

    def get(self, sequence: Any) -> Any:
        """The item of a sequence."""
        return sequence[self.idx]


@dataclasses.dataclass(frozen=True)
class GetAttrKey:
    """The way to an attribute."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"

    def get(self, obj: Any) -> Any:
        """The attribute of an object."""
        return getattr(obj, self.name)


KeyPath = tuple[Any, ...]


def keystr(kp: KeyPath) -> str:
    """A path as it is written after a name: `[0]['a'].x`."""
    return "".join(map(str, kp))


def key_get(obj: Any, kp: KeyPath) -> Any:
    """What a path leads to."""
    for key in kp:
        obj = key.get(obj)
    return obj


# --- kinds of containers


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
    """Make a class one whose instances are no leaves but part of the structure; they are compared when structures are."""
    register_pytree_node(cls, lambda x: ([], x), lambda _, context: context)


# --- structures


class TreeSpec:
    """The structure of a value: a kind of container, its context, and the structures of what is in it; `*` is a leaf."""

    __slots__ = ("_children", "context", "num_children", "num_leaves", "num_nodes", "type")

    num_leaves: int
    num_nodes: int

    def __init__(self, type: Any, context: Any, children_specs: list[TreeSpec]) -> None:
        self.type = type
        self.context = context
        self._children = children_specs
        self.num_children = len(children_specs)
        leaf = type is None
        self.num_nodes = 1 + sum(each.num_nodes for each in children_specs)
        self.num_leaves = 1 if leaf else sum(each.num_leaves for each in children_specs)

    @property
    def children_specs(self) -> list[TreeSpec]:
        """The structures of what is in it."""
        return self._children

    def children(self) -> list[TreeSpec]:
        """The structures of what is in it, in a new list."""
        return list(self._children)

    def child(self, index: int) -> TreeSpec:
        """The structure of one thing in it."""
        return self._children[index]

    def is_leaf(self) -> bool:
        """Whether it is that of a leaf."""
        return self.type is None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TreeSpec):
            return NotImplemented
        return self.type == other.type and self.context == other.context and self._children == other._children

    def __hash__(self) -> int:
        context = tuple(self.context) if isinstance(self.context, list) and self.type is not defaultdict else None
        return hash((self.type, context, tuple(self._children)))

    def __repr__(self) -> str:
        return self._shown(0)

    def _shown(self, indent: int) -> str:
        if self.type is None:
            return "*"
        inner = (",\n" + " " * (indent + 2)).join(each._shown(indent + 2) for each in self._children)
        return f"TreeSpec({self.type.__name__}, {self.context}, [{inner}])"

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """A value of this structure with these leaves. ValueError if they are more or fewer than it has."""
        leaves = list(leaves)
        if len(leaves) != self.num_leaves:
            count = f"`leaves` has length {len(leaves)} but the spec refers to a pytree that holds {self.num_leaves} items"
            raise ValueError(f"treespec.unflatten(leaves): {count} ({self}).")
        return self._filled(iter(leaves))

    def _filled(self, leaves: Iterator[Any]) -> Any:
        if self.type is None:
            return next(leaves)
        kind = SUPPORTED_NODES.get(self.type) or _structure(self.type)
        return kind.unflatten_fn([each._filled(leaves) for each in self._children], self.context)

    def flatten_up_to(self, tree: Any) -> list[Any]:
        """The parts of `tree` at the places of this structure's leaves. ValueError if it is another above them."""
        out: list[Any] = []
        self._walk(tree, out)
        return out

    def _walk(self, tree: Any, out: list[Any]) -> None:
        if self.type is None:
            out.append(tree)
            return
        kind = _kind(tree)
        dicts = kind is not None and kind.type in STANDARD_DICT_TYPES and self.type in STANDARD_DICT_TYPES
        if kind is None or (kind.type is not self.type and not dicts):
            raise ValueError(f"Node type mismatch; expected {self.type!r}, but got {type(tree)!r}.")
        if dicts:
            keys = self.context[1] if self.type is defaultdict else self.context
            missing, extra = [k for k in keys if k not in tree], [k for k in tree if k not in keys]
            if missing or extra:
                texts = [f"{name} key(s): {set(found)!r}" for name, found in (("missing", missing), ("extra", extra)) if found]
                raise ValueError(f"Node keys mismatch; {'; '.join(texts)}.")
            children = [tree[key] for key in keys]
        else:
            children, context = kind.flatten_fn(tree)
            if len(children) != self.num_children:
                raise ValueError(f"Node arity mismatch; expected {self.num_children}, but got {len(children)}.")
            if context != self.context and self.type is not deque:
                raise ValueError(f"Node context mismatch for custom node type {self.type!r}: {context!r}, expected {self.context!r}.")
        for child, spec in zip(children, self._children, strict=True):
            spec._walk(child, out)


PyTreeSpec = TreeSpec
_LEAF_SPEC = TreeSpec(None, None, [])


def LeafSpec() -> TreeSpec:
    """The structure of a leaf."""
    return _LEAF_SPEC


# --- taking apart and putting together


def tree_is_leaf(tree: Any, is_leaf: Leafy = None) -> bool:
    """Whether a value is a leaf: no container, or one that `is_leaf` says is to be left whole."""
    return _kind(tree) is None or (is_leaf is not None and bool(is_leaf(tree)))


def _flatten(tree: Any, leaves: list[Any], is_leaf: Leafy) -> TreeSpec:
    kind = _kind(tree)
    if kind is None or (is_leaf is not None and is_leaf(tree)):
        leaves.append(tree)
        return _LEAF_SPEC
    children, context = kind.flatten_fn(tree)
    return TreeSpec(kind.type, context, [_flatten(each, leaves, is_leaf) for each in children])


def tree_flatten(tree: Any, is_leaf: Leafy = None) -> tuple[list[Any], TreeSpec]:
    """The leaves of a value, and its structure.

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
        raise ValueError(f"Did not find a flatten_with_keys_fn for type: {kind.type}. Please pass a flatten_with_keys_fn argument.")
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
    kind = _kind(tree)
    if treespec.is_leaf() or kind is None or kind.type is not treespec.type:
        return None
    children, context = kind.flatten_fn(tree)
    if len(children) != treespec.num_children or context != treespec.context:
        return None
    out: list[Any] = []
    for child, spec in zip(children, treespec._children, strict=True):
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
