"""The short function that users call: dispatch written out for one op, as Python source.

`build` generates it when the op is first called, together with `backward`, which hands each gradient rule what it named. To see
the code of an op: `print(pedigrad.tanh.op.source)` after a first call.
"""

from __future__ import annotations

import linecache
import sys
from types import CodeType
from typing import Any

import numpy as np

from . import large, modes
from .arguments import bind
from .dispatch import NUMBERS, Saved, called, cut_of, dispatch, lay_out, note_view, record, several
from .errors import MISSING
from .graph import Node
from .history import STRIDED
from .layout import ALWAYS
from .op import Op
from .origin import MARK, outside
from .precision import widened
from .scope import here
from .tensor import Tensor
from .traces import trim


def build(op: Op) -> Any:
    """Generate the code of `op`'s public function and of its gradient, and put it in place; returns the function."""
    function = op.function
    namespace = function.__globals__
    namespace.update(
        _dispatch=dispatch, _modes=modes, _Tensor=Tensor, _new=object.__new__, _here=here.get, _ndarray=np.ndarray, _asarray=np.asarray,
        _cut_of=cut_of, _next=modes.clock.__next__, _getframe=sys._getframe, _MARK=MARK, _outside=outside,
        _NUMBERS=NUMBERS, _forward=op.ufunc or op.forward, _settings=modes.settings, _note_view=note_view, _bind=bind, _record=record,
        _called=called, _lay_out=lay_out, _several=several, _MISSING=MISSING,
        _COMPLEX64=np.dtype(np.complex64), _COMPLEX128=np.dtype(np.complex128),
        _FLOAT32=np.dtype(np.float32), _FLOAT64=np.dtype(np.float64),
        _trim=trim, _STRIDED=STRIDED, _large_forward=large.forward, _large_backward=large.backward,
    )  # fmt: skip
    namespace.update({f"_rule{i}": rule.function for i, rule in enumerate(op.rules)})
    namespace.update({f"_default_{n}": v for n, v in op.defaults.items()})
    source = _variadic_source(op) if op.variadic or op.outputs is None else _source(op)
    source += "\n" + _backward_source(op)
    scope: dict[str, Any] = {}
    exec(compile(source, f"<pedigrad op {op.name}>", "exec"), namespace, scope)
    for name in (op.name, "backward"):
        scope[name].__code__ = _declared_there(scope[name].__code__, op.forward.__code__)
    built = scope[op.name]
    op.code = built.__code__, built.__defaults__, built.__kwdefaults__
    for form in op.forms:
        form.__code__, form.__defaults__, form.__kwdefaults__ = op.code
    op.source = source
    op.built = True
    namespace["_Node"], namespace["_WideNode"] = op.node_class, op.wide_node_class = _node_classes(op, scope["backward"])
    return function


_SAVED = {"x": "self", "y": "other", "out": "result"}  # what PyTorch's nodes call what they save
_KINDS = ("_shape", "_dtype")


def _node_classes(op: Op, backward: Any) -> tuple[type[Node], type[Node]]:
    """The class whose instances are runs of `op`, and that of runs on 16-bit floats, whose rules may be given float32 for them."""
    names = {"__slots__": (), "__module__": Node.__module__}
    own = {"op": op, "keeps_arrays": op.keeps_arrays, "backward": staticmethod(backward), **op.named}
    own |= {f"_saved_{_SAVED.get(each, each)}": Saved(i) for i, each in enumerate(op.saves) if not each.endswith(_KINDS)}
    cls = type(op.node_name, (Node,), {**names, **own})
    if not op.wide_rules:
        return cls, cls

    def on_wide(g: Any, parents: Any, saved: Any) -> Any:
        return backward(widened(g), parents, widened(saved))

    return cls, type(op.node_name, (cls,), {**names, "wide": True, "backward": staticmethod(on_wide)})


def _declared_there(code: CodeType, forward: CodeType) -> CodeType:
    """`code`, which has no file, with the place of the op's declaration in that of each of its instructions.

    Tracebacks, debuggers and profilers then show what the user can read.
    """
    return on_one_line(code).replace(co_filename=forward.co_filename, co_firstlineno=line_of(forward))


def on_one_line(code: CodeType) -> CodeType:
    """`code`, all of it on its first line.

    The table is CPython's of 3.11 and later: an entry for up to eight instructions, here without columns and on the line of the one before.
    """
    units = len(code.co_code) // 2
    return code.replace(co_linetable=b"".join(bytes((0x80 | 13 << 3 | min(8, units - at) - 1, 0)) for at in range(0, units, 8)))


def line_of(forward: CodeType) -> int:
    """The line of a declaration's `def`, which comes after its decorators."""
    lines = linecache.getlines(forward.co_filename)
    first = forward.co_firstlineno
    return next((n for n in range(first, min(first + 40, len(lines) + 1)) if lines[n - 1].startswith("def ")), first)


def _parameters(op: Op) -> str:
    """The parameters. Where arguments have other names too, all keyword-only ones are `_words`: that costs no more than two of them."""
    keyword: list[str] = []
    parts = []
    other = _other_names(op)
    for public, name in zip(op.public_names, op.operands, strict=True):
        parts.append(public + ("=None" if name in op.defaults else "=_MISSING" if public in other else ""))
    for name in op.attributes:
        text = f"{name}=_default_{name}" if name in op.defaults else f"{name}=_MISSING" if name in other else name
        (keyword if name in op.keyword_only else parts).append(text)
    if op.renaming:
        return ", ".join([*parts, *(["*_more"] if op.scalars or op.listed else []), "**_words"])
    if _takes_out(op):
        keyword.append("out=None")
    return ", ".join([*parts, "*", *keyword] if keyword else parts)


def _takes_out(op: Op) -> bool:
    """Whether `out` is a parameter; where arguments have other names it is among `_words`."""
    return bool(op.out) and not op.renaming


def _other_names(op: Op) -> list[str]:
    """The positional parameters that may come by another name, or come after one that may: Python cannot require them."""
    names = [*op.public_names, *(n for n in op.attributes if n not in op.keyword_only)]
    first = min((names.index(n) for n in op.words.values() if n in names), default=len(names))
    return names[first:] if op.renaming else []


def _prologue(op: Op) -> list[str]:
    """What comes first in the short function: calls by name and with several numbers for one tuple."""
    if op.varargs:  # f(2, 3) and f((2, 3))
        name, first = op.varargs, op.public_names[0]
        lines = ["if _named:", f"    return _dispatch(_op, *_bind(_op, ({first}, *{name}), _named))", f"if len({name}) == 1:"]
        return [*lines, f"    {name} = {name}[0]", *(f"{n} = _default_{n}" for n in op.attributes if n != name)]
    if not op.renaming:
        return []
    positional = [n for n in op.attributes if n not in op.keyword_only]
    other = _other_names(op)
    missing = [f" or {n} is _MISSING" for n in positional if n not in op.defaults and n in other]
    given = ", ".join(f'"{n}": {n}' for n in (*op.public_names, *positional))
    old = " or _more" if op.scalars or op.listed else ""
    lines = [f"if _words{old}{''.join(missing)}:", f"    return _called(_op, {{{given}}}, _words{', _more' if old else ''})"]
    return lines + [f"{n} = _default_{n}" for n in op.attributes if n in op.keyword_only]


SHORT = """
def {name}({parameters}):
    try:
        {prologue}
        if not _modes.special{no_out}:
            try:
                {unwrap}
            except AttributeError:
                pass
            else:
                {usual}
                try:
                    {forward}
                except Exception:
                    pass
                else:
                    {unpack}
                    if _r.__class__ is not _ndarray:
                        _r = _asarray(_r)
                    {same}
                    _t = _new(_Tensor)
                    _t._array = _r
                    _t._view = None
                    {view}
                    {layout}
                    {history}
                    return _t
        return {general}
    except Exception as _e:
        _trim(_e)
        raise
"""

HISTORY = """
if {due}:
    if _modes.grad_off and not _settings.grad:
        _t._node = None
        _c = {cuts}
        _t._cut = _c if _c is not None and not _c.frozen else _cut_of(_op, ({operands}), (), True)
        return _t
    _n = _new({node})
    _n.parents = ({parents})
    _n.saved = ({saved})
    _n.shape = _r.shape
    _n.dtype = {dtype}
    _n.hooks = None
    _n.seq = _next()
    _f = _getframe(1)
    if _MARK in _f.f_globals:
        _f = _outside(_f) or _getframe(0)
    _n.code = _f.f_code
    _n.lasti = _f.f_lasti
    _n.scope = _here().scope
    {cut}
    _t._node = _n
    _t._cut = None
else:
    _t._node = None
    _t._cut = {cuts}
"""

NO_HISTORY = """
_t._node = None
_t._cut = {cuts} or (_cut_of(_op, ({operands}), (), False) if {needed} else None)
"""

VARIADIC = """
def {name}({parameters}):
    try:
        {prologue}
        if not _modes.special{no_out}:
            try:
                {public} = tuple({public})
                _a = tuple([_t._array for _t in {public}])
            except (AttributeError, TypeError):
                pass
            else:
                {usual}
                {same}
                try:
                    _r = _forward(*_a, {call})
                except Exception:
                    pass
                else:
                    if _r.__class__ is not _ndarray:
                        _r = _asarray(_r)
                    _t = _new(_Tensor)
                    _t._array = _r
                    _t._view = None if _r.flags.c_contiguous else _STRIDED
                    {layout}
                    for _x in {public}:
                        if _x._node is not None or _x._cut is not None:
                            _record(_op, (_t,), {public}, _a, ({attributes}), (_r,))
                            return _t
                    _t._node = _t._cut = None
                    return _t
        return {general}
    except Exception as _e:
        _trim(_e)
        raise
"""

# Operations of one operand with several results.
SEVERAL = """
def {name}({parameters}):
    try:
        {prologue}
        if not _modes.special{no_out}:
            try:
                _a = {public}._array
                _d = _a.dtype
            except AttributeError:
                pass
            else:
                if (_d is _FLOAT32 or _d is _FLOAT64){in_rows}:
                    try:
                        _r = _forward(_a, {call})
                    except Exception:
                        pass
                    else:
                        return _several(_op, {public}, _a, ({attributes}), _r)
        return {general}
    except Exception as _e:
        _trim(_e)
        raise
"""

# Operations that always go the general way.
GENERAL = """
def {name}({parameters}):
    try:
        {prologue}
        return {general}
    except Exception as _e:
        _trim(_e)
        raise
"""


def _filled(template: str, **parts: Any) -> str:
    """The template with its parts: texts within a line, and blocks (lists of lines) that are a line of their own."""
    blocks = {name: part for name, part in parts.items() if isinstance(part, list)}
    words = {name: part for name, part in parts.items() if isinstance(part, str)}
    lines = []
    for line in template.strip("\n").split("\n"):
        name = line.strip()[1:-1]
        if name in blocks:
            lead = line[: len(line) - len(line.lstrip())]
            lines += [lead + each for each in blocks[name]]
        else:
            lines.append(line.format(**words))
    return "\n".join(lines) + "\n"


def _each(form: str, names: Any) -> str:
    """The items of a tuple, one for each name."""
    return "".join(form.format(n) + ", " for n in names)


def _variadic_source(op: Op) -> str:
    """An op on a list of tensors, or with a varying number of outputs; those with both always go the general way."""
    attributes = _each("{}", op.attributes)
    general = f"_dispatch(_op, ({_each('{}', op.public_names)}), ({attributes}){', out' if _takes_out(op) else ''})"
    if not op.variadic:
        return _several_source(op, general)
    if op.outputs is None or len(op.outputs) != 1 or op.result:
        return _filled(GENERAL, name=op.name, parameters=_parameters(op), prologue=_prologue(op), general=general)
    return _filled(
        VARIADIC, name=op.name, parameters=_parameters(op), prologue=_prologue(op), general=general,
        no_out=" and out is None" if _takes_out(op) else "", public=op.public_names[0], attributes=attributes,
        call=", ".join(f"{n}={n}" for n in op.attributes),
        usual=["if _a and _a[0].itemsize < 4 and _a[0].dtype.kind in 'fV':", f"    return {general}"] if op.wide_forward else [],
        same=["for _x in _a:", "    if _x.dtype is not _a[0].dtype:", f"        return {general}"] if op.promoted else [],
        layout=_lines_of_strided(f"_r = _lay_out(_op, _t, _a, ({attributes}), _r)") if op.layout not in (None, "own") else [],
    )  # fmt: skip


def _several_source(op: Op, general: str) -> str:
    """An op with several visible outputs; one of several operands, or that looks at them first, always goes the general way."""
    parts = {"name": op.name, "parameters": _parameters(op), "general": general, "prologue": _prologue(op)}
    looks = op.check or op.refuses or op.layout in ALWAYS or op.result or op.wide_forward or op.defaults.keys() & set(op.operands)
    if len(op.operands) != 1 or op.kind == "sparse" or looks:
        return _filled(GENERAL, **parts)
    return _filled(
        SEVERAL, in_rows=" and _a.flags.c_contiguous" if op.layout else "", no_out=" and out is None" if _takes_out(op) else "",
        public=op.public_names[0], attributes=_each("{}", op.attributes), call=", ".join(f"{n}={n}" for n in op.attributes), **parts,
    )  # fmt: skip


def _lines_of_strided(line: str) -> list[str]:
    """Lines that run `line` if one of a list's arrays does not lie row by row."""
    return ["for _x in _a:", "    if not _x.flags.c_contiguous:", f"        {line}", "        break"]


def _source(op: Op) -> str:
    """The text of an ordinary op's public function."""
    pairs = list(zip(op.public_names, op.operands, strict=True))
    general = f"_dispatch(_op, ({_each('{}', op.public_names)}), ({_each('{}', op.attributes)}){', out' if _takes_out(op) else ''})"
    outputs = op.outputs or ()
    if len(outputs) - op.hidden > 1 or op.kind == "sparse":
        return _several_source(op, general)
    first = f"a_{(op.promoted or op.operands)[0]}"
    keyword = ", ".join(f"{n}={n}" if n in op.keyword_only else n for n in op.attributes)
    parameters = f"{pairs[0][0]}=_MISSING, *{op.varargs}, **_named" if op.varargs else _parameters(op)
    unpack = [f"{_each('a_{}', outputs)} = _r".replace(",  =", " ="), f"_r = a_{outputs[0]}"] if op.hidden else []
    alike = op.result in ("same", "float")
    return _filled(
        SHORT, name=op.name, parameters=parameters, prologue=_prologue(op),
        no_out=" and out is None" if _takes_out(op) else "", general=general,
        unwrap=[line for public, name in pairs for line in _unwrap(op, public, name, first, general)],
        forward=_forward_lines(op, _each("a_{}", op.operands) + keyword), unpack=unpack,
        usual=_dtype_checks(op, first, general), same=_checks(op, first, alike, general),
        view=[f"_note_view(_t, {pairs[0][0]}, _op, ({_each('{}', op.attributes)}))"] if op.kind == "view" else [],
        layout=_layout_lines(op),
        history=_history(op, pairs, "_r.dtype" if not alike else "_d").rstrip("\n").split("\n"),
    )  # fmt: skip


def _dtype_checks(op: Op, first: str, general: str) -> list[str]:
    """Lines that leave for the general way if the operand is complex and may not be, or of 16 bits and to be widened."""
    tests = ["_d is _COMPLEX64", "_d is _COMPLEX128"] if op.real else []
    tests += ["(_d.itemsize < 4 and _d.kind in 'fV')"] if op.wide_forward else []
    if not tests:
        return []
    asked = (
        ["if dtype is not None:", f"    return {general}"]
        if op.wide_forward and "dtype" in op.attributes and not (op.renaming and "dtype" in op.keyword_only)
        else []
    )
    leave = f"if _d is not _FLOAT32 and _d is not _FLOAT64 and ({' or '.join(tests)}):"
    return [f"_d = {first}.dtype", leave, f"    return {general}", *asked]


def _checks(op: Op, first: str, alike: bool, general: str) -> list[str]:
    """Lines that leave for the general way if the result has another dtype than the operand."""
    if not alike:
        return []
    return [*([] if op.real or op.wide_forward else [f"_d = {first}.dtype"]), "if _r.dtype is not _d:", f"    return {general}"]


def _forward_lines(op: Op, call: str) -> list[str]:
    """The call of the forward; large operands are given to native kernels."""
    if not large.is_candidate(op):
        return [f"_r = _forward({call})"]
    given = f"({_each('a_{}', op.operands)}), ({_each('{}', op.attributes)})"
    if op.hidden and op.differentiable:  # for the rules alone
        given += f", ({' or '.join(f'n_{n} is not None' for n in op.differentiable)}) and (not _modes.grad_off or _settings.grad)"
    return [
        f"if a_{op.operands[0]}.size < {op.native_from}:",
        f"    _r = _forward({call})",
        "else:",
        f"    _r = _large_forward(_op, {given})",
    ]


def _layout_lines(op: Op) -> list[str]:
    """Lines for operands that may not lie row by row, as their `_view` tells."""
    if op.layout is None:
        return []
    if op.layout == "own":
        return ["if not _r.flags.c_contiguous:", "    _t._view = _STRIDED"]
    strided = "True" if op.layout in ALWAYS else " or ".join(f"v_{name} is not None" for name in op.operands)
    return (
        [f"if {strided}:", f"    _r = _lay_out(_op, _t, ({_each('a_{}', op.operands)}), ({_each('{}', op.attributes)}), _r)"]
        if strided
        else []
    )


def _unwrap(op: Op, public: str, name: str, first: str, general: str) -> list[str]:
    """The array and the node of one operand; an operand of another dtype than the first goes the general way."""
    take = [f"a_{name} = {public}._array"] + ([f"n_{name} = {public}._node"] if name in op.differentiable else [])
    nothing = [f"a_{name} = {{}}"] + ([f"n_{name} = None"] if name in op.differentiable else [])
    if op.layout is not None:
        take.append(f"v_{name} = {public}._view")
        nothing.append(f"v_{name} = None")
    leave = f"    return {general}"
    if name in op.promoted[1:]:
        take += [f"if a_{name}.dtype is not {first}.dtype:", leave]
        usual = f'{first}.dtype.char not in "fd"' if op.keeps_numbers else f'{first}.dtype.kind != "f"'
        number = [f"if {usual}:", leave] + [line.format(public) for line in nothing]
        cases = {f"{public}.__class__ in _NUMBERS": number}
    else:
        cases = {}
    if name in op.defaults:
        cases[f"{public} is None"] = [line.format("None") for line in nothing]
    lines = []
    for i, (condition, block) in enumerate(cases.items()):
        lines += [f"{'elif' if i else 'if'} {condition}:", *("    " + line for line in block)]
    return [*lines, "else:", *("    " + line for line in take)] if lines else take


def _history(op: Op, pairs: list[tuple[str, str]], dtype: str) -> str:
    """The part that gives the result its node, or says why it has none."""
    maybe = {public: f"{public} is not None" for public, name in pairs if name in op.defaults}
    maybe |= {public: f"{public}.__class__ not in _NUMBERS" for public, name in pairs if name in op.promoted[1:]}
    cuts = " or ".join(f"({maybe[p]} and {p}._cut)" if p in maybe else f"{p}._cut" for p, _ in pairs) + " or None"
    operands = _each("{}", op.public_names)
    if not op.differentiable:
        needed = " or ".join(f"({maybe[p]} and {p}._node is not None)" if p in maybe else f"{p}._node is not None" for p, _ in pairs)
        return _filled(NO_HISTORY, cuts=cuts, operands=operands, needed=needed)
    narrow = op.wide_rules and not op.wide_forward  # operands of 16 bits come this way, but their rules are to be given float32
    first = f"a_{(op.promoted or op.operands)[0]}"
    usual = "_d is _FLOAT32 or _d.itemsize != 2" if dtype == "_d" else f"{first}.itemsize != 2"
    node = f"_Node if {usual} else _WideNode" if narrow else "_Node"
    return _filled(
        HISTORY, node=node, due=" or ".join(f"n_{n} is not None" for n in op.differentiable), cuts=cuts, operands=operands,
        cut=_cut_lines(op, cuts),
        parents=_each("n_{}", op.differentiable), saved="".join(_save(op, name) + ", " for name in op.saves), dtype=dtype,
    )  # fmt: skip


def _cut_lines(op: Op, cuts: str) -> list[str]:
    """Lines that let the node of an op of several operands know why one of these has no history."""
    if len(op.operands) == 1:
        return []
    without = " or ".join(f"n_{n} is None" for n in op.differentiable) if len(op.differentiable) == len(op.operands) else "True"
    return [f"if {without}:", f"    _c = {cuts}", "    if _c is not None:", "        _n.cut = _c"]


def _save(op: Op, name: str) -> str:
    """The expression for one saved value; None at run time if no rule that will run wants it."""
    inputs = {i for rule in op.rules if name in rule.wants for i in rule.inputs}
    if name in op.attributes:
        return name
    outputs = op.outputs or ()
    if name in outputs:
        value = "_r" if name == outputs[0] else f"a_{name}"
    elif name in op.operands:
        value = f"a_{name}"
    else:
        operand, what = name.rsplit("_", 1)
        value = f'getattr(a_{operand}, "{what}", ())' if operand in op.defaults or op.promoted else f"a_{operand}.{what}"
    if not inputs or len(inputs) == len(op.differentiable) or (op.hidden and name in op.operands):
        return value
    due = " or ".join(f"n_{i} is not None" for i in op.differentiable if i in inputs)
    return f"{value} if {due} else None"


def _backward_source(op: Op) -> str:
    """The text of `backward(g, parents, saved)`: the gradients of the differentiable operands."""
    if op.variadic:
        wants = ", ".join(op.rules[0].wants) if op.rules else ""
        saved = "".join(f"{n}, " for n in op.saves)
        unpack = f"    {saved}= saved\n" if saved else ""
        body = f"    needs = tuple(p is not None for p in parents)\n    return _rule0({wants})\n" if op.rules else "    return ()\n"
        return f"def backward(g, parents, saved):\n{unpack}{body}"
    lines = ["def backward(g, parents, saved):"]
    if op.saves:
        lines.append(f"    {''.join(n + ', ' for n in op.saves)}= saved")
    if large.is_candidate(op):
        name = next((n for n in op.saves if n in op.operands or n in (op.outputs or ())), "g")
        lines += [
            f"    if {name}.__class__ is _ndarray and {name}.size >= {op.native_from}:",
            "        _d = _large_backward(_op, g, parents, saved)",
        ]
        lines += ["        if _d is not None:", "            return _d"]
    if len(op.differentiable) > 1:
        lines.append(f"    {''.join(f'n_{n}, ' for n in op.differentiable)}= parents")
    outputs = op.outputs or ()
    if len(outputs) - op.hidden > 1:
        wanted = {w for rule in op.rules for w in rule.wants}
        lines += [f"    g_{name} = g[{i}]" for i, name in enumerate(outputs) if f"g_{name}" in wanted]
        lines += ["    g = g[0]"]
    for i, rule in enumerate(op.rules):
        call = f"_rule{i}({', '.join(rule.wants)})"
        due = " or ".join(f"n_{n} is not None" for n in rule.inputs)
        if "needs" in rule.wants:
            flags = "".join(f"n_{n} is not None, " for n in rule.inputs) if len(op.differentiable) > 1 else "True,"
            lines.append(f"    needs = ({flags})")
        names = ", ".join(f"d_{n}" for n in rule.inputs)
        if len(op.differentiable) == 1:
            lines.append(f"    {names} = {call}")
        else:
            nothing = ", ".join(["None"] * len(rule.inputs))
            lines.append(f"    {names} = {call} if {due} else {f'({nothing})' if len(rule.inputs) > 1 else nothing}")
    lines.append(f"    return ({''.join(f'd_{n}, ' for n in op.differentiable)})")
    return "\n".join(lines) + "\n"
