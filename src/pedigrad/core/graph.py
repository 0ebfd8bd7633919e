"""The graph: nodes, the leaves that gradients accumulate in, and the record of writes in place.

A Node stands for one operation that was run. It links to the nodes its operands came from, never to the Tensors, so an
intermediate Tensor dies as soon as the program drops it; it holds the arrays its gradient rules named, and the place in the
user's program that ran it. Nodes are numbered on one time line (`modes.clock`): every node is younger than its parents, so
backward visits them in falling order of `seq`, and a saved array was modified if its storage was written to after the node's
`seq`. Saving an array therefore costs nothing: there is no version counter per tensor, only a table of storages written to.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeAlias

import numpy as np

from . import modes
from .lifted import ARRAYS
from .op import Op
from .origin import Origin, located, outside
from .scope import Scope, place_of
from .storage import storage_of

Tensor: TypeAlias = Any  # the class is defined above, and made of what is here

Array = np.ndarray[Any, Any]


class Hooks:
    """What a user attached to a node; most nodes have none."""

    __slots__ = ("after", "before", "on_gradient", "post_accumulate", "retain")

    def __init__(self) -> None:
        self.on_gradient: dict[int, Any] = {}  # of the tensor: gradient -> gradient
        self.before: dict[int, Any] = {}  # of the node: gradients of outputs -> the same
        self.after: dict[int, Any] = {}  # of the node: gradients of inputs, of outputs
        self.post_accumulate: dict[int, Any] = {}  # of a leaf, after `.grad` is written
        self.retain: weakref.ref[Tensor] | None = None  # the tensor whose `.grad` is kept


class Handle:
    """What registering a hook returns: `remove()` takes the hook off again."""

    __slots__ = ("hooks", "id")

    def __init__(self, hooks: dict[int, Any], hook: Any):
        self.id = next(modes.clock)
        self.hooks = hooks
        hooks[self.id] = hook

    def remove(self) -> None:
        """Take the hook off; a second call does nothing."""
        self.hooks.pop(self.id, None)

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


class Freed:
    """Stands in a node for the saved arrays that a backward pass has released, and knows where that pass was run."""

    __slots__ = ("origin",)

    def __init__(self, origin: Origin):
        self.origin = origin


def packed_by(pack: Any, tensor: Any) -> Any:
    """What a user's hook makes of a tensor that is saved; RuntimeError if it writes to that."""
    before = write_to(tensor._array)
    count = 0 if before is None else before.count
    value = pack(tensor)
    after = write_to(tensor._array)
    if after is not None and (after is not before or after.count != count):
        message = "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook cannot be modified by"
        raise RuntimeError(located(f"{message} in-place operations: the operation that saves them has them too. Write to a clone()"))
    return value


def unpacked_by(unpack: Any, value: Any) -> Any:
    """The tensor that a user's hook makes of what the other has made of it; TypeError if it is none."""
    tensor = unpack(value)
    if not hasattr(tensor, "_held"):
        kind = type(tensor).__name__
        raise TypeError(located(f"Output of saved tensor unpack_hook expected to be a Tensor but got result of type {kind}"))
    return tensor


class Packed:
    """In a node what a user's hooks have made of the arrays that it saved."""

    __slots__ = ("unpack", "values")

    def __init__(self, saved: tuple[Any, ...], pack: Any, unpack: Any, wrap: Any):
        self.unpack = unpack
        with modes.no_grad():
            self.values = tuple((True, packed_by(pack, wrap(s))) if isinstance(s, ARRAYS) else (False, s) for s in saved)

    def unpacked(self) -> tuple[Any, ...]:
        """The arrays that the hooks give back, and what else was saved."""
        with modes.no_grad():
            return tuple(unpacked_by(self.unpack, value)._array if packed else value for packed, value in self.values)


class Remade:
    """Stands in a node for saved arrays that are computed anew when a backward pass needs them."""

    def node(self) -> Node:
        """The node of the same operation, run again, which has the arrays and takes this one's place in the pass."""
        raise NotImplementedError


class Node:
    """One operation that was run: its parents, what its gradient rules need, and where it came from."""

    __slots__ = ("__weakref__", "code", "cut", "dtype", "hooks", "lasti", "parents", "saved", "scope", "seq", "shape")
    op: ClassVar[Op]  # each op has a subclass of its own
    keeps_arrays: ClassVar[bool] = True
    wide: ClassVar[bool] = False  # whether its rules are given float32 in the place of 16-bit floats
    asks_for_saved: ClassVar[bool] = False  # a user's Function, for which what it saved may be gone until it asks

    seq: int  # its place on the time line
    code: Any  # with `lasti`, the user's instruction that ran it
    lasti: int
    scope: Scope | None  # the module that ran it
    parents: tuple[Node | None, ...]
    saved: Any  # tuple of what the rules named (() where they need nothing), a Packed, a Remade, or a Freed
    shape: tuple[int, ...]  # of its (first) output
    dtype: Any  # NumPy's, of its output
    hooks: Hooks | None
    cut: Any  # the Cut of an operand that lost its history before it came here; not set where there is none

    @property
    def origin(self) -> Origin:
        """The user's line that ran the operation."""
        return Origin(self.code, self.lasti)

    @property
    def place(self) -> str:
        """Where it was run, in words: the module, if one ran it, and the user's line."""
        return place_of(self.scope, self.origin)

    def name(self) -> str:
        """PyTorch's name of the node, such as `MulBackward0`."""
        return type(self).__name__

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """The parents as PyTorch gives them: pairs of a node and the index of its output."""
        return tuple((None, 0) if p is None else p.edge() for p in self.parents)

    def edge(self) -> tuple[Node, int]:
        """This node as somebody's parent: the node to show and the index of the output meant."""
        return self, 0

    def own_hooks(self) -> Hooks:
        """The hooks of this node, made at first need."""
        if self.hooks is None:
            self.hooks = Hooks()
        return self.hooks

    def register_hook(self, hook: Any) -> Handle:
        """Call `hook(grad_inputs, grad_outputs)` after this node's gradient is computed; what it returns replaces it."""
        return Handle(self.own_hooks().after, hook)

    def register_prehook(self, hook: Any) -> Handle:
        """Call `hook(grad_outputs)` before this node's gradient is computed; what it returns replaces them."""
        return Handle(self.own_hooks().before, hook)

    @property
    def metadata(self) -> dict[Any, Any]:
        """Empty: kept for programs that ask."""
        return {}

    def __repr__(self) -> str:
        return f"<{self.name()} at {self.origin}>"


class Output(Node):
    """One of several outputs of a node: gradients gather here until the node itself, its only parent, is due."""

    __slots__ = ("count", "index")
    index: int
    count: int  # how many outputs the node has

    def edge(self) -> tuple[Node, int]:
        return self.parents[0], self.index  # type: ignore[return-value]


class Leaf(Node):
    """Where the gradient of a tensor that the user made arrives. It holds `.grad` itself, so no cycle is needed."""

    __slots__ = ("frozen", "grad", "tensor", "zeroed")
    frozen: bool  # the tensor needs no gradient any more: what arrives is let go
    grad: Tensor | None
    zeroed: bool  # zero_grad() was called and nobody has looked since: the array's contents are stale

    def __init__(self, tensor: Tensor):
        self.parents = ()
        self.saved = ()
        self.hooks = None
        self.seq = next(modes.clock)
        self.code, self.lasti, self.scope = None, 0, None
        self.tensor: Callable[[], Any] = weakref.ref(tensor)
        held = tensor._held
        self.shape, self.dtype = held.shape, held.dtype
        self.grad = None
        self.zeroed = self.frozen = False

    @classmethod
    def of(cls, tensor: Tensor) -> Leaf:
        """The leaf of a tensor from now on: the one that it had before it was frozen, which graphs may lead to, or a new one."""
        leaf = _frozen.get(id(tensor))
        if leaf is None or leaf.tensor() is not tensor:
            return cls(tensor)
        leaf.frozen, leaf.shape, leaf.dtype = False, tensor._held.shape, tensor._held.dtype
        return leaf

    def freeze(self, tensor: Tensor) -> None:
        """Let what arrives go, until the tensor needs a gradient again."""
        self.frozen, self.grad, self.zeroed = True, None, False
        if _frozen.get(id(tensor)) is not self:
            _frozen[id(tensor)] = self
            weakref.finalize(tensor, _frozen.pop, id(tensor), None).atexit = False

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self):#x}>"

    @property
    def variable(self) -> Tensor | None:
        """The leaf tensor, while it lives."""
        return self.tensor()

    def read_grad(self) -> Tensor | None:
        """`.grad` as the user sees it: a pending zeroing is carried out now."""
        if self.zeroed:
            self.zeroed = False
            self.fill_zero()
        return self.grad

    def zero(self) -> None:
        """Zero `.grad`: later if nobody else holds it, since the next backward may overwrite it; at once otherwise."""
        grad = self.grad
        if grad is None:
            if modes.special:
                self.look()
            return
        self.touch()
        try:
            array = grad._array
        except AttributeError:  # it is sparse
            self.grad = grad.zeros()
            return
        if grad._node is not None:  # a gradient with a history is not ours to write into
            self.grad = type(grad)(np.zeros_like(grad._array))
        elif sys.getrefcount(grad) <= 3 and sys.getrefcount(array) <= 3:  # the slot, `grad` or `array`, the argument
            self.zeroed = True
        else:
            self.fill_zero()
            note_write(grad._array, "zero_grad")

    def touch(self) -> None:
        """Tell a recorder that the gradient is about to be changed."""
        if modes.special and modes.settings.recorder is not None:
            modes.settings.recorder.touch(self)

    def look(self) -> None:
        """Tell a recorder that somebody looks whether there is a gradient."""
        if modes.settings.recorder is not None:
            modes.settings.recorder.look(self)

    def fill_zero(self) -> None:
        """Write zeros over the gradient."""
        array = self.grad._array  # type: ignore[union-attr]
        array.fill(0)
        if modes.special and modes.settings.recorder is not None:
            modes.settings.recorder.write(array, 0)


_frozen: dict[int, Leaf] = {}  # by the identity of the tensor


Leaf.__name__ = Leaf.__qualname__ = "AccumulateGrad"  # as PyTorch calls it, whose programs walk graphs by the names of classes


class Write:
    """The last write in place into a storage."""

    __slots__ = ("count", "origin", "stamp", "storage", "what")

    def __init__(self, storage: Any):
        self.storage = storage
        self.count = 0
        self.stamp = 0
        self.what = ""
        self.origin: Origin | None = None


_writes: dict[int, Write] = {}
forgotten = [0]  # how many records went with their storages
last_write = 0


def write_to(array: Array) -> Write | None:
    """The record of writes into the storage of `array`, None if there were none."""
    return _writes.get(id(storage_of(array)))


def note_write(array: Array, what: str) -> None:
    """Record that the storage of `array` is written to in place by `what`, at the user's line that is running."""
    note_writes((array,), what)


def note_writes(arrays: Iterable[Array], what: str, origin: Origin | None = None) -> None:
    """`note_write` for several arrays that one statement writes to, at `origin` if that is known."""
    global last_write
    if origin is None and (frame := outside(sys._getframe(1))) is not None:
        origin = Origin(frame.f_code, frame.f_lasti)
    stamp = next(modes.clock)
    for array in arrays:
        owner = array if array.base is None else storage_of(array)
        write = _writes.get(id(owner))
        if write is None:
            write = _first_write(owner)
        write.origin, write.what, write.stamp = origin, what, stamp
        write.count += 1
    last_write = stamp
    if modes.special and modes.settings.recorder is not None:
        for array in arrays:
            modes.settings.recorder.noted(array, what)


def _first_write(owner: Any) -> Write:
    """A new record for a storage, which goes when the storage does."""
    key = id(owner)

    # What it needs is bound early: at interpreter exit the module's globals may be gone before the array is.
    def forget(_: Any, key: int = key, table: dict[int, Write] = _writes, count: list[int] = forgotten) -> None:
        table.pop(key, None)
        count[0] += 1

    write = _writes[key] = Write(weakref.ref(owner, forget))
    return write
