"""Passes: what each does to a program, and that programs compute the same after all of them."""

import numpy as np
import pytest

from pedigrad.codegen.ir.interpreter import interpreted
from pedigrad.codegen.ir.program import Program, verify
from pedigrad.codegen.passes import PASSES, simplified
from pedigrad.codegen.passes.algebra import algebra
from pedigrad.codegen.passes.constants import constants
from pedigrad.codegen.passes.cse import cse
from pedigrad.codegen.passes.dce import dce
from pedigrad.codegen.passes.gathers import gathers
from pedigrad.codegen.passes.stages import stage
from pedigrad.codegen.runtime.executable import Executable

F, N, B = np.float32, np.int64, np.bool_


def unused_steps(p):
    x = p.input((3,), F)
    y = p.emit("exp", (x,), (3,), F)
    p.emit("log", (p.emit("neg", (y,), (3,), F),), (3,), F)
    return [y]


def arrays_of_one_number(p):
    x = p.input((2, 3), F)
    two = p.emit("full", (), (), N, value=2)
    twos = p.emit("broadcast", (p.emit("cast", (two,), (), F),), (2, 3), F)
    c = p.emit("lt", (x, twos), (2, 3), B)
    both = p.emit("add", (twos, twos), (2, 3), F)
    return [p.emit("where", (c, twos, x), (2, 3), F), p.emit("mul", (both, x), (2, 3), F)]


def dear_instructions(p):
    x, n = p.input((4,), F), p.input((4,), N)
    kept = [p.emit("div", (x, 3.0), (4,), F), p.emit("div", (x, 2.0**-120), (4,), F), p.emit("pow", (2.0, x), (4,), F)]
    one = p.emit("mul", (1.0, p.emit("div", (x, 1.0), (4,), F)), (4,), F)
    return [*kept, one, *(p.emit("pow", (x, y), (4,), F) for y in (1.0, 2.0, 3.0, -1.0)), p.emit("mul", (x, -1.0), (4,), F),
            p.emit("div", (x, -8.0), (4,), F), p.emit("mul", (n, -1), (4,), N), p.emit("cast", (n,), (4,), N)]  # fmt: skip


def movements_in_a_row(p):
    x = p.input((2, 3, 4), F)
    turned = p.emit("transpose", (x,), (4, 2, 3), F, order=(2, 0, 1))
    back = p.emit("transpose", (turned,), (2, 3, 4), F, order=(1, 2, 0))
    again = p.emit("transpose", (turned,), (3, 4, 2), F, order=(2, 0, 1))
    flat = p.emit("reshape", (p.emit("reshape", (back,), (6, 4), F),), (24,), F)
    same = p.emit("reshape", (flat,), (2, 3, 4), F)
    wide = p.emit("broadcast", (p.emit("broadcast", (flat,), (1, 24), F),), (5, 24), F)
    return [back, again, flat, same, wide]


def picked_elements(p):
    x, rows = p.input((6, 5), F), p.input((2,), N)
    shift = p.input((1, 5), F)
    wide = p.emit("broadcast", (shift,), (6, 5), F)
    all_of_it = p.emit("exp", (p.emit("sub", (x, wide), (6, 5), F),), (6, 5), F)
    columns = p.emit("iota", (), (2,), N)
    return [p.emit("gather", (all_of_it, rows, columns), (2,), F, axis=0)]


def picked_sums(p):
    x, rows, columns, bias = p.input((6, 5), F), p.input((2,), N), p.input((2,), N), p.input((5,), F)
    total = p.emit("add", (x, p.emit("broadcast", (bias,), (6, 5), F)), (6, 5), F)
    return [p.emit("gather", (total, rows, columns), (2,), F, axis=0)]


def repeated_steps(p):
    x = p.input((3, 3), F)
    one, other = (p.emit("sum", (p.emit("exp", (x,), (3, 3), F),), (3,), F, dims=(0,)) for _ in range(2))
    across = p.emit("sum", (p.emit("exp", (x,), (3, 3), F),), (3,), F, dims=(1,))
    seed = p.input((), N)
    drawn = [p.emit("philox", (seed, p.emit("iota", (), (3,), N), stream), (3,), F) for stream in (1, 2, 1)]
    zeros = [p.emit("full", (), (3,), F, value=value) for value in (0.0, -0.0)]
    return [one, other, across, *drawn, *zeros]


GOLDEN = {
    (dce, unused_steps): """
program (%0: float32[3])
  %1: float32[3] = exp(%0)
  return %1
""",
    (constants, arrays_of_one_number): """
program (%0: float32[2, 3])
  %1: float32[2, 3] = full() value=2.0
  %2: bool[2, 3] = lt(%0, 2.0)
  %3: float32[2, 3] = add(%1, %1)
  %4: float32[2, 3] = where(%2, 2.0, %0)
  %5: float32[2, 3] = mul(%3, %0)
  return %4, %5
""",
    (algebra, dear_instructions): """
program (%0: float32[4], %1: int64[4])
  %2: float32[4] = div(%0, 3.0)
  %3: float32[4] = div(%0, 7.52316384526264e-37)
  %4: float32[4] = pow(2.0, %0)
  %5: float32[4] = mul(%0, %0)
  %6: float32[4] = mul(%0, %0)
  %7: float32[4] = mul(%6, %0)
  %8: float32[4] = div(1.0, %0)
  %9: float32[4] = neg(%0)
  %10: float32[4] = mul(%0, -0.125)
  %11: int64[4] = mul(%1, -1)
  return %2, %3, %4, %0, %0, %5, %7, %8, %9, %10, %11, %1
""",
    (algebra, movements_in_a_row): """
program (%0: float32[2, 3, 4])
  %1: float32[3, 4, 2] = transpose(%0) order=(1, 2, 0)
  %2: float32[24] = reshape(%0)
  %3: float32[5, 24] = broadcast(%2)
  return %0, %1, %2, %0, %3
""",
    (gathers, picked_elements): """
program (%0: float32[6, 5], %1: int64[2], %2: float32[1, 5])
  %3: int64[2] = iota()
  %4: float32[2] = gather(%0, %1, %3) axis=0
  %5: float32[5] = reshape(%2)
  %6: float32[2] = gather(%5, %3) axis=0
  %7: float32[2] = sub(%4, %6)
  %8: float32[2] = exp(%7)
  return %8
""",
    (gathers, picked_sums): """
program (%0: float32[6, 5], %1: int64[2], %2: int64[2], %3: float32[5])
  %4: float32[2] = gather(%0, %1, %2) axis=0
  %5: float32[5] = reshape(%3)
  %6: float32[2] = gather(%5, %2) axis=0
  %7: float32[2] = add(%4, %6)
  return %7
""",
    (cse, repeated_steps): """
program (%0: float32[3, 3], %1: int64[])
  %2: float32[3, 3] = exp(%0)
  %3: float32[3] = sum(%2) dims=(0,)
  %4: float32[3] = sum(%2) dims=(1,)
  %5: int64[3] = iota()
  %6: float32[3] = philox(%1, %5, 1)
  %7: float32[3] = philox(%1, %5, 2)
  %8: float32[3] = full() value=0.0
  %9: float32[3] = full() value=-0.0
  return %3, %3, %4, %6, %7, %6, %8, %9
""",
}


def made(build):
    program = Program()
    program.outputs = build(program)
    verify(program)
    return program


def renumbered(program):
    """The program's text, in which values are numbered in the order in which they are given."""
    new = Program()
    known = {v: new.input(v.shape, v.dtype) for v in program.inputs}
    for each in program.instructions:
        args = [known.get(a, a) for a in each.args]
        known[each.out] = new.emit(each.operation, args, each.out.shape, each.out.dtype, **each.attributes)
    new.outputs = [known[v] for v in program.outputs]
    return str(new)


@pytest.mark.parametrize(("each", "build"), GOLDEN, ids=lambda f: f.__name__)
def test_a_pass(each, build):
    before = made(build)
    text = str(before)
    after = each(before)
    verify(after)
    assert str(before) == text, "the pass changed the program that it was given"
    assert renumbered(dce(after)) == GOLDEN[each, build].strip()


def test_passes_are_run_before_and_after_instructions_are_moved():
    assert (dce, constants, algebra, gathers, constants, algebra, cse, dce) == PASSES


def test_a_pass_belongs_to_a_stage_that_is_run():
    with pytest.raises(KeyError, match="sooner"):
        stage("sooner")


def test_new_instructions_have_the_origin_of_the_old_ones():
    program = made(dear_instructions)
    for i, instruction in enumerate(program.instructions):
        instruction.origin = i
    assert all(i.origin is not None for i in simplified(program).instructions)


# Random programs

UNARY = "neg abs exp tanh square sin floor sign".split()
BINARY = "add sub mul max2 min2".split()


def random_program(seed):
    """A program on two inputs, of which all values are finite."""
    rng = np.random.default_rng(seed)
    p = Program()
    known = [p.input((2, 3, 4), np.float64), p.input((4,), np.float64)]

    def pick():
        return known[rng.integers(len(known))]

    def partner(shape):
        fitting = [v for v in known if v.shape == shape]
        number = float(rng.choice([0.0, 1.0, -1.0, 2.0, 0.5, 3.0]))
        return [fitting[rng.integers(len(fitting))], number, p.emit("full", (), shape, np.float64, value=number)][rng.integers(3)]

    def emit(operation, args, shape, dtype=np.float64, **attributes):
        known.append(p.emit(operation, args, shape, dtype, **attributes))

    for _ in range(14):
        x, kind = pick(), rng.integers(9)
        if kind <= 1:
            small = p.emit("tanh", (x,), x.shape, np.float64)
            emit(UNARY[rng.integers(len(UNARY))], (small,), x.shape)
        elif kind <= 3:
            pair = [p.emit("tanh", (x,), x.shape, np.float64), partner(x.shape)]
            emit(BINARY[rng.integers(len(BINARY))], pair[:: rng.choice([1, -1])], x.shape)
        elif kind == 4:
            emit(
                *[("div", (x, 4.0)), ("div", (x, 3.0)), ("pow", (x, 1.0)), ("pow", (x, 2.0)), ("mul", (x, -1.0))][rng.integers(5)], x.shape
            )
        elif kind == 5:
            condition = p.emit("lt", (x, 0.0), x.shape, np.bool_)
            emit("where", (condition, partner(x.shape), x), x.shape)
        elif kind == 6 and x.shape:
            order = tuple(int(d) for d in rng.permutation(len(x.shape)))
            emit("transpose", (x,), tuple(x.shape[d] for d in order), order=order)
        elif kind == 7:
            shape = [(x.size,), (1, x.size), (x.size, 1, 1)][rng.integers(3)] if rng.random() < 0.6 else (2, *x.shape)
            emit("reshape" if np.prod(shape) == x.size else "broadcast", (x,), shape)
        elif kind == 8 and x.shape and x.size < 500:
            d = int(rng.integers(len(x.shape)))
            emit(str(rng.choice(["sum", "max", "min"])), (x,), x.shape[:d] + x.shape[d + 1 :], dims=(d,))
    rows = p.input((3,), np.int64)
    wide = next(v for v in known[::-1] if v.shape and v.size > 1 and v.shape[0] > 1)
    emit("gather", (wide, rows), (3, *wide.shape[1:]), axis=0)
    p.outputs = [known[-1], *(known[i] for i in rng.integers(len(known), size=3))]
    arrays = [rng.standard_normal((2, 3, 4)), rng.standard_normal(4), rng.integers(0, wide.shape[0], 3)]
    return p, arrays


def evaluated(program, arrays):
    """The outputs, one instruction after the other in NumPy."""
    known = interpreted(program, dict(zip(program.inputs, arrays, strict=True)))
    return [known[v] for v in program.outputs]


@pytest.mark.parametrize("seed", range(60))
def test_random_programs_compute_the_same_after_each_pass(seed):
    program, arrays = random_program(seed)
    verify(program)
    expected = evaluated(program, arrays)
    for each in PASSES:
        program = each(program)
        verify(program)
        for one, other in zip(expected, evaluated(program, arrays), strict=True):
            np.testing.assert_allclose(other, one, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("seed", range(100, 112))
def test_random_programs_compute_the_same_as_native_code(seed):
    pytest.importorskip("llvmlite")
    program, arrays = random_program(seed)
    results = Executable(program, {}).run(arrays)
    for one, other in zip(evaluated(program, arrays), results, strict=True):
        np.testing.assert_allclose(other.reshape(one.shape), one, rtol=1e-12, atol=1e-13)


def test_numbers_among_operands_without_elements_of_their_own():
    program = Program()
    x = program.input((), np.float64)
    three = program.emit("full", (), (5,), np.float64, value=3.0)
    program.outputs = [program.emit(operation, (x, three), (5,), np.float64) for operation in ("pow", "add", "mul", "div")]
    verify(simplified(program))
    results = evaluated(simplified(program), [np.array(2.0)])
    assert [r.tolist() for r in results] == [[8.0] * 5, [5.0] * 5, [6.0] * 5, [2.0 / 3.0] * 5]
    pytest.importorskip("llvmlite")
    assert [r.tolist() for r in Executable(program, {}).run([np.array(2.0)])] == [r.tolist() for r in results]
