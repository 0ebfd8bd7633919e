"""Views: which tensor shows memory of which other, and how the history of one follows from that of the other.

All views of one memory have one base, and each knows the steps that lead there from it. When a view is written to in place, the base
gets a new history (`core/inplace.py`); its views, which nobody holds, see at their next use that it is younger than theirs.
"""

from __future__ import annotations

from typing import Any

from . import lifted, modes
from .graph import Leaf, Node, Tensor
from .layout import same_places
from .origin import located

NO_GRAD, SEVERAL, FUNCTION = "under no_grad", "with others", "in a Function"  # how views are made that cannot be written to with history
DATA = "by .data"


class View:
    """That a tensor shows memory of `base`, which is no view: what `op` with `attributes` shows of it, or of the view `before`."""

    __slots__ = ("attributes", "base", "before", "made", "op", "rebased", "stamp")

    def __init__(self, base: Tensor | None, op: Any, attributes: tuple[Any, ...], before: View | None = None):
        self.base = base
        self.before = before
        self.op = op
        self.attributes = attributes
        self.stamp = 0  # the history is that of this time; of a base: it was written to without history at this time
        self.rebased = 0  # of a base: a write in place gave it a new history at this time
        self.made: str | None = None if before is None else before.made
        if modes.grad_off and not modes.settings.grad:
            self.made = self.made or NO_GRAD

    def root(self) -> Tensor:
        """The base, which a change of its shape in place may have made a view of another."""
        base = self.base
        assert base is not None
        while base._view is not None and base._view.base is not None:
            base = self.base = base._view.base
        return base

    def steps(self) -> list[tuple[Any, tuple[Any, ...]]]:
        """The ops and attributes that lead from the base to the view; one that looks at the whole storage is the first."""
        found = []
        view: View | None = self
        while view is not None and view.op is not None:
            if view.op.of_storage is None:
                found.append((view.op, view.attributes))
                view = view.before
            else:
                found.append((view.op, view.op.of_storage(view.attributes, self.root()._array)))
                break
        return found[::-1]


class Family(View):
    """In `_view` of a tensor that is no view but has some, each of which holds it as what was `before`: so they are counted."""

    __slots__ = ()
    base: Any = None
    before: Any = None
    op: Any = None
    attributes: Any = ()
    made: Any = None
    stamp: Any = 0
    rebased: Any = 0


UNTRACKED = View(None, None, ())  # in `_view` of what `.data` returns: writes to it are the user's own business
UNTRACKED.made = DATA
STRIDED = View(None, None, ())  # in `_view` of a tensor that is no view and does not lie row by row: None there says that it does


def renew(tensor: Tensor, node: Node | None) -> None:
    """Give a tensor that was written to another history: what `retain_grad` asked for moves there, hooks stay with the value before."""
    old = tensor._node
    tensor._node = node
    if old is None or old is node or old.hooks is None or old.hooks.retain is None or old.hooks.retain() is not tensor:
        return
    if node is not None:
        node.own_hooks().retain = old.hooks.retain
    old.hooks.retain = None


def refresh(tensor: Tensor) -> None:
    """Give a view the history that its base has got by a write in place since the view was made."""
    view = tensor._view
    if view is None or view.base is None or tensor._node.__class__ is Leaf:
        return
    base = view.root()
    if lifted.alive and _has_other_parts(tensor, view, base):
        show_again(tensor, base)
    if base._view is None:
        return
    written = base._view.stamp > view.stamp and view.made is not NO_GRAD and tensor._node is not None
    if written or base._view.rebased > view.stamp:
        rerecord(tensor, view, base)


def _has_other_parts(tensor: Tensor, view: View, base: Tensor) -> bool:
    """Whether what a view shows has been taken into other levels since. A sample is always of another than what it is a sample of."""
    if not isinstance(base._array, lifted.Lifted) or lifted.form(base._array) == lifted.form(tensor._array):
        return False
    return all(op.kind != "edge" for op, _ in view.steps())


def show_again(tensor: Tensor, base: Tensor) -> None:
    """Give a view the array that shows of its base's present one what it showed of the one before."""
    array = base._array
    for op, attributes in tensor._view.steps():  # type: ignore[union-attr]
        array = op.shown(array, attributes)
    tensor._array = array


def shown_by(base: Tensor, steps: list[tuple[Any, tuple[Any, ...]]]) -> Tensor:
    """What these view ops show of `base`, with its history."""
    with modes.inference_mode(False):  # what is looked at was recorded; where that is done does not matter
        for op, attributes in steps:
            base = op.viewed(base, attributes)
    return base


def _found_again(tensor: Tensor, view: View, base: Tensor) -> Tensor:
    """What the steps of a view show of its base, with its history: the view's memory, unless the shape of the base has changed since."""
    try:
        shown = shown_by(base, view.steps())
    except (RuntimeError, ValueError, IndexError):  # the steps do not fit
        shown = None
    if shown is None or not same_places(shown._array, tensor._array):
        recorder = modes.settings.recorder
        if recorder is not None and recorder.refused is None:  # of some views it has elements alone
            recorder.refuse("a view of a tensor that was written to since is used")
            return _found_again(tensor, view, base)
        message = "a view was made of a tensor whose shape was changed in place and which was written to since"
        raise RuntimeError(located(f"{message}: what gradients the view has is not known; clone() it before that"))
    return shown


def _unheard(base: Tensor) -> Tensor:
    """`base`, which has no history, with one that leads nowhere: as in PyTorch, views of a leaf that is a view itself then lose it."""
    holder = base.detach()
    leaf = holder._node = Leaf(holder)
    leaf.frozen = True
    return holder


def rerecord(tensor: Tensor, view: View, base: Tensor) -> None:
    """Give a view the history that follows from its base's present one."""
    if view.made is SEVERAL or view.made is FUNCTION:
        if not modes.settings.grad:
            return  # nobody asks for its history yet
        how = f"{view.op.name}(), which returns several views" if view.made is SEVERAL else "a custom Function"
        message = f"a view made by {how}, shows what was modified in place, itself or through another view"
        raise RuntimeError(located(message + "; clone() this one before that"))
    if base._node is None and tensor._node is not None and base._view is not None and base._view.rebased <= view.stamp:
        base = _unheard(base)
    shown = _found_again(tensor, view, base)
    tensor._cut = shown._cut
    renew(tensor, shown._node)
    view.stamp = next(modes.clock)
