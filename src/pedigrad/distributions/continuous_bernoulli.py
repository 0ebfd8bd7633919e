"""The continuous Bernoulli distribution."""

import math

from ..core.modes import no_grad
from ..ops.math.ternary import where
from ..ops.nn.loss import binary_cross_entropy_with_logits
from ..random import rand
from . import constraints
from .binary import Trials
from .exp_family import ExponentialFamily
from .utils import broadcast_all, clamp_probs, lazy_property, logits_to_probs, one_of, probs_to_logits

__all__ = ["ContinuousBernoulli"]


class ContinuousBernoulli(Trials, ExponentialFamily):
    """Numbers in the unit interval of density C(p) p^x (1 - p)^(1 - x), p = `probs` (Loaiza-Ganem and Cunningham 2019).

    Formulas that divide by 1 - 2 p are replaced by Taylor series where p lies within `lims`.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0
    _parameters = {"probs": 0, "logits": 0}

    def __init__(self, probs=None, logits=None, lims=(0.499, 0.501), validate_args=None):
        (given,) = broadcast_all(one_of(probs, logits))
        self._lims = lims
        if probs is None:
            self.logits = given
        else:
            if validate_args and not constraints.unit_interval.check(given).all():  # before they are clamped
                raise ValueError(f"The parameter probs has values that are not in [0, 1]:\n{given}")
            self.probs = clamp_probs(given)
        super().__init__(given.shape, validate_args=validate_args)

    def _expand_parts(self, new, batch_shape):
        new._lims = self._lims

    @lazy_property
    def logits(self):
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self):
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    def _outside(self):
        """Where the formulas are used as they are."""
        return (self.probs <= self._lims[0]) | (self.probs > self._lims[1])

    def _cut(self):
        """`probs` outside the limits, and a limit in its place within: what is computed there is not used."""
        return where(self._outside(), self.probs, self._lims[0])

    def _log_constant(self):
        """log C(p) = log(2 artanh(1 - 2 p) / (1 - 2 p)), about 1/2 the series log 2 + 4/3 (p - 1/2)^2 + 104/45 (p - 1/2)^4."""
        cut = self._cut()
        below = where(cut <= 0.5, cut, 0.0)
        above = where(cut >= 0.5, cut, 1.0)
        exact = ((-cut).log1p() - cut.log()).abs().log() - where(cut <= 0.5, (-2.0 * below).log1p(), (2.0 * above - 1.0).log())
        square = (self.probs - 0.5) ** 2
        return where(self._outside(), exact, math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * square) * square)

    @property
    def mean(self):
        cut, x = self._cut(), self.probs - 0.5
        exact = cut / (2.0 * cut - 1.0) + 1.0 / ((-cut).log1p() - cut.log())
        return where(self._outside(), exact, 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x**2) * x)

    @property
    def stddev(self):
        return self.variance.sqrt()

    @property
    def variance(self):
        cut, square = self._cut(), (self.probs - 0.5) ** 2
        exact = cut * (cut - 1.0) / (1.0 - 2.0 * cut) ** 2 + 1.0 / ((-cut).log1p() - cut.log()) ** 2
        return where(self._outside(), exact, 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * square) * square)

    def sample(self, sample_shape=()):
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape=()):
        return self.icdf(rand(self._extended_shape(sample_shape), dtype=self.probs.dtype))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none") + self._log_constant()

    def cdf(self, value):
        if self._validate_args:
            self._validate_sample(value)
        cut = self._cut()
        exact = (cut.pow(value) * (1.0 - cut).pow(1.0 - value) + cut - 1.0) / (2.0 * cut - 1.0)
        result = where(self._outside(), exact, value)
        return where(value <= 0.0, 0.0, where(value >= 1.0, 1.0, result))

    def icdf(self, value):
        cut = self._cut()
        exact = ((-cut + value * (2.0 * cut - 1.0)).log1p() - (-cut).log1p()) / (cut.log() - (-cut).log1p())
        return where(self._outside(), exact, value)

    def entropy(self):
        failure = (-self.probs).log1p()
        return self.mean * (failure - self.probs.log()) - self._log_constant() - failure

    @property
    def _natural_params(self):
        return (self.logits,)

    def _log_normalizer(self, x):
        """log(expm1(x) / x), a series about 0."""
        outside = (x <= self._lims[0] - 0.5) | (x > self._lims[1] - 0.5)
        cut = where(outside, x, self._lims[0] - 0.5)
        exact = cut.expm1().abs().log() - cut.abs().log()
        return where(outside, exact, 0.5 * x + x**2 / 24.0 - x**4 / 2880.0)
