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


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """The nest with `function` of each leaf in its place."""
    if isinstance(tree, (tuple, list)):
        items = [mapped(function, each) for each in tree]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    if type(tree) in (dict, OrderedDict):
        return type(tree)((key, mapped(function, value)) for key, value in tree.items())
    return function(tree)


def filled(tree: Any, values: list[Any]) -> Any:
    """The nest with `values` in the place of its leaves, in order."""
    found = iter(values)
    return mapped(lambda _: next(found), tree)
