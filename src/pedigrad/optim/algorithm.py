"""Algorithm: what an optimizer does with one parameter, as the buckets and the recorder take it.

An algorithm is a pure function `update(p, g, state, step, group)` over arrays that returns the new parameter and the new state, with the
names of what that state holds.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, ClassVar

import numpy as np

from ..codegen.runtime.memory import zeros_like
from ..core import dtypes
from ..core.tensor import Tensor, wrap

Array = np.ndarray[Any, Any]


class Algorithm:
    """The update of a parameter, and the state that it keeps of each."""

    numbers: ClassVar[tuple[str, ...]] = ("step",)  # what is one number in a parameter's state; the first counts the steps
    whole: ClassVar[bool] = False  # the update must see each parameter by itself, in its shape
    move: ClassVar[Any] = None  # a function of (p, g, group) that writes to `p` itself what `update` without a state returns

    state: MutableMapping[Tensor, Any]  # of each parameter, as the user sees it

    @staticmethod
    def update(p: Any, g: Any, state: Any, step: int, group: dict[str, Any]) -> Any:
        """The new parameter and the new state, a tuple as `state` is: numbers other than the step, then arrays.

        `step` counts from 1. `state` is what `begin` gave, None if that was None.
        """
        raise NotImplementedError

    def state_names(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        """The names of the state arrays of `p`; they have its shape unless the algorithm is `whole`."""
        return ()

    def begin(self, p: Array, group: dict[str, Any]) -> tuple[Any, ...] | None:
        """The state before the first step: numbers other than the step, arrays; None if the first update makes it."""
        return tuple(zeros_like(p) for _ in self.state_names(group, wrap(p)))

    def begin_state(self, p: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        """The state of `p` as the user sees it, filled in if there is none."""
        state = self.state[p]
        if not state:
            values = self.begin(p._array, group)
            dtype = np.float64 if dtypes.get_default_dtype() is dtypes.float64 else np.float32
            if values is not None:
                names = (*self.numbers, *self.state_names(group, p))
                values = (0.0, *values) if self.numbers else values
                for name, value in zip(names, values, strict=True):
                    state[name] = wrap(value if isinstance(value, np.ndarray) else np.array(value, dtype))
        return state
