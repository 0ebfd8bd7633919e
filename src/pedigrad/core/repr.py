"""How tensors print, and small questions about tensors and dtypes."""

from __future__ import annotations

from typing import Any

from . import dtypes, modes
from .data import plain_number
from .declare import function, publish
from .formatting import tensor_text
from .lifted import Lifted
from .tensor import Tensor, read, read_elements


def tensor_repr(tensor: Tensor) -> str:
    """PyTorch's text of a tensor."""
    read(tensor._array, "a tensor's text")
    from_op = tensor.grad_fn
    if tensor.is_meta:
        notes = [f"device='meta', size={tuple(tensor.shape)}"]
        notes += [] if tensor.dtype is dtypes.get_default_dtype() else [f"dtype={tensor.dtype}"]
        notes += [f"grad_fn=<{from_op.name()}>"] if from_op is not None else ["requires_grad=True"] if tensor.requires_grad else []
        return f"tensor(..., {', '.join(notes)})"
    if isinstance(tensor._array, Lifted):
        return repr(tensor._array)
    return tensor_text(
        tensor._array,
        tensor.dtype.name,
        requires_grad=tensor.requires_grad,
        grad_fn=None if from_op is None else from_op.name(),
        prefix="tensor(" if type(tensor).__name__ in ("Tensor", "Parameter") else f"{type(tensor).__name__}(",
        default_dtype_name=dtypes.get_default_dtype().name,
        default_complex=dtypes.get_default_dtype().to_complex().name,
    )


def _repr(self: Tensor, *, tensor_contents: Any = None) -> str:
    return tensor_repr(self)


publish(_repr, "__repr__", ["Tensor"])


def _format(self: Tensor, spec: str) -> str:
    """A tensor of one number, such as a loss, is formatted as that number."""
    if self._array.ndim == 0 and type(self) is Tensor and not self.is_meta:
        return self.item().__format__(spec)
    return object.__format__(self, spec)


publish(_format, "__format__", ["Tensor"])


@function("Tensor", name="__contains__")
def contains(self: Tensor, value: Any) -> bool:
    """Whether an element is equal to `value`."""
    value = value._array if isinstance(value, Tensor) else value
    read_elements(self._array, "`in`")
    return bool((self._array == value).any())


@function("Tensor")
def get_device(self: Tensor) -> int:
    """-1: it is on the CPU."""
    return -1


@function("Tensor")
def is_inference(self: Tensor) -> bool:
    """False: tensors made in `inference_mode` are ordinary ones."""
    return False


@function("torch")
def is_tensor(obj: Any, /) -> bool:
    """Whether `obj` is a Tensor.

    Args:
        obj: anything.

    >>> torch.is_tensor(torch.ones(1)), torch.is_tensor([1.0])
    (True, False)
    """
    return isinstance(obj, Tensor)


@function("torch")
def is_floating_point(input: Tensor) -> bool:
    """Whether its elements are floats.

    Args:
        input: a tensor.

    >>> torch.is_floating_point(torch.tensor(1.0))
    True
    """
    return input.is_floating_point()


@function("torch")
def is_complex(input: Tensor) -> bool:
    """Whether its elements are complex.

    Args:
        input: a tensor.

    >>> torch.is_complex(torch.tensor(1j))
    True
    """
    return input.is_complex()


@function("torch Tensor")
def is_nonzero(input: Tensor) -> bool:
    """Whether its only element is not zero."""
    return bool(input)


@function("torch")
def numel(input: Tensor) -> int:
    """The number of its elements."""
    return input.numel()


@function("torch Tensor")
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether both have the same shape."""
    return input.shape == other.shape


@function("Tensor")
def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether both are the same view of the same storage."""
    mine, other = self._array, tensor._array
    return mine.shape == other.shape and mine.strides == other.strides and self.data_ptr() == tensor.data_ptr()


@function("torch")
def promote_types(type1: dtypes.dtype, type2: dtypes.dtype) -> dtypes.dtype:
    """The smallest dtype that holds values of both."""
    return dtypes.promote_types(dtypes.of_argument(type1), dtypes.of_argument(type2))


@function("torch", takes={"tensor": "tensor1", "other": "tensor2", "scalar": "tensor2", "scalar1": "tensor1", "scalar2": "tensor2"})
def result_type(tensor1: Any, tensor2: Any) -> dtypes.dtype:
    """The dtype of the result of arithmetic on two tensors or numbers."""
    values = [v._array if isinstance(v, Tensor) else plain_number(v, "result_type()") for v in (tensor1, tensor2)]
    return dtypes.promote_operands(values)


@function("torch")
def can_cast(from_: dtypes.dtype, to: dtypes.dtype) -> bool:
    """Whether a result of the first dtype may be written into a tensor of the second."""
    return dtypes.can_cast(dtypes.of_argument(from_), dtypes.of_argument(to))


@function("torch")
def is_grad_enabled() -> bool:
    """Whether operations of this thread record their history.

    >>> with torch.no_grad():
    ...     torch.is_grad_enabled()
    False
    """
    return modes.grad_enabled()


@function("torch")
def detach(input: Tensor) -> Tensor:
    """A tensor on the same storage that needs no gradient."""
    return input.detach()


@function("torch")
def typename(obj: Any, /) -> str:
    """The type of a tensor, such as `torch.FloatTensor`; of a class or function its own qualified name, of other things their class's."""
    if isinstance(obj, Tensor):
        return obj.type()  # type: ignore[attr-defined]
    named = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(named, "__module__", None)
    return named.__qualname__ if module in (None, "builtins") else f"{module}.{named.__qualname__}"
