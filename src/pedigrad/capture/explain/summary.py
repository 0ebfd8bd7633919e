"""`explain()`: what became of a compiled function, and where its time goes.

A `Report` has a `Version` for each compiled program: what it was compiled for, what must hold for it to be run, and its `Step`s. It
prints as text, and as a table in a notebook (`capture/explain/report.py`).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...codegen.frontend.trace import changed, replaced
from ...codegen.ir.instructions import ELEMENTWISE
from ...codegen.ir.kernel import Kernel, Load
from ...codegen.ir.program import MOVEMENT, Instruction, Value
from ...codegen.ir.sources import SEEDS, held, read_option
from ...codegen.ir.steps import Call, Contraction, Convolution, Scatter
from ...codegen.runtime.executable import Executable
from ...core.origin import Origin
from ...profiler.spent import Table
from ...provenance.graph import Graph
from ...provenance.page import page
from ..recording import layout
from .graph import of_report
from .lines import OTHERS, Place, places_of, spent
from .measured import Machine, guards_of, machine, measure, profiled
from .opening import Speed, compared
from .report import as_html, as_text

SHOWN = {"gather": "take"} | {row.name: row.shown for row in ELEMENTWISE.values() if row.shown}
FREE = frozenset({"gather", "max", "min"} | {row.name for row in ELEMENTWISE.values() if row.free})  # no operations on floats
MISSES = 100  # causes of recompilation that a function keeps
DEPTH = 3  # of the expressions that guards are shown as


@dataclass
class Step:
    """One loop nest, contraction, scatter or call to NumPy of a program."""

    kind: str  # "kernel", "contraction", "convolution", "scatter", "call" (to NumPy), "guards" (a look at them)
    ops: dict[str, Counter[str]]  # which operations of the user's program, and what NumPy would call what they compute
    axes: list[int]  # of a contraction: those of both operands if there are any, of the left one, of the right one, of the sums
    outs: list[str]  # what it puts into memory
    flops: int  # additions, multiplications and functions of floats, each counted as one
    read: int  # bytes
    written: int
    itemsize: int = 4
    why: str | None = None  # it is NumPy's
    seconds: float | None = None
    limit: tuple[str, float] | None = None  # what binds, and the share of that limit which is reached
    places: dict[Place, int] = field(default_factory=dict)  # operations of the user's program -> elements that they compute here
    parents: list[int] = field(default_factory=list)  # the steps that have made what it reads


@dataclass
class Section:
    """One native program: the function, or its backward pass."""

    title: str
    steps: list[Step]
    arena: int
    threads: int
    seconds: float | None = None  # of a whole run in which the steps are measured
    unmeasured: float | None = None  # of a run in which they are not
    problem: str | None = None  # why there are no times

    @property
    def rest(self) -> float | None:
        """Seconds of a run that belong to no step: new arrays, the way in and out."""
        return None if self.seconds is None else self.seconds - sum(step.seconds or 0.0 for step in self.steps)

    @property
    def flops(self) -> int:
        return sum(step.flops for step in self.steps)

    def of(self, kind: str) -> list[Step]:
        """The steps of one kind."""
        return [step for step in self.steps if step.kind == kind]


@dataclass
class Version:
    """One compiled version of a function."""

    arguments: str
    modes: list[str]
    compile_seconds: float
    cached: bool
    proven: bool  # by a run on what a recorded call was given
    runs: int
    guards: list[str]
    forward: Section
    backward: Section | None


@dataclass
class Report:
    """What `explain()` returns."""

    name: str
    variants: list[Version]
    recompilations: dict[str, int]  # why a call found no compiled version -> how often
    pending: dict[str, str]  # arguments -> how far they are
    eager: dict[str, tuple[str, int]]  # arguments -> why calls with these run as usual, and how often one did
    machine: Machine | None
    speed: Speed | None = None  # if it was called both ways
    recorded: int = 0  # calls that ran as usual to be recorded
    usual: int = 0  # and for other reasons

    def by_line(self) -> Table:
        """Where a run of the version that ran most spends its time, by source line, forward and backward of one line together.

        Shares are of the whole of a run in which the steps are measured.
        """
        return self._spent(lambda place: place.line, "line")

    def by_module(self) -> Table:
        """The same by module."""
        return self._spent(lambda place: place.module, "module")

    def _spent(self, key: Callable[[Place], str], heading: str) -> Table:
        most = max(self.variants, key=lambda variant: variant.runs, default=None)
        sections = [] if most is None else [section for section in (most.forward, most.backward) if section is not None]
        rows = spent(sections, key)
        return Table(rows, heading, sum(section.seconds or 0.0 for section in sections))

    def graph(self) -> Graph:
        """The steps of the version that ran most, as data of a page."""
        return of_report(self)

    def html(self, path: str | os.PathLike[str] | None = None) -> str:
        """The steps as one HTML page that needs no network: boxes as wide as they take time; written to `path` if there is one."""
        made = page(self.graph())
        if path is not None:
            Path(path).write_text(made, encoding="utf-8")
        return made

    def text(self, full: bool = False) -> str:
        """The report as text: of long programs steps of the same operations are added up, unless it is to be `full`."""
        return as_text(self, full)

    def __str__(self) -> str:
        return as_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(self)


# A function


def explained(compiled: Any, time: bool = True, eager: Any = None) -> Report:
    """The report on a `Compiled`; with arguments `eager` it is called both ways."""
    args = eager if eager is None or isinstance(eager, tuple) else (eager,)
    with compiled.uncounted():
        speed = None if args is None else compared(compiled, compiled.function, args)
    limits = machine(compiled.variants[0].threads) if time and compiled.variants else None
    name = getattr(compiled.function, "__qualname__", type(compiled.function).__name__)
    pending = {}
    for key, (count, _, recordings) in compiled.pending.items():
        state = "compiled when two recordings in a row agree" if recordings else "the last recording was refused"
        pending[arguments_of(key)] = f"recorded {count} time{'s' * (count > 1)}: {state}"
    refused = {arguments_of(key): (why, compiled.usual[key]) for key, why in compiled.left.items()}
    usual = compiled.aside + sum(compiled.usual.values())
    variants = [explained_variant(variant, limits) for variant in compiled.variants]
    return Report(name, variants, dict(Counter(compiled.misses)), pending, refused, limits, speed, compiled.recordings, usual)


def explained_variant(variant: Any, limits: Machine | None) -> Version:
    """One compiled version."""
    executable, gradient = variant.executable, variant.gradient
    arrays: list[Any] = [None] * len(variant.arguments)
    arrays += [held(holder) for holder in variant.holders]
    numbers = [0.0 if group is SEEDS else read_option(group, key) for group, key in variant.options]  # nothing is drawn
    arrays += [np.asarray(number, np.float64) for number in numbers]
    arrays += [None] * len(variant.draws)
    forward = section("", executable, arrays, limits)
    backward = None
    if gradient is not None:
        back = gradient.backs[gradient.gradient.whiches[0]]
        places = dict(zip(gradient.kept_values, gradient.kept, strict=True))
        kept = [arrays[places[v][1]] if places[v][0] == "input" else None for v in back.kept if v in places]
        missing = len(gradient.executable.inputs) - len(kept)
        backward = section("backward pass", gradient.executable, [*kept, *[None] * missing], limits)
    known = variant.seconds, variant.cached, variant.is_proven, variant.runs
    return Version(arguments_of(variant.key), modes_of(variant), *known, guards(variant), forward, backward)


def section(title: str, executable: Executable, arrays: list[Any], limits: Machine | None) -> Section:
    """The steps of a program, with their times."""
    probe = executable if limits is None else profiled(executable)
    found = Section(title, steps_of(probe), executable.arena.nbytes, executable.threads)
    if limits is None:
        return found
    times = measure(executable, probe, arrays)
    found.problem = times.problem
    found.seconds, found.unmeasured = times.total, times.unmeasured
    for step, seconds in zip(found.steps, times.steps or (), strict=False):
        step.seconds = seconds
        what, least = limits.limit(step.read + step.written, step.flops, step.itemsize)
        if least and seconds > 0:
            step.limit = what, least / seconds
    return found


# Steps


def steps_of(executable: Executable) -> list[Step]:
    """The steps of a program, each with those that it reads from."""
    found, maker = [], dict[Any, int]()
    for i, step in enumerate(executable.placement.steps):
        made = explained_step(step)
        if made.kind != "guards":
            made.parents = sorted({maker[root] for root in step.reads if root in maker})
            made.places = places_of(step)
            maker.update(dict.fromkeys(step.writes, i))
        found.append(made)
    return found


def explained_step(step: Any) -> Step:
    if isinstance(step, Kernel):
        return explained_kernel(step)
    if isinstance(step, Contraction):
        return explained_contraction(step)
    if isinstance(step, Convolution):
        read, flops = sum(map(nbytes, step.reads)), 2 * multiplications(step)
        return Step("convolution", ops([step.out.by]), [], [described(step.out)], flops, read, nbytes(step.out), step.out.dtype.itemsize)
    if isinstance(step, Scatter):
        axes, read = [step.rows.size, *step.out.shape[1:]], nbytes(step.x) + nbytes(step.rows)
        flops = step.x.size if step.x.dtype.kind == "f" else 0
        return Step("scatter", ops([step.out.by]), axes, [described(step.out)], flops, read, nbytes(step.out), step.x.dtype.itemsize)
    if isinstance(step, Call):
        outs, by = list(step.outs.values()), step.instruction
        read, written = sum(map(nbytes, dict.fromkeys(step.reads))), sum(map(nbytes, outs))
        return Step("call", ops([by]), [], [described(v) for v in outs], 0, read, written, why=reason(by))
    return Step("guards", {}, [], [], 0, 0, 0)


def explained_kernel(kernel: Kernel) -> Step:
    places: dict[Value, dict[Any, int]] = {}  # what is read of each root: a place -> how many elements
    used = {m.out: m for m in kernel.members}
    flops, itemsize = 0, 0
    for member in kernel.members:
        over = kernel.reduced.get(member.out, [])
        points = count(axis for each in kernel.index[member.out] for axis, _ in each.terms) * count(over)
        if member.out.dtype.kind == "f" and member.operation not in FREE:
            flops += points
            itemsize = max(itemsize, member.out.dtype.itemsize)
        for position in range(len(member.args)):
            operand = kernel.operands.get((member.out, position))
            if isinstance(operand, Load):
                many = points if operand.dynamic else count(axis for axis, _ in operand.place.terms)
                places.setdefault(operand.root, {})[operand.place, operand.dynamic] = many
    read = sum(min(root.size, sum(each.values())) * root.dtype.itemsize for root, each in places.items())
    written = sum(value.size * root.dtype.itemsize for value, root, _ in kernel.stores)
    outs = [described(root) for root in kernel.writes]
    return Step("kernel", ops(used.values()), [a.size for a in kernel.axes], outs, flops, read, written, itemsize or 4)


def explained_contraction(step: Contraction) -> Step:
    sizes = {letter: count(axes) for letter, axes in step.groups.items()}
    axes = [count_of(sizes[c] for c in step.letters[part]) for part in "bmnk" if step.letters[part] or part != "b"]
    flops = 2 * count_of(sizes.values()) if step.out.dtype.kind == "f" else 0
    read = 0
    for load in step.loads:
        read += min(load.root.size, count(axis for axis, _ in load.place.terms)) * load.root.dtype.itemsize
    return Step("contraction", ops([step.out.by]), axes, [described(step.out)], flops, read, nbytes(step.out), step.out.dtype.itemsize)


def multiplications(step: Convolution) -> int:
    """How often a convolution multiplies, padding included: for each result of the forward one, its window."""
    results, weight = {"forward": (-1, 1), "backward": (0, 1), "weight": (1, -1)}[step.kind]
    return count_of(step.shapes[results]) * count_of(step.shapes[weight][1:])


def count(axes: Any) -> int:
    """The number of points of some axes."""
    return count_of(axis.size for axis in dict.fromkeys(axes))


def count_of(sizes: Any) -> int:
    total = 1
    for size in sizes:
        total *= size
    return total


def nbytes(value: Value) -> int:
    return value.size * value.dtype.itemsize


def described(value: Value) -> str:
    return f"{value.dtype.name}{list(value.shape)}"


def ops(instructions: Any) -> dict[str, Counter[str]]:
    """The operations that instructions come from, each with what NumPy would call its parts."""
    found: dict[str, Counter[str]] = {}
    for instruction in instructions:
        if instruction is None:
            continue
        found.setdefault(str(instruction.origin or OTHERS), Counter())[name_of(instruction)] += 1
    return found


def name_of(instruction: Instruction) -> str:
    """What NumPy calls it."""
    attributes = instruction.attributes
    if instruction.operation != "call":
        return "copy" if "in_memory" in attributes else SHOWN.get(instruction.operation, instruction.operation)
    function = attributes["function"]
    if function is changed:  # by a function that is its first argument
        function = attributes["plan"][0][0]
    owner = getattr(function, "__self__", None)
    name = getattr(function, "__name__", None) or repr(function)
    return f"{owner.__name__}.{name}" if isinstance(owner, np.ufunc) else "setitem" if function is replaced else name


def reason(instruction: Instruction) -> str:
    """Why NumPy does it."""
    return instruction.attributes.get("why") or f"the compiler has no instructions for {name_of(instruction)}() with these arguments"


# What a version depends on


def arguments_of(key: Any) -> str:
    """A key of the arguments in words."""
    if isinstance(key, bool):
        return "()"
    args, kwargs = key[0][1], key[0][2]
    parts = [words(item) for item in args[1:]]
    return f"({', '.join([*parts, *(f'{name}={words(value)}' for name, value in kwargs[1:])])})"


def words(key: Any) -> str:
    kind, *rest = key
    if kind == "tensor":
        (shape, dtype, strides, _), needs_grad, *_ = rest
        notes = ["strided"] * (strides is not None) + ["requires grad"] * needs_grad
        return f"{dtype.name}{list(shape)}" + (f" ({', '.join(notes)})" if notes else "")
    if kind == "again":
        return f"the same as tensor {rest[0]}" if len(rest) == 1 else "a container that was there before"
    if kind == "object":
        return "an object"
    if kind is dict:
        return f"{{{', '.join(f'{name!r}: {words(value)}' for name, value in rest)}}}"
    if isinstance(kind, type) and issubclass(kind, (list, tuple)):
        inside = ", ".join(map(words, rest))
        return f"[{inside}]" if kind is list else f"({inside})"
    return repr(rest[0]) if rest else str(kind)


def modes_of(variant: Any) -> list[str]:
    """The settings that it was compiled under."""
    grad = variant.key if isinstance(variant.key, bool) else variant.key[1]
    found = [f"gradients {'on' if grad else 'off'}"]
    if not isinstance(variant.key, bool):
        found.append(f"default dtype {str(variant.key[2]).removeprefix('torch.')}")
    return [*found, f"{variant.threads} thread{'s' * (variant.threads > 1)}"]


def guards(variant: Any) -> list[str]:
    """What must be as it was, in words."""
    found = ["the arguments have these shapes, dtypes and strides; the modes are these"]
    if variant.holders:
        arrays = "1 array" if len(variant.holders) == 1 else f"{len(variant.holders)} arrays"
        found.append(f"{arrays} of tensors and gradients that it finds around itself keep shape, dtype and strides")
    found.append("nothing else that it finds by name (objects, lists, globals, variables of enclosing functions) is replaced")
    states = Counter("no gradient" if none else "a gradient that is zero" if zeroed else "a gradient" for _, none, zeroed in variant.entry)
    found += [f"{n} {'leaf begins' if n == 1 else 'leaves begin'} with {state}" for state, n in states.items()]
    choices = dict.fromkeys((key if not isinstance(key, tuple) else f"{key[0]}[{key[1]}]", answer) for _, key, answer in variant.choices)
    found += [f"the option {key!r} is {'not ' * answer}zero" for key, answer in choices]
    numbers = {value: f"argument {i}" for i, value in enumerate(variant.executable.inputs[: len(variant.arguments)])}
    found += [condition(value, answer, numbers) for value, answer in guards_of(variant.executable)]
    if variant.gradient is not None:
        found += [f"in the backward pass: {condition(v, answer, {})}" for v, answer in guards_of(variant.gradient.executable)]
    return found


def condition(value: Value, answer: bool, names: dict[Value, str]) -> str:
    """A number that the program branches on, in words."""
    by = value.by
    where = f", in {by.origin}" if by is not None and by.origin else ""
    inside = by.args[0].by if by is not None and by.operation == "min" else by
    if answer and inside is not None and inside.operation == "and" and [v.by and v.by.operation for v in inside.values()] == ["ge", "lt"]:
        return f"indices are in bounds: {expression(inside.args[0].by.args[0], names)}{where}"
    return f"{'' if answer else 'not '}{expression(value, names)}{where}"


def expression(value: Any, names: dict[Value, str], depth: int = DEPTH) -> str:
    if not isinstance(value, Value):
        return repr(value)
    by = value.by
    if by is None:
        return names.get(value, "a tensor found outside")
    if by.operation in MOVEMENT or by.operation == "cast":
        return expression(by.args[0], names, depth)
    if by.operation == "full":
        return repr(by.attributes["value"])
    if depth == 0 or len(by.args) > 2:
        return "..."
    parts = [expression(a, names, depth - 1) for a in by.args]
    if by.operation in ELEMENTWISE and ELEMENTWISE[by.operation].sign:
        return f" {ELEMENTWISE[by.operation].sign} ".join(parts)
    return f"{SHOWN.get(by.operation, by.operation)}({', '.join(parts)})"


# Why a call found no compiled version


def missed(compiled: Any, key: Any) -> None:
    """Note why a call with that key is recorded although there are compiled versions."""
    same = [variant for variant in compiled.variants if variant.key == key]
    if same:
        why = misfit(same[0])
    else:
        now, before = arguments_of(key), arguments_of(compiled.variants[0].key)
        why = f"called with {now}, compiled for {before}" if now != before else "the modes, or objects among the arguments, are others"
    note(compiled, why)


def note(compiled: Any, why: str) -> None:
    """Remember a cause of recompilation, and the line of the call."""
    if len(compiled.misses) < MISSES:
        compiled.misses.append(f"{why}, at {Origin.here()}")


def misfit(variant: Any) -> str:
    """What is not as a compiled version expects it, though the arguments are."""
    for leaf, none, zeroed in variant.entry:
        if (leaf.grad is None) != none:
            return "a leaf has " + ("a gradient where it had none" if none else "no gradient where it had one")
        if leaf.zeroed != zeroed:
            return f"a gradient is {'not ' * zeroed}zeroed"
    for holder, before in zip(variant.holders, variant.layouts, strict=True):
        array = held(holder)
        if array is None:
            return "a gradient that was there is gone"
        if layout(array) != before:
            return f"a tensor found outside is {array.dtype.name}{list(array.shape)} now, was {before[1].name}{list(before[0])}"
    for group, key, answer in variant.choices:
        if bool(read_option(group, key)) != answer:
            return f"the option {key!r} is {'zero' if answer else 'not zero'} now"
    around = variant.surroundings.changed()
    return f"{around} is another one now" if around else "the number of threads is another one"
