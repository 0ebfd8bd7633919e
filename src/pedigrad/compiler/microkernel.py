"""LLVM IR as text: a function in the making, and the register-tiled product of two packed panels.

A `Body` collects the instructions of one function in SSA form. Values are written as LLVM writes them: "%name", or a number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

TILES = {512: (14, 2), 256: (6, 2), 128: (8, 2)}  # register width in bits: rows, and vectors in a row, that stay in registers
ELEMENTS = {"float32": ("float", 4), "float64": ("double", 8)}


class Tile(NamedTuple):
    """What one call of the microkernel computes: `rows` by `columns` elements, `lanes` to a vector."""

    element: str
    size: int
    bits: int
    lanes: int
    rows: int
    columns: int

    @property
    def vector(self) -> str:
        """The type of a vector of elements."""
        return f"<{self.lanes} x {self.element}>"


def tile_for(dtype: str, bits: int) -> Tile:
    """The tile for a dtype ("float32" or "float64") on registers of `bits` bits."""
    element, size = ELEMENTS[dtype]
    lanes = bits // (8 * size)
    rows, vectors = TILES[bits]
    return Tile(element, size, bits, lanes, rows, vectors * lanes)


class Loop:
    """A loop while its body is written: `index`, the values `carried` from round to round, and what the next round gets."""

    def __init__(self, index: str, carried: list[str], step: str):
        self.index, self.carried, self.step = index, carried, step
        self.next = carried


class Body:
    """The text of one function: instructions with fresh names, branches and loops."""

    def __init__(self, name: str, arguments: str, bits: int, linkage: str = "internal "):
        self.lines = [
            f'define {linkage}void @{name}({arguments}) noinline nounwind "prefer-vector-width"="{bits}" "min-legal-vector-width"="{bits}" {{',
            "entry:",
        ]
        self.block = "entry"
        self.intrinsics: set[str] = set()
        self._names = 0

    def fresh(self) -> str:
        """A name not used before."""
        self._names += 1
        return f"v{self._names}"

    def do(self, text: str) -> None:
        """Append an instruction without a result."""
        self.lines.append(f"  {text}")

    def put(self, text: str) -> str:
        """Append an instruction; returns its result."""
        name = f"%{self.fresh()}"
        self.do(f"{name} = {text}")
        return name

    def label(self, name: str) -> None:
        """Begin a basic block."""
        self.lines.append(f"{name}:")
        self.block = name

    def call(self, result: str, name: str, *arguments: str) -> str:
        """Call an intrinsic whose arguments are written "type value"; returns its result ("" for void)."""
        types = ", ".join(a[: a.rindex(" ")] if " " in a else a for a in arguments)
        self.intrinsics.add(f"declare {result} @{name}({types})")
        text = f"call {result} @{name}({', '.join(arguments)})"
        if result == "void":
            self.do(text)
            return ""
        return self.put(text)

    def integer(self, operation: str, x: object, y: object) -> str:
        """A 64-bit integer operation: add, sub, mul, udiv, and so on."""
        return self.put(f"{operation} i64 {x}, {y}")

    def smaller(self, x: object, y: object, kind: str = "slt") -> str:
        """The smaller of two 64-bit integers (the larger one with kind="sgt")."""
        test = self.put(f"icmp {kind} i64 {x}, {y}")
        return self.put(f"select i1 {test}, i64 {x}, i64 {y}")

    def at(self, pointer: str, index: object, element: str = "i64") -> str:
        """The address of an element."""
        return self.put(f"getelementptr {element}, ptr {pointer}, i64 {index}")

    def word(self, pointer: str, index: object) -> str:
        """The 64-bit integer at an index."""
        return self.put(f"load i64, ptr {self.at(pointer, index)}")

    @contextmanager
    def loop(self, start: object, stop: object, step: object = 1, carry: Sequence[tuple[str, str]] = ()) -> Iterator[Loop]:
        """Write the body of a loop from `start` while below `stop`; `carry` gives types and first values of what is carried."""
        tag = self.fresh()
        before, head, inside, latch, end = (f"{tag}.{part}" for part in ("before", "head", "body", "latch", "end"))
        self.do(f"br label %{before}")
        self.label(before)
        self.do(f"br label %{head}")
        self.label(head)
        loop = Loop(self.put(""), [self.put("") for _ in carry], str(step))
        first = len(self.lines) - 1 - len(carry)
        test = self.put(f"icmp slt i64 {loop.index}, {stop}")
        self.do(f"br i1 {test}, label %{inside}, label %{end}")
        self.label(inside)
        yield loop
        self.do(f"br label %{latch}")
        self.label(latch)
        following = [self.integer("add", loop.index, loop.step), *loop.next]
        for i, (kind, value) in enumerate([("i64", str(start)), *carry]):
            self.lines[first + i] += f"phi {kind} [ {value}, %{before} ], [ {following[i]}, %{latch} ]"
        self.do(f"br label %{head}")
        self.label(end)

    def choose(self, test: str, kind: str, then: Callable[[], str], otherwise: Callable[[], str]) -> str:
        """The value of `then` where `test` holds, else that of `otherwise`; kind "void" for branches without a value."""
        tag = self.fresh()
        self.do(f"br i1 {test}, label %{tag}.then, label %{tag}.else")
        values = []
        for part, make in (("then", then), ("else", otherwise)):
            self.label(f"{tag}.{part}")
            values.append((make(), self.block))
            self.do(f"br label %{tag}.end")
        self.label(f"{tag}.end")
        if kind == "void":
            return ""
        return self.put(f"phi {kind} " + ", ".join(f"[ {value}, %{block} ]" for value, block in values))

    def when(self, test: str, then: Callable[[], object]) -> None:
        """Run `then` only where `test` holds."""
        self.choose(test, "void", lambda: str(then()), str)

    def text(self) -> str:
        """The whole function."""
        return "\n".join([*self.lines, "  ret void", "}", ""])


def splat(body: Body, kind: str, lanes: int, value: str) -> str:
    """A vector with one scalar in all lanes."""
    vector = f"<{lanes} x {kind}>"
    one = body.put(f"insertelement {vector} poison, {kind} {value}, i64 0")
    return body.put(f"shufflevector {vector} {one}, {vector} poison, <{lanes} x i32> zeroinitializer")


def microkernel(name: str, tile: Tile) -> Body:
    """tile[r, c] = sum over k of a[k, r] * b[k, c], where `a` and `b` are packed panels and `tile` is contiguous."""
    body = Body(name, "i64 %k, ptr %a, ptr %b, ptr %tile", tile.bits)
    vector, lanes = tile.vector, tile.lanes
    spots = [(r, c) for r in range(tile.rows) for c in range(0, tile.columns, lanes)]
    with body.loop(0, "%k", carry=[(vector, "zeroinitializer") for _ in spots]) as loop:
        a = body.at("%a", body.integer("mul", loop.index, tile.rows), tile.element)
        b = body.at("%b", body.integer("mul", loop.index, tile.columns), tile.element)
        row = {
            c: body.put(f"load {vector}, ptr {body.at(b, c, tile.element)}, align {tile.bits // 8}") for c in range(0, tile.columns, lanes)
        }
        following = []
        for (r, c), old in zip(spots, loop.carried, strict=True):
            if c == 0:
                x = body.put(f"load {tile.element}, ptr {body.at(a, r, tile.element)}")
                x = splat(body, tile.element, lanes, x)
            suffix = f"v{lanes}f{8 * tile.size}"
            following.append(body.call(vector, f"llvm.fmuladd.{suffix}", f"{vector} {x}", f"{vector} {row[c]}", f"{vector} {old}"))
        loop.next = following
    for (r, c), value in zip(spots, loop.carried, strict=True):
        body.do(f"store {vector} {value}, ptr {body.at('%tile', r * tile.columns + c, tile.element)}, align {tile.bits // 8}")
    return body
