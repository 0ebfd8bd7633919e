"""`torch.fx.experimental.proxy_tensor`: the graph of what a function does with examples of its arguments."""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable
from typing import Any

from ...core import modes, override, trees
from ...core.lifted import Lifted
from ...core.origin import located
from ...core.override import TorchFunctionMode
from ...core.refused import refused
from ...core.tensor import Tensor
from ...nn import Module, Parameter
from ..graph import Graph
from ..graph_module import GraphModule
from ..node import Node, map_aggregate

globals().update(refused(__name__, override.NO_DISPATCH, classes="ProxyTorchDispatchMode"))

_OUT = frozenset("item tolist numpy __array__ __bool__ __float__ __int__ __index__ __complex__".split())  # what lets elements out
_NEVER = frozenset("__repr__ __format__".split())
_OPERATORS: dict[str, Callable[..., Any]] = {"__getitem__": operator.getitem, "__setitem__": operator.setitem}
_drawing: list[Any] = []  # the graphs that are being drawn, the innermost last


def get_proxy_mode() -> Any:
    """What draws the graph of the function that runs now; None if no graph is being drawn."""
    return _drawing[-1] if _drawing else None


class _Drawing(TorchFunctionMode):
    """Writes the calls that it is told into a graph, beside running them."""

    def __init__(self) -> None:
        self.graph, self.root = Graph(), Module()
        self.nodes: dict[int, Node] = {}  # of tensors, by identity
        self.alive: list[Tensor] = []
        self.constants = {"_tensor_constant": 0, "_param_constant": 0}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func.__name__
        if name in _OUT and id(args[0]) in self.nodes:
            raise RuntimeError(
                located(
                    f"make_fx(): {name} asks for elements of a tensor that follows from the function's arguments, so what the function does"
                    " would depend on them: a graph is the same for all elements"
                )
            )
        result = func(*args, **kwargs)
        if name in _NEVER or not (self._tensors(result) or (result is None and self._has_effects(func, name))):
            return result
        self._name(result, self._node(func, name, args, kwargs))
        return result

    @staticmethod
    def _tensors(value: Any) -> list[Tensor]:
        return [each for each in trees.leaves(value) if isinstance(each, Tensor)]

    @staticmethod
    def _has_effects(func: Any, name: str) -> bool:
        return func is modes._set_grad_enabled or name in ("__setitem__", "__set__", "backward") or name.endswith("_")

    def _node(self, func: Any, name: str, args: Any, kwargs: Any) -> Node:
        args, kwargs = self.written(tuple(args)), self.written(kwargs)
        if name in ("__get__", "__set__"):
            attribute = next(each for each, held in Tensor.__dict__.items() if held is func.__self__)
            accessor: Callable[..., Any] = getattr if name == "__get__" else setattr
            return self.graph.call_function(accessor, (args[0], attribute, *args[1:]), name=attribute)
        if name in _OPERATORS and Tensor.__dict__[name] is func:
            return self.graph.call_function(_OPERATORS[name], args)
        if Tensor.__dict__.get(name) is func:
            return self.graph.call_method(name, args, kwargs)
        return self.graph.call_function(func, args, kwargs)

    def _name(self, result: Any, node: Node) -> None:
        """Have later nodes refer to `node` for the tensors of a result, or to items of it."""
        if isinstance(result, Tensor):
            self.nodes[id(result)] = node
            self.alive.append(result)
            node.meta["val"] = result.detach()
        elif isinstance(result, (tuple, list)):
            for i, each in enumerate(result):
                if self._tensors(each):
                    self._name(each, self.graph.call_function(operator.getitem, (node, i)))
        elif isinstance(result, dict):
            for key, each in result.items():
                if self._tensors(each):
                    self._name(each, self.graph.call_function(operator.getitem, (node, key)))

    def written(self, value: Any) -> Any:
        """A nest with nodes for the tensors in it; those that no node gave become attributes of the module."""
        return map_aggregate(value, lambda each: self._of(each) if isinstance(each, Tensor) else each)

    def _of(self, tensor: Tensor) -> Node:
        node = self.nodes.get(id(tensor))
        if node is None:
            if isinstance(tensor._held, Lifted):
                raise RuntimeError(located("make_fx(): within a transform such as vjp() no graph is drawn: draw one of the whole function"))
            kind = "_param_constant" if isinstance(tensor, Parameter) else "_tensor_constant"
            path = f"{kind}{self.constants[kind]}"
            self.constants[kind] += 1
            with modes.no_grad():
                setattr(self.root, path, tensor)
            node = self.nodes[id(tensor)] = self.graph.get_attr(path)
            self.alive.append(tensor)
        return node

    def draw_whole(self, function: Callable[..., Any], name: str, args: Any, kwargs: Any) -> Any:
        """What a function gives, whose call becomes one node: a derivative, or a function over batches.

        Variables of enclosing functions that hold tensors of the graph are arguments of the node too. RuntimeError if it reaches such
        tensors in another way.
        """
        functions = [function, *(each for each in trees.leaves((args, kwargs)) if callable(each))]
        reached = {id(cell): cell for each in functions for cell in _cells(each)}.values()
        cells = [cell for cell in reached if any(id(each) in self.nodes for each in self._tensors(cell.cell_contents))]
        held = [cell.cell_contents for cell in cells]
        watching = _Watching(self.nodes.keys() - {id(each) for each in self._tensors((args, kwargs, held))}, name)
        before, modes.settings.function_modes = modes.settings.function_modes, []
        try:
            with watching:
                result = function(*args, **kwargs)
        finally:
            modes.settings.function_modes = before
        target, given = (_with_variables(function, cells), (held, *args)) if cells else (function, tuple(args))
        node = self.graph.create_node("call_function", target, self.written(given), self.written(kwargs), name)
        self._name(result, node)
        if isinstance(result, tuple) and any(map(callable, result)):
            return tuple(self._drawn(each, node, i) if callable(each) else each for i, each in enumerate(result))
        return result

    def _drawn(self, function: Callable[..., Any], node: Node, index: int) -> Callable[..., Any]:
        """A function that a node gave, whose calls become nodes as well."""
        itself = self.graph.call_function(operator.getitem, (node, index))

        def called(*args: Any, **kwargs: Any) -> Any:
            before, modes.settings.function_modes = modes.settings.function_modes, []
            try:
                result = function(*args, **kwargs)
            finally:
                modes.settings.function_modes = before
            self._name(result, self.graph.call_function(operator.call, (itself, *self.written(args)), self.written(kwargs)))
            return result

        return called

    def given(self, name: str, value: Any) -> None:
        """An argument of the function: a placeholder, and nodes for the tensors in it."""
        self._name(value, self.graph.placeholder(name))


class _Watching(TorchFunctionMode):
    """RuntimeError where one of these tensors, by identity, is used."""

    def __init__(self, tensors: Any, name: str):
        self.tensors, self.name = tensors, name

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if any(id(each) in self.tensors for each in trees.leaves((args, kwargs or {}))):
            message = "which follows from the arguments, by an attribute or a global variable: give it as an argument"
            raise RuntimeError(located(f"make_fx(): a function in {self.name}() reaches a tensor, {message}"))
        return func(*args, **(kwargs or {}))


def _cells(function: Any, seen: set[int] | None = None) -> list[Any]:
    """The variables of enclosing functions that a function, and those among them that are functions, may read."""
    seen = set() if seen is None else seen
    found = []
    for cell in getattr(function, "__closure__", None) or ():
        if id(cell) not in seen:
            seen.add(id(cell))
            try:
                value = cell.cell_contents
            except ValueError:  # it is not set yet
                continue
            found += [cell, *_cells(value, seen)]
    return found


def _with_variables(function: Callable[..., Any], cells: list[Any]) -> Callable[..., Any]:
    """The function, whose first argument is what these variables hold while it runs."""

    def call(held: list[Any], *args: Any, **kwargs: Any) -> Any:
        before = [cell.cell_contents for cell in cells]
        try:
            for cell, value in zip(cells, held, strict=True):
                cell.cell_contents = value
            return function(*args, **kwargs)
        finally:
            for cell, value in zip(cells, before, strict=True):
                cell.cell_contents = value

    return call


def _argument_names(function: Callable[..., Any], count: int) -> list[str]:
    """What the arguments are called: `x_1` for `x`."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    plain = [each.name for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    return [f"{plain[i] if i < len(plain) else f'arg{i}'}_1" for i in range(count)]


def make_fx(
    f: Callable[..., Any], decomposition_table: Any = None, tracing_mode: str = "real", _allow_non_fake_inputs: bool = False, *,
    pre_dispatch: bool = False, record_module_stack: bool = False, _allow_fake_constant: bool = False,
    _error_on_data_dependent_ops: bool = True, record_stack_traces: bool = False, proxy_module_inputs: bool = False,
    _disable_torch_fn_metadata_mode: bool = False,
) -> Callable[..., GraphModule]:  # fmt: skip
    """A function that runs `f` once on examples of its arguments, and returns what it did as a module.

    The module's nodes are the calls of PyTorch's functions and methods; a function of `torch.func` or vmap is one node. Numbers and shapes
    are those of the examples, whatever `tracing_mode` is. Tensors that are no arguments are attributes of the module.

    Raises:
        RuntimeError: `f` asks for elements of a tensor, as a branch on them does; `decomposition_table` has entries.

    >>> from pedigrad.fx.experimental.proxy_tensor import make_fx
    >>> make_fx(lambda x: torch.sin(x) * 2)(torch.ones(2))(torch.zeros(2))
    tensor([0., 0.])
    """
    if decomposition_table:
        raise RuntimeError(
            located("make_fx(): operations are not those that decompositions are written for: leave decomposition_table out")
        )
    if tracing_mode not in ("real", "fake", "symbolic"):
        raise AssertionError(f"Unexpected tracing type: {tracing_mode}")

    @functools.wraps(f)
    def drawn(*args: Any) -> GraphModule:
        drawing = _Drawing()
        for name, value in zip(_argument_names(f, len(args)), args, strict=True):
            drawing.given(name, value)
        _drawing.append(drawing)
        try:
            with drawing:
                result = f(*args)
        finally:
            _drawing.pop()
        drawing.graph.output(drawing.written(result))
        return GraphModule(drawing.root, drawing.graph, getattr(f, "__name__", type(f).__name__))

    return drawn
