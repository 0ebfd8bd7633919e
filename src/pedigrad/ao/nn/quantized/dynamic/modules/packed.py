"""What layers of quantized weights share: a scale that is saved with them, and the weight and the bias in one place."""

from __future__ import annotations

from typing import Any

from ......nn.module import Module
from ......ops.creation import tensor


class WithScale(Module):
    """A module whose results are quantized by `scale` and `zero_point`, which are numbers and saved with it."""

    scale: float = 1.0
    zero_point: int = 0

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[prefix + "scale"] = tensor(self.scale)
        destination[prefix + "zero_point"] = tensor(self.zero_point)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *more: Any) -> None:
        for name, kind in (("scale", float), ("zero_point", int)):
            if prefix + name in state_dict:
                setattr(self, name, kind(state_dict.pop(prefix + name)))
        super()._load_from_state_dict(state_dict, prefix, *more)

    def __repr__(self) -> str:
        return f"{self._get_name()}({self.extra_repr()})"


class WithPackedWeight(WithScale):
    """A layer whose weight and bias are in `_packed_params`."""

    _packed_params: Any

    def _weight_bias(self) -> Any:
        return self._packed_params._weight_bias()

    def weight(self) -> Any:
        """The weight, quantized or in float16."""
        return self._weight_bias()[0]

    def bias(self) -> Any:
        """The bias, in float32; None if there is none."""
        return self._weight_bias()[1]

    def set_weight_bias(self, w: Any, b: Any) -> None:
        """Take another weight and bias."""
        self._packed_params.set_weight_bias(w, b)
