"""Bernoulli distributions relaxed to numbers between zero and one."""

from ..random import rand
from . import constraints
from .binary import Trials
from .elementwise_transforms import SigmoidTransform
from .transformed_distribution import TransformedDistribution
from .utils import broadcast_all, clamp_probs, one_of

__all__ = ["LogitRelaxedBernoulli", "RelaxedBernoulli"]


class LogitRelaxedBernoulli(Trials):
    """Log odds of relaxed Bernoulli numbers (Maddison et al. 2017): logistic noise is added to `logits`, and divided by `temperature`."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real
    has_rsample = True
    _parameters = {"probs": 0, "logits": 0}

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        self.temperature = temperature
        (given,) = broadcast_all(one_of(probs, logits))
        if probs is None:
            self.logits = given
        else:
            self.probs = given
        super().__init__(given.shape, validate_args=validate_args)

    def _expand_parts(self, new, batch_shape):
        new.temperature = self.temperature

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs.expand(shape))
        u = clamp_probs(rand(shape, dtype=probs.dtype))
        return (u.log() - (-u).log1p() + probs.log() - (-probs).log1p()) / self.temperature

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        diff = logits - value * self.temperature
        return self.temperature.log() + diff - 2 * diff.exp().log1p()


class RelaxedBernoulli(TransformedDistribution):
    """Numbers that are close to zero or one where `temperature` is low, and have gradients by `probs` or `logits`."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _parameters: dict[str, int] = {}

    def __init__(self, temperature, probs=None, logits=None, validate_args=None):
        super().__init__(LogitRelaxedBernoulli(temperature, probs, logits), SigmoidTransform(), validate_args=validate_args)

    @property
    def temperature(self):
        """How far from zero and one draws lie."""
        return self.base_dist.temperature

    @property
    def logits(self):
        """The log odds of the probabilities."""
        return self.base_dist.logits

    @property
    def probs(self):
        """The probabilities of one."""
        return self.base_dist.probs
