"""What a generator knows of the program it writes: names with their shapes, dtypes, memory and history.

Nothing is run. Each name has a shadow, an array of the places of its elements in its storage, on which NumPy's views do what
the library's will: so shapes are known, and which names share memory.
"""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np

FLOATS = ("float64", "float32", "float16", "bfloat16")
COMPLEX = ("complex128", "complex64")
INTS = ("int64", "int32", "uint8")
ORDER = ("bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128")


@dataclasses.dataclass
class Storage:
    """The memory of some names."""

    size: int
    needs: bool = False  # a name on it has a history
    leaf: bool = False  # it is a leaf's that needs a gradient
    watched: bool = False  # a name on it has a hook or retains its gradient
    viewed: bool = False
    sure: bool = True  # it is laid out row by row in PyTorch, too
    written: bool = False
    beside: Storage | None = None  # what it shares its memory with, with a history of its own

    @property
    def memory(self) -> Storage:
        return self if self.beside is None else self.beside.memory


@dataclasses.dataclass
class Name:
    """A tensor of the program."""

    text: str
    shadow: np.ndarray
    dtype: str
    storage: Storage
    several: bool = False  # one of the views that one call made: writes are refused

    @property
    def shape(self) -> tuple[int, ...]:
        return self.shadow.shape

    @property
    def ndim(self) -> int:
        return self.shadow.ndim

    @property
    def size(self) -> int:
        return self.shadow.size

    @property
    def is_float(self) -> bool:
        return self.dtype in FLOATS

    @property
    def is_smooth(self) -> bool:
        return self.dtype in FLOATS or self.dtype in COMPLEX

    @property
    def overlaps(self) -> bool:
        return self.size > 1 and np.unique(self.shadow).size < self.size


class State:
    """The program so far."""

    def __init__(self, r: random.Random, avoid: frozenset[str] = frozenset()):
        self.r, self.avoid = r, avoid
        self.names: list[Name] = []
        self.statements: list[str] = []
        self.hidden: set[str] = set()  # names that are not looked at in the end
        self.block: list[str] | None = None
        self.grad = True
        self.count = 0
        self.dtype = r.choices(FLOATS, (60, 30, 5, 5) if self.may("B") else (65, 35, 0, 0))[0]

    def may(self, kind: str) -> bool:
        """Whether the program may hold what shows a known kind of defect."""
        return kind not in self.avoid

    def chance(self, p: float) -> bool:
        return self.r.random() < p

    def emit(self, text: str) -> None:
        (self.statements if self.block is None else self.block).append(text)

    def fresh(self, letter: str = "t") -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def pick(self, wanted: Callable[[Name], bool] = lambda _: True, recent: bool = True) -> Name | None:
        """One of the names that are wanted, more often a recent one."""
        found = [n for n in self.names if wanted(n)]
        if not found:
            return None
        if recent and len(found) > 3 and self.chance(0.5):
            found = found[-3:]
        return self.r.choice(found)

    def bind(self, text: str, shape: tuple[int, ...], dtype: str, needs: bool = False, letter: str = "t", sure: bool = True) -> Name:
        """A statement that gives a new name to a new tensor."""
        size = math.prod(shape)
        storage = Storage(size, needs=needs and self.grad and dtype in FLOATS + COMPLEX, sure=sure)
        return self.bind_shadow(text, np.arange(size).reshape(shape), dtype, storage, letter)

    def bind_shadow(self, text: str, shadow: np.ndarray, dtype: str, storage: Storage, letter: str = "t") -> Name:
        name = Name(self.fresh(letter), shadow, dtype, storage)
        self.emit(f"{name.text} = {text}")
        self.names.append(name)
        return name


def promoted(a: Name, b: Name) -> str:
    """The dtype of an operation on two tensors."""
    if (a.ndim == 0) != (b.ndim == 0):
        strong, weak = (a, b) if a.ndim else (b, a)
        return strong.dtype if category(strong.dtype) >= category(weak.dtype) else weak.dtype
    return join(a.dtype, b.dtype)


def category(dtype: str) -> int:
    return 0 if dtype == "bool" else 1 if dtype in INTS else 2 if dtype in FLOATS else 3


def join(a: str, b: str) -> str:
    """The smallest dtype that holds both, by PyTorch's rules."""
    if {a, b} == {"float16", "bfloat16"}:
        return "float32"
    if {a, b} == {"float64", "complex64"}:
        return "complex128"
    return max(a, b, key=ORDER.index)


def shape_of(r: random.Random, ndim: int | None = None, most: int = 60) -> tuple[int, ...]:
    """A small shape, rarely with a size of 0 or 1."""
    if ndim is None:
        ndim = r.choices((0, 1, 2, 3, 4), (1, 4, 8, 4, 1))[0]
    shape = tuple(r.choices((0, 1, 2, 3, 4, 5), (1, 8, 26, 34, 22, 9))[0] for _ in range(ndim))
    return shape if math.prod(shape) <= most else tuple(min(s, 2) for s in shape)


def tuple_text(shape: Any) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def data(s: State, shape: tuple[int, ...], dtype: str) -> str:
    """An expression for a tensor of that shape, the same to the last bit for both libraries."""
    r, n = s.r, math.prod(shape)
    to = "" if dtype == "float64" else f".to(torch.{dtype})"
    reshaped = "" if len(shape) == 1 else f".reshape({tuple_text(shape)})"
    if dtype == "bool":
        return f"(torch.arange({n}){reshaped} % {r.choice((2, 3))} == 0)"
    if dtype in INTS:
        low = 0 if dtype == "uint8" else r.choice((0, 1, 2))
        to = to if dtype != "int64" else ""
        return f"(torch.arange({n}){reshaped} * {r.choice((1, 2, 3, 7))} % {r.choice((4, 5, 7))} - {low}){to}"
    if dtype in COMPLEX:
        part = f"torch.arange({n}.).double(){reshaped} * 0.3"
        return f"torch.complex({part} - 1, {part} + 0.2)" + (".to(torch.complex64)" if dtype == "complex64" else "")
    way = r.random()
    if way < 0.55:  # computed after it has its shape: a leaf that is a view of something is an odd one
        step, start = r.choice((0.25, 0.37, 0.5, 1.0)), r.choice((0.0, 0.5, -1.1, 1.0, -0.3))
        return f"(torch.arange({n}., dtype=torch.float64){reshaped} * {step} + {start}){to}"
    if way < 0.75 and 0 < n <= 12:
        return f"torch.tensor({literal(r, shape)}, dtype=torch.{dtype})"
    if way < 0.88:
        return f"torch.{r.choice(('ones', 'ones', 'zeros'))}({tuple_text(shape)}, dtype=torch.{dtype})"
    return f"torch.full({tuple_text(shape)}, {r.choice((0.5, 2.0, -1.5))}, dtype=torch.{dtype})"


def literal(r: random.Random, shape: tuple[int, ...]) -> str:
    """A nested list of numbers."""
    if not shape:
        return str(r.choice((0.5, 1.5, -0.75, 2.0, 1.0, -1.0, 0.0, 3.0)))
    return "[" + ", ".join(literal(r, shape[1:]) for _ in range(shape[0])) + "]"


def new_tensor(s: State, shape: tuple[int, ...] | None = None, dtype: str | None = None, needs: bool | None = None) -> Name:
    """A statement that makes a tensor from numbers."""
    r = s.r
    if shape is None:
        shape = shape_of(r)
        if not s.may("empty"):
            shape = tuple(max(n, 1) for n in shape)
    if dtype is None:
        others = [*FLOATS[: 4 if s.may("B") else 2], *INTS[: 3 if s.may("uint8") else 2], "bool", *COMPLEX]
        dtype = s.dtype if s.chance(0.85) else r.choice(others)
    smooth = dtype in FLOATS + COMPLEX
    if needs is None:
        needs = smooth and s.chance(0.65)
    text = data(s, shape, dtype)
    sure = True
    if len(shape) >= 2 and s.chance(0.12):  # laid out otherwise
        text, sure = data(s, (*shape[:-2], shape[-1], shape[-2]), dtype) + ".mT" + (".clone()" if needs else ""), False
    elif shape and not needs and s.chance(0.1):
        text, sure = data(s, (shape[0] * 2, *shape[1:]), dtype) + "[::2]", False
    if needs and dtype in FLOATS and s.chance(0.15):
        text = f"nn.Parameter({text})"
    elif needs:
        text = f"{text}.requires_grad_()" if s.chance(0.9) else f"({text}).clone().requires_grad_(True)"
    name = s.bind(text, shape, dtype, letter="x" if needs else "c", sure=sure)
    name.storage.needs = name.storage.leaf = needs
    return name


def broadcasts_to(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False
