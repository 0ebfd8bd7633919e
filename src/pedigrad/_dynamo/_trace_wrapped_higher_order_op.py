"""`torch._dynamo._trace_wrapped_higher_order_op`: a context that other libraries index masks in."""

from typing import Any


class TransformGetItemToIndex:
    """A context that changes nothing: indexing by tensors is recorded as it is."""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc: object) -> None:
        pass
