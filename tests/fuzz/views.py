"""Statements that make views, index, and write in place."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from fuzz.state import INTS, Name, State, tuple_text

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
            made = s.bind(f"{x.text}.reshape({tuple_text(given)})", shape, x.dtype, x.storage.needs, "v", sure=is_view and x.storage.sure)
            made.storage.beside = x.storage  # nobody knows whether it is a view
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
