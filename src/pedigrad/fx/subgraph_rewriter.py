"""`torch.fx.subgraph_rewriter`: find the places in a graph that look like a pattern, and put something else there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ._symbolic_trace import symbolic_trace
from .graph import Graph
from .graph_module import GraphModule, _copied_attribute
from .node import Node, map_arg


class Match(NamedTuple):
    """A place: the pattern's last node, and for each node of the pattern the one there."""

    anchor: Node
    nodes_map: dict[Node, Node]


@dataclass
class ReplacedPatterns:
    """A place, as in Match, and the nodes that were put there."""

    anchor: Node
    nodes_map: dict[Node, Node]
    replacements: list[Node] = field(default_factory=list)


def _graph(of: Any) -> Graph:
    return of if isinstance(of, Graph) else of.graph if isinstance(of, GraphModule) else symbolic_trace(of).graph


class _Matcher:
    """Compares a pattern with what ends in one node."""

    def __init__(self) -> None:
        self.nodes: dict[Node, Any] = {}

    def same(self, wanted: Any, found: Any) -> bool:
        """Whether arguments are alike, nodes by what they are."""
        if isinstance(wanted, Node):
            return self.node(wanted, found)
        if isinstance(wanted, (list, tuple)):
            alike = isinstance(found, (list, tuple)) and len(wanted) == len(found)
            return alike and all(map(self.same, wanted, found))
        if isinstance(wanted, dict):
            return isinstance(found, dict) and wanted.keys() == found.keys() and all(self.same(v, found[k]) for k, v in wanted.items())
        return not isinstance(found, Node) and type(wanted) is type(found) and wanted == found

    def node(self, wanted: Node, found: Any) -> bool:
        """Whether a node of the pattern may stand for what was found; what the pattern's arguments stand for is entered."""
        if wanted in self.nodes:
            return self.nodes[wanted] is found
        if wanted.op == "placeholder":
            self.nodes[wanted] = found
            return True
        if not isinstance(found, Node) or found in self.nodes.values() or (wanted.op, wanted.target) != (found.op, found.target):
            return False
        self.nodes[wanted] = found
        return self.same(wanted.args, found.args) and self.same(wanted.kwargs, found.kwargs)


def _match(pattern: Graph, last: Node) -> dict[Node, Any] | None:
    """What the pattern's nodes stand for if it ends in `last`, and nobody outside reads what is within."""
    ends = pattern.output_node()
    (end,) = ends.all_input_nodes
    matcher = _Matcher()
    if end.op == "placeholder" or not matcher.node(end, last):
        return None
    inner = {found for node, found in matcher.nodes.items() if node.op != "placeholder"}
    if any(user not in inner for found in inner if found is not last and found.op != "get_attr" for user in found.users):
        return None
    return matcher.nodes


def replace_pattern_with_filters(
    gm: GraphModule, pattern: Any, replacement: Any = None, match_filters: list[Callable[..., bool]] | None = None,
    ignore_literals: bool = False, replacement_callback: Callable[..., Graph] | None = None, **options: Any,
) -> list[ReplacedPatterns]:  # fmt: skip
    """`replace_pattern` at the places for which all `match_filters(match, graph, pattern)` are true."""
    wanted, made = _graph(pattern), None if replacement is None else _graph(replacement)
    if len(wanted.output_node().all_input_nodes) != 1:
        raise NotImplementedError("replace_pattern(): patterns of more than one result are not there")
    places: list[Match] = []
    taken: set[Node] = set()
    for node in gm.graph.nodes:
        found = _match(wanted, node)
        inner = {f for n, f in (found or {}).items() if n.op != "placeholder"}
        if found is None or inner & taken:
            continue
        match = Match(wanted.output_node().all_input_nodes[0], found)
        if all(keep(match, gm.graph, wanted) for keep in match_filters or ()):
            places.append(match)
            taken |= inner
    changed: dict[Node, Node] = {}
    done = [_replaced(gm, wanted, made if made is not None else replacement_callback(m, gm.graph, wanted), m, changed) for m in places]  # type: ignore[misc]
    gm.recompile()
    if isinstance(replacement, GraphModule):
        for node in replacement.graph.nodes:
            if node.op in ("call_module", "get_attr"):
                _copied_attribute(replacement, gm, str(node.target))
    return done


def _replaced(gm: GraphModule, wanted: Graph, made: Graph, match: Match, changed: dict[Node, Node]) -> ReplacedPatterns:
    """Put one replacement in its place; `changed` says what stands for nodes that were replaced before."""
    last = match.nodes_map[match.anchor]
    given = [match.nodes_map[node] for node in wanted.find_nodes(op="placeholder") if node in match.nodes_map]
    given = [changed.get(value, value) if isinstance(value, Node) else value for value in given]
    holders = made.find_nodes(op="placeholder")
    values: dict[Node, Any] = dict(zip(holders, given, strict=False))
    new: list[Node] = []
    reader = next((node for node in gm.graph.nodes if node in last.users), last.next)
    with gm.graph.inserting_before(reader):
        for node in made.nodes:
            if node.op not in ("placeholder", "output"):
                values[node] = gm.graph.node_copy(node, lambda n: values[n])
                new.append(values[node])
    result = map_arg(made.output_node().args[0], lambda n: values[n])
    if isinstance(result, Node):
        last.replace_all_uses_with(result)
        changed[last] = result
    for old in reversed([found for node, found in match.nodes_map.items() if node.op != "placeholder"]):
        _erased(gm.graph, old)
    for old in [found for node, found in match.nodes_map.items() if node.op != "placeholder"]:
        _erased(gm.graph, old)
    return ReplacedPatterns(match.anchor, match.nodes_map, new)


def _erased(graph: Graph, node: Node) -> None:
    if not node._erased and not node.users:
        graph.erase_node(node)


def replace_pattern(gm: GraphModule, pattern: Any, replacement: Any) -> list[Match]:
    """Put `replacement` wherever the graph looks like `pattern`, both functions or modules with as many arguments; the places.

    What the pattern's arguments stand for may be anything. Places that overlap one found before are left, and those of which somebody
    outside reads what is within.

    >>> module = torch.fx.symbolic_trace(lambda x, y: torch.relu(x + y) * 2)
    >>> places = torch.fx.replace_pattern(module, lambda a, b: torch.relu(a + b), lambda a, b: torch.sigmoid(a - b))
    >>> [node.name for node in module.graph.nodes]
    ['x', 'y', 'sub', 'sigmoid', 'mul', 'output']
    """
    return [Match(each.anchor, each.nodes_map) for each in replace_pattern_with_filters(gm, pattern, replacement)]
