"""The shape of a direct convolution, and the tiles that its kernels compute at a time."""

from __future__ import annotations

from typing import NamedTuple

from ..gemm.microkernel import Tile, tile_for

REGISTERS = {512: {1: 14, 2: 12, 3: 8, 4: 6}, 256: {1: 10, 2: 6}, 128: {1: 10, 2: 6}}  # pixels of a tile by its vectors of channels
ROWS = {512: {1: 20, 2: 12}, 256: {1: 10, 2: 6}, 128: {1: 10, 2: 6}}  # elements of a window in a tile of the weight's gradient, likewise


class Part(NamedTuple):
    """One dimension of the results that meet the same elements of the kernel: every so many from the `first` one, `size` of them."""

    first: int
    size: int
    taps: range  # the elements of the kernel
    start: int  # the input that the first result's window begins with, counted from the first one that any window touches


class Shape(NamedTuple):
    """What a kernel is written for: windows of `kernel` elements over planes of `size`, `inputs` channels giving `outputs`.

    All pairs are of rows and columns; `before` is the padding above and to the left, negative where the input is cropped. With `by_channel`
    each output channel is of one input channel alone. Elements of the input lie `spacing` apart, and what would be zeros between them is
    left out: so a convolution's stride is taken back. Where that is not 1, stride and dilation are.
    """

    dtype: str
    inputs: int
    outputs: int
    size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    before: tuple[int, int]
    out: tuple[int, int]
    by_channel: bool = False
    spacing: tuple[int, int] = (1, 1)

    def touched(self, dim: int) -> tuple[int, int, int]:
        """The first input that a window touches, negative in the padding; how many windows of one row do, and how many all together."""
        ends = [(p.start, self.dilation[dim] * (len(p.taps) - 1), (p.size - 1) * self.stride[dim]) for p in self.placed(dim) if p.taps]
        first = min(start for start, _, _ in ends)
        return first, max(a + b for a, b, _ in ends) - first + 1, max(map(sum, ends)) - first + 1

    def placed(self, dim: int) -> list[Part]:
        """The parts of a dimension's results, where windows begin counted from the input's first element."""
        apart, before, out = self.spacing[dim], self.before[dim], self.out[dim]
        found = []
        for first in range(min(apart, out)):
            tap = (before - first) % apart
            taps = range(tap, self.kernel[dim], apart)
            found.append(Part(first, -(-(out - first) // apart), taps, (first + tap - before) // apart))
        return found

    def parts(self) -> list[tuple[Part, Part]]:
        """The parts of the results, by rows and columns."""
        rows, columns = ([p._replace(start=p.start - self.touched(dim)[0]) for p in self.placed(dim)] for dim in (0, 1))
        return [(row, column) for row in rows for column in columns]

    @property
    def depth(self) -> int:
        """Input channels that an output channel follows from."""
        return 1 if self.by_channel else self.inputs

    def tile(self, bits: int) -> Tile:
        """Vectors as wide as they can be filled."""
        tile = tile_for(self.dtype, bits)
        while tile.bits > 128 and self.outputs <= tile.lanes // 2:
            tile = tile_for(self.dtype, tile.bits // 2)
        return tile

    @property
    def pieces(self) -> int:
        """Into how many pieces of memory a row of a window falls, with channels last."""
        return 1 if self.dilation[1] == 1 else self.kernel[1]

    @property
    def run(self) -> int:
        """The elements of such a piece."""
        return self.inputs * self.kernel[1] // self.pieces

    @property
    def width(self) -> int:
        """Columns of the padded input that windows touch."""
        return self.touched(1)[2]

    def height(self, rows: int) -> int:
        """Rows of the padded input that so many rows of windows touch, at most."""
        return (-(-rows // self.spacing[0]) - 1) * self.stride[0] + self.touched(0)[1]

    def blocks(self, bits: int) -> tuple[int, int]:
        """How many vectors of output channels a tile has, and how many such blocks there are."""
        tile = self.tile(bits)
        count = -(-self.outputs // tile.lanes)
        known = REGISTERS[tile.bits]
        vectors = next(v for v in sorted(known, reverse=True) if count % v == 0 or v == 1 or (v == 2 and count > 4))
        return vectors, -(-count // vectors)

    def padded_outputs(self, bits: int) -> int:
        """Output channels in whole blocks."""
        vectors, count = self.blocks(bits)
        return vectors * count * self.tile(bits).lanes

    def pixels(self, bits: int, columns: int) -> tuple[int, list[tuple[int, int, int]]]:
        """How many rows a tile has, and the columns that tiles cover of so many: first, end, columns of a tile."""
        most = REGISTERS[self.tile(bits).bits][self.blocks(bits)[0]]
        count = -(-columns // most)
        wide = -(-columns // count)
        whole = columns // wide * wide
        spans = [(0, whole, wide)] + ([(whole, columns, columns - whole)] if whole < columns else [])
        return max(1, most // columns) if count == 1 else 1, spans

    def tall(self, bits: int) -> int:
        """Rows of results that whole tiles cover."""
        return max(self.pixels(bits, part.size)[0] for _, part in self.parts()) * self.spacing[0]

    def gradient_tile(self, bits: int) -> tuple[int, int]:
        """Elements of a window and vectors of output channels in a tile of the weight's gradient; 0 where none fits well."""
        tile = self.tile(bits)
        vectors = 2 if -(-self.outputs // tile.lanes) % 2 == 0 else 1
        most = ROWS[tile.bits][vectors]
        rows = max(n for n in range(1, most + 1) if self.run % n == 0)
        return (rows if rows * vectors >= min(6, self.run * vectors) else 0), vectors
