"""The negative binomial distribution."""

from ..core.modes import no_grad
from ..ops.nn.activation import logsigmoid
from ..random import poisson
from . import constraints
from .binary import Trials
from .gamma import Gamma
from .utils import broadcast_all, lazy_property, one_of

__all__ = ["NegativeBinomial"]


class NegativeBinomial(Trials):
    """The number of successes before `total_count` failures, which need not be whole: r in C(k + r - 1, k) probs^k (1 - probs)^r."""

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer
    _parameters = {"total_count": 0, "probs": 0, "logits": 0}

    def __init__(self, total_count, probs=None, logits=None, validate_args=None):
        count, given = broadcast_all(total_count, one_of(probs, logits))
        self.total_count = count.to(given.dtype)
        if probs is None:
            self.logits = given
        else:
            self.probs = given
        super().__init__(given.shape, validate_args=validate_args)

    @property
    def mean(self):
        return self.total_count * self.logits.exp()

    @property
    def mode(self):
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self):
        return self.mean / (-self.logits).sigmoid()

    @lazy_property
    def _gamma(self):
        return Gamma(self.total_count, (-self.logits).exp(), validate_args=False)

    def sample(self, sample_shape=()):
        with no_grad():
            return poisson(self._gamma.sample(sample_shape))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        r = self.total_count
        known = r * logsigmoid(-self.logits) + value * logsigmoid(self.logits)
        ways = (r + value).lgamma() - (1.0 + value).lgamma() - r.lgamma()
        return known + ways.masked_fill(r + value == 0.0, 0.0)
