"""Tensors whose elements are in no NumPy array, and how operations find what they do with them.

Such a tensor (`core/sparse_tensor.py`, `core/quantized.py`) has no `_array`: to ask for it raises `NoArrayError`, which is an
AttributeError too. So the short functions of operations (`core/fastpath.py`) leave for the general way, as they do for anything else that
is no ordinary operand. There, and in other functions that may be given such tensors, the form for them is looked up in the `forms` of
their class, where `ops/sparse` and `ops/quantized` put it; an operation without one refuses. Ordinary tensors pay nothing for it, and
nothing that is written for them can take another tensor for one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from . import device as devices
from .origin import MARK, located, warn_once
from .shapes import Size
from .tensor import Tensor


class NoArrayError(NotImplementedError, AttributeError):
    """A tensor without an array was given to what takes none, or takes another way once it knows."""

    def __init__(self, name: str | None, kind: type[ArraylessTensor], backend: str):
        super().__init__()
        self.operation, self.kind, self.backend = name, kind, backend

    def __str__(self) -> str:
        return str(located(self.kind.refusal(self.operation or self._called(), self.backend)))

    def _called(self) -> str:
        """The function of ours that the user called."""
        trace, name = self.__traceback__, "the operation"
        while trace is not None:
            code = trace.tb_frame.f_code
            if MARK in trace.tb_frame.f_globals and code.co_name not in ("form", "shorter", "made", "stub"):
                return code.co_name
            trace = trace.tb_next
        return name

    def form(self, name: str) -> Callable[..., Any]:
        """What an operation does with such tensors; the error that names it if it takes none."""
        found = self.kind.forms.get(name)
        if found is None:
            raise NoArrayError(name, self.kind, self.backend) from None
        return found

    def instead(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What the function of that name, which could not go on, does with such tensors; this error if it takes none."""
        found = self.kind.forms.get(name)
        if found is None:
            raise self
        return found(*args, **kwargs)


class ArraylessTensor(Tensor):
    """A tensor on something that has the shape and the dtype of an array and is none, its `_held`."""

    __slots__ = ()
    forms: ClassVar[dict[str, Callable[..., Any]]]  # what operations do with them, by the name of the op or function
    is_meta = False  # type: ignore[assignment]
    is_cpu = True  # type: ignore[assignment]

    @staticmethod
    def refusal(what: str, backend: str) -> str:
        """What is said of an operation that takes no such tensors."""
        raise NotImplementedError

    @property
    def _backend(self) -> str:
        """PyTorch's name for the kind of tensor, in errors."""
        raise NotImplementedError

    @property
    def _array(self) -> Any:  # type: ignore[override]
        raise NoArrayError(None, type(self), self._backend)

    @property
    def _held(self) -> Any:
        raise NotImplementedError

    def _again(self) -> Tensor:
        """Another tensor on the same, without a history."""
        raise NotImplementedError

    @property
    def shape(self) -> Size:
        return Size(self._held.shape)

    def size(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[self._dim(dim)]

    def _dim(self, dim: int) -> int:
        ndim = self.ndim or 1
        if not -ndim <= dim < ndim:
            message = f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {dim})"
            raise IndexError(located(message))
        return dim

    @property
    def device(self) -> devices.device:
        return devices.CPU

    @property
    def ndim(self) -> int:
        return self._held.ndim

    def dim(self) -> int:
        return self._held.ndim

    ndimension = dim

    def numel(self) -> int:
        return self._held.size

    nelement = numel

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self._held.shape[0]

    def element_size(self) -> int:
        return self._held.dtype.itemsize

    @property
    def itemsize(self) -> int:
        return self._held.dtype.itemsize

    @property
    def _base(self) -> None:  # type: ignore[override]
        return None

    def __bool__(self) -> bool:
        if self.numel() != 1:
            many = "more than one value" if self.numel() else "no values"
            raise RuntimeError(located(f"Boolean value of Tensor with {many} is ambiguous: its shape is {tuple(self.shape)}"))
        return bool(self.item())

    def _number(self) -> Any:
        return self.item()

    def __float__(self) -> float:
        if self._node is not None:
            warn_once("Converting a tensor with requires_grad=True to a scalar loses its history: use tensor.detach() first")
        return float(self._real())

    def __index__(self) -> int:
        if not isinstance(self.item(), int):
            raise TypeError(located("only integer tensors of a single element can be converted to an index"))
        return self.item()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.numpy()

    def __iter__(self) -> Iterator[Tensor]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter([self[i] for i in range(len(self))])  # type: ignore[index]

    __hash__ = object.__hash__

    # What operations do with them

    @classmethod
    def write(cls, op: Any, operands: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
        """Run `op`, of which an operand is such a tensor, and put its result into the first; NoArrayError if that is not there."""
        given = next(value for value in operands if isinstance(value, cls))
        raise NoArrayError(op.name + "_", cls, given._backend)

    @classmethod
    def takes(cls, *names: str) -> Callable[[Any], Any]:
        """Declare that the ops or functions of these names do this where an operand is such a tensor."""

        def declare(form: Any) -> Any:
            cls.forms.update(dict.fromkeys(names, form))
            return form

        return declare

    @classmethod
    def method(cls, *names: str) -> Callable[[Any], Any]:
        """Declare a method that such tensors have in the place of that of ordinary ones."""

        def declare(form: Any) -> Any:
            for name in names:
                setattr(cls, name, form)
            return form

        return declare
