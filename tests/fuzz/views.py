"""Statements that make views, index, and write in place."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from fuzz.state import INTS, Name, State, Storage, broadcasts_to, category, data, join, shape_of, tuple_text

# Views


def view(s: State, x: Name | None = None) -> Name | None:
    """A view of a name, or what might be one."""
    x = x or s.pick()
    if x is None:
        return None
    make = s.r.choice(VIEWS)
    found = make(s, x)
    if found is None:
        return None
    text, shadow, *rest = found
    if not shadow.size and not s.may("empty"):
        return None
    result = s.bind_shadow(text, shadow, rest[0] if rest else x.dtype, x.storage, "v")
    result.several = x.several or (not s.may("C6") and ("expand" in text or "broadcast" in text))
    x.storage.viewed = True
    return result


def dim_of(s: State, x: Name, extra: int = 0) -> int:
    n = x.ndim + extra
    return s.r.randrange(-n, n)


def _shape_with(s: State, size: int) -> tuple[int, ...]:
    """A shape of that many elements."""
    shape: list[int] = []
    left = max(size, 1)
    while left > 1 and len(shape) < 3:
        divisors = [d for d in range(2, left + 1) if left % d == 0]
        d = s.r.choice(divisors)
        shape.append(d)
        left //= d
    if left > 1:
        shape.append(left)
    if size == 0:
        shape.append(0)
    if s.chance(0.2):
        shape.insert(s.r.randrange(len(shape) + 1), 1)
    s.r.shuffle(shape)
    return tuple(shape)


def _reshape(s, x):
    shape = _shape_with(s, x.size)
    given = list(shape)
    if given and x.size and s.chance(0.4):
        given[s.r.randrange(len(given))] = -1
    try:
        shadow = np.reshape(x.shadow, shape, copy=False)
        is_view = True
    except ValueError:
        shadow, is_view = np.reshape(x.shadow, shape), False
    if is_view and (x.storage.sure or s.chance(0.05)) and s.chance(0.6):
        return f"{x.text}.view({tuple_text(given)})", shadow
    if not is_view or not x.storage.sure:
        if s.chance(0.3):
            s.bind(f"{x.text}.reshape({tuple_text(given)})", shape, x.dtype, x.storage.needs, "v", sure=is_view and x.storage.sure)
        return None
    form = s.r.choice((f"{x.text}.reshape({tuple_text(given)})", f"torch.reshape({x.text}, {tuple_text(given)})"))
    return form, shadow


def _transpose(s, x):
    if x.ndim < 2:
        return None
    a, b = dim_of(s, x), dim_of(s, x)
    name = s.r.choice(("transpose", "swapaxes", "swapdims"))
    text = f"{x.text}.{name}({a}, {b})" if s.chance(0.7) else f"torch.{name}({x.text}, {a}, {b})"
    return text, np.swapaxes(x.shadow, a, b)


def _matrix(s, x):
    if x.ndim == 2:
        return f"{x.text}.{s.r.choice(('t()', 'T', 'mT'))}", x.shadow.T
    if x.ndim > 2:
        return f"{x.text}.mT", np.swapaxes(x.shadow, -1, -2)
    return None


def _permute(s, x):
    order = list(range(x.ndim))
    s.r.shuffle(order)
    return f"{x.text}.permute({tuple_text(order)})", np.transpose(x.shadow, order)


def _movedim(s, x):
    if x.ndim < 2:
        return None
    a, b = dim_of(s, x), dim_of(s, x)
    return f"{x.text}.movedim({a}, {b})", np.moveaxis(x.shadow, a, b)


def _expand(s, x):
    lead = tuple(s.r.choice((1, 2, 3)) for _ in range(s.r.choice((0, 1, 1, 2)) if x.ndim < 4 else 0))
    tail = tuple(s.r.choice((1, 2, 3)) if n == 1 else n for n in x.shape)
    shape = lead + tail
    if math.prod(shape) > 80:
        return None
    given = [*lead, *(-1 if s.chance(0.3) else n for n in tail)]
    form = s.r.choice((f"{x.text}.expand({tuple_text(given)})", f"torch.broadcast_to({x.text}, {tuple_text(shape)})"))
    return form, np.broadcast_to(x.shadow, shape)


def _slice(s, x):
    index, found = basic_index(s, x)
    return f"{x.text}[{index}]", found


def basic_index(s: State, x: Name) -> tuple[str, np.ndarray]:
    """An index of ints, slices, None and an ellipsis, and the shadow it gives."""
    texts: list[str] = []
    index: list[Any] = []
    ellipsis = s.r.randrange(x.ndim + 1) if s.chance(0.2) else None
    for d, n in enumerate(x.shape):
        if d == ellipsis:
            texts.append("...")
            index.append(Ellipsis)
        if s.chance(0.07):
            texts.append("None")
            index.append(None)
        if ellipsis is not None and d >= ellipsis:
            continue
        if n and s.chance(0.3):
            i = s.r.randrange(-n, n)
            texts.append(str(i))
            index.append(i)
            continue
        part = _slice_of(s, n)
        texts.append(part[0])
        index.append(part[1])
        if s.chance(0.25):
            break
    if not texts:
        return "...", x.shadow[...]
    return ", ".join(texts), x.shadow[tuple(index)]


def _slice_of(s, n):
    way = s.r.random()
    if way < 0.3:
        return ":", slice(None)
    a = s.r.randrange(0, n + 1) if s.chance(0.6) else None
    b = s.r.randrange((a or 0), n + 2) if s.chance(0.5) else None
    if s.chance(0.2) and n:
        a, b = -s.r.randrange(1, n + 1), None
    step = s.r.choice((1, 2, 2, 3)) if s.chance(0.35) else None
    text = f"{'' if a is None else a}:{'' if b is None else b}" + ("" if step is None else f":{step}")
    return text, slice(a, b, step)


def _select(s, x):
    if not x.ndim or 0 in x.shape:
        return None
    d = dim_of(s, x)
    i = s.r.randrange(-x.shape[d], x.shape[d])
    return f"{x.text}.select({d}, {i})", np.take(x.shadow, i, d)


def _narrow(s, x):
    if not x.ndim:
        return None
    d = dim_of(s, x)
    start = s.r.randrange(x.shape[d] + 1)
    length = s.r.randrange(x.shape[d] - start + 1)
    index = [slice(None)] * x.ndim
    index[d] = slice(start, start + length)
    return f"{x.text}.narrow({d}, {start}, {length})", x.shadow[tuple(index)]


def _unfold(s, x):
    if not x.ndim:
        return None
    d = dim_of(s, x)
    if x.shape[d] == 0:
        return None
    size, step = s.r.randrange(1, x.shape[d] + 1), s.r.choice((1, 1, 2, 3))
    windows = np.lib.stride_tricks.sliding_window_view(x.shadow, size, d)
    index = [slice(None)] * windows.ndim
    index[d % x.ndim] = slice(None, None, step)
    return f"{x.text}.unfold({d}, {size}, {step})", windows[tuple(index)]


def _as_strided(s, x):
    if not s.may("C11") or not x.storage.sure or x.storage.size == 0 or not s.chance(0.5):
        return None
    shape = tuple(s.r.choice((1, 2, 2, 3)) for _ in range(s.r.choice((1, 2, 2, 3))))
    strides = tuple(s.r.choice((0, 1, 1, 2, 3, 4)) for _ in shape)
    last = sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if last >= x.storage.size:
        return None
    offset = s.r.randrange(x.storage.size - last)
    places = offset + sum(np.arange(n).reshape(-1, *[1] * (len(shape) - 1 - d)) * strides[d] for d, n in enumerate(shape))
    return f"{x.text}.as_strided({tuple_text(shape)}, {tuple_text(strides)}, {offset})", np.broadcast_to(places, shape)


def _diagonal(s, x):
    if x.ndim < 2:
        return None
    a, b = dim_of(s, x), dim_of(s, x)
    if a % x.ndim == b % x.ndim:
        return None
    k = s.r.choice((0, 0, 1, -1))
    return f"{x.text}.diagonal({k}, {a}, {b})", np.diagonal(x.shadow, k, a, b)


def _squeeze(s, x):
    if s.chance(0.4) or not x.ndim:
        return f"{x.text}.squeeze()", np.squeeze(x.shadow)
    d = dim_of(s, x)
    return f"{x.text}.squeeze({d})", np.squeeze(x.shadow, d) if x.shape[d] == 1 else x.shadow


def _unsqueeze(s, x):
    if x.ndim > 3:
        return None
    d = dim_of(s, x, 1)
    return f"{x.text}.unsqueeze({d})", np.expand_dims(x.shadow, d)


def _flatten(s, x):
    if x.ndim < 2 and not (s.may("flatten") and x.ndim):
        return None
    a = s.r.randrange(x.ndim)
    b = s.r.randrange(a, x.ndim)
    if a == b and not s.may("flatten"):
        return None
    shape = (*x.shape[:a], math.prod(x.shape[a : b + 1]), *x.shape[b + 1 :])
    try:
        shadow = np.reshape(x.shadow, shape, copy=False)
    except ValueError:
        return None
    return (f"{x.text}.flatten({a}, {b})", shadow) if x.storage.sure else None


def _unflatten(s, x):
    if not x.ndim or 0 in x.shape:
        return None
    d = s.r.randrange(x.ndim)
    parts = _shape_with(s, x.shape[d])
    if not parts:
        return None
    return f"{x.text}.unflatten({d}, {tuple_text(parts)})", x.shadow.reshape(*x.shape[:d], *parts, *x.shape[d + 1 :])


def _alias(s, x):
    form = s.r.choice(("[...]", "[:]", ".view_as({0})", ".expand_as({0})"))
    if form == "[:]" and not x.ndim:
        return None
    return f"{x.text}{form.format(x.text)}", x.shadow


def _parts(s, x):
    """Several views from one call: only the first of them is kept by a name."""
    if not x.ndim or 0 in x.shape or not s.may("split"):
        return None
    d = dim_of(s, x)
    n = x.shape[d]
    way = s.r.choice(("split", "chunk", "unbind", "tensor_split", "index"))
    if way == "unbind":
        i = s.r.randrange(n)
        shadow = np.take(x.shadow, i, d)
        text = f"{x.text}.unbind({d})[{i}]"
    else:
        k = s.r.choice((1, 2, 3))
        if way in ("split", "chunk"):
            size = k if way == "split" else -(-n // k)
            pieces = [slice(i, i + size) for i in range(0, n, size)]
        elif way == "tensor_split":
            bounds = np.cumsum([0] + [n // k + (i < n % k) for i in range(k)])
            pieces = [slice(int(a), int(b)) for a, b in itertools.pairwise(bounds)]
        else:
            return None
        i = s.r.randrange(len(pieces))
        index = [slice(None)] * x.ndim
        index[d] = pieces[i]
        shadow = x.shadow[tuple(index)]
        text = f"{x.text}.{way}({k}, {d})[{i}]"
    result = s.bind_shadow(text, shadow, x.dtype, x.storage, "p")
    result.several = True
    x.storage.viewed = True
    return None


def _complex(s, x):
    if x.dtype not in ("complex64", "complex128"):
        return None
    real = "float32" if x.dtype == "complex64" else "float64"
    s.bind(s.r.choice((f"{x.text}.real", f"{x.text}.imag", f"torch.view_as_real({x.text})[..., 0]")), x.shape, real, x.storage.needs, "v")
    return None


VIEWS = [_reshape, _reshape, _transpose, _matrix, _permute, _movedim, _expand, _slice, _slice, _slice, _select, _narrow, _unfold]
VIEWS += [_as_strided, _diagonal, _squeeze, _unsqueeze, _flatten, _unflatten, _alias, _parts, _complex]


# Advanced indices


def advanced_index(s: State, x: Name, unique: bool) -> tuple[str, tuple[int, ...]] | None:
    """An index with lists, tensors of ints or masks among slices and ints, and the shape of what it takes."""
    if not x.ndim or 0 in x.shape:
        return None
    if s.chance(0.12):  # a mask over leading dims
        k = s.r.randrange(1, x.ndim + 1)
        mask = np.arange(math.prod(x.shape[:k])).reshape(x.shape[:k]) % 2 == 0
        text = f"(torch.arange({mask.size}) % 2 == 0)" + (f".reshape({tuple_text(mask.shape)})" if k > 1 else "")
        return text, x.shadow[mask].shape
    texts: list[str] = []
    basic: list[Any] = []
    special: list[Any] = []
    arrays = 0
    common: tuple[int, ...] | None = None
    for n in x.shape:
        way = s.r.random()
        if way < 0.4 or (n < 2 and way < 0.6):
            if common is None:
                most = n if unique else 4
                common = (s.r.randrange(1, most + 1),) if s.chance(0.8) else (1, min(n, 2))
            count = math.prod(common)
            if unique and (count > n or arrays):
                if arrays:
                    texts.append(":")
                    basic.append(slice(None))
                    special.append(slice(None))
                    continue
                common, count = (1,), 1
            flat = s.r.sample(range(n), count) if unique else [s.r.randrange(n) for _ in range(count)]
            flat = [i - n if s.chance(0.15) else i for i in flat]
            array = np.array(flat).reshape(common)
            as_list = array.ndim == 1 and s.chance(0.4)
            texts.append(str(array.tolist()) if as_list else f"torch.tensor({array.tolist()})")
            basic.append(slice(None))
            special.append(array)
            arrays += 1
        elif way < 0.55:
            i = s.r.randrange(-n, n)
            texts.append(str(i))
            basic.append(i)
        else:
            text, part = _slice_of(s, n)
            texts.append(text)
            basic.append(part)
            special.append(slice(None))
    if not arrays:
        return None
    taken = x.shadow[tuple(basic)][tuple(special)] if 0 not in x.shadow[tuple(basic)].shape else None
    if taken is None:
        return None
    return ", ".join(texts), taken.shape


def take(s: State, x: Name | None = None) -> Name | None:
    """A copy taken by an index."""
    x = x or s.pick()
    if x is None:
        return None
    if x.dtype != "bool" and s.chance(0.15):
        return (
            s.bind(f"{x.text}[{x.text} > 0.3].sum()", (), "int64" if x.dtype in INTS else x.dtype, x.storage.needs) if x.is_float else None
        )
    found = advanced_index(s, x, unique=False)
    if found is None:
        return None
    return s.bind(f"{x.text}[{found[0]}]", found[1], x.dtype, x.storage.needs, sure=s.may("C9"))


# Writes


def may_write(s: State, x: Name) -> bool:
    """Whether a write into a name is allowed by PyTorch, and by what the program leaves out."""
    if x.storage.leaf and s.grad and not s.chance(0.02):
        return False
    if x.several and not (s.may("C6") and s.chance(0.03)):
        return False
    if x.overlaps and not s.chance(0.05):
        return False
    if x.storage.watched and not s.may("C4"):
        return False
    return s.may("C6") or not (x.storage.viewed and x.shadow.strides.count(0))


def written(s: State, x: Name, by_needing: bool) -> None:
    """What a write does to the history."""
    if by_needing and s.grad:
        x.storage.needs = True


def operand(s: State, shape: tuple[int, ...], dtype: str, storage: Storage) -> tuple[str, bool]:
    """An expression that broadcasts to a shape, for a write into a tensor of that dtype; whether it needs a gradient."""
    apart = s.chance(0.95) or not s.may("overlap")  # PyTorch refuses operands that overlap what is written

    def fits(n: Name) -> bool:
        right = (
            broadcasts_to(n.shape, shape)
            and category(n.dtype) <= category(dtype)
            and n.dtype != "bool"
            and (s.may("mixed") or n.dtype == dtype)
        )
        return right and not (apart and n.storage.memory is storage.memory)

    found = s.pick(fits, recent=False)
    way = s.r.random()
    if found is not None and way < 0.65:
        form = found.text
        if s.chance(0.15) and found.is_smooth:
            form = f"{form} * 2" if s.chance(0.5) else f"{form}.sin()"
        return form, found.storage.needs
    if way < 0.8 or category(dtype) < 2:
        return str(s.r.choice((2, 3, -1) if category(dtype) < 2 else (2, 0.5, -1.5, 3.0, 1))), False
    small = shape[s.r.randrange(len(shape) + 1) :]
    small = tuple(1 if s.chance(0.3) else n for n in small)
    return data(s, small, dtype), False


UNARY = (
    "abs_ exp_ sin_ cos_ tanh_ sigmoid_ relu_ square_ sqrt_ reciprocal_ floor_ round_ trunc_ sign_ neg_ erf_ sgn_ zero_ atan_ expm1_ frac_"
)
UNARY_IN_PLACE = UNARY.split()
KNOWN_IN_PLACE = {"neg_": "C1", "zero_": "C7", "sqrt_": "C7", "reciprocal_": "C7"}


def write(s: State) -> None:
    """A write in place into a name, more often a view or its base."""
    x = s.pick(lambda n: (n.storage.viewed or s.chance(0.4)) and n.dtype != "bool" and may_write(s, n))
    if x is None:
        return
    s.r.choice(WRITES)(s, x)
    x.storage.written = x.storage.memory.written = True


def _unary_write(s, x):
    if not x.is_float:
        return
    op = s.r.choice(UNARY_IN_PLACE)
    if op in KNOWN_IN_PLACE and not s.may(KNOWN_IN_PLACE[op]):
        return
    s.emit(f"{x.text}.{op}()" if s.chance(0.85) or op in ("sign_", "sgn_") else f"torch.{op}({x.text})")


def _scalar_write(s, x):
    if x.is_float:
        forms = [
            "mul_(2)",
            "mul_(-0.5)",
            "add_(1)",
            "sub_(0.3)",
            "div_(3)",
            "clamp_(-1, 1)",
            "clamp_(min=0.1)",
            "fmod_(2)",
            "remainder_(1.5)",
        ]
        forms += [
            "hardtanh" if False else "nan_to_num_()",
            "fill_(0.7)" if s.may("C7") else "add_(2)",
            "pow_(2)" if s.may("C8") else "mul_(3)",
        ]
    else:
        forms = ["mul_(2)", "add_(1)", "sub_(3)", "clamp_(0, 3)", "fill_(2)"]
        if x.dtype not in INTS:
            forms = ["mul_(2)", "add_(1)", "div_(3)"]
    s.emit(f"{x.text}.{s.r.choice(forms)}")


def _binary_write(s, x):
    other, needs = operand(s, x.shape, x.dtype, x.storage)
    op = s.r.choice(("add_", "sub_", "mul_", "mul_", "div_" if category(x.dtype) > 1 else "mul_", "copy_"))
    if op == "copy_" and (not s.may("C7") or _is_number(other)):
        op = "add_"
    symbol = {"add_": "+=", "sub_": "-=", "mul_": "*=", "div_": "/="}.get(op)
    if symbol and s.chance(0.4):
        s.emit(f"{x.text} {symbol} {other}")
    elif op == "add_" and s.chance(0.3) and not _is_number(other):
        s.emit(f"{x.text}.add_({other}, alpha=2)")
    else:
        s.emit(f"{x.text}.{op}({other})")
    written(s, x, needs)


def _is_number(text):
    return text.replace(".", "").replace("-", "").isdigit()


def _set_item(s, x):
    mask = s.chance(0.15) and x.is_float
    advanced = None if mask else (advanced_index(s, x, unique=True) if s.chance(0.45) else None)
    if mask:
        if not s.may("C7"):
            return
        s.emit(f"{x.text}[{x.text} > {s.r.choice((0, 0.5, 1))}] {s.r.choice(('=', '*=', '+='))} {s.r.choice((2, 0.5, -1))}")
        return
    if advanced is None:
        text, shadow = basic_index(s, x)
        shape = shadow.shape
    else:
        text, shape = advanced
    value, needs = operand(s, shape, x.dtype, x.storage)
    symbol = s.r.choices(("=", "+=", "*=", "-="), (6 if s.may("C7") else 0, 2, 2, 1))[0]
    s.emit(f"{x.text}[{text}] {symbol} {value}")
    written(s, x, needs)


def _masked_write(s, x):
    if not x.is_smooth or not s.may("C7"):
        return
    small = tuple(1 if s.chance(0.2) else n for n in x.shape)
    mask = data(s, small, "bool") if small else "torch.tensor(True)"
    s.emit(f"{x.text}.masked_fill_({mask}, {s.r.choice((0.5, 2, -1))})")


def _along_write(s, x):
    if not x.ndim or 0 in x.shape or not x.is_float:
        return
    d = dim_of(s, x)
    n = x.shape[d]
    index = s.r.sample(range(n), s.r.randrange(1, n + 1))
    shape = list(x.shape)
    shape[d] = len(index)
    given = f"{d}, torch.tensor({index})"
    way = s.r.choice(("index_add_", "index_copy_", "index_fill_", "scatter_", "scatter_add_"))
    if way == "index_fill_":
        s.emit(f"{x.text}.index_fill_({given}, 0.5)")
        return
    source = s.pick(lambda y: y.shape == tuple(shape) and y.dtype == x.dtype and y.storage.memory is not x.storage.memory)
    text, needs = (source.text, source.storage.needs) if source else (data(s, tuple(shape), x.dtype), False)
    if way.startswith("scatter"):
        spread = [1] * x.ndim
        spread[d] = len(index)
        given = f"{d}, torch.tensor({index}).reshape({tuple_text(spread)}).expand({tuple_text(shape)})"
    s.emit(f"{x.text}.{way}({given}, {text})")
    written(s, x, needs)


def _ternary_write(s, x):
    if not x.is_float:
        return
    a, na = operand(s, x.shape, x.dtype, x.storage)
    b, nb = operand(s, x.shape, x.dtype, x.storage)
    if _is_number(a):
        return
    if s.chance(0.3):
        s.emit(f"{x.text}.lerp_({a if x.dtype in a else x.text}, {b if _is_number(b) else 0.3})")
        na = na and x.dtype in a
        nb = False
    elif not _is_number(b):
        s.emit(f"{x.text}.{s.r.choice(('addcmul_', 'addcdiv_'))}({a}, {b}, value=0.5)")
    else:
        return
    written(s, x, na or nb)


def _shape_write(s, x):
    """A view made of the tensor itself."""
    if not s.may("C3") or not x.ndim or s.chance(0.5):
        return
    a, b = dim_of(s, x), dim_of(s, x)
    way = s.r.choice(("t_", "transpose_", "unsqueeze_", "squeeze_", "swapaxes_"))
    if way == "t_" and x.ndim == 2:
        s.emit(f"{x.text}.t_()")
        x.shadow = x.shadow.T
    elif way in ("transpose_", "swapaxes_"):
        s.emit(f"{x.text}.{way}({a}, {b})")
        x.shadow = np.swapaxes(x.shadow, a, b)
    elif way == "unsqueeze_" and x.ndim < 4:
        s.emit(f"{x.text}.unsqueeze_({a})")
        x.shadow = np.expand_dims(x.shadow, a if a >= 0 else a + x.ndim + 1)
    elif way == "squeeze_":
        s.emit(f"{x.text}.squeeze_()")
        x.shadow = np.squeeze(x.shadow)


def _triangle_write(s, x):
    if x.ndim >= 2 and x.is_float:
        s.emit(f"{x.text}.{s.r.choice(('tril_()', 'triu_()', 'triu_(1)'))}")


def _scan_write(s, x):
    if x.ndim and x.is_float:
        s.emit(f"{x.text}.cumsum_({dim_of(s, x)})")


def _out_write(s, x):
    """`out=`, where nothing needs a gradient or gradients are off."""
    if (x.storage.needs and s.grad) or not x.is_float:
        return
    a = s.pick(lambda n: broadcasts_to(n.shape, x.shape) and n.dtype == x.dtype and not (n.storage.needs and s.grad))
    if a is None:
        return
    op = s.r.choice(("sin({a}", "mul({a}, 2", "add({a}, {x}", "mul({x}, {a}", "neg({a}" if s.may("C1") else "sin({a}"))
    if not s.may("overlap") and a.storage.memory is x.storage.memory:
        return
    if "{x}" in op or a.shape == x.shape:
        s.emit(f"torch.{op.format(a=a.text, x=x.text)}, out={x.text})")


def _data_write(s, x):
    if not s.may("detached") and x.storage.needs:
        return
    s.emit(f"{x.text}.{s.r.choice(('data', 'detach()'))}.{s.r.choice(('mul_(2)', 'add_(1)'))}")


def _inplace_activation(s, x):
    if x.is_float:
        kinds = ("F.relu({}, inplace=True)", "F.leaky_relu({}, 0.1, inplace=True)", "F.elu({}, inplace=True)", "nn.SiLU(inplace=True)({})")
        kinds += ("nn.Hardtanh(inplace=True)({})", "F.threshold({}, 0.2, 0.1, inplace=True)", "nn.ReLU6(inplace=True)({})")
        s.emit(s.r.choice(kinds).format(x.text))


WRITES = [_unary_write] * 3 + [_scalar_write] * 3 + [_binary_write] * 6 + [_set_item] * 6 + [_masked_write, _along_write, _along_write]
WRITES += [_ternary_write, _shape_write, _triangle_write, _scan_write, _out_write, _data_write, _inplace_activation]

__all__ = ["join", "shape_of", "take", "view", "write"]
