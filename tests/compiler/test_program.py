"""Programs: how they print, and what the verifier refuses."""

import numpy as np
import pytest

from pedigrad.codegen.ir.program import Program, copied, rewritten, verify


def scaled_sum():
    program = Program()
    x = program.input((3, 4), np.float32)
    y = program.emit("mul", (x, 2.0), (3, 4), np.float32)
    program.outputs = [program.emit("sum", (y,), (3,), np.float32, dims=(1,))]
    return program


def test_a_program_prints_readably():
    assert str(scaled_sum()) == (
        "program (%0: float32[3, 4])\n"
        "  %1: float32[3, 4] = mul(%0, 2.0)\n"
        "  %2: float32[3] = sum(%1) dims=(1,)\n"
        "  return %2"
    )  # fmt: skip


def test_a_program_rewritten_into_itself_is_the_same():
    program = scaled_sum()
    verify(program)
    again = rewritten(program, copied)
    verify(again)
    assert again.inputs == program.inputs
    assert [(i.operation, i.out.shape) for i in again.instructions] == [(i.operation, i.out.shape) for i in program.instructions]


def wrong_reduction(program, x):
    program.emit("sum", (x,), (3, 4), np.float32, dims=(1,))


def wrong_operands(program, x):
    program.emit("add", (x, program.emit("sum", (x,), (3,), np.float32, dims=(1,))), (3, 4), np.float32)


def unknown_operation(program, x):
    program.emit("frobnicate", (x,), (3, 4), np.float32)


def another_programs_value(program, x):
    program.emit("neg", (scaled_sum().outputs[0],), (3,), np.float32)


def wrong_reshape(program, x):
    program.emit("reshape", (x,), (5,), np.float32)


@pytest.mark.parametrize("spoil", [wrong_reduction, wrong_operands, unknown_operation, another_programs_value, wrong_reshape])
def test_the_verifier_refuses(spoil):
    program = scaled_sum()
    spoil(program, program.inputs[0])
    with pytest.raises(AssertionError):
        verify(program)


def test_equal_instructions_have_equal_keys():
    program = scaled_sum()
    again = program.emit("mul", (program.inputs[0], 2.0), (3, 4), np.float32)
    first = program.instructions[0]
    assert again.by.key() == first.key()
    assert program.emit("mul", (program.inputs[0], 3.0), (3, 4), np.float32).by.key() != first.key()
