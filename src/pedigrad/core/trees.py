"""Nested tuples, lists and dicts: their leaves, and the same nest around other leaves."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any


def leaves(tree: Any) -> list[Any]:
    """What is in a nest and is no tuple, list or dict, in order."""
    if isinstance(tree, (tuple, list)):
        return [leaf for each in tree for leaf in leaves(each)]
    if type(tree) in (dict, OrderedDict):
        return [leaf for each in tree.values() for leaf in leaves(each)]
    return [tree]


def mapped(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """The nest with `function` of its leaves, and of those at the same places of `others`, in their place."""
    if isinstance(tree, (tuple, list)):
        for other in others:
            if not isinstance(other, (tuple, list)) or len(other) != len(tree):
                raise ValueError(f"two nests differ: one has {len(tree)} items where the other is {other!r:.60}")
        items = [mapped(function, *each) for each in zip(tree, *others, strict=True)]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    if type(tree) in (dict, OrderedDict):
        return type(tree)((key, mapped(function, value, *(other[key] for other in others))) for key, value in tree.items())
    return function(tree, *others)


def filled(tree: Any, values: list[Any]) -> Any:
    """The nest with `values` in the place of its leaves, in order."""
    found = iter(values)
    return mapped(lambda _: next(found), tree)
