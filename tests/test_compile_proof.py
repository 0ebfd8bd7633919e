"""A program proves itself before it is used: faults of the compiler that were there once are put back, and no wrong number comes out."""

import importlib
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import pedigrad as torch
from pedigrad.capture import agreement, backward, specialization
from pedigrad.codegen.frontend import record
from pedigrad.codegen.ir.program import Program
from pedigrad.codegen.runtime import executable, segment
from pedigrad.codegen.schedule import placement


def once_a_row():
    """A store over what is read, in a kernel that has one more axis than the store."""
    n = torch.zeros(3)

    def step(x):
        n.add_(1.0)
        return (x - n) @ torch.ones(3)

    return step, lambda: (torch.ones(2, 3),), n


def a_transposed_argument():
    def step(x):
        x.mul_(torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
        return x.sum()

    x = torch.arange(6.0).reshape(3, 2).t()
    return step, lambda: (x,), x


def a_saved_transpose():
    w = torch.arange(24.0).reshape(2, 3, 4).requires_grad_()

    def step(x):
        return (x.sin() * x).sum()

    return step, lambda: (w.permute(0, 2, 1),), w


def a_window():
    s = torch.zeros(6)
    v = s.unfold(0, 3, 1)

    def step():
        s.add_(1.0)
        return v.sum()

    return step, lambda: (), s


def a_root():
    x = torch.tensor([-np.inf, -0.0, 4.0])
    return lambda x: x**0.5, lambda: (x,), x


def a_view_of_what_is_written():
    x = torch.ones(2, requires_grad=True)

    def step(x):
        y = x * 1
        v = y[:]
        y.mul_(3.0)
        return v.sum()

    return step, lambda: (x,), x


def always(*_):
    return True


def without_strides(monkeypatch):
    monkeypatch.setattr(specialization.Specialization, "strides", lambda *_: {})


def without_strides_backward(monkeypatch):
    compile = backward.GradientProgram.compile
    monkeypatch.setattr(backward.GradientProgram, "compile", lambda self, inputs, threads, strides: compile(self, inputs, threads, {}))


def c_order(monkeypatch):
    copying = segment.copying
    monkeypatch.setattr(segment, "copying", lambda n, target, strides: copying(n, target, [2, 1]))


def another_identity(monkeypatch):
    def owner(array):
        base = array.base
        while isinstance(base, np.ndarray):
            array, base = base, base.base
        return array

    monkeypatch.setattr(record, "storage_of", owner)


FAULTS = {
    "a row at a time": (once_a_row, lambda m: m.setattr(placement, "is_once_each", always)),
    "no strides": (a_transposed_argument, without_strides),
    "written in C order": (a_transposed_argument, c_order),
    "no strides backward": (a_saved_transpose, without_strides_backward),
    "a root by another power": (
        a_root,
        lambda m: m.setitem(importlib.import_module("pedigrad.codegen.passes.algebra").SIMPLER, "pow", half_power),
    ),
    "two identities of memory": (a_window, another_identity),
}


def half_power(new, instruction, args):
    x, out = args[0], instruction.out
    return new.emit("sqrt", (new.emit("abs", (x,), x.shape, x.dtype),), out.shape, out.dtype)


def same(found, expected):
    """Sums may be taken in another order."""
    for one, other in zip(found, expected, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_allclose(one, other, rtol=1e-5)


def run(function, arguments, state, calls=5):
    """What some calls give and leave behind."""
    found = []
    for _ in range(calls):
        result = function(*arguments())
        if result.requires_grad:
            state.grad = None
            result.backward()
        found += [result.detach().tolist(), state.detach().tolist(), None if state.grad is None else state.grad.tolist()]
    return found


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_compiler_is_found_before_a_wrong_number_comes_out(fault, monkeypatch):
    program, put_back = FAULTS[fault]
    monkeypatch.setattr(executable, "CHECKED", False)
    expected = run(*program())
    function, *rest = program()
    put_back(monkeypatch)
    compiled = torch.compile(function)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        same(run(compiled, *rest), expected)
    assert [str(w.message) for w in said if "its program gave" in str(w.message) and "please report" in str(w.message)], said
    assert not compiled.compiled.variants


@pytest.mark.parametrize("program", [once_a_row, a_transposed_argument, a_saved_transpose, a_window, a_root, a_view_of_what_is_written])
def test_without_faults_the_programs_are_compiled_and_proven(program):
    expected = run(*program())
    function, *rest = program()
    compiled = torch.compile(function)
    same(run(compiled, *rest), expected)
    assert [v.is_proven for v in compiled.compiled.variants] == [True] and compiled.compiled.variants[0].runs >= 3
    assert "proven" in str(compiled.explain(time=False))


def test_every_call_can_be_compared(monkeypatch):
    monkeypatch.setattr(agreement, "MODE", "always")
    function, arguments, state = once_a_row()
    compiled = torch.compile(function)
    assert run(compiled, arguments, state) == run(*once_a_row())
    monkeypatch.setattr(executable.Executable, "launch", lambda *_: None)
    with pytest.raises(RuntimeError, match="PEDIGRAD_VERIFY=always: its program gave"):
        compiled(*arguments())


def test_proofs_can_be_switched_off():
    program = (
        "import pedigrad as t; f = t.compile(lambda x: x * 2); [f(t.ones(2)) for _ in range(4)]; print(f.compiled.variants[0].is_proven)"
    )
    given = {**os.environ, "PEDIGRAD_VERIFY": "off"}
    assert subprocess.run([sys.executable, "-c", program], env=given, capture_output=True, text=True, check=True).stdout == "False\n"


def test_random_programs_are_held_against_the_same_seed(monkeypatch):
    x = torch.ones(64)
    compiled = torch.compile(lambda x: torch.nn.functional.dropout(x, 0.5) * 3)
    for _ in range(4):
        assert set(compiled(x).tolist()) == {0.0, 6.0}
    assert compiled.compiled.variants[0].is_proven


def test_what_rounding_decides_is_no_fault():
    """The bias before a batch norm has a gradient of zero and noise, which Adam turns into whole steps."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.BatchNorm1d(16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    x, y = torch.randn(64, 8), torch.randn(64, 1)

    def step():
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    compiled = torch.compile(step)
    for _ in range(6):
        compiled()
    assert [v.is_proven for v in compiled.compiled.variants] == [True]


def test_what_looks_at_bits_is_judged_too():
    """The difference of nearly equal numbers has few digits, so the program is held against one in wider floats, bits apart."""
    x = torch.arange(2.0) / 18
    compiled = torch.compile(lambda x: torch.nn.functional.tanhshrink(x.view(torch.int32).view(torch.float32)), fullgraph=True)
    for _ in range(4):
        assert torch.allclose(compiled(x), torch.nn.functional.tanhshrink(x), atol=1e-8)
    assert [v.is_proven for v in compiled.compiled.variants] == [True]


@pytest.mark.parametrize("more", [0.0, torch.ones(1, requires_grad=True)], ids=["all of it", "but for a sum"])
def test_a_freed_history_is_not_mistaken_for_none(more):
    w = torch.ones(3, requires_grad=True)

    def function(x):
        loss = (w * x).square().sum() + more
        loss.backward()
        return loss

    compiled, x = torch.compile(function), torch.arange(3.0)
    for _ in range(4):
        loss = compiled(x)
        with pytest.raises(RuntimeError, match="second time"):
            torch.autograd.grad(loss.sum(), w, allow_unused=True)
    assert compiled.compiled.variants[0].runs > 0


def test_what_rounding_does_is_found_by_as_many_runs_for_many_results_as_for_one(monkeypatch):
    program, runs, interpreted = Program(), [], agreement.interpreted
    x = program.input((3,), np.float32)
    program.outputs = [program.emit(name, (x,), (3,), np.float32) for name in ("exp", "sin", "cos")]
    monkeypatch.setattr(agreement, "interpreted", lambda *args, **keywords: runs.append(args) or interpreted(*args, **keywords))
    start = np.linspace(0.5, 1, 3, dtype=np.float32)
    rounding = agreement.Rounding(program, {x: start})
    assert rounding.compared("", start, np.exp(start), program.outputs[0]) is not None
    after_one = len(runs)
    for value, right in zip(program.outputs, (np.exp, np.sin, np.cos), strict=True):
        assert rounding.compared("", right(start) + 1, right(start), value) is not None
    assert len(runs) == after_one == 1 + agreement.RUNS


def test_other_rounding_is_asked_for_until_it_explains_what_differs(monkeypatch):
    program, runs, interpreted = Program(), [], agreement.interpreted
    x = program.input((3,), np.float32)
    program.outputs = [program.emit("exp", (x,), (3,), np.float32)]
    monkeypatch.setattr(agreement, "interpreted", lambda *args, **keywords: runs.append(args) or interpreted(*args, **keywords))
    start = np.full(3, 20, np.float32)
    rounding, wanted = agreement.Rounding(program, {x: start}), np.exp(start)
    assert rounding.compared("", wanted * np.float32(1 + 2e-6), wanted, program.outputs[0]) is None and len(runs) == 0
    assert rounding.compared("", wanted * np.float32(1 + 1e-5), wanted, program.outputs[0]) is None and len(runs) == 1


def test_one_run_tells_a_wrong_program_and_wrong_native_code_from_rounding():
    program = Program()
    x = program.input((3,), np.float32)
    program.outputs = [program.emit("exp", (x,), (3,), np.float32)]
    start = np.full(3, 20, np.float32)
    right = np.exp(start)
    for wrong in (right * np.float32(1.001), right + 1e6, np.full_like(right, np.nan), -right):
        for found, wanted in ((wrong, right), (right, wrong)):
            assert agreement.Rounding(program, {x: start}).compared("", found, wanted, program.outputs[0]) is not None


def test_an_interpreted_program_keeps_what_is_asked_for_alone():
    program = Program()
    x = program.input((2,), np.float32)
    y = program.emit("neg", (x,), (2,), np.float32)
    z = program.emit("exp", (y,), (2,), np.float32)
    program.outputs = [z]
    seen = []
    kept = agreement.interpreted(program, {x: np.zeros(2, np.float32)}, keep=[z], look=lambda value, array: seen.append(value))
    assert list(kept) == [z] and kept[z].tolist() == [1, 1] and seen == [x, y, z]


def test_a_program_of_random_numbers_with_nothing_to_check_is_held_against_numpy():
    def function(x, y):
        y[1:].sort()  # indices of no elements are all within bounds
        return torch.rand_like(x)

    compiled, x, y = torch.compile(function, fullgraph=True), torch.ones(3), torch.ones(1, 2)
    for _ in range(4):
        compiled(x, y)
    assert [v.is_proven for v in compiled.compiled.variants] == [True]


def test_a_gradient_of_what_was_summed_in_narrower_floats_may_move_as_far_as_these_do():
    """A backward program starts from what the forward program has summed in float32, in another order than NumPy."""
    for seed in range(4):
        torch.manual_seed(seed)
        x, y = torch.randn(4, 4, requires_grad=True), torch.full((1, 1), 0.3, dtype=torch.float64)

        @torch.compile
        def function(x):
            loss = torch.nn.functional.kl_div(y, x.softmax(-1), reduction="sum") / 16  # noqa: B023
            return loss, loss.sin()

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for _ in range(4):
                function(x)[1].backward()
        assert function.compiled.variants[0].runs > 0
