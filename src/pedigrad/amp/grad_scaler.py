"""GradScaler: losses scaled up, so that gradients in 16 bits do not become zero, and gradients scaled down again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from enum import Enum
from typing import Any

import numpy as np

from ..core import watching
from ..core.graph import note_write
from ..core.origin import located, warn
from ..core.tensor import Tensor, constant

__all__ = ["GradScaler", "OptState"]


class OptState(Enum):
    """How far an optimizer has come since the last `update`."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


def _fresh_state() -> dict[str, Any]:
    return {"stage": OptState.READY, "found_inf_per_device": {}}


class GradScaler:
    """Scales losses by a factor that grows while gradients are finite and falls when they are not; such steps are left out.

    With `enabled=False` it does nothing, and `step` is the optimizer's.
    """

    def __init__(
        self, device: str = "cuda", init_scale: float = 2.0**16, growth_factor: float = 2.0, backoff_factor: float = 0.5,
        growth_interval: int = 2000, enabled: bool = True,
    ):  # fmt: skip
        self._device, self._enabled = device, enabled
        if enabled and device != "cpu":
            message = f"torch.{device}.amp.GradScaler is enabled, but {device.upper()} is not available.  Disabling."
            warn(message)
            self._enabled = False
        if self._enabled:
            if growth_factor <= 1.0:
                raise AssertionError("The growth factor must be > 1.0.")
            if backoff_factor >= 1.0:
                raise AssertionError("The backoff factor must be < 1.0.")
            self._init_scale, self._growth_factor, self._backoff_factor = init_scale, growth_factor, backoff_factor
            self._growth_interval, self._init_growth_tracker = growth_interval, 0
            self._scale: Tensor | None = None
            self._growth_tracker: Tensor | None = None
            self._per_optimizer_states: dict[int, dict[str, Any]] = defaultdict(_fresh_state)

    def _lazy_init_scale_growth_tracker(self, device: Any = None) -> None:
        self._scale = constant(np.array(self._init_scale, np.float32))
        self._growth_tracker = constant(np.array(self._init_growth_tracker, np.int32))

    def _started(self, method: str) -> tuple[Tensor, Tensor]:
        if self._scale is None or self._growth_tracker is None:
            message = f"Attempted {method} but _scale is None.  This may indicate your script did not use scaler.scale(loss)"
            raise AssertionError(f"{message} earlier in the iteration.")
        return self._scale, self._growth_tracker

    def scale(self, outputs: Any) -> Any:
        """The outputs, a tensor or an iterable of them, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            if self._scale is None:
                self._lazy_init_scale_growth_tracker()
            if watching.watcher is not None:
                watching.watcher.scaling(self)
            return outputs * self._scale  # type: ignore[operator]
        if isinstance(outputs, Iterable):
            scaled = map(self.scale, outputs)
            return type(outputs)(scaled) if isinstance(outputs, (list, tuple)) else scaled  # type: ignore[call-arg]
        raise ValueError(located("outputs must be a Tensor or an iterable of Tensors"))

    def _unscale_grads_(self, optimizer: Any, inv_scale: float, allow_fp16: bool) -> dict[Any, Tensor]:
        """Multiply the gradients in place; returns for the device whether any is not finite."""
        found = False
        for group in optimizer.param_groups:
            for param in group["params"]:
                if param.grad is None:
                    continue
                array = param.grad._array
                if not allow_fp16 and array.dtype == np.float16:
                    raise ValueError(located("Attempting to unscale FP16 gradients."))
                np.multiply(array, array.dtype.type(inv_scale), out=array)
                note_write(array, "unscale_")
                found = found or not np.isfinite(array).all()
        return {"cpu": constant(np.array(float(found), np.float32))}

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of the optimizer's parameters by the scale, to clip them, say; `step` does it otherwise."""
        if not self._enabled:
            return
        scale, _ = self._started("unscale_")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.UNSCALED:
            raise RuntimeError(located("unscale_() has already been called on this optimizer since the last update()."))
        if state["stage"] is OptState.STEPPED:
            raise RuntimeError(located("unscale_() is being called after step()."))
        state["found_inf_per_device"] = self._unscale_grads_(optimizer, float(np.float32(1.0 / float(scale.item()))), False)
        state["stage"] = OptState.UNSCALED

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """What `optimizer.step()` returns, with the gradients divided by the scale; None, and no step, if any is not finite."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError(located("Closure use is not currently supported if GradScaler is enabled."))
        self._started("step")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.STEPPED:
            raise RuntimeError(located("step() has already been called since the last update()."))
        if state["stage"] is OptState.READY:
            self.unscale_(optimizer)
        if not state["found_inf_per_device"]:
            raise AssertionError("No inf checks were recorded for this optimizer.")
        finite = not any(each.item() for each in state["found_inf_per_device"].values())
        result = optimizer.step(*args, **kwargs) if finite else None
        state["stage"] = OptState.STEPPED
        return result

    def update(self, new_scale: Any = None) -> None:
        """Let the scale fall or grow, by what the steps since the last update found, or set it."""
        if not self._enabled:
            return
        scale, tracker = self._started("update")
        if new_scale is not None:
            scale._array[...] = new_scale.item() if isinstance(new_scale, Tensor) else new_scale
        else:
            found = [v for state in self._per_optimizer_states.values() for v in state["found_inf_per_device"].values()]
            if not found:
                raise AssertionError("No inf checks were recorded prior to update.")
            if any(each.item() for each in found):
                scale._array[...] *= np.float32(self._backoff_factor)
                tracker._array[...] = 0
            else:
                tracker._array[...] += 1
                if tracker.item() == self._growth_interval:
                    with np.errstate(over="ignore"):
                        grown = scale._array * np.float32(self._growth_factor)
                    if np.isfinite(grown):
                        scale._array[...] = grown
                    tracker._array[...] = 0
        self._per_optimizer_states = defaultdict(_fresh_state)

    def _found_inf_per_device(self, optimizer: Any) -> dict[Any, Tensor]:
        return self._per_optimizer_states[id(optimizer)]["found_inf_per_device"]

    def _get_scale_async(self) -> Tensor | None:
        return self._scale

    def get_scale(self) -> float:
        """The scale; 1.0 if this does nothing."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else float(self._scale.item())

    def _get_growth_tracker(self) -> int:
        if not self._enabled:
            return 0
        return self._init_growth_tracker if self._growth_tracker is None else int(self._growth_tracker.item())

    def get_growth_factor(self) -> float:
        """The factor by which the scale grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set the factor by which the scale grows."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """The factor by which the scale falls."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set the factor by which the scale falls."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """How many steps in a row have to be finite for the scale to grow."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set how many steps in a row have to be finite for the scale to grow."""
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        """Whether it does anything."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """The scale and how it changes; empty if this does nothing."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._get_growth_tracker(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        if not self._enabled:
            return
        if not state_dict:
            message = "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            raise RuntimeError(located(message))
        self._init_scale = state_dict["scale"]
        self._growth_factor, self._backoff_factor = state_dict["growth_factor"], state_dict["backoff_factor"]
        self._growth_interval, self._init_growth_tracker = state_dict["growth_interval"], state_dict["_growth_tracker"]
        if self._scale is not None:
            self._lazy_init_scale_growth_tracker()

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if self._enabled:
            if self._per_optimizer_states:
                raise AssertionError("A GradScaler instance may only be pickled at the beginning of an iteration, or after update().")
            state["_init_scale"], state["_init_growth_tracker"] = self.get_scale(), self._get_growth_tracker()
            state["_scale"] = state["_growth_tracker"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
