"""Dropout of a quantized model, which does nothing."""

from __future__ import annotations

from typing import Any

from .....nn import dropout as floats


class Dropout(floats.Dropout):
    """Gives back what it is given: quantized models are not trained."""

    def forward(self, input: Any) -> Any:
        return input

    def _get_name(self) -> str:
        return "QuantizedDropout"

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> Dropout:
        """The same probability, as it is shown."""
        return cls(mod.p, mod.inplace)


__all__ = ["Dropout"]
