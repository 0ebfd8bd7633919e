"""Dropout as modules: active in training, the identity in evaluation."""

from . import functional as F
from .module import Module

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


class _DropoutNd(Module):
    def __init__(self, p=0.5, inplace=False):
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p, self.inplace = p, inplace

    def extra_repr(self):
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """The input with each element set to zero with probability `p`, the others divided by 1 - p; itself in eval().

    Srivastava et al. 2014.

    Args:
        p: the probability for an element.
        inplace: whether the result is written to the input itself.

    Shape: any; the result has that of the input.

    >>> torch.nn.Dropout(0.5).eval()(torch.ones(2))
    tensor([1., 1.])
    """

    def forward(self, input):
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_DropoutNd):
    """The input of shape (N, C, L) or (C, L) with whole channels set to zero with probability `p`.

    Args:
        p: the probability for a channel.
        inplace: whether the result is written to the input itself.

    Shape: that of the input.

    >>> torch.nn.Dropout1d(0.5).eval()(torch.ones(1, 2, 4)).shape
    torch.Size([1, 2, 4])
    """

    def forward(self, input):
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_DropoutNd):
    """The input of shape (N, C, H, W) with whole channels set to zero with probability `p`.

    Tompson et al. 2015.

    Args:
        p: the probability for a channel.
        inplace: whether the result is written to the input itself.

    Shape: that of the input.

    >>> torch.nn.Dropout2d(0.5).eval()(torch.ones(1, 2, 4, 4)).shape
    torch.Size([1, 2, 4, 4])
    """

    def forward(self, input):
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_DropoutNd):
    """The input of shape (N, C, D, H, W) or (C, D, H, W) with whole channels set to zero with probability `p`.

    Args:
        p: the probability for a channel.
        inplace: whether the result is written to the input itself.

    Shape: that of the input.

    >>> torch.nn.Dropout3d(0.5).eval()(torch.ones(1, 2, 4, 4, 4)).shape
    torch.Size([1, 2, 4, 4, 4])
    """

    def forward(self, input):
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_DropoutNd):
    """Dropout that keeps mean and variance of what `SELU` gives.

    Klambauer et al. 2017.

    Args:
        p: the probability for an element.
        inplace: whether the result is written to the input itself.

    Shape: any; the result has that of the input.

    >>> torch.nn.AlphaDropout(0.5).eval()(torch.ones(2))
    tensor([1., 1.])
    """

    def forward(self, input):
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_DropoutNd):
    """`AlphaDropout` of whole channels.

    Args:
        p: the probability for a channel.
        inplace: whether the result is written to the input itself.

    Shape: (N, C, ...); the result has that of the input.

    >>> torch.nn.FeatureAlphaDropout(0.5).eval()(torch.ones(1, 2, 3)).shape
    torch.Size([1, 2, 3])
    """

    def forward(self, input):
        return F.feature_alpha_dropout(input, self.p, self.training)
