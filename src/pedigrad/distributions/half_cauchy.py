"""The half-Cauchy distribution."""

import math

from ..core.tensor import Tensor
from ..ops.creation import full, full_like, tensor
from ..ops.math.ternary import where
from . import constraints
from .cauchy import Cauchy
from .elementwise_transforms import AbsTransform
from .transformed_distribution import TransformedDistribution

__all__ = ["HalfCauchy"]


class HalfCauchy(TransformedDistribution):
    """Absolute values of Cauchy numbers about zero."""

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _parameters: dict[str, int] = {}

    def __init__(self, scale, validate_args=None):
        super().__init__(Cauchy(0, scale), AbsTransform(), validate_args=validate_args)

    @property
    def scale(self):
        """The scale of the Cauchy numbers."""
        return self.base_dist.scale

    @property
    def mean(self):
        return full(self._extended_shape(), math.inf, dtype=self.scale.dtype)

    @property
    def mode(self):
        return full_like(self.scale, 0)

    @property
    def variance(self):
        return self.base_dist.variance

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        value = (value if isinstance(value, Tensor) else tensor(value)).to(self.scale.dtype)
        return where(value >= 0, self.base_dist.log_prob(value) + math.log(2), -math.inf)

    def cdf(self, value):
        if self._validate_args:
            self._validate_sample(value)
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, prob):
        return self.base_dist.icdf((prob + 1) / 2)

    def entropy(self):
        return self.base_dist.entropy() - math.log(2)
