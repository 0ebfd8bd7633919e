"""The short function that users call: the gate written out for one op, as Python source.

`build` generates it when the op is first called, together with `backward`, which hands each gradient rule what it named. To see
the code of an op: `print(pedigrad.tanh.op.source)` after a first call.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from . import modes
from .errors import explained
from .gate import NUMBERS, bind, cut_of, gate, note_view, record
from .origin import MARK, outside
from .tensor import Tensor

if TYPE_CHECKING:
    from .op import Op


def build(op: Op) -> Any:
    """Generate the code of `op`'s public function and of its gradient, and put it in place; returns the function."""
    function = op.function
    namespace = function.__globals__
    namespace.update(
        _gate=gate, _modes=modes, _Tensor=Tensor, _new=object.__new__, _ndarray=np.ndarray, _asarray=np.asarray, _explained=explained,
        _record_cut=cut_of, _next=modes.clock.__next__, _getframe=sys._getframe, _MARK=MARK, _outside=outside,
        _NUMBERS=NUMBERS, _forward=op.ufunc or op.forward, _settings=modes.settings, _note_view=note_view, _bind=bind, _record=record,
    )  # fmt: skip
    namespace.update({f"_rule{i}": rule.function for i, rule in enumerate(op.rules)})
    namespace.update({f"_default_{n}": v for n, v in op.defaults.items()})
    source = _variadic_source(op) if op.variadic or op.outputs is None else _source(op)
    source += "\n" + _backward_source(op)
    scope: dict[str, Any] = {}
    exec(compile(source, f"<pedigrad op {op.name}>", "exec"), namespace, scope)
    built = scope[op.name]
    namespace[MARK] = True
    function.__code__, function.__defaults__, function.__kwdefaults__ = built.__code__, built.__defaults__, built.__kwdefaults__
    op.source = source
    op.built = True
    namespace["_Node"] = op.node_class
    op.node_class.backward = staticmethod(scope["backward"])
    return function


def _parameters(op: Op) -> str:
    """The public signature."""
    keyword: list[str] = []
    parts = [p + ("=None" if n in op.defaults else "") for p, n in zip(op.public_names, op.operands, strict=True)]
    for name in op.attributes:
        text = f"{name}=_default_{name}" if name in op.defaults else name
        (keyword if name in op.keyword_only else parts).append(text)
    if op.out:
        keyword.append("out=None")
    return ", ".join([*parts, "*", *keyword] if keyword else parts)


def _variadic_source(op: Op) -> str:
    """An op on a list of tensors; those with a varying number of outputs always go the general way."""
    attributes = "".join(f"{n}, " for n in op.attributes)
    out = ", out" if op.out else ""
    (public,) = op.public_names[:1]
    if not op.variadic:
        operands = "".join(f"{n}, " for n in op.public_names)
        return f"def {op.name}({_parameters(op)}):\n    return _gate(_op, ({operands}), ({attributes}){out})\n"
    general = f"_gate(_op, ({public},), ({attributes}){out})"
    lines = [f"def {op.name}({_parameters(op)}):"]
    if op.outputs is not None and len(op.outputs) == 1 and not op.result:
        named = ", ".join(f"{n}={n}" for n in op.attributes)
        lines += ["    if not _modes.special" + (" and out is None:" if op.out else ":")]
        lines += ["        try:", f"            {public} = tuple({public})", f"            _a = tuple([_t._array for _t in {public}])"]
        lines += ["        except (AttributeError, TypeError):", f"            return {general}"]
        lines += (
            ["        for _x in _a:", "            if _x.dtype is not _a[0].dtype:", f"                return {general}"]
            if op.promoted
            else []
        )
        lines += ["        try:", f"            _r = _forward(*_a, {named})", "        except Exception:", f"            return {general}"]
        lines += ["        if _r.__class__ is not _ndarray:", "            _r = _asarray(_r)"]
        lines += ["        _t = _new(_Tensor)", "        _t._array = _r", "        _t._view = None"]
        lines += [f"        _record(_op, (_t,), {public}, _a, ({attributes}), (_r,))", "        return _t"]
    return "\n".join(lines) + f"\n    return {general}\n"


def _source(op: Op) -> str:
    """The text of an ordinary op's public function."""
    optional = {n for n in op.operands if n in op.defaults}
    promoted = op.promoted
    numbers = set(promoted[1:])
    pairs = list(zip(op.public_names, op.operands, strict=True))
    unwrap, nodes = [], []
    for public, name in pairs:
        array = f"{public}._array"
        node = f"{public}._node"
        if name in numbers:
            array, node = (
                f"{public} if {public}.__class__ in _NUMBERS else {array}",
                f"None if {public}.__class__ in _NUMBERS else {node}",
            )
        elif name in optional:
            array, node = f"None if {public} is None else {array}", f"None if {public} is None else {node}"
        unwrap.append(f"            a_{name} = {array}")
        if name in op.differentiable:
            nodes.append(f"        n_{name} = {node}")
    first = f"a_{(promoted or op.operands)[0]}"
    alike = [_alike(f"a_{n}", first, n in numbers, n in optional) for n in promoted[1:]]
    attributes = ", ".join(f"{n}={n}" if n in op.keyword_only else n for n in op.attributes)
    call = "".join(f"a_{n}, " for n in op.operands) + attributes
    general = f"_gate(_op, ({''.join(p + ', ' for p in op.public_names)}), ({''.join(n + ', ' for n in op.attributes)})" + (
        ", out)" if op.out else ")"
    )
    lines = [f"def {op.name}({_parameters(op)}):"]
    if op.varargs:  # f(2, 3) and f((2, 3))
        name = op.varargs
        lines = [f"def {op.name}({pairs[0][0]}, *{name}, **_named):", "    if _named:"]
        lines += [f"        return _gate(_op, *_bind(_op, ({pairs[0][0]}, *{name}), _named))"]
        lines += [f"    if len({name}) == 1:", f"        {name} = {name}[0]"]
        lines += [f"    {n} = _default_{n}" for n in op.attributes if n != name]
    lines += ["    if not _modes.special" + (" and out is None:" if op.out else ":")]
    lines += ["        try:", *unwrap, "        except AttributeError:", f"            return {general}"]
    if alike:
        lines += [f"        if not ({' and '.join(alike)}):", f"            return {general}"]
    lines += ["        try:", f"            _r = _forward({call})", "        except Exception:", f"            return {general}"]
    lines += _finish(op, pairs, nodes, first, general, numbers)
    return "\n".join(lines) + f"\n    return {general}\n"


def _alike(name: str, first: str, may_be_number: bool, optional: bool) -> str:
    same = f"{name}.dtype is {first}.dtype"
    if may_be_number:
        same = f'({first}.dtype.kind == "f" if {name}.__class__ in _NUMBERS else {same})'
    return f"({name} is None or {same})" if optional else same


def _finish(op: Op, pairs: list[tuple[str, str]], nodes: list[str], first: str, general: str, numbers: set[str]) -> list[str]:
    """Wrap the result `_r` and record its node."""
    outputs = op.outputs or ()
    if len(outputs) - op.hidden > 1:  # several visible outputs: `record` deals with them
        return [f"        return {general}"]
    lines = []
    if op.hidden:
        lines += [f"        {', '.join('a_' + o for o in outputs)} = _r", f"        _r = a_{outputs[0]}"]
    lines += ["        if _r.__class__ is not _ndarray:", "            _r = _asarray(_r)"]
    if op.result in ("same", "float"):
        lines += [f"        if _r.dtype is not {first}.dtype:", f"            return {general}"]
    lines += ["        _t = _new(_Tensor)", "        _t._array = _r", "        _t._view = None"]
    if op.kind == "view":
        attributes = "".join(n + ", " for n in op.attributes)
        lines += [f"        _note_view(_t, {pairs[0][0]}, _op, ({attributes}))"]
    cuts = " or ".join(f"{p}._cut" for p, n in pairs if n not in numbers and n not in op.defaults) or "None"
    operands = "".join(p + ", " for p, _ in pairs)
    if not op.differentiable:
        needs = [
            f"({p}.__class__ not in _NUMBERS and {p}._node is not None)" if n in numbers else f"{p}._node is not None" for p, n in pairs
        ]
        needs = [f"({p} is not None and {test})" if n in op.defaults else test for test, (p, n) in zip(needs, pairs, strict=True)]
        cut = f"{cuts} or (_record_cut(_op, ({operands}), (), False) if {' or '.join(needs)} else None)"
        return [*lines, "        _t._node = None", f"        _t._cut = {cut}", "        return _t"]
    due = " or ".join(f"n_{n} is not None" for n in op.differentiable)
    lines += nodes
    lines += [f"        if {due}:", "            if _modes.grad_off and not _settings.grad:"]
    lines += [
        "                _t._node = None",
        f"                _t._cut = {cuts} or _record_cut(_op, ({operands}), (), True)",
        "                return _t",
    ]
    lines += ["            _n = _new(_Node)", f"            _n.parents = ({''.join(f'n_{n}, ' for n in op.differentiable)})"]
    lines += [f"            _n.saved = ({''.join(_save(op, name) + ', ' for name in op.saves)})"]
    lines += [
        "            _n.shape = _r.shape",
        "            _n.dtype = _r.dtype",
        "            _n.hooks = None",
        "            _n.seq = _next()",
    ]
    lines += ["            _f = _getframe(1)", "            if _MARK in _f.f_globals:", "                _f = _outside(_f) or _getframe(0)"]
    lines += ["            _n.code = _f.f_code", "            _n.lasti = _f.f_lasti"]
    lines += ["            _t._node = _n", "            _t._cut = None"]
    lines += ["        else:", "            _t._node = None", f"            _t._cut = {cuts}", "        return _t"]
    return lines


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
    if not inputs or len(inputs) == len(op.differentiable) or name in outputs:
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
