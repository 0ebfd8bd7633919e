"""Tensor: an array, the node it came from, and what it says of itself.

This file holds what a tensor *is*. What it can *do* is attached by the ops when they are declared (`core/declare.py`), so no method
here computes anything on elements.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from . import device as devices
from . import dtypes, graph, meta, modes, watching
from .graph import Handle, Leaf, Node
from .history import DATA, STRIDED, UNTRACKED, View, refresh
from .layout import dense_copy, is_in_format, steps
from .lifted import Lifted
from .origin import Origin, located, warn, warn_once
from .scope import here, place_of
from .shapes import Size
from .storage import whole_of

Array = np.ndarray[Any, Any]
_new = object.__new__


class Cut:
    """Why a tensor needs no gradient although something before it did: the operation, the reason and the place.

    It refers weakly to the nodes `behind` it, so it keeps no graph alive.
    """

    __slots__ = ("_behind", "frozen", "origin", "reason", "scope")

    def __init__(self, reason: str, behind: Iterable[Node] = ()):
        self.reason = reason
        self.frozen = reason.startswith("frozen")  # of a parameter: there may be others that are not
        self.origin = Origin.here()
        self.scope = here.get().scope
        self._behind = tuple(map(weakref.ref, behind))

    @property
    def place(self) -> str:
        """Where it is, in words: the module, if one was running, and the user's line."""
        return place_of(self.scope, self.origin)

    @property
    def behind(self) -> list[Node]:
        """The nodes that the history was cut off from, those of them that are still there."""
        return [node for node in (each() for each in self._behind) if node is not None]

    @property
    def is_known(self) -> bool:
        """Whether all nodes that the history was cut off from are still there."""
        return len(self.behind) == len(self._behind)


def read(array: Array, what: str) -> None:
    """Python is about to be given elements of `array`: a recorder must know."""
    if modes.special and modes.settings.recorder is not None:
        modes.settings.recorder.read(array, what)


def read_elements(array: Array, what: str) -> None:
    """Python is about to be given elements of `array`, which must have some."""
    if modes.special:
        read(array, what)
        meta.require_data(array, what)


def announce(array: Array) -> None:
    """This array follows from plain numbers, shapes and dtypes alone: a recorder may keep it."""
    if modes.special and modes.settings.recorder is not None:
        modes.settings.recorder.announce(array)


def copied(array: Array) -> Array:
    """A copy of `array` that lies as it does, without gaps; also for a recorder."""
    if meta.is_meta(array):
        return meta.like(array)
    if isinstance(array, Lifted):
        return np.copy(array)  # type: ignore[call-overload]
    recorder = modes.settings.recorder if modes.special else None
    return dense_copy(array) if recorder is None else recorder.run(np.copy, (array,))


def _never(what: str) -> Any:
    """A property of tensors that is False for all but those of a class of its own."""

    def get(self: Tensor) -> bool:
        return False

    return property(get, doc=f"Whether it is {what}.")


class TensorMeta(type):
    """Lets `isinstance(t, FloatTensor)` and the like look at the dtype (see `ops/creation.py`)."""


if TYPE_CHECKING:
    from .methods import TensorMethods  # a stub of what ops attach, written by scripts/stubs.py
else:
    TensorMethods = object


class Tensor(TensorMethods, metaclass=TensorMeta):
    """An n-dimensional array that remembers the operation and the parents it came from."""

    __slots__ = ("__dict__", "__weakref__", "_array", "_cut", "_node", "_view")
    __array_priority__ = 1000
    _numpy_functions: ClassVar[dict[Any, Any]] = {}  # NumPy function -> the op that stands for it (`ops/xp.py`)

    _array: Array
    _node: Node | None
    _view: View | None
    _cut: Cut | None

    def __new__(cls, *args: Any, device: Any = None, **named: Any) -> Any:
        return cls._construct(*args, device=device, **named)

    _construct: ClassVar[Any]  # the legacy constructor, attached by creation.py

    # What it holds

    @property
    def shape(self) -> Size:
        """Its sizes."""
        return Size(self._array.shape)

    def size(self, dim: int | None = None) -> Any:
        """Its sizes, or the size of one dimension."""
        return Size(self._array.shape) if dim is None else self.shape[self._dim(dim)]

    def _dim(self, dim: int) -> int:
        ndim = self._array.ndim or 1
        if not -ndim <= dim < ndim:
            message = f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {dim})"
            raise IndexError(located(message))
        return dim

    @property
    def dtype(self) -> dtypes.dtype:
        """The type of its elements."""
        return dtypes.of(self._array)

    @property
    def device(self) -> devices.device:
        """Where it is: the CPU, or `meta`."""
        return devices.META if meta.alive and meta.is_meta(self._array) else devices.CPU

    @property
    def is_meta(self) -> bool:
        """Whether it has no memory."""
        return meta.is_meta(self._array)

    @property
    def ndim(self) -> int:
        """The number of its dimensions."""
        return self._array.ndim

    def dim(self) -> int:
        """The number of its dimensions."""
        return self._array.ndim

    ndimension = dim

    def numel(self) -> int:
        """The number of its elements."""
        return self._array.size

    nelement = numel

    def __len__(self) -> int:
        if self._array.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return self._array.shape[0]

    def element_size(self) -> int:
        """The size of one element in bytes."""
        return self._array.itemsize

    @property
    def itemsize(self) -> int:
        """The size of one element in bytes."""
        return self._array.itemsize

    @property
    def nbytes(self) -> int:
        """The size of all its elements in bytes."""
        return self._array.nbytes

    def stride(self, dim: int | None = None) -> Any:
        """How many elements apart neighbours along each dimension are."""
        strides = steps(self._array)
        return strides if dim is None else strides[self._dim(dim)]

    def storage_offset(self) -> int:
        """How many elements of its storage come before its first."""
        read(self._array, "storage_offset()")
        owner = whole_of(self._array)
        return (self._array.__array_interface__["data"][0] - owner.__array_interface__["data"][0]) // self.itemsize

    def data_ptr(self) -> int:
        """The address of its first element; without memory, its offset."""
        read(self._array, "data_ptr()")
        if meta.alive and meta.is_meta(self._array):
            return self.storage_offset() * self.itemsize
        return self._array.__array_interface__["data"][0]

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether its elements lie in memory in order, without gaps."""
        return self._array.flags.c_contiguous if memory_format is None else is_in_format(self._array, memory_format.name)

    def is_floating_point(self) -> bool:
        """Whether its elements are floats."""
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        """Whether its elements are complex."""
        return self.dtype.is_complex

    def is_signed(self) -> bool:
        """Whether its elements can be negative."""
        return self.dtype.is_signed

    is_cuda, is_xpu, is_mps, is_mtia, is_xla = (
        _never("on a GPU"),
        _never("on an XPU"),
        _never("on MPS"),
        _never("on MTIA"),
        _never("on XLA"),
    )
    is_ipu, is_maia, is_vulkan = _never("on an IPU"), _never("on MAIA"), _never("on Vulkan")
    is_sparse, is_sparse_csr, is_nested = _never("sparse"), _never("sparse, in rows"), _never("nested")
    is_quantized, is_mkldnn = _never("quantized"), _never("laid out for MKL-DNN")

    @property
    def name(self) -> None:
        """None: tensors have no names."""
        return None

    @property
    def _held(self) -> Any:
        """What has its shape and dtype: its array, or its sparse array."""
        return self._array

    @property
    def _written(self) -> Array:
        """The array whose writes in place change it."""
        return self._array

    @property
    def is_cpu(self) -> bool:
        """Whether it is on the CPU."""
        return not meta.is_meta(self._array)

    names: ClassVar[Any] = None
    _strided: ClassVar[Any]  # the layout of all that are not sparse, set where layouts are (`core/sparse_tensor.py`)

    @property
    def layout(self) -> Any:
        """How its elements are kept in memory: `strided`."""
        return self._strided

    # What it is in the graph

    @property
    def requires_grad(self) -> bool:
        """Whether operations on it are recorded."""
        if modes.special:
            refresh(self)
        return self._node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value is not True and value is not False:
            raise RuntimeError(located(f"requires_grad must be a bool, got {value!r}"))
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Make it a leaf that gradients accumulate in (or no longer); returns itself."""
        if requires_grad is not True and requires_grad is not False:
            kind = type(requires_grad).__name__
            raise TypeError(located(f"requires_grad_(): argument 'requires_grad' (position 1) must be bool, not {kind}"))
        if modes.special:
            refresh(self)
        node = self._node
        if not requires_grad:
            if node is not None and not isinstance(node, Leaf):
                message = "you can only change requires_grad flags of leaf variables: use .detach() for a result that needs no gradient"
                raise RuntimeError(located(message))
            if node is not None:
                cut = Cut("frozen (requires_grad was set to False)", (node,))
                self._let_go()
                self._cut = cut
        elif node is None:
            if self._held.dtype.kind not in "fc" and not self.is_floating_point() and not self.is_complex():
                message = f"only Tensors of floating point and complex dtype can require gradients, this one is {self.dtype}"
                raise RuntimeError(located(message))
            leaf = self._node = Leaf.of(self)
            self._cut = None
            if "_grad" in self.__dict__:
                leaf.grad = self.__dict__.pop("_grad")
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made it."""
        if modes.special:
            refresh(self)
        return self._node is None or self._node.__class__ is Leaf

    @property
    def grad_fn(self) -> Node | None:
        """The node of the operation that made it; None for leaves."""
        if modes.special:
            refresh(self)
        node = self._node
        return None if node is None or node.__class__ is Leaf else node.edge()[0]

    @property
    def output_nr(self) -> int:
        """Which output of its operation it is."""
        if modes.special:
            refresh(self)
        return 0 if self._node is None else self._node.edge()[1]

    @property
    def grad(self) -> Tensor | None:
        """The gradient accumulated in it so far."""
        leaf = self._node
        if leaf.__class__ is Leaf:
            if modes.special:
                leaf.look()  # type: ignore[union-attr]
            return leaf.read_grad() if leaf.zeroed else leaf.grad  # type: ignore[union-attr]
        own = self.__dict__.get("_grad")
        if own is None and leaf is not None and not self.retains_grad:  # type: ignore[attr-defined]
            warn(
                "The .grad of a tensor that is not a leaf is read: backward() does not fill it. Call .retain_grad() on the tensor"
                " if you want it, or read that of the leaf, if you have the wrong tensor"
            )
        return own

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            self._check_grad(value)
        leaf = self._node
        if isinstance(leaf, Leaf):
            leaf.touch()
            leaf.grad, leaf.zeroed = value, False
        elif value is None:
            self.__dict__.pop("_grad", None)
        else:
            self.__dict__["_grad"] = value

    @grad.deleter
    def grad(self) -> None:
        self.grad = None

    def _check_grad(self, value: Any) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(located(f"assigned grad expected to be a Tensor or None but got {type(value).__name__}"))
        given, own = value._held, self._held
        if given.shape != own.shape:
            sizes = f"{tuple(value.shape)}, expected the tensor's own {tuple(self.shape)}"
            raise RuntimeError(located(f"assigned grad has data of a different size: {sizes}"))
        if given.dtype != own.dtype:
            raise RuntimeError(located(f"assigned grad has dtype {value.dtype}, expected the tensor's own {self.dtype}"))

    def _zero_grad(self) -> None:
        """Zero `.grad`; it costs nothing if the next backward overwrites it before anybody looks."""
        leaf = self._node
        if leaf.__class__ is Leaf:
            leaf.zero()  # type: ignore[union-attr]
        elif (grad := self.grad) is not None:
            if grad._node is None:
                grad.zero_()  # type: ignore[attr-defined]
            else:  # a gradient with a history is not ours to write into
                self.grad = constant(np.zeros_like(grad._array))

    def retain_grad(self) -> None:
        """Keep the gradient of this intermediate result in `.grad` too."""
        if modes.special:
            refresh(self)
        if self._node is None:
            raise RuntimeError(located("can't retain_grad on Tensor that has requires_grad=False"))
        if not isinstance(self._node, Leaf) and not self.retains_grad:
            self._node.own_hooks().retain = weakref.ref(self)
            self.__dict__["_retains"] = True

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called on this intermediate result."""
        return "_retains" in self.__dict__ and not self.is_leaf

    def register_hook(self, hook: Any) -> Handle:
        """Call `hook(gradient)` when its gradient is known; a Tensor that it returns takes the gradient's place."""
        if modes.special:
            refresh(self)
        if self._node is None:
            raise RuntimeError(located("cannot register a hook on a tensor that doesn't require gradient"))
        return Handle(self._node.own_hooks().on_gradient, hook)

    def register_post_accumulate_grad_hook(self, hook: Any) -> Handle:
        """Call `hook(tensor)` each time a backward pass has written its `.grad`; leaves only."""
        if not isinstance(self._node, Leaf):
            raise RuntimeError(located("post accumulate grad hooks cannot be registered on non-leaf tensors"))
        return Handle(self._node.own_hooks().post_accumulate, hook)

    def detach(self) -> Tensor:
        """A tensor on the same storage that needs no gradient."""
        array = self._array
        out = wrap(array.detached() if isinstance(array, Lifted) else array)
        if self._node is not None:
            out._cut = Cut("detached", (self._node,))
        if self._view is not None and self._view.made == DATA:
            out._view = UNTRACKED
        return out

    def detach_(self) -> Tensor:
        """Forget its history in place; returns itself."""
        if self._view is not None and self._view.base is not None:
            raise RuntimeError(located("Can't detach views in-place. Use detach() instead."))
        if self._node is not None:
            cut = Cut("detached", (self._node,))
            self._let_go()
            self._cut = cut
        return self

    def _let_go(self) -> None:
        """Have no node any more, but keep `.grad`: passes through a graph that still has the leaf change it no more."""
        leaf, grad = self._node, self.grad
        self._node = None
        if isinstance(leaf, Leaf):
            leaf.freeze(self)
            self.__dict__["_grad"] = grad

    @property
    def data(self) -> Tensor:
        """A tensor on the same storage that neither has history nor has writes to it checked."""
        out = wrap(self._array)
        out._view = UNTRACKED
        if self._node is not None:
            out._cut = Cut("detached by .data", (self._node,))
        if watching.watcher is not None:
            watching.watcher.lent(self, out)
        return out

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(located(f"Variable data has to be a tensor, but got {type(value).__name__}"))
        self._array = value._array
        self._view = self._view or wrap(value._array)._view
        if isinstance(self._node, Leaf):
            self._node.shape, self._node.dtype = value._array.shape, value._array.dtype

    @property
    def _version(self) -> int:
        """How often its storage was written to in place."""
        read(self._array, "_version")
        write = graph.write_to(self._array)
        return 0 if write is None else write.count

    @property
    def _base(self) -> Tensor | None:
        """The tensor this is a view of."""
        read(self._array, "_base")
        view, base = self._view, None
        while view is not None and view.base is not None:
            base, view = view.base, view.base._view
        return base

    def _is_view(self) -> bool:
        return self._base is not None

    # Out of the world of tensors

    def item(self) -> Any:
        """Its only element as a Python number; RuntimeError if it has more."""
        array = self._array
        if array.size != 1:
            shape = tuple(array.shape)
            raise RuntimeError(located(f"a Tensor with {array.size} elements cannot be converted to Scalar: its shape is {shape}"))
        if meta.is_meta(array):
            raise RuntimeError(located("Tensor.item() cannot be called on meta tensors"))
        if modes.special and modes.settings.recorder is not None:
            number = modes.settings.recorder.fetch(array)
            if number is not None:
                return number
        read_elements(array, "item()")
        value = array.item()
        return value if array.dtype.kind != "V" else float(value)

    def tolist(self) -> Any:
        """Its elements as nested lists of Python numbers."""
        array = self._array
        read_elements(array, "tolist()")
        return array.tolist() if array.dtype.kind != "V" else array.astype(np.float32).tolist()

    def numpy(self, *, force: bool = False) -> Array:
        """Its array, on the same memory."""
        if modes.special and not force:
            refresh(self)
        if self._node is not None and not force and modes.settings.grad:
            message = "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
            raise RuntimeError(located(message))
        if meta.is_meta(self._array):
            raise TypeError(located("can't convert meta device type tensor to numpy: it has no elements"))
        read_elements(self._array, "numpy()")
        if isinstance(self._array, Lifted):
            self._array = self._array.settled()
        if isinstance(self._array, Lifted):
            raise RuntimeError(located(f"numpy() cannot give out {self._array.described()}"))
        return self._array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            return array.astype(dtype)
        return array.copy() if copy else array

    def __bool__(self) -> bool:
        if self._array.size != 1:
            many = "more than one value" if self._array.size else "no values"
            raise RuntimeError(located(f"Boolean value of Tensor with {many} is ambiguous: its shape is {tuple(self.shape)}"))
        if modes.special and modes.settings.recorder is not None:
            modes.settings.recorder.branch(self._array)
        if meta.is_meta(self._array):
            raise RuntimeError(located("Tensor.item() cannot be called on meta tensors, and whether one is true would ask for it"))
        return bool(self._array)

    def _number(self) -> Any:
        if self._array.size != 1:
            message = f"only one element tensors can be converted to Python scalars: its shape is {tuple(self.shape)}"
            raise ValueError(located(message))
        return self.item()

    def _real(self) -> Any:
        value = self._number()
        if isinstance(value, complex):
            if value.imag:
                raise RuntimeError(located(f"the value {value} cannot be converted to a real number without overflow"))
            return value.real
        return value

    def __float__(self) -> float:
        value = self.item() if modes.special and modes.settings.recorder is not None and self.is_floating_point() else float(self._real())
        if self._node is not None:
            warn_once("Converting a tensor with requires_grad=True to a scalar loses its history: use tensor.detach() first")
        return value

    def __int__(self) -> int:
        return int(self._real())

    def __complex__(self) -> complex:
        return complex(self._number())

    def __index__(self) -> int:
        if self._array.dtype.kind not in "iub" or self._array.size != 1:
            raise TypeError(located("only integer tensors of a single element can be converted to an index"))
        read_elements(self._array, "an index")
        return int(self._array.item())

    def __reversed__(self) -> Tensor:
        return self.flip(tuple(range(self._array.ndim))) if self._array.ndim else self  # type: ignore[attr-defined]

    def __iter__(self) -> Iterator[Tensor]:
        if self._array.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))  # type: ignore[attr-defined]

    __hash__ = object.__hash__

    def __dir__(self) -> list[str]:
        return sorted(set(dir(type(self))) | set(self.__dict__))


def wrap(array: Any) -> Tensor:
    """A tensor on `array`, which must be an ndarray or lifted; it has no history."""
    out = _new(Tensor)
    out._array = array
    out._node = out._cut = None
    out._view = None if array.flags.c_contiguous else STRIDED
    return out


def constant(array: Array) -> Tensor:
    """A tensor on an array that follows from plain numbers, shapes and dtypes alone: a recorder may keep it."""
    announce(array)
    return wrap(array)
