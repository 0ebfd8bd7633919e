"""Guard pages find native code that goes out of bounds."""

import os
import signal
import subprocess
import sys

import guard_pages
import pytest

pytestmark = pytest.mark.skipif(not guard_pages.SUPPORTED, reason="guard pages are for Linux")

START = f"""
import sys
sys.path.insert(0, {os.path.dirname(guard_pages.__file__)!r})
import guard_pages
guard_pages.install(sys.argv[1])
import numpy as np
import pedigrad.codegen.frontend.rules_index
from pedigrad.codegen.runtime import executable
from pedigrad.codegen.frontend.trace import Trace
def program(*arrays):
    trace = Trace()
    return trace, [trace.input(a) for a in arrays]
def compiled(trace, *outputs, in_place=None):
    trace.program.outputs = [trace.value(out) for out in outputs]
    return executable.Executable(trace.program, trace.constants, in_place=in_place)
trace, (x, y) = program(np.ones((5, 7)), np.ones((5, 7)))
"""
RIGHT = "print(compiled(trace, np.exp(x) @ (x + y).T).run([np.ones((5, 7)), np.ones((5, 7))])[0].sum())"
SHORT = (
    """
compiled(trace, x + y).run([np.ones((5, 7)), np.ones((5, 6))])
""",
    """
compiled(trace, x + y, x, in_place={0: trace.program.inputs[0]}).run([np.ones((5, 6)), np.ones((5, 7))])
""",
    """
from pedigrad.codegen.schedule import placement
Lifetime = placement.Lifetime
placement.Lifetime = lambda size, first, last: Lifetime(size // 2, first, last)
compiled(trace, np.exp(x) @ (x + y).T).run([np.ones((5, 7)), np.ones((5, 7))])
""",
)
BACKWARDS = """
trace.program.outputs = [trace.value(x + y)]
program = executable.Executable(trace.program, trace.constants, strides={trace.program.inputs[0]: (-7, -1)})
program.run([np.ones((5, 7)), np.ones((5, 7))])
"""


def run(code, mode):
    return subprocess.run([sys.executable, "-c", START + code, mode], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("mode", ["end", "begin"])
def test_what_is_in_bounds_runs(mode):
    done = run(RIGHT, mode)
    assert done.returncode == 0 and float(done.stdout) > 0, done.stderr


@pytest.mark.parametrize("code", SHORT)
def test_what_goes_past_the_end_crashes(code):
    assert run(code, "end").returncode == -signal.SIGSEGV


def test_what_goes_before_the_beginning_crashes():
    assert run(BACKWARDS, "begin").returncode == -signal.SIGSEGV


def test_what_was_never_written_is_nan():
    done = run("a = np.empty(3); print(a.tolist(), np.empty(2, np.int32).tolist(), np.zeros(2).tolist())", "end")
    assert done.stdout.split("\n")[0] == "[nan, nan, nan] [-1, -1] [0.0, 0.0]"
