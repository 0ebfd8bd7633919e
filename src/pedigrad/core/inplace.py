"""Writes in place: the value into the storage, the new history to the tensor and to whatever it is a view of.

An operation in place is the operation out of place, whose result is then copied into the first operand's storage and whose
node becomes that operand's history. Where the operand is a view, its base gets a history too: that of `replace_region`, the
base with the viewed region replaced, and the operand that of a view of the base as it is now. Other views of the same base notice
at their next use that the base was given a new history after they were made, and follow it (`tensor.refresh`).
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from . import dtypes, lifted, meta, modes, watching
from .arguments import bind
from .arrayless import NoArrayError
from .dispatch import NUMBERS, check_overlap, dispatch, is_recorded, record
from .errors import explained, not_a_tensor
from .graph import Leaf, Node, note_write
from .history import DATA, FUNCTION, NO_GRAD, SEVERAL, STRIDED, UNTRACKED, Family, View, refresh, renew, rerecord, show_again, shown_by
from .layout import check_operands
from .op import Op
from .origin import located
from .quiet import is_strict
from .tensor import Tensor, copied, wrap
from .traces import trim

replace_region: Any = None  # the op that writes through a view, set where it is declared (`ops/shape/region.py`)
replaced: Any = None  # the op of `copy_`, set where it is declared (`ops/shape/fill.py`)
_probe = View(None, None, (), object.__new__(Family))
ALONE = sys.getrefcount(_probe.before)  # of what nobody holds but the object whose attribute it is
IDEMPOTENT = ("copy", "fill")  # ops whose result does not depend on the values before, nor on how often an element is written
WAY_OUT = "do it under torch.no_grad(), or on a clone()"


def inplace_form(op: Op) -> Callable[..., Any]:
    """The function that writes the result of `op` into its first operand: `add_` of `add`."""

    defaults = tuple(op.defaults[n] for n in op.attributes) if all(n in op.defaults for n in op.attributes) else None
    count = len(op.operands)

    def form(*args: Any, **kwargs: Any) -> Any:
        try:
            if not kwargs and len(args) == count and defaults is not None:
                return write(op, args, defaults)
            operands, attributes = bind(op, args, kwargs)
            return write(op, operands, attributes)
        except Exception as error:
            trim(error)
            raise

    form.__name__ = form.__qualname__ = op.name + "_"
    form.op, form.in_place = op, True  # type: ignore[attr-defined]
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
    try:
        recording = is_recorded(target, *operands[1:])
        flags = target._array.flags
        check_operands(op, target._array, operands[1:], op.name + "_")
    except NoArrayError as error:
        return error.kind.write(op, operands, attributes)
    if not flags.forc and op.name not in IDEMPOTENT and is_shown_twice(target._array):
        message = "unsupported operation: more than one element of the written-to tensor refers to a single memory location"
        message += " (elements of an expanded tensor or of windows share memory)"
        raise RuntimeError(located(f"{op.name}_(): {message}. Please clone() the tensor before performing the operation."))
    if not recording and op.name in IDEMPOTENT and meta.is_meta(target._array):
        note_change(target, op.name + "_")
        return target
    if recording:
        check_writable(target)
    elif op.ufunc is not None and _plain(op, target, operands[1:]) and modes.settings.recorder is None and not meta.alive:
        here = target._array
        check_overlap(here, op.name + "_")
        values = tuple(v._array if isinstance(v, Tensor) else v for v in operands)
        try:
            if here.flags.forc:
                op.ufunc(*values, out=here)
            else:  # NumPy's loops for processors with AVX-512 lay some strided results wrongly (`np.negative` of 2.4 does)
                write_result(here, op.ufunc(*values))
        except FloatingPointError:
            pass  # what `np.seterr` asks for is raised when all is written
        except Exception as error:
            raise explained(op, values, error) from None
        note_change(target, op.name + "_")
        return target
    result = dispatch(op, operands, attributes)
    if recording and op.result == "bool" and target._node is not None:
        if op.name.startswith("logical_"):  # as in PyTorch these have the history of what was there before
            np.copyto(target._array, result._array, casting="unsafe")
            note_change(target, op.name + "_")
            return target
        result = replaced(target, result)  # the gradient of what was there before is zero
    array = result._array
    if not dtypes.can_cast(dtypes.of(array), target.dtype):
        raise RuntimeError(located(f"{op.name}_(): result type {result.dtype} can't be cast to the desired output type {target.dtype}"))
    if array.shape != target._array.shape:
        sizes = f"{list(target.shape)} doesn't match the broadcast shape {list(array.shape)}"
        raise RuntimeError(located(f"{op.name}_(): output with shape {sizes}"))
    if op.name != "fill":
        check_overlap(target._array, op.name + "_")
    return store(target, result, array, op.name + "_")


def is_shown_twice(array: Any) -> bool:
    """Whether two elements of an array lie at one address."""
    reach = 0
    for step, size in sorted((abs(s), n) for s, n in zip(array.strides, array.shape, strict=True) if n > 1):
        if step <= reach:
            break
        reach += step * (size - 1)
    else:
        return False
    at = sum(np.arange(n).reshape(-1, *(1,) * (array.ndim - i - 1)) * array.strides[i] for i, n in enumerate(array.shape))
    return np.unique(at).size < array.size


def write_result(here: Any, result: Any) -> None:
    """Copy what a ufunc made into an array; ValueError unless that has its shape."""
    if np.shape(result) != here.shape:
        raise ValueError(f"non-broadcastable output operand with shape {here.shape} doesn't match the broadcast shape {np.shape(result)}")
    here[...] = result


def _plain(op: Op, target: Tensor, others: tuple[Any, ...]) -> bool:
    """Whether the ufunc of `op` may write straight into `target`: all float arrays of one dtype, or numbers."""
    dtype = target._array.dtype
    numbers = NUMBERS if not op.keeps_numbers or dtype.itemsize > 2 else ()
    if dtype.kind != "f" or (lifted.alive and lifted.highest(getattr(v, "_array", None) for v in (target, *others)) is not None):
        return False
    return all(v._array.dtype == dtype if isinstance(v, Tensor) else v.__class__ in numbers for v in others)


def check_writable(target: Tensor) -> None:
    """RuntimeError if a write in place into `target` would be lost on a leaf's gradient."""
    if isinstance(target._node, Leaf):
        raise RuntimeError(located("a leaf Variable that requires grad is being used in an in-place operation; " + WAY_OUT))
    view = target._view
    if view is None or view.base is None:
        return
    if view.made is SEVERAL or view.made is FUNCTION:
        how = f"{view.op.name}(), which returns several views," if view.made is SEVERAL else "a custom Function"
        raise RuntimeError(located(f"a view made by {how} cannot be modified in place; clone() it first"))
    node = view.root()._node
    if isinstance(node, Leaf) or (node is None and target._node is not None):  # the leaf may be a view itself
        message = "a view of a leaf Variable that requires grad is being used in an in-place operation; " + WAY_OUT
        raise RuntimeError(located(message))


def store(target: Tensor, result: Tensor, array: Any, what: str) -> Tensor:
    """Copy `array` into `target` and give it the history of `result`."""
    node = result._node
    if lifted.alive:
        adopt(target, array)
    here = target._array
    if node is not None and isinstance(node.saved, tuple):
        # What the node keeps must be the values from before this write.
        node.saved = tuple(copied(s) if isinstance(s, lifted.ARRAYS) and np.may_share_memory(s, here) else s for s in node.saved)
    if node is not None:
        node.dtype = here.dtype  # gradients come in that of the target
    if meta.is_meta(here):
        pass
    elif is_strict():
        with np.errstate(all="ignore"):
            np.copyto(here, array, casting="unsafe")
    else:
        meta.require_data(array, what + "()")
        np.copyto(here, array, casting="unsafe")
    if modes.special and modes.settings.recorder is not None and not isinstance(here, lifted.Lifted):
        modes.settings.recorder.write(here, array)
    note_change(target, what)
    if node is not None or target._node is not None:
        if modes.settings.grad:
            rebase(target, node)
    elif target._cut is None:
        target._cut = result._cut
    return target


def adopt(target: Tensor, new: Any) -> None:
    """Let `target`, and what it is a view of, be of the levels of `new`, which is about to be written into it."""
    view = target._view
    base = target if view is None or view.base is None else view.root()
    array = lifted.holding(base._array, new)
    if array is base._array:
        return
    base._array = array
    if base is not target:
        show_again(target, base)


def note_change(target: Tensor, what: str) -> None:
    """Record a write in place into `target`, unless it was made through `.data`."""
    view = target._view
    if view is not None and view.base is not None:
        view = view.root()._view
    unseen = view is not None and view.made is DATA
    if not unseen:
        note_write(target._array, what)
    if watching.watcher is not None and (unseen or not (modes.settings.grad or target._node is None or target._node.__class__ is Leaf)):
        watching.watcher.unseen_write(target, what)
    if view is not None and view is not STRIDED and modes.grad_off and not modes.settings.grad:
        view = None  # they are counted by who holds them
        _without_history(target)


def rebase(target: Tensor, node: Node | None) -> None:
    """Give `target` the new history `node`, and what it is a view of the history in which that region is replaced."""
    if node is not None:
        node.seq = next(modes.clock)  # younger than the write itself
    view = target._view
    if view is None or view is STRIDED:
        renew(target, node)
    elif view.base is None:
        renew(target, node)
        _has_new_history(target)
    else:
        _rebase_base(target, view, node)


def _rebase_base(target: Tensor, view: View, node: Node | None) -> None:
    base = view.root()
    if base._node is None and node is None:
        renew(target, None)
        return
    region, holder = wrap(target._array), wrap(base._array)
    region._node = node
    steps = view.steps()
    old = target._node
    if node is not None and node.parents and node.parents[0] is old and (steps[0][0].of_storage is not None or _hooked(old, len(steps))):
        # As in PyTorch the gradient of what was overwritten goes to the base at once: past hooks on the view as it was, and not
        # by way of a view of which a view by strides shows more than that had.
        node.parents = (shown_by(base, steps)._node, *node.parents[1:])
        node.seq = next(modes.clock)
    way = steps[0] if len(steps) == 1 else (None, tuple(steps))
    record(replace_region.op, (holder,), (base, region), (base._array, target._array), way, (base._array,))
    renew(base, holder._node)
    _has_new_history(base)
    rerecord(target, view, base)


def _hooked(node: Node | None, steps: int) -> bool:
    """Whether there are hooks on the history of a view, so many steps back."""
    while node is not None and steps and node.hooks is None:
        node, steps = node.parents[0] if node.parents else None, steps - 1
    return node is not None and steps > 0


def _has_new_history(base: Tensor) -> None:
    """Let the views of `base` follow it at their next use."""
    _own_view(base).rebased = next(modes.clock)


def _own_view(base: Tensor) -> View:
    """The `_view` of a base that says when it was written to, for its views to see."""
    view = base._view
    assert view is not None
    if view.__class__ is Family or view is UNTRACKED:
        view, made = View(None, None, ()), view.made
        view.made, base._view = made, view
        modes.need_long_way(+1)
        when_gone(base)
    return view


def _has_relatives(target: Tensor) -> bool:
    """Whether there are other views of what the view `target` shows than those of itself."""
    view: Any = target._view
    while view.before.__class__ is View:
        if sys.getrefcount(view.before) > ALONE:
            return True
        view = view.before
    return view.before is None or sys.getrefcount(view.before) > ALONE + 1


def _without_history(target: Tensor) -> None:
    """Let the views of what `target` shows, which was written to without history, begin anew at their next use, as in PyTorch."""
    base = target if target._view.base is None else target._view.root()  # type: ignore[union-attr]
    if base._view is None or base._view is STRIDED or base._view is UNTRACKED or (base._node is None and target._node is None):
        return
    seen = base._view.__class__ is not Family or sys.getrefcount(target._view) > ALONE
    if not seen and (base is target or not _has_relatives(target)):
        node, made = target._node, target._view.made  # type: ignore[union-attr]
        if base is target or node is None or node.__class__ is Leaf or made is NO_GRAD:
            return
        if made is not SEVERAL and made is not FUNCTION:  # mostly it is gone after this
            rerecord(target, target._view, base)  # type: ignore[arg-type]
            return
    _own_view(base).stamp = next(modes.clock)


def when_gone(tensor: Tensor) -> None:
    """Drop the reason for the long way when `tensor`, whose views may be out of date, dies."""
    weakref.finalize(tensor, modes.need_long_way, -1).atexit = False
