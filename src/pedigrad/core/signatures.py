"""How public functions look from outside: their names, signatures and annotations.

What users call is often not what was written: code of ops is generated at the first call, in-place forms and further keywords are
closures, and one function is published under several names. `known_as` gives a function the name it is found by and the signature that
is true for it. Signatures are worked out when somebody reads them, so a declaration costs an object and a call costs nothing.
"""

from __future__ import annotations

import builtins
import inspect
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .. import return_types
from . import documentation, told
from .kinds import RENAMED, RESULTS, kind_of

Function = Callable[..., Any]
EMPTY = inspect.Parameter.empty
KEYWORD, POSITIONAL, STAR = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.VAR_POSITIONAL
OWN = "Tensor dtype device layout memory_format Size Generator".split()


class Declared(inspect.Signature):
    """A signature that `work_out` gives when it is first read."""

    __slots__ = ("_work_out", "place")

    def __init__(self, work_out: Callable[[], inspect.Signature], place: str = ""):
        self._work_out = work_out
        self.place = place  # where the function that has it is found

    def __getattr__(self, name: str) -> Any:
        if name not in ("_parameters", "_return_annotation"):
            raise AttributeError(name)
        made = self._work_out()
        self._parameters: Any = made.parameters
        self._return_annotation: Any = made.return_annotation
        return getattr(self, name)

    def plain(self) -> inspect.Signature:
        """The same, as Python's own class has it."""
        return inspect.Signature(list(self.parameters.values()), return_annotation=self.return_annotation)

    def replace(self, **changes: Any) -> Any:
        """A signature with other parameters, or another result."""
        return self.plain().replace(**changes)

    def __reduce__(self) -> Any:
        return self.plain().__reduce__()


def names_of_annotations() -> dict[str, Any]:
    """What annotations may name: the types of the package, and Python's."""
    package = vars(sys.modules[(__package__ or "").partition(".")[0]])
    ours = {name: package[name] for name in OWN if name in package}
    return {"Any": Any, "Callable": Callable, "Iterable": Iterable, "Mapping": Mapping, "Sequence": Sequence, "builtins": builtins, **ours}


def evaluated(text: Any, scope: Mapping[str, Any] = {}) -> Any:
    """The object that an annotation names; the text itself where it names something that is not there."""
    if not isinstance(text, str):
        return text
    try:
        return eval(text, {**names_of_annotations(), **{n: v for n, v in scope.items() if n not in builtins.__dict__}})
    except (NameError, AttributeError, TypeError):
        return text


def filled_in(signature: inspect.Signature, name: str, scope: Mapping[str, Any] = {}, result: str = "Tensor") -> inspect.Signature:
    """`signature` of the function `name`, with annotations for what has none, or `Any`."""
    parts = []
    for p in signature.parameters.values():
        said = p.annotation
        if said in (EMPTY, Any, "Any"):
            known = _of_out(result) if p.name == "out" else kind_of(name, p.name, p.default)
            said = known if known is not None else Any
        parts.append(p.replace(annotation=evaluated(said, scope)))
    returned = signature.return_annotation
    if returned in (EMPTY, Any, "Any"):
        returned = RESULTS.get(name, result)
    return inspect.Signature(parts, return_annotation=evaluated(returned, scope))


def _of_out(result: str) -> str:
    return "Tensor | None" if result == "Tensor" else "tuple[Tensor, ...] | None"


def of_text(text: str, name: str) -> inspect.Signature:
    """The signature that is written as `(input, *size, dtype=None) -> Tensor`."""
    scope = names_of_annotations()
    exec(f"from __future__ import annotations\ndef function{text}: ...", scope)
    return filled_in(inspect.signature(scope["function"]), name, scope)


def declared(text: str, name: str = "") -> Declared:
    """The signature that `text` says, read when it is needed."""
    return Declared(lambda: of_text(text, name))


def of_function(function: Function, name: str) -> inspect.Signature:
    """The signature of a function that was written by hand, or of what it wraps."""
    found: Any = inspect.unwrap(function)
    while "_original" in (found.__kwdefaults__ or {}):  # what asks first holds what was written (`core/interception.py`)
        found = found.__kwdefaults__["_original"]
    written = copy_of(found)  # a copy has no signature of its own yet
    signature = inspect.signature(written)
    return filled_in(signature, name, written.__globals__)


def with_more(signature: inspect.Signature, name: str, adds: Mapping[str, Any]) -> inspect.Signature:
    """The signature with the keywords that a wrapper takes beside those of what it wraps, and their defaults."""
    more = [inspect.Parameter(n, KEYWORD, default=default) for n, default in adds.items() if n not in signature.parameters]
    return filled_in(signature.replace(parameters=[*signature.parameters.values(), *more]), name) if more else signature


def of_op(op: Any, name: str, method: bool = False, in_place: bool = False) -> inspect.Signature:
    """How users may call an op, without the further names of its arguments."""
    parts = []
    for public, operand in zip(op.public_names, op.operands, strict=True):
        several = op.variadic and public == "tensors"
        number = operand in op.promoted[1:] and not several
        said = "Sequence[Tensor]" if several else "Tensor | complex" if number else "Tensor | None" if operand in op.defaults else "Tensor"
        parts.append(inspect.Parameter(public, POSITIONAL, default=op.defaults.get(operand, EMPTY), annotation=said))
    for attribute in op.attributes:
        kind = KEYWORD if attribute in op.keyword_only else STAR if method and attribute == op.varargs else POSITIONAL
        default = EMPTY if kind is STAR else op.defaults.get(attribute, EMPTY)
        parts.append(inspect.Parameter(attribute, kind, default=default))
    result = "Tensor"
    if op.outputs is None:
        result = "tuple[Tensor, ...]"
    elif len(op.outputs) - op.hidden > 1:
        result = "tuple[" + ", ".join(["Tensor"] * (len(op.outputs) - op.hidden)) + "]"
    if op.out and not in_place:
        parts.append(inspect.Parameter("out", KEYWORD, default=None, annotation=_of_out(result)))
    returned = op.result_class if result != "Tensor" and op.result_class is not None else result
    # Python wants parameters with defaults last, which operands that may be left out need not be.
    for i in range(len(parts) - 1, -1, -1):
        if parts[i].kind is POSITIONAL and parts[i].default is not EMPTY:
            later = [p for p in parts[i + 1 :] if p.kind is POSITIONAL and p.default is EMPTY]
            parts[i] = parts[i].replace(default=EMPTY) if later else parts[i]
    return filled_in(inspect.Signature(parts, return_annotation=returned), op.name, {}, result)


def with_results(signature: inspect.Signature, name: str) -> inspect.Signature:
    """The signature of a function whose results have names, if there is a class for them; those of `max` depend on `dim`."""
    results = vars(return_types).get(name)
    if name in RESULTS or not (isinstance(results, type) and issubclass(results, return_types.Results)):
        return signature
    out = evaluated(_of_out("several"))
    parts = [p.replace(annotation=out) if p.name == "out" else p for p in signature.parameters.values()]
    return inspect.Signature(parts, return_annotation=results)


def as_method(signature: inspect.Signature) -> inspect.Signature:
    """The signature with its first parameter called `self`, and without `out`."""
    first, *rest = signature.parameters.values()
    if first.kind is STAR:
        return signature
    kind = first.kind if first.kind is inspect.Parameter.POSITIONAL_ONLY else POSITIONAL
    own = first.replace(name="self", default=EMPTY, kind=kind, annotation=EMPTY)
    return signature.replace(parameters=[own, *(p for p in rest if p.name != "out")])


def signature_for(function: Function, name: str, place: str, form: str | None) -> Declared:
    """The signature of `function` as it is published: of its op, of the text `form`, or of what was written."""
    op = getattr(function, "op", None)
    in_place, method = getattr(function, "in_place", False), place == "Tensor"

    def work_out() -> inspect.Signature:
        if form is not None:
            made = of_text(form, name)
        else:
            made = of_function(function, name) if op is None else of_op(op, name, method, in_place)
            made = with_more(made, name, getattr(function, "adds", {}))
        made = with_results(made, "linalg_" * (place == "linalg") + name)
        if renamed := RENAMED.get(name):
            made = made.replace(parameters=[p.replace(name=renamed.get(p.name, p.name)) for p in made.parameters.values()])
        return as_method(made) if method else made

    return Declared(work_out, place)


def known_as(function: Any, name: str, place: str, form: str | None = None) -> Any:
    """`function` under the name and with the signature that users see in `place`: itself if it is not yet known, else a copy."""
    method = place == "Tensor"
    if not isinstance(function, types.FunctionType) or (method and name.startswith("__")):
        if method and not hasattr(function, "op") and isinstance(function, types.FunctionType):
            function.__name__, function.__qualname__ = name, f"Tensor.{name}"
        return function
    path = f"Tensor.{name}" if method else name
    known = "__signature__" in function.__dict__
    same_place = known and (name in told.SHARED or getattr(function.__dict__["__signature__"], "place", "") in ("", place))
    if same_place and function.__qualname__ == path and not form:
        return function
    signature = signature_for(function, name, place, form)
    if method or known or function.__name__ != name:
        function = copy_of(function)
    function.__name__, function.__qualname__ = name, path
    function.__signature__ = signature  # type: ignore[attr-defined]
    if method and function.__doc__:
        function.__doc__ = documentation.without_out(function.__doc__)
    return function


def copy_of(function: types.FunctionType) -> types.FunctionType:
    """Another function of the same code."""
    copy = types.FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__, copy.__doc__, copy.__module__ = function.__kwdefaults__, function.__doc__, function.__module__
    copy.__annotations__ = function.__annotations__
    copy.__dict__.update(function.__dict__)
    copy.__dict__.pop("__signature__", None)
    return copy
