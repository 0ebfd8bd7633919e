"""`torch.fx.proxy`: values that stand for nodes; what is done with them is written into a graph."""

from __future__ import annotations

import dis
import operator
import sys
from collections.abc import Callable, Iterator
from typing import Any

from ..core import override
from ..core.declare import PLACES
from ..core.device import device
from ..core.dtypes import dtype
from ..core.origin import located
from ..core.tensor import Tensor
from .codegen import INFIX
from .graph import Graph
from .node import Argument, Node, Target, map_aggregate


class TraceError(ValueError):
    """A graph could not be drawn."""


class TracerBase:
    """What makes nodes and proxies of a graph; `Tracer` is the one for modules."""

    graph: Graph
    record_stack_traces = False
    proxy_buffer_attributes = False
    trace_asserts = False
    root: Any = None
    drawing = False  # whether `trace` is running: operations ask proxies until it ends

    def create_node(
        self, kind: str, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Argument], name: Any = None, type_expr: Any = None
    ) -> Node:
        """A node of the graph; subclasses may change what becomes one."""
        return self.graph.create_node(kind, target, args, kwargs, name, type_expr)

    def proxy(self, node: Node) -> Proxy:
        """The value that stands for a node."""
        return Proxy(node, self)

    def create_proxy(
        self, kind: str, target: Target, args: tuple[Any, ...], kwargs: dict[str, Any], name: Any = None, type_expr: Any = None,
        proxy_factory_fn: Callable[[Node], Any] | None = None,
    ) -> Any:  # fmt: skip
        """A node, and the value that stands for it."""
        given, named = self.create_arg(tuple(args)), self.create_arg(dict(kwargs))
        node = self.create_node(kind, target, given, named, name, type_expr)
        return self.proxy(node) if proxy_factory_fn is None else proxy_factory_fn(node)

    def create_arg(self, a: Any) -> Argument:
        """What stands for a value among a node's arguments: nodes for proxies, numbers and the like as they are.

        NotImplementedError for what no graph can hold.
        """
        return map_aggregate(a, self._argument)

    def _argument(self, a: Any) -> Argument:
        if isinstance(a, Proxy):
            return a.node
        if isinstance(a, (Node, str, int, float, complex, bytes, dtype, device, range)) or a is None or a is Ellipsis or callable(a):
            return a
        if isinstance(a, Tensor) or type(a).__module__.startswith("pedigrad") or hasattr(type(a), "__members__"):
            return a
        raise NotImplementedError(f"argument of type: {type(a)}")

    def to_bool(self, obj: Proxy) -> bool:
        """Called where the program branches on a proxy: TraceError."""
        raise TraceError(located("symbolically traced variables cannot be used as inputs to control flow"))

    def iter(self, obj: Any) -> Iterator[Any]:
        """Called where the program goes through a proxy: as many items as it unpacks, otherwise TraceError."""
        frame = sys._getframe(2)
        code = list(dis.get_instructions(frame.f_code))
        here = next((i for i, each in enumerate(code) if each.offset == frame.f_lasti), None)
        if here is not None and code[here].opname == "UNPACK_SEQUENCE":
            return (obj[i] for i in range(code[here].argval))
        message = "Proxy object cannot be iterated. This can be attempted when the Proxy is used in a loop or as a *args or **kwargs"
        raise TraceError(located(f"{message} function argument. How many items there are is not known while a graph is drawn"))

    def keys(self, obj: Proxy) -> Any:
        """Called where the program asks a proxy for its keys, as `**proxy` does."""
        return Attribute(obj, "keys")()


class GraphAppendingTracer(TracerBase):
    """A tracer that writes into a graph that is there: what proxies have that somebody makes to edit a graph."""

    def __init__(self, graph: Graph):
        super().__init__()
        self.graph = graph


class Proxy:
    """A value that stands for a node. Operators, functions, methods and attributes of it become nodes; its value is not known."""

    node: Node
    tracer: TracerBase

    def __init__(self, node: Node, tracer: TracerBase | None = None):
        self.node, self.tracer = node, tracer if tracer is not None else GraphAppendingTracer(node.graph)
        if not self.tracer.drawing:
            override.made(Proxy)

    def __repr__(self) -> str:
        return f"Proxy({self.node.name})"

    def __getattr__(self, k: str) -> Attribute:
        if k.startswith("__") and k.endswith("__"):
            raise AttributeError(k)
        return Attribute(self, k)

    def __deepcopy__(self, memo: Any) -> Proxy:
        return type(self)(self.node, self.tracer)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.tracer.create_proxy("call_method", "__call__", (self, *args), kwargs)

    def __iter__(self) -> Iterator[Any]:
        return self.tracer.iter(self)

    def __bool__(self) -> bool:
        return self.tracer.to_bool(self)

    def __abs__(self) -> Any:
        return self.tracer.create_proxy("call_function", operator.abs, (self,), {})

    def __len__(self) -> int:
        raise RuntimeError(
            "'len' is not supported in symbolic tracing by default. If you want this call to be recorded, please call torch.fx.wrap('len')"
            " at module scope"
        )

    def keys(self) -> Any:
        """What the tracer says of the keys of this value."""
        return self.tracer.keys(self)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        kwargs = {} if kwargs is None else kwargs
        found: list[Proxy] = []
        map_aggregate((args, kwargs), lambda each: found.append(each) if isinstance(each, Proxy) else None)
        tracer = found[0].tracer
        name = getattr(func, "__name__", "")
        if is_method(func, name):
            return tracer.create_proxy("call_method", name, args, kwargs)
        return tracer.create_proxy("call_function", func, args, kwargs)


def is_method(func: Any, name: str) -> bool:
    """Whether a function is one of Tensor's that stands nowhere else."""
    elsewhere = PLACES["torch"].get(name) is func or PLACES["F"].get(name) is func
    return not elsewhere and getattr(Tensor, name, None) is func


class Attribute(Proxy):
    """An attribute of a proxy: a method if it is called, otherwise a node of its own."""

    def __init__(self, root: Proxy, attr: str):
        self.root, self.attr, self.tracer = root, attr, root.tracer
        self._made: Node | None = None

    @property
    def node(self) -> Node:  # type: ignore[override]
        """The node of the attribute, made when it is first needed."""
        if self._made is None:
            self._made = self.tracer.create_proxy("call_function", getattr, (self.root, self.attr), {}).node
        return self._made

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.tracer.create_proxy("call_method", self.attr, (self.root, *args), kwargs)


class ParameterProxy(Proxy):
    """A proxy of a parameter, whose shape is known."""

    def __init__(self, tracer: TracerBase, node: Node, name: str, param: Tensor):
        super().__init__(node, tracer)
        self.name, self.param = name, param

    @property
    def shape(self) -> Any:
        """The parameter's shape."""
        return self.param.shape

    def size(self, *dim: Any) -> Any:
        """The parameter's shape, or one size."""
        return self.param.size(*dim)

    def dim(self) -> int:
        """How many dimensions the parameter has."""
        return self.param.dim()

    @property
    def ndim(self) -> int:
        """How many dimensions the parameter has."""
        return self.param.ndim

    def numel(self) -> int:
        """How many elements the parameter has."""
        return self.param.numel()


def _operator(name: str, reflected: bool = False) -> Callable[..., Any]:
    function = getattr(operator, name)

    def method(self: Proxy, *args: Any) -> Any:
        return self.tracer.create_proxy("call_function", function, (*args, self) if reflected else (self, *args), {})

    method.__name__ = method.__qualname__ = f"__{'r' if reflected else ''}{name.strip('_')}__"
    return method


for _name in INFIX:
    setattr(Proxy, f"__{_name.strip('_')}__", _operator(_name))
    if _name not in ("eq", "ne", "lt", "gt", "le", "ge", "getitem", "pos", "neg", "invert"):
        setattr(Proxy, f"__r{_name.strip('_')}__", _operator(_name, reflected=True))
Proxy.__hash__ = object.__hash__  # type: ignore[method-assign, assignment]
