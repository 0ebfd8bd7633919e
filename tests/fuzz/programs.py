"""Programs as text: run on a library, what is seen of them compared, and made smaller while they still fail.

A family of programs is a module of this package with

    generate(seed, avoid=frozenset()) -> Program     the same for a seed for ever
    compare(program) -> str | None                   runs it in two ways; how they differ
    group(program, difference) -> str                what findings of one cause share (may be left out)
    KNOWN                                            names that `avoid` may hold, with what they leave out
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import io
import random
import re
import types
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

HEAD = "import pedigrad as torch  # or: import torch\nimport numpy as np\nfrom math import inf, nan"
NO_MODE = contextlib.nullcontext()


@dataclasses.dataclass(frozen=True)
class Program:
    """Statements, each the text of one (a block is one of several lines), and what is looked at in the end."""

    statements: tuple[str, ...]
    observe: tuple[str, ...] = ()  # expressions; none: whatever the program has bound

    def __str__(self) -> str:
        return "\n".join([HEAD, *self.statements])


def parse(text: str) -> Program:
    """The program that a text is, without its imports of the library."""
    body = ast.parse(text).body
    kept = [
        s for s in body if not isinstance(s, (ast.Import, ast.ImportFrom)) or s.names[0].name not in ("torch", "pedigrad", "numpy", "inf")
    ]
    return Program(tuple(ast.get_source_segment(text, s) or ast.unparse(s) for s in kept))


def source(seed: int, family: str) -> random.Random:
    """A random source that depends on nothing but its arguments."""
    return random.Random(f"{family} {seed}")


# Running


@dataclasses.dataclass
class Seen:
    """What can be seen of a tensor."""

    kind: str
    dtype: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    requires_grad: bool
    is_leaf: bool
    has_grad_fn: bool
    array: np.ndarray | None
    grad: Any = None


@dataclasses.dataclass
class Raised:
    """An exception: where it came and what it was."""

    statement: int
    names: tuple[str, ...]  # its class and the bases of that
    text: str

    def __str__(self) -> str:
        return f"{self.names[0]}: {' '.join(self.text.split())[:240]}"


@dataclasses.dataclass
class Observations:
    """All that a run has shown."""

    values: dict[str, Any]
    prints: str
    raised: Raised | None


def run(program: Program, library: Any, names: dict[str, Any] | None = None, refresh: bool = False, mode: Any = NO_MODE) -> Observations:
    """What the program shows with the library as `torch` and other names bound beside it, its statements run in a mode.

    With `refresh`, each tensor's grad_fn is read before each statement: some checks of PyTorch 2.13 take a view for a leaf where
    its base was written to and nobody has asked for its grad_fn since.
    """
    space: dict[str, Any] = {
        "torch": library,
        "nn": library.nn,
        "F": library.nn.functional,
        "np": np,
        "inf": np.inf,
        "nan": np.nan,
        "__name__": "program",
    }
    space |= names or {}
    given, raised, out = set(space), None, io.StringIO()
    library.default_generator.manual_seed(0)  # torch.manual_seed takes milliseconds
    np.random.seed(0)  # a program that is being made smaller may draw from it
    with warnings.catch_warnings(), contextlib.redirect_stdout(out), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            for number, statement in enumerate(program.statements):
                for each in list(space.values()) if refresh else ():
                    with contextlib.suppress(Exception):
                        _ = each.grad_fn
                try:
                    with mode:
                        exec(compile(statement, "<program>", "exec"), space)
                except Exception as error:
                    raised = Raised(number, tuple(c.__name__ for c in type(error).__mro__), str(error))
                    break
            values = {}
            for name in program.observe or sorted(n for n in set(space) - given if not n.startswith("__")):
                try:
                    values[name] = seen(eval(name, space), library)
                except Exception as error:
                    values[name] = f"{type(error).__name__}"
        finally:
            library.set_grad_enabled(True)
            library.set_default_dtype(library.float32)
            space.clear()
    return Observations(values, out.getvalue(), raised)


def seen(value: Any, library: Any, depth: int = 0) -> Any:
    """A value as plain data: tensors as Seen, containers of them, modules as their state and gradients."""
    if isinstance(value, library.Tensor):
        return seen_tensor(value, library, depth)
    if isinstance(value, (bool, int, float, complex, str, type(None), np.ndarray)):
        return value
    if depth > 6:
        return "..."
    if isinstance(value, (tuple, list)):
        return [seen(each, library, depth + 1) for each in value]
    if isinstance(value, dict):
        return {str(key): seen(each, library, depth + 1) for key, each in value.items()}
    if isinstance(value, types.ModuleType):
        return "a module"
    if isinstance(value, library.nn.Module):
        tensors = list(value.named_parameters()) + list(value.named_buffers())
        return {name: seen(each, library, depth + 1) for name, each in tensors}
    return type(value).__name__ if not callable(value) and not hasattr(value, "__enter__") else "an object"


def seen_tensor(value: Any, library: Any, depth: int = 0) -> Seen:
    """All that can be seen of a tensor."""
    grad = value.grad if depth < 6 else None
    dtype = str(value.dtype).rpartition(".")[2]
    return Seen(
        type(value).__name__, dtype, tuple(value.shape), tuple(value.stride()), value.requires_grad, value.is_leaf,
        value.grad_fn is not None, elements(value, dtype), None if grad is None else seen_tensor(grad, library, depth + 3),
    )  # fmt: skip


def elements(tensor: Any, dtype: str) -> np.ndarray:
    """A copy of a tensor's elements, in memory that is not NumPy's: between guard pages that would take long."""
    plain = tensor.detach()
    if hasattr(plain, "resolve_conj"):
        plain = plain.resolve_conj().resolve_neg()
    if getattr(plain, "_is_zerotensor", bool)():
        plain = plain.clone()
    array = (plain.float() if dtype == "bfloat16" else plain).numpy()
    return np.ndarray(array.shape, array.dtype, array.tobytes())


# Comparing

TOLERANCE = {  # relative, and absolute for the largest element of the tensor; that of the program's narrowest dtype is taken
    "float64": (1e-7, 1e-9),
    "float32": (2e-4, 2e-5),
    "float16": (2e-2, 1e-2),
    "bfloat16": (8e-2, 4e-2),
}


def differ(given: Observations, right: Observations, strides: bool = False) -> str | None:
    """How what was given differs from what is right, the kind of the difference first; None where they agree."""
    a, b = given.raised, right.raised
    if a is None and b is not None:
        return f"refusal: statement {b.statement} raised nothing, right is {b}"
    if a is not None and (b is None or a.statement < b.statement):
        return f"raises: statement {a.statement} raised {a}, right is no error"
    if a is not None and b is not None:
        if a.statement != b.statement:
            return f"refusal: statement {b.statement} raised nothing, right is {b}"
        if b.names[0] not in a.names:
            return f"error type: statement {a.statement} raised {a}, right is {b}"
        return None  # what a statement that fails leaves behind is not compared
    coarse = coarsest(list(right.values.values()))
    for name, value in right.values.items():
        if name not in given.values:
            return f"names: {name} is not bound"
        text = differ_values(given.values[name], value, name, strides, coarse)
        if text:
            return text
    if given.prints != right.prints:
        return f"prints: {given.prints!r}, right is {right.prints!r}"
    return None


def coarsest(value: Any) -> str:
    """The narrowest float dtype of the tensors in a seen value."""
    if isinstance(value, Seen):
        dtype = {"complex64": "float32"}.get(value.dtype, value.dtype)
        found = [dtype if dtype in TOLERANCE else "float64", coarsest(value.grad)]
    elif isinstance(value, (list, dict)):
        found = [coarsest(each) for each in (value.values() if isinstance(value, dict) else value)]
    else:
        found = []
    return max(found, key=lambda dtype: TOLERANCE[dtype], default="float64")


def differ_values(given: Any, right: Any, name: str, strides: bool = False, coarse: str = "float64") -> str | None:
    """How two seen values differ."""
    if isinstance(right, Seen):
        if not isinstance(given, Seen):
            return f"type: {name} is {given!r:.80}, right is a tensor"
        return differ_tensors(given, right, name, strides, coarse)
    if isinstance(right, np.ndarray) or isinstance(given, np.ndarray):
        if type(given) is not type(right) or given.shape != right.shape or given.dtype != right.dtype:
            return f"type: {name} is {given!r:.80}, right is {right!r:.80}"
        return differ_arrays(given, right, coarse, f"value: {name}")
    if type(given) is not type(right):
        return f"type: {name} is {given!r:.80}, right is {right!r:.80}"
    if isinstance(right, list):
        if len(given) != len(right):
            return f"length: {name} has {len(given)} items, right is {len(right)}"
        return first(differ_values(a, b, f"{name}[{i}]", strides, coarse) for i, (a, b) in enumerate(zip(given, right, strict=True)))
    if isinstance(right, dict):
        if list(given) != list(right):
            return f"names: {name} has {list(given)}, right is {list(right)}"
        return first(differ_values(given[k], right[k], f"{name}.{k}", strides, coarse) for k in right)
    if isinstance(right, (float, complex)):
        same = np.isclose(given, right, rtol=10 * TOLERANCE[coarse][0], atol=TOLERANCE[coarse][1], equal_nan=True)
    else:
        same = given == right
    return None if same else f"value: {name} is {given!r:.80}, right is {right!r:.80}"


def differ_tensors(given: Seen, right: Seen, name: str, strides: bool, coarse: str) -> str | None:
    """How two seen tensors differ."""
    for field in ("shape", "dtype", "requires_grad", "is_leaf", "has_grad_fn", "kind"):
        a, b = getattr(given, field), getattr(right, field)
        if a != b and (
            field not in ("requires_grad", "is_leaf", "has_grad_fn") or 0 not in right.shape
        ):  # of what is empty PyTorch may make new zeros
            return f"{field}: {name}'s is {a}, right is {b}"
    # An expanded tensor may come out dense: a compiled function's gradients do.
    if strides and right.array is not None and right.array.size > 1 and 0 not in _steps(right) and _steps(given) != _steps(right):
        return f"stride: {name}'s is {given.stride}, right is {right.stride}"
    text = differ_arrays(given.array, right.array, coarse, f"value: {name}")
    if text:
        return text
    if (given.grad is None) != (right.grad is None):
        return (
            f"grad: {name}.grad is {'None' if given.grad is None else 'there'}, right is {'None' if right.grad is None else 'a gradient'}"
        )
    text = None if right.grad is None else differ_tensors(given.grad, right.grad, f"{name}.grad", strides, coarse)
    return f"grad {text}" if text else None


def _steps(tensor: Seen) -> list[int]:
    return [step for size, step in zip(tensor.shape, tensor.stride, strict=True) if size != 1]


def differ_arrays(given: Any, right: Any, dtype: str, name: str) -> str | None:
    """How two arrays of one shape differ in their elements."""
    if given.tobytes() == right.tobytes():
        return None
    if given.dtype.kind in "fc":
        relative, absolute = TOLERANCE[dtype]
        with np.errstate(all="ignore"):
            if abs(given - right).max(initial=0.0) <= absolute * abs(right).max(initial=0.1):
                return None
            sizes = np.abs(right[np.isfinite(right)])
            scale = float(sizes.max()) if sizes.size else 0.0
            wrong = ~np.isclose(given, right, rtol=relative, atol=absolute * max(scale, 0.1), equal_nan=True)
    else:
        wrong = given != right
    if not wrong.any():
        return None
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    index = str(list(at)) if at else ""
    return f"{name}{index} is {given[at]}, right is {right[at]} ({int(wrong.sum())} of {wrong.size} differ)"


def first(texts: Iterable[str | None]) -> str | None:
    """The first of them that is there."""
    return next((text for text in texts if text), None)


def kind(difference: str) -> str:
    """The kind of a difference: what comes before its colon."""
    return difference.partition(":")[0]


# Making smaller


def shrink(program: Program, fails: Callable[[Program], bool], tries: int = 1500) -> Program:
    """The smallest program found that fails too: fewer statements, then smaller expressions."""
    left = [tries]

    def still(candidate: Program) -> bool:
        left[0] -= 1
        return left[0] >= 0 and fails(candidate)

    before = None
    while before != program and left[0] > 0:
        before = program
        program = fewer_statements(program, still)
        program = smaller_statements(program, still)
        program = fewer_names(program, still)
    return program


def fewer_names(program: Program, fails: Callable[[Program], bool]) -> Program:
    """The program without second names: where there is `a = b`, b is written for a from there on."""
    at = 0
    while at < len(program.statements):
        found = re.fullmatch(r"(\w+) = (\w+)", program.statements[at])
        if found:
            old, new = found.groups()
            rest = tuple(re.sub(rf"\b{old}\b", new, text) for text in program.statements[at + 1 :])
            observe = tuple(re.sub(rf"\b{old}\b", new, text) for text in program.observe)
            candidate = Program(program.statements[:at] + rest, tuple(dict.fromkeys(observe)))
            if rest and fails(candidate):
                program = candidate
                continue
        at += 1
    return program


def fewer_statements(program: Program, fails: Callable[[Program], bool]) -> Program:
    """The program without statements that it fails without: halves first, then smaller runs of them."""
    size = max(len(program.statements) // 2, 1)
    while size:
        start = max(len(program.statements) - size, 0)
        while True:  # from the end: what is used later cannot go first
            kept = program.statements[:start] + program.statements[start + size :]
            candidate = dataclasses.replace(program, statements=kept)
            if kept and fails(candidate):
                program = candidate
            if start == 0:
                break
            start = max(start - size, 0)
        size //= 2
    return program


def smaller_statements(program: Program, fails: Callable[[Program], bool]) -> Program:
    """The program with simpler expressions in the place of its own."""
    at = len(program.statements) - 1
    while at >= 0:
        done = True
        for texts in simpler(program.statements[at]):
            statements = program.statements[:at] + texts + program.statements[at + 1 :]
            candidate = dataclasses.replace(program, statements=statements)
            if fails(candidate):
                program, done = candidate, False
                at += len(texts) - 1
                break
        at -= done
    return program


def simpler(statement: str) -> Iterator[tuple[str, ...]]:
    """Statements that a statement might be replaced with, each smaller than it is."""
    try:
        tree = ast.parse(statement)
    except SyntaxError:
        return
    measure = _measure(ast.unparse(tree))
    body = tree.body[0]
    if isinstance(body, (ast.With, ast.For, ast.If, ast.Try)):
        yield tuple(ast.unparse(each) for each in body.body)
    for node in list(ast.walk(tree)):
        for field, value in ast.iter_fields(node):
            if isinstance(value, ast.expr):
                for other in replacements(value):
                    setattr(node, field, other)
                    yield from _smaller(tree, measure)
                setattr(node, field, value)
            elif isinstance(value, list):
                least = 1 if value and isinstance(value[0], ast.stmt) else 0
                for i, each in enumerate(value):
                    if len(value) > least:
                        setattr(node, field, value[:i] + value[i + 1 :])
                        yield from _smaller(tree, measure)
                    if isinstance(each, ast.expr):
                        for other in replacements(each):
                            setattr(node, field, [*value[:i], other, *value[i + 1 :]])
                            yield from _smaller(tree, measure)
                    elif isinstance(each, (ast.With, ast.For, ast.If)):
                        setattr(node, field, value[:i] + each.body + value[i + 1 :])
                        yield from _smaller(tree, measure)
                setattr(node, field, value)


def replacements(node: ast.expr) -> list[ast.expr]:
    """Expressions to try in the place of one."""
    if isinstance(node, ast.Call):
        inner = [node.func.value] if isinstance(node.func, ast.Attribute) else []
        return [each for each in [*inner, *node.args] if not isinstance(each, ast.Starred)]
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.UnaryOp):
        return [node.operand]
    if isinstance(node, (ast.Subscript, ast.Attribute)):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return [node.body, node.orelse]
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        kind_of = type(node.value)
        return [ast.Constant(kind_of(v)) for v in (0, 1, 2, node.value // 2) if v != node.value and node.value == node.value]
    return []


def _measure(text: str) -> tuple[int, int]:
    return len(text), sum(int(c) for c in text if c.isdigit())


def _smaller(tree: ast.AST, measure: tuple[int, int]) -> Iterator[tuple[str, ...]]:
    try:
        text = ast.unparse(tree)
        ast.parse(text)
    except (SyntaxError, ValueError, AttributeError, IndexError, TypeError):
        return
    if _measure(text) < measure:
        yield (text,)
