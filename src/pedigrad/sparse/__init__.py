"""`torch.sparse`: functions of sparse tensors. The tensors themselves and most of what is done with them are in `torch`."""

from __future__ import annotations

import functools
from typing import Any

from ..core.declare import PLACES
from ..core.refused import lazily, refused
from ..ops.sparse import build
from ..ops.sparse.legacy import LEGACY_TYPES

__all__ = [
    "SparseSemiStructuredTensor", "addmm", "as_sparse_gradcheck", "check_sparse_tensor_invariants", "log_softmax", "mm", "sampled_addmm",
    "softmax", "spdiags", "spsolve", "sum", "to_sparse_semi_structured",
]  # fmt: skip

globals().update(PLACES["sparse"])
globals().update(LEGACY_TYPES)
_WHY = "there is no solver for sparse systems: make the matrix dense and use torch.linalg.solve, or take scipy.sparse.linalg"
globals().update(refused(__name__, _WHY, functions="spsolve"))
_WHY = "there are no semi-structured matrices: keep them dense, or take torch.sparse_csr"
globals().update(refused(__name__, _WHY, classes="SparseSemiStructuredTensor", functions="to_sparse_semi_structured"))
_WHY = "gradients with respect to sparse tensors are not checked by differences: check them with respect to values()"
globals().update(refused(__name__, _WHY, functions="as_sparse_gradcheck"))


class check_sparse_tensor_invariants:
    """Whether all invariants of sparse tensors are checked where they are made, also those that cost a look at all places.

    As a context, a decorator, or by `enable` and `disable`. That places are within the size is always checked.
    """

    def __init__(self, enable: bool = True):
        self.state, self.before = enable, False

    @staticmethod
    def is_enabled() -> bool:
        """What was set last."""
        return build.checking["on"]

    @staticmethod
    def enable() -> None:
        """Check from now on."""
        build.checking["on"] = True

    @staticmethod
    def disable() -> None:
        """Check no longer."""
        build.checking["on"] = False

    def __enter__(self) -> None:
        self.before = build.checking["on"]
        build.checking["on"] = self.state

    def __exit__(self, *exc: Any) -> None:
        build.checking["on"] = self.before

    def __call__(self, function: Any) -> Any:
        @functools.wraps(function)
        def checked(*args: Any, **kwargs: Any) -> Any:
            with type(self)(self.state):
                return function(*args, **kwargs)

        return checked


__getattr__ = lazily(__name__, __path__)
