"""Exponentials, logarithms and powers as expressions of LLVM IR.

exp x = 2^k e^r with k the integer next to x / ln 2, and log x = k ln 2 + log m with m in [sqrt(1/2), sqrt 2): W. J. Cody and
W. Waite, Software Manual for the Elementary Functions (1980). log m is 2 atanh((m - 1) / (m + 1)) or a polynomial in m - 1.
"""

from __future__ import annotations

from .values import F32, INF, NAN, SHORT, Precision, Value, at_least, at_most, copysign, floor, fma, select, sqrt

LOG2_E = 1.4426950408889634
LOG10_E = 0.4342944819032518
LN2 = {23: (0.693145751953125, 1.428606765330187e-06), 52: (0.6931471803691238, 1.9082149292705877e-10)}
LOG10_2 = {23: (0.3010300099849701, -1.4320988891e-08), 52: (0.3010299955494702, 1.1451100898021838e-10)}
TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)


def exponential(x: Value, at: Precision) -> tuple[Value, Value]:
    """(e^r - 1, k) with x = k ln 2 + r and k an integer; |x| must stay below 2 * bias."""
    shifted = fma(x, LOG2_E, at.magic)
    minus_k = at.magic - shifted
    high, low = LN2[at.fraction]
    r = fma(minus_k, low, fma(minus_k, high, x))
    return fma(r * r, at.polynomial("exp", r), r), shifted.bits() - at.bits(at.magic)


def power_of_two(k: Value, at: Precision) -> Value:
    return ((k + at.bias) << at.fraction).real()


def halves(k: Value, at: Precision) -> tuple[Value, Value]:
    """Two numbers whose product is 2^k: only the second multiplication by them can overflow, or round to a subnormal."""
    twice = k + 2 * at.bias
    half = twice >> 1
    return (half << at.fraction).real(), ((twice - half) << at.fraction).real()


def scale(x: Value, k: Value, at: Precision) -> Value:
    """x 2^k."""
    first, second = halves(k, at)
    return x * first * second


def scale_next(e: Value, k: Value, at: Precision) -> Value:
    """(1 + e) 2^k with one rounding unless it is subnormal."""
    first, second = halves(k, at)
    return fma(first, e, first) * second


def exp_limits(at: Precision) -> tuple[float, float]:
    """Arguments beyond which exp is zero and infinite."""
    return (-104.0, 89.0) if at is F32 else (-746.0, 710.0)


def exp(x: Value, at: Precision) -> Value:
    low, high = exp_limits(at)
    vanishes = x < low  # as what a softmax masks does: a power that underflows takes a processor a hundred times as long
    e, k = exponential(select(vanishes, 0.0, at_most(x, high)), at)
    return select(vanishes, 0.0, scale_next(e, k, at))


def exp2(x: Value, at: Precision) -> Value:
    vanishes = x < -at.bias - at.fraction - 2.0
    x = select(vanishes, 0.0, at_most(x, at.bias + 2.0))
    shifted = x + at.magic
    r = x - (shifted - at.magic)
    return select(vanishes, 0.0, scale_next(r * at.polynomial("exp2", r), shifted.bits() - at.bits(at.magic), at))


def expm1_inside(x: Value, at: Precision) -> Value:
    """expm1 where neither it nor k leaves the format's range; x = 0 loses its sign."""
    e, k = exponential(x, at)
    half = power_of_two(k - 1, at)
    return select(k == 0, e, 2.0 * fma(half, e, half - 0.5))


def expm1(x: Value, at: Precision) -> Value:
    return copysign(expm1_inside(at_least(at_most(x, exp_limits(at)[1]), -40.0), at), x)


def sigmoid(x: Value, at: Precision) -> Value:
    """1 / (1 + exp -x); where exp -x may overflow, both terms carry a factor of 2^-64."""
    low, high = exp_limits(at)
    e, k = exponential(at_most(at_least(-x, -40.0), -low), at)
    far = x < 20.0 - high
    one = select(far, x.constant(2.0**-64), 1.0)
    power = power_of_two(select(far, k - 64, k), at)
    return one / (power + fma(power, e, one))


def tanh(x: Value, at: Precision) -> Value:
    if at is not F32:
        t = expm1_inside(2.0 * at_most(abs(x), 22.0), at)
        return copysign(t / (t + 2.0), x)
    size = abs(x)
    z = size * size
    near = fma(size * z, at.polynomial("tanh", z), size)
    e, k = exponential(2.0 * at_most(size, 10.0), at)
    power = power_of_two(k, at)
    far = 1.0 - 2.0 / fma(power, e, power + 1.0)
    return copysign(select(size < 0.625, near, far), x)


def half_exp(x: Value, at: Precision) -> Value:
    """exp(|x|) / 2."""
    e, k = exponential(at_most(abs(x), 712.0), at)
    return scale_next(e, k - 1, at)


def sinh(x: Value, at: Precision) -> Value:
    size, half = abs(x), half_exp(x, at)
    z = size * size
    near = fma(size * z, at.polynomial("sinh", z), size)
    return copysign(select(size < 1.0, near, half - 0.25 / half), x)


def cosh(x: Value, at: Precision) -> Value:
    half = half_exp(x, at)
    return half + 0.25 / half


def split(x: Value, at: Precision) -> tuple[Value, Value]:
    """(m, k + 2^e) of a positive normal x = m 2^k with m in [sqrt(1/2), sqrt 2), the second as an integer, e the exponent's bits."""
    bits, offset = x.bits(), at.bias + 1
    k = (bits + ((offset << at.fraction) - at.bits(0.5**0.5))) >> at.fraction
    return (bits - ((k - offset) << at.fraction)).real(), k


def as_real(k: Value, at: Precision) -> Value:
    """split's integer k as a real number, by way of the bits of 2^fraction + k: integer conversions are slow on some CPUs."""
    return (k | at.bits(2.0**at.fraction)).real() - (2.0**at.fraction + at.bias + 1)


def normal(x: Value, at: Precision) -> tuple[Value, Value]:
    """(x made normal, the logarithm to base 2 of the factor)."""
    tiny = x < at.smallest
    return select(tiny, x * 2.0 ** (at.fraction + 2), x), select(tiny, x.constant(at.fraction + 2), 0.0)


def split_any(x: Value, at: Precision) -> tuple[Value, Value]:
    """(m, k) of a positive x = m 2^k, subnormal or not, both real."""
    x, shift = normal(x, at)
    m, k = split(x, at)
    return m, as_real(k, at) - shift


def log_near_one(f: Value, at: Precision, rest: Value | float = 0.0) -> tuple[Value, Value]:
    """(f, log(1 + f) - f + rest)."""
    if at is F32:
        z = f * f
        tail = fma(f * z, at.polynomial("log1p", f), rest)
        return f, fma(z, -0.5, tail)
    s, half = f / (2.0 + f), 0.5 * f * f
    z = s * s
    series = z * fma(z, at.polynomial("atanh", z), TWO_THIRDS[0])
    return f, fma(s, half + series, rest) - half


def log_domain(x: Value, y: Value) -> Value:
    """y = log x put right where x is zero, negative, infinite or NaN."""
    y = select(x > 0.0, y, select(x == 0.0, x.constant(-INF), NAN))
    return select(x == INF, x, y)


def log(x: Value, at: Precision) -> Value:
    m, k = split_any(x, at)
    high, low = LN2[at.fraction]
    f, rest = log_near_one(m - 1.0, at, k * low)
    return log_domain(x, fma(k, high, f + rest))


def log2(x: Value, at: Precision) -> Value:
    m, k = split_any(x, at)
    f, rest = log_near_one(m - 1.0, at)
    return log_domain(x, fma(f, LOG2_E, rest * LOG2_E) + k)


def log10(x: Value, at: Precision) -> Value:
    m, k = split_any(x, at)
    f, rest = log_near_one(m - 1.0, at)
    high, low = LOG10_2[at.fraction]
    return log_domain(x, fma(k, high, fma(f, LOG10_E, fma(rest, LOG10_E, k * low))))


def log1p(x: Value, at: Precision) -> Value:
    """With u = 1 + x rounded and c what the rounding lost, log u moves by c / u: c joins m - 1 after the same scaling."""
    u = 1.0 + x
    part = u - 1.0
    c = (1.0 - (u - part)) + (x - part)
    m, k = split(u, at)
    factor = select(x > 2.0**60, x.constant(0.0), ((2 * at.bias + 1 - k) << at.fraction).real())
    real_k = as_real(k, at)
    high, low = LN2[at.fraction]
    f, rest = log_near_one(fma(c, factor, m - 1.0), at, real_k * low)
    y = select(x > -1.0, fma(real_k, high, f + rest), select(x == -1.0, x.constant(-INF), NAN))
    return copysign(select(x == INF, x, y), x)


def asinh(x: Value, at: Precision) -> Value:
    """log1p(a + a a / (1 + sqrt(a a + 1))); beyond 2^28, where a a may overflow, log 2a."""
    size = abs(x)
    small = at_most(size, 2.0**28)
    z = small * small
    near = log1p(small + z / (1.0 + sqrt(z + 1.0)), at)
    return copysign(select(size > 2.0**28, log(size, at) + 0.6931471805599453, near), x)


def acosh(x: Value, at: Precision) -> Value:
    t = at_most(x, 2.0**28) - 1.0
    near = log1p(t + sqrt(t * (t + 2.0)), at)
    return select(x < 1.0, NAN, select(x > 2.0**28, log(x, at) + 0.6931471805599453, near))


def atanh(x: Value, at: Precision) -> Value:
    size = abs(x)
    return copysign(0.5 * log1p(2.0 * size / (1.0 - size), at), x)


def precise_log(x: Value, at: Precision) -> tuple[Value, Value]:
    """log x of a positive finite x, as an unevaluated sum with a relative error near 2^-64."""
    m, k = split_any(x, at)
    f, d = m - 1.0, m + 1.0
    inverse = 1.0 / d
    s = f * inverse
    s_low = (fma(-s, d, f) - s * (m - (d - 1.0))) * inverse
    z = s * s
    z_low = fma(s, s, -z) + 2.0 * s * s_low
    tail = z * at.polynomial("atanh", z)
    t = TWO_THIRDS[0] + tail
    t_low = (TWO_THIRDS[0] - t) + tail + TWO_THIRDS[1]
    u = z * t
    u_low = fma(z, t, -u) + fma(z_low, t, z * t_low)
    v = s * u
    v_low = fma(s, u, -v) + fma(s, u_low, s_low * u)
    twice = 2.0 * s
    y = twice + v
    y_low = (twice - y) + v + fma(s_low, 2.0, v_low)
    base = k * LN2[52][0]
    out = base + y
    low = (base - out) + y + fma(k, LN2[52][1], y_low)
    return out + low, (out - (out + low)) + low


def power_of_size(size: Value, y: Value, at: Precision) -> Value:
    """size^y of a positive finite size; zero, infinity and large |y| give what the logarithm's limit gives, or NaN."""
    if at is SHORT:
        m, k = split(size, at)  # a float32, so normal
        real_k = as_real(k, at)
        f, rest = log_near_one(m - 1.0, at, real_k * LN2[52][1])
        high, low = fma(real_k, LN2[52][0], f + rest), size.constant(0.0)
    else:
        high, low = precise_log(size, at)
    high = select(size == 0.0, size.constant(-INF), select(size == INF, size, high))
    product = y * high
    if at is not SHORT:
        low = select(abs(product) < 800.0, fma(y, high, -product) + y * low, 0.0)
    limit = 200.0 if at is SHORT else 800.0
    e, k = exponential(at_least(at_most(product, limit), -limit), at)
    p = 1.0 + e
    return p * power_of_two(k, at) if at is SHORT else scale(fma(p, low, p), k, at)


def pow(x: Value, y: Value, at: Precision) -> Value:
    """The power; a float32 one has its size computed in float64."""
    size = abs(x)
    if at is F32:
        out = power_of_size(size.to("double"), y.to("double"), SHORT).to("float")
    else:
        out = power_of_size(size, y, at)
    out = select((size == 1.0) & (y == y), 1.0, out)
    return pow_sign(x, y, select(x == x, out, NAN))


def pow_sign(x: Value, y: Value, out: Value) -> Value:
    """|x|^y made the power of x: odd integers keep its sign, fractions have no power of a negative number."""
    whole, half = floor(y) == y, 0.5 * y
    odd = whole & (floor(half) != half)
    out = select((x.bits() < 0) & odd, -out, out)
    out = select((x < 0.0) & (x > -INF) & ~whole & (abs(y) < INF), NAN, out)
    return select((y == 0.0) | (x == 1.0), 1.0, out)
