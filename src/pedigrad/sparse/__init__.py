"""`torch.sparse`: there are no sparse tensors; the names are there, and using them is refused."""

from __future__ import annotations

from typing import Any

from ..core.refused import lazily, refused

_WHY = "there are no sparse tensors: keep them dense, or use scipy.sparse"

globals().update(
    refused(__name__, _WHY, functions="addmm mm sampled_addmm softmax log_softmax spdiags spsolve sum to_sparse_semi_structured")
)
globals().update(refused(__name__, _WHY, functions="as_sparse_gradcheck"))
globals().update(
    refused(
        __name__,
        _WHY,
        classes="SparseSemiStructuredTensor BFloat16Tensor ByteTensor CharTensor DoubleTensor FloatTensor HalfTensor IntTensor LongTensor"
        " ShortTensor",
    )
)


class check_sparse_tensor_invariants:
    """Whether sparse tensors would be checked; there are none."""

    _enabled = False

    def __init__(self, enable: bool = True):
        self.state, self.before = enable, False

    @classmethod
    def is_enabled(cls) -> bool:
        """What was set last."""
        return check_sparse_tensor_invariants._enabled

    @classmethod
    def enable(cls) -> None:
        """Nothing but that `is_enabled` says so."""
        check_sparse_tensor_invariants._enabled = True

    @classmethod
    def disable(cls) -> None:
        """Nothing but that `is_enabled` says so."""
        check_sparse_tensor_invariants._enabled = False

    def __enter__(self) -> None:
        self.before = check_sparse_tensor_invariants._enabled
        check_sparse_tensor_invariants._enabled = self.state

    def __exit__(self, *exc: Any) -> None:
        check_sparse_tensor_invariants._enabled = self.before


__getattr__ = lazily(__name__, __path__)
