"""Other forms of the view ops: `unsqueeze_` and the like, which change the tensor itself, and `unsqueeze_copy`, which copy."""

from __future__ import annotations

import functools
from typing import Any

from ...core import dtypes, modes
from ...core.declare import PLACES, Function, function
from ...core.dispatch import is_recorded, unordered
from ...core.errors import MISSING
from ...core.graph import Leaf
from ...core.history import DATA, STRIDED, Family, View, refresh
from ...core.inplace import check_writable, when_gone
from ...core.keywords import OTHER_NAMES
from ...core.origin import located
from ...core.tensor import Tensor, wrap
from .convert import clone, contiguous_format, preserve_format
from .view import reshape, view_

IN_PLACE = {
    "transpose": "(self, dim0, dim1)", "swapaxes": "(self, axis0, axis1)", "swapdims": "(self, dim0, dim1)", "t": "(self)",
    "squeeze": "(self, dim=None)", "unsqueeze": "(self, dim)", "as_strided": "(self, size, stride, storage_offset=None)",
}  # fmt: skip
FORMS = {
    "expand": "(input, size, *, implicit=False, out=None)", "view": "(input, size, *, out=None)", "permute": "(input, dims, *, out=None)",
    "slice": "(input, dim=0, start=None, end=None, step=1, *, out=None)",
}  # fmt: skip
COPIES: tuple[str, ...] = ("alias", "as_strided", "diagonal", "expand", "narrow", "permute", "select", "slice", "split", "split_with_sizes")
COPIES += ("squeeze", "t", "transpose", "unbind", "unfold", "unsqueeze", "view")
OWN = [word for word, name in OTHER_NAMES.items() if name == "input"]


def become_view(self: Tensor, make: Function) -> Tensor:
    """Let the tensor be `make` of what it was, on the same storage; returns it."""
    if modes.special:
        refresh(self)
    if is_recorded(self):
        check_writable(self)
    before, node, view = wrap(self._array), self._node, self._view
    before._node, before._cut, before._view = node, self._cut, None
    with modes.inference_mode(False):  # the history is that of the elements, which move also where nothing is recorded
        after = make(before)
    self._array = after._array
    if view is None or view is STRIDED:
        self._view = unordered(self._array)
    if isinstance(node, Leaf):
        node.shape = after._array.shape
        return self
    self._node = after._node
    shown = after._view
    if shown is None or view is None or view is STRIDED or view.made is DATA:
        return self
    if view.base is not None:
        self._view = View(view.root(), shown.op, shown.attributes, view)
    else:  # its views go on as views of what it was
        before._view, self._view = view, View(before, shown.op, shown.attributes)
        if view.__class__ is not Family:
            modes.need_long_way(+1)
            when_gone(before)
    self._view.made = view.made
    self._view.stamp = next(modes.clock)
    return self


def _in_place(name: str) -> None:
    def form(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        view = getattr(Tensor, name)
        return become_view(self, lambda before: view(before, *args, **kwargs))

    form.__name__ = form.__qualname__ = name + "_"
    form.__doc__ = f"`{name}` of the tensor itself, which keeps its storage; returns the tensor."
    function("Tensor", form=IN_PLACE[name])(form)


def _view_where_possible(self: Tensor, *shape: Any, size: Any = None, dtype: Any = None) -> Tensor:
    if dtype is not None or (shape and isinstance(shape[0], dtypes.dtype)):
        return view_(self, *shape, dtype=dtype)
    return reshape(self, *shape) if size is None else reshape(self, size)


def _copy(name: str) -> None:
    view = _view_where_possible if name == "view" else PLACES["Tensor"].get(name) or PLACES["torch"].get(name)
    if view is None:
        return

    @functools.wraps(view, assigned=())
    def form(input: Any = MISSING, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        if input is MISSING:
            first = next((word for word in OWN if word in kwargs), "input")
            if first not in kwargs:
                raise TypeError(located(f'{name}_copy() missing 1 required positional arguments: "input"'))
            input = kwargs.pop(first)
        found = view(input, *args, **kwargs)
        order = preserve_format if name == "alias" else contiguous_format
        copies = tuple(clone(x, memory_format=order) for x in found) if isinstance(found, tuple) else clone(found, memory_format=order)
        if out is None:
            return copies
        for target, copy in zip(out, copies, strict=True) if isinstance(copies, tuple) else ((out, copies),):
            target.resize_(copy.shape).copy_(copy)
        return None if isinstance(copies, tuple) else out

    form.__name__ = form.__qualname__ = name + "_copy"
    form.__doc__ = f"A copy of what `{name}` shows."
    form.__dict__.pop("__signature__", None)  # that of the view
    form.adds = {"out": None}  # type: ignore[attr-defined]
    function("Tensor torch" if name in ("narrow",) else "torch", form=FORMS.get(name))(form)


for _name in IN_PLACE:
    _in_place(_name)
for _name in COPIES:
    _copy(_name)
