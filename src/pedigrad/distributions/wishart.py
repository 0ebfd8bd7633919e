"""The Wishart distribution."""

import math
from numbers import Number

from ..core.origin import warn
from ..core.shapes import Size, broadcast_shapes
from ..ops.creation import arange, tensor
from ..ops.linalg.solve import cholesky, cholesky_inverse, cholesky_solve, slogdet
from ..ops.math.special import mvlgamma
from ..random import randn
from . import constraints
from .chi2 import Chi2
from .exp_family import ExponentialFamily
from .multivariate_normal import _precision_to_scale_tril, half_log_det
from .utils import lazy_property, vec_to_tril_matrix

__all__ = ["Wishart"]


def _mvdigamma(x, p):
    """The derivative of the multivariate log gamma function."""
    return (x.unsqueeze(-1) - arange(p, dtype=x.dtype) / 2).digamma().sum(-1)


class Wishart(ExponentialFamily):
    """Scatter matrices of `df` normal vectors, whose covariance, its inverse or its Cholesky factor `scale_tril` is given."""

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0
    _parameters = {"df": 0, "covariance_matrix": 2, "precision_matrix": 2, "scale_tril": 2}

    def __init__(self, df, covariance_matrix=None, precision_matrix=None, scale_tril=None, validate_args=None):
        matrices = {"covariance_matrix": covariance_matrix, "precision_matrix": precision_matrix, "scale_tril": scale_tril}
        given = {name: matrix for name, matrix in matrices.items() if matrix is not None}
        if len(given) != 1:
            raise AssertionError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        ((name, matrix),) = given.items()
        if matrix.dim() < 2:
            raise ValueError("scale_tril must be at least two-dimensional, with optional leading batch dimensions")
        if isinstance(df, Number):
            batch = Size(matrix.shape[:-2])
            self.df = tensor(float(df), dtype=matrix.dtype).expand(batch)
        else:
            batch = broadcast_shapes(matrix.shape[:-2], df.shape)
            self.df = df.expand(batch)
        event = matrix.shape[-2:]
        if self.df.le(event[-1] - 1).any():
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {event[-1] - 1}.")
        setattr(self, name, matrix.expand((*batch, -1, -1)))
        super().__init__(batch, event, validate_args=validate_args)
        if self.df.lt(event[-1]).any():
            warn("Low df values detected. Singular samples are highly likely to occur for ndim - 1 < df < ndim.")
        if name == "scale_tril":
            self._unbroadcasted_scale_tril = matrix
        else:
            self._unbroadcasted_scale_tril = cholesky(matrix) if name == "covariance_matrix" else _precision_to_scale_tril(matrix)
        self._dist_chi2 = Chi2(self.df.unsqueeze(-1) - arange(event[-1], dtype=matrix.dtype))

    def _expand_parts(self, new, batch_shape):
        new._unbroadcasted_scale_tril = self._unbroadcasted_scale_tril
        new._dist_chi2 = self._dist_chi2.expand((*batch_shape, self._event_shape[-1]))

    @property
    def arg_constraints(self):
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self.event_shape[-1] - 1),
        }

    def _expanded(self, matrix):
        return matrix.expand(self._batch_shape + self._event_shape)

    @lazy_property
    def scale_tril(self):
        """The Cholesky factor of the covariance."""
        return self._expanded(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self):
        """The covariance."""
        return self._expanded(self._unbroadcasted_scale_tril @ self._unbroadcasted_scale_tril.mT)

    @lazy_property
    def precision_matrix(self):
        """The inverse of the covariance."""
        return self._expanded(cholesky_inverse(self._unbroadcasted_scale_tril))

    @property
    def mean(self):
        return self.df[..., None, None] * self.covariance_matrix

    @property
    def mode(self):
        factor = self.df - self.covariance_matrix.shape[-1] - 1
        return factor.masked_fill(factor <= 0, math.nan)[..., None, None] * self.covariance_matrix

    @property
    def variance(self):
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        return self.df[..., None, None] * (v**2 + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    def _bartlett_sampling(self, sample_shape=()):
        """Bartlett's decomposition: L A A^T L^T, with roots of chi-squared numbers on A's diagonal and normal ones below."""
        p = self._event_shape[-1]
        roots = self._dist_chi2.rsample(sample_shape).sqrt().diag_embed()
        normals = randn((*sample_shape, *self._batch_shape, p * (p - 1) // 2), dtype=roots.dtype)
        factor = self._unbroadcasted_scale_tril @ (roots + vec_to_tril_matrix(normals, diag=-1) if p > 1 else roots)
        return factor @ factor.mT

    def rsample(self, sample_shape=(), max_try_correction=10):
        """Draws with gradients; singular ones are drawn again, up to `max_try_correction` times."""
        sample_shape = Size(sample_shape)
        self._bartlett_sampling(sample_shape)  # PyTorch 2.13 rejects its first draws, in vain: so the same numbers are spent
        sample = self._bartlett_sampling(sample_shape)
        singular = self._singular(sample)
        if singular.any():
            warn("Singular sample detected.")
            for _ in range(max_try_correction):
                again = self._bartlett_sampling(singular[singular].shape)
                sample[singular] = again
                singular[singular.clone()] = self._singular(again)
                if not singular.any():
                    break
        return sample

    def _singular(self, sample):
        """Of which draws one of the batch is singular."""
        wrong = ~self.support.check(sample)
        return wrong.flatten(-len(self._batch_shape)).any(-1) if self._batch_shape else wrong

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        nu, p = self.df, self._event_shape[-1]
        lower = self._unbroadcasted_scale_tril
        trace = cholesky_solve(value, lower).diagonal(dim1=-2, dim2=-1).sum(-1)
        normalizer = nu * (p * math.log(2) / 2 + half_log_det(lower)) + mvlgamma(nu / 2, p)
        return (nu - p - 1) / 2 * slogdet(value)[1] - trace / 2 - normalizer

    def entropy(self):
        nu, p = self.df, self._event_shape[-1]
        return (
            (p + 1) * (p * math.log(2) / 2 + half_log_det(self._unbroadcasted_scale_tril))
            + mvlgamma(nu / 2, p)
            - (nu - p - 1) / 2 * _mvdigamma(nu / 2, p)
            + nu * p / 2
        )

    @property
    def _natural_params(self):
        return 0.5 * self.df, -0.5 * self.precision_matrix

    def _log_normalizer(self, x, y):
        p = self._event_shape[-1]
        return x * (p * math.log(2) - slogdet(-2 * y)[1]) + mvlgamma(x, p)
