"""`torch.onnx.errors`: what programs catch."""

from . import OnnxExporterError as OnnxExporterError


class UnsupportedOperatorError(OnnxExporterError):
    """An operator has no counterpart."""


class SymbolicValueError(OnnxExporterError):
    """An operator could not be translated."""
