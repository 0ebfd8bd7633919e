"""The distribution of Lewandowski, Kurowicka and Joe over Cholesky factors of correlation matrices."""

import math

from ..core.limits import finfo
from ..core.modes import no_grad
from ..core.shapes import Size
from ..ops.creation import arange, zeros
from ..ops.math.special import mvlgamma
from ..ops.shape.join import cat
from ..random import randn
from . import constraints
from .beta import Beta
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """Factors L of correlation matrices of size `dim`, of a density proportional to det(L L^T)^(concentration - 1) over the matrices."""

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky
    _parameters = {"concentration": 0}

    def __init__(self, dim, concentration=1.0, validate_args=None):
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        # The squared length of a row without its last element is a beta number (the onion method of the paper, 2009).
        kind = self.concentration.dtype
        places = cat([zeros((1,), dtype=kind), arange(dim - 1, dtype=kind)])
        self._beta = Beta(places + 0.5, (self.concentration + 0.5 * (dim - 2)).unsqueeze(-1) - 0.5 * places)
        super().__init__(self.concentration.shape, Size((dim, dim)), validate_args)

    def _expand_parts(self, new, batch_shape):
        new.dim = self.dim
        new._beta = self._beta.expand((*batch_shape, self.dim))

    def sample(self, sample_shape=()):
        with no_grad():
            squares = self._beta.sample(sample_shape).unsqueeze(-1)
            normals = randn(self._extended_shape(sample_shape), dtype=squares.dtype).tril(-1)
            directions = normals / normals.norm(dim=-1, keepdim=True)
            directions[..., 0, :].fill_(0.0)  # the first row has no direction: 0 / 0
            rows = squares.sqrt() * directions
            rest = (1 - (rows**2).sum(-1)).clamp(min=finfo(rows.dtype).tiny).sqrt()
            return rows + rest.diag_embed()

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        diagonal = value.diagonal(dim1=-1, dim2=-2)[..., 1:]
        orders = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - arange(2, self.dim + 1, dtype=self.concentration.dtype)
        n = self.dim - 1
        alpha = self.concentration + 0.5 * n
        normalizer = 0.5 * n * math.log(math.pi) + mvlgamma(alpha - 0.5, n) - alpha.lgamma() * n
        return (orders * diagonal.log()).sum(-1) - normalizer
