"""Sparse tensors, and how operations find what they do with them.

A SparseTensor has no `_array`: to ask for it raises `SparseNotImplementedError`, which is an AttributeError too. So the short functions of
operations (`core/fastpath.py`) leave for the general way, as they do for anything else that is no ordinary operand. There, and in other
functions that may be given sparse tensors, the form for these is looked up in `FORMS`, where `ops/sparse` puts it; an operation without one
refuses. Dense tensors pay nothing for it, and nothing that is written for them can take a sparse tensor for a dense one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import device as devices
from . import dtypes, modes
from .history import UNTRACKED
from .lifted import ARRAYS
from .origin import MARK, located, warn_once
from .shapes import Size
from .sparse import Coordinates, Sparse
from .tensor import Cut, Tensor, wrap

_new = object.__new__


class layout:
    """How the elements of a tensor are kept: all of them, or some and the places where they are."""

    __slots__ = ("backend", "name", "transposed")

    def __init__(self, name: str, backend: str = ""):
        self.name, self.backend = name, backend
        self.transposed = self

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


strided = layout("strided")
sparse_coo = layout("sparse_coo", "SparseCPU")
sparse_csr = layout("sparse_csr", "SparseCsrCPU")
sparse_csc = layout("sparse_csc", "SparseCsrCPU")
sparse_bsr = layout("sparse_bsr", "SparseCsrCPU")
sparse_bsc = layout("sparse_bsc", "SparseCsrCPU")
_mkldnn = layout("_mkldnn")
sparse_csr.transposed, sparse_csc.transposed = sparse_csc, sparse_csr
LAYOUTS = {each.name: each for each in (strided, sparse_coo, sparse_csr, sparse_csc, sparse_bsr, sparse_bsc, _mkldnn)}
Tensor.layout = strided
Coordinates.layout = sparse_coo


class SparseNotImplementedError(NotImplementedError, AttributeError):
    """A sparse tensor was given to what takes none, or takes another way once it knows."""

    def __init__(self, name: str | None, backend: str):
        super().__init__()
        self.operation, self.backend = name, backend

    def __str__(self) -> str:
        return str(located(refusal(self.operation or self._called(), self.backend)))

    def _called(self) -> str:
        """The function of ours that the user called."""
        trace, name = self.__traceback__, "the operation"
        while trace is not None:
            code = trace.tb_frame.f_code
            if MARK in trace.tb_frame.f_globals and code.co_name not in ("form", "shorter", "made", "stub"):
                return code.co_name
            trace = trace.tb_next
        return name


def refusal(what: str, backend: str) -> str:
    """What is said of an operation that takes no sparse tensors."""
    kind = "of this layout" if backend == "SparseCsrCPU" else "sparse"
    called = f"Could not run 'aten::{what}' with arguments from the '{backend}' backend"
    return f"{called}: {what}() takes no tensors that are {kind}. Call to_dense() first, or work on values()"


class SparseTensor(Tensor):
    """A tensor on a sparse array."""

    __slots__ = ("_sparse",)
    _sparse: Any
    is_meta = False  # type: ignore[assignment]
    is_cpu = True  # type: ignore[assignment]

    @property
    def _array(self) -> Any:  # type: ignore[override]
        raise SparseNotImplementedError(None, self.layout.backend)

    @property
    def _held(self) -> Any:
        return self._sparse

    @property
    def _written(self) -> Any:
        return self._sparse.values

    @property
    def shape(self) -> Size:
        return Size(self._sparse.shape)

    def size(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[self._dim(dim)]

    def _dim(self, dim: int) -> int:
        ndim = self.ndim or 1
        if not -ndim <= dim < ndim:
            message = f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {dim})"
            raise IndexError(located(message))
        return dim

    @property
    def dtype(self) -> dtypes.dtype:
        return dtypes.of(self._sparse.values)

    @property
    def device(self) -> devices.device:
        return devices.CPU

    @property
    def layout(self) -> layout:  # type: ignore[override]
        return self._sparse.layout

    @property
    def is_sparse(self) -> bool:  # type: ignore[override]
        return self._sparse.layout is sparse_coo

    @property
    def is_sparse_csr(self) -> bool:  # type: ignore[override]
        return self._sparse.layout is sparse_csr

    @property
    def ndim(self) -> int:
        return self._sparse.ndim

    def dim(self) -> int:
        return self._sparse.ndim

    ndimension = dim

    def numel(self) -> int:
        return self._sparse.size

    nelement = numel

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self._sparse.shape[0]

    def element_size(self) -> int:
        return self._sparse.values.itemsize

    @property
    def itemsize(self) -> int:
        return self._sparse.values.itemsize

    @property
    def nbytes(self) -> int:
        message = (
            "nbytes is not defined for sparse tensors.  If you want the size of the constituent tensors, add the nbytes of the indices"
        )
        raise RuntimeError(located(message + " and values"))

    def stride(self, dim: int | None = None) -> Any:
        if self.layout is not sparse_coo:
            raise RuntimeError(located(f"Sparse {self.layout.name[7:].upper()} tensors do not have strides"))
        return (0,) * self.ndim if dim is None else 0

    def is_contiguous(self, memory_format: Any = None) -> bool:
        if self.layout is not sparse_coo:
            raise RuntimeError(located(f"Sparse {self.layout.name[7:].upper()} tensors do not have is_contiguous"))
        return False

    def storage_offset(self) -> int:
        return 0

    def data_ptr(self) -> int:
        raise RuntimeError(located("Cannot access data pointer of Tensor that doesn't have storage: ask its values() and indices()"))

    def _no_storage(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(located("Cannot access storage of SparseTensorImpl: values() and indices() have one each"))

    storage = untyped_storage = share_memory_ = is_shared = _no_storage

    @property
    def _version(self) -> int:
        from_ = wrap(self._sparse.values)
        return from_._version

    @property
    def _base(self) -> None:  # type: ignore[override]
        return None

    def detach(self) -> Tensor:
        out = tensor_of(self._sparse)
        if self._node is not None:
            out._cut = Cut("detached")
        return out

    @property
    def data(self) -> Tensor:
        out = tensor_of(self._sparse)
        out._view = UNTRACKED
        return out

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, SparseTensor):
            raise TypeError(located("Variable data of a sparse tensor has to be a sparse tensor: use .to_sparse() on it first"))
        self._sparse = value._sparse

    # Out of the world of tensors

    def numpy(self, *, force: bool = False) -> Any:
        raise TypeError(located("can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first."))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.numpy()

    def tolist(self) -> Any:
        raise RuntimeError(located("tolist() takes no sparse tensor: call to_dense() first"))

    def item(self) -> Any:
        if self.numel() != 1:
            message = f"a Tensor with {self.numel()} elements cannot be converted to Scalar: its shape is {tuple(self.shape)}"
            raise RuntimeError(located(message))
        return wrap(self._sparse.dense()).item()

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

    def __iter__(self) -> Iterator[Tensor]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter([self[i] for i in range(len(self))])  # type: ignore[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(located("Cannot assign to a sparse tensor: make another of the indices and values that it is to have"))

    __hash__ = object.__hash__


def sparse_tensor(array: Sparse) -> SparseTensor:
    """A tensor on a sparse array; it has no history."""
    if modes.special and modes.settings.recorder is not None:
        modes.settings.recorder.refuse("sparse tensors are not compiled")
    out = _new(SparseTensor)
    out._sparse = array
    out._node = out._cut = out._view = None
    return out


def tensor_of(array: Any) -> Tensor:
    """A tensor on an array, dense, lifted or sparse; it has no history."""
    return sparse_tensor(array) if isinstance(array, Sparse) else wrap(array if isinstance(array, ARRAYS) else np.asarray(array))


# What operations do with sparse tensors

FORMS: dict[str, Callable[..., Any]] = {}  # by the name of the op or function


def takes_sparse(*names: str) -> Callable[[Any], Any]:
    """Declare that the ops or functions of these names do this where an operand is sparse."""

    def declare(form: Any) -> Any:
        FORMS.update(dict.fromkeys(names, form))
        return form

    return declare


def method(*names: str) -> Callable[[Any], Any]:
    """Declare a method that sparse tensors have in the place of that of dense ones."""

    def declare(form: Any) -> Any:
        for name in names:
            setattr(SparseTensor, name, form)
        return form

    return declare


def stands_for(*names: str) -> Callable[[Any], Any]:
    """Declare that functions of these names, which are no ops, and the methods do this where their first argument is sparse."""
    return lambda form: method(*names)(takes_sparse(*names)(form))


def sparse_form(name: str, values: Any) -> Callable[..., Any]:
    """What an operation does with sparse tensors; NotImplementedError if it takes none."""
    form = FORMS.get(name)
    if form is None:
        raise refused(name, values)
    return form


def refused(name: str, values: Any) -> SparseNotImplementedError:
    """The error for an operation that takes none of the sparse tensors among `values`."""
    given = next((value for value in values if isinstance(value, SparseTensor)), None)
    return SparseNotImplementedError(name, "SparseCPU" if given is None else given.layout.backend)


def instead(name: str, error: SparseNotImplementedError, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What the function of that name, which could not go on, does with sparse tensors; `error` if it takes none."""
    form = FORMS.get(name)
    if form is None:
        raise error
    return form(*args, **kwargs)
