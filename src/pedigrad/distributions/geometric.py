"""The geometric distribution."""

from ..core.limits import finfo
from ..core.modes import no_grad
from ..ops.creation import empty, full_like
from ..ops.nn.loss import binary_cross_entropy_with_logits
from . import constraints
from .binary import Trials
from .utils import broadcast_all, one_of

__all__ = ["Geometric"]


class Geometric(Trials):
    """The number of failures before the first success: k with probability (1 - probs)^k probs."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer
    _parameters = {"probs": 0, "logits": 0}

    def __init__(self, probs=None, logits=None, validate_args=None):
        (given,) = broadcast_all(one_of(probs, logits))
        if probs is None:
            self.logits = given
        else:
            self.probs = given
        super().__init__(given.shape, validate_args=validate_args)
        if self._validate_args and probs is not None and not (given > 0).all():
            raise ValueError(
                f"Expected parameter probs (Tensor of shape {tuple(given.shape)}) of distribution {self!r} to be positive, "
                f"but found invalid values:\n{given}"
            )

    @property
    def mean(self):
        return 1.0 / self.probs - 1.0

    @property
    def mode(self):
        return full_like(self.probs, 0)

    @property
    def variance(self):
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape=()):
        probs = self.probs
        with no_grad():
            u = empty(self._extended_shape(sample_shape), dtype=probs.dtype).uniform_(finfo(probs.dtype).tiny, 1)
            return (u.log() / (-probs).log1p()).floor()

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        value, probs = broadcast_all(value, self.probs)
        probs = probs.masked_fill((probs == 1) & (value == 0), 0)  # no failure, surely: 0 log 0 is 0
        return value * (-probs).log1p() + self.probs.log()

    def entropy(self):
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none") / self.probs
