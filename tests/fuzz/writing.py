"""How random programs are written: candidates for a statement are tried on eager pedigrad, and one that runs is kept.

So no shape rule is needed here: a template that does not fit the tensors there are is another try.
"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from fuzz import programs

HOLE = re.compile(r"\{(\w+)\}")


class Writer:
    """Statements so far, and the names that they have bound when they were tried."""

    def __init__(self, random: Any, library: Any):
        self.random, self.library = random, library
        self.space: dict[str, Any] = {"torch": library, "nn": library.nn, "F": library.nn.functional, "np": np}
        self.given = set(self.space) | {"__builtins__"}
        self.statements: list[str] = []
        self.names = 0

    # Trying

    def works(self, statement: str) -> bool:
        """Whether a statement runs here. It has run then."""
        try:
            with quiet():
                exec(compile(statement, "<candidate>", "exec"), self.space)
        except Exception:
            return False
        return True

    def value(self, expression: str) -> Any:
        """What an expression gives here; None where it fails."""
        try:
            with quiet():
                return eval(expression, self.space)
        except Exception:
            return None

    def add(self, statement: str) -> bool:
        """Take a statement if it runs."""
        if not self.works(statement):
            return False
        self.statements.append(statement)
        return True

    def one_of(self, candidates: Callable[[], str], tries: int = 8) -> str | None:
        """The first of some candidates that runs."""
        for _ in range(tries):
            statement = candidates()
            if self.works(statement):
                return statement
        return None

    # Choosing

    def fresh(self, stem: str) -> str:
        self.names += 1
        return f"{stem}{self.names}"

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def choose(self, table: Sequence[Any]) -> Any:
        """An entry of a table: texts, or pairs of a weight and a text."""
        weights = [each[0] if isinstance(each, tuple) else 1 for each in table]
        found = self.random.choices(table, weights)[0]
        return found[1] if isinstance(found, tuple) else found

    def tensors(self, wanted: Callable[[Any], bool] = lambda t: True, among: Iterable[str] | None = None) -> list[str]:
        """Names of tensors, in the order in which they were bound."""
        names = self.space if among is None else among
        found = []
        for name in names:
            value = self.space.get(name)
            if name not in self.given and isinstance(value, self.library.Tensor) and wanted(value):
                found.append(name)
        return found

    def pick(self, names: Sequence[str]) -> str:
        """One of some names, later ones more often."""
        if not names:
            raise LookupError
        return names[-1 - min(int(self.random.expovariate(0.5)), len(names) - 1)] if self.chance(0.6) else self.random.choice(names)

    def filled(self, template: str, holes: dict[str, Callable[[dict[str, str]], str]]) -> str:
        """A template with its holes filled from left to right; `holes` are given what was filled in before."""
        before: dict[str, str] = {}

        def fill(match: re.Match[str]) -> str:
            text = holes[match.group(1)](before)
            before[match.group(1)] = text
            return text

        return HOLE.sub(fill, template)


@contextlib.contextmanager
def quiet() -> Any:
    """Nothing is printed and nothing warns."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


# Tensors of all layouts

SIZES = (1, 2, 3, 4)


def shape_text(shape: Sequence[int]) -> str:
    return f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"


def layouts(shape: Sequence[int], seed: int) -> list[tuple[float, str]]:
    """Expressions for a tensor of that shape, laid out in different ways."""
    sizes, n = ", ".join(map(str, shape)) or "()", int(np.prod(shape, dtype=int))
    plain = f"torch.randn({sizes})"
    found = [(5.0, plain), (1.0, f"torch.arange({n}.).reshape({shape_text(shape)}) / {n + 1}")]
    if len(shape) == 1:
        found += [
            (1, f"torch.randn({2 * n})[::2]"),
            (1, f"torch.randn({n}, 3)[:, 1]"),
            (1, f"torch.from_numpy(np.linspace(-1, 1, {n})[::-1])"),
        ]
        odd = ["-0.0", "float('-inf')", "float('nan')", "1e30", "float('inf')", "-1.0"]
        found += [(0.15, f"torch.tensor([{', '.join(odd[(seed + i) % 6] for i in range(n))}])")]
        found += [(0.5, f"torch.randn(1).expand({n})"), (0.5, f"torch.randn({n + 2})[1:-1]")]
    if len(shape) == 2:
        a, b = shape
        found += [
            (2, f"torch.randn({b}, {a}).t()"),
            (1, f"torch.randn({a}, {2 * b})[:, ::2]"),
            (1, f"torch.randn({a + 1}, {b + 2})[1:, 1:-1]"),
        ]
        found += [(1, f"torch.randn({a}, 1).expand({a}, {b})"), (1, f"torch.randn({b}).expand({a}, {b})")]
        steps = self_choice(seed, ["[:, ::-1]", "[::-1]", "[::-1, ::-1]", ".T[::-1].T[:, ::-1]", ".T.copy().T", ".T.copy().T[::-1]"])
        found += [(2, f"torch.from_numpy((np.arange({n}.).reshape({a}, {b}) / {n}){steps})")]
        found += [(1, f"torch.randn({a + b}).as_strided(({a}, {b}), (1, 1))"), (0.7, f"torch.randn({a + b - 1}).unfold(0, {b}, 1)")]
        found += [(1, f"torch.randn({b}, {a}).t() * 1.")]
    if len(shape) == 3:
        a, b, c = shape
        found += [(2, f"torch.randn({a}, {c}, {b}).permute(0, 2, 1)"), (1, f"torch.randn({c}, {b}, {a}).permute(2, 1, 0)")]
        found += [(1, f"torch.randn({b}, {c}).expand({a}, {b}, {c})"), (1, f"torch.randn({a}, {b}, {c + 1})[..., 1:]")]
        found += [(1, f"torch.from_numpy((np.arange({n}.).reshape({a}, {b}, {c}) / {n})[:, ::-1])")]
    return [(float(weight), text) for weight, text in found]


def self_choice(seed: int, items: Sequence[str]) -> str:
    return items[programs.source(seed, "layout").randrange(len(items))]
