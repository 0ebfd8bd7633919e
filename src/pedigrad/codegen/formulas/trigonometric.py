"""Sine, cosine, tangent and their inverses as expressions of LLVM IR.

sin and cos take x to r in [-pi/4, pi/4] and a quarter of the circle. A large x needs the fraction of x / 2 pi, from the bits of
1 / 2 pi that matter: M. Payne and R. Hanek, Radian reduction for trigonometric functions, SIGNUM Newsletter 18 (1983). For a float32
they fit into two float64s chosen by the size of x, which serve small x too. For a float64 the product is formed in integers, and up to
2^29 replaced by r = x - k pi/2 with pi/2 as a sum of float64s (Cody and Waite, as in `exponential`). Both are always computed, as
vector code has no branches, and constants are chosen by selects, as a table in memory would need gathers.
"""

from __future__ import annotations

from .values import F32, F64, HALF_PI, INF, NAN, SHORT, Precision, Value, copysign, fma, round_even, select, sqrt

# For |x| below 2^50, 2^76, 2^102 and 2^128: 1 / 2 pi without the bits that only add whole turns to a float32 x of the class,
# as 53 bits (fewer than 2^50 turns, so that what their product with x leaves over is less than one) and the next 53.
TURN_CLASSES = (50, 76, 102, 128)
TURNS = (
    (0.15915494309189532, 1.791623727803767e-17),
    (6.420638316725914e-09, 6.913260098594339e-25),
    (7.34273885092955e-17, 2.5454160968749273e-33),
    (1.5185066224124615e-24, 7.859136888729011e-41),
)
TWO_OVER_PI = 0.6366197723675814
CODY_WAITE_LIMIT = 2.0**29
MASK = 0xFFFFFFFF

# fmt: off
INVERSE_CIRCLE = (  # the fraction's bits of 1 / 2 pi, 64 a word
    0x28BE60DB9391054A, 0x7F09D5F47D4D3770, 0x36D8A5664F10E410, 0x7F9458EAF7AEF158, 0x6DC91B8E909374B8,
    0x01924BBA82746487, 0x3F877AC72C4A69CF, 0xBA208D7D4BAED121, 0x3A671C09AD17DF90, 0x4E64758E60D4CE7D,
    0x272117E2EF7E4A0E, 0xC7FE25FFF7816603, 0xFBCBC462D6829B47, 0xDB4D9FB3C9F2C26D, 0xD3D18FD9A797FA8B,
    0x5D49EEB1FAF97C5E, 0xCF41CE7DE294A4BA, 0x9AFED7EC47E35742, 0x1580CC11BF1EDAEA,
)
# fmt: on


def signed(word: int) -> int:
    """A 64-bit word as LLVM's text wants it."""
    return word - (1 << 64) if word >> 63 else word


def window(offset: Value, table: tuple[int, ...], width: int) -> list[Value]:
    """`width` words of a table's bits from bit `offset` on; the table's end is reached exactly by the largest offset."""
    index = offset >> 6
    words: list[Value] = [index.constant(signed(w)) for w in table]
    count = width + 1
    step = 1
    while step * 2 <= len(words) - count:
        step *= 2
    while step:
        high = (index & step) != 0
        # after this choice, at most step - 1 further words can be skipped
        kept = range(min(len(words), count + step - 1))
        words = [select(high, words[i + step], words[i]) if i + step < len(words) else words[i] for i in kept]
        step //= 2
    shift = offset & 63
    return [words[i].intrinsic("fshl", words[i + 1], shift) for i in range(width)]


def high_product(x: Value, y: Value) -> Value:
    """The upper 64 bits of x y, for x below 2^53."""
    x0, x1, y0, y1 = x & MASK, x >> 32, y & MASK, y >> 32
    middle = x0 * y1
    carry = ((x0 * y0) >> 32) + (middle & MASK) + x1 * y0
    return x1 * y1 + (middle >> 32) + (carry >> 32)


def far_reduction(size: Value) -> tuple[Value, Value]:
    """(r, quarter) of a size of at least 2^29 by Payne and Hanek's method; NaN for infinity and NaN."""
    bits = size.bits()
    mantissa = (bits & ((1 << 52) - 1)) | (1 << 52)
    exponent = (bits >> 52) - (1023 + 52)  # size = mantissa 2^exponent
    first, second, third = window(exponent + 64, (0, *INVERSE_CIRCLE), 3)
    low = mantissa * second
    rest = low + high_product(mantissa, third)
    turn = mantissa * first + high_product(mantissa, second) + select(rest.below(low), rest.constant(1), 0)
    quarter = (turn + (1 << 61)) >> 62
    turn = turn - (quarter << 62)
    scale = 4.0 * 2.0**-64
    # the turn's last 11 bits and the next word make the part that float64 cannot hold
    high, low = (turn & -2048).to("double"), (((turn & 2047) << 52) | (rest >> 12)).to("double") * 2.0**-52
    r = fma(high, HALF_PI[0] * scale, fma(high, HALF_PI[1] * scale, low * (HALF_PI[0] * scale)))
    return select(size < INF, r, NAN), quarter


def reduce_float32(x: Value) -> tuple[Value, Value]:
    """reduce for a float64 x that is a float32."""
    size = abs(x)
    a, b = (x.constant(t) for t in TURNS[0])
    for limit, row in zip(TURN_CLASSES, TURNS[1:], strict=False):
        beyond = size >= 2.0**limit
        a, b = (select(beyond, t, old) for t, old in zip(row, (a, b), strict=True))
    product = x * a
    rest = fma(x, a, -product)
    turn = (product - round_even(product)) + fma(x, b, rest)
    shifted = fma(turn, 4.0, F64.magic)
    return fma(turn, 4.0, -(shifted - F64.magic)) * HALF_PI[0], shifted.bits()


def reduce(x: Value, at: Precision) -> tuple[Value, Value]:
    """(r, quarter) with x = r + quarter pi/2 up to whole turns and |r| at most pi/4; only quarter's last two bits mean anything."""
    if at is SHORT:
        return reduce_float32(x)
    shifted = fma(x, TWO_OVER_PI, at.magic)
    minus_k = at.magic - shifted
    near = fma(minus_k, HALF_PI[2], fma(minus_k, HALF_PI[1], fma(minus_k, HALF_PI[0], x)))
    size = abs(x)
    far, quarter = far_reduction(size)
    negative = x < 0.0
    beyond = ~(size < CODY_WAITE_LIMIT)
    return select(beyond, select(negative, -far, far), near), select(beyond, select(negative, -quarter, quarter), shifted.bits())


def sine_and_cosine(r: Value, at: Precision) -> tuple[Value, Value]:
    z = r * r
    sine = fma(r * z, at.polynomial("sin", z), r)
    if at is F32:
        return sine, fma(z, fma(z, at.polynomial("cos", z), -0.5), 1.0)
    half = 0.5 * z
    whole = 1.0 - half
    return sine, whole + fma(z * z, at.polynomial("cos", z), (1.0 - whole) - half)


def with_sign(x: Value, negative: Value) -> Value:
    return select(negative, -x, x)


def circular(x: Value, at: Precision, ahead: int) -> Value:
    """sin(x + ahead pi/2); float32 reduces its argument in float64 and evaluates in float32."""
    if at is F32:
        r, quarter = reduce(x.to("double"), SHORT)
        r, quarter = r.to("float"), quarter.to("i32")
    else:
        r, quarter = reduce(x, at)
    sine, cosine = sine_and_cosine(r, at)
    quarter = quarter + ahead if ahead else quarter
    y = with_sign(select((quarter & 1) != 0, cosine, sine), (quarter & 2) != 0)
    return y if ahead else select(x == 0.0, x, y)  # the reduction loses the sign of zero


def sin(x: Value, at: Precision) -> Value:
    return circular(x, at, 0)


def cos(x: Value, at: Precision) -> Value:
    return circular(x, at, 1)


def tan(x: Value, at: Precision) -> Value:
    r, quarter = reduce(x, at)
    sine, cosine = sine_and_cosine(r, at)
    odd = (quarter & 1) != 0
    return select(x == 0.0, x, with_sign(select(odd, cosine, sine) / select(odd, sine, cosine), odd))


def arcsine_parts(x: Value, at: Precision) -> tuple[Value, Value, Value]:
    """(|x| > 1/2, s, t): s + t is asin x, or asin sqrt((1 - |x|) / 2) where |x| > 1/2."""
    size = abs(x)
    big = size > 0.5
    z = select(big, fma(size, -0.5, 0.5), x * x)
    s = select(big, sqrt(z), x)
    return big, s, s * z * at.polynomial("asin", z)


def asin(x: Value, at: Precision) -> Value:
    big, s, t = arcsine_parts(x, at)
    return copysign(select(big, HALF_PI[0] - (2.0 * (s + t) - HALF_PI[1]), s + t), x)


def acos(x: Value, at: Precision) -> Value:
    big, s, t = arcsine_parts(x, at)
    below = HALF_PI[0] - (s + (t - HALF_PI[1]))  # pi/2 - (s + t)
    return select(big, select(x > 0.0, 2.0 * (s + t), 2.0 * below), below)


def arctangent(y: Value, x: Value, at: Precision) -> Value:
    """atan(y / x) for positive operands: turned by pi/4 or pi/2 so that the quotient's size is below tan(pi/8)."""
    equal, zero = y == x, y == 0.0
    steep = y > 2.414213562373095 * x
    middle = ((y > 0.41421356237309503 * x) | (equal & ~zero)) & ~steep
    above = select(steep, -x, select(middle, y - x, y))
    t = select(equal, 0.0, above) / select(equal, 1.0, select(steep, y, select(middle, y + x, x)))
    z = t * t
    base = [select(steep, t.constant(c), select(middle, c / 2, t.constant(0.0))) for c in HALF_PI[:2]]
    return base[0] + (t + fma(t * z, at.polynomial("atan", z), base[1]))


def atan(x: Value, at: Precision) -> Value:
    return copysign(arctangent(abs(x), x.constant(1.0), at), x)


def atan2(y: Value, x: Value, at: Precision) -> Value:
    height, width = abs(y), abs(x)
    if at is F64:  # so that a sum cannot overflow
        factor = select((height > 2.0**1000) | (width > 2.0**1000), y.constant(2.0**-10), 1.0)
        height, width = height * factor, width * factor
    angle = arctangent(height, width, at)
    return copysign(select(x.bits() < 0, 2.0 * HALF_PI[0] - (angle - 2.0 * HALF_PI[1]), angle), y)
