"""The loop over time: a thread takes its sequences through all steps, so that no thread waits for another.

The state's matrix is packed once (`codegen/gemm/rows.py`) and stays in the thread's cache; what a cell computes, unit by unit, is a loop of
its own that LLVM turns into vectors (`cells.py`). Each number is one sum in the order of the units, whatever the threads.
"""

from __future__ import annotations

from ..emit.formula_loop import formula_loop
from ..emit.kernel_body import share
from ..formulas.values import Precision, Value
from ..gemm.microkernel import Body, Tile
from .cells import ALL, BEFORE, CELLS, SCRATCH, STATE, Cell


def pointers_of(cell: Cell) -> list[tuple[str, int]]:
    """The rows that a formula works on: an array and one of its gates each."""
    return [(array.name, gate) for array in cell.arrays for gate in range(array.gates)]


def units_function(name: str, cell: Cell, tile: Tile) -> str:
    """`name(pointers, count)`: the formula for `count` units that lie side by side in each of the rows."""
    pointers = pointers_of(cell)

    def formula(elements: list[Value], numbers: list[Value], at: Precision) -> dict[int, Value]:
        given: dict[str, list[Value]] = {array.name: [] for array in cell.arrays}
        for (array, _), each in zip(pointers, elements, strict=True):
            given[array].append(each)
        made = cell.formula(given, at)
        # A gate may be a constant, which is no value.
        return {
            pointers.index((array, gate)): value if isinstance(value, Value) else elements[0].constant(value)
            for array, values in made.items()
            for gate, value in enumerate(values)
        }

    return formula_loop(name, len(pointers), 0, formula, tile.element, tile.bits)


def sequence_function(kind: str, tile: Tile) -> tuple[Body, str]:
    """The loop over time of a kind of cell, and the function for its units.

    `kind(<array>, ..., <array>_start, ..., product, packed, scratch, steps, count, sequences, width, thread, threads)`: `steps` holds the
    first row and the rows of each step, in the order in which they are gone through; arrays of the step before begin with `<array>_start`.
    """
    cell = CELLS[kind]
    gates = max(array.gates for array in cell.arrays)
    before = [array.name for array in cell.arrays if array.place is BEFORE]
    names = [array.name for array in cell.arrays if array.place is not SCRATCH] + [f"{name}_start" for name in before]
    rest = "ptr %call, ptr %packed, ptr %scratch, ptr %steps, i64 %count, i64 %sequences, i64 %width, i64 %thread, i64 %threads"
    body = Body(kind, ", ".join([*(f"ptr %{name}" for name in names), rest]), tile.bits, "")
    integer, element = body.integer, tile.element
    low, high = share(body, "%sequences")
    all_gates = integer("mul", "%width", gates)

    def row(name: str, step_row: str, sequence: str, earlier: str, has_earlier: str) -> str:
        """The address of the first unit's first number."""
        array = next(each for each in cell.arrays if each.name == name)
        wide = integer("mul", "%width", array.gates)
        if array.place is ALL:
            return f"%{name}"
        if array.place is SCRATCH:
            return body.at("%scratch", integer("mul", sequence, all_gates), element)
        if array.place is BEFORE:
            there = body.at(f"%{name}", integer("mul", earlier, wide), element)
            first = body.at(f"%{name}_start", integer("mul", sequence, wide), element)
            return body.put(f"select i1 {has_earlier}, ptr {there}, ptr {first}")
        return body.at(f"%{name}", integer("mul", sequence if array.place is STATE else step_row, wide), element)

    with body.loop(0, "%count") as step:
        start = body.word("%steps", integer("shl", step.index, 1))
        there = body.word("%steps", integer("add", integer("shl", step.index, 1), 1))
        rows = integer("sub", body.smaller(high, there), low)
        place = integer("sub" if cell.forward else "add", step.index, 1)
        # The step before in time: of the first there is none, and none of its rows is taken.
        is_first = body.put(f"icmp eq i64 {step.index}, {0 if cell.forward else integer('sub', '%count', 1)}")
        place = body.put(f"select i1 {is_first}, i64 {step.index}, i64 {place}")
        earlier_start = body.word("%steps", integer("shl", place, 1))
        earlier_rows = body.put(f"select i1 {is_first}, i64 0, i64 {body.word('%steps', integer('add', integer('shl', place, 1), 1))}")

        def multiply(rows: str = rows, start: str = start) -> None:
            """Add the product with the packed matrix."""
            left = next(a for a in cell.arrays if a.name == cell.left)
            into = next(a for a in cell.arrays if a.name == cell.into)
            first = integer("add", start, low)
            a, c = (row(each.name, first, low, "0", "false") for each in (left, into))
            a_row, c_row = (integer("mul", "%width", each.gates) for each in (left, into))
            body.do(f"call void %call(ptr {a}, i64 {a_row}, ptr %packed, ptr {c}, i64 {c_row}, i64 {rows}, i64 {a_row}, i64 {c_row})")

        def units(start: str = start, earlier_start: str = earlier_start, earlier_rows: str = earlier_rows, rows: str = rows) -> None:
            """The formula for all units of each row."""
            with body.loop(low, integer("add", low, rows)) as sequence:
                now = integer("add", start, sequence.index)
                earlier = integer("add", earlier_start, sequence.index)
                has_earlier = body.put(f"icmp slt i64 {sequence.index}, {earlier_rows}")
                places = []
                for array in cell.arrays:
                    first = row(array.name, now, sequence.index, earlier, has_earlier)
                    places += [body.at(first, integer("mul", "%width", gate), element) for gate in range(array.gates)]
                body.do(f"call void @{kind}_units({', '.join(f'ptr {place}' for place in places)}, i64 %width)")

        def work() -> None:
            for each in (multiply, units) if cell.forward else (units, multiply):
                each()

        body.when(body.put(f"icmp sgt i64 {rows}, 0"), work)
    return body, units_function(f"{kind}_units", cell, tile)
