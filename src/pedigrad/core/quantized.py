"""Quantized tensors: whole numbers that stand for floats, and the scales and zero points that say for which.

The element q stands for (q - zero_point) * scale. Scale and zero point are numbers, or vectors with one for each index of a dimension.
What operations do with such tensors is in `ops/quantized`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from . import dtypes, modes
from .arrayless import ArraylessTensor
from .history import UNTRACKED
from .origin import located
from .tensor import Tensor, wrap

Array = np.ndarray[Any, Any]
_new = object.__new__


class qscheme:
    """How whole numbers stand for floats: by one scale or several, and whether zero points are free."""

    __slots__ = ("name",)

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


per_tensor_affine = qscheme("per_tensor_affine")
per_channel_affine = qscheme("per_channel_affine")
per_tensor_symmetric = qscheme("per_tensor_symmetric")
per_channel_symmetric = qscheme("per_channel_symmetric")
per_channel_affine_float_qparams = qscheme("per_channel_affine_float_qparams")
SCHEMES = (per_tensor_affine, per_channel_affine, per_tensor_symmetric, per_channel_symmetric, per_channel_affine_float_qparams)

# The NumPy dtypes of the whole numbers.
INTEGERS = {name: np.dtype(kind) for name, kind in (("qint8", np.int8), ("quint8", np.uint8), ("qint32", np.int32))}


class Quantized:
    """Whole numbers of a quantized dtype with their scale and zero point: numbers, or vectors along the dimension `axis`."""

    __slots__ = ("axis", "integers", "kind", "scale", "zero_point")

    def __init__(self, integers: Array, kind: dtypes.dtype, scale: Any, zero_point: Any, axis: int | None = None):
        self.integers, self.kind, self.scale, self.zero_point, self.axis = integers, kind, scale, zero_point, axis

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes."""
        return self.integers.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy's dtype of the whole numbers."""
        return self.integers.dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.integers.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.integers.size

    def with_integers(self, integers: Array) -> Quantized:
        """Other whole numbers with the same scale and zero point."""
        return Quantized(integers, self.kind, self.scale, self.zero_point, self.axis)

    def along(self, values: Any) -> Any:
        """Scales or zero points so that they broadcast with the whole numbers."""
        return values if self.axis is None else values.reshape(-1, *(1,) * (self.ndim - self.axis - 1))

    def floats(self) -> Array:
        """What the whole numbers stand for, in float32."""
        zero, scale = self.along(self.zero_point), self.along(self.scale)
        if self.scheme is per_channel_affine_float_qparams:
            return (self.integers.astype(np.float32) - zero) * scale
        return (self.integers.astype(np.int64) - zero).astype(np.float32) * np.float32(scale)

    @property
    def scheme(self) -> qscheme:
        """Whether scale and zero point are numbers or vectors; those of vectors of float zero points have a name of their own."""
        if self.axis is None:
            return per_tensor_affine
        return per_channel_affine_float_qparams if self.zero_point.dtype.kind == "f" else per_channel_affine


class QuantizedTensor(ArraylessTensor):
    """A tensor of whole numbers that stand for floats."""

    __slots__ = ("_quantized",)
    forms: ClassVar[dict[str, Callable[..., Any]]] = {}
    _quantized: Quantized
    is_quantized = True

    @staticmethod
    def refusal(what: str, backend: str) -> str:
        called = f"Could not run 'aten::{what}' with arguments from the '{backend}' backend"
        return f"{called}: {what}() takes no quantized tensors. Call dequantize() first, or work on int_repr()"

    @classmethod
    def write(cls, op: Any, operands: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
        form = cls.forms.get(op.name + "_")
        if form is None:
            return super().write(op, operands, attributes)
        return form(*operands, **dict(zip(op.attributes, attributes, strict=True)))

    @property
    def _backend(self) -> str:
        return "QuantizedCPU"

    @property
    def _held(self) -> Any:
        return self._quantized

    @property
    def _written(self) -> Any:
        return self._quantized.integers

    def _again(self) -> Tensor:
        return quantized_tensor(self._quantized)

    @property
    def _version(self) -> int:
        return self._integers._version

    @property
    def dtype(self) -> dtypes.dtype:
        return self._quantized.kind

    @property
    def nbytes(self) -> int:
        return self._quantized.integers.nbytes

    @property
    def _integers(self) -> Tensor:
        """A tensor on the memory of the whole numbers."""
        return wrap(self._quantized.integers)

    def stride(self, dim: int | None = None) -> Any:
        return self._integers.stride(dim)

    def storage_offset(self) -> int:
        return self._integers.storage_offset()

    def data_ptr(self) -> int:
        return self._integers.data_ptr()

    def is_contiguous(self, memory_format: Any = None) -> bool:
        return self._integers.is_contiguous(memory_format)

    def detach(self) -> Tensor:
        return self._again()

    @property
    def data(self) -> Tensor:
        out = self._again()
        out._view = UNTRACKED
        return out

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, QuantizedTensor):
            raise TypeError(located("Variable data of a quantized tensor has to be a quantized tensor"))
        self._quantized = value._quantized

    def numpy(self, *, force: bool = False) -> Any:
        raise TypeError(located(f"Got unsupported ScalarType {self.dtype.name}: call dequantize() or int_repr() first"))

    def tolist(self) -> Any:
        raise RuntimeError(located("tolist() takes no quantized tensor: call dequantize() or int_repr() first"))

    def item(self) -> Any:
        if self.numel() != 1:
            message = f"a Tensor with {self.numel()} elements cannot be converted to Scalar: its shape is {tuple(self.shape)}"
            raise RuntimeError(located(message))
        return float(self._quantized.floats().item())

    __hash__ = object.__hash__


def quantized_tensor(array: Quantized) -> QuantizedTensor:
    """A tensor on whole numbers with a scale; it never has a history."""
    if modes.special and modes.settings.recorder is not None:
        modes.settings.recorder.refuse("quantized tensors are not compiled")
    out = _new(QuantizedTensor)
    out._quantized = array
    out._node = out._cut = out._view = None
    return out


takes_quantized = QuantizedTensor.takes
method = QuantizedTensor.method
