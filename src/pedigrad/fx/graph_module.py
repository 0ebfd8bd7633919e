"""`torch.fx.graph_module`: a module whose forward is the code of a graph."""

from __future__ import annotations

import copy
import itertools
import linecache
from typing import Any

from ..core.tensor import Tensor
from ..nn import Buffer, Module, Parameter
from .graph import Graph
from .node import Node

_numbers = itertools.count()


def compiled(source: str, scope: dict[str, Any]) -> Any:
    """The function `forward` of generated code, whose lines tracebacks show."""
    name = f"<graph_module.{next(_numbers)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    exec(compile(source, name, "exec"), scope)
    return scope["forward"]


def _put(to: Module, path: str, value: Any) -> None:
    *outer, last = path.split(".")
    for part in outer:
        if not hasattr(to, part):
            to.add_module(part, Module())
        to = getattr(to, part)
    if isinstance(value, Tensor) and not isinstance(value, (Parameter, Buffer)):
        to.register_buffer(last, value)
    else:
        setattr(to, last, value)


def _copied_attribute(root: Module, to: Module, path: str) -> None:
    """Have `to` hold what `root` holds at a path, in the same place."""
    found: Any = root
    for part in path.split("."):
        if not hasattr(found, part):
            return
        found = getattr(found, part)
    _put(to, path, found)


class GraphModule(Module):
    """A module made of a graph: it has what the graph's nodes name of `root`, and its forward is generated code.

    Args:
        root: the module whose submodules, parameters and buffers the nodes name, or a dict from their paths.
        graph: the program. Call `recompile()` after changing it.
        class_name: what `print` calls it.

    Raises:
        RuntimeError: `root` is a dict without something that a node names.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """An object of a class of its own, as each has another forward."""
        base = next(each for each in cls.__mro__ if not each.__dict__.get("_of_one_graph"))
        return super().__new__(type(base.__name__, (base,), {"_of_one_graph": True}))

    def __init__(self, root: Module | dict[str, Any], graph: Graph, class_name: str = "GraphModule"):
        super().__init__()
        type(self).__name__ = class_name
        named = [str(node.target) for node in graph.nodes if node.op in ("call_module", "get_attr")]
        if isinstance(root, Module):
            self.training = root.training
            for path in named:
                _copied_attribute(root, self, path)
        elif isinstance(root, dict):
            for path in sorted(set(named), key=lambda each: each.count(".")):
                if path not in root:
                    raise RuntimeError(f"Node in the graph referenced target {path} but that target was not provided in `root`!")
                _put(self, path, root[path])
        else:
            raise RuntimeError(f"Unsupported type {root} passed for root!")
        self.meta: dict[str, Any] = {}
        self.graph = graph

    @property
    def graph(self) -> Graph:
        """The program; assigning another makes its code the forward."""
        return self.__dict__["_graph"]

    @graph.setter
    def graph(self, g: Graph) -> None:
        if not isinstance(g, Graph):
            raise AssertionError(f"Expected a Graph instance, but got {type(g)}")
        self.__dict__["_graph"] = g
        g.owning_module = self
        self.recompile()

    def recompile(self) -> Any:
        """Write the code of the graph as it is now, which becomes the forward."""
        made = self.graph.python_code("self")
        self.__dict__["_code"] = made.src
        type(self).forward = compiled(made.src, dict(made.globals))  # type: ignore[method-assign]
        return made

    @property
    def code(self) -> str:
        """The source of the forward."""
        if "_code" not in self.__dict__:
            raise RuntimeError("Code has not been generated! Please report a bug to PyTorch")
        return self.__dict__["_code"]

    def print_readable(self, print_output: bool = True, **options: Any) -> str:
        """The code as that of a class; it is printed too."""
        body = "\n".join(f"    {line}" if line.strip() else "" for line in self.code.strip("\n").splitlines())
        text = f"class {type(self).__name__}(torch.nn.Module):\n{body}\n"
        if print_output:
            print(text)
        return text

    def add_submodule(self, target: str, m: Module) -> bool:
        """Put a module at a path, making the modules above it; False if something else is there."""
        *outer, last = target.split(".")
        found: Module = self
        for part in outer:
            if not hasattr(found, part):
                found.add_module(part, Module())
            found = getattr(found, part)
            if not isinstance(found, Module):
                return False
        found.add_module(last, m)
        return True

    def delete_submodule(self, target: str) -> bool:
        """Take the module at a path away; False if there is none."""
        outer, _, last = target.rpartition(".")
        try:
            found: Any = self.get_submodule(outer)  # type: ignore[arg-type]
        except AttributeError:
            return False
        if not isinstance(getattr(found, last, None), Module):
            return False
        delattr(found, last)
        return True

    def delete_all_unused_submodules(self) -> None:
        """Take modules away that no node names, nor something in them."""
        used = {str(node.target) for node in self.graph.nodes if node.op in ("call_module", "get_attr")}
        whole = {str(node.target) for node in self.graph.nodes if node.op == "call_module"}
        for name in [name for name, _ in self.named_modules() if name]:
            needed = any(path == name or path.startswith(f"{name}.") for path in used)
            if not needed and not any(name.startswith(f"{path}.") for path in whole):
                self.delete_submodule(name)

    def __deepcopy__(self, memo: Any) -> Any:
        made: Any = GraphModule.__new__(next(each for each in type(self).__mro__ if not each.__dict__.get("_of_one_graph")))
        memo[id(self)] = made
        Module.__init__(made)
        type(made).__name__ = type(self).__name__
        made.__setstate__(copy.deepcopy(self._held(), memo))
        made.graph = copy.deepcopy(self.graph, memo)
        return made

    def __copy__(self) -> Any:
        return GraphModule(self, copy.deepcopy(self.graph), type(self).__name__)

    def __reduce__(self) -> Any:
        nodes = [(n.name, n.op, n.target, n.args, n.kwargs, n.type) for n in self.graph.nodes]
        packed = [(name, op, target, _packed(args), _packed(kwargs), kind) for name, op, target, args, kwargs, kind in nodes]
        return _unpickled, (type(self).__name__, self._held(), packed)

    def _held(self) -> dict[str, Any]:
        """The module's state without its graph and code."""
        state: dict[str, Any] = self.__getstate__()  # type: ignore[assignment]
        return {name: value for name, value in state.items() if name not in ("_graph", "_code")}

    def __str__(self) -> str:
        return "\n".join([super().__repr__(), self.code, "# To see more debug info, please use `graph_module.print_readable()`"])


class Reference:
    """A node among the arguments of a pickled graph, by its name."""

    def __init__(self, name: str):
        self.name = name


def _packed(value: Any) -> Any:
    if isinstance(value, Node):
        return Reference(value.name)
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return (tuple if isinstance(value, tuple) else list)(_packed(each) for each in value)
    if isinstance(value, dict):
        return {key: _packed(each) for key, each in value.items()}
    return slice(_packed(value.start), _packed(value.stop), _packed(value.step)) if isinstance(value, slice) else value


def _unpacked(value: Any, known: dict[str, Node]) -> Any:
    if isinstance(value, Reference):
        return known[value.name]
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return (tuple if isinstance(value, tuple) else list)(_unpacked(each, known) for each in value)
    if isinstance(value, dict):
        return {key: _unpacked(each, known) for key, each in value.items()}
    if isinstance(value, slice):
        return slice(*(_unpacked(each, known) for each in (value.start, value.stop, value.step)))
    return value


def _unpickled(class_name: str, held: dict[str, Any], nodes: list[Any]) -> GraphModule:
    graph = Graph()
    known: dict[str, Node] = {}
    for name, op, target, args, kwargs, kind in nodes:
        known[name] = graph.create_node(op, target, _unpacked(args, known), _unpacked(kwargs, known), name, kind)
    made = GraphModule.__new__(GraphModule)
    Module.__init__(made)
    type(made).__name__ = class_name
    made.__setstate__(held)
    made.graph = graph
    return made
