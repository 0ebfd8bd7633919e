"""`torch.nn.functional`: the functions that layers are made of."""

import math

from ..core.op import PLACES

globals().update(PLACES["F"])

__all__ = sorted(PLACES["F"])


def _get_softmax_dim(name, ndim, stacklevel=3):
    """The dimension a softmax is taken over where none is named."""
    return 0 if ndim in (0, 1, 3) else 1


def _verify_batch_size(size):
    """ValueError if there is one value per channel only, which cannot be normalized in training."""
    if math.prod((size[0], *size[2:])) == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {size}")
