"""`torch.onnx.operators`: shapes as tensors, which programs that mean to be exported ask for."""

from ..core.tensor import Tensor
from ..ops.creation import tensor


def shape_as_tensor(x: Tensor) -> Tensor:
    """The shape as a tensor of int64."""
    return tensor(list(x.shape))


def reshape_from_tensor_shape(x: Tensor, shape: Tensor) -> Tensor:
    """`x` in the shape that a tensor of whole numbers says."""
    return x.reshape([int(each) for each in shape])  # type: ignore[attr-defined]
