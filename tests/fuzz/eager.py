"""Eager programs, held against PyTorch: views, writes in place, indexing, hooks, modes, Functions, layers, gradients of gradients."""

from __future__ import annotations

import math
import re

import numpy as np

from fuzz import against, layers, on_purpose, programs
from fuzz.custom import function
from fuzz.in_place import write
from fuzz.state import FLOATS, Name, State, category, new_tensor, promoted, tuple_text
from fuzz.views import dim_of, take, view

# What a program leaves out, by its name in the list of known kinds.
KNOWN = {
    "B": "float16 and bfloat16",
    "C1": "neg_ and neg with out=",
    "C2": "mark_dirty of a view",
    "C3": "t_, squeeze_, ...",
    "C4": "hooks and retain_grad on what is written",
    "C6": "writes to expanded views",
    "C7": "overwriting what has a history",
    "C8": "powers, products, cross_entropy: what saves too much",
    "C9": "views of what may be laid out otherwise",
    "C10": "relu and the like",
    "C11": "as_strided, detach_",
    "overlap": "operands that overlap what is written",
    "same": "Functions that return what they were given",
    "inference": "inference_mode",
    "materialize": "materialize_grads",
    "flatten": "flatten",
    "inputs": "backward(inputs=)",
    "create": "backward(create_graph=True)",
    "mixed": "narrower targets of writes",
    "detached": "writes behind the back of a view",
    "uint8": "uint8",
    "split": "one of several views from a call",
    "twice": "backward passes after one that frees the graph",
    "stale": "hooks on views",
    "module hooks": "backward hooks of modules",
    "normalize": "F.normalize",
    "rms_norm": "RMSNorm",
    "empty": "empty views",
    "regenerated": "gradients of what is a view or has one, once it was written",
    "prehook": "pre-hooks of nodes",
    "connected": "gradients that are constant where PyTorch connects them (pooling, padding)",
    "2 / x": "a number divided by a tensor",
    "layers": "layers and losses",
    "hooks": "hooks",
    "functions": "custom Functions",
}
BINDING = re.compile(r"^ *(\w+(?:, \w+)*) = ", re.MULTILINE)
# Of these, what differs on purpose in ways that the text of a difference does not show (docs/differences.md): left out always.
LEFT_OUT = frozenset(("detached", "stale", "regenerated", "normalize", "2 / x", "overlap"))


def compare(program: programs.Program) -> str | None:
    """How pedigrad differs from PyTorch, other than on purpose."""
    text = against.against_torch(program)
    if text is None or "raised NameError" in text:  # of a program that was cut, see below
        return None
    if on_purpose.purpose_of(program, text) is not None:
        at = on_purpose.refused_at(text)
        if at is None:
            return None
        # what comes after what only PyTorch refuses is compared without it
        return compare(programs.Program(program.statements[:at] + program.statements[at + 1 :], program.observe))
    return text


def generate(seed: int, avoid: frozenset[str] = frozenset()) -> programs.Program:
    """The program of a seed."""
    s = State(programs.source(seed, "eager"), avoid | LEFT_OUT)
    for _ in range(s.r.choice((1, 2, 2, 3))):
        new_tensor(s)
    if not any(n.storage.needs for n in s.names):
        new_tensor(s, dtype=s.dtype, needs=True)
    length = s.r.choice((3, 5, 7, 9, 12, 16))
    while len(s.statements) < length + 2:
        if s.chance(0.08):
            mode_block(s)
        else:
            statement(s)
    finish(s)
    bound = (name for text in s.statements for names in BINDING.findall(text) for name in names.split(", "))
    return programs.Program(tuple(s.statements), tuple(name for name in dict.fromkeys(bound) if name not in s.hidden))


STATEMENTS = [(view, 20), (write, 24), (take, 5), ("compute", 14), ("reduce", 4), (new_tensor, 4), ("hook", 4), ("cut", 4)]
STATEMENTS += [("backward", 2.5), ("grad", 2.5), ("layer", 3), ("function", 2.5), ("ask", 1)]


def statement(s: State) -> None:
    """One more statement, now and then none."""
    makers = {"compute": compute, "reduce": reduce, "hook": hook, "cut": cut, "backward": backward, "grad": grad}
    makers |= {"layer": layers.layer, "function": function, "ask": ask}
    make = s.r.choices([m for m, _ in STATEMENTS], [w for _, w in STATEMENTS])[0]
    make = makers[make] if isinstance(make, str) else make
    left_out = {layers.layer: "layers", hook: "hooks", function: "functions"}.get(make)
    if left_out is None or s.may(left_out):
        make(s)


def mode_block(s: State) -> None:
    """A few statements under another grad mode."""
    if s.block is not None:
        return
    forms = ("torch.no_grad()", "torch.no_grad()", "torch.enable_grad()", "torch.set_grad_enabled(False)", "torch.inference_mode()")
    form = s.r.choice(forms if s.may("inference") else forms[:-1])
    s.block, s.grad = [], form == "torch.enable_grad()"
    known = len(s.names)
    for _ in range(s.r.choice((1, 1, 2, 3))):
        s.r.choice((write, write, compute, view, take))(s)
    body, s.block, s.grad = s.block, None, True
    made = s.names[known:]
    if form == "torch.inference_mode()" and s.chance(0.8):
        del s.names[known:]  # inference tensors refuse much afterwards
    older = {id(n.storage) for n in s.names[:known]}  # views made without gradients differ on purpose
    s.hidden |= {n.text for n in made if id(n.storage) in older or n.text[0] in "vpd"}
    s.names[known:] = [n for n in s.names[known:] if n.text not in s.hidden]
    if body:
        s.emit("\n    ".join([f"with {form}:", *body]))


# Computing

UNARY = "sin cos tanh exp sigmoid abs neg square sqrt reciprocal log1p erf atan relu sign floor expm1 rsqrt softplus silu gelu"
RELUS = {"relu"}
BINARY = ("{} + {}", "{} - {}", "{} * {}", "{} * {}", "{} / {}", "torch.maximum({}, {})", "torch.minimum({}, {})", "torch.atan2({}, {})")
BINARY += ("torch.where({0} > 0, {0}, {1})", "torch.lerp({}, {}, 0.3)", "torch.hypot({}, {})")


def compute(s: State) -> Name | None:
    """An operation that makes a new tensor."""
    x = s.pick(lambda n: n.dtype != "bool")
    if x is None:
        return None
    needs, sure = x.storage.needs, x.storage.sure and np.all(np.diff(x.shadow.ravel()) == 1)
    way = s.r.random()
    if way < 0.3 and x.is_float:
        op = s.r.choice(UNARY.split())
        if op in RELUS and not s.may("C10"):
            op = "sin"
        functional = op in ("softplus", "silu", "gelu")
        return s.bind(f"F.{op}({x.text})" if functional else f"{x.text}.{op}()", x.shape, x.dtype, needs, sure=sure)
    if way < 0.5:
        ints = category(x.dtype) == 1
        form = s.r.choice(
            ("{} * 2", "{} + 1", "2 - {}", "-{}")
            if ints
            else ("{} * 2", "{} * 1", "{} + 1", "2 / {}", "{} / 3", "1 - {}", "{}.clone()", "{} ** 2")
        )
        if ("**" in form and not s.may("C8")) or ("2 /" in form and not s.may("2 / x")):
            form = "{} * 3"
        return s.bind(form.format(x.text), x.shape, x.dtype, needs, sure=sure)
    if way < 0.8:
        y = s.pick(lambda n: _broadcast(n, x) is not None and n.dtype != "bool", recent=False)
        if y is None:
            return None
        form = s.r.choice(BINARY if x.is_float and y.dtype == x.dtype and x.ndim and y.ndim else BINARY[:4])
        if ("m(" in form and not s.may("C10")) or ("atan2" in form and not s.may("C7")):
            form = BINARY[0]
        sure = sure and y.storage.sure and y.shape == x.shape
        return s.bind(form.format(x.text, y.text), _broadcast(n=x, m=y), promoted(x, y), needs or y.storage.needs, sure=sure)
    return join_or_product(s, x)


def _broadcast(n, m):
    try:
        shape = np.broadcast_shapes(n.shape, m.shape)
    except ValueError:
        return None
    return shape if math.prod(shape) <= 120 else None


def join_or_product(s: State, x: Name) -> Name | None:
    """cat, stack, products, and a few that move elements."""
    way = s.r.choice(
        ("cat", "stack", "matmul", "flip", "roll", "repeat", "tile", "cumsum", "pad", "tril", "index_select", "gather", "take_along")
    )
    y = s.pick(lambda n: n.shape == x.shape and n.dtype == x.dtype, recent=False)
    needs = x.storage.needs or y.storage.needs
    if way == "stack" and x.ndim < 4:
        d = dim_of(s, x, 1)
        shape = np.stack([x.shadow, x.shadow], d).shape
        return s.bind(f"torch.stack([{x.text}, {y.text}], {d})", shape, x.dtype, needs)
    if not x.ndim:
        return None
    d = dim_of(s, x)
    sure = s.may("C9")
    if way == "cat":
        return s.bind(f"torch.cat([{x.text}, {y.text}], {d})", np.concatenate([x.shadow] * 2, d).shape, x.dtype, needs, sure=sure)
    if way == "matmul":
        if not s.may("C8"):
            return None
        y = s.pick(lambda n: n.dtype == x.dtype and 1 <= n.ndim <= 2 and n.shape[0] == x.shape[-1], recent=False)
        if y is None or x.ndim > 3:
            y, text = x, f"{x.text} @ {x.text}.mT"
            if x.ndim < 2:
                return None
            return s.bind(text, np.matmul(x.shadow, np.swapaxes(x.shadow, -1, -2)).shape, x.dtype, x.storage.needs, sure=sure)
        return s.bind(f"{x.text} @ {y.text}", np.matmul(x.shadow, y.shadow).shape, x.dtype, x.storage.needs or y.storage.needs, sure=sure)
    if way in ("repeat", "tile"):
        times = [s.r.choice((1, 2)) for _ in x.shape]
        if x.size > 20:
            return None
        return s.bind(f"{x.text}.{way}({tuple_text(times)})", np.tile(x.shadow, times).shape, x.dtype, x.storage.needs)
    if way in ("index_select", "gather") and x.shape[d] and 0 not in x.shape:
        index = [s.r.randrange(x.shape[d]) for _ in range(s.r.choice((1, 2, 3)))]
        shape = list(x.shape)
        shape[d] = len(index)
        if way == "index_select":
            text = f"{x.text}.index_select({d}, torch.tensor({index}))"
        else:
            spread = [1] * x.ndim
            spread[d] = len(index)
            text = f"{x.text}.gather({d}, torch.tensor({index}).reshape({tuple_text(spread)}).expand({tuple_text(shape)}))"
        return s.bind(text, tuple(shape), x.dtype, x.storage.needs, sure=sure)
    forms = {"flip": f"{x.text}.flip({d})", "roll": f"{x.text}.roll(1, {d})"}
    if x.is_float:
        forms |= {"cumsum": f"{x.text}.cumsum({d})"}
        if x.ndim >= 2:
            forms |= {"tril": f"{x.text}.tril()"}
    if way in forms:
        return s.bind(forms[way], x.shape, x.dtype, x.storage.needs, sure=sure)
    return None


def reduce(s: State) -> Name | None:
    """A reduction over all, one or two dims."""
    x = s.pick(lambda n: n.is_float)
    if x is None:
        return None
    way = s.r.choice(
        ("sum", "sum", "mean", "prod", "amax", "logsumexp", "norm", "var", "std", "max", "softmax", "sort", "argmax", "count_nonzero")
    )
    if (way == "norm" and not s.may("C10")) or (way == "prod" and not s.may("connected")):
        way = "sum"
    if way in ("argmax", "max", "amax", "var", "std", "sort", "softmax", "logsumexp", "norm") and 0 in x.shape:
        return None
    needs = x.storage.needs
    if not x.ndim or (s.chance(0.35) and way in ("sum", "mean", "prod", "amax", "norm", "max", "argmax")):
        if way not in ("sum", "mean", "prod", "amax", "norm", "max", "argmax"):
            return None
        return s.bind(f"{x.text}.{way}()", (), "int64" if way == "argmax" else x.dtype, needs and way != "argmax")
    d = dim_of(s, x)
    keep = s.chance(0.4)
    shape = np.sum(x.shadow, d, keepdims=keep).shape
    if way == "softmax":
        return s.bind(f"{x.text}.{s.r.choice(('softmax', 'log_softmax'))}({d})", x.shape, x.dtype, needs, sure=s.may("C9"))
    if way == "sort":
        return s.bind(f"{x.text}.sort(dim={d}, stable=True)[0]", x.shape, x.dtype, needs, sure=s.may("C9"))
    if way in ("var", "std"):
        if x.shape[d] < 2:
            return None
        return s.bind(f"{x.text}.{way}({d}, keepdim={keep})", shape, x.dtype, needs, sure=s.may("C9"))
    if way in ("argmax", "count_nonzero"):
        if way == "count_nonzero":
            return s.bind(f"{x.text}.count_nonzero({d})", np.sum(x.shadow, d).shape, "int64")
        return s.bind(f"{x.text}.argmax({d}, keepdim={keep})", shape, "int64")
    if way == "norm":
        return s.bind(f"{x.text}.norm(dim={d}, keepdim={keep})", shape, x.dtype, needs)
    text = f"{x.text}.{way}({d}, keepdim={keep})" + ("[0]" if way == "max" else "")
    return s.bind(text, shape, x.dtype, needs, sure=s.may("C9"))


def ask(s: State) -> None:
    """What a program asks and prints."""
    x = s.pick()
    forms = ("print({}.shape, {}.dtype)", "print({}.requires_grad, {}.is_leaf)", "print({}.numel(), {}.dim())", "q = [{}.tolist()]")
    known = x.storage.sure and s.may("C9") and min(x.shape, default=2) > 1  # other strides say nothing
    forms += ("print({}.is_contiguous(), {}.stride(), {}.storage_offset())",) if known else ("print({}.size())",)
    s.emit(s.r.choice(forms).replace("{}", x.text))


# History


def cut(s: State) -> None:
    """detach, requires_grad_, clone, casts."""
    x = s.pick(lambda n: n.is_float)
    if x is None:
        return
    way = s.r.choice(("detach", "clone", "to", "leaf", "requires", "detach_", "zero_grad", "data"))
    if way == "data" and x.storage.needs and not s.may("detached"):
        return
    if way in ("detach", "data"):
        known = x.storage
        name = s.bind_shadow(f"{x.text}.{'detach()' if way == 'detach' else 'data'}", x.shadow, x.dtype, known, "d")
        name.storage = type(known)(known.size, viewed=True, sure=known.sure, beside=known)
    elif way == "clone":
        s.bind(f"{x.text}.{s.r.choice(('clone()', 'contiguous()', 'contiguous().clone()'))}", x.shape, x.dtype, x.storage.needs, sure=False)
    elif way == "to":
        other = s.r.choice([d for d in (*FLOATS[:2], *(FLOATS[2:] if s.may("B") else ())) if d != x.dtype])
        s.bind(f"{x.text}.to(torch.{other})", x.shape, other, x.storage.needs, sure=False)
    elif way == "leaf":
        name = s.bind(f"{x.text}.detach().clone().requires_grad_()", x.shape, x.dtype, True, "x", sure=False)
        name.storage.leaf = name.storage.needs
    elif way == "requires" and not x.storage.needs and not x.storage.viewed:
        s.emit(f"{x.text}.requires_grad_()")
        x.storage.needs = x.storage.leaf = True
    elif way == "detach_" and s.may("C11") and not x.storage.viewed:
        s.emit(f"{x.text}.detach_()")
        x.storage.needs = x.storage.leaf = False
    elif way == "zero_grad":
        s.emit(f"{x.text}.grad = None")


def hook(s: State) -> None:
    """A hook on a tensor or its node, or a gradient that is kept."""
    x = s.pick(lambda n: n.is_smooth and n.storage.needs and (s.may("stale") or n.text[0] in "xt"))
    if x is None:
        return
    x.storage.watched = True
    forms = ["{}.retain_grad()"] * 3 + ["{}.register_hook(lambda g: g * 2)", "{}.register_hook(lambda g: None)"]
    log = s.fresh("log")
    forms += [log + " = []\n{}.register_hook(lambda g: " + log + ".append(g.clone()))"] * 2
    if x.storage.leaf:
        forms += ["{}.register_post_accumulate_grad_hook(lambda p: (p.grad.mul_(2), None)[1])"]
    else:
        forms += ["{}.grad_fn.register_hook(lambda gi, go: None)", "{}.grad_fn.register_prehook(lambda go: tuple(g * 2 for g in go))"]
        forms = forms if s.may("prehook") else forms[:-1]
        forms += ["handle = {}.register_hook(lambda g: g * 3)\nhandle.remove()"]
    for line in s.r.choice(forms).format(x.text).split("\n"):
        # PyTorch 2.13 ends the process where a hook is set on a view whose base was written to, unless its grad_fn was read since.
        s.emit(line.replace(f"{x.text}.register_hook", f"({x.text}.grad_fn, {x.text})[1].register_hook"))


# Gradients


def found_smooth(s: State) -> list[Name]:
    return [n for n in s.names if n.is_float and n.storage.needs]


def loss_of(s: State) -> str | None:
    """A number that some of the names go into."""
    found = found_smooth(s)
    if not found:
        return None
    chosen = found[-2:] if s.chance(0.6) else s.r.sample(found, min(len(found), s.r.choice((1, 2, 3))))
    terms = []
    for n in chosen:
        form = s.r.choices(("{}.sum()", "({} * {}).sum()", "{}.sin().sum()", "({} * 0.5 + 1).mean()"), (4, 3, 2, 1))[0]
        terms.append(form.format(n.text, n.text) + ("" if n.dtype == s.dtype else f".to(torch.{s.dtype})"))
    return " + ".join(terms)


def backward(s: State, last: bool = False) -> None:
    """A backward pass from a number, or from a tensor with a gradient given."""
    if s.chance(0.75):
        loss = loss_of(s)
        if loss is None:
            return
        name = s.fresh("loss")
        s.emit(f"{name} = {loss}")
        retain = "retain_graph=True" if not last or s.chance(0.3) else ""
        inputs = ""
        leaves = [n for n in s.names if n.storage.leaf and n.text[0] == "x"]
        if leaves and s.chance(0.1) and s.may("inputs"):
            wanted = leaves if s.chance(0.7) or not s.may("regenerated") else found_smooth(s)
            inputs = f"inputs=[{s.r.choice(wanted).text}]"
        create = "create_graph=True" if s.chance(0.05) and s.may("create") and s.may("connected") else ""
        s.emit(f"{name}.backward({', '.join(filter(None, (retain, inputs, create)))})")
        if retain and s.chance(0.3) and (last or s.may("twice")):
            s.emit(f"{name}.backward()")
        return
    x = s.pick(lambda n: n.is_float and n.storage.needs)
    if x is None:
        return
    seed = s.r.choice(
        (
            f"torch.ones_like({x.text})",
            f"torch.full_like({x.text}, 0.5)",
            f"torch.ones((), dtype=torch.{x.dtype}).expand({tuple_text(x.shape)})",
        )
    )
    if x.ndim >= 2:
        seed = s.r.choice((seed, f"torch.ones({tuple_text((*x.shape[:-2], x.shape[-1], x.shape[-2]))}, dtype=torch.{x.dtype}).mT"))
    s.emit(f"{x.text}.backward({seed}, retain_graph=True)")


def grad(s: State) -> None:
    """autograd.grad, most often twice."""
    loss = loss_of(s)
    wanted = [n for n in found_smooth(s) if s.may("regenerated") or not (n.storage.viewed and n.storage.written)]
    if loss is None or not wanted:
        return
    chosen = s.r.sample(wanted, min(len(wanted), s.r.choice((1, 1, 2))))
    if len(chosen) > 1:  # PyTorch gives the gradient before the hooks of a tensor if it goes on from there to another
        chosen = [n for n in chosen if not n.storage.watched or n.storage.leaf] or chosen[:1]
    create = s.chance(0.7)
    name = s.fresh("g")
    extra = ", allow_unused=True" if s.chance(0.95) else ""
    extra += ", materialize_grads=True" if s.chance(0.15) and s.may("materialize") else ""
    kept = ", create_graph=True" if create else ", retain_graph=True"
    s.emit(f"{name} = torch.autograd.grad({loss}, [{', '.join(n.text for n in chosen)}]{kept}{extra})")
    if not create:
        return
    second = f"sum((g * g).sum() for g in {name} if g is not None and g.requires_grad)"
    if s.chance(0.5):
        total = s.fresh("q")
        s.emit(f"{total} = {second}")
        s.emit(f"if isinstance({total}, torch.Tensor) and {total}.requires_grad:\n    {total}.backward(retain_graph=True)")
    else:
        double = s.fresh("h")
        s.emit(f"{double} = {second}")
        names = ", ".join(n.text for n in chosen)
        text = f"{double} = torch.autograd.grad({double}, [{names}], allow_unused=True, retain_graph=True)"
        s.emit(f"if isinstance({double}, torch.Tensor) and {double}.requires_grad:\n    {text}")


def finish(s: State) -> None:
    """The last backward pass, now and then a second derivative."""
    if s.chance(0.25):
        grad(s)
    backward(s, last=True)
