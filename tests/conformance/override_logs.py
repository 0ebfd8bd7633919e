"""What `__torch_function__` of a class, or of a mode, is told during one call."""

import ast
import copy
import importlib
import io
import math
import operator

import numpy as np


def kind(value):
    """The kind of an argument, of lists and tuples that of their items too."""
    if isinstance(value, (list, tuple)) and type(value).__name__ in ("list", "tuple", "Size"):
        return [type(value).__name__, *map(kind, value)]
    return "function" if callable(value) and not isinstance(value, type) else type(value).__name__


def logs(library, call, by):
    """The functions that were told, each by its resolved name with the kinds of its arguments, and the kind of the result or the error."""
    torch, overrides = library, importlib.import_module(library.__name__ + ".overrides")
    log = []

    def note(func, types, args, kwargs):
        name = (overrides.resolve_name(func) or func.__name__).replace("torch.spmm", "torch.mm")  # one function in PyTorch
        log.append(
            (name, sorted(each.__name__ for each in types), [*map(kind, args)], {key: kind(each) for key, each in (kwargs or {}).items()})
        )

    class Logged(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            note(func, types, args, kwargs)
            return super().__torch_function__(func, types, args, kwargs)

    class Logging(overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            note(func, types, args, kwargs)
            return func(*args, **(kwargs or {}))

    torch.manual_seed(0)
    made = {
        "x": torch.tensor([[2.0, 1.0, 0.5], [1.0, 3.0, 0.25], [0.5, 0.25, 4.0]]),
        "y": torch.full((3, 3), 0.5), "v": torch.tensor([1.0, -1.0, 1.0]),
        "i": torch.tensor([0, 2, 1]), "b": torch.tensor([[True, False, True]] * 3), "s": torch.tensor(2.0), "img": torch.randn(1, 1, 4, 4),
        "r": torch.ones(3, 3),
    }  # fmt: skip
    if by == "class":
        made = {name: value.as_subclass(Logged) for name, value in made.items()}
    made["r"].requires_grad_()

    def graded(switch):
        with switch:
            return None

    def set_(target, name, value):
        setattr(target, name, value)

    scope = {
        **made, "t": torch.full((3, 3), 2.0), "torch": torch, "F": torch.nn.functional, "nn": torch.nn, "np": np, "copy": copy, "io": io,
        "math": math, "operator": operator, "set_": set_, "zip_": lambda a, b: list(zip(a, b, strict=True)), "divmod_": divmod,
        "graded": graded,
    }  # fmt: skip
    tree = ast.parse(call)
    made_first = getattr(getattr(tree.body[0], "value", None), "func", None)
    if isinstance(made_first, ast.Call):  # a module: what it is made of is not told
        scope["module"] = eval(ast.unparse(made_first), scope)
        tree.body[0].value.func = ast.Name("module", ast.Load())
    expression = isinstance(tree.body[0], ast.Expr)
    code = compile(ast.unparse(tree), "<call>", "eval" if expression else "exec")
    log.clear()
    try:
        if by == "class":
            result = eval(code, scope) if expression else exec(code, scope)
        else:
            with Logging():
                result = eval(code, scope) if expression else exec(code, scope)
        ended = kind(result)
    except Exception as error:
        ended = "raises " + type(error).__name__
    return [*log, ended]
