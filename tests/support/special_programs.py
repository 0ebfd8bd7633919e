"""Elementwise functions by name, and the numbers on which libraries tend to differ: zeros, infinities, nan, huge and tiny ones.

Each function takes the library (`torch` or `pedigrad`) and its operands.
"""

import math

inf, nan = math.inf, math.nan
ONE = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, inf, -inf, nan, 1e-45, 1e-38, 1e-30, -1e-30, 1e-7, 20.0, -20.0, 88.0, -88.0]
ONE += [89.0, -89.0, 104.0, -104.0, 710.0, -710.0, 1e6, -1e6, 1e20, -1e20, 1e30, -1e30, 3e38, -3e38]
WIDE = [1e-320, 1e-300, -1e-300, 1e200, -1e200, 1e308]  # float64's own
PAIR = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, inf, -inf, nan, 1e-30, 1e20, -1e20, 88.0, -89.0, 1e30]


def named(place, names):
    """The functions of these names in `torch` itself, or in the module `place` of it."""

    def one(name):
        def call(torch, *xs):
            of = torch.nn.functional if place == "F" else getattr(torch, place) if place else torch
            return getattr(of, name)(*xs)

        return call

    return {f"{place}.{name}" if place else name: one(name) for name in names.split()}


UNARY = named(
    "",
    "abs acos acosh angle asin asinh atan atanh ceil cos cosh deg2rad digamma erf erfc erfinv exp exp2 expm1 floor frac frexp i0 isfinite"
    " isinf isnan isneginf isposinf isreal lgamma log log10 log1p log2 logit logical_not nan_to_num neg positive rad2deg reciprocal relu"
    " round rsqrt selu celu sgn sigmoid sign signbit sin sinc sinh sqrt square tan tanh trunc",
)
UNARY |= named("special", "entr erfcx i0e i1 i1e log_ndtr ndtr ndtri")
UNARY |= named(
    "F",
    "celu elu gelu hardshrink hardswish hardtanh leaky_relu logsigmoid mish relu relu6 selu sigmoid silu softplus softshrink"
    " softsign tanh tanhshrink",
)
UNARY |= {
    "gelu tanh": lambda torch, x: torch.nn.functional.gelu(x, approximate="tanh"),
    "threshold": lambda torch, x: torch.nn.functional.threshold(x, 0.5, 7.0),
    "threshold nan": lambda torch, x: torch.nn.functional.threshold(x, nan, 7.0),
    "threshold inf": lambda torch, x: torch.nn.functional.threshold(x, 0.0, inf),
    "hardtanh inf": lambda torch, x: torch.nn.functional.hardtanh(x, -inf, inf),
    "leaky_relu -0.5": lambda torch, x: torch.nn.functional.leaky_relu(x, -0.5),
    "leaky_relu 0": lambda torch, x: torch.nn.functional.leaky_relu(x, 0.0),
    "leaky_relu 2": lambda torch, x: torch.nn.functional.leaky_relu(x, 2.0),
    "elu 0.5": lambda torch, x: torch.nn.functional.elu(x, 0.5),
    "celu 0.5": lambda torch, x: torch.nn.functional.celu(x, 0.5),
    "softplus 2 5": lambda torch, x: torch.nn.functional.softplus(x, 2, 5),
    "softshrink 0": lambda torch, x: torch.nn.functional.softshrink(x, 0.0),
    "hardshrink 0": lambda torch, x: torch.nn.functional.hardshrink(x, 0.0),
    "rrelu": lambda torch, x: torch.nn.functional.rrelu(x, training=False),
    "softmax of scalars": lambda torch, x: torch.stack([torch.softmax(v, 0) for v in x]),
    "log_softmax of scalars": lambda torch, x: torch.stack([torch.log_softmax(v, 0) for v in x]),
    "logit eps": lambda torch, x: torch.logit(x, 0.1),
    "nan_to_num 1": lambda torch, x: torch.nan_to_num(x, 1.0, 2.0, 3.0),
    "round 2": lambda torch, x: torch.round(x, decimals=2),
    "clamp": lambda torch, x: torch.clamp(x, -1.0, 2.0),
    "clamp min": lambda torch, x: torch.clamp(x, min=0.5),
    "clamp max inf": lambda torch, x: torch.clamp(x, max=inf),
    "clamp nan": lambda torch, x: torch.clamp(x, nan, 2.0),
    "clamp crossed": lambda torch, x: torch.clamp(x, 2.0, -1.0),
    "masked_fill": lambda torch, x: x.masked_fill(x > 1, inf),
    "where": lambda torch, x: torch.where(x > 1, x, x * 2),
    "zero_": lambda torch, x: (x * 1).zero_() + x,
    "copy_": lambda torch, x: (x * 1).copy_(torch.ones_like(x)),
    "fill_": lambda torch, x: (x * 1).fill_(inf),
    "nan_to_num_": lambda torch, x: (x * 1).nan_to_num_(),
}
EXPONENTS = [0, 1, 2, 3, 0.5, -0.5, -1, -2, -3, 4, 1.5, -1.5, inf, -inf, nan, 1 / 3, 100, 2.0, 0.0, 1.0, -1.0, 65.0]
for _p in EXPONENTS:
    UNARY |= {
        f"pow {_p!r}": lambda torch, x, p=_p: x**p,
        f"rpow {_p!r}": lambda torch, x, p=_p: p**x,
        f"pow_ {_p!r}": lambda torch, x, p=_p: (x * 1).pow_(p),
        f"float_power {_p!r}": lambda torch, x, p=_p: torch.float_power(x, p),
    }
for _p in [0, 2.0, -3, inf, -inf, nan, 0.5]:
    UNARY |= {f"{n} {_p!r}": lambda torch, x, p=_p, n=n: getattr(torch, n)(x, p) for n in "add sub mul div remainder fmod xlogy".split()}
    UNARY |= {
        f"rsub {_p!r}": lambda torch, x, p=_p: p - x,
        f"div trunc {_p!r}": lambda torch, x, p=_p: torch.div(x, p, rounding_mode="trunc"),
    }

BINARY = named(
    "",
    "add sub mul div pow float_power atan2 maximum minimum fmax fmin fmod remainder copysign hypot logaddexp logaddexp2 xlogy nextafter"
    " eq ne lt le gt ge isclose logical_and logical_or logical_xor ldexp",
)
BINARY |= {
    "xlog1py": lambda torch, x, y: torch.special.xlog1py(x, y),
    "clamp_min": lambda torch, x, y: torch.clamp(x, min=y),
    "clamp_max": lambda torch, x, y: torch.clamp(x, max=y),
    "clamp": lambda torch, x, y: torch.clamp(x, y, torch.ones_like(y)),
    "lerp 0.3": lambda torch, x, y: torch.lerp(x, y, 0.3),
    "lerp 0.7": lambda torch, x, y: torch.lerp(x, y, 0.7),
    "lerp": lambda torch, x, y: torch.lerp(x, torch.ones_like(y) * 2, y),
    "addcmul": lambda torch, x, y: torch.addcmul(torch.ones_like(x), x, y, value=2.0),
    "addcmul 0": lambda torch, x, y: torch.addcmul(x, x, y, value=0),
    "addcdiv": lambda torch, x, y: torch.addcdiv(torch.ones_like(x), x, y, value=2.0),
    "where": lambda torch, x, y: torch.where(y > 0, x, y),
    "add alpha": lambda torch, x, y: torch.add(x, y, alpha=2),
    "copy_": lambda torch, x, y: (x * 1).copy_(y),
}
for _loss in "mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy_with_logits kl_div poisson_nll_loss".split():
    BINARY[_loss] = lambda torch, x, y, name=_loss: getattr(torch.nn.functional, name)(x, y, reduction="none")
BINARY |= {
    "kl_div log": lambda torch, x, y: torch.nn.functional.kl_div(x, y, reduction="none", log_target=True),
    "smooth_l1_loss 0": lambda torch, x, y: torch.nn.functional.smooth_l1_loss(x, y, reduction="none", beta=0.0),
    "soft_margin_loss": lambda torch, x, y: torch.nn.functional.soft_margin_loss(x, y.detach(), reduction="none"),
    "margin_ranking_loss": lambda torch, x, y: torch.nn.functional.margin_ranking_loss(x, y, torch.ones_like(x), reduction="none"),
}
