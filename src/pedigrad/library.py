"""`torch.library`: operations that users define, found as `torch.ops.<namespace>.<name>`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from .autograd.function import Function
from .core.device import device
from .core.dtypes import dtype
from .core.origin import located
from .core.tensor import Tensor
from .ops.namespaces import NAMESPACES, Namespace

__all__ = [
    "CustomOpDef", "Library", "custom_op", "define", "get_ctx", "impl", "impl_abstract", "infer_schema", "opcheck", "register_autograd",
    "register_fake", "register_kernel", "triton_op",
]  # fmt: skip

_EMPTY = Namespace("")
_TYPES: dict[Any, str] = {Tensor: "Tensor", int: "SymInt", float: "float", bool: "bool", str: "str", None: "()", type(None): "()"}
_TYPES |= {dtype: "ScalarType", device: "Device"}


def infer_schema(prototype_function: Callable[..., Any], /, *, mutates_args: Any, op_name: str | None = None) -> str:
    """The schema of a function by its annotations: "(Tensor x, float y) -> Tensor"."""
    parts: list[str] = []
    for parameter in inspect.signature(prototype_function, eval_str=True).parameters.values():
        if parameter.annotation is inspect.Parameter.empty:
            raise ValueError(located(f"infer_schema(func): Parameter {parameter.name} must have a type annotation."))
        text = _type_name(parameter.annotation)
        if mutates_args == "unknown" or parameter.name in mutates_args:
            text = text.replace("Tensor", f"Tensor(a{len(parts)}!)", 1)
        default = "" if parameter.default is inspect.Parameter.empty else f"={_shown(parameter.default)}"
        parts.append(f"{text} {parameter.name}{default}")
    result = inspect.signature(prototype_function, eval_str=True).return_annotation
    arguments = getattr(result, "__args__", ()) if getattr(result, "__origin__", None) is tuple else ()
    returned = f"({', '.join(map(_type_name, arguments))})" if arguments else _type_name(result)
    return f"{op_name or ''}({', '.join(parts)}) -> {returned}"


def _shown(default: Any) -> str:
    """A default as schemas have it."""
    if isinstance(default, (str, device)):
        return f'"{default}"'
    return str(default).removeprefix("torch.") if isinstance(default, dtype) else str(default)


def _type_name(annotation: Any) -> str:
    if annotation in _TYPES:
        return _TYPES[annotation]
    members = [each for each in getattr(annotation, "__args__", ()) if each is not type(None)]
    if len(members) == 1 and type(None) in annotation.__args__:
        return _type_name(members[0]) + "?"
    text = str(annotation)
    names = {"pedigrad.core.tensor.": "", "typing.": "", "collections.abc.": ""}
    for old, new in names.items():
        text = text.replace(old, new)
    if text.startswith(("List[", "list[", "Sequence[", "tuple[", "Tuple[")):
        inner = annotation.__args__[0] if getattr(annotation, "__args__", ()) else text.partition("[")[2].rstrip("]").partition(",")[0]
        return f"{_type_name(inner)}[]"
    return text


class CustomOpDef:
    """An operation that a user has defined. Calling it runs its kernel; what else it can do is registered by decorators."""

    def __init__(self, namespace: str, name: str, schema: str, fn: Callable[..., Any] | None, mutates_args: Any = ()):
        self._namespace, self._name, self._schema, self._mutates = namespace, name, schema, mutates_args
        self._qualname = f"{namespace}::{name}"
        self._kernel = fn
        self._fake: Any = None
        self._backward: Any = None
        self._setup: Any = None
        self._function: Any = None
        self.__name__ = self.__qualname__ = name
        self.default = self  # the overload of that name
        if fn is not None:
            functools.update_wrapper(self, fn)
        NAMESPACES.setdefault(namespace, Namespace(namespace)).operations[name] = self

    def __repr__(self) -> str:
        return f"<CustomOpDef({self._qualname})>"

    def overloads(self) -> list[str]:
        """The names of its overloads."""
        return ["default"]

    def register_kernel(self, device_types: Any, fn: Callable[..., Any] | None = None, /) -> Any:
        """Register what it does on the CPU; kernels for other devices are never run."""
        if fn is None:
            return functools.partial(self.register_kernel, device_types)
        devices = (device_types,) if isinstance(device_types, str) or device_types is None else device_types
        if any(each in (None, "cpu", "default") for each in devices):
            self._kernel = fn
        return fn

    def register_fake(self, fn: Callable[..., Any], /) -> Any:
        """Register what shapes its results have; nothing here asks for that."""
        self._fake = fn
        return fn

    register_abstract = register_fake

    def register_autograd(self, backward: Callable[..., Any], /, *, setup_context: Any = None) -> None:
        """Register `backward(ctx, *grads)` and what keeps for it what it needs, `setup_context(ctx, inputs, output)`."""
        self._backward, self._setup, self._function = backward, setup_context, None

    def register_vmap(self, func: Any = None) -> Any:
        """Remember a rule for `vmap`."""
        return func

    register_autocast = register_torch_dispatch = register_vmap

    def _as_function(self) -> Any:
        """The Function that runs it with its gradient."""
        if self._function is None:
            op = self

            class Run(Function):
                @staticmethod
                def forward(*args: Any) -> Any:
                    return op._run(args)

                @staticmethod
                def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
                    if op._setup is not None:
                        op._setup(ctx, inputs, output)

                @staticmethod
                def backward(ctx: Any, *grads: Any) -> Any:
                    if op._backward is None:
                        message = f"Trying to backward through {op._namespace}.{op._name}.default but no autograd formula was registered."
                        raise RuntimeError(located(f"{message} If you want one, use register_autograd."))
                    return op._backward(ctx, *grads)

            Run.__name__ = Run.__qualname__ = f"{self._namespace}_{self._name}"
            self._function = Run
        return self._function

    def _run(self, args: tuple[Any, ...]) -> Any:
        if self._kernel is None:
            message = f"Could not run '{self._qualname}' with arguments from the 'CPU' backend: no implementation was registered"
            raise NotImplementedError(located(message))
        return self._kernel(*args)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs and self._kernel is not None:
            bound = inspect.signature(self._kernel).bind(*args, **kwargs)
            bound.apply_defaults()
            args = (*bound.args, *bound.kwargs.values())
        if self._mutates or not any(isinstance(each, Tensor) and each.requires_grad for each in args):
            return self._run(args)
        return self._as_function().apply(*args)


def _split(qualname: str) -> tuple[str, str]:
    namespace, separator, name = qualname.partition("::")
    if not separator or not name:
        raise ValueError(located(f"Expected a name of the form 'namespace::name', got {qualname!r}"))
    return namespace, name.partition(".")[0]


def _found(op: Any) -> CustomOpDef:
    """The operation, given itself or its qualified name."""
    if isinstance(op, CustomOpDef):
        return op
    if not isinstance(op, str):
        raise ValueError(located(f"register_...({op}): got unexpected type for op: {type(op)}"))
    namespace, name = _split(op)
    try:
        return NAMESPACES[namespace].operations[name]
    except KeyError:
        raise RuntimeError(located(f"operator {op} does not exist: define it first, by torch.library.define or custom_op")) from None


def custom_op(
    name: str, fn: Callable[..., Any] | None = None, /, *, mutates_args: Any, device_types: Any = None, schema: str | None = None,
    tags: Any = None,
) -> Any:  # fmt: skip
    """A decorator, or with `fn` the operation itself, that makes a function the operation `namespace::name`.

    >>> import pedigrad as torch
    >>> @torch.library.custom_op("docs::twice", mutates_args=())
    ... def twice(x: torch.Tensor) -> torch.Tensor:
    ...     return 2 * x
    >>> torch.ops.docs.twice(torch.ones(2))
    tensor([2., 2.])
    """

    def define_it(fn: Callable[..., Any]) -> CustomOpDef:
        namespace, own = _split(name)
        return CustomOpDef(namespace, own, schema or infer_schema(fn, mutates_args=mutates_args), fn, mutates_args)

    return define_it if fn is None else define_it(fn)


triton_op = custom_op


def register_kernel(op: Any, device_types: Any, func: Any = None, /, *, lib: Any = None) -> Any:
    """Register what an operation does on the CPU."""
    return _found(op).register_kernel(device_types, func)


def register_fake(op: Any, func: Any = None, /, *, lib: Any = None, _stacklevel: int = 1, allow_override: bool = False) -> Any:
    """Register what shapes the results of an operation have.

    One that is not there, since its library is compiled for PyTorch, is left alone: nobody asks for its shapes.
    """
    if isinstance(op, str) and _split(op)[1] not in NAMESPACES.get(_split(op)[0], _EMPTY).operations:
        return (lambda fn: fn) if func is None else func
    return (lambda fn: _found(op).register_fake(fn)) if func is None else _found(op).register_fake(func)


impl_abstract = register_fake


def register_autograd(op: Any, backward: Any, /, *, setup_context: Any = None, lib: Any = None) -> None:
    """Register the gradient of an operation."""
    _found(op).register_autograd(backward, setup_context=setup_context)


def register_vmap(op: Any, func: Any = None, /, *, lib: Any = None) -> Any:
    """Remember a rule for `vmap` of an operation."""
    return (lambda fn: _found(op).register_vmap(fn)) if func is None else _found(op).register_vmap(func)


def define(qualname: str, schema: str, *, lib: Any = None, tags: Any = ()) -> None:
    """Declare the operation `namespace::name` with a schema; `impl` says what it does."""
    namespace, name = _split(qualname)
    CustomOpDef(namespace, name, schema, None)


def impl(qualname: str, types: Any, func: Any = None, *, lib: Any = None) -> Any:
    """Say what an operation does on the CPU."""
    types = (types,) if isinstance(types, str) else types
    types = [
        {"CPU": "cpu", "CompositeExplicitAutograd": "default", "CompositeImplicitAutograd": "default"}.get(each, each) for each in types
    ]
    return _found(qualname).register_kernel(types, func)


class Library:
    """Operations of one namespace, declared by `define` and done by `impl`."""

    def __init__(self, ns: str, kind: str, dispatch_key: str = ""):
        if kind not in ("IMPL", "DEF", "FRAGMENT"):
            raise ValueError(located(f"Unsupported kind: {kind}"))
        self.ns, self.kind, self.dispatch_key = ns, kind, dispatch_key
        self._own: list[str] = []

    def define(self, schema: str, alias_analysis: str = "", *, tags: Any = ()) -> str:
        """Declare an operation by its schema, "name(Tensor x) -> Tensor"; returns its name."""
        name = schema.partition("(")[0].strip()
        CustomOpDef(self.ns, name.partition(".")[0], schema, None)
        self._own.append(name)
        return name

    def impl(self, op_name: Any, fn: Any, dispatch_key: str = "", *, with_keyset: bool = False, allow_override: bool = False) -> None:
        """Say what an operation does for a dispatch key."""
        if not callable(fn):
            raise TypeError(located(f"Input function is required to be a callable but found type {type(fn)}"))
        name = op_name if isinstance(op_name, str) else op_name._name
        key = dispatch_key or self.dispatch_key or "CompositeImplicitAutograd"
        op = _found(name if "::" in name else f"{self.ns}::{name}")
        if key == "Meta":
            op.register_fake(fn)
        else:
            impl(op._qualname, key, fn)

    def _destroy(self) -> None:
        for name in self._own:
            NAMESPACES[self.ns].operations.pop(name.partition(".")[0], None)


class _ScopedLibrary:
    def __init__(self, *args: Any):
        self.library = Library(*args)

    def __enter__(self) -> Library:
        return self.library

    def __exit__(self, *exc: object) -> None:
        self.library._destroy()


_scoped_library = _ScopedLibrary


def get_ctx() -> Any:
    """RuntimeError: shapes are never worked out apart from values."""
    raise RuntimeError(located("get_ctx(): there is no context: results of operations are never worked out by shape alone"))


def opcheck(op: Any, args: tuple[Any, ...], kwargs: Any = None, **options: Any) -> dict[str, str]:
    """What was checked of an operation: that it runs."""
    op(*args, **(kwargs or {}))
    return {"test_schema": "SUCCESS"}
