"""`torch.fx._symbolic_trace`: run a module once on proxies, and have what it did as a graph."""

from __future__ import annotations

import builtins
import functools
import inspect
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any

from ..core import override
from ..core.tensor import Tensor
from ..nn import Module, Parameter, Sequential
from .graph import Graph
from .graph_module import GraphModule
from .node import Argument, map_aggregate
from .proxy import ParameterProxy, Proxy, TracerBase

_wrapped: dict[tuple[int, str], tuple[dict[str, Any], str]] = {}
_drawing = {"now": 0}


def is_fx_tracing() -> bool:
    """Whether a graph is being drawn."""
    return _drawing["now"] > 0


def wrap(fn_or_name: str | Callable[..., Any]) -> Any:
    """What was given: a function of the calling module, whose calls with proxies stay one node. It is called at the top of a module.

    Raises:
        RuntimeError: it is neither a function nor a name.
        NotImplementedError: it is not called at the top of a module.
    """
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError("Unsupported type for global function! Must be either a callable or string name")
    frame = sys._getframe(1)
    if frame.f_code.co_name != "<module>":
        raise NotImplementedError("wrap must be called at the top level of a module")
    name = fn_or_name if isinstance(fn_or_name, str) else fn_or_name.__name__
    _wrapped[id(frame.f_globals), name] = (frame.f_globals, name)
    return fn_or_name


def _assert_is_none(value: Any, msg: str) -> None:
    """AssertionError unless a value is None."""
    if value is not None:
        raise AssertionError(msg)


def _recorded(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which becomes a node where a proxy is among its arguments."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        found: list[Proxy] = []
        map_aggregate((args, kwargs), lambda each: found.append(each) if isinstance(each, Proxy) else None)
        if not found:
            return function(*args, **kwargs)
        proxy = found[0].tracer.create_proxy("call_function", function, args, kwargs)
        proxy.node.meta["is_wrapped"] = True  # the generated code wraps it again, for whoever draws the graph of that
        return proxy

    return call


def _names(function: Any) -> tuple[str, ...]:
    """The names of a function's arguments as its code has them: those by position, those by name, *args, **kwargs."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return () if code is None else code.co_varnames


def _all_by_position(function: Any) -> Any:
    """The function; for one with arguments by name, *args or **kwargs, the same code as a function that takes each by position."""
    code = getattr(function, "__code__", None)
    if not isinstance(function, FunctionType) or code is None:
        return function
    flags = code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    if not flags and not code.co_kwonlyargcount:
        return function
    count = code.co_argcount + code.co_kwonlyargcount + bool(flags & inspect.CO_VARARGS) + bool(flags & inspect.CO_VARKEYWORDS)
    changed = code.replace(co_argcount=count, co_posonlyargcount=0, co_kwonlyargcount=0, co_flags=code.co_flags & ~flags)
    return FunctionType(changed, function.__globals__, function.__name__, None, function.__closure__)


class Tracer(TracerBase):
    """Draws graphs of modules. Modules of `torch.nn` stay whole; override `is_leaf_module` to say otherwise.

    Args:
        autowrap_modules: modules whose functions stay whole where a proxy is given.
        autowrap_functions: functions that do.
        param_shapes_constant: whether shapes of parameters are numbers.
    """

    def __init__(
        self, autowrap_modules: tuple[ModuleType, ...] = (math,), autowrap_functions: tuple[Callable[..., Any], ...] = (),
        param_shapes_constant: bool = False,
    ):  # fmt: skip
        super().__init__()
        self.wrapped = {f for m in autowrap_modules for n, f in vars(m).items() if not n.startswith("_") and callable(f)}
        self.wrapped |= set(autowrap_functions)
        self.autowrap_modules = autowrap_modules
        self.param_shapes_constant = param_shapes_constant
        self.tensor_attrs: dict[int, str] = {}
        self.submodule_paths: dict[int, str] = {}

    def is_leaf_module(self, m: Module, module_qualified_name: str) -> bool:
        """Whether a call of a module stays one node: those of `torch.nn` do, but for Sequential."""
        outer, _, inner = type(m).__module__.partition(".")
        library = outer in ("torch", "pedigrad") and inner.startswith(("nn", "ao.nn"))
        return library and not isinstance(m, Sequential)

    def path_of_module(self, mod: Module) -> str:
        """The path of a submodule; NameError for another module."""
        if id(mod) in self.submodule_paths:
            return self.submodule_paths[id(mod)]
        raise NameError("module is not installed as a submodule")

    def call_module(self, m: Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What a call of a submodule gives while the graph is drawn: a node, or what its forward does with proxies."""
        path = self.path_of_module(m)
        if self.is_leaf_module(m, path):
            return self.create_proxy("call_module", path, args, kwargs)
        return forward(*args, **kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """What the program is given where it asks a module for an attribute: a proxy of a parameter."""
        buffers = self.proxy_buffer_attributes and isinstance(attr_val, Tensor)
        path = self.tensor_attrs.get(id(attr_val)) if isinstance(attr_val, Parameter) or buffers else None
        if path is None:
            return attr_val
        if path not in parameter_proxy_cache:
            made = (lambda node: ParameterProxy(self, node, path, attr_val)) if self.param_shapes_constant else None
            parameter_proxy_cache[path] = self.create_proxy("get_attr", path, (), {}, proxy_factory_fn=made)
        return parameter_proxy_cache[path]

    def create_arg(self, a: Any) -> Argument:
        """What stands for a value among a node's arguments; parameters, buffers and other tensors become attributes of the module."""
        return map_aggregate(a, self._of_module)

    def _of_module(self, a: Any) -> Argument:
        if isinstance(a, Module) and id(a) in self.submodule_paths:
            return self.create_node("get_attr", self.submodule_paths[id(a)], (), {})
        if not isinstance(a, Tensor):
            return self._argument(a)
        path = self.tensor_attrs.get(id(a))
        if path is None:
            if isinstance(a, Parameter):
                raise NameError("parameter is not a member of this module")
            number = 0
            while hasattr(self.root, f"_tensor_constant{number}"):
                number += 1
            path = f"_tensor_constant{number}"
            self.tensor_attrs[id(a)] = path
            setattr(self.root, path, a)
        return self.create_node("get_attr", path, (), {})

    def trace(self, root: Module | Callable[..., Any], concrete_args: dict[str, Any] | None = None) -> Graph:
        """The graph of a module or a function; those arguments in `concrete_args` are what is given there.

        TraceError where the program branches on a value that is not known.
        """
        if isinstance(root, Module):
            self.root, function = root, type(root).forward
            self.submodule_paths = {id(module): name for name, module in root.named_modules(remove_duplicate=True)}
        else:
            self.root, function = Module(), root
            self.submodule_paths = {}
        plain = _all_by_position(function)
        self.tensor_attrs = self._tensors()
        self.graph = Graph(tracer_cls=type(self))
        self.drawing = True
        override.install(for_good=False)
        _drawing["now"] += 1
        try:
            with self._patched(function):
                result = plain(*self._placeholders(function, isinstance(root, Module), concrete_args or {}))
            annotated = inspect.get_annotations(function).get("return") if plain is function else None
            self.create_node("output", "output", (self.create_arg(result),), {}, type_expr=annotated)
        finally:
            _drawing["now"] -= 1
            override.uninstall()
            self.drawing = False
            self.submodule_paths = {}
        return self.graph

    def _tensors(self) -> dict[int, str]:
        found: dict[int, str] = {}
        for outer, module in self.root.named_modules():
            held = [*module._parameters.items(), *module._buffers.items(), *vars(module).items()]
            for name, value in held:
                if isinstance(value, Tensor):
                    found.setdefault(id(value), f"{outer}.{name}" if outer else name)
        return found

    def _placeholders(self, function: Any, method: bool, concrete: dict[str, Any]) -> list[Any]:
        """Proxies of the arguments, in the order of their names in the function's code."""
        parameters = list(inspect.signature(function).parameters.values())
        given: dict[str, Any] = {}
        order = {name: i for i, name in enumerate(_names(function))}
        for each in sorted(parameters[1:] if method else parameters, key=lambda each: order.get(each.name, 0)):
            star = "*" if each.kind is each.VAR_POSITIONAL else "**" if each.kind is each.VAR_KEYWORD else ""
            kind = None if each.annotation is each.empty or star else each.annotation
            default = () if each.default is each.empty else (each.default,)
            if each.name in concrete:
                given[each.name] = concrete[each.name]
                proxy = self.create_proxy("placeholder", f"{each.name}_1", default, {}, type_expr=kind)
                self._specialized(each.name, concrete[each.name], proxy)
            else:
                name = f"_{each.name}" if star else None
                given[each.name] = self.create_proxy("placeholder", f"{star}{each.name}", default, {}, name, kind)
        return [*([self.root] if method else []), *given.values()]

    def _specialized(self, name: str, value: Any, proxy: Any) -> None:
        """Nodes that say so if a graph is given another value than the one it was drawn for."""
        package = self.graph.python_code("self").globals["torch"]
        if value is None:
            message = f"{name} has been specialized to have value None but got another value"
            self.create_proxy("call_function", _assert_is_none, (proxy, message), {})
        elif isinstance(value, (bool, int, float, str)):
            message = f"{name} has been specialized to have value {value} but got another value"
            self.create_proxy("call_function", package._assert, (proxy == value, message), {})

    @contextmanager
    def _patched(self, function: Any) -> Iterator[None]:
        """Calls and attributes of modules, and wrapped functions, as they are while the graph is drawn."""
        plain_call = Module.__call__
        cache: dict[str, Any] = {}

        def call(module: Any, *args: Any, **kwargs: Any) -> Any:
            return self.call_module(module, lambda *a, **k: plain_call(module, *a, **k), args, kwargs)

        def attribute(module: Any, name: str) -> Any:
            value = object.__getattribute__(module, name)
            return self.getattr(name, value, cache) if isinstance(value, Tensor) else value

        before: list[tuple[dict[str, Any], str, bool, Any]] = []

        def patch(scope: dict[str, Any], name: str, value: Any) -> None:
            before.append((scope, name, name in scope, scope.get(name)))
            scope[name] = _recorded(value)

        for scope, name in _wrapped.values():
            found = scope.get(name, getattr(builtins, name, None))
            if found is not None:
                patch(scope, name, found)
        scope = getattr(inspect.unwrap(function), "__globals__", {})
        known = {name for each, name, *_ in before if each is scope}
        for name, value in list(scope.items()):
            if name not in known and inspect.isroutine(value) and value in self.wrapped:
                patch(scope, name, value)
        modules = [(m, n, f) for m in self.autowrap_modules for n, f in vars(m).items() if not n.startswith("_") and callable(f)]
        for module, name, _ in modules:
            patch(vars(module), name, vars(module)[name])
        Module.__call__, Module.__getattribute__ = call, attribute  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            Module.__call__ = plain_call  # type: ignore[method-assign]
            del Module.__getattribute__
            for scope, name, there, value in reversed(before):
                if there:
                    scope[name] = value
                else:
                    del scope[name]


def symbolic_trace(root: Module | Callable[..., Any], concrete_args: dict[str, Any] | None = None) -> GraphModule:
    """The module that does what `root`, a module or a function, does, with its program as a graph.

    Args:
        root: it is run once, on proxies. Modules of `torch.nn` stay whole.
        concrete_args: values of arguments by which the program branches.

    Raises:
        TraceError: the program branches on a value that is not known.

    >>> module = torch.fx.symbolic_trace(lambda x: torch.relu(x) + 1)
    >>> [node.name for node in module.graph.nodes]
    ['x', 'relu', 'add', 'output']
    >>> module(torch.tensor([-1.0, 2.0]))
    tensor([1., 3.])
    """
    tracer = Tracer()
    graph = tracer.trace(root, concrete_args)
    name = type(root).__name__ if isinstance(root, Module) else getattr(root, "__name__", "GraphModule")
    return GraphModule(tracer.root, graph, name)
