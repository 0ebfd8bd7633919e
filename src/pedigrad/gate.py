"""The gate: the one way from Tensors to arrays and back.

`gate` is the whole of it: take the arrays out of the Tensors, bring them to a common dtype, run the op's forward, wrap what it
returns, record a Node. `build` writes the same steps out for one op as the short function that users really call; whatever is
not the ordinary case there (another dtype, a list, a special mode, not a Tensor at all) it hands to `gate`.

Operands that are arrays, not Tensors, go straight to the forward: in this way forwards and gradient rules call other ops on
arrays, on traced arrays and on Tensors alike.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import dtypes, modes
from .errors import explained, not_a_tensor
from .graph import Leaf, Node, Output, note_write
from .origin import MARK, located, outside
from .tensor import HAS_VIEWS, UNTRACKED, Cut, Tensor, View, refresh, wrap

if TYPE_CHECKING:
    from .op import Op

_new = object.__new__
_getframe = sys._getframe
_clock = modes.clock
replace_region: Any = None  # the op that writes through a view, set where it is declared (`ops/view.py`)
NUMBERS = frozenset({int, float})  # types whose values NumPy treats as PyTorch does beside a float array


def gate(op: Op, operands: tuple[Any, ...], attributes: tuple[Any, ...], out: Any = None) -> Any:
    """Run `op` on Tensors (or arrays): the general way."""
    flat = tuple(operands[0]) if op.variadic else operands
    if not any(isinstance(value, Tensor) for value in flat):
        return _on_arrays(op, flat, attributes)
    if modes.special:
        for value in flat:
            if isinstance(value, Tensor):
                refresh(value)
        if modes.settings.recorder is not None:
            return modes.settings.recorder(op, operands, attributes, out)
    operands = tuple(_as_operand(op, i, value) for i, value in enumerate(flat))
    arrays = tuple(value._array if isinstance(value, Tensor) else value for value in operands)
    ready = _promoted(op, arrays) if op.promote else arrays
    results = _forward(op, ready, attributes)
    if out is not None:
        return _into(op, out, results)
    tensors = tuple(map(wrap, results[: len(results) - op.hidden] if op.hidden else results))
    if op.kind == "view":
        for tensor in tensors:
            note_view(tensor, operands[0], op, attributes)
    record(op, tensors, operands, arrays, attributes, results)
    if op.outputs is None:
        return tensors
    return tensors[0] if len(tensors) == 1 else op.result_class(*tensors)


def _on_arrays(op: Op, operands: Any, attributes: tuple[Any, ...]) -> Any:
    if not any(hasattr(value, "__array_function__") for value in operands):
        for name, value in zip(op.public_names, operands, strict=False):
            if value is not None:
                raise not_a_tensor(op, name, value)
        raise TypeError(located(f"{op.name}() needs at least one tensor"))
    results = op.forward(*operands, **dict(zip(op.attributes, attributes, strict=True)))
    return results[0] if op.hidden and len(op.outputs or ()) - op.hidden == 1 else results


def _as_operand(op: Op, index: int, value: Any) -> Any:
    if value is None or isinstance(value, (Tensor, bool, int, float, complex)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return wrap(value)
    raise not_a_tensor(op, op.public_names[0 if op.variadic else index], value)


def _promoted(op: Op, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arrays in their common dtype; numbers become 0-d arrays of it."""
    chosen = arrays if op.promote is True else [a for n, a in zip(op.operands, arrays, strict=True) if n in op.promote]
    common = dtypes.promote_operands(chosen)
    if op.result == "float" and not (common.is_floating_point or common.is_complex):
        common = dtypes.get_default_dtype()
    target = dtypes.to_numpy(common)
    return tuple(
        a if a is None or not (op.promote is True or n in op.promote) else np.asarray(a).astype(target, copy=False)
        for n, a in zip(op.operands, arrays, strict=True)
    )


def _forward(op: Op, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> tuple[np.ndarray[Any, Any], ...]:
    """The arrays the forward returns. bfloat16, which NumPy knows little of, is computed in float32 where it must be."""
    named = dict(zip(op.attributes, attributes, strict=True))
    try:
        try:
            results = op.forward(*arrays, **named)
        except (TypeError, ValueError):
            narrow = next((a.dtype for a in arrays if isinstance(a, np.ndarray) and a.dtype.kind == "V"), None)
            if narrow is None:
                raise
            wide = (a.astype(np.float32) if isinstance(a, np.ndarray) and a.dtype == narrow else a for a in arrays)
            results = _map(lambda a: a.astype(narrow) if a.dtype == np.float32 else a, op.forward(*wide, **named))
    except Exception as error:
        raise explained(op, arrays, error) from error
    results = results if isinstance(results, (tuple, list)) else (results,)
    if op.result == "same" or op.result == "float":
        wanted = arrays[0 if op.promote is True else op.operands.index(op.promote[0])].dtype
        return tuple(np.asarray(r) if r.dtype == wanted else np.asarray(r).astype(wanted) for r in results)
    return tuple(map(np.asarray, results))


def _map(function: Callable[[Any], Any], results: Any) -> Any:
    return tuple(map(function, results)) if isinstance(results, (tuple, list)) else function(results)


def _into(op: Op, out: Any, results: tuple[Any, ...]) -> Any:
    """Write results into the tensors given as `out=`."""
    targets = out if isinstance(out, (tuple, list)) else (out,)
    for target, result in zip(targets, results, strict=False):
        if target._node is not None and modes.settings.grad:
            message = f"{op.name}(): functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad."
            raise RuntimeError(located(message))
        if not dtypes.can_cast(dtypes.of(result), target.dtype):
            raise RuntimeError(located(f"result type {dtypes.of(result)} can't be cast to the desired output type {target.dtype}"))
        if target._array.shape != result.shape:
            target._array = np.empty(result.shape, target._array.dtype)
        np.copyto(target._array, result, casting="unsafe")
        note_write(target._array, op.name)
    return out


def note_view(tensor: Tensor, base: Tensor, op: Op, attributes: tuple[Any, ...]) -> None:
    """Remember that `tensor` is a view of `base`, unless the forward had to copy."""
    if not np.may_share_memory(tensor._array, base._array):
        return
    tensor._view = View(base, op, attributes)
    tensor._view.stamp = next(_clock)
    if base._view is None:
        base._view = HAS_VIEWS


def record(
    op: Op,
    tensors: tuple[Tensor, ...],
    operands: tuple[Any, ...],
    arrays: tuple[Any, ...],
    attributes: tuple[Any, ...],
    results: tuple[Any, ...],
) -> Node | None:
    """Give `tensors`, the results of `op` on `operands`, their history: a node, or the reason why there is none."""
    names = op.operands * len(operands) if op.variadic else op.operands
    with_rule = op.differentiable
    parents = tuple(_history(v) for n, v in zip(names, operands, strict=True) if n in with_rule)
    smooth = [t for t in tensors if t._array.dtype.kind in "fcV"]
    if not smooth or not any(p is not None for p in parents) or not modes.settings.grad:
        cut = _cut(op, operands, parents, bool(smooth))
        for tensor in tensors:
            tensor._node, tensor._cut = None, cut
        return None
    node = _new(op.node_class)
    node.parents = parents
    node.saved = _saved(op, parents, arrays, attributes, results)
    node.shape, node.dtype = results[0].shape, results[0].dtype
    node.hooks = None
    node.seq = next(_clock)
    frame = outside(_getframe(1))
    node.code, node.lasti = (None, 0) if frame is None else (frame.f_code, frame.f_lasti)
    if op.outputs is not None and len(tensors) == 1:
        tensors[0]._node, tensors[0]._cut = node, None
    else:
        for i, tensor in enumerate(tensors):
            if tensor._array.dtype.kind in "fcV":
                tensor._node, tensor._cut = output(node, i, tensors), None
    return node


def _history(value: Any) -> Node | None:
    return value._node if isinstance(value, Tensor) else None


def output(node: Node, index: int, outputs: Any) -> Output:
    """The edge to one of several outputs of `node`."""
    edge = _new(Output)
    edge.parents, edge.index, edge.count, edge.saved, edge.hooks = (node,), index, len(outputs), (), None
    edge.shape, edge.dtype = outputs[index]._array.shape, outputs[index]._array.dtype
    edge.code, edge.lasti, edge.seq = node.code, node.lasti, next(_clock)
    return edge


def _saved(op: Op, parents: tuple[Any, ...], arrays: tuple[Any, ...], attributes: tuple[Any, ...], results: Any) -> tuple[Any, ...]:
    """What the rules that will run want, in the order of `op.saves`."""
    if op.variadic:
        (name,) = op.operands
        values: dict[str, Any] = {name: arrays}
        values[name + "_shape"] = tuple(a.shape for a in arrays)
        values[name + "_dtype"] = tuple(a.dtype for a in arrays)
    else:
        values = dict(zip(op.operands, arrays, strict=True))
        for name, a in zip(op.operands, arrays, strict=True):
            values[name + "_shape"], values[name + "_dtype"] = getattr(a, "shape", ()), getattr(a, "dtype", None)
    values.update(zip(op.attributes, attributes, strict=True))
    values.update(zip(op.outputs, results, strict=True) if op.outputs else {"outs": results})
    if not op.variadic:
        due = {n for n, p in zip(op.differentiable, parents, strict=True) if p is not None}
        wanted = {w for rule in op.rules if due.intersection(rule.inputs) for w in rule.wants}
        return tuple(values[name] if name in wanted else None for name in op.saves)
    return tuple(values[name] for name in op.saves)


def _cut(op: Op, operands: Any, parents: tuple[Any, ...], smooth: bool) -> Cut | None:
    """Why the result of `op` needs no gradient, if anything before it did."""
    for value in operands:
        if isinstance(value, Tensor) and value._cut is not None:
            return value._cut
    if not any(_history(v) is not None for v in operands):
        return None
    if not modes.settings.grad:
        return Cut(f"computed by {op.name}() under no_grad")
    return Cut(f"{op.name}() has no gradient" if smooth else f"{op.name}() gives integers or booleans, which have no gradient")


# In place


def inplace_form(op: Op) -> Callable[..., Any]:
    """The function that writes the result of `op` into its first operand: `add_` of `add`."""

    def form(input: Any, *args: Any, **kwargs: Any) -> Any:
        operands, attributes = bind(op, (input, *args), kwargs)
        return write(op, operands, attributes)

    form.__name__ = form.__qualname__ = op.name + "_"
    form.__module__ = op.forward.__module__
    form.__doc__ = f"In-place form of `{op.name}`; returns its first operand."
    return form


def bind(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The operands and attributes meant by a call."""
    names = op.public_names + tuple(n for n in op.attributes if n not in op.keyword_only)
    if op.varargs and args[1:] and hasattr(args[1], "__index__"):
        args = (args[0], args[1:])
    if len(args) > len(names):
        raise TypeError(located(f"{op.name}() takes {len(names)} positional arguments but {len(args)} were given"))
    values = dict(zip(names, args, strict=False))
    known = {*op.public_names, *op.attributes}
    for name, value in kwargs.items():
        if name not in known or name in values:
            raise TypeError(located(f"{op.name}() got an unexpected keyword argument '{name}'"))
        values[name] = value
    try:
        operands = tuple(
            values[p] if p in values else op.defaults[n] for p, n in zip(op.public_names, op.operands, strict=True)
        )
        attributes = tuple(values[n] if n in values else op.defaults[n] for n in op.attributes)
    except KeyError as missing:
        raise TypeError(located(f"{op.name}() missing a required argument: {missing}")) from None
    return operands, attributes


def write(op: Op, operands: tuple[Any, ...], attributes: tuple[Any, ...]) -> Tensor:
    """Run `op` and put its result into the first operand's storage and history."""
    target = operands[0]
    if not isinstance(target, Tensor):
        raise not_a_tensor(op, op.public_names[0], target)
    if modes.special:
        refresh(target)
    recording = modes.settings.grad and any(_history(v) is not None for v in operands)
    if recording:
        check_writable(target)
    elif op.ufunc is not None and _plain(target, operands[1:]) and modes.settings.recorder is None:
        try:
            op.ufunc(*(v._array if isinstance(v, Tensor) else v for v in operands), out=target._array)
        except Exception as error:
            raise explained(op, tuple(getattr(v, "_array", v) for v in operands), error) from error
        note_change(target, op.name + "_")
        return target
    result = gate(op, operands, attributes)
    array = result._array
    if not dtypes.can_cast(dtypes.of(array), target.dtype):
        raise RuntimeError(located(f"{op.name}_(): result type {result.dtype} can't be cast to the desired output type {target.dtype}"))
    if array.shape != target._array.shape:
        sizes = f"{list(target.shape)} doesn't match the broadcast shape {list(array.shape)}"
        raise RuntimeError(located(f"{op.name}_(): output with shape {sizes}"))
    return store(target, result, array, op.name + "_")


def _plain(target: Tensor, others: tuple[Any, ...]) -> bool:
    """Whether a ufunc may write straight into `target`: all float arrays of one dtype, or numbers."""
    dtype = target._array.dtype
    if dtype.kind != "f":
        return False
    return all(v._array.dtype == dtype if isinstance(v, Tensor) else v.__class__ in NUMBERS for v in others)


def check_writable(target: Tensor) -> None:
    """RuntimeError if a write in place into `target` would be lost on a leaf's gradient."""
    base = target._base
    leaf = target if base is None else base
    if isinstance(leaf._node, Leaf):
        what = "a leaf Variable that requires grad" if base is None else "a view of a leaf Variable that requires grad"
        raise RuntimeError(located(f"{what} is being used in an in-place operation; do it under torch.no_grad(), or on a clone()"))
    if target._view is not None and target._view.op is not None and target._view.op.outputs is None:
        name = target._view.op.name
        raise RuntimeError(located(f"a view made by {name}(), which returns several views, cannot be modified in place; clone() it first"))


def store(target: Tensor, result: Tensor, array: Any, what: str) -> Tensor:
    """Copy `array` into `target` and give it the history of `result`."""
    node = result._node
    here = target._array
    if not here.flags.writeable:
        message = f"{what}(): the tensor is an expanded or read-only view: several of its elements share memory; clone() it first"
        raise RuntimeError(located(message))
    if node is not None and isinstance(node.saved, tuple):
        # What the node keeps must be the values from before this write.
        node.saved = tuple(s.copy() if isinstance(s, np.ndarray) and np.may_share_memory(s, here) else s for s in node.saved)
    np.copyto(here, array, casting="unsafe")
    note_change(target, what)
    if node is not None or target._node is not None:
        if modes.settings.grad:
            rebase(target, node)
    elif target._cut is None:
        target._cut = result._cut
    return target


def note_change(target: Tensor, what: str) -> None:
    """Record a write in place into `target`, unless it was made through `.data`."""
    view = target._view
    while view is not None and view.base is not None:
        view = view.base._view
    if view is not UNTRACKED:
        note_write(target._array, what)


def rebase(target: Tensor, node: Node | None) -> None:
    """Give `target` the new history `node`, and what it is a view of the history in which that region is replaced."""
    if node is not None:
        node.seq = next(_clock)  # younger than the write itself
    view = target._view
    if view is None or view is UNTRACKED:
        target._node = node
        return
    if view.base is not None:
        _rebase_base(target, view, node)
    if view is HAS_VIEWS or view.base is None:
        target._node = node
        if view is HAS_VIEWS:
            view = target._view = View(None, None, ())
            modes.need_long_way(+1)
            _when_gone(target)
    else:
        view.op.rerecord(target, view.base, view.attributes)
        view.stamp = next(_clock)
    view.rebased = next(_clock)


def _rebase_base(target: Tensor, view: View, node: Node | None) -> None:
    base = view.base
    assert base is not None
    if base._node is None and node is None:
        return
    op = replace_region.op
    region = wrap(target._array)
    region._node = node
    holder = wrap(base._array)
    attributes = (view.op, view.attributes)
    record(op, (holder,), (base, region), (base._array, target._array), attributes, (base._array,))
    rebase(base, holder._node)


def _when_gone(tensor: Tensor) -> None:
    """Drop the reason for the long way when `tensor`, whose views may be out of date, dies."""
    weakref.finalize(tensor, modes.need_long_way, -1).atexit = False


# The short function that users call


def build(op: Op) -> Any:
    """Generate the code of `op`'s public function and of its gradient, and put it in place; returns the function."""
    function = op.function
    namespace = function.__globals__
    namespace.update(
        _gate=gate, _modes=modes, _Tensor=Tensor, _new=_new, _ndarray=np.ndarray, _asarray=np.asarray, _explained=explained,
        _record_cut=_cut, _next=_clock.__next__, _getframe=_getframe, _MARK=MARK, _outside=outside,
        _NUMBERS=NUMBERS, _forward=op.ufunc or op.forward, _settings=modes.settings, _note_view=note_view, _bind=bind,
    )  # fmt: skip
    namespace.update({f"_rule{i}": rule.function for i, rule in enumerate(op.rules)})
    namespace.update({f"_default_{n}": v for n, v in op.defaults.items()})
    source = _variadic_source(op) if op.variadic or op.outputs is None or op.varargs else _source(op)
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
    parts = [p + ("=None" if n in op.defaults else "") for p, n in zip(op.public_names, op.operands, strict=True)]
    keyword = []
    for name in op.attributes:
        text = f"{name}=_default_{name}" if name in op.defaults else name
        (keyword if name in op.keyword_only else parts).append(text)
    if op.out:
        keyword.append("out=None")
    return ", ".join([*parts, "*", *keyword] if keyword else parts)


def _variadic_source(op: Op) -> str:
    """Ops on lists of tensors, and those whose arguments may be written without parentheses, have no short way."""
    if op.varargs:
        return (
            f"def {op.name}(input, *args, **kwargs):\n"
            f"    operands, attributes = _bind(_op, (input, *args), kwargs)\n"
            f"    return _gate(_op, operands, attributes)\n"
        )
    attributes = "".join(f"{n}, " for n in op.attributes)
    operands = "".join(f"{n}, " for n in op.public_names)
    out = ", out" if op.out else ""
    return f"def {op.name}({_parameters(op)}):\n    return _gate(_op, ({operands}), ({attributes}){out})\n"


def _source(op: Op) -> str:
    """The text of an ordinary op's public function."""
    optional = {n for n in op.operands if n in op.defaults}
    promoted = op.operands if op.promote is True else op.promote or ()
    numbers = set(promoted[1:])
    pairs = list(zip(op.public_names, op.operands, strict=True))
    unwrap, nodes = [], []
    for public, name in pairs:
        array = f"{public}._array"
        node = f"{public}._node"
        if name in numbers:
            array, node = (f"{public} if {public}.__class__ in _NUMBERS else {array}", f"None if {public}.__class__ in _NUMBERS else {node}")
        elif name in optional:
            array, node = f"None if {public} is None else {array}", f"None if {public} is None else {node}"
        unwrap.append(f"            _{name} = {array}")
        if name in op.differentiable:
            nodes.append(f"        n_{name} = {node}")
    first = f"_{(promoted or op.operands)[0]}"
    alike = [_alike(f"_{n}", first, n in numbers, n in optional) for n in promoted[1:]]
    attributes = ", ".join(f"{n}={n}" if n in op.keyword_only else n for n in op.attributes)
    call = "".join(f"_{n}, " for n in op.operands) + attributes
    general = f"_gate(_op, ({''.join(p + ', ' for p in op.public_names)}), ({''.join(n + ', ' for n in op.attributes)})" + (
        ", out)" if op.out else ")"
    )
    lines = [f"def {op.name}({_parameters(op)}):"]
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
        lines += [f"        {', '.join('_' + o for o in outputs)} = _r", f"        _r = _{outputs[0]}"]
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
        cut = f"{cuts} or _record_cut(_op, ({operands}), (), False)"
        return [*lines, "        _t._node = None", f"        _t._cut = {cut}", "        return _t"]
    due = " or ".join(f"n_{n} is not None" for n in op.differentiable)
    lines += nodes
    lines += [f"        if {due}:", "            if _modes.grad_off and not _settings.grad:"]
    lines += ["                _t._node = None", f"                _t._cut = {cuts} or _record_cut(_op, ({operands}), (), True)", "                return _t"]
    lines += ["            _n = _new(_Node)", f"            _n.parents = ({''.join(f'n_{n}, ' for n in op.differentiable)})"]
    lines += [f"            _n.saved = ({''.join(_save(op, name) + ', ' for name in op.saves)})"]
    lines += ["            _n.shape = _r.shape", "            _n.dtype = _r.dtype", "            _n.hooks = None", "            _n.seq = _next()"]
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
        value = "_r" if name == outputs[0] else f"_{name}"
    elif name in op.operands:
        value = f"_{name}"
    else:
        operand, what = name.rsplit("_", 1)
        value = f'getattr(_{operand}, "{what}", ())' if operand in op.defaults or op.promote else f"_{operand}.{what}"
    if len(inputs) == len(op.differentiable) or name in outputs:
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
