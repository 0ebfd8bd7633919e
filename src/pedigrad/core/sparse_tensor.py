"""Sparse tensors: how their elements are kept, and what they say of themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from . import dtypes, modes
from .arrayless import ArraylessTensor, NoArrayError
from .history import UNTRACKED
from .lifted import ARRAYS
from .origin import located
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
sparse_bsr.transposed, sparse_bsc.transposed = sparse_bsc, sparse_bsr
LAYOUTS = {each.name: each for each in (strided, sparse_coo, sparse_csr, sparse_csc, sparse_bsr, sparse_bsc, _mkldnn)}
Tensor._strided = strided
Coordinates.layout = sparse_coo


class SparseTensor(ArraylessTensor):
    """A tensor on a sparse array."""

    __slots__ = ("_sparse",)
    forms: ClassVar[dict[str, Callable[..., Any]]] = {}
    _sparse: Any

    @staticmethod
    def refusal(what: str, backend: str) -> str:
        kind = "of this layout" if backend == "SparseCsrCPU" else "sparse"
        called = f"Could not run 'aten::{what}' with arguments from the '{backend}' backend"
        return f"{called}: {what}() takes no tensors that are {kind}. Call to_dense() first, or work on values()"

    @property
    def _backend(self) -> str:
        return self.layout.backend

    @property
    def _held(self) -> Any:
        return self._sparse

    @property
    def _written(self) -> Any:
        return self._sparse.values

    def _again(self) -> Tensor:
        return sparse_tensor(self._sparse)

    @property
    def dtype(self) -> dtypes.dtype:
        return dtypes.of(self._sparse.values)

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

    def tolist(self) -> Any:
        raise RuntimeError(located("tolist() takes no sparse tensor: call to_dense() first"))

    def item(self) -> Any:
        if self.numel() != 1:
            message = f"a Tensor with {self.numel()} elements cannot be converted to Scalar: its shape is {tuple(self.shape)}"
            raise RuntimeError(located(message))
        return wrap(self._sparse.dense()).item()

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


takes_sparse = SparseTensor.takes
method = SparseTensor.method


def stands_for(*names: str) -> Callable[[Any], Any]:
    """Declare that functions of these names, which are no ops, and the methods do this where their first argument is sparse."""
    return lambda form: method(*names)(takes_sparse(*names)(form))


def refused(name: str, values: Any) -> NoArrayError:
    """The error for an operation that takes none of the sparse tensors among `values`."""
    given = next((value for value in values if isinstance(value, SparseTensor)), None)
    return NoArrayError(name, SparseTensor, "SparseCPU" if given is None else given.layout.backend)


def elements_of(x: Any) -> Any:
    """The array of a tensor, or an array itself; of what is sparse the values that it keeps. None of None."""
    held = x._held if isinstance(x, Tensor) else x
    return held.values if isinstance(held, Sparse) else held
