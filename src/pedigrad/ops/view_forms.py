"""Other forms of the view ops: `unsqueeze_` and the like, which change the tensor itself, and `unsqueeze_copy`, which copy."""

from __future__ import annotations

import functools
from typing import Any

from .. import dtypes, modes
from ..gate import unordered
from ..graph import Leaf
from ..op import PLACES, Function, function
from ..origin import located
from ..tensor import STRIDED, Tensor, refresh, wrap
from .convert import clone, contiguous_format, preserve_format
from .view import reshape, view_

IN_PLACE = ("transpose", "swapaxes", "swapdims", "t", "squeeze", "unsqueeze", "as_strided")
COPIES: tuple[str, ...] = ("alias", "as_strided", "diagonal", "expand", "narrow", "permute", "select", "slice", "split", "split_with_sizes")
COPIES += ("squeeze", "t", "transpose", "unbind", "unfold", "unsqueeze", "view")


def become_view(self: Tensor, make: Function) -> Tensor:
    """Let the tensor be `make` of what it was, on the same storage; returns it."""
    if modes.special:
        refresh(self)
    if modes.settings.grad and isinstance(self._node, Leaf):
        raise RuntimeError(located("a leaf Variable that requires grad is being used in an in-place operation."))
    if self._node is not None and self._view not in (None, STRIDED) and self._view.base is None:
        raise RuntimeError(located("the shape of a tensor that has views and a history cannot be changed in place: clone() it first"))
    before = wrap(self._array)
    before._node, before._cut, before._view = self._node, self._cut, self._view
    after = make(before)
    self._array, self._node, self._cut = after._array, after._node, after._cut
    if before._view is not None and before._view.base is not None:
        self._view = after._view
    else:
        self._view = self._view or unordered(self._array)
    return self


def _in_place(name: str) -> None:
    def form(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        view = getattr(Tensor, name)
        return become_view(self, lambda before: view(before, *args, **kwargs))

    form.__name__ = form.__qualname__ = name + "_"
    form.__doc__ = f"`{name}` of the tensor itself, which keeps its storage; returns the tensor."
    function("Tensor")(form)


def _view_where_possible(self: Tensor, *size: Any, dtype: Any = None) -> Tensor:
    return view_(self, *size, dtype=dtype) if dtype is not None or isinstance(size[0], dtypes.dtype) else reshape(self, *size)


def _copy(name: str) -> None:
    view = _view_where_possible if name == "view" else PLACES["Tensor"].get(name) or PLACES["torch"].get(name)
    if view is None:
        return

    @functools.wraps(view, assigned=())
    def form(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        found = view(*args, **kwargs)
        order = preserve_format if name == "alias" else contiguous_format
        copies = tuple(clone(x, memory_format=order) for x in found) if isinstance(found, tuple) else clone(found, memory_format=order)
        if out is None:
            return copies
        for target, copy in zip(out, copies, strict=True) if isinstance(copies, tuple) else ((out, copies),):
            target.resize_(copy.shape).copy_(copy)
        return out

    form.__name__ = form.__qualname__ = name + "_copy"
    form.__doc__ = f"A copy of what `{name}` shows."
    function("Tensor torch" if name in ("narrow",) else "torch")(form)


for _name in IN_PLACE:
    _in_place(_name)
for _name in COPIES:
    _copy(_name)
