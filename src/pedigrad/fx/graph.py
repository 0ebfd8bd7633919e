"""`torch.fx.graph`: a program as a list of nodes, to be read and edited."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from .codegen import CodeGen, Names, PythonCode, snake_case
from .node import Argument, Node, Target, map_arg, target_text

__all__ = ["CodeGen", "Graph", "PythonCode"]


class NodeList:
    """A graph's nodes in order; nodes may be put in and taken out while it is walked."""

    def __init__(self, graph: Graph, backwards: bool = False):
        self.graph, self.backwards = graph, backwards

    def __len__(self) -> int:
        return self.graph._len

    def __iter__(self) -> Iterator[Node]:
        root = node = self.graph._root
        while (node := node._prev if self.backwards else node._next) is not root:
            if not node._erased:
                yield node

    def __reversed__(self) -> NodeList:
        return NodeList(self.graph, not self.backwards)


class Graph:
    """A program: placeholders for its arguments, calls, and an output. `GraphModule` makes a module of it.

    >>> graph = torch.fx.Graph()
    >>> x = graph.placeholder("x")
    >>> out = graph.output(graph.call_function(torch.relu, (x,)))
    >>> torch.fx.GraphModule(torch.nn.Module(), graph)(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def __init__(self, owning_module: Any = None, tracer_cls: Any = None, tracer_extras: dict[str, Any] | None = None):
        self._root = Node(self, "", "root", "", (), {})
        self._insert: Callable[[Node], None] = self._root.prepend
        self._len, self._names, self._codegen = 0, Names(), CodeGen()
        self.owning_module, self._tracer_cls, self._tracer_extras = owning_module, tracer_cls, tracer_extras

    @property
    def nodes(self) -> NodeList:
        """The nodes in the order in which they are run."""
        return NodeList(self)

    def find_nodes(self, *, op: str, target: Target | None = None, sort: bool = True) -> list[Node]:
        """The nodes of one kind, with this target if one is given."""
        return [node for node in self.nodes if node.op == op and (target is None or node.target == target)]

    def output_node(self) -> Node:
        """The node that says what is returned."""
        return next(node for node in reversed(self.nodes) if node.op == "output")

    # Making nodes

    def create_node(
        self, op: str, target: Target, args: tuple[Argument, ...] | None = None, kwargs: dict[str, Argument] | None = None,
        name: str | None = None, type_expr: Any = None,
    ) -> Node:  # fmt: skip
        """A new node where the graph inserts: at its end, or as `inserting_before` and `inserting_after` say."""
        args, kwargs = () if args is None else args, {} if kwargs is None else kwargs
        if not isinstance(args, tuple) or not isinstance(kwargs, dict):
            raise AssertionError("create_node(): args must be a tuple and kwargs a dict")
        named = self._names.new(name if name is not None else self._wanted_name(target))
        node = Node(self, named, op, target, args, kwargs, type_expr)
        self._insert(node)
        self._len += 1
        return node

    @staticmethod
    def _wanted_name(target: Target) -> str:
        name = target if isinstance(target, str) else getattr(target, "__name__", type(target).__name__)
        if name.startswith("__") and name.endswith("__"):
            name = name[2:-2]
        return snake_case(name)

    def placeholder(self, name: str, type_expr: Any = None, default_value: Any = Ellipsis) -> Node:
        """An argument of the program; `...` for no default."""
        given = () if default_value is Ellipsis or str(default_value) == "<class 'inspect._empty'>" else (default_value,)
        return self.create_node("placeholder", name, given, type_expr=type_expr)

    def get_attr(self, qualified_name: str, type_expr: Any = None) -> Node:
        """A parameter, buffer or other attribute of the module."""
        return self.create_node("get_attr", qualified_name, type_expr=type_expr)

    def call_function(
        self, the_function: Callable[..., Any], args: Any = None, kwargs: Any = None, type_expr: Any = None, name: Any = None
    ) -> Node:
        """A call of a function."""
        return self.create_node("call_function", the_function, args, kwargs, name, type_expr)

    def call_method(self, method_name: str, args: Any = None, kwargs: Any = None, type_expr: Any = None) -> Node:
        """A call of a method of the first argument."""
        return self.create_node("call_method", method_name, args, kwargs, type_expr=type_expr)

    def call_module(self, module_name: str, args: Any = None, kwargs: Any = None, type_expr: Any = None) -> Node:
        """A call of a submodule."""
        return self.create_node("call_module", module_name, args, kwargs, type_expr=type_expr)

    def output(self, result: Argument, type_expr: Any = None) -> Node:
        """What the program returns."""
        return self.create_node("output", "output", (result,), type_expr=type_expr)

    @contextmanager
    def _inserting(self, insert: Callable[[Node], None]) -> Iterator[None]:
        before, self._insert = self._insert, insert
        try:
            yield
        finally:
            self._insert = before

    def inserting_before(self, n: Node | None = None) -> Any:
        """A context in which new nodes come before `n`, or before the first."""
        self._check_mine(n)
        return self._inserting((n if n is not None else self._root._next).prepend)

    def inserting_after(self, n: Node | None = None) -> Any:
        """A context in which new nodes come behind `n`, in their order, or before the first."""
        self._check_mine(n)
        place = n if n is not None else self._root
        return self._inserting(place._next.prepend)

    def _check_mine(self, n: Node | None) -> None:
        if n is not None and n.graph is not self:
            raise AssertionError("Node to insert before is not in graph." if n._erased else "the node is not in this graph")

    def erase_node(self, to_erase: Node) -> None:
        """Take a node out that nobody reads; RuntimeError if somebody does."""
        if to_erase.users:
            raise RuntimeError(
                f"Tried to erase Node {to_erase} but it still had {len(to_erase.users)} users in the graph: {to_erase.users}!"
            )
        if to_erase.graph is not self:
            raise RuntimeError(f"Attempting to remove {to_erase} from wrong graph!")
        if to_erase._erased:
            return
        to_erase._unlink()
        to_erase._erased = True
        self._len -= 1
        to_erase._set((), {})

    def node_copy(self, node: Node, arg_transform: Callable[[Node], Argument] = lambda x: x) -> Node:
        """A copy of another graph's node, with `arg_transform` of each node that it reads."""
        args, kwargs = map_arg(node.args, arg_transform), map_arg(node.kwargs, arg_transform)
        copied = self.create_node(node.op, node.target, args, dict(kwargs), node.name, node.type)
        copied.meta = copy.copy(node.meta)
        return copied

    def graph_copy(self, g: Graph, val_map: dict[Node, Node], return_output_node: bool = False) -> Any:
        """Copy another graph's nodes, those in `val_map` excepted, and enter them there; what its output is given, here."""
        for node in g.nodes:
            if node in val_map:
                continue
            if node.op == "output":
                result = map_arg(node.args[0], lambda n: val_map[n])
                return (result, node) if return_output_node else result
            val_map[node] = self.node_copy(node, lambda n: val_map[n])
        return None

    def __deepcopy__(self, memo: Any = None) -> Graph:
        memo = {} if memo is None else memo
        g = Graph(tracer_cls=self._tracer_cls)
        val_map: dict[Node, Node] = {}
        result = g.graph_copy(self, val_map, return_output_node=True)
        if result is not None:
            made = g.output(result[0], result[1].type)
            made.meta = copy.copy(result[1].meta)
            val_map[result[1]] = made
        memo.update({id(old): new for old, new in val_map.items()})
        memo[id(self)] = g
        return g

    # Reading

    def lint(self) -> None:
        """RuntimeError or ValueError for a graph that cannot be run: a value is read before it is made, a target is not there."""
        known: set[Node] = set()
        names: set[str] = set()
        for node in self.nodes:
            if node.graph is not self:
                raise RuntimeError(f"Node '{node}' does not belong to this Graph!")

            def check(read: Node, node: Node = node) -> Node:
                if read.graph is not self:
                    raise RuntimeError(f"Argument '{read}' of Node '{node}' does not belong to this Graph!")
                if read not in known:
                    raise RuntimeError(
                        f"Argument '{read}' of Node '{node}' was used before it has been defined! Please check that Nodes in the graph are"
                        f" topologically ordered\n{self}"
                    )
                return read

            map_arg(node.args, check)
            map_arg(node.kwargs, check)
            if node.name in names:
                raise RuntimeError(f"Node redefined name {node.name}!")
            names.add(node.name)
            known.add(node)
            if node.op in ("call_module", "get_attr") and self.owning_module is not None:
                self._check_target(node)

    def _check_target(self, node: Node) -> None:
        found = self.owning_module
        for part in str(node.target).split("."):
            if not hasattr(found, part):
                raise RuntimeError(f"Node {node} target {node.target} references nonexistent attribute {part} of {type(found).__name__}")
            found = getattr(found, part)

    def eliminate_dead_code(self, is_impure_node: Callable[[Node], bool] | None = None) -> bool:
        """Take out what nobody reads and what does nothing else; whether there was any."""
        self.lint()
        before = self._len
        for node in reversed(self.nodes):
            if not node.users and not (is_impure_node(node) if is_impure_node else node.is_impure()):
                self.erase_node(node)
        return self._len < before

    def process_inputs(self, *args: Any) -> Any:
        """What the placeholders are given for the arguments of a call."""
        return self._codegen.process_inputs(*args)

    def process_outputs(self, out: Any) -> Any:
        """What a call returns for what the output is given."""
        return self._codegen.process_outputs(out)

    def set_codegen(self, codegen: CodeGen) -> None:
        """Have another object write the code."""
        self._codegen = codegen

    def python_code(self, root_module: str, **options: Any) -> PythonCode:
        """The graph as a function in Python; `root_module` is the name of its first parameter."""
        return self._codegen.generated(list(self.nodes), root_module, sys.modules[__name__.partition(".")[0]])

    def print_tabular(self) -> None:
        """Print a table with a row for each node."""
        head = ("opcode", "name", "target", "args", "kwargs")
        rows = [(n.op, n.name, target_text(n.target), str(n.args), str(n.kwargs)) for n in self.nodes]
        print(table(head, rows))

    def __str__(self) -> str:
        placeholders: list[str] = []
        returned = [""]
        lines = [node.format_node(placeholders, returned) for node in self.nodes]
        return "graph():" + "".join(f"\n    {line}" for line in lines if line)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Rows of text below their heads."""
    rows = list(rows)
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [head, tuple("-" * width for width in widths), *rows]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
