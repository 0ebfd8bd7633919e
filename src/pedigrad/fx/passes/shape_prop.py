"""`torch.fx.passes.shape_prop`: run a graph and note shapes and dtypes of what comes out of each node."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...core.dtypes import dtype
from ...core.shapes import Size
from ...core.tensor import Tensor
from ...ops.shape.convert import channels_last, channels_last_3d, contiguous_format
from ..interpreter import Interpreter
from ..node import Node, map_aggregate


class TensorMetadata(NamedTuple):
    """What is noted of a tensor."""

    shape: Size
    dtype: dtype
    requires_grad: bool
    stride: tuple[int, ...]
    memory_format: Any
    is_quantized: bool
    qparams: dict[str, Any]


def _extract_tensor_metadata(result: Tensor, include_contiguity: bool = True) -> TensorMetadata:
    """What is noted of a tensor."""
    formats = {2: contiguous_format, 4: channels_last, 5: channels_last_3d}
    tried = [contiguous_format, *(f for d, f in formats.items() if d == result.dim() and d > 2)]
    layout = next((each for each in tried if result.is_contiguous(memory_format=each)), None) if include_contiguity else None
    return TensorMetadata(result.shape, result.dtype, result.requires_grad, result.stride(), layout, result.is_quantized, {})


class ShapeProp(Interpreter):
    """Runs a graph; afterwards `node.meta["tensor_meta"]` says shape, dtype, strides of what each node gave, and `meta["type"]` its type.

    >>> module = torch.fx.symbolic_trace(torch.nn.Sequential(torch.nn.Linear(2, 3)))
    >>> out = torch.fx.passes.shape_prop.ShapeProp(module).propagate(torch.ones(4, 2))
    >>> [tuple(node.meta["tensor_meta"].shape) for node in module.graph.nodes]
    [(4, 2), (4, 3), (4, 3)]
    """

    def run_node(self, n: Node) -> Any:
        """What a node gives, which is noted."""
        result = super().run_node(n)
        seen: list[Tensor] = []

        def noted(each: Any) -> Any:
            if not isinstance(each, Tensor):
                return each
            seen.append(each)
            return _extract_tensor_metadata(each)

        meta = map_aggregate(result, noted)
        if seen:
            n.meta["tensor_meta"] = meta
        n.meta["type"] = type(result)
        return result

    def propagate(self, *args: Any) -> Any:
        """Run the graph on these arguments."""
        return super().run(*args)
