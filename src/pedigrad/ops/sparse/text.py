"""How sparse tensors print, and how they are copied and pickled."""

from __future__ import annotations

import copy
from typing import Any

from ...core import dtypes
from ...core.formatting import get_printoptions, tensor_text
from ...core.memory import attributes_of
from ...core.origin import located
from ...core.sparse_tensor import SparseTensor, method, sparse_coo
from ...core.tensor import _new, wrap
from .build import sparse_compressed_tensor, sparse_coo_tensor

INDENT = len("tensor(")


def _part(name: str, array: Any, dtype: str) -> str:
    """The text of one of the arrays that make a sparse tensor."""
    text = tensor_text(array, dtype, prefix=f"{' ' * INDENT}{name}=tensor(", default_dtype_name=dtype)
    if array.ndim == 1 and not array.size:
        text = text[:-1] + ", size=(0,))"
    return text[INDENT:]


def _notes(tensor: SparseTensor) -> list[str]:
    """What is said beside the arrays."""
    notes = [f"size={tuple(tensor.shape)}", f"nnz={tensor._sparse.count}"]
    default = dtypes.get_default_dtype()
    implied = (default, default.to_complex(), dtypes.int64, dtypes.bool_) if tensor._sparse.values.size else (default,)
    if tensor.dtype not in implied:
        notes.append(f"dtype={tensor.dtype}")
    notes.append(f"layout={tensor.layout}")
    made_by = tensor.grad_fn
    if made_by is not None:
        notes.append(f"grad_fn=<{made_by.name()}>")
    elif tensor.requires_grad:
        notes.append("requires_grad=True")
    return notes


@method("__repr__")
def text(self: SparseTensor, *, tensor_contents: Any = None) -> str:
    """PyTorch's text of a sparse tensor."""
    own = self._sparse
    if self.layout is sparse_coo:
        parts = [("indices", own.indices)]
    else:
        names = ("crow_indices", "col_indices") if own.by_rows else ("ccol_indices", "row_indices")
        parts = [(names[0], own.pointers), (names[1], own.indices)]
    shown = [_part(name, array, "int64") for name, array in parts] + [_part("values", own.values, self.dtype.name)]
    head = "Parameter containing:\n" if self.__dict__.get("_is_param") else ""
    body = "tensor(" + f",\n{' ' * INDENT}".join(shown)
    column, limit = len(body) - body.rfind("\n") + 1, get_printoptions()["linewidth"]
    for i, note in enumerate(_notes(self)):
        if (not i and self.layout is sparse_coo) or column + len(note) + 2 > limit:
            body, column = f"{body},\n{' ' * INDENT}{note}", INDENT + len(note)
        else:
            body, column = f"{body}, {note}", column + len(note) + 2
    return head + body + ")"


@method("__format__")
def formatted(self: SparseTensor, spec: str) -> str:
    """Its text."""
    return object.__format__(self, spec)


# Copies


def parts_of(tensor: SparseTensor) -> tuple[Any, ...]:
    """What a sparse tensor is made of, as PyTorch's files have it: tensors, the size, and of coordinates whether they are in order."""
    own = tensor._sparse
    if tensor.layout is sparse_coo:
        return wrap(own.indices), wrap(own.values), tensor.shape, own.coalesced
    return wrap(own.pointers), wrap(own.indices), wrap(own.values), tensor.shape


def rebuilt(kept: Any, parts: tuple[Any, ...], requires_grad: bool, attributes: dict[str, Any]) -> Any:
    """A sparse tensor of its parts, from a pickle."""
    out: Any = of_parts(kept, parts)
    out.__dict__.update(attributes)
    return out.requires_grad_() if requires_grad else out


def of_parts(kept: Any, parts: tuple[Any, ...]) -> Any:
    """A sparse tensor of what `parts_of` gave."""
    if kept is sparse_coo:
        indices, values, size, *coalesced = parts
        return sparse_coo_tensor(indices, values, size, is_coalesced=bool(coalesced and coalesced[0]), check_invariants=True)
    return sparse_compressed_tensor(*parts, layout=kept)


@method("__reduce_ex__")
def reduce(self: SparseTensor, protocol: Any) -> tuple[Any, ...]:
    """Its parts, and whether it needs a gradient; one with a history comes back as a leaf."""
    return rebuilt, (self.layout, parts_of(self), self.requires_grad, attributes_of(self))


@method("__copy__")
def shallow(self: SparseTensor) -> Any:
    """A leaf on the same places and values."""
    return _again(self, self._sparse, copy.copy(attributes_of(self)))


@method("__deepcopy__")
def deep(self: SparseTensor, memo: dict[int, Any]) -> Any:
    """A leaf on a copy of places and values, with copies of its attributes and its gradient."""
    if id(self) in memo:
        return memo[id(self)]
    if not self.is_leaf:
        message = "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment"
        raise RuntimeError(located(message))
    out = memo[id(self)] = _again(self, self._sparse.copy(), {})
    out.__dict__.update({name: copy.deepcopy(value, memo) for name, value in attributes_of(self).items()})
    if self.requires_grad and self.grad is not None:
        out.grad = copy.deepcopy(self.grad, memo)
    return out


def _again(self: SparseTensor, array: Any, attributes: dict[str, Any]) -> Any:
    out: Any = _new(type(self))
    out._sparse, out._node, out._cut, out._view = array, None, None, None
    out.__dict__.update(attributes)
    return out.requires_grad_() if self.requires_grad else out
