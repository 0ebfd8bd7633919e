"""Op: what is known of an operation, and the registry of all of them.

A declaration is a plain function over arrays, in NumPy. Its positional-only parameters are the tensor operands, the others are
attributes; gradient rules are further plain functions whose parameter names say what has to be kept for them::

    @elementwise(domain=(-4, 4))
    def tanh(x, /):
        \"""Hyperbolic tangent of each element.\"""
        return np.tanh(x)

    @tanh.grad("x")
    def _(g, out):
        return g * (1 - out * out)

A rule's parameters may be `g` (the gradient of the first output; a list of them where the number of outputs varies),
`g_<output>`, an operand or an output by name, `<operand>_shape`, `<operand>_dtype`, an attribute, and `needs` (which inputs of
a rule for several need a gradient). The decorator returns the public function, `tanh.op` is the Op. Kinds:

- `elementwise`: operands broadcast and are promoted to one dtype; has an in-place form and `out=`
- `reduction`: one operand, `dim` and `keepdim`; has `out=`
- `view`: the result shares the operand's storage where NumPy's does
- `composite`: several NumPy calls under one node
- `kernel`: its own code, or integers in and out
- `sparse`: sparse arrays in or out (`core/sparse.py`)
- `edge`: into a level (`core/lifted.py`) or out of it; its first attribute is the level

NumPy computes with 16-bit floats in 16 bits, so sums of them stick (at 256 in bfloat16) and formulas round at each step. Where the
kind is one that computes (`Op.wide_forward`, `Op.wide_rules`), forwards and rules are therefore given float32 in their place, and what
they return is rounded once. `wide=` says otherwise: False for what only moves data, "rules" where only the gradient computes, "mixed"
where operands of several dtypes go together.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import return_types
from .keywords import SCALARS, words_of
from .large import LARGE
from .layout import ALWAYS

Function = Callable[..., Any]
REGISTRY: dict[str, Op] = {}

# A forward that only calls one ufunc is replaced by that ufunc: these are what its bytecode looks like.
_DIRECT = {1: (lambda x: np.f(x)).__code__.co_code, 2: (lambda x, y: np.f(x, y)).__code__.co_code}  # type: ignore[attr-defined]


class Rule:
    """A gradient rule: the operands it is for, and what it wants to be given."""

    __slots__ = ("function", "inputs", "wants")

    def __init__(self, function: Function, inputs: tuple[str, ...]):
        code = function.__code__
        self.function, self.inputs = function, inputs
        self.wants = code.co_varnames[: code.co_argcount]


class Op:
    """One operation: its forward, its gradient rules, and what its kind gives it."""

    # What is made of a declaration above (`core/declare.py`)
    function: Function  # what users call
    code: Any  # the generated code, once built, with its defaults
    forms: list[Function]  # the same under other names: what is generated goes into all of them
    build: Callable[[], Function]  # generate the code of `function` and of the gradient, which every node needs
    viewed: Callable[[Any, tuple[Any, ...]], Any]  # the view of a tensor by this op, with its history alone
    shown: Callable[[Any, tuple[Any, ...]], Any]  # what it shows of an array
    built = False
    node_class: Any = None  # the class whose instances are runs of this op, and that for 16-bit floats
    wide_node_class: Any = None

    def __init__(
        self,
        forward: Function,
        kind: str,
        *,
        name: str | None = None,
        called: str = "",
        places: str = "torch Tensor",
        aliases: tuple[str, ...] = (),
        result: str | None = None,
        promote: bool | tuple[str, ...] = False,
        inplace: bool = False,
        real: bool = False,
        refuses: str = "",
        out: bool | str = False,
        varargs: str | None = None,
        outputs: tuple[str, ...] | None = ("out",),
        hidden: int = 0,
        domain: tuple[float, float] = (-2.0, 2.0),
        samples: Any = None,
        node: str | Callable[[Any], str] | None = None,
        operators: str = "",
        wide: bool | str | None = None,
        keeps_numbers: bool = False,
        names: str = "",
        takes: dict[str, str] = {},  # noqa: B006  (read only)
        listed: str = "",
        layout: str | Callable[..., Any] | None = None,
        remade: bool = False,
        native_from: int | None = None,
    ):
        code = forward.__code__
        self.forward = forward
        self.native_from = LARGE if native_from is None else native_from  # elements of the first operand from which on kernels are tried
        self.many_passes = native_from is not None  # whether NumPy goes through the elements several times
        self.kind = kind
        self.name = name or forward.__name__
        self.called = called or self.name  # in what users read: what they call, where the op is only a part of that
        self.operands = code.co_varnames[: code.co_posonlyargcount]
        self.attributes = code.co_varnames[code.co_posonlyargcount : code.co_argcount + code.co_kwonlyargcount]
        self.keyword_only = frozenset(code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount])
        self.variadic = bool(code.co_flags & 0x04)  # `*xs`: a list of tensors
        if self.variadic:
            self.operands = (code.co_varnames[code.co_argcount + code.co_kwonlyargcount],)
            self.keyword_only = frozenset()
        self.public_names = tuple(names.split()) or tuple({"x": "input", "y": "other", "xs": "tensors"}.get(n, n) for n in self.operands)
        self.words = words_of((*self.public_names, *self.attributes), takes)  # what else arguments may be called
        # Whether its own short function takes these: where it has keywords anyway. Others are wrapped for users, not as methods.
        public = places not in ("", "F")
        self.renaming = public and (out or "dim" in self.words.values())
        self.wrapped = public and not self.renaming and bool(self.words)
        # Numbers that once came before the tensors they multiply: `addmm(beta, input, alpha, mat1, mat2)`.
        self.scalars = tuple(n for n in SCALARS if n in self.keyword_only) if self.renaming else ()
        self.listed = listed  # an attribute, the last by place, whose numbers may be given one by one
        self.defaults = self._defaults()
        self.result = result  # dtype of the result: "same", "float" (integers are made floats first), "bool", or its own
        # The operands that are brought to one dtype.
        self.promoted: tuple[str, ...] = self.operands if promote is True else promote or ()
        # `out=`: "own" where what is given must have the dtype of the result and share no memory with an operand.
        self.inplace, self.out, self.varargs = inplace, out, varargs
        self.layout = layout  # what results lie like in memory where an operand does not lie row by row (`core/layout.py`)
        self.remade = remade  # an output that the rules want is computed again if it was written to meanwhile
        self.real = real  # complex operands are refused: NumPy orders them, and computes much that PyTorch does not
        self.refuses = refuses  # kinds of dtypes, in NumPy's letters, that PyTorch has no such operation for
        self.outputs, self.hidden = outputs, hidden  # outputs None: as many as there are; the last `hidden` are for the rules alone
        visible = (outputs or ())[: len(outputs or ()) - hidden]
        self.result_class: Any = return_types.named(self.name, visible) if len(visible) > 1 else None
        self.of_storage: Any = None  # of a view of the operand's whole storage: the attributes for another operand there
        self.domain, self.samples = domain, samples
        self.check: Any = None  # raises for operands, as they were given and not of one dtype yet, that there is no result for
        self.mistake: Any = None  # says what is wrong with operands that NumPy refused, given what the forward is; None if it cannot tell
        self.rules: list[Rule] = []
        self.differentiable: tuple[str, ...] = ()
        self.saves: tuple[str, ...] = ()
        self.known: dict[tuple[Any, ...], Any] = {}  # what follows from the rules
        self.ufunc = self._direct_ufunc()
        self.wide = wide
        computes = self.ufunc is None and result != "bool" if kind == "elementwise" else kind in ("composite", "reduction")
        self.wide_forward = computes if wide is None else wide in (True, "mixed")  # 16-bit floats are given to it as float32
        self.keeps_numbers = keeps_numbers  # beside 16-bit floats numbers are not rounded to these: all is computed in float32
        self.source = ""  # the generated code, once built
        self.node_name = (
            node if isinstance(node, str) else "".join(part.capitalize() for part in self.name.strip("_").split("_")) + "Backward0"
        )
        self.named: dict[str, Any] = {} if node is None or isinstance(node, str) else {"name": node}
        self.places, self.aliases, self.operators = places.split(), aliases, operators.split()
        REGISTRY[self.name] = self

    def __repr__(self) -> str:
        return f"<Op {self.name}({', '.join(self.operands)}; {', '.join(self.attributes)})>"

    @functools.cached_property
    def unsaid(self) -> tuple[Any, ...] | None:
        """The attributes where none is given, None if one has to be."""
        return tuple([self.defaults[n] for n in self.attributes]) if self.defaults.keys() >= set(self.attributes) else None

    @functools.cached_property
    def is_swift(self) -> bool:
        """Whether for arrays of one wide float dtype that lie in rows it is its forward alone."""
        dtypes = "dtype" in self.attributes or "f" in self.refuses or "d" in self.refuses
        return not (dtypes or self.variadic or self.outputs is None or self.layout in ALWAYS or self.kind in ("sparse", "edge"))

    @property
    def keeps_arrays(self) -> bool:
        """Whether its nodes save more than sizes."""
        return any(name in self.operands or name in (self.outputs or ("outs",)) for name in self.saves)

    @property
    def wide_rules(self) -> bool:
        """Whether the rules are given float32 for 16-bit floats."""
        if self.wide is not None:
            return bool(self.wide)
        return self.kind == "composite" or (self.kind != "view" and bool(self.rules) and self.keeps_arrays)

    def _defaults(self) -> dict[str, Any]:
        forward = self.forward
        positional = forward.__code__.co_varnames[: forward.__code__.co_argcount]
        values = forward.__defaults__ or ()
        found = dict(zip(positional[len(positional) - len(values) :], values, strict=True))
        return found | (forward.__kwdefaults__ or {})

    def _direct_ufunc(self) -> Any:
        code = self.forward.__code__
        if self.attributes or code.co_names[:1] != ("np",) or code.co_code != _DIRECT.get(len(self.operands)):
            return None
        ufunc = getattr(np, code.co_names[1])
        return ufunc if isinstance(ufunc, np.ufunc) else None

    def grad(self, *inputs: str) -> Callable[[Function], Function]:
        """Declare the gradient rule for these operands; it returns one gradient, or as many as there are names."""

        def declare(function: Function) -> Function:
            rule = Rule(function, inputs)
            known = {"g", "needs", *self.operands, *self.attributes, *(self.outputs or ("outs",))}
            known |= {f"{name}_{what}" for name in self.operands for what in ("shape", "dtype")}
            known |= {f"g_{name}" for name in self.outputs or ()}
            if wrong := [n for n in (*rule.wants,) if n not in known] + [n for n in inputs if n not in self.operands]:
                raise TypeError(f"the gradient rule of {self.name} names {wrong}, known are {sorted(known)}")
            self.rules.append(rule)
            covered = {name for each in self.rules for name in each.inputs}
            self.differentiable = tuple(name for name in self.operands if name in covered)
            wanted = [w for each in self.rules for w in each.wants]
            if self.hidden:  # the second derivative runs the forward again
                wanted += self.attributes
            self.saves = tuple(dict.fromkeys(w for w in wanted if w != "needs" and w != "g" and not w.startswith("g_")))
            self.known.clear()
            return function

        return declare
