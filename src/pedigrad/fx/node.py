"""`torch.fx.node`: one call in a graph, with what it reads and who reads it."""

from __future__ import annotations

import builtins
import operator
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from ..core.absent import PACKAGE
from ..core.declare import PLACES
from ..core.tensor import Tensor
from .immutable_collections import immutable_dict, immutable_list

Argument: TypeAlias = Any
Target: TypeAlias = Callable[..., Any] | str
OPERATIONS = ("placeholder", "call_method", "call_module", "call_function", "get_attr", "output", "root")
_impure: set[Callable[..., Any]] = set()


def has_side_effect(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which is kept in graphs from now on even where nobody reads what it returns."""
    _impure.add(fn)
    return fn


def map_aggregate(a: Argument, fn: Callable[[Argument], Argument]) -> Argument:
    """The same tuples, lists, dicts and slices with `fn` of each thing in them."""
    if isinstance(a, tuple):
        items = tuple(map_aggregate(each, fn) for each in a)
        return items if not hasattr(a, "_fields") else type(a)(*items)
    if isinstance(a, list):
        return immutable_list(map_aggregate(each, fn) for each in a)
    if isinstance(a, dict):
        return immutable_dict((key, map_aggregate(each, fn)) for key, each in a.items())
    if isinstance(a, slice):
        return slice(map_aggregate(a.start, fn), map_aggregate(a.stop, fn), map_aggregate(a.step, fn))
    return fn(a)


def map_arg(a: Argument, fn: Callable[[Node], Argument]) -> Argument:
    """The same tuples, lists, dicts and slices with `fn` of each Node in them."""
    return map_aggregate(a, lambda each: fn(each) if isinstance(each, Node) else each)


def public_name(function: Callable[..., Any]) -> tuple[str, str]:
    """The module that users know a function by, and its name there: ("torch", "relu")."""
    name = getattr(function, "__name__", "")
    if vars(sys.modules[PACKAGE]).get(name) is function:
        return "torch", name
    if PLACES["F"].get(name) is function:
        return "torch.nn.functional", name
    name = getattr(function, "__qualname__", getattr(function, "__name__", type(function).__name__))
    module = getattr(function, "__module__", None) or "builtins"
    if getattr(operator, name, None) is function:
        return "operator", name
    if getattr(builtins, name, None) is function:
        return "builtins", name
    outer, dot, rest = module.partition(".")
    return (f"torch{dot}{rest}" if outer == "pedigrad" else module), name


def target_text(target: Target) -> str:
    """A target as `str(graph)` writes it."""
    return target if isinstance(target, str) else ".".join(public_name(target))


class Node:
    """A call in a `Graph`.

    `op` says of what: `placeholder` (an argument), `get_attr` (a parameter or buffer), `call_function`, `call_method`, `call_module`, or
    `output`; `target` is the function, or the name of the method, module, attribute or argument. `users` are the nodes that read it, and
    `meta` is for whoever passes over the graph.
    """

    graph: Any
    _prev: Node
    _next: Node

    def __init__(
        self, graph: Any, name: str, op: str, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Argument],
        return_type: Any = None,
    ):  # fmt: skip
        if op not in OPERATIONS:
            raise AssertionError(f"{op!r} is no operation of a node; there are {', '.join(OPERATIONS[:-1])}")
        if op == "call_function" and not callable(target):
            raise ValueError(f"Node [graph = {graph}, name = '{name}'] target {target} has type {type(target)} but a Callable is expected")
        if op not in ("call_function", "root") and not isinstance(target, str):
            raise ValueError(f"Node [graph = {graph}, name = '{name}'] target {target!r} has type {type(target)} but a str is expected")
        self.graph, self.name, self.op, self.target, self.type = graph, name, op, target, return_type
        self._input_nodes: dict[Node, None] = {}
        self.users: dict[Node, None] = {}
        self.meta: dict[str, Any] = {}
        self._erased = False
        self._prev = self._next = self
        self._args: tuple[Argument, ...] = ()
        self._kwargs: dict[str, Argument] = {}
        self._set(args, kwargs)

    def _set(self, args: Any, kwargs: Any) -> None:
        for each in self._input_nodes:
            each.users.pop(self, None)
        self._input_nodes = {}

        def read(node: Node) -> Node:
            self._input_nodes[node] = node.users[self] = None
            return node

        self._args, self._kwargs = map_arg(tuple(args), read), map_arg(dict(kwargs), read)

    @property
    def next(self) -> Node:
        """The node after this one; the graph's root after the last."""
        return self._next

    @property
    def prev(self) -> Node:
        """The node before this one."""
        return self._prev

    @property
    def args(self) -> tuple[Argument, ...]:
        """What is given by position, other nodes among it; assign a new tuple to change it."""
        return self._args

    @args.setter
    def args(self, value: tuple[Argument, ...]) -> None:
        self._set(value, self._kwargs)

    @property
    def kwargs(self) -> dict[str, Argument]:
        """What is given by name; assign a new dict to change it."""
        return self._kwargs

    @kwargs.setter
    def kwargs(self, value: dict[str, Argument]) -> None:
        self._set(self._args, value)

    @property
    def all_input_nodes(self) -> list[Node]:
        """The nodes that this one reads, each once."""
        return list(self._input_nodes)

    @property
    def stack_trace(self) -> str | None:
        """Where the program made this call, if the tracer recorded it."""
        return self.meta.get("stack_trace")

    @stack_trace.setter
    def stack_trace(self, trace: str | None) -> None:
        self.meta["stack_trace"] = trace

    def update_arg(self, idx: int, arg: Argument) -> None:
        """Replace one argument."""
        args = list(self._args)
        args[idx] = arg
        self.args = tuple(args)

    def insert_arg(self, idx: int, arg: Argument) -> None:
        """Put one argument before another."""
        if not 0 <= idx <= len(self._args):
            raise AssertionError("insert_args index must be between 0 and len(self.args)")
        self.args = (*self._args[:idx], arg, *self._args[idx:])

    def update_kwarg(self, key: str, arg: Argument) -> None:
        """Replace one argument that is given by name."""
        self.kwargs = {**self._kwargs, key: arg}

    def _unlink(self) -> None:
        self._prev._next, self._next._prev = self._next, self._prev

    def prepend(self, x: Node) -> None:
        """Move `x`, of the same graph, before this node."""
        if x.graph is not self.graph:
            raise AssertionError("Attempting to move a Node into a different Graph")
        if x is self:
            return
        x._unlink()
        before = self._prev
        before._next, x._prev, x._next, self._prev = x, before, self, x

    def append(self, x: Node) -> None:
        """Move `x`, of the same graph, behind this node."""
        self._next.prepend(x)

    def replace_all_uses_with(
        self, replace_with: Node, delete_user_cb: Callable[[Node], bool] = lambda user: True, *, propagate_meta: bool = False
    ) -> list[Node]:
        """Have those who read this node, and for whom `delete_user_cb` is true, read another; they are returned."""
        if propagate_meta:
            if replace_with.meta:
                raise AssertionError(
                    "Called node.replace_all_uses_with(replace_with, propagate_meta=True), but replace_with has .meta keys"
                )
            replace_with.meta.update(self.meta)
        changed = [user for user in list(self.users) if delete_user_cb(user)]
        for user in changed:
            user.replace_input_with(self, replace_with)
        return changed

    def replace_input_with(self, old_input: Node, new_input: Node) -> None:
        """Read one node in place of another."""

        def replaced(node: Node) -> Node:
            return new_input if node is old_input else node

        self._set(map_arg(self._args, replaced), map_arg(self._kwargs, replaced))

    def is_impure(self, impure_random: bool = True) -> bool:
        """Whether the call must stay though nobody reads what it gives."""
        if self.op in ("placeholder", "output"):
            return True
        if self.op == "call_function":
            written = getattr(self.target, "__name__", "").endswith("_")
            return self.target in _impure or self.target is operator.setitem or written or "out" in self._kwargs
        if self.op == "call_module" and self.graph.owning_module is not None:
            return bool(getattr(self.graph.owning_module.get_submodule(self.target), "_is_impure", False))
        return False

    def format_node(self, placeholder_names: list[str] | None = None, maybe_return_typename: list[str] | None = None) -> str | None:
        """The node as a line of `str(graph)`."""
        typed = f" : {type_text(self.type)}" if self.type is not None else ""
        begin = f"%{self.name}{typed or ' :'} [num_users={len(self.users)}] = "
        if self.op == "placeholder":
            if placeholder_names is not None:
                placeholder_names.append(str(self.target) + (f": {type_text(self.type)}" if self.type is not None else ""))
            default = f"(default={self._args[0]})" if self._args else ""
            return f"{begin}{self.op}[target={self.target}]{default}"
        if self.op == "get_attr":
            return f"{begin}{self.op}[target={self.target}]"
        if self.op == "output":
            if self.type is not None and maybe_return_typename is not None:
                maybe_return_typename[0] = f" -> {type_text(self.type)}"
            return f"return {self._args[0]}"
        return f"{begin}{self.op}[target={target_text(self.target)}](args = {shown(self._args)}, kwargs = {shown(self._kwargs)})"

    def __repr__(self) -> str:
        return self.name

    def __lt__(self, other: Node) -> bool:
        return self in list(_until(other))

    def __copy__(self) -> Node:
        return self

    def __deepcopy__(self, memo: Any) -> Node:
        return memo.get(id(self), self)


def _until(node: Node) -> Iterable[Node]:
    while (node := node._prev).op != "root":
        yield node


def type_text(kind: Any) -> str:
    """An annotation as generated code writes it."""
    if isinstance(kind, str):
        return kind
    if isinstance(kind, type) and not hasattr(kind, "__args__"):
        if kind.__module__ == "builtins":
            return kind.__name__
        if kind is Tensor:
            return "torch.Tensor"
        outer, dot, rest = kind.__module__.partition(".")
        return f"{'torch' if outer == 'pedigrad' else outer}{dot}{rest}.{kind.__qualname__}"
    return repr(kind).replace("pedigrad.", "torch.")


def shown(value: Argument) -> str:
    """Arguments as `str(graph)` writes them: nodes with a per cent sign, strings without quotes."""
    if isinstance(value, Node):
        return f"%{value.name}"
    return in_brackets(value, shown, str) or str(value)


def in_brackets(value: Any, written: Callable[[Any], str], key: Callable[[Any], str]) -> str:
    """A container as Python writes it, what it holds by `written` and the keys of dicts by `key`; nothing for what is none."""
    if isinstance(value, tuple):
        return f"({', '.join(map(written, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key(name)}: {written(each)}" for name, each in value.items()) + "}"
    if isinstance(value, slice):
        return f"slice({written(value.start)}, {written(value.stop)}, {written(value.step)})"
    return ""
