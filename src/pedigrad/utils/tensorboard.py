"""torch.utils.tensorboard: SummaryWriter, by the package tensorboardX.

Where that is not installed, the name is not there: programs that write only where they can find out when they import it.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from ._pytree import tree_map_only


def _package() -> Any:
    try:
        import tensorboardX
    except ImportError:
        message = "torch.utils.tensorboard writes by the package tensorboardX, which is not installed: pip install tensorboardX"
        raise ImportError(message, name="tensorboardX") from None
    return tensorboardX


def _array(tensor: Tensor) -> Any:
    """The elements of a tensor as an array of a type that every program knows."""
    array = tensor.detach()._array
    return array.astype(np.float32) if array.dtype.kind == "V" else array


class _SummaryWriter:
    """Writes scalars, images, histograms and the like for TensorBoard: tensorboardX's methods, which take tensors here.

    `add_graph` is refused: it draws PyTorch's own graphs.
    """

    def __init__(
        self,
        log_dir: str | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ) -> None:
        self._writer = _package().SummaryWriter(
            log_dir, comment, purge_step=purge_step, max_queue=max_queue, flush_secs=flush_secs, filename_suffix=filename_suffix
        )
        self.log_dir = self._writer.logdir

    def get_logdir(self) -> str:
        """The folder that is written to."""
        return self.log_dir

    def add_graph(self, *args: Any, **kwargs: Any) -> None:
        """Not there: NotImplementedError."""
        raise NotImplementedError("SummaryWriter.add_graph: models are not drawn; tensor.family() tells how a tensor came about")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"SummaryWriter has no {name!r}")
        method = getattr(self._writer, name)
        if not callable(method):
            return method

        def call(*args: Any, **kwargs: Any) -> Any:
            args, kwargs = tree_map_only(Tensor, _array, (args, kwargs))
            return method(*args, **kwargs)

        return call

    def __enter__(self) -> _SummaryWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._writer.close()


_SummaryWriter.__name__ = _SummaryWriter.__qualname__ = "SummaryWriter"


def __getattr__(name: str) -> Any:
    if name != "SummaryWriter":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _package()
    return _SummaryWriter
