"""The divergence of Kullback and Leibler, KL(p || q) = E_p[log p(x) - log q(x)]: what is registered for two types, and the call."""

from collections.abc import Callable
from typing import Any

from ..core.origin import warn

__all__ = ["kl_divergence", "register_kl"]

_KL_REGISTRY: dict[tuple[type, type], Callable[..., Any]] = {}  # the functions, by (type of p, type of q)
_KL_MEMOIZE: dict[tuple[type, type], Callable[..., Any] | None] = {}  # what was found for two types


def register_kl(type_p, type_q):
    """A decorator that enters `function(p, q)` for these types and what is derived from them."""
    for each in (type_p, type_q):
        if not isinstance(each, type):
            raise TypeError(f"register_kl takes subclasses of Distribution, got {each}")

    def enter(function):
        _KL_REGISTRY[type_p, type_q] = function
        _KL_MEMOIZE.clear()
        return function

    return enter


def _dispatch_kl(type_p, type_q):
    """The function of the nearest registered types; nearness of p comes before that of q, and a warning says if that matters."""
    of_p, of_q = type_p.__mro__.index, type_q.__mro__.index
    fitting = [(p, q) for p, q in _KL_REGISTRY if issubclass(type_p, p) and issubclass(type_q, q)]
    if not fitting:
        return None
    by_p = min(fitting, key=lambda pair: (of_p(pair[0]), of_q(pair[1])))
    by_q = min(fitting, key=lambda pair: (of_q(pair[1]), of_p(pair[0])))
    if _KL_REGISTRY[by_p] is not _KL_REGISTRY[by_q]:
        names = [f"{p.__name__}, {q.__name__}" for p, q in (by_p, by_q)]
        pair = f"{type_p.__name__}, {type_q.__name__}"
        warn(f"Ambiguous kl_divergence({pair}). Please register_kl({names[0]}) or ({names[1]})", RuntimeWarning)
    return _KL_REGISTRY[by_p]


def kl_divergence(p, q):
    """KL(p || q), of the batch shape of both."""
    pair = type(p), type(q)
    if pair not in _KL_MEMOIZE:
        _KL_MEMOIZE[pair] = _dispatch_kl(*pair)
    function = _KL_MEMOIZE[pair]
    if function is None:
        raise NotImplementedError(f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}")
    return function(p, q)
