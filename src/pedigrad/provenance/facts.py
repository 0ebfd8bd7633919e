"""What there is to say of one operation: its name, operands, source line, memory, values and gradient."""

from __future__ import annotations

import linecache
import math
import os
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core import dtypes
from ..core.declare import PLACES
from ..core.graph import Freed, Leaf, Node
from ..core.origin import Origin, Source
from ..core.scope import Scope
from ..core.sparse_tensor import elements_of
from ..core.storage import storage_of


class Place(NamedTuple):
    """A source line."""

    file: str
    line: int
    text: str

    @property
    def short(self) -> str:
        """File and line, the file's name alone where that is shorter than its path from here."""
        return f"{os.path.basename(self.file)}:{self.line}"

    def around(self, lines: int = 3) -> list[tuple[int, str]]:
        """The line between some others, with their numbers."""
        text = linecache.getlines(self.file)
        first = max(self.line - lines, 1)
        return [(first + i, each.rstrip("\n")) for i, each in enumerate(text[first - 1 : self.line + lines])]


class Operand(NamedTuple):
    """What an operation was given that no operation before it computed."""

    name: str
    shape: tuple[int, ...] | None  # None where it is not known
    leaf: Leaf | None  # where its gradient arrives


class Values(NamedTuple):
    """An array in numbers."""

    low: float
    high: float
    mean: float
    bad: int  # elements that are nan or infinite
    size: int


def title(node: Node) -> str:
    """The operation's public name, or PyTorch's name of the node, written as functions are."""
    op: Any = getattr(node, "op", None)
    name = "" if op is None else op.name.removesuffix("_forward").removesuffix("_loss")
    for each in (name, "" if op is None else op.name, "" if op is None else op.called):
        if any(each in names for names in PLACES.values()):
            return each
    name = re.sub(r"Backward\d+$", "", node.name())
    return name if op is None else re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=\dD)(?=[A-Z])", "_", name).lower()


def dtype_name(node: Node) -> str:
    """The dtype of what it computed."""
    return str(dtypes.from_numpy(node.dtype)).removeprefix("torch.")


def saved_by_name(node: Node) -> dict[str, Any]:
    """What an operation has saved for its gradient rules, by the names that these use."""
    op: Any = getattr(node, "op", None)
    if op is None or not isinstance(node.saved, tuple) or len(node.saved) != len(op.saves):
        return {}
    return dict(zip(op.saves, node.saved, strict=True))


def saved_arrays(node: Node) -> list[np.ndarray[Any, Any]]:
    """The arrays that an operation has saved."""
    saved = node.saved if isinstance(node.saved, tuple) else ()
    found = []
    for value in saved:
        found += [v for v in (value if isinstance(value, tuple) else (value,)) if isinstance(v, np.ndarray)]
    return found


def saved_sources(node: Node) -> list[tuple[np.ndarray[Any, Any], Source | None]]:
    """The same, with the lines that they come from where an operation stands for several: a compiled function's."""
    arrays, sources = saved_arrays(node), getattr(node, "saved_sources", [])
    return list(zip(arrays, sources, strict=True)) if len(sources) == len(arrays) else [(array, None) for array in arrays]


def scopes_of(node: Node) -> list[Scope | None]:
    """The modules that ran an operation: of one that stands for several, of those that made what it saved."""
    return [node.scope, *dict.fromkeys(source.scope for source in getattr(node, "saved_sources", ()) if source is not None)]


def is_freed(node: Node) -> bool:
    """Whether a backward pass has let go what the operation saved."""
    return isinstance(node.saved, Freed)


def values_of(array: np.ndarray[Any, Any]) -> Values | None:
    """The range and the mean of the finite elements, and how many others there are; None of what is not made of real numbers."""
    if array.size == 0 or array.dtype.kind not in "fiubV":
        return None
    try:
        wide = array.astype(np.float64, copy=False)
    except (TypeError, ValueError):
        return None
    finite = np.isfinite(wide)
    bad = int(array.size - np.count_nonzero(finite))
    good = wide[finite] if bad else wide
    if not good.size:
        return Values(math.nan, math.nan, math.nan, bad, array.size)
    return Values(float(good.min()), float(good.max()), float(good.mean()), bad, array.size)


def norm(array: np.ndarray[Any, Any]) -> float:
    """The 2-norm of all elements, in float64."""
    flat = array.reshape(-1)
    if flat.dtype.kind == "c":
        return float(np.linalg.norm(flat.astype(np.complex128)))
    return math.sqrt(float(np.vdot(flat, flat).real)) if flat.dtype.char == "d" else float(np.linalg.norm(flat.astype(np.float64)))


def gradient_norm(node: Node) -> float | None:
    """The norm of the gradient that has arrived in a leaf, or is kept by `retain_grad`; None if there is none."""
    if isinstance(node, Leaf):
        return None if node.grad is None else 0.0 if node.zeroed else norm(elements_of(node.grad))
    tensor = node.hooks.retain() if node.hooks is not None and node.hooks.retain is not None else None
    kept = None if tensor is None else tensor.__dict__.get("_grad")
    return None if kept is None else norm(elements_of(kept))


class Facts:
    """Looks things up for many nodes, each only once; `names` are those of leaves and arrays, by the identity of node and array."""

    def __init__(self, names: dict[int, str], variables: dict[int, str], modules: Sequence[tuple[str, Any]] = ()):
        self.names, self.variables = names, {i: name for i, name in variables.items() if not name.startswith("@")}
        self.modules = modules  # in variables: their names, and weak references
        self.places: dict[tuple[Any, int], Place] = {}
        self.gradients: dict[int, float] = {}  # norms that were noted, by the number of the node
        self.owned: dict[int, dict[int, str]] = {}  # of a module: its parameters' and buffers' names

    def note_gradient(self, node: Node) -> None:
        """Note the norm of the gradient of what an operation computed when a backward pass comes by."""
        seq, gradients = node.seq, self.gradients

        def hook(grads: Any) -> None:
            known = [elements_of(grad) for grad in grads if grad is not None]
            if known:
                gradients[seq] = math.sqrt(sum(norm(array) ** 2 for array in known))

        node.register_prehook(hook)

    def gradient_norm(self, node: Node) -> float | None:
        """The norm of the gradient, as far as it is known."""
        return self.gradients.get(node.seq, gradient_norm(node))

    def place(self, node: Node) -> Place | None:
        """The user's line that ran an operation."""
        if node.code is None:
            return None
        key = node.code, node.lasti
        if key not in self.places:
            origin = Origin(*key)
            self.places[key] = Place(origin.file, origin.line, origin.text)
        return self.places[key]

    def leaf_name(self, leaf: Leaf, scopes: Iterable[Scope | None] = (), name: str = "") -> str:
        """What the user calls a leaf: by `names`, its module as seen from `scopes`, a variable; without one, the operand's name."""
        if id(leaf) in self.names:
            return self.names[id(leaf)]
        tensor = leaf.variable
        if tensor is None:
            return operand_name(name) or "leaf"
        for scope in scopes:
            while scope is not None:
                own = self._owned(scope.module()).get(id(tensor))
                if own is not None:
                    return f"{scope.path}.{own}".lstrip(".")
                scope = scope.outer
        known = self.variables.get(id(elements_of(tensor)))
        return known or self._name_in_modules(tensor) or operand_name(name) or type(tensor).__name__.lower()

    def _name_in_modules(self, tensor: Any) -> str | None:
        """What a tensor is called in a module that the user has in a variable."""
        return next((f"{name}.{own}" for name, module in self.modules if (own := self._owned(module()).get(id(tensor)))), None)

    def _owned(self, module: Any) -> dict[int, str]:
        """The names of a module's tensors, its descendants' among them, by their identity."""
        if module is None:
            return {}
        if id(module) not in self.owned:
            named = [*module.named_buffers(), *module.named_parameters()]
            self.owned[id(module)] = {id(tensor): name for name, tensor in named}
        return self.owned[id(module)]

    def operands(self, node: Node) -> list[Operand]:
        """The leaves that an operation was given, and the tensors that need no gradient as far as they are known."""
        op: Any = getattr(node, "op", None)
        saved = saved_by_name(node)
        names = () if op is None or op.variadic else op.differentiable
        found = []
        for i, parent in enumerate(node.parents):
            name = names[i] if i < len(names) else ""
            if isinstance(parent, Leaf):
                found.append(Operand(self.leaf_name(parent, scopes_of(node), name), tuple(parent.shape), parent))
            elif parent is None and isinstance(saved.get(name), np.ndarray):
                found.append(self._plain(saved[name], name))
        rest = () if op is None or op.variadic else [n for n in op.operands if n not in names]
        return found + [self._plain(saved[n], n) for n in rest if isinstance(saved.get(n), np.ndarray)]

    def _plain(self, array: np.ndarray[Any, Any], name: str) -> Operand:
        """A tensor that needs no gradient, by the user's variable or the operand's name."""
        return Operand(self.variables.get(id(array)) or operand_name(name), array.shape, None)


def operand_name(name: str) -> str:
    """What users call the operand that a declaration calls by that name."""
    return {"x": "input", "y": "other"}.get(name, name)


def outputs_by_seq(nodes: list[Node]) -> dict[int, np.ndarray[Any, Any]]:
    """What operations have computed, as far as they or those after them have saved it, by the number of the node."""
    found: dict[int, np.ndarray[Any, Any]] = {}
    for node in nodes:
        op: Any = getattr(node, "op", None)
        saved = saved_by_name(node)
        if not saved or op.variadic:
            continue
        for name in (op.outputs or ())[:1]:
            if isinstance(saved.get(name), np.ndarray):
                found[node.seq] = saved[name]
        for name, parent in zip(op.differentiable, node.parents, strict=False):
            if parent is not None and isinstance(saved.get(name), np.ndarray):
                target, index = parent.edge()
                if index == 0 and not isinstance(target, Leaf):
                    found.setdefault(target.seq, saved[name])
    return found


def saved_bytes(nodes: list[Node]) -> dict[int, int]:
    """Bytes that each operation keeps for the backward pass, memory of several counted with the oldest, that of leaves not at all."""
    leaves = [parent.variable for node in nodes for parent in node.parents if isinstance(parent, Leaf)]
    known = {id(storage_of(elements_of(t))) for t in leaves if t is not None}
    found = {}
    for node in nodes:
        total = 0
        for array in saved_arrays(node):
            storage = storage_of(array)
            if id(storage) not in known:
                known.add(id(storage))
                total += storage.nbytes if isinstance(storage, np.ndarray) else array.nbytes
        found[node.seq] = total
    return found
