"""Divergences between families: -H(p) - E_p[log q(x)], where the mean under p is known; infinite where p draws what q cannot."""

import math

from ..core.shapes import broadcast_shapes
from ..ops.creation import full
from ..ops.math.special import xlogy
from ..ops.math.ternary import where
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .continuous_bernoulli import ContinuousBernoulli
from .exponential import Exponential
from .gamma import Gamma
from .gumbel import Gumbel
from .kl import register_kl
from .laplace import Laplace
from .normal import Normal
from .pareto import Pareto
from .poisson import Poisson
from .uniform import Uniform
from .utils import euler_constant


def _enter(types_p, type_q, function):
    for each in types_p:
        register_kl(each, type_q)(function)


# Means that formulas need: E log x, and E exp(-x / s)


def _uniform_log(p):
    return (xlogy(p.high, p.high) - xlogy(p.low, p.low)) / (p.high - p.low) - 1


MEAN_LOG = {
    Beta: lambda p: p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma(),
    Exponential: lambda p: -p.rate.log() - euler_constant,
    Pareto: lambda p: p.scale.log() + p.alpha.reciprocal(),
    Uniform: _uniform_log,
}
MEAN_EXP = {
    Exponential: lambda p, s: p.rate * s / (p.rate * s + 1),
    Gamma: lambda p, s: (1 + (p.rate * s).reciprocal()) ** -p.concentration,
    Normal: lambda p, s: (-p.loc / s + 0.5 * (p.scale / s) ** 2).exp(),
    Uniform: lambda p, s: s * ((-p.low / s).exp() - (-p.high / s).exp()) / (p.high - p.low),
}


def _infinite_below_zero(p, kl):
    """`kl`, infinite where draws of p may be negative; of the families that go through here only a Uniform's."""
    return where(p.low < 0, math.inf, kl) if isinstance(p, Uniform) else kl


def _to_normal(p, q):
    var = q.scale**2
    return -p.entropy() + 0.5 * (2 * math.pi * var).log() + (p.variance + (p.mean - q.loc) ** 2) / (2 * var)


_enter((Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Laplace, Pareto, Uniform), Normal, _to_normal)


def _to_exponential(p, q):
    return _infinite_below_zero(p, -p.entropy() - q.rate.log() + q.rate * p.mean)


_enter((Beta, ContinuousBernoulli, Gamma, Pareto, Uniform), Exponential, _to_exponential)


def _to_gamma(p, q):
    a = q.concentration
    kl = -p.entropy() + a.lgamma() - a * q.rate.log() - (a - 1) * MEAN_LOG[_family(p, MEAN_LOG)](p) + q.rate * p.mean
    return _infinite_below_zero(p, kl)


_enter(MEAN_LOG, Gamma, _to_gamma)


def _to_gumbel(p, q):
    at = q.loc / q.scale
    return -p.entropy() + q.scale.log() + p.mean / q.scale - at + at.exp() * MEAN_EXP[_family(p, MEAN_EXP)](p, q.scale)


_enter(MEAN_EXP, Gumbel, _to_gumbel)


def _family(p, table):
    return next(each for each in type(p).__mro__ if each in table)


@register_kl(Normal, Laplace)
def _(p, q):
    away = p.loc - q.loc
    ratio = away / p.scale
    mean = p.scale * math.sqrt(2 / math.pi) * (-0.5 * ratio**2).exp() + away * (ratio / math.sqrt(2)).erf()
    return -p.entropy() + (2 * q.scale).log() + mean / q.scale


@register_kl(Beta, ContinuousBernoulli)
def _(p, q):
    return -p.entropy() - p.mean * q.logits - (-q.probs).log1p() - q._log_constant()


@register_kl(Uniform, ContinuousBernoulli)
def _(p, q):
    kl = -p.entropy() - p.mean * q.logits - (-q.probs).log1p() - q._log_constant()
    return where((p.low < 0) | (p.high > 1), math.inf, kl)


@register_kl(Beta, Uniform)
@register_kl(ContinuousBernoulli, Uniform)
def _(p, q):
    return where((q.low > 0) | (q.high < 1), math.inf, -p.entropy() + (q.high - q.low).log())


@register_kl(Uniform, Beta)
def _(p, q):
    a, b = q.concentration1, q.concentration0
    low, high = 1 - p.high, 1 - p.low
    log_rest = (xlogy(high, high) - xlogy(low, low)) / (high - low) - 1
    kl = -p.entropy() - (a - 1) * _uniform_log(p) - (b - 1) * log_rest + a.lgamma() + b.lgamma() - (a + b).lgamma()
    return where((p.low < 0) | (p.high > 1), math.inf, kl)


@register_kl(Uniform, Pareto)
def _(p, q):
    kl = -p.entropy() - q.alpha.log() - q.alpha * q.scale.log() + (q.alpha + 1) * _uniform_log(p)
    return where(p.low < q.scale, math.inf, kl)


@register_kl(Bernoulli, Poisson)
def _(p, q):
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


def _infinite(p, q):
    return full(broadcast_shapes(p.batch_shape, q.batch_shape), math.inf, dtype=p.mean.dtype)


_BOUNDED = (Beta, ContinuousBernoulli, Pareto, Uniform)
_INFINITE: dict[type, tuple[type, ...]] = {
    Beta: (Pareto,),
    ContinuousBernoulli: (Pareto,),
    Exponential: _BOUNDED,
    Gamma: _BOUNDED,
    Gumbel: (*_BOUNDED, Exponential, Gamma),
    Laplace: (*_BOUNDED, Exponential, Gamma),
    Normal: (*_BOUNDED, Exponential, Gamma),
    Pareto: (Beta, ContinuousBernoulli, Uniform),
    Poisson: (Bernoulli, Binomial),
}
for _type, _others in _INFINITE.items():
    for _other in _others:
        _enter((_type,), _other, _infinite)
