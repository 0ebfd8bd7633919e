"""Distribution: what all distributions have in common."""

from ..core.modes import no_grad
from ..core.origin import warn
from ..core.shapes import Size
from ..core.tensor import Tensor
from . import constraints
from .utils import lazy_property

__all__ = ["Distribution"]


class Distribution:
    """A distribution over `event_shape`, for each element of `batch_shape` with parameters of its own.

    A subclass names its parameters in `_parameters`, with how many dimensions of each belong to one event, and `expand` follows.
    """

    has_rsample = False
    has_enumerate_support = False
    _validate_args = __debug__

    def __init__(self, batch_shape=(), event_shape=(), validate_args=None):
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()

    def _check_parameters(self):
        try:
            limits = self.arg_constraints
        except NotImplementedError:
            warn(f"{type(self)} does not define `arg_constraints`: set it to {{}}, or initialize with `validate_args=False`")
            limits = {}
        for name, constraint in limits.items():
            if constraints.is_dependent(constraint):
                continue
            if name not in self.__dict__ and isinstance(getattr(type(self), name), lazy_property):
                continue  # follows from one that is checked
            value = getattr(self, name)
            if not constraint.check(value).all():
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of distribution {self!r} "
                    f"to satisfy the constraint {constraint!r}, but found invalid values:\n{value}"
                )

    @staticmethod
    def set_default_validate_args(value):
        """Say whether distributions made from now on check their arguments, where they are not told."""
        if value not in (True, False):
            raise ValueError(f"set_default_validate_args takes True or False, got {value!r}")
        Distribution._validate_args = value

    @property
    def batch_shape(self):
        """The shape of the parameters, without what belongs to one event."""
        return self._batch_shape

    @property
    def event_shape(self):
        """The shape of one draw of one of the batch."""
        return self._event_shape

    @property
    def arg_constraints(self):
        """The constraint of each parameter, by name."""
        raise NotImplementedError(f"{type(self).__name__} has no arg_constraints")

    @property
    def support(self):
        """The constraint that draws satisfy."""
        raise NotImplementedError(f"{type(self).__name__} has no support")

    @property
    def mean(self):
        """The mean."""
        raise NotImplementedError(f"{type(self).__name__} has no mean")

    @property
    def mode(self):
        """The most likely value."""
        raise NotImplementedError(f"{type(self)} does not implement mode")

    @property
    def variance(self):
        """The variance."""
        raise NotImplementedError(f"{type(self).__name__} has no variance")

    @property
    def stddev(self):
        """The square root of the variance."""
        return self.variance.sqrt()

    def sample(self, sample_shape=()):
        """Draws of shape `sample_shape + batch_shape + event_shape`, without gradients."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape=()):
        """Draws that have gradients by the parameters."""
        raise NotImplementedError(f"{type(self).__name__} has no rsample: its draws have no gradients by the parameters")

    def sample_n(self, n):
        """`sample((n,))`, deprecated."""
        warn("sample_n(n) will be deprecated. Use .sample((n,)) instead.")
        return self.sample(Size((n,)))

    def log_prob(self, value):
        """The logarithm of the density, or of the probability, at `value`."""
        raise NotImplementedError(f"{type(self).__name__} has no log_prob")

    def cdf(self, value):
        """The probability of what is not above `value`."""
        raise NotImplementedError(f"{type(self).__name__} has no cdf")

    def icdf(self, value):
        """The quantile: the inverse of `cdf`."""
        raise NotImplementedError(f"{type(self).__name__} has no icdf")

    def enumerate_support(self, expand=True):
        """All values that a discrete distribution takes, along a new first dimension."""
        raise NotImplementedError(f"{type(self).__name__} cannot enumerate its support")

    def entropy(self):
        """The mean of `-log_prob`."""
        raise NotImplementedError(f"{type(self).__name__} has no entropy")

    def perplexity(self):
        """`exp(entropy())`."""
        return self.entropy().exp()

    def expand(self, batch_shape, _instance=None):
        """The same distribution with its parameters expanded to `batch_shape`; `_instance` is what a subclass made for it."""
        owner = next((c for c in type(self).__mro__ if "_parameters" in vars(c)), None)
        if owner is None:
            raise NotImplementedError(f"{type(self).__name__} has no expand")
        new = self._get_checked_instance(owner, _instance)
        for name, dims in owner._parameters.items():
            if name in self.__dict__:
                value = self.__dict__[name]
                new.__dict__[name] = value.expand((*batch_shape, *value.shape[value.ndim - dims :]))
        self._expand_parts(new, Size(batch_shape))
        return self._finish(new, batch_shape)

    def _expand_parts(self, new, batch_shape):
        """Give the expanded distribution `new` what it has beside parameters."""

    def _finish(self, new, batch_shape):
        """`new`, with this distribution's event shape, and checking what this one checks."""
        Distribution.__init__(new, batch_shape, self._event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def _get_checked_instance(self, cls, _instance=None):
        if _instance is None and type(self).__init__ is not cls.__init__:
            raise NotImplementedError(
                f"Subclass {type(self).__name__} of {cls.__name__} that defines a custom __init__ method "
                "must also define a custom .expand() method."
            )
        return self.__new__(type(self)) if _instance is None else _instance

    def _extended_shape(self, sample_shape=()):
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def _enumerated(self, values, expand):
        """Values of shape (count, ...event) with the batch's dimensions after the first: of size 1, or expanded."""
        count, event = values.shape[0], values.shape[1:]
        values = values.reshape(count, *(1,) * len(self._batch_shape), *event)
        return values.expand(count, *self._batch_shape, *event) if expand else values

    def _validate_sample(self, value):
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        first = value.ndim - len(self._event_shape)
        if value.shape[max(first, 0) :] != self._event_shape:
            raise ValueError(f"The right-most size of value must match event_shape: {value.shape} vs {self._event_shape}.")
        expected = (*self._batch_shape, *self._event_shape)
        for i, j in zip(reversed(value.shape), reversed(expected), strict=False):
            if 1 not in (i, j) and i != j:
                raise ValueError(f"Value is not broadcastable with batch_shape+event_shape: {value.shape} vs {Size(expected)}.")
        try:
            support = self.support
        except NotImplementedError:
            warn(f"{type(self)} does not define `support`: samples are not validated")
            return
        if not support.check(value).all():
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) to be within the support "
                f"({support!r}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def __repr__(self):
        names = [name for name in self.arg_constraints if name in self.__dict__]
        shown = (f"{n}: {self.__dict__[n] if self.__dict__[n].numel() == 1 else self.__dict__[n].size()}" for n in names)
        return f"{type(self).__name__}({', '.join(shown)})"
