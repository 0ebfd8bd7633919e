"""How PyTorch's functions may be called: their parameters, read from its stubs, its schemas and its Python code."""

from __future__ import annotations

import ast
import functools
import inspect
import pathlib
from dataclasses import dataclass
from typing import Any

import torch

REQUIRED = inspect.Parameter.empty


@dataclass(frozen=True)
class Parameter:
    """One parameter: `kind` is the annotation's text, `keyword` that it is keyword-only, `star` that it is `*sizes`."""

    name: str
    kind: str
    default: Any = REQUIRED
    keyword: bool = False
    star: bool = False


Form = tuple[Parameter, ...]
SPACES: dict[str, Any] = {"torch": torch, "linalg": torch.linalg, "special": torch.special, "functional": torch.nn.functional}


@functools.cache
def stubs(name: str) -> dict[str, list[Form]]:
    """The overloads of each function in one of PyTorch's stub files; of the methods in the class `TensorBase`."""
    tree = ast.parse((pathlib.Path(torch.__file__).parent / "_C" / name).read_text())
    bodies = [node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "TensorBase"] or [tree.body]
    found: dict[str, list[Form]] = {}
    for node in bodies[0]:
        if isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, []).append(_form(node.args))
    return found


def _form(args: ast.arguments) -> Form:
    positional = args.posonlyargs + args.args
    defaults = [None] * (len(positional) - len(args.defaults)) + list(args.defaults)
    form = [_parameter(a, d, False) for a, d in zip(positional, defaults, strict=True)]
    if args.vararg:
        form.append(Parameter(args.vararg.arg, _text(args.vararg.annotation), star=True))
    return (*form, *(_parameter(a, d, True) for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True)))


def _text(node: ast.expr | None) -> str:
    return ast.unparse(node) if node is not None else "Any"


def _parameter(arg: ast.arg, default: ast.expr | None, keyword: bool) -> Parameter:
    try:
        value = REQUIRED if default is None else ast.literal_eval(default)
    except ValueError:  # a name: `strided`, `inf`
        value = getattr(torch, ast.unparse(default), ast.unparse(default)) if default is not None else REQUIRED
    return Parameter(arg.arg, _text(arg.annotation), value, keyword)


SCHEMA_KINDS = {"int": "_int", "float": "_float", "bool": "_bool", "number": "Number", "Scalar": "Number", "str": "str", "Tensor": "Tensor"}


@functools.cache
def schemas() -> dict[str, list[Form]]:
    """The overloads of each operator of PyTorch, `self` called `input` as in Python; out= is a parameter `out`."""
    found: dict[str, list[Form]] = {}
    for schema in torch._C._jit_get_all_schemas():
        if schema.name.startswith("aten::") and not schema.name.startswith("aten::_"):
            names = [a for a in schema.arguments if not a.is_out]
            form = [
                Parameter(
                    {"self": "input"}.get(a.name, a.name), str(a.type), a.default_value if a.has_default_value() else REQUIRED, a.kwarg_only
                )
                for a in names
            ]
            if len(names) < len(schema.arguments):
                form.append(Parameter("out", "Tensor", None, True))
            found.setdefault(schema.name.removeprefix("aten::"), []).append(tuple(form))
    return found


def of_python(function: Any) -> Form | None:
    """The parameters of a function or class written in Python; None if they cannot be told."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    kinds = inspect.Parameter
    return tuple(
        Parameter(p.name, str(p.annotation), p.default, p.kind is kinds.KEYWORD_ONLY, p.kind is kinds.VAR_POSITIONAL)
        for p in parameters
        if p.kind is not kinds.VAR_KEYWORD
    )


def forms(space: str, name: str) -> list[Form]:
    """The overloads of PyTorch's function of that name."""
    if space == "Tensor":
        function = getattr(torch.Tensor, name)
        if inspect.isfunction(function):
            return [f for f in [of_python(function)] if f]
        return stubs("__init__.pyi").get(name, [])
    function = getattr(SPACES[space], name)
    if inspect.isfunction(function) and not hasattr(function, "__torch_script_overloads__"):
        form = of_python(inspect.unwrap(function))
        if form is not None and not (len(form) == 1 and form[0].star):
            return [form]
    if space == "torch" and name in stubs("_VariableFunctions.pyi"):
        return stubs("_VariableFunctions.pyi")[name]
    prefix = {"linalg": "linalg_", "special": "special_"}.get(space, "")
    builtin = getattr(function, "__name__", name)
    return schemas().get(prefix + name) or schemas().get(builtin) or stubs("_VariableFunctions.pyi").get(name, [])


def public(space: str) -> list[str]:
    """The names of the functions (of the methods) in one of PyTorch's namespaces."""
    where = torch.Tensor if space == "Tensor" else SPACES[space]
    names = [n for n in dir(where) if not n.startswith("_")]
    return [n for n in names if callable(getattr(where, n)) and not isinstance(getattr(where, n), type)]
