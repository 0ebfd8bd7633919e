"""Fusion: what programs become, in kernels, and that they are computed once."""

import numpy as np
import pytest

import pedigrad.codegen.frontend.rules_index
import pedigrad.nn  # noqa: F401  (its ops enter themselves into the registry)
from pedigrad.autograd.engine import Rules
from pedigrad.codegen.frontend.trace import traced
from pedigrad.codegen.ir.kernel import Kernel
from pedigrad.codegen.ir.steps import Call, Contraction
from pedigrad.codegen.schedule.fuse import Fuser
from pedigrad.core import dispatch
from pedigrad.core.op import REGISTRY


def described(step):
    """A step as text: a kernel's instructions with the kinds of reductions, then what it stores."""
    if isinstance(step, Kernel):
        members = [f"{step.kinds[m.out]} {m.operation}" if m.out in step.kinds else m.operation for m in step.members]
        return f"kernel {', '.join(members)} -> {', '.join(str(root) for _, root, _ in step.stores)}"
    if isinstance(step, Contraction):
        return f"contraction -> {step.out}"
    return f"{'call' if isinstance(step, Call) else 'scatter'} -> {getattr(step, 'out', None) or list(step.outs.values())}"


def texts(function, *arrays):
    """The program of a function, and its steps after fusing."""
    trace, _ = traced(function, *arrays)
    return str(trace.program), "\n".join(map(described, Fuser(trace.program).steps))


def lines(text):
    return "\n".join(line.strip() for line in text.strip().splitlines())


def forward(name, *attributes):
    return dispatch.Forward(REGISTRY[name], attributes)


def layer_norm_backward(g, x, weight, bias):
    each = REGISTRY["native_layer_norm"]
    each.build()
    attributes = (1, 1e-5)
    results = forward("native_layer_norm", *attributes)(x, weight, bias)
    needs = (True,) * len(each.differentiable)
    return Rules(each, needs)(g, dispatch._saved(each, needs, (x, weight, bias), attributes, results))


X = np.linspace(-1, 1, 32).reshape(4, 8)
CASES = {
    "softmax": (forward("softmax", -1, None), (X,)),
    "layer_norm backward": (layer_norm_backward, (X, X, X[0], X[1])),
    "cross_entropy": (forward("cross_entropy_loss", -100, "mean", 0.0), (X, np.array([1, 0, 7, 3]), None)),
}
PROGRAMS = {
    "softmax": """
program (%0: float64[4, 8])
  %1: float64[4] = max(%0) dims=(1,)
  %2: float64[4, 1] = reshape(%1)
  %3: float64[4, 8] = broadcast(%2)
  %4: float64[4, 8] = sub(%0, %3)
  %5: float64[4, 8] = exp(%4)
  %6: float64[4] = sum(%5) dims=(1,)
  %7: float64[4, 1] = reshape(%6)
  %8: float64[4, 8] = broadcast(%7)
  %9: float64[4, 8] = div(%5, %8)
  return %9
""",
    "layer_norm backward": """
program (%0: float64[4, 8], %1: float64[4, 8], %2: float64[8], %3: float64[8])
  %4: float64[4] = sum(%1) dims=(1,)
  %5: float64[4, 1] = reshape(%4)
  %6: float64[4, 1] = div(%5, 8.0)
  %7: float64[4, 8] = broadcast(%6)
  %8: float64[4, 8] = sub(%1, %7)
  %9: float64[4, 8] = mul(%8, %8)
  %10: float64[4] = sum(%9) dims=(1,)
  %11: float64[4, 1] = reshape(%10)
  %12: float64[4, 1] = div(%11, 8.0)
  %13: float64[4, 1] = add(%12, 1e-05)
  %14: float64[4, 1] = sqrt(%13)
  %15: float64[4, 1] = div(%14, %13)
  %16: float64[4, 8] = broadcast(%15)
  %17: float64[4, 8] = mul(%8, %16)
  %18: float64[4, 8] = broadcast(%2)
  %19: float64[4, 8] = mul(%17, %18)
  %20: float64[4, 8] = broadcast(%3)
  %21: float64[4, 8] = add(%19, %20)
  %22: float64[4, 8] = broadcast(%6)
  %23: float64[4, 8] = sub(%1, %22)
  %24: float64[4, 8] = broadcast(%15)
  %25: float64[4, 8] = mul(%23, %24)
  %26: float64[4, 8] = mul(%0, %25)
  %27: float64[8] = sum(%26) dims=(0,)
  %28: float64[4, 8] = broadcast(%2)
  %29: float64[4, 8] = mul(%0, %28)
  %30: float64[4] = sum(%29) dims=(1,)
  %31: float64[4, 1] = reshape(%30)
  %32: float64[4, 1] = div(%31, 8.0)
  %33: float64[4, 8] = broadcast(%32)
  %34: float64[4, 8] = sub(%29, %33)
  %35: float64[4, 8] = mul(%29, %25)
  %36: float64[4] = sum(%35) dims=(1,)
  %37: float64[4, 1] = reshape(%36)
  %38: float64[4, 1] = div(%37, 8.0)
  %39: float64[4, 8] = broadcast(%38)
  %40: float64[4, 8] = mul(%25, %39)
  %41: float64[4, 8] = sub(%34, %40)
  %42: float64[4, 8] = broadcast(%15)
  %43: float64[4, 8] = mul(%41, %42)
  %44: float64[8] = sum(%0) dims=(0,)
  return %43, %27, %44
""",
    "cross_entropy": """
program (%0: float64[4, 8], %1: int64[4])
  %2: int64[] = min(%1) dims=(0,)
  %3: bool[] = ge(%2, 0)
  %4: float64[4] = max(%0) dims=(1,)
  %5: float64[4, 1] = reshape(%4)
  %6: float64[4, 8] = broadcast(%5)
  %7: float64[4, 8] = sub(%0, %6)
  %8: float64[4, 8] = exp(%7)
  %9: float64[4] = sum(%8) dims=(1,)
  %10: float64[4, 1] = reshape(%9)
  %11: float64[4, 1] = log(%10)
  %12: int64[4] = iota()
  %13: bool[4] = ge(%1, -8)
  %14: bool[4] = lt(%1, 8)
  %15: bool[4] = and(%13, %14)
  %16: bool[] = min(%15) dims=(0,)
  %17: bool[4] = lt(%1, 0)
  %18: int64[4] = add(%1, 8)
  %19: int64[4] = where(%17, %18, %1)
  %20: float64[4] = gather(%7, %12, %19) axis=0
  %21: float64[4] = reshape(%11)
  %22: float64[4] = sub(%21, %20)
  %23: float64[] = sum(%22) dims=(0,)
  %24: float64[] = div(%23, 4.0)
  %25: float64[] = full() value=0.25
  return %24, %5, %11, %25
""",
}
STEPS = {
    "softmax": """
kernel row max, sub, exp, row sum, div -> %9
""",
    "layer_norm backward": """
kernel row sum, div, sub, mul, row sum, div, add, sqrt, div, sub, mul, mul, column sum, mul, row sum, div, sub, mul, row sum, div, mul, sub, mul, column sum -> %43, %27, %44
""",  # noqa: E501
    "cross_entropy": """
kernel row max, sub, exp, row sum, log -> %7, %11, %4
kernel lt, add, where, gather, sub, total sum -> %23
kernel div, cast -> %26
kernel cast -> %27
""",
}


@pytest.mark.parametrize("name", CASES)
def test_goldens(name):
    function, arrays = CASES[name]
    given = [a for a in arrays if a is not None]
    program, steps = texts(lambda *traced: function(*traced, *[None] * (len(arrays) - len(traced))), *given)
    assert program == PROGRAMS[name].strip()
    assert lines(steps) == lines(STEPS[name])


def test_results_of_the_same_operands_share_a_kernel():
    product_gradients = lambda g, x, y: (g * y, g * x)  # noqa: E731
    program, steps = texts(product_gradients, X, X + 1.0, X + 2.0)
    assert steps.count("kernel") == 1, program + steps


def test_updates_that_share_numbers_do_not_share_a_kernel():
    def updates(rate, x, y, g, h):
        step = rate * 0.5
        return x - step * g, g * 0.9, y - step * h, h * 0.9

    program, steps = texts(updates, np.array(0.1), X, X + 1.0, X * 3.0, X * 4.0)
    assert [line.count("%") for line in steps.splitlines()] == [2, 2], program + steps


@pytest.mark.parametrize(("rows", "kernels"), [(8, 1), (64, 2)])
def test_what_is_dear_is_computed_once_for_many_rows_and_not_in_each(rows, kernels):
    _, steps = texts(lambda x, v: x * np.sqrt(v), np.ones((rows, 32)), np.ones(32))
    assert len(steps.splitlines()) == kernels


def test_what_is_dear_of_a_row_is_computed_beside_its_elements():
    _, steps = texts(lambda x, v: x * np.sqrt(v), np.ones((64, 32)), np.ones((64, 1)))
    assert steps.splitlines()[0].startswith("kernel sqrt, mul")
