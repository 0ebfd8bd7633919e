"""`torch._foreach_...`: one operation on each tensor of a list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.declare import PLACES, publish
from ..core.origin import located
from ..core.tensor import Tensor

UNARY = """
abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg reciprocal round rsqrt sigmoid sign sin sinh
sqrt tan tanh trunc
""".split()
BINARY = ("add", "sub", "mul", "div", "clamp_max", "clamp_min", "maximum", "minimum", "pow")
SCALAR_FORMS = {"maximum": "clamp_min", "minimum": "clamp_max"}  # with numbers


def _each(values: Any, count: int, name: str) -> list[Any]:
    """One value for each tensor: those of a list, or the same for all."""
    if not isinstance(values, (list, tuple)):
        return [values] * count
    if len(values) != count:
        raise RuntimeError(located(f"{name}(): Tensor lists must have the same number of tensors, got {count} and {len(values)}"))
    return list(values)


def _method(name: str) -> Callable[..., Any]:
    def call(tensor: Tensor, *args: Any, **kwargs: Any) -> Any:
        return PLACES["Tensor"][name](tensor, *args, **kwargs)

    return call


def _publish(name: str, out_of_place: Callable[..., Any], in_place: Callable[..., Any] | None) -> None:
    forms = [("_foreach_" + name, out_of_place, True)] + ([(f"_foreach_{name}_", in_place, False)] if in_place is not None else [])
    for full, function, returns in forms:

        def foreach(self: Any, *args: Any, _function: Any = function, _returns: bool = returns, _name: str = full, **kwargs: Any) -> Any:
            if _name == "_foreach_pow" and isinstance(self, (int, float, complex)) and args:  # a number to the power of each
                return tuple(PLACES["torch"]["pow"](self, each) for each in args[0])
            if not isinstance(self, (list, tuple)) or not all(isinstance(each, Tensor) for each in self):
                raise TypeError(located(f"{_name}(): argument 'self' (position 1) must be tuple of Tensors, not {type(self).__name__}"))
            if not self:
                raise RuntimeError(located(f"{_name}(): Tensor list must have at least one tensor."))
            found = _function(list(self), *args, **kwargs)
            return tuple(found) if _returns else self

        foreach.__name__ = foreach.__qualname__ = full
        foreach.__doc__ = f"`{name}` of each tensor of a list" + (", a tuple of results." if returns else ", in place.")
        publish(foreach, full, ["torch"])


def _unary(name: str) -> Callable[..., Any]:
    method = _method(name)
    return lambda tensors: [method(each) for each in tensors]


def _binary(name: str, suffix: str) -> Callable[..., Any]:
    def run(tensors: Any, other: Any, **kwargs: Any) -> list[Any]:
        others = _each(other, len(tensors), "_foreach_" + name + suffix)
        found = []
        for tensor, value in zip(tensors, others, strict=True):
            chosen = SCALAR_FORMS.get(name, name) if not isinstance(value, Tensor) else name
            if chosen.startswith("clamp") and isinstance(value, Tensor):
                chosen = "maximum" if chosen == "clamp_min" else "minimum"
            if suffix and chosen in ("maximum", "minimum"):
                found.append(tensor.copy_(PLACES["Tensor"][chosen](tensor, value)))
            else:
                found.append(PLACES["Tensor"][chosen + suffix](tensor, value, **kwargs))
        return found

    return run


def _ternary(name: str) -> Callable[..., Any]:
    def run(tensors: Any, first: Any, second: Any, value: Any = 1) -> list[Any]:
        if isinstance(value, Tensor):
            value = value.tolist()
        values = _each(value, len(tensors), "_foreach_" + name)
        rows = zip(tensors, first, second, values, strict=True)
        return [PLACES["Tensor"][name](t, a, b, value=v) for t, a, b, v in rows]

    return run


def _lerp(name: str) -> Callable[..., Any]:
    def run(tensors: Any, ends: Any, weight: Any) -> list[Any]:
        weights = _each(weight, len(tensors), "_foreach_" + name)
        return [PLACES["Tensor"][name](t, e, w) for t, e, w in zip(tensors, ends, weights, strict=True)]

    return run


for _name in UNARY:
    _publish(_name, _unary(_name), _unary(_name + "_"))
for _name in BINARY:
    _publish(_name, _binary(_name, ""), _binary(_name, "_"))
for _name in ("addcdiv", "addcmul"):
    _publish(_name, _ternary(_name), _ternary(_name + "_"))
_publish("lerp", _lerp("lerp"), _lerp("lerp_"))
_publish("clone", lambda tensors, memory_format=None: [t.clone() for t in tensors], None)
_publish("max", lambda tensors: [t.max() for t in tensors], None)
_publish("norm", lambda tensors, ord=2, dtype=None: [PLACES["linalg"]["vector_norm"](t, ord, dtype=dtype) for t in tensors], None)


def _foreach_zero_(self: Any) -> None:
    """Zero each tensor of a list, in place."""
    for each in self:
        each.zero_()


def _foreach_copy_(self: Any, src: Any, non_blocking: bool = False) -> None:
    """Copy the elements of each tensor of `src` into the one of `self`, in place."""
    for each, source in zip(self, _each(src, len(self), "_foreach_copy_"), strict=True):
        each.copy_(source)


for _function in (_foreach_zero_, _foreach_copy_):
    publish(_function, _function.__name__, ["torch"])
