"""`__torch_function__`: classes and modes that take operations over.

`answer` is asked before an operation is run, by `dispatch` and by functions of several operations (`core/interception.py`), but only
from the moment at which a tensor of a subclass, or a mode, first exists: programs without them pay nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from . import interception, modes
from .arrayless import ArraylessTensor
from .declare import PLACES, publish
from .errors import MISSING
from .op import Op
from .origin import located
from .tensor import Tensor, _new, wrap

_seen = {"subclass": False}
PLAIN = frozenset((int, float, bool, str, type(None), tuple, list, dict, complex))


class _Off:
    """A context in which classes do not take operations over, or nothing does."""

    modes_too = False

    def __enter__(self) -> None:
        settings = modes.settings
        settings.functions_off += 1
        if self.modes_too:
            self.before, settings.function_modes = settings.function_modes, []

    def __exit__(self, *exc: object) -> None:
        modes.settings.functions_off -= 1
        if self.modes_too:
            modes.settings.function_modes = self.before


class DisableTorchFunctionSubclass(_Off):
    """Within it no class takes operations over; modes still do."""


class DisableTorchFunction(_Off):
    """Within it no class and no mode takes operations over."""

    modes_too = True


def disabled(func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """The `__torch_function__` of classes that take nothing over: what `func` gives."""
    with DisableTorchFunctionSubclass():
        return func(*args, **(kwargs or {}))


def takes_over(cls: Any) -> bool:
    """Whether a class may take operations over."""
    method = getattr(cls, "__torch_function__", None)
    return cls is not Tensor and method is not None and method is not disabled


def takers(values: Iterable[Any]) -> list[Any]:
    """Those of `values` whose classes may take an operation over, one of each class, subclasses first, otherwise in their order."""
    found: list[Any] = []
    for value in values:
        cls = value.__class__
        if cls is Tensor or cls in PLAIN or not takes_over(type(value)):
            continue
        if all(type(value) is not type(other) for other in found):
            place = next((i for i, other in enumerate(found) if issubclass(type(value), type(other))), len(found))
            found.insert(place, value)
    return found


def handle(function: Any, relevant: list[Any], args: tuple[Any, ...], kwargs: dict[str, Any], plain: bool = False) -> Any:
    """What the innermost mode, or the first class that does not decline, gives for a call; TypeError if all decline."""
    settings = modes.settings
    types = (*map(type, relevant), Tensor) if plain else tuple(map(type, relevant))
    if settings.function_modes:
        before = settings.function_modes
        settings.function_modes = before[:-1]
        try:
            result = before[-1].__torch_function__(function, types, args, kwargs)
        finally:
            settings.function_modes = before
        if result is not NotImplemented:
            return result
    for value in relevant:
        result = value.__torch_function__(function, types, args, kwargs)
        if result is not NotImplemented:
            return result
    name = getattr(function, "__name__", str(function))
    listed = [type(value) for value in relevant]
    message = f"Multiple dispatch failed for 'torch.{name}'; all __torch_function__ handlers returned NotImplemented"
    raise TypeError(located(f"{message}: no implementation found on types that implement it: {listed}"))


def _flat(args: Iterable[Any]) -> list[Any]:
    flat: list[Any] = []
    for value in args:
        flat += value if value.__class__ in (list, tuple) else (value,)
    return flat


def by_name(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments as PyTorch's functional tells them: by position what has no default, all others by name."""
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except (TypeError, ValueError):
        return args, kwargs  # the function itself will say what is wrong
    bound.apply_defaults()
    kinds = bound.signature.parameters
    if any(each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD, each.POSITIONAL_ONLY) for each in kinds.values()):
        return args, kwargs
    needed = tuple(value for name, value in bound.arguments.items() if kinds[name].default is inspect.Parameter.empty)
    return needed, {name: value for name, value in bound.arguments.items() if kinds[name].default is not inspect.Parameter.empty}


def answer(what: Any, given: Any, rest: Any, out: Any = None) -> Any:
    """What a class or a mode gives for an Op with operands and attributes, or for a function with arguments; NO_ANSWER if none is asked."""
    settings = modes.settings
    if settings.functions_off and not settings.function_modes:
        return modes.NO_ANSWER
    values = [*given, out] if isinstance(what, Op) else [*given, *rest.values()]
    found = [] if settings.functions_off else takers(_flat(values))
    if not found and not settings.function_modes:
        return modes.NO_ANSWER
    if settings.recorder is not None:
        settings.recorder.refuse("a class or a mode takes operations over by __torch_function__")
    if not isinstance(what, Op):
        plain = "F" in PLACES and PLACES["F"].get(what.__name__) is what and any(type(value) is Tensor for value in values)
        if "F" in PLACES and PLACES["F"].get(what.__name__) is what:
            given, rest = by_name(what, given, rest)
        return handle(what, found, given, rest, plain)
    args = (list(given[0]),) if what.variadic else tuple(value for value in given if value is not MISSING)
    while args and args[-1] is None:
        args = args[:-1]
    named = dict(zip(what.attributes, rest, strict=True))
    kwargs = {name: value for name, value in named.items() if name not in what.defaults or what.defaults[name] is not value}
    if what.places == ["Tensor"]:  # a function of that name is another one, as `F.unfold` is
        function = PLACES["Tensor"].get(what.name, what.function)
    else:
        function = PLACES["torch"].get(what.name) or PLACES["F"].get(what.name, what.function)
    return handle(function, found, args, kwargs if out is None else {**kwargs, "out": out})


modes.answer = answer


def made(cls: Any) -> None:
    """A tensor of class `cls` is made: from now on operations ask, if it takes any over."""
    if not _seen["subclass"] and takes_over(cls):
        _seen["subclass"] = True
        modes.ask_others(+1)
        interception.install()


class TorchFunctionMode:
    """A context in which `__torch_function__` of this mode is given every call of the library's functions."""

    inner: TorchFunctionMode

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise NotImplementedError

    def __enter__(self) -> Any:
        interception.install()
        modes.ask_others(+1)
        before = modes.settings.function_modes
        self.__dict__.setdefault("_outside", []).append(before)
        modes.settings.function_modes = [*before, self]
        return self

    def __exit__(self, *exc: object) -> None:
        modes.ask_others(-1)
        modes.settings.function_modes = self.__dict__["_outside"].pop()

    @classmethod
    def push(cls, *args: Any, **kwargs: Any) -> Any:
        """An instance, to be entered."""
        return cls(*args, **kwargs)


# Tensors of subclasses

NOWRAP: set[Any] = set()  # functions whose results stay what they are


def as_class(tensor: Tensor, cls: Any) -> Any:
    """A tensor of class `cls` in the place of `tensor`, which nobody else holds: memory, history and all."""
    made(cls)
    out = _new(cls)
    out._array, out._node, out._view, out._cut = tensor._array, tensor._node, tensor._view, tensor._cut
    return out


def _converted(result: Any, cls: Any) -> Any:
    if isinstance(result, Tensor) and not isinstance(result, cls):
        return as_class(result, cls)
    if isinstance(result, (tuple, list)):
        items = [_converted(each, cls) for each in result]
        return items if type(result) is list else tuple.__new__(type(result), items) if isinstance(result, tuple) else result
    return result


def _torch_function(cls: Any, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """What `func` gives, its tensors made ones of this class: what every subclass does unless it defines another."""
    if not all(issubclass(cls, each) for each in types):
        return NotImplemented
    with DisableTorchFunctionSubclass():
        result = func(*args, **(kwargs or {}))
        return result if cls is Tensor or func in NOWRAP else _converted(result, cls)


Tensor.__torch_function__ = classmethod(_torch_function)  # type: ignore[attr-defined]
ArraylessTensor.__torch_function__ = disabled  # type: ignore[attr-defined]


def _make_subclass(cls: Any, data: Tensor, require_grad: bool = False, *more: Any, **options: Any) -> Any:
    """A tensor of class `cls` on the memory of `data`, without its history."""
    out = as_class(wrap(data._array), cls)
    return out.requires_grad_() if require_grad else out


Tensor._make_subclass = staticmethod(_make_subclass)  # type: ignore[attr-defined]


def _data_of_subclasses() -> None:
    """Have `data` of a tensor of a subclass be of that class too. Its gradient need not be."""
    held = Tensor.__dict__["data"]

    def get(self: Any) -> Any:
        result, cls = held.fget(self), type(self)
        as_it_is = cls is Tensor or modes.settings.functions_off or getattr(cls.__torch_function__, "__func__", None) is not _torch_function
        return result if as_it_is else as_class(result, cls)

    Tensor.data = property(get, held.fset, held.fdel, held.__doc__)  # type: ignore[assignment, method-assign]


interception.ALSO.append(_data_of_subclasses)
publish(DisableTorchFunctionSubclass, "DisableTorchFunctionSubclass", ["torch"])
publish(DisableTorchFunction, "DisableTorchFunction", ["torch"])
