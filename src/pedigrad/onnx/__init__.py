"""`torch.onnx`: nothing is exported; what harmless programs ask is answered."""

import enum
from typing import Any

from ..core.refused import lazily, refused

_WHY = "models are not exported: save model.state_dict() by torch.save(), load it into PyTorch itself and export it there"

globals().update(refused(__name__, _WHY, functions="export _export"))
globals().update(
    refused(__name__, _WHY, functions="dynamo_export select_model_mode_for_export", classes="ONNXProgram InputObserver ExportOptions")
)
producer_name = "pytorch"
producer_version = "2.13.0"


class _Choice(enum.Enum):
    def __int__(self) -> int:
        return int(self.value)


class TrainingMode(_Choice):
    """Whether a model would be exported as it is evaluated or as it is trained."""

    EVAL = 0
    PRESERVE = 1
    TRAINING = 2


class OperatorExportTypes(_Choice):
    """Which operators an export would use."""

    ONNX = 0
    ONNX_ATEN = 1
    ONNX_ATEN_FALLBACK = 2
    ONNX_FALLTHROUGH = 3


class OnnxExporterError(RuntimeError):
    """An export failed."""


def register_custom_op_symbolic(symbolic_name: str, symbolic_fn: Any, opset_version: int) -> None:
    """Nothing: what an operation would become in an export is never asked."""


def unregister_custom_op_symbolic(symbolic_name: str, opset_version: int) -> None:
    """Nothing: nothing was registered."""


def is_in_onnx_export() -> bool:
    """False."""
    return False


def is_onnxrt_backend_supported() -> bool:
    """False."""
    return False


__getattr__ = lazily(__name__, __path__)
