"""Functions with a schedule of calls: compiled, they do what they do as usual.

A program sets up tensors of all layouts, modules and optimizers, defines `f`, and calls `f` at least five times with changes in between.
It is run twice, with `torch.compile` and without, and all that it has bound is compared after each call: values, layouts,
what shares memory with what, gradients, buffers, the state of optimizers. That a function is refused is no difference, except where the
compiler failed (`internal`) or never comes to an end of compiling (`unsettled`).
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import importlib
import io
import os
import re
import warnings
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from fuzz import apart, functions, noise, on_purpose, programs

os.environ.setdefault("PEDIGRAD_CACHE", "0")  # no program comes twice

KNOWN = functions.KNOWN
generate = functions.generate
COMPILE = "f = torch.compile(f)"
LIMIT = 21.0 * apart.LIMIT  # seconds: a program has its own limit
SETTLED = 9  # calls without a change after which a function is compiled, or refused

OPTIMISED = 4  # one of so many programs has LLVM's passes run over its code
SEVERAL = 3  # kinds of arguments that wait for a second recording where one call makes them others for the next
FREED = "second time: what CompiledBackward saved"  # refused where the part that is left would do, on purpose: docs/compile.md
GRADS = re.compile(r"(\w+) = torch\.autograd\.grad\(")


class Tally:
    """What became of the functions that were compared: how many ran compiled, why others did not."""

    def __init__(self) -> None:
        self.programs = self.compiled = self.calls = self.runs = 0
        self.rounded = 0  # comparisons in which something differed by no more than rounding moves it
        self.refusals: collections.Counter[str] = collections.Counter()

    def add(self, other: Tally) -> None:
        """Count what another one has counted."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def __str__(self) -> str:
        share = self.compiled / max(self.programs, 1)
        lines = [f"{self.programs} functions, {self.compiled} ran compiled ({share:.0%}); {self.runs} of {self.calls} calls did"]
        lines += [f"{self.rounded} comparisons differed somewhere by no more than rounding moves it"]
        return "\n".join([*lines, *(f"  {n} x {why}" for why, n in self.refusals.most_common(25))])


tally = Tally()


@dataclasses.dataclass
class Trail:
    """What a run of a program has shown, statement by statement."""

    coarse: str  # the narrowest dtype that it may have computed in
    steps: list[tuple[int, dict[str, Any]]]
    raised: programs.Raised | None
    functions: list[Any]  # the compiled functions
    calls: int
    gradients: set[str] = dataclasses.field(default_factory=set)  # names of what `autograd.grad` gave, which compiled is dense


def compare(program: programs.Program) -> str | None:
    """How a program differs when its functions are compiled: found in a process of its own, which may crash."""
    return apart.run(compare_here, program, tally)


def compare_here(program: programs.Program) -> str | None:
    """The same, in this process."""
    library, plain = functions.library(), uncompiled(program)
    usual = follow(plain, library)
    with code_as_it_is(program):
        compiled = follow(program, library)
    count(compiled, tally)
    found = differ(compiled, usual)
    if found and noise.is_of_values(found):
        found = beyond_rounding(compiled, usual, [(usual, shaken(plain, library))], tally)
    if found and on_purpose.purpose_of(program, found, on_purpose.COMPILED):
        return None
    return found or unsettled(program, compiled)


@contextlib.contextmanager
def code_as_it_is(program: programs.Program) -> Iterator[None]:
    """Leave what is compiled as it was written, three programs of four: LLVM takes longer to make it fast than all the rest takes."""
    llvm = importlib.import_module("pedigrad.codegen.emit.llvm")
    usual = llvm.compile_object

    def compile_object(text: str, optimise: bool = True) -> bytes:
        machine = llvm._machine(0)
        return machine.emit_object(llvm._module(text, machine, False))

    if zlib.crc32(str(program).encode()) % OPTIMISED:
        llvm.compile_object = compile_object
    try:
        yield
    finally:
        llvm.compile_object = usual


def uncompiled(program: programs.Program) -> programs.Program:
    """The program without compiling."""
    return dataclasses.replace(program, statements=tuple("f" if s == COMPILE else s for s in program.statements))


def shaken(program: programs.Program, library: Any, every: int = 1) -> list[Trail]:
    """Runs of a program in which rounding is another one."""
    return [follow(program, library, every, mode) for mode in noise.modes(library)]


def beyond_rounding(given: Trail, right: Trail, spreads: list[tuple[Trail, list[Trail]]], tally: Tally, layouts: bool = True) -> str | None:
    """How two runs differ by more than what `spreads`, runs and others of the same with other rounding, show to be rounding."""
    steps = []
    for i, ((number, a), (_, b)) in enumerate(zip(given.steps, right.steps, strict=False)):
        here = [(base.steps[i][1], [t.steps[i][1] for t in others if i < len(t.steps)]) for base, others in spreads if i < len(base.steps)]
        steps.append((number, noise.excused(a, b, here)))
    found = differ(dataclasses.replace(given, steps=steps), right, layouts)
    tally.rounded += found is None
    return found


def follow(program: programs.Program, library: Any, every: int = 1, mode: Any = programs.NO_MODE) -> Trail:
    """Run a program and look at what is bound from the first call on: after each of them, or some, and before the next one.

    Random generators are seeded anew before each statement: compiled functions draw other numbers. Statements are run in a mode.
    """
    space: dict[str, Any] = {"torch": library, "nn": library.nn, "F": library.nn.functional, "np": np, "__name__": "program"}
    given = {*space, "__builtins__"}
    trail = Trail(coarse(program), [], None, [], 0)
    library.manual_seed(0)
    last = len(program.statements)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            for number, statement in enumerate(program.statements):
                library.manual_seed(number)
                try:
                    with mode:
                        exec(compile(statement, "<program>", "exec"), space)
                except Exception as error:
                    trail.raised = programs.Raised(number, tuple(c.__name__ for c in type(error).__mro__), str(error))
                    break
                if statement == COMPILE:
                    trail.functions.append(space["f"].compiled)
                called, calls_next = is_call(statement), number + 1 == last or is_call(program.statements[number + 1])
                trail.calls += called
                trail.gradients |= {found[1] for found in [GRADS.match(statement)] if found}
                looking = trail.calls > 0 and (not trail.calls % every or number + 1 == last)
                if looking and (called or calls_next):
                    trail.steps.append((number, look(space, given, library)))
        finally:
            library.set_grad_enabled(True)
            library.set_default_dtype(library.float32)
            space.clear()
    return trail


def is_call(statement: str) -> bool:
    """Whether a statement calls the function."""
    return statement.startswith("r = f(")


def coarse(program: programs.Program) -> str:
    """The narrowest dtype that a program may compute in."""
    text = str(program)
    return "float64" if "set_default_dtype(torch.float64)" in text and ".float()" not in text and "float32" not in text else "float32"


def look(space: dict[str, Any], given: set[str], library: Any) -> dict[str, Any]:
    """All that is bound, and which tensors are one object or share memory."""
    names = [
        name
        for name in sorted(space)
        if name not in given
        and not name.startswith("__")
        and not (callable(space[name]) and not isinstance(space[name], library.nn.Module))
    ]
    found: dict[str, Any] = {}
    tensors: list[tuple[str, Any]] = []
    for name in names:
        value = space[name]
        if hasattr(value, "param_groups"):
            value = value.state_dict()
            value["param_groups"] = [dict(sorted(group.items())) for group in value["param_groups"]]
        try:
            found[name] = programs.seen(value, library)
        except RuntimeError as error:  # such as of a view that shows what was written to since
            found[name] = f"cannot be looked at: {str(error).partition(chr(10))[0]}"
            continue
        if isinstance(value, library.Tensor) and getattr(value, "__dict__", None):
            found[f"vars({name})"] = {k: v for k, v in vars(value).items() if isinstance(v, (int, float, str))}
        gather(name, value, tensors, library)
    found["(sharing)"] = sharing(tensors)
    return found


def gather(name: str, value: Any, tensors: list[tuple[str, Any]], library: Any) -> None:
    """The tensors in a value, by the expressions that give them."""
    if isinstance(value, library.Tensor):
        tensors.append((name, value))
        if value.grad is not None:
            tensors.append((f"{name}.grad", value.grad))
    elif isinstance(value, (list, tuple)):
        for i, each in enumerate(value):
            gather(f"{name}[{i}]", each, tensors, library)
    elif isinstance(value, dict):
        for key, each in value.items():
            gather(f"{name}[{key!r}]", each, tensors, library)
    elif isinstance(value, library.nn.Module):
        for key, each in [*value.named_parameters(), *value.named_buffers()]:
            gather(f"{name}.{key}", each, tensors, library)


def sharing(tensors: list[tuple[str, Any]]) -> list[str]:
    """Which tensors are one object, or lie in one piece of memory."""
    found, objects, pieces = [], {}, []
    for name, tensor in tensors:
        if id(tensor) in objects:
            found.append(f"{name} is {objects[id(tensor)]}")
            continue
        objects[id(tensor)] = name
        if tensor.numel():
            array = tensor.detach().numpy() if tensor.dtype.is_floating_point and str(tensor.dtype) != "torch.bfloat16" else None
            if array is not None:
                pieces.append((*np.lib.array_utils.byte_bounds(array), name))
    pieces.sort()
    end = 0
    groups: list[list[str]] = []
    for start, stop, name in pieces:
        if start < end:
            groups[-1].append(name)
        else:
            groups.append([name])
        end = max(end, stop)
    return found + sorted(f"one memory: {', '.join(sorted(g))}" for g in groups if len(g) > 1)


def differ(given: Trail, right: Trail, layouts: bool = True) -> str | None:
    """How two runs differ first."""
    for (number, a), (_, b) in zip(given.steps, right.steps, strict=False):
        for name, value in b.items():
            if name == "(sharing)":
                continue
            if name not in a:
                return f"names: after statement {number}, {name} is not bound"
            text = programs.differ_values(a[name], value, name, layouts and name not in right.gradients, right.coarse)
            if text:
                return f"{text}, after statement {number}"
        if layouts and a["(sharing)"] != b["(sharing)"]:
            more = [x for x in a["(sharing)"] if x not in b["(sharing)"]]
            less = [x for x in b["(sharing)"] if x not in a["(sharing)"]]
            return f"sharing: after statement {number} {more}, right is {less}"
    a, b = given.raised, right.raised
    if a is None and b is None:
        return None
    if a is None or (b is not None and a.statement > b.statement):
        return f"refusal: statement {b.statement} raised nothing, right is {b}"
    if b is None or a.statement < b.statement:
        if re.search(FREED, str(a)):
            return None
        return f"raises: statement {a.statement} raised {a}, right is no error"
    return None if b.names[0] in a.names else f"error type: statement {a.statement} raised {a}, right is {b}"


def reasons(compiled: Any) -> list[str]:
    """Why a function is run as usual."""
    found = [str(why) for why in compiled.left.values()]
    return [*found, compiled.given_up] if compiled.given_up else found


def count(trail: Trail, tally: Tally) -> None:
    """Enter a run into a tally."""
    for compiled in trail.functions:
        tally.programs += 1
        tally.calls += trail.calls
        tally.runs += compiled.runs
        tally.compiled += compiled.runs > 0
        for why in {programs_reason(w) for w in reasons(compiled)}:
            tally.refusals[why] += 1
        if not compiled.runs and not reasons(compiled):
            tally.refusals["(never compiled, no reason given)"] += 1


def programs_reason(why: str) -> str:
    """A reason without the line it names."""
    return why.partition(" at <program>")[0][:100]


def unsettled(program: programs.Program, trail: Trail) -> str | None:
    """Whether the compiler failed, or has not come to an end although nothing changed any more."""
    if trail.raised is not None:
        return None
    for compiled in trail.functions:
        for why in reasons(compiled):
            if "could not be compiled" in why or "its program gave" in why:  # in the second case what was compiled was wrong
                return f"internal: {why}"
        if len(compiled.pending) > SEVERAL:
            continue  # each call finds other arguments than the one before
        tail = len(program.statements)
        while tail and is_call(program.statements[tail - 1]) and program.statements[tail - 1] == program.statements[-1]:
            tail -= 1
        if trail.calls >= 18 and not compiled.runs and not reasons(compiled):
            return f"unsettled: {trail.calls} calls ran nothing compiled, {len(compiled.variants)} versions"
        if (
            len(program.statements) - tail >= SETTLED
            and not reasons(compiled)
            and compiled.recorded
            and compiled.runs <= compiled.earlier_runs
        ):
            return f"unsettled: {compiled.recorded} calls recorded in a row, {len(compiled.variants)} versions"
    return None
