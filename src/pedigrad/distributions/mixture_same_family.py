"""Mixtures of distributions of one family."""

from ..core.modes import no_grad
from ..ops.nn.softmax import log_softmax
from . import constraints
from .categorical import Categorical
from .distribution import Distribution

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    """The last batch dimension of `component_distribution` numbers components, of which `mixture_distribution` draws one."""

    arg_constraints: dict[str, constraints.Constraint] = {}
    has_rsample = False
    _parameters: dict[str, int] = {}

    def __init__(self, mixture_distribution, component_distribution, validate_args=None):
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(f"The mixture distribution must be a Categorical, got {type(mixture_distribution).__name__}")
        if not isinstance(component_distribution, Distribution):
            raise ValueError(f"The component distribution must be a Distribution, got {type(component_distribution).__name__}")
        given, batch = mixture_distribution.batch_shape, component_distribution.batch_shape
        for i, j in zip(reversed(given), reversed(batch[:-1]), strict=False):
            if 1 not in (i, j) and i != j:
                raise ValueError(
                    f"mixture_distribution.batch_shape ({given}) is not compatible with component_distribution.batch_shape ({batch})"
                )
        count = mixture_distribution.logits.shape[-1]
        if batch[-1:] != (count,):
            raise ValueError(f"the mixture has {count} components, the component distribution's batch shape is {batch}")
        self._mixture_distribution, self._component_distribution = mixture_distribution, component_distribution
        self._num_component = count
        self._event_ndims = len(component_distribution.event_shape)
        super().__init__(batch[:-1], component_distribution.event_shape, validate_args=validate_args)

    def _expand_parts(self, new, batch_shape):
        new._component_distribution = self._component_distribution.expand((*batch_shape, self._num_component))
        new._mixture_distribution = self._mixture_distribution.expand(batch_shape)
        new._num_component, new._event_ndims = self._num_component, self._event_ndims

    @constraints.dependent_property
    def support(self):
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def mixture_distribution(self):
        """The distribution of the component's number."""
        return self._mixture_distribution

    @property
    def component_distribution(self):
        """The distributions of the components."""
        return self._component_distribution

    def _weights(self):
        """The probabilities of components, with the dimensions of an event of these."""
        probs = self._mixture_distribution.probs
        return probs.reshape(*probs.shape, *(1,) * self._event_ndims)

    def _mixed(self, values):
        return (self._weights() * values).sum(-1 - self._event_ndims)

    @property
    def mean(self):
        return self._mixed(self._component_distribution.mean)

    @property
    def variance(self):
        away = self._component_distribution.mean - self._padded(self.mean)
        return self._mixed(self._component_distribution.variance) + self._mixed(away**2)

    def _padded(self, x):
        """`x` with a dimension for components."""
        return x.unsqueeze(-1 - self._event_ndims)

    def cdf(self, x):
        probs = self._mixture_distribution.probs
        return (self._component_distribution.cdf(self._padded(x)) * probs).sum(-1)

    def log_prob(self, x):
        if self._validate_args:
            self._validate_sample(x)
        of_components = self._component_distribution.log_prob(self._padded(x))
        return (of_components + log_softmax(self._mixture_distribution.logits, -1)).logsumexp(-1)

    def sample(self, sample_shape=()):
        with no_grad():
            dim = len(sample_shape) + len(self._batch_shape)
            chosen = self._mixture_distribution.sample(sample_shape)
            values = self._component_distribution.sample(sample_shape)
            chosen = chosen.reshape(*chosen.shape, *(1,) * (self._event_ndims + 1))
            shape = (*values.shape[:dim], 1, *self._event_shape)
            return values.gather(dim, chosen.expand(shape)).squeeze(dim)

    def __repr__(self):
        return f"MixtureSameFamily(\n  {self._mixture_distribution},\n  {self._component_distribution})"
