"""`__torch_function__`: classes and modes that take operations over.

From the moment at which a tensor of a subclass, or a mode, first exists, all that is public asks when it is called (`install`), so that
classes and modes are told what the program wrote. Programs without them pay nothing. Objects that are no tensors and whose class has a
`__torch_function__` are first met in `dispatch`, which asks `answer`.
"""

from __future__ import annotations

import functools
import threading
import types
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from . import device, dtypes, interception, modes, told
from .arrayless import ArraylessTensor
from .declare import PLACES, publish
from .errors import MISSING
from .op import Op
from .origin import called_by_user, located
from .shapes import Size
from .tensor import Tensor, _new, wrap

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


NO_DISPATCH = "operations beneath functions are not handed to classes or modes; `__torch_function__` is told of the functions"


def no_dispatch(func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """The `__torch_dispatch__` of classes that take no operations over: what `func` gives."""
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
    result = _handled(function, relevant, args, kwargs, plain)
    if result is NotImplemented:
        raise TypeError(located(_all_declined(function, relevant)))
    return result


def _handled(function: Any, relevant: list[Any], args: tuple[Any, ...], kwargs: dict[str, Any], plain: bool) -> Any:
    """The same; NotImplemented if all decline."""
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
    return NotImplemented


def _all_declined(function: Any, relevant: list[Any]) -> str:
    kinds = [type(value) for value in relevant]
    name = told.path_of(function)
    if told.is_by_name(name):
        return f"no implementation found for '{name}' on types that implement __torch_function__: {kinds}"
    text = f"Multiple dispatch failed for '{name}'; all __torch_function__ handlers returned NotImplemented:\n"
    text += "".join(f"\n  - tensor subclass {kind}" for kind in kinds)
    return text + "".join(f"\n  - mode object {mode}" for mode in modes.settings.function_modes[-1:])


def _flat(args: Iterable[Any]) -> list[Any]:
    flat: list[Any] = []
    for value in args:
        flat += value if value.__class__ in (list, tuple) else (value,)
    return flat


def answer(op: Op, operands: Any, attributes: Any, out: Any = None) -> Any:
    """What the class of an operand that is not a Tensor gives for an operation; NO_ANSWER if no class takes operations over now."""
    settings = modes.settings
    if settings.functions_off:
        return modes.NO_ANSWER
    found = takers(_flat([*operands, out]))
    if not found:
        return modes.NO_ANSWER
    _refuse_to_record()
    args = (list(operands[0]),) if op.variadic else tuple(value for value in operands if value is not MISSING)
    while args and args[-1] is None:
        args = args[:-1]
    named = dict(zip(op.attributes, attributes, strict=True))
    kwargs = {name: value for name, value in named.items() if name not in op.defaults or op.defaults[name] is not value}
    if op.places == ["Tensor"]:  # a function of that name is another one, as `F.unfold` is
        function = PLACES["Tensor"].get(op.name, op.function)
    else:
        function = PLACES["torch"].get(op.name) or PLACES["F"].get(op.name, op.function)
    install()  # from now on calls are told as they are written
    return handle(function, found, args, kwargs if out is None else {**kwargs, "out": out})


def _refuse_to_record() -> None:
    if modes.settings.recorder is not None:
        modes.settings.recorder.refuse("a class or a mode takes operations over by __torch_function__")


def taken_over(written: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What classes give for a call that has failed, if nobody was asked yet and one of the arguments is of a class that is no Tensor's.

    `written` is what the public function hands its arguments to. NO_ANSWER if there is no such argument.
    """
    if _layer.held or modes.settings.functions_off or not takers(_flat([*args, *kwargs.values()])):
        return modes.NO_ANSWER
    install()
    places = (PLACES[place] for place in ("torch", *(each for each in PLACES if each != "torch")))
    function = next((f for place in places for f in place.values() if getattr(f, "__wrapped__", None) is written), None)
    return modes.NO_ANSWER if function is None else function(*args, **kwargs)


modes.answer, modes.taken_over = answer, taken_over


# Calls


class _Call:
    """What is told of the calls of one public function, method or accessor."""

    __slots__ = ("ahead", "by_name", "counting", "function", "inside", "of_users", "operator", "to_modes")

    def __init__(self, function: Any, **flags: Any):
        self.function = function
        self.by_name = self.counting = self.of_users = self.to_modes = self.ahead = False
        self.operator: Any = None
        self.inside: _Call | None = None  # what is told in its place of a call within the library
        for name, value in flags.items():
            setattr(self, name, value)


_Call.__doc__ = f"""{_Call.__doc__}

    by_name: what has a default is told by name (`core/told.py`).
    counting: the class of its first argument is among the types though it is Tensor.
    of_users: only calls of the user's program are told, not the library's own.
    operator: whether it knows all its operands; if not, it gives NotImplemented before anybody is told.
    to_modes: classes are not told.
    ahead: it is told and then done by the library all the same.
    """


def _ask(call: _Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a mode or a class gives for a call; the call itself if none is told, or it is done all the same."""
    asked = call
    if not modes.overriding and not kwargs and _take_nothing(args):
        return asked
    settings = modes.settings
    if settings.function_modes:
        found = [] if settings.functions_off else takers(_flat([*args, *kwargs.values()]))
    elif settings.functions_off or call.to_modes or not (found := takers(_flat([*args, *kwargs.values()]))):
        return asked
    if (call.of_users and not called_by_user(2)) or (call.operator and not call.operator(args)):
        return asked
    if call.inside is not None and not called_by_user(2):
        call = call.inside
    _refuse_to_record()
    counted: Any = args[:1] if call.counting else ()
    told_args, told_kwargs = args, kwargs
    if call.by_name:
        told_args, told_kwargs = told.by_name(call.function, args, kwargs, bool(settings.function_modes))
        counted = told_args[:1] if call.counting else told.relevant((*told_args, *told_kwargs.values()))
        found = [] if settings.functions_off else takers(counted)
        if not found and not settings.function_modes:
            return asked
    result = _handled(call.function, found, told_args, told_kwargs, any(type(value) is Tensor for value in counted))
    if result is NotImplemented and not call.operator:  # where it is an operator Python asks the other operand
        raise TypeError(located(_all_declined(call.function, found)))
    return asked if call.ahead else result


def is_known(value: Any) -> bool:
    """Whether an operator takes a value as its other operand."""
    return isinstance(value, _KNOWN) or hasattr(value, "_trace") or hasattr(type(value), "__torch_function__")


def is_installed() -> bool:
    """Whether calls are told at all."""
    return bool(_layer.held)


def is_heard(values: Iterable[Any]) -> bool:
    """Whether a mode, or the class of one of the values, is told of calls."""
    settings = modes.settings
    return bool(settings.function_modes) or not (settings.functions_off or not _layer.held or not takers(values))


def are_known(operands: tuple[Any, ...]) -> bool:
    """Whether an operator takes all of these."""
    return all(map(is_known, operands))


def _take_nothing(values: Any) -> bool:
    """Whether all of these, and the items of lists and tuples among them, are of common types that take nothing over."""
    for value in values:
        kind = value.__class__
        if kind not in COMMON and not ((kind is tuple or kind is list) and _take_nothing(value)):
            return False
    return True


COMMON = {Tensor, int, float, bool, str, type(None), slice, type(Ellipsis), dtypes.dtype, device.device, Size}
_KNOWN = (Tensor, bool, int, float, complex, np.number, np.bool_, np.ndarray)
ALSO: list[Any] = []  # functions that stand elsewhere and are told by name
OPERATORS: dict[str, Any] = {}  # Python's operators among the methods of Tensor, and what says whether they know their operands
_layer = interception.Layer(_ask, only_asked=True)
_for_good = False


def install(for_good: bool = True) -> bool:
    """Have calls of all that is public be told to classes and modes; not `for_good` until `uninstall` is called.

    Returns whether they were not yet.
    """
    global _for_good
    _for_good |= for_good
    interception.install(_for_good)
    if _layer.held:
        return False
    NOWRAP.update(Tensor.__dict__[name].__get__ for name in ("_base", "grad"))
    for place in ("F", *(each for each in PLACES if each not in ("F", "Tensor"))):
        for name, function in PLACES.get(place, {}).items():
            silent = name in told.SILENT.get(place, ()) or "autocast" in name
            if isinstance(function, types.FunctionType) and not silent:
                _put_function(place, name, function)
    for name, held in Tensor.__dict__.items():
        if isinstance(held, types.FunctionType):
            _put_method(name, held)
        elif isinstance(held, property) and name not in told.HIDDEN:
            for accessor, told_as in ((held.fget, held.__get__), (held.fset, held.__set__), (held.fdel, held.__delete__)):
                if accessor is not None:
                    _layer.put(accessor, _Call(told_as, counting=True, of_users=True))
    _layer.put(Tensor.__iter__, _Call(Tensor.dim, counting=True, of_users=True, ahead=True))
    _layer.put(modes._set_grad_enabled, _Call(modes._set_grad_enabled, to_modes=True, of_users=True))
    for function in ALSO:
        _layer.put(function, _Call(function, by_name=True))
    return True


def tell_also(*functions: Any) -> None:
    """Have calls of these functions be told too, which are published nowhere in `PLACES`."""
    ALSO.extend(functions)
    if _layer.held:
        for function in functions:
            _layer.put(function, _Call(function, by_name=True))


def _put_function(place: str, name: str, function: types.FunctionType) -> None:
    if place == "F" and name in told.INSTEAD:
        call = _Call(Tensor.__dict__[told.INSTEAD[name]], counting=True)
    else:
        named = name in told.BY_NAME.get(place, ()) or (place == "F" and name not in told.AS_GIVEN)
        call = _Call(function, by_name=named, to_modes=place == "torch" and name in told.TO_MODES)
        functional = PLACES["F"].get(name, function)
        if place == "torch" and functional is not function and name not in told.INSTEAD:
            call.inside = _layer.what(functional)
    _layer.put(function, call)
    inner = getattr(function, "__wrapped__", None)
    if isinstance(inner, types.FunctionType) and interception.only_renames(function):  # the library's own calls go there
        _layer.put(inner, call)


def _put_method(name: str, method: types.FunctionType) -> None:
    special = name.startswith("__") and name.endswith("__")
    if name in told.SILENT["Tensor"] or (name.startswith("_") and not special and name not in told.COUNTING):
        return
    operator = OPERATORS.get(name)
    looks = name not in PLACES["Tensor"] or name.startswith("is_") or name in ("get_device", "untyped_storage")  # it makes no tensor
    function = Tensor.__dict__[told.OPERATORS.get(name, name)]
    _layer.put(
        method,
        _Call(
            function,
            by_name=name in told.BY_NAME["Tensor"] and name not in told.OPERATORS,
            counting=function.__name__ in told.COUNTING or (name in told.BY_NAME["Tensor"] and operator is None),
            of_users=operator is None and not hasattr(method, "op") and name not in told.OF_ALL and looks,
            operator=operator,
        ),
    )


def uninstall() -> None:
    """Have functions be what was written again, unless they are needed for good, or another thread may be about to call one."""
    if not _for_good and threading.active_count() == 1:
        _layer.undo()
        interception.uninstall()


def made(cls: Any) -> None:
    """A tensor of class `cls` is made: from now on calls are told, if it takes any over.

    RuntimeError if it would have the operations beneath them.
    """
    if getattr(cls, "__torch_dispatch__", no_dispatch) is not no_dispatch:
        raise RuntimeError(located(f"{cls.__name__}.__torch_dispatch__: {NO_DISPATCH}"))
    if not _for_good and takes_over(cls):
        install()


class TorchFunctionMode:
    """A context in which `__torch_function__` of this mode is given every call of the library's functions."""

    inner: TorchFunctionMode

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise NotImplementedError

    def __enter__(self) -> Any:
        install()
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


def what_draws() -> Any:
    """The innermost mode, if it draws graphs."""
    active = modes.settings.function_modes
    return active[-1] if active and hasattr(active[-1], "draw_whole") else None


def as_a_whole(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator of functions that run others at a level of their own: a mode that draws graphs is given their calls as one of `name`."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            drawing = what_draws()
            if drawing is None:
                return function(*args, **kwargs)
            return drawing.draw_whole(as_a_whole(name)(function), name, args, kwargs)  # itself would hold itself, and all that it knows

        return called

    return decorate


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


Tensor.__torch_dispatch__ = staticmethod(no_dispatch)  # type: ignore[attr-defined]
Tensor.__torch_function__ = classmethod(_torch_function)  # type: ignore[attr-defined]
ArraylessTensor.__torch_function__ = disabled  # type: ignore[attr-defined]


def _make_subclass(cls: Any, data: Tensor, require_grad: bool = False, *more: Any, **options: Any) -> Any:
    """A tensor of class `cls` on the memory of `data`, without its history."""
    out = as_class(wrap(data._array), cls)
    return out.requires_grad_() if require_grad else out


def _make_wrapper_subclass(cls: Any, size: Any, *more: Any, **options: Any) -> Any:
    """RuntimeError: a tensor without elements of its own would need its operations told."""
    raise RuntimeError(located(f"Tensor._make_wrapper_subclass({cls.__name__}): {NO_DISPATCH}"))


Tensor._make_subclass = staticmethod(_make_subclass)  # type: ignore[attr-defined]
Tensor._make_wrapper_subclass = staticmethod(_make_wrapper_subclass)  # type: ignore[attr-defined]


publish(DisableTorchFunctionSubclass, "DisableTorchFunctionSubclass", ["torch"])
publish(DisableTorchFunction, "DisableTorchFunction", ["torch"])
