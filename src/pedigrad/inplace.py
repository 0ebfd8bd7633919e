"""Writes in place: the value into the storage, the new history to the tensor and to whatever it is a view of.

An operation in place is the operation out of place, whose result is then copied into the first operand's storage and whose
node becomes that operand's history. Where the operand is a view, its base gets a history too: that of `replace_region`, the
base with the viewed region replaced. Other views of the same base notice at their next use that the base was given a new
history after they were made, and follow it (`tensor.refresh`).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import dtypes, modes
from .errors import explained, not_a_tensor
from .gate import NUMBERS, bind, check_overlap, gate, is_recorded, record
from .graph import Leaf, Node, note_write
from .origin import located
from .tensor import HAS_VIEWS, STRIDED, UNTRACKED, Tensor, View, copied, refresh, wrap

if TYPE_CHECKING:
    from .op import Op

replace_region: Any = None  # the op that writes through a view, set where it is declared (`ops/region.py`)
WAY_OUT = "do it under torch.no_grad(), or on a clone()"


def inplace_form(op: Op) -> Callable[..., Any]:
    """The function that writes the result of `op` into its first operand: `add_` of `add`."""

    defaults = tuple(op.defaults[n] for n in op.attributes) if all(n in op.defaults for n in op.attributes) else None
    others = len(op.operands) - 1

    def form(input: Any, *args: Any, **kwargs: Any) -> Any:
        if not kwargs and len(args) == others and defaults is not None:
            return write(op, (input, *args), defaults)
        operands, attributes = bind(op, (input, *args), kwargs)
        return write(op, operands, attributes)

    form.__name__ = form.__qualname__ = op.name + "_"
    form.__module__ = op.forward.__module__
    form.__doc__ = f"In-place form of `{op.name}`; returns its first operand."
    return form


def write(op: Op, operands: tuple[Any, ...], attributes: tuple[Any, ...]) -> Tensor:
    """Run `op` and put its result into the first operand's storage and history."""
    target = operands[0]
    if not isinstance(target, Tensor):
        raise not_a_tensor(op, op.public_names[0], target)
    if modes.special:
        refresh(target)
    recording = is_recorded(target, *operands[1:])
    if recording:
        check_writable(target)
    elif op.ufunc is not None and _plain(target, operands[1:]) and modes.settings.recorder is None:
        check_overlap(target._array, op.name + "_")
        try:
            op.ufunc(*(v._array if isinstance(v, Tensor) else v for v in operands), out=target._array)
        except Exception as error:
            raise explained(op, tuple(getattr(v, "_array", v) for v in operands), error) from error
        note_change(target, op.name + "_")
        return target
    result = gate(op, operands, attributes)
    array = result._array
    if not dtypes.can_cast(dtypes.of(array), target.dtype):
        raise RuntimeError(located(f"{op.name}_(): result type {result.dtype} can't be cast to the desired output type {target.dtype}"))
    if array.shape != target._array.shape:
        sizes = f"{list(target.shape)} doesn't match the broadcast shape {list(array.shape)}"
        raise RuntimeError(located(f"{op.name}_(): output with shape {sizes}"))
    return store(target, result, array, op.name + "_")


def _plain(target: Tensor, others: tuple[Any, ...]) -> bool:
    """Whether a ufunc may write straight into `target`: all float arrays of one dtype, or numbers."""
    dtype = target._array.dtype
    if dtype.kind != "f":
        return False
    return all(v._array.dtype == dtype if isinstance(v, Tensor) else v.__class__ in NUMBERS for v in others)


def check_writable(target: Tensor) -> None:
    """RuntimeError if a write in place into `target` would be lost on a leaf's gradient."""
    if isinstance(target._node, Leaf):
        raise RuntimeError(located("a leaf Variable that requires grad is being used in an in-place operation; " + WAY_OUT))
    view = target._view
    while view is not None and view.base is not None:
        if view.op.outputs is None:
            message = f"a view made by {view.op.name}(), which returns several views, cannot be modified in place; clone() it first"
            raise RuntimeError(located(message))
        if isinstance(view.base._node, Leaf):
            message = "a view of a leaf Variable that requires grad is being used in an in-place operation; " + WAY_OUT
            raise RuntimeError(located(message))
        view = view.base._view


def store(target: Tensor, result: Tensor, array: Any, what: str) -> Tensor:
    """Copy `array` into `target` and give it the history of `result`."""
    node = result._node
    here = target._array
    check_overlap(here, what)
    if node is not None and isinstance(node.saved, tuple):
        # What the node keeps must be the values from before this write.
        node.saved = tuple(copied(s) if isinstance(s, np.ndarray) and np.may_share_memory(s, here) else s for s in node.saved)
    np.copyto(here, array, casting="unsafe")
    if modes.special and modes.settings.recorder is not None:
        modes.settings.recorder.write(here, array)
    note_change(target, what)
    if node is not None or target._node is not None:
        if modes.settings.grad:
            rebase(target, node)
    elif target._cut is None:
        target._cut = result._cut
    return target


def note_change(target: Tensor, what: str) -> None:
    """Record a write in place into `target`, unless it was made through `.data`."""
    view = target._view
    while view is not None and view.base is not None:
        view = view.base._view
    if view is not UNTRACKED:
        note_write(target._array, what)


def rebase(target: Tensor, node: Node | None) -> None:
    """Give `target` the new history `node`, and what it is a view of the history in which that region is replaced."""
    if node is not None:
        node.seq = next(modes.clock)  # younger than the write itself
    view = target._view
    if view is None or view is UNTRACKED or view is STRIDED:
        target._node = node
        return
    if view.base is not None:
        _rebase_base(target, view, node)
    if view is HAS_VIEWS or view.base is None:
        target._node = node
        if view is HAS_VIEWS:
            view = target._view = View(None, None, ())
            modes.need_long_way(+1)
            _when_gone(target)
    else:
        view.op.rerecord(target, view.base, view.attributes)
        view.stamp = next(modes.clock)
    view.rebased = next(modes.clock)


def _rebase_base(target: Tensor, view: View, node: Node | None) -> None:
    base = view.base
    assert base is not None
    if base._node is None and node is None:
        return
    op = replace_region.op
    region = wrap(target._array)
    region._node = node
    holder = wrap(base._array)
    attributes = (view.op, view.attributes)
    record(op, (holder,), (base, region), (base._array, target._array), attributes, (base._array,))
    rebase(base, holder._node)


def _when_gone(tensor: Tensor) -> None:
    """Drop the reason for the long way when `tensor`, whose views may be out of date, dies."""
    weakref.finalize(tensor, modes.need_long_way, -1).atexit = False
