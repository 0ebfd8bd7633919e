"""Divergences within a family."""

import math

from ..autograd import grad
from ..core.modes import enable_grad
from ..ops.linalg.solve import solve_triangular
from ..ops.math.ternary import where
from ..ops.nn.activation import softplus
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .categorical import Categorical
from .cauchy import Cauchy
from .continuous_bernoulli import ContinuousBernoulli
from .dirichlet import Dirichlet
from .exp_family import ExponentialFamily
from .exponential import Exponential
from .gamma import Gamma
from .geometric import Geometric
from .gumbel import Gumbel
from .half_normal import HalfNormal
from .independent import Independent
from .kl import kl_divergence, register_kl
from .laplace import Laplace
from .lowrank_multivariate_normal import LowRankMultivariateNormal, _batch_lowrank_mahalanobis
from .multivariate_normal import MultivariateNormal, _batch_mahalanobis, half_log_det
from .normal import Normal
from .one_hot_categorical import OneHotCategorical
from .pareto import Pareto
from .poisson import Poisson
from .transformed_distribution import TransformedDistribution
from .uniform import Uniform
from .utils import _sum_rightmost, euler_constant


@register_kl(Bernoulli, Bernoulli)
def _(p, q):
    ones = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    ones = where(p.probs == 0, 0, where(q.probs == 0, math.inf, ones))
    zeros = (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
    return ones + where(p.probs == 1, 0, where(q.probs == 1, math.inf, zeros))


@register_kl(Beta, Beta)
def _(p, q):
    return kl_divergence(p._dirichlet, q._dirichlet)


@register_kl(Dirichlet, Dirichlet)
def _(p, q):
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    constants = total.lgamma() - b.sum(-1).lgamma() - (a.lgamma() - b.lgamma()).sum(-1)
    return constants + ((a - b) * (a.digamma() - total.digamma().unsqueeze(-1))).sum(-1)


@register_kl(Binomial, Binomial)
def _(p, q):
    if (p.total_count < q.total_count).any():
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    kl = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    return where(p.total_count > q.total_count, math.inf, kl)


@register_kl(Categorical, Categorical)
def _(p, q):
    terms = p.probs * (p.logits - q.logits)
    return where(p.probs == 0, 0, where(q.probs == 0, math.inf, terms)).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _(p, q):
    return kl_divergence(p._categorical, q._categorical)


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _(p, q):
    of_p = p._log_constant() + (-p.probs).log1p()
    return p.mean * (p.logits - q.logits) + of_p - q._log_constant() - (-q.probs).log1p()


@register_kl(Exponential, Exponential)
def _(p, q):
    ratio = q.rate / p.rate
    return ratio - ratio.log() - 1


@register_kl(ExponentialFamily, ExponentialFamily)
def _(p, q):
    """The Bregman divergence of the log normalizer F: F(q) - F(p) - <q - p, dF/dp>."""
    if type(p) is not type(q):
        raise NotImplementedError(
            "The cross KL-divergence between different exponential families cannot be computed using Bregman divergences"
        )
    with enable_grad():
        of_p = [each.detach().requires_grad_() for each in p._natural_params]
        normalizer = p._log_normalizer(*of_p)
        slopes = grad(normalizer.sum(), of_p, create_graph=True)
        result = q._log_normalizer(*q._natural_params) - normalizer
        for mine, other, slope in zip(of_p, q._natural_params, slopes, strict=True):
            result = result - _sum_rightmost((other - mine) * slope, len(q.event_shape))
    return result


@register_kl(Gamma, Gamma)
def _(p, q):
    a, b = p.concentration, q.concentration
    return b * (p.rate / q.rate).log() + b.lgamma() - a.lgamma() + (a - b) * a.digamma() + (q.rate - p.rate) * (a / p.rate)


@register_kl(Gumbel, Gumbel)
def _(p, q):
    ratio, away = p.scale / q.scale, (p.loc - q.loc) / q.scale
    return away - ratio.log() + ratio * euler_constant + ((1 + ratio).lgamma() - away).exp() - (1 + euler_constant)


@register_kl(Geometric, Geometric)
def _(p, q):
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(HalfNormal, HalfNormal)
def _(p, q):
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _(p, q):
    ratio, away = p.scale / q.scale, (p.loc - q.loc).abs()
    return away / q.scale + ratio * (-away / p.scale).exp() - ratio.log() - 1


@register_kl(Normal, Normal)
def _(p, q):
    ratio = (p.scale / q.scale) ** 2
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ratio.log())


@register_kl(Cauchy, Cauchy)
def _(p, q):
    return ((p.scale + q.scale) ** 2 + (p.loc - q.loc) ** 2).log() - (4 * p.scale * q.scale).log()


@register_kl(Pareto, Pareto)
def _(p, q):
    ratio = q.alpha / p.alpha
    kl = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return where(p.scale < q.scale, math.inf, kl)


@register_kl(Poisson, Poisson)
def _(p, q):
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Uniform, Uniform)
def _(p, q):
    kl = ((q.high - q.low) / (p.high - p.low)).log()
    return where((q.low > p.low) | (q.high < p.high), math.inf, kl)


# Of what is made of other distributions


@register_kl(TransformedDistribution, TransformedDistribution)
def _(p, q):
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError("KL of transformed distributions is known where the transforms and event shapes are the same")
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Independent, Independent)
def _(p, q):
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("KL of Independent distributions is known where both have the same reinterpreted_batch_ndims")
    return _sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


# Multivariate normal: (log det Sq - log det Sp + tr(Sq^-1 Sp) + (mq - mp)^T Sq^-1 (mq - mp) - n) / 2


def _squares(matrix):
    return (matrix**2).sum((-2, -1))


def _same_events(p, q):
    if p.event_shape != q.event_shape:
        raise ValueError(f"KL-divergence between normal distributions with different event shapes: {p.event_shape} and {q.event_shape}")


def _kl_to_normal(p, q, roots):
    """KL from p, whose covariance is the sum of R R^T over `roots`, to a MultivariateNormal."""
    _same_events(p, q)
    lower = q._unbroadcasted_scale_tril
    trace = sum(_squares(solve_triangular(lower, root, upper=False)) for root in roots)
    distance = _batch_mahalanobis(lower, q.loc - p.loc)
    return half_log_det(lower), 0.5 * (trace + distance - p.event_shape[0])


def _kl_to_lowrank(p, q, roots):
    """The same to a LowRankMultivariateNormal, by Woodbury's identity."""
    _same_events(p, q)
    factor, diagonal, capacitance = q._unbroadcasted_cov_factor, q._unbroadcasted_cov_diag, q._capacitance_tril
    inner = solve_triangular(capacitance, factor.mT / diagonal.unsqueeze(-2), upper=False)
    trace = sum(_squares(root / diagonal.sqrt().unsqueeze(-1)) - _squares(inner @ root) for root in roots)
    distance = _batch_lowrank_mahalanobis(factor, diagonal, q.loc - p.loc, capacitance)
    return 0.5 * q._log_det(), 0.5 * (trace + distance - p.event_shape[0])


def _roots_of_lowrank(p):
    return p._unbroadcasted_cov_factor, p._unbroadcasted_cov_diag.sqrt().diag_embed()


@register_kl(MultivariateNormal, MultivariateNormal)
def _(p, q):
    of_q, rest = _kl_to_normal(p, q, (p._unbroadcasted_scale_tril,))
    return of_q - half_log_det(p._unbroadcasted_scale_tril) + rest


@register_kl(LowRankMultivariateNormal, MultivariateNormal)
def _(p, q):
    of_q, rest = _kl_to_normal(p, q, _roots_of_lowrank(p))
    return of_q - 0.5 * p._log_det() + rest


@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _(p, q):
    of_q, rest = _kl_to_lowrank(p, q, (p._unbroadcasted_scale_tril,))
    return of_q - half_log_det(p._unbroadcasted_scale_tril) + rest


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _(p, q):
    of_q, rest = _kl_to_lowrank(p, q, _roots_of_lowrank(p))
    return of_q - 0.5 * p._log_det() + rest
