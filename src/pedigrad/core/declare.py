"""Declaring operations: what an Op is made into, and where it is published.

`elementwise`, `reduction`, `view`, `composite`, `kernel` and `sparse` are decorators of a forward (`core/op.py` says how one is written);
each gives the public function, whose code is generated when it is first called. `function` publishes what is written by hand above the ops.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

from . import dispatch, documentation, fastpath, inplace, modes, signatures
from .arrayless import NoArrayError
from .errors import MISSING
from .keywords import in_our_words, words_of
from .kinds import is_published
from .op import Function, Op
from .origin import MARK
from .tensor import Tensor
from .traces import trim

PLACES: dict[str, dict[str, Function]] = {}  # where public functions are found: "torch", "F", "linalg", ...
_MODULES = {"torch": "pedigrad", "Tensor": "pedigrad", "F": "pedigrad.nn.functional"}  # those of other places bear their names

for _name, _method in list(vars(Tensor).items()):  # what a tensor is, and does not compute
    if not _name.startswith("_"):
        setattr(Tensor, _name, signatures.known_as(_method, _name, "Tensor"))


def declared(op: Op) -> Function:
    """The public function of an op, published; its code is generated when it is first called (`fastpath.build`)."""
    module = op.forward.__module__
    namespace: dict[str, Any] = {"__name__": None, MARK: module, "__builtins__": __builtins__}
    namespace |= {"_op": op, "_build": fastpath.build, "_trim": trim}
    function: Any = types.FunctionType(_first_call.__code__, namespace, op.name)
    names = (*op.attributes, "out") if op.out else op.attributes
    function.__doc__ = documentation.completed(op.forward.__doc__, names, documentation.shape_of(op))
    function.__module__, function.__qualname__ = module, op.name
    function.op, function.grad = op, op.grad
    op.function, op.forms = function, [function]
    op.build, op.viewed = functools.partial(fastpath.build, op), functools.partial(dispatch.viewed, op)
    op.shown = functools.partial(dispatch.shown, op)
    if op.ufunc is not None:
        Tensor._numpy_functions[op.ufunc] = function
    _publish(op)
    return op.function


def _publish(op: Op) -> None:
    forms = {op.name: op.function}
    if op.inplace:
        forms[op.name + "_"] = inplace.inplace_form(op)
    for name, function in list(forms.items()):
        for alias in op.aliases:
            forms[alias + "_" * name.endswith("_")] = function
    for name, function in forms.items():
        for place in op.places:
            wrapped = op.wrapped and (place != "Tensor" or name in op.aliases) and function is op.function
            publish(taking_words(function, op.words) if wrapped else function, name, [place])
    for name in op.operators:
        setattr(Tensor, f"__{name}__", op.function)
        if op.inplace:
            setattr(Tensor, f"__i{name}__", forms[op.name + "_"])


def _first_call(*args: Any, **kwargs: Any) -> Any:
    try:
        return _build(_op)(*args, **kwargs)  # type: ignore[name-defined]  # noqa: F821
    except Exception as error:
        _trim(error)  # type: ignore[name-defined]  # noqa: F821
        raise


def publish(function: Function, name: str, places: list[str], form: str | None = None) -> None:
    """Make `function` available as `name` in these places; `Tensor` makes it a method. `form`: its signature, if Python cannot tell."""
    op: Any = getattr(function, "op", None)
    stub = op is not None and function.__globals__.get("_op") is op
    for place in places:
        if not is_published(name, place):
            continue
        known = signatures.known_as(function, name, place, form)
        if stub and known is not function:
            op.forms.append(known)
        if isinstance(known, types.FunctionType):
            known.__module__ = _MODULES.get(place) or f"pedigrad.{place}"  # pickles find it there
        PLACES.setdefault(place, {})[name] = known
        if place == "Tensor":
            setattr(Tensor, name, known)


def taking_words(written: Function, words: dict[str, str], short: Function | None = None) -> Function:
    """`written`, for users: its arguments may have these other names too. `short` is what a call with two operands alone comes to."""

    if short is not None:

        @functools.wraps(written)
        def shorter(input: Any = MISSING, other: Any = MISSING, *more: Any, **kwargs: Any) -> Any:
            if not (kwargs or more or other is MISSING):
                return short(input, other)
            named = in_our_words(kwargs, words, (), written.__name__)
            if input is MISSING or other is MISSING:
                given = (("input", input), ("other", other))
                return written(**{n: v for n, v in given if v is not MISSING}, **named)
            return written(input, other, *more, **named)

        return shorter

    @functools.wraps(written)
    def form(*args: Any, **kwargs: Any) -> Any:
        try:
            return written(*args, **in_our_words(kwargs, words, (), written.__name__)) if kwargs else written(*args)
        except NoArrayError as error:
            return error.instead(written.__name__, args, in_our_words(kwargs, words, (), written.__name__))
        except Exception:
            answer = modes.taken_over(written, args, kwargs)
            if answer is modes.NO_ANSWER:
                raise
            return answer

    return form


def function(
    places: str = "torch Tensor", *, name: str | None = None, aliases: tuple[str, ...] = (),
    takes: dict[str, str] = {}, short: Function | None = None, common: bool = True, form: str | None = None,  # noqa: B006
) -> Callable[[Function], Function]:  # fmt: skip
    """Publish a hand-written function over the ops: an overload, a default worked out, a loop.

    `takes` says by which further names its arguments may be given. A method's own tensor comes first, so methods of functions that
    have no other names than NumPy's for operands are published as they are. `short` is what a call with two operands comes to;
    without `common` there are no other names than those in `takes`. `form` is the signature as text where the one that is written
    says less, `(self, *size, dtype=None)`.
    """

    def declare(written: Function) -> Function:
        code = written.__code__
        own = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if not hasattr(written, "adds"):
            written.__doc__ = documentation.completed(written.__doc__, own)
        words = words_of(own, takes, common and places != "F") if not code.co_flags & 0x08 else {}  # not with `**kwargs` of its own
        worded = taking_words(written, words, short) if words else written
        beside = takes or short or any(n not in ("input", "other", "A") for n in words.values())
        for place in places.split():
            for each in (name or written.__name__, *aliases):
                publish(worded if beside or place != "Tensor" else written, each, [place], form)
        return written

    return declare


def _kind(kind: str, **given: Any) -> Any:
    def decorator(forward: Function | None = None, **options: Any) -> Any:
        if forward is not None:
            return declared(Op(forward, kind, **given))
        return lambda forward: declared(Op(forward, kind, **{**given, **options}))

    decorator.__name__ = decorator.__qualname__ = kind
    return decorator


elementwise = _kind("elementwise", promote=True, result="same", inplace=True, out=True, layout="iterator")
reduction = _kind("reduction", out=True, layout="rows")
view = _kind("view")
composite = _kind("composite", layout="rows")
kernel = _kind("kernel", layout="rows")
sparse = _kind("sparse", places="", wide=False)
edge = _kind("edge", places="", samples=[])
