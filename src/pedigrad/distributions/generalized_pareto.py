"""The generalized Pareto distribution."""

import math

from ..ops.creation import full_like
from ..ops.math.compare import isclose
from ..ops.math.ternary import where
from ..random import rand
from . import constraints
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    """Numbers above `loc` whose tail falls as a power: P(X > x) = (1 + c z)^(-1 / c), z = (x - loc) / scale, c = `concentration`.

    At c = 0 that is exp(-z); where c is negative the numbers end at loc - scale / c.
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive, "concentration": constraints.real}
    has_rsample = True
    _parameters = {"loc": 0, "scale": 0, "concentration": 0}

    def __init__(self, loc, scale, concentration, validate_args=None):
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self):
        end = where(self.concentration < 0, self.loc - self.scale / self.concentration, math.inf)
        return constraints.interval(self.loc, end)

    def _split(self):
        """Where `concentration` is zero, and a concentration that is not."""
        zero = isclose(self.concentration, full_like(self.concentration, 0))
        return zero, self.concentration.masked_fill(zero, 1.0)

    @property
    def mean(self):
        return (self.loc + self.scale / (1 - self.concentration)).masked_fill(self.concentration >= 1, math.nan)

    @property
    def mode(self):
        return self.loc

    @property
    def variance(self):
        c = self.concentration
        return (self.scale**2 / ((1 - c) ** 2 * (1 - 2 * c))).masked_fill(c >= 0.5, math.nan)

    def rsample(self, sample_shape=()):
        return self.icdf(rand(self._extended_shape(sample_shape), dtype=self.loc.dtype))

    def _log_survival(self, z):
        zero, c = self._split()
        return where(zero, -z + self.concentration * z**2 / 2, -(c * z).log1p() / c)  # where c is zero, its series

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        z = (value - self.loc) / self.scale
        return (self.concentration + 1) * self._log_survival(z) - self.scale.log()

    def log_survival_function(self, value):
        """log P(X > value)."""
        if self._validate_args:
            self._validate_sample(value)
        return self._log_survival((value - self.loc) / self.scale)

    def log_cdf(self, value):
        """log P(X <= value)."""
        return self.cdf(value).log()

    def cdf(self, value):
        if self._validate_args:
            self._validate_sample(value)
        return -self._log_survival((value - self.loc) / self.scale).expm1()

    def icdf(self, value):
        zero, c = self._split()
        log_survival = (-value).log1p()
        series = -log_survival + self.concentration * log_survival**2 / 2
        return self.loc + self.scale * where(zero, series, (-c * log_survival).expm1() / c)

    def entropy(self):
        return self.scale.log() + self.concentration + 1
