"""Activations that are computed again: the names are there; using them is refused."""

import enum

from .... import distributed as _distributed
from ....core.refused import refused

globals().update(refused(__name__, _distributed._WHY, classes="CheckpointWrapper OffloadWrapper ActivationWrapper"))
globals().update(refused(__name__, _distributed._WHY, functions="apply_activation_checkpointing checkpoint_wrapper offload_wrapper"))


class CheckpointImpl(enum.Enum):
    """How activations would be computed again."""

    REENTRANT = enum.auto()
    NO_REENTRANT = enum.auto()
