"""Statements that write in place."""

from __future__ import annotations

import numpy as np

from fuzz.state import INTS, Name, State, Storage, broadcasts_to, category, data, tuple_text
from fuzz.views import advanced_index, basic_index, dim_of


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
            "nan_to_num_()",
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
