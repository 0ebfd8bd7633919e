"""What distributions of trials that succeed or fail share: the probability of success, or its log odds."""

from .distribution import Distribution
from .utils import lazy_property, logits_to_probs, probs_to_logits


class Trials(Distribution):
    """A distribution with `probs`, or `logits = log(probs / (1 - probs))`; the other is computed when it is asked for."""

    @lazy_property
    def logits(self):
        """The log odds of success."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self):
        """The probability of success."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def _param(self):
        return self.probs if "probs" in vars(self) else self.logits

    @property
    def param_shape(self):
        """The shape of `probs` and `logits`."""
        return self._param.shape
