"""Compiled elementwise functions of zeros, infinities, nan, huge and tiny numbers give what eager ones give."""

import numpy as np
import pytest
from special_programs import BINARY, ONE, PAIR, UNARY, WIDE

import pedigrad

AT_ONCE = 40  # functions in one program
# Made of what no compiled function is, or written in place.
LEFT_OUT = {"frexp", "softmax of scalars", "log_softmax of scalars", "isclose", "zero_", "copy_", "fill_", "nan_to_num_"}
CANCELLING = {"special.erfcx", "special.i1e", "special.i0e"}  # gradients whose digits are rounding
TABLES = {"one": UNARY, "two": BINARY}
NAMES = {kind: [n for n in table if n not in LEFT_OUT and not n.startswith("pow_")] for kind, table in TABLES.items()}
GROUPS = [(kind, names[i : i + AT_ONCE]) for kind, names in NAMES.items() for i in range(0, len(names), AT_ONCE)]


def operands(kind, dtype):
    numbers = np.meshgrid(PAIR, PAIR, indexing="ij") if kind == "two" else [np.array(ONE + (WIDE if dtype == "float64" else []))]
    return [pedigrad.tensor(each.reshape(-1), dtype=getattr(pedigrad, dtype)) for each in numbers]


def works(function, xs):
    try:
        function(pedigrad, *xs)
    except RuntimeError:  # such as an integer power of numbers that are none
        return False
    return True


def gradients(function, xs):
    xs = [x.detach().requires_grad_() for x in xs]
    y = function(pedigrad, *xs)
    if not y.requires_grad:
        return [pedigrad.zeros_like(x) for x in xs]
    grads = pedigrad.autograd.grad(y.sum(), xs, allow_unused=True)
    return [pedigrad.zeros_like(x) if g is None else g.clone() for g, x in zip(grads, xs, strict=True)]


def agree(got, want, signs):
    if want.dtype.kind != "f":
        return np.array_equal(got, want)
    few = 3e-6 if want.dtype == np.float32 else 1e-12
    close = np.isclose(got, want, rtol=few, atol=4 * np.finfo(want.dtype).tiny, equal_nan=True)
    zeros = (got == 0) & (want == 0) & (np.signbit(got) != np.signbit(want))
    return close.all() and not (signs and zeros.any())


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("kind", "names"), GROUPS, ids=lambda v: v if isinstance(v, str) else f"{v[0]}..{v[-1]}".replace("/", "_"))
def test_compiled_functions_of_special_values(kind, names, dtype):
    xs = operands(kind, dtype)
    functions = {name: TABLES[kind][name] for name in names if works(TABLES[kind][name], xs)}

    def program(*xs):
        return [f(pedigrad, *xs) for f in functions.values()], [gradients(f, xs) for f in functions.values()]

    compiled = pedigrad.compile(program)
    values, slopes = program(*xs)
    for _ in range(4):
        got_values, got_slopes = compiled(*xs)
    for name, *pairs in zip(functions, values, got_values, slopes, got_slopes, strict=True):
        want, got, want_slopes, found_slopes = pairs
        signs = name.startswith(("pow", "float_power", "rpow", "mul", "div", "sqrt"))
        assert agree(got.numpy(), want.numpy(), signs), f"{name}: {got}, expected {want}"
        for a, b in zip(found_slopes, want_slopes, strict=True) if name not in CANCELLING else ():
            assert agree(a.numpy(), b.numpy(), False), f"the gradient of {name}: {a}, expected {b}"
