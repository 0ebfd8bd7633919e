"""`torch.overrides`: functions that other classes, and modes, take over."""

from __future__ import annotations

import functools
import inspect
import sys
import types
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from .core import modes, told
from .core.declare import PLACES
from .core.override import (
    ALSO,
    NOWRAP,
    DisableTorchFunction,
    DisableTorchFunctionSubclass,
    TorchFunctionMode,
    disabled,
    handle,
    takers,
    takes_over,
)
from .core.tensor import Tensor

__all__ = [
    "BaseTorchFunctionMode", "TorchFunctionMode", "enable_reentrant_dispatch", "get_default_nowrap_functions", "get_ignored_functions",
    "get_overridable_functions", "get_testing_overrides", "handle_torch_function", "has_torch_function", "has_torch_function_unary",
    "has_torch_function_variadic", "is_tensor_like", "is_tensor_method_or_property", "resolve_name", "wrap_torch_function",
]  # fmt: skip

_disabled_torch_function_impl = disabled
_DisableTorchFunction, _DisableTorchFunctionSubclass = DisableTorchFunction, DisableTorchFunctionSubclass
_PREFIXES = {  # of a function that is in several, the first
    "F": "torch.nn.functional.",
    "torch": "torch.",
    "Tensor": "torch.Tensor.",
    "linalg": "torch.linalg.",
    "fft": "torch.fft.",
    "special": "torch.special.",
}


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that calls what it is given."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether the class of any of the arguments, or a mode, takes functions over."""
    settings = modes.settings
    return bool(settings.function_modes) or (not settings.functions_off and any(takes_over(type(each)) for each in relevant_args))


def has_torch_function_unary(x: Any) -> bool:
    """The same for one argument."""
    return has_torch_function((x,))


def has_torch_function_variadic(*args: Any) -> bool:
    """The same for arguments given one by one."""
    return has_torch_function(args)


def handle_torch_function(public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
    """What the innermost mode, or the first class of `relevant_args` that does not decline, gives for a call of `public_api`."""
    return handle(public_api, _get_overloaded_args(relevant_args), args, kwargs)


def _get_overloaded_args(relevant_args: Iterable[Any], get_type_fn: Any = None) -> list[Any]:
    """The arguments whose classes take functions over, one of each class, subclasses first."""
    return [] if modes.settings.functions_off else takers(relevant_args)


def is_tensor_like(inp: Any) -> bool:
    """Whether it is a Tensor, or of a class with `__torch_function__`."""
    return type(inp) is Tensor or hasattr(inp, "__torch_function__")


def wrap_torch_function(dispatcher: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator: the function can be taken over by the classes of the arguments that `dispatcher` returns of a call."""

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            relevant = dispatcher(*args, **kwargs)
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return function(*args, **kwargs)

        return wrapped

    return wrap


# What there is to take over


_ACCESSORS = ("__get__", "__set__")


@functools.cache
def _names() -> dict[Any, str]:
    found: dict[Any, str] = {}
    for place, prefix in _PREFIXES.items():
        for name, function in PLACES.get(place, {}).items():
            if callable(function) and not isinstance(function, type):
                within = "functional." * (place == "torch" and name in told.BY_NAME["torch"])
                found.setdefault(function, prefix + within + name)
    for name, held in Tensor.__dict__.items():
        if isinstance(held, types.FunctionType):
            found.setdefault(held, f"torch.Tensor.{name}")
        elif isinstance(held, property):
            found |= {getattr(held, accessor): f"torch.Tensor.{name}.{accessor}" for accessor in _ACCESSORS}
    return found


def resolve_name(f: Any) -> str | None:
    """The dotted name of a function, `torch.add`; None if it is none of ours."""
    if f in ALSO and f.__module__.endswith(".nn.init"):
        return f"torch.nn.init.{f.__name__}"
    return _names().get(f)


def get_overridable_functions() -> dict[Any, list[Any]]:
    """The functions that can be taken over, by the module or class that they are found in; of a property its getter."""
    package = sys.modules[(__package__ or "").partition(".")[0]]
    spaces: dict[Any, list[Any]] = {}
    for place, prefix in _PREFIXES.items():
        space = functools.reduce(getattr, prefix.split(".")[1:-1], package)
        spaces[space] = [each for each in PLACES[place].values() if isinstance(each, types.FunctionType) and each not in _ignored()]
    for name, held in Tensor.__dict__.items():
        if isinstance(held, property) and name not in told.HIDDEN:
            spaces[held] = [held.__get__]
        elif isinstance(held, types.FunctionType) and name.startswith("__") and name not in told.SILENT["Tensor"]:
            spaces[Tensor].append(held)
    return spaces


@functools.cache
def _ignored() -> frozenset[Any]:
    return frozenset(
        function
        for place, names in told.SILENT.items()
        for name, function in PLACES[place].items()
        if name in names or "autocast" in name or name in _MAKING
    )


_MAKING = frozenset(
    "tensor as_tensor asarray zeros ones empty full empty_strided eye arange range linspace logspace scalar_tensor empty_permuted"
    " as_strided tril_indices triu_indices hann_window hamming_window blackman_window bartlett_window kaiser_window vander fill"
    " sparse_coo_tensor sparse_csr_tensor sparse_csc_tensor sparse_bsr_tensor sparse_bsc_tensor sparse_compressed_tensor rand randn"
    " randint randperm rand_like randn_like randint_like normal promote_types result_type can_cast fftfreq rfftfreq".split()
)  # functions that have no tensor among their arguments, or are told modes only


def get_ignored_functions() -> set[Any]:
    """Public functions that no class can take over."""
    return set(_ignored())


@functools.cache
def _testing() -> dict[Any, Any]:
    made = {}
    for functions in get_overridable_functions().values():
        for function in functions:

            def dummy(*args: Any, **kwargs: Any) -> int:
                return -1

            try:
                dummy.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
            except (TypeError, ValueError):
                continue
            made[function] = dummy
    return made


def get_testing_overrides() -> dict[Any, Callable[..., Any]]:
    """For each function that can be taken over another one with the same parameters, which returns -1."""
    return dict(_testing())


def get_default_nowrap_functions() -> set[Any]:
    """Functions whose results are not made ones of the subclass."""
    return NOWRAP


def is_tensor_method_or_property(func: Any) -> bool:
    """Whether it is a method of Tensor, or the getter or setter of one of its properties."""
    return func in _methods() or getattr(func, "__name__", "") == "__get__"


@functools.cache
def _methods() -> frozenset[Any]:
    return frozenset(each for each in map(Tensor.__dict__.get, dir(Tensor)) if isinstance(each, types.FunctionType))


# Modes


def _get_current_function_mode() -> Any:
    stack = modes.settings.function_modes
    return stack[-1] if stack else None


def _get_current_function_mode_stack() -> list[Any]:
    return list(modes.settings.function_modes)


def _len_torch_function_stack() -> int:
    return len(modes.settings.function_modes)


def _is_torch_function_mode_enabled() -> bool:
    return bool(modes.settings.function_modes)


@contextmanager
def enable_reentrant_dispatch() -> Iterator[None]:
    """A context in which classes take functions over again."""
    before, modes.settings.functions_off = modes.settings.functions_off, 0
    try:
        yield
    finally:
        modes.settings.functions_off = before


def _disable_user_warnings(func: Callable[..., Any], regex: str = "", module: str = "torch") -> Callable[..., Any]:
    @functools.wraps(func)
    def quiet(*args: Any, **kwargs: Any) -> Any:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=UserWarning, message=regex, module=module)
            return func(*args, **kwargs)

    return quiet
