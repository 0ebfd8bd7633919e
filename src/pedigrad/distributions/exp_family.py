"""Exponential families: densities exp(<t(x), theta> - F(theta) + k(x)) with natural parameters theta."""

from ..autograd import grad
from ..core.modes import enable_grad
from .distribution import Distribution

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """A distribution that gives its natural parameters and its log normalizer F; its entropy follows from their gradients."""

    @property
    def _natural_params(self):
        """The natural parameters, a tuple of tensors."""
        raise NotImplementedError(f"{type(self).__name__} does not give its natural parameters")

    def _log_normalizer(self, *natural_params):
        """F, of the natural parameters."""
        raise NotImplementedError(f"{type(self).__name__} does not give its log normalizer")

    @property
    def _mean_carrier_measure(self):
        """The mean of k(x)."""
        raise NotImplementedError(f"{type(self).__name__} does not give the mean of its carrier measure")

    def entropy(self):
        """F(theta) - <theta, dF/dtheta> - E[k(x)]."""
        with enable_grad():
            params = [p.detach().requires_grad_() for p in self._natural_params]
            normalizer = self._log_normalizer(*params)
            slopes = grad(normalizer.sum(), params, create_graph=True)
            result = normalizer - self._mean_carrier_measure
            for p, slope in zip(params, slopes, strict=True):
                result = result - (p * slope).reshape(*self._batch_shape, -1).sum(-1)
        return result
