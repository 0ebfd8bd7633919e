"""Parts of quantized tensors, and what operations on their whole numbers say of the floats."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from ...core import dtypes
from ...core.declare import PLACES
from ...core.formatting import tensor_text
from ...core.graph import note_write
from ...core.memory import attributes_of
from ...core.origin import located
from ...core.quantized import Quantized, QuantizedTensor, method, per_tensor_affine, quantized_tensor, takes_quantized
from ...core.tensor import Tensor, wrap
from .make import _floats, dequantize
from .rounding import nearest

# Methods that choose among the whole numbers, or order them: the result has the same scale. The first are views.
VIEWS = """view reshape flatten unflatten permute transpose t swapaxes swapdims movedim squeeze unsqueeze select narrow expand expand_as
 chunk split unbind unfold view_as reshape_as contiguous"""
CHOICES = "clone repeat index_select max min sort topk __getitem__ flip"
SAME_FOR_CHANNELS = ("clone", "contiguous")


def _again(own: Quantized, result: Any) -> Any:
    """The results of an operation on whole numbers with their scale; what is no result of their dtype (indices) as it is."""
    if isinstance(result, Tensor):
        return quantized_tensor(own.with_integers(result._array)) if result._array.dtype == own.dtype else result
    parts = [_again(own, each) for each in result]
    return type(result)(parts)


def _on_integers(name: str) -> Any:
    def form(self: QuantizedTensor, *args: Any, **kwargs: Any) -> Any:
        own = self._quantized
        if own.axis is not None and name not in SAME_FOR_CHANNELS:
            if name == "__getitem__" and own.axis == 0 and isinstance(args[0], int):
                scale, zero_point = float(own.scale[args[0]]), int(own.zero_point[args[0]])
                return quantized_tensor(Quantized(own.integers[args[0]], own.kind, scale, zero_point))
            message = f"{name}(): the tensor is quantized by channels, and stays so only as a whole: call dequantize() first"
            raise RuntimeError(located(message))
        return _again(own, getattr(Tensor, name)(wrap(own.integers), *args, **kwargs))

    form.__name__ = form.__qualname__ = name
    form.__doc__ = f"What `{name}` gives for the whole numbers, with their scale."
    return form


for _name in (*VIEWS.split(), *CHOICES.split()):
    takes_quantized(_name)(method(_name)(_on_integers(_name)))


def _alike(tensors: Any, what: str) -> Quantized:
    """The first of several quantized tensors that have the same scale and zero point; RuntimeError if they have not."""
    first = tensors[0]._quantized if isinstance(tensors[0], QuantizedTensor) else None
    for each in tensors:
        own = each._quantized if isinstance(each, QuantizedTensor) else None
        if (
            first is None
            or own is None
            or (own.axis, own.scale, own.zero_point, own.kind) != (None, first.scale, first.zero_point, first.kind)
        ):
            raise RuntimeError(located(f"{what}(): all tensors must be quantized by the same scale and zero point"))
    assert first is not None
    return first


@takes_quantized("cat")
def cat(tensors: Any, dim: int = 0) -> Any:
    """Quantized tensors of one scale one after the other."""
    return _again(_alike(tensors, "cat"), PLACES["torch"]["cat"]([wrap(t._quantized.integers) for t in tensors], dim))


@takes_quantized("stack")
def stack(tensors: Any, dim: int = 0) -> Any:
    """Quantized tensors of one scale and shape along a new dimension."""
    return _again(_alike(tensors, "stack"), PLACES["torch"]["stack"]([wrap(t._quantized.integers) for t in tensors], dim))


@takes_quantized("relu")
def relu(x: QuantizedTensor) -> Any:
    """Each element, or the zero point if that is larger."""
    own = x._quantized
    return quantized_tensor(own.with_integers(np.maximum(own.integers, own.dtype.type(own.along(own.zero_point)))))


def _comparison(name: str) -> None:
    @takes_quantized(name)
    def form(x: Any, y: Any) -> Any:
        return PLACES["Tensor"][name](*(dequantize(each) if isinstance(each, Tensor) else each for each in (x, y)))


for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    _comparison(_name)


@takes_quantized("equal")
def equal(input: Any, other: Any) -> bool:
    """Whether both are quantized alike and have the same whole numbers."""
    if not (isinstance(input, QuantizedTensor) and isinstance(other, QuantizedTensor)):
        raise RuntimeError(located("equal(): both tensors, or none, must be quantized"))
    one, two = input._quantized, other._quantized
    alike = one.axis == two.axis and one.kind is two.kind and one.shape == two.shape
    parts = ((one.scale, two.scale), (one.zero_point, two.zero_point), (one.integers, two.integers))
    return alike and all(np.array_equal(a, b) for a, b in parts)


method("equal")(equal)


# Writes


@method("copy_")
def copy_(self: Any, other: Tensor, non_blocking: bool = False) -> Any:
    """Become a copy of a quantized tensor, with its scale, or the whole numbers for floats by the own scale; returns itself."""
    own = self._quantized
    if isinstance(other, QuantizedTensor):
        if other._quantized.kind is not own.kind:
            raise RuntimeError(located("Quantized Copy only works with same Quantized Dtype"))
        np.copyto(own.integers, other._quantized.integers)
        self._quantized = Quantized(own.integers, own.kind, other._quantized.scale, other._quantized.zero_point, other._quantized.axis)
    else:
        floats = np.broadcast_to(_floats(other), own.shape)
        np.copyto(own.integers, nearest(floats, own.along(own.scale), own.along(own.zero_point), own.dtype))
    note_write(own.integers, "copy_")
    return self


@method("fill_")
def fill_(self: Any, value: Any) -> Any:
    """Write the whole number for a float everywhere; returns itself."""
    return copy_(self, wrap(np.asarray(float(value), np.float32)))


def _as_it_is(self: Any, *args: Any, **kwargs: Any) -> Any:
    """Itself: it is on the CPU. RuntimeError for another dtype."""
    if any(isinstance(each, (dtypes.dtype, type)) for each in (*args, *kwargs.values())):
        raise RuntimeError(located("Creation of quantized tensor requires quantized dtype like torch.quint8: call dequantize() first"))
    return self


method("cpu", "to", "pin_memory")(_as_it_is)


@method("type")
def type_(self: Any, dtype: Any = None, non_blocking: bool = False) -> Any:
    """PyTorch's name for the class of tensors of its dtype."""
    if dtype is not None:
        return _as_it_is(self, dtype)
    return f"torch.quantized.{({'qint8': 'QInt8', 'quint8': 'QUInt8', 'qint32': 'QInt32'})[self.dtype.name]}Tensor"


# Text, copies


@method("__repr__")
def text(self: QuantizedTensor, *, tensor_contents: Any = None) -> str:
    """PyTorch's text of a quantized tensor: the floats, and how they are kept."""
    own = self._quantized
    notes = [f"size={tuple(own.shape)}", f"dtype={own.kind}", f"quantization_scheme={own.scheme}"]
    if own.scheme is per_tensor_affine:
        notes += [f"scale={own.scale}", f"zero_point={own.zero_point}"]
    else:
        notes += [f"scale={wrap(own.scale)!r}", f"zero_point={wrap(own.zero_point)!r}", f"axis={own.axis}"]
    head = "Parameter containing:\n" if self.__dict__.get("_is_param") else ""
    return head + tensor_text(own.floats(), "float32", own_notes=notes)


@method("__format__")
def formatted(self: QuantizedTensor, spec: str) -> str:
    """Its text."""
    return object.__format__(self, spec)


def rebuilt(kind: Any, integers: Any, scale: Any, zero_point: Any, axis: int | None, attributes: dict[str, Any]) -> Any:
    """A quantized tensor of its parts, from a pickle."""
    out = quantized_tensor(Quantized(integers, kind, scale, zero_point, axis))
    out.__dict__.update(attributes)
    return out


@method("__reduce_ex__")
def reduce(self: QuantizedTensor, protocol: Any) -> tuple[Any, ...]:
    """Its parts."""
    own = self._quantized
    return rebuilt, (own.kind, own.integers, own.scale, own.zero_point, own.axis, attributes_of(self))


@method("__deepcopy__")
def deep(self: QuantizedTensor, memo: dict[int, Any]) -> Any:
    """A tensor on a copy of the whole numbers, with copies of its attributes."""
    if id(self) in memo:
        return memo[id(self)]
    own = self._quantized
    out = memo[id(self)] = quantized_tensor(own.with_integers(own.integers.copy()))
    out.__dict__.update({name: copy.deepcopy(value, memo) for name, value in attributes_of(self).items()})
    return out
