"""Native kernels for NumPy functions on large arrays: compiled once for ranks and dtypes, whatever the sizes.

The function is traced on small arrays whose sizes are primes that stand in for the real ones. The kernels are written with each
number that is a product of these primes as the product of sizes given at run time. To be sure that nothing else of the sizes went
into the code, this is done a second time with other primes: both texts must be the same.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..codegen.emit import llvm, mathlib
from ..codegen.emit.kernel_function import Lowered
from ..codegen.emit.lower import LINE, MOST_KEPT, SLOT, STREAM, lowered
from ..codegen.emit.module import finished
from ..codegen.frontend.trace import NonZero, Trace, computed_dtype
from ..codegen.gemm.contraction import address_of
from ..codegen.gemm.microkernel import Body
from ..codegen.ir.kernel import Kernel
from ..codegen.passes import simplified
from ..codegen.runtime import memory, pool
from ..codegen.schedule.fuse import Fuser
from ..core.modes import Untraceable

Array = np.ndarray[Any, Any]
STAND_INS = {  # two lists of primes, by the most open sizes that one array has: its stand-in is to stay small
    1: ((4099, 4111, 4127, 4129), (4133, 4139, 4153, 4157)),
    2: ((113, 131, 137, 149), (127, 109, 139, 151)),
    3: ((31, 37, 41, 43), (29, 47, 53, 59)),
    4: ((17, 19, 23, 29), (31, 13, 37, 41)),
}
FIXED = 12  # sizes up to this one are part of what a kernel is compiled for
MOST_PREPARED = 64  # sizes for which one kernel's runs are kept ready
ALONE = 1 << 15  # elements up to which one thread is done before others have begun
ALONE_SUMMING = 1 << 18  # the same where what each thread has of sums must be added up
BRIEF = 1 << 18  # elements up to which one thread is done before others have woken up
COMBINE = {"sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum}


__all__ = ["Native", "NonZero", "Unsuitable", "flat_pattern", "pattern", "streamed"]


class Unsuitable(Exception):
    """The function cannot be one or a few kernels."""


def pattern(arrays: Sequence[Array | None], sizes: dict[int, int]) -> Any:
    """What kernels are compiled for: dtypes, ranks and which sizes are the same; None if an array does not lie row by row, or
    its dtype is not one that kernels know.

    `sizes` gets the sizes that are left open, with their numbers.
    """
    found: list[Any] = []
    for array in arrays:
        if array is None:
            found.append(None)
            continue
        if not (array.flags.c_contiguous and array.flags.aligned and computed_dtype(array.dtype)):
            return None
        shape = tuple(n if n <= FIXED else -1 - sizes.setdefault(n, len(sizes)) for n in array.shape)
        found.append((array.dtype.char, shape))
    return tuple(found)


def flat_pattern(arrays: Sequence[Array]) -> Any:
    """The same for arrays that lie row by row and are taken for rows of one open size, and for numbers; TypeError for other dtypes."""
    for array in arrays:
        if not (array.flags.aligned and computed_dtype(array.dtype)):
            raise TypeError("an array that kernels do not know")
    return tuple((array.dtype.char, (-1,) if array.ndim else ()) for array in arrays)


class Size(NamedTuple):
    """A size as a product of a number and some of the sizes given at run time."""

    powers: list[int]
    rest: int

    @classmethod
    def of(cls, n: int, symbols: Sequence[int]) -> Size:
        """The size that stand-ins have made `n`."""
        powers = [0] * len(symbols)
        for i, symbol in enumerate(symbols):
            while n and n % symbol == 0:
                n //= symbol
                powers[i] += 1
        return cls(powers, n)

    def __call__(self, sizes: Sequence[int]) -> int:
        return self.rest * math.prod(n**power for n, power in zip(sizes, self.powers, strict=True))


def streamed(arrays: Sequence[Array | None], sizes: dict[int, int]) -> int:
    """The number of the array whose size results that are written past the caches have; -1 if there are to be none."""
    most, number = max((a.nbytes, i) for i, a in enumerate(arrays) if a is not None)
    return number if most >= STREAM and all(n * 4 % LINE == 0 for n in sizes) and llvm.can_stream() else -1


class Prepared(NamedTuple):
    """What a run does for certain sizes. Arrays have numbers: those that are given, then new ones."""

    new: list[functools.partial[Array]]  # what makes them, of a shape and a dtype
    steps: list[tuple[Callable[[int], None], list[Any]]]  # what is called with the arrays' tuple; results, their parts, what combines these
    results: list[tuple[int, tuple[int, ...]]]
    guards: list[tuple[int, bool]]


class Native:
    """Compiled kernels for a function on arrays of a pattern."""

    def __init__(self, function: Callable[..., Any], kinds: Any, count: int, threads: int, streamed: int = -1):
        rank = max((sum(n < 0 for n in each[1]) for each in kinds if each is not None), default=0)
        primes = STAND_INS[min(max(rank, 1), max(STAND_INS))]
        if count > len(primes[0]) or rank > max(STAND_INS) + 1:
            raise Unsuitable("it has too many different sizes")
        self.threads, self.complete = threads, None not in kinds
        self.ready: dict[tuple[int, ...], Prepared] = {}
        one, other = (Written(function, kinds, symbols[:count], threads, streamed) for symbols in primes)
        sized, again = (each.sized(symbols[:count]) for each, symbols in zip((one, other), primes, strict=True))
        if one.texts != other.texts or sized != again:
            raise Unsuitable("its kernels depend on the sizes in a way that cannot be left open")
        self.kernels, self.plan, self.guards = one.kernels, one.plan, one.guards
        names = [f"k{i}" for i in range(len(one.texts))]
        text = finished([mathlib.definitions(sorted(one.functions)), *one.texts])
        addresses = llvm.load(text, names)
        self.addresses = [addresses[name] for name in names]
        self.inputs = one.inputs
        roots = dict.fromkeys(root for made in one.kernels for root, _ in made.roots)
        self.shapes = {root: (shape, root.dtype) for root, shape in zip(roots, sized.roots, strict=True)}
        self.kept, self.outputs = sized.kept, list(zip(one.outputs, sized.results, strict=True))

    def prepared(self, sizes: Sequence[int]) -> Prepared:
        """A run for these sizes, as far as it does not depend on the arrays."""
        number = {root: i for i, root in enumerate(self.inputs)}
        largest = max((math.prod(n(sizes) for n in shape) for shape, _ in self.shapes.values()), default=0)
        limit = ALONE_SUMMING if any(kernel.partials for kernel in self.kernels) else ALONE
        threads = 1 if largest <= limit else min(self.threads, pool.MOST)
        shapes = {root: tuple(n(sizes) for n in shape) for root, (shape, _) in self.shapes.items()}
        made = [root for root in self.shapes if root not in number]
        number.update({root: i for i, root in enumerate(made, len(number))})
        new = [memory.making(shapes[root], self.shapes[root][1]) for root in made]

        def scratch(shape: Any, dtype: Any) -> int:
            """The number of a further array."""
            new.append(functools.partial(np.empty, shape, dtype))
            return len(self.inputs) + len(new) - 1

        steps: list[Any] = []
        for kernel, address, kept in zip(self.kernels, self.addresses, self.kept, strict=True):
            parts = {root: COMBINE[by.operation] for root, by, _ in kernel.partials} if threads > 1 else {}
            used = [number[root] for root, _ in kernel.roots]
            combined = []
            for place, (root, _) in enumerate(kernel.roots):
                if root in parts:
                    used[place] = scratch((threads, math.prod(shapes[root])), self.shapes[root][1])
                    combined.append((number[root], used[place], parts[root]))
            used.append(scratch(threads * MOST_KEPT * SLOT * kept(sizes), np.uint8) if kept else used[0])
            words = [address, *[tuple.__basicsize__ // 8 + i for i in used], *sizes]
            steps.append((pool.ready(on_tuples(len(used)), threads, words, largest <= BRIEF), combined))
        results = [(number[root], tuple(n(sizes) for n in shape)) for root, shape in self.outputs]
        return Prepared(new, steps, results, [(number[root], expected) for root, expected in self.guards])

    def ready_for(self, sizes: tuple[int, ...]) -> Prepared:
        """What is known of runs for these sizes."""
        ready = self.ready.get(sizes)
        if ready is None:
            if len(self.ready) >= MOST_PREPARED:
                self.ready.clear()
            ready = self.ready[sizes] = self.prepared(sizes)
        return ready

    def of_sizes(self, sizes: tuple[int, ...]) -> Callable[[Sequence[Array | None]], Any]:
        """What runs the kernels on arrays of these sizes: it gives the results, None if a branch of the function would go another way."""
        ready = self.ready_for(sizes)
        if not (self.complete and self.plan == [0] and len(ready.steps) == len(ready.new) == 1 and not ready.guards):
            return lambda arrays: self.run(ready, arrays)
        make, (call, combined) = ready.new[0], ready.steps[0]
        if combined or ready.results != [(len(self.inputs), make.args[0])]:
            return lambda arrays: self.run(ready, arrays)

        def run(arrays: Sequence[Array | None]) -> Any:
            places = (*arrays, make())
            call(id(places))
            return places[-1:]

        return run

    def run(self, ready: Prepared, arrays: Sequence[Array | None]) -> Any:
        """The results for `arrays` of sizes for which all is ready; None if a branch of the function would go another way."""
        places = (*[a for a in arrays if a is not None], *[make() for make in ready.new])
        for call, combined in ready.steps:
            call(id(places))
            for i, part, combine in combined:
                combine.reduce(places[part], axis=0, out=places[i].reshape(-1))
        for i, expected in ready.guards:
            if bool(places[i]) != expected:
                return None
        results = [shaped(places[i], shape) for i, shape in ready.results]
        return [None if i is None else results[i] for i in self.plan]

    # Kernels that go through flat arrays of one size once, and may write into what they read

    @functools.cached_property
    def sources(self) -> list[int]:
        """Where the arrays of the only kernel come from: numbers of inputs, or of outputs less the number of these."""
        outputs = [root for root, _ in self.outputs]
        return [self.inputs.index(r) if r in self.inputs else outputs.index(r) - len(outputs) for r, _ in self.kernels[0].roots]

    def call(self, arrays: Sequence[Array], size: int, into: Sequence[Array]) -> list[Array]:
        """What the only kernel is given for arrays that a run `writes_into`."""
        kept = self.kept[0]
        scratch = np.empty(self.threads * MOST_KEPT * SLOT * kept([size]) if kept else 0, np.uint8)
        return [*(arrays[i] if i >= 0 else into[i] for i in self.sources), scratch, np.array([size], np.int64)]

    def run_calls(self, calls: Sequence[list[Array]]) -> None:
        """Run the only kernel once for each of the `calls`, whose arrays do not overlap, or are the same."""
        table = np.array([list(map(id, arrays)) for arrays in calls], np.int64)
        pool.run(repeating(table.shape[1]), (self.addresses[0], address_of(table), len(calls)), self.threads)

    @functools.cached_property
    def made_once(self) -> list[Any] | None:
        """The dtypes of the results, where one kernel goes through all elements once; else None."""
        roots = [root for root, _ in self.outputs]
        flat = all([n.powers, n.rest] == [[1], 1] for _, shape in self.outputs for n in shape) and all(len(s) == 1 for _, s in self.outputs)
        once = len(self.kernels) == 1 and not self.guards and not self.kernels[0].partials and len(set(roots)) == len(roots)
        return [root.dtype for root in roots] if once and flat else None

    def writes_into(self, arrays: Sequence[Array], size: int) -> bool:
        """Whether a run may put its results into these arrays of that many elements, although it reads them."""
        return self.made_once is not None and self.made_once == [a.dtype for a in arrays] and all(a.size == size for a in arrays)


@functools.cache
def on_tuples(pointers: int) -> int:
    """The address of `on(record, tuple, thread, threads)`: a kernel is called with the memory of arrays in a tuple.

    After what `pool.ready` keeps there, the record has the kernel, the places of as many arrays as there are `pointers`, in words from the
    tuple's start, and the sizes.
    """
    body = Body("on", "ptr %record, ptr %tuple, i64 %thread, i64 %threads", llvm.vector_bits(), linkage="")
    function = body.put(f"load ptr, ptr {body.at('%record', pool.FIRST)}")
    places = [body.put(f"load i64, ptr {body.at('%record', pool.FIRST + 1 + i)}") for i in range(pointers)]
    sizes = body.at("%record", pool.FIRST + 1 + pointers)
    arrays = [body.put(f"load ptr, ptr {body.at('%tuple', place)}") for place in places]
    given = [body.put(f"load ptr, ptr {body.at(each, object.__basicsize__, 'i8')}") for each in arrays]
    body.do(f"call void {function}({', '.join(f'ptr {p}' for p in [*given, sizes])}, i64 %thread, i64 %threads)")
    return llvm.load(body.text(), ["on"])["on"]


@functools.cache
def repeating(pointers: int) -> int:
    """The address of `each(function, table, count, thread, threads)`: a kernel is called with the memory of as many of NumPy's arrays as
    there are `pointers` in each row of a table."""
    body = Body("each", "ptr %function, ptr %table, i64 %count, i64 %thread, i64 %threads", llvm.vector_bits(), linkage="")
    with body.loop("0", "%count") as loop:
        row = body.at("%table", body.integer("mul", loop.index, pointers))
        arrays = [body.put(f"load ptr, ptr {body.at(row, i)}") for i in range(pointers)]
        given = [body.put(f"load ptr, ptr {body.at(each, object.__basicsize__, 'i8')}") for each in arrays]
        body.do(f"call void %function({', '.join(f'ptr {p}' for p in given)}, i64 %thread, i64 %threads)")
    return llvm.load(body.text(), ["each"])["each"]


def shaped(array: Array, shape: tuple[int, ...]) -> Array:
    """The array in that shape: itself where it has it, since a view is nobody's own."""
    return array if array.shape == shape else array.reshape(shape)


class Sizeless(Trace):
    """A trace of arrays whose sizes stand in for others: nothing is called on them, as what native code does follows from real sizes."""

    def call(self, function: Any, args: Any, kwargs: Any, **attributes: Any) -> Any:
        raise Untraceable(f"it needs {getattr(function, '__name__', 'a function')}()")


class Sized(NamedTuple):
    """All sizes that a run needs to know beside what the kernels' texts say of them."""

    roots: list[list[Size]]  # shapes of the arrays that kernels use
    kept: list[Size | None]
    results: list[list[Size]]  # shapes


class Written:
    """The kernels of a function, written for stand-in sizes."""

    def __init__(self, function: Callable[..., Any], kinds: Any, symbols: Sequence[int], threads: int, streamed: int):
        trace = Sizeless()
        rng = np.random.default_rng(0)
        traced: list[Any] = []
        for each in kinds:
            if each is None:
                traced.append(None)
                continue
            char, shape = each
            size = tuple(n if n >= 0 else symbols[-1 - n] for n in shape)
            array = rng.uniform(0.2, 0.8, size).astype(char) if np.dtype(char).kind == "f" else np.zeros(size, char)
            traced.append(trace.input(array))
        self.inputs = list(trace.program.inputs)
        try:
            with np.errstate(all="ignore"):  # the stand-ins' numbers mean nothing
                result = function(*traced, sizes=symbols)
            results = result if isinstance(result, (tuple, list)) else (result,)
            self.values = [trace.value(r) for r in results if r is not None]
        except Untraceable as why:
            raise Unsuitable(str(why)) from why
        counter = iter(range(len(self.values)))
        self.plan = [None if r is None else next(counter) for r in results]
        if trace.constants:
            raise Unsuitable("it makes arrays by itself")
        trace.program.outputs = self.values + [value for value, _ in trace.guards]
        fuser = self.fused(trace)
        self.outputs = fuser.outputs[: len(self.values)]
        self.guards = [(root, answer) for root, (_, answer) in zip(fuser.outputs[len(self.values) :], trace.guards, strict=True)]
        self.kernels: list[Lowered] = []
        self.texts: list[str] = []
        self.functions: set[tuple[str, str]] = set()
        large = traced[streamed].array.size if streamed >= 0 else -1  # and such a result lies in memory that begins with a line
        for i, step in enumerate(fuser.steps):
            if not isinstance(step, Kernel):
                raise Unsuitable("it needs more than loops over elements")
            made = lowered(step, f"k{i}", threads, llvm.vector_bits(), symbols, lambda root: root.size == large)
            if made.kept[0] > MOST_KEPT:
                raise Unsuitable("it keeps too many values")
            self.kernels.append(made)
            self.texts.append(made.text.replace("define internal", "define", 1))
            self.functions |= made.functions

    def sized(self, symbols: Sequence[int]) -> Sized:
        """The sizes of arrays, of which `symbols` stand for some."""
        roots = dict.fromkeys(root for made in self.kernels for root, _ in made.roots)
        shapes = [[[Size.of(n, symbols) for n in value.shape] for value in values] for values in (roots, self.values)]
        return Sized(shapes[0], [Size.of(made.kept[1], symbols) if made.kept[0] else None for made in self.kernels], shapes[1])

    def fused(self, trace: Trace) -> Fuser:
        for instruction in trace.program.instructions:
            if instruction.operation in ("dot", "call", "scatter_add", "philox"):
                raise Unsuitable(f"it needs {instruction.operation}")
        return Fuser(simplified(trace.program))
