"""One operation a program, held against PyTorch: every entry of PyTorch's own operator tests that is supported, with other values,
layouts, dtypes and sizes than its samples have. Where the libraries differ in float32 or narrower, the same program in float64
says who is right.

Needs PyTorch to make programs, too: the arguments are those of its samples.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import math
import pathlib
import random
import re
import sys
import warnings
from typing import Any

import numpy as np

from fuzz import agreed, programs
from fuzz.agreed import tensors

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "conformance"))

KNOWN = {
    "narrow": "float16 and bfloat16",
    "uint8": "uint8",
    "special": "inf, nan and the ends of the range",
    "scaled": "all values very large or very small",
    "layout": "operands that do not lie row by row",
    "large": "sizes at which native kernels run",
    "grad": "gradients",  # and the name of an entry leaves that out
}

SPECIAL = (
    "inf",
    "-inf",
    "nan",
    "0.0",
    "-0.0",
    "1e30",
    "-1e30",
    "1e-30",
    "3e38",
    "1e-40",
    "65504.0",
    "1.0",
    "-1.0",
    "100.0",
    "-100.0",
    "1e6",
)
# Of these, and of entries, the ones that are not mended yet: the tests leave them out.
OPEN: list[str] = []
# Not compared: unique up to a sign, an order or not at all; random; or asking about PyTorch's memory.
LEFT_OUT = """empty empty_like empty_permuted empty_strided new_empty new_empty_strided linalg.eig linalg.eigh linalg.svd linalg.qr svd qr
    linalg.householder_product geqrf pca_lowrank svd_lowrank linalg.eigvals linalg.lstsq ormqr lu lu_unpack linalg.lu linalg.lu_factor
    linalg.ldl_factor linalg.ldl_solve as_strided as_strided_copy as_strided_scatter bernoulli multinomial normal cauchy exponential
    geometric log_normal uniform rand randn randint rand_like randn_like randint_like nn.functional.dropout nn.functional.dropout2d
    nn.functional.dropout3d nn.functional.alpha_dropout nn.functional.feature_alpha_dropout_with_train
    nn.functional.feature_alpha_dropout_without_train nn.functional.rrelu nn.functional.multi_head_attention_forward
    nn.functional.fractional_max_pool2d nn.functional.fractional_max_pool3d nn.functional.scaled_dot_product_attention
    special.bessel_j0 special.bessel_j1 special.bessel_y0 special.bessel_y1 special.airy_ai nn.functional.hardsigmoid
    logical_not argsort rot90_ item nextafter
    nn.functional.gaussian_nll_loss nn.functional.ctc_loss linalg.cholesky_ex bucketize searchsorted resize_
    resize_as_ view view_as""".split()
PUBLIC = {"_segment_reduce": "segment_reduce"}
TIES = "topk kthvalue mode sort msort argsort median nanmedian".split()
SINGULAR = ("matrix_power", "inv", "det", "solve", "cond", "lu_", "cholesky")  # equal rows make noise of these
SIZES = ("polynomial", "one_hot", "bincount")  # where a number says how much there is to do
EXACT = ("linalg", "cholesky", "inverse", "logdet", "det", "matrix", "triangular", "lu_", "pinverse", "addr", "ormqr", "cov", "corrcoef")


@functools.cache
def entries() -> list[Any]:
    """The entries whose programs can be written as text."""
    import opinfo_list
    import torch

    torch.set_num_threads(1)
    found = []
    for title, entry in sorted(opinfo_list.entries().items()):
        if title not in opinfo_list.supported() or title.startswith("signal.") or entry.name in LEFT_OUT or title in LEFT_OUT:
            continue
        if called(torch, entry.name) is not None:
            found.append(entry)
    return found


def called(library: Any, name: str) -> str | None:
    """How a program calls an entry: a function's text, or a method's."""
    found, name = library, PUBLIC.get(name, name)
    for part in name.split("."):
        found = getattr(found, part, None)
    if callable(found):
        return f"torch.{name}("
    return f"$.{name}(" if callable(getattr(library.Tensor, name, None)) else None


# Writing a program


def generate(seed: int, avoid: frozenset[str] = frozenset()) -> programs.Program:
    """The program of a seed."""
    import torch

    r = programs.source(seed, "ops")
    while True:
        entry = r.choice(entries())
        if entry.name in avoid:
            continue
        dtype = pick_dtype(r, entry, avoid)
        sample = pick_sample(r, entry, dtype)
        if sample is not None:
            program = written(r, torch, entry, dtype, sample, avoid)
            if program is not None:
                return program


def pick_dtype(r: random.Random, entry: Any, avoid: frozenset[str]) -> str:
    import torch

    names = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8", "bool", "complex64")
    weights = (40, 15, 0 if "narrow" in avoid else 8, 0 if "narrow" in avoid else 14, 8, 4, 0 if "uint8" in avoid else 4, 4, 3)
    supported = entry.supported_dtypes("cpu")
    fit = [(n, w) for n, w in zip(names, weights, strict=True) if getattr(torch, n) in supported and w]
    return r.choices([n for n, _ in fit], [w for _, w in fit])[0] if fit else "float32"


def pick_sample(r: random.Random, entry: Any, dtype: str) -> Any:
    found = samples(entry.full_name, BASE.get(dtype, dtype))
    return r.choice(found) if found else None


# Samples take long to make: those of one dtype serve for others.
BASE = {"float64": "float32", "float16": "float32", "bfloat16": "float32", "int32": "int64", "uint8": "int64"}


@functools.lru_cache(maxsize=4000)
def samples(title: str, dtype: str) -> list[Any]:
    """At most 40 samples of an entry."""
    import torch

    entry = next(each for each in entries() if each.full_name == title)
    torch.manual_seed(0)
    np.random.seed(0)
    random_state = random.getstate()
    random.seed(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            every = list(itertools.islice(entry.sample_inputs_func(entry, "cpu", getattr(torch, dtype), False), 40))
    except Exception:
        return []
    finally:
        random.setstate(random_state)
    return every if len(every) <= 40 else [every[i * (len(every) - 1) // 39] for i in range(40)]


class Unwritable(Exception):
    """A sample holds what has no text."""


class Writer:
    """Makes statements that bind the tensors of a sample."""

    def __init__(self, r: random.Random, entry: Any, dtype: str, avoid: frozenset[str], large: int | None, needs: bool):
        self.r, self.entry, self.dtype, self.avoid, self.large, self.needs = r, entry, dtype, avoid, large, needs
        self.statements: list[str] = []
        self.leaves: list[str] = []
        self.names: dict[int, str] = {}
        way = r.random()
        allowed = "special" not in avoid and not any(part in entry.name for part in EXACT)
        self.mode = "special" if allowed and way < 0.3 else "drawn"
        if way > 0.82 and "scaled" not in avoid:
            self.mode = r.choice(("huge", "tiny", "offset", "same", "whole"))
        if any(part in entry.name for part in EXACT) and self.mode != "drawn":
            self.mode = "as given"
        if self.mode != "special" and any(part in entry.name for part in SIZES):
            self.mode = "drawn"
        if large:
            self.mode = r.choice(("drawn", "drawn", "same", "offset", "whole"))

    def text(self, value: Any, depth: int = 0) -> str:
        """The expression for a value."""
        import torch

        if isinstance(value, torch.Tensor):
            return self.tensor(value)
        if isinstance(value, torch.Size):
            return str(tuple(value))
        if isinstance(value, (torch.dtype, torch.layout, torch.memory_format)):
            return str(value)
        if isinstance(value, torch.device):
            return f"torch.device('{value}')"
        if isinstance(value, (list, tuple)) and type(value) in (list, tuple) and depth < 4:
            inner = ", ".join(self.text(each, depth + 1) for each in value)
            return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' if len(value) == 1 else ''})"
        if isinstance(value, slice):
            return f"slice({self.text(value.start)}, {self.text(value.stop)}, {self.text(value.step)})"
        if value is Ellipsis:
            return "..."
        if isinstance(value, (bool, int, float, complex, str, type(None))):
            return repr(value)
        raise Unwritable(type(value).__name__)

    def tensor(self, t: Any) -> str:
        if id(t) in self.names:
            return self.names[id(t)]
        import torch

        if t.layout is not torch.strided or t.is_quantized or t.numel() > 3000:
            raise Unwritable("layout")
        name = f"a{len(self.names)}"
        self.names[id(t)] = name
        dtype = str(t.dtype).removeprefix("torch.")
        if dtype == BASE.get(self.dtype):
            dtype = self.dtype
        shape = tuple(t.shape)
        if self.large:
            shape = larger(shape, self.large)
        floats = t.is_floating_point()
        shape, layout = self.layout(shape) if t.dim() else (shape, "")
        text = self.values(t, shape, dtype)
        if floats and self.needs and dtype == self.dtype:
            self.statements.append(f"{name} = {text}.requires_grad_()")
            self.leaves.append(name)
        else:
            self.statements.append(f"{name} = {text}")
        if layout:
            self.statements.append(f"{name}v = {name}{layout}")
            self.names[id(t)] = f"{name}v"
        return self.names[id(t)]

    def layout(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
        """The shape to make, and what makes a tensor of the wanted shape of it that lies otherwise."""
        r = self.r
        if "layout" in self.avoid or r.random() < 0.6:
            return shape, ""
        way = r.choice(("mT", "step", "expand", "permute", "slice"))
        d = r.randrange(len(shape))
        if way == "mT" and len(shape) >= 2:
            return (*shape[:-2], shape[-1], shape[-2]), ".mT"
        if way == "permute" and len(shape) >= 3:
            order = list(range(len(shape)))
            r.shuffle(order)
            return tuple(shape[i] for i in order), f".permute({tuple(order.index(i) for i in range(len(shape)))})"
        index = ", ".join("::2" if i == d else ":" for i in range(len(shape)))
        if way == "step":
            return tuple(n * 2 if i == d else n for i, n in enumerate(shape)), f"[{index}]"
        if way == "slice":
            return tuple(n + 2 if i == d else n for i, n in enumerate(shape)), f"[{index.replace('::2', '1:-1')}]"
        if way == "expand" and shape[d] > 1 and not any(part in self.entry.name for part in SINGULAR):
            return tuple(1 if i == d else n for i, n in enumerate(shape)), f".expand({shape})"
        return shape, ""

    def values(self, t: Any, shape: tuple[int, ...], dtype: str) -> str:
        """The text of a tensor of that shape with values like those of a sample's."""
        r, size = self.r, math.prod(shape)
        if dtype == "bool":
            return f"torch.from_numpy(np.random.default_rng({r.randrange(100)}).random({shape}) < 0.5)"
        if dtype.startswith("complex"):
            draw = f"np.random.default_rng({r.randrange(100)}).normal(size={(*shape, 2)})"
            return f"torch.view_as_complex(torch.from_numpy({draw})).to(torch.{dtype})"
        if not t.is_floating_point():
            if dtype != self.dtype or size != t.numel() or size == 0 or self.mode == "as given":  # most likely places
                if tuple(t.shape) != shape and t.numel():
                    return drawn_ints(r, int(t.min()), int(t.max()), shape, dtype)
                return f"torch.tensor({t.tolist()}, dtype=torch.{dtype})" + (f".reshape({shape})" if size == 0 else "")
            low, high = (int(t.min()), int(t.max())) if t.numel() else (0, 3)
            if self.mode == "special" and dtype in ("int64", "int32") and not any(part in self.entry.name for part in SIZES):
                low, high = r.choice(((-(2**31), 2**31 - 1), (low, high)))
            return drawn_ints(r, low, high, shape, dtype)
        if self.mode == "as given" or (size != t.numel() and not self.large and any(p in self.entry.name for p in EXACT)):
            given = t.double().reshape(-1).tolist()
            if size == t.numel():
                return f"torch.tensor({given}, dtype=torch.float64).reshape({shape}){converted(dtype)}"
        if self.mode == "special" and 0 < size <= 40 and r.random() < 0.8:
            count = max(1, size // 3)
            flat = [repr(v) for v in t.double().reshape(-1).tolist()[:size]]
            flat += [repr(round(r.uniform(-2, 2), 3)) for _ in range(size - len(flat))]
            for i in r.sample(range(size), count):
                flat[i] = r.choice(SPECIAL)
            return f"torch.tensor([{', '.join(flat)}], dtype=torch.float64).reshape({shape}){converted(dtype)}"
        finite = t.double()[t.double().isfinite()] if t.numel() else t
        low, high = (float(finite.min()), float(finite.max())) if finite.numel() else (-2.0, 2.0)
        low, high = float(f"{low:.4g}"), float(f"{high:.4g}")
        draw = f"torch.from_numpy(np.random.default_rng({r.randrange(100)}).uniform({low}, {high}, {shape}))"
        scale = {"huge": r.choice((" * 1e4", " * 1e15", " * 1e30")), "tiny": r.choice((" * 1e-6", " * 1e-20", " * 1e-38"))}
        scale |= {"offset": r.choice((" + 1e3", " + 1e6")), "same": " * 0 + " + r.choice(("1.5", "0.1", "123456.7", "0.0"))}
        return f"({draw}{scale.get(self.mode, '')}){'.round()' if self.mode == 'whole' else ''}{converted(dtype)}"


def converted(dtype: str) -> str:
    """The text that converts float64 to a dtype: to 16 bits by way of float32, as PyTorch has it, which rounds twice."""
    return f"{'.float()' if dtype in ('float16', 'bfloat16') else ''}.to(torch.{dtype})"


def drawn_ints(r: random.Random, low: int, high: int, shape: tuple[int, ...], dtype: str) -> str:
    """The text of random integers."""
    return f"torch.from_numpy(np.random.default_rng({r.randrange(100)}).integers({low}, {high + 1}, {shape})).to(torch.{dtype})"


def larger(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    """A shape in which sizes grow so that there are about as many elements: the same growth for the same dim from the end."""
    if not shape or 1 in shape or 0 in shape:
        return shape
    left = size // math.prod(shape[:-1]) if len(shape) > 1 else size
    return (*shape[:-1], max(left, 1))


PLAIN = ("UnaryUfuncInfo", "BinaryUfuncInfo", "ReductionOpInfo")
ALONG = (
    "softmax log_softmax nn.functional.softmin cumsum cumprod logsumexp logcumsumexp clamp where lerp addcmul addcdiv masked_fill".split()
)
ALONG += ["nn.functional." + n for n in "mse_loss l1_loss smooth_l1_loss huber_loss gelu silu softplus elu normalize relu mish".split()]


def written(r: random.Random, torch: Any, entry: Any, dtype: str, sample: Any, avoid: frozenset[str]) -> programs.Program | None:
    """The program for a sample: operands, the call, a gradient."""
    floats = dtype.startswith(("float", "bfloat"))
    needs = floats and entry.supports_autograd and "grad" not in avoid and r.random() < 0.75
    large = None
    long = any(part in entry.name for part in SIZES)
    if "large" not in avoid and not long and (type(entry).__name__ in PLAIN or entry.name in ALONG) and r.random() < 0.06:
        large = r.choice((131072, 131073, 150001, 1000003))
    w = Writer(r, entry, dtype, avoid, large, needs)
    if sample.kwargs.get("sparse") or (dtype == "complex64" and "cholesky" in entry.name):
        return None  # gradients that are sparse tensors; factors whose diagonal is not real
    try:
        first = w.text(sample.input)
        arguments = [w.text(each) for each in sample.args]
        keywords = [f"{name}={w.text(each)}" for name, each in sample.kwargs.items()]
    except (Unwritable, RuntimeError, ValueError, OverflowError):
        return None
    call = called(torch, entry.name)
    if call is None:
        return None
    if call.startswith("$"):
        text = call.replace("$", first) + ", ".join(arguments + keywords) + ")"
    else:
        text = call + ", ".join([first, *arguments, *keywords]) + ")"
    w.statements.append(f"y = {text}")
    observe = ["y"]
    if w.leaves:
        w.statements.append(
            "outs = [o for o in (y if isinstance(y, (tuple, list)) else [y]) if isinstance(o, torch.Tensor) and o.requires_grad]"
        )
        seed = r.choice(("torch.ones_like(o)", "(torch.arange(o.numel()) % 3 + 1).reshape(o.shape).to(o.dtype)"))
        w.statements.append(f"if outs:\n    torch.autograd.backward(outs, [{seed} for o in outs])")
        w.statements.append(f"g = [{', '.join(n + '.grad' for n in w.leaves)}]")
        observe.append("g")
    return programs.Program(tuple(w.statements), tuple(observe))


# Comparing


def compare(program: programs.Program) -> str | None:
    """How pedigrad differs from PyTorch, where PyTorch is not the one that is wrong."""
    if re.search(r"default_rng\(\)|np\.random\.(?!default_rng)", str(program)):
        return None  # made smaller too far: other numbers each time
    torch = importlib.import_module("torch")
    given, right = programs.run(program, importlib.import_module("pedigrad")), programs.run(program, torch)
    text = difference(program, torch, given, right)
    if text is None or any(difference(other, torch, given, observed) is None for other, observed in agreed.again(program, torch)):
        return None
    return text


def difference(program: programs.Program, torch: Any, given: programs.Observations, right: programs.Observations) -> str | None:
    """How what was given differs from what is right."""
    if right.raised is not None:
        if given.raised is None:
            return (
                f"refusal: statement {right.raised.statement} raised nothing, right is {right.raised}" if refused(program, right) else None
            )
        return programs.differ(given, right) if given.raised.statement > right.raised.statement else None
    if given.raised is not None:
        if "complex32" in given.raised.text and ".float16" in str(program):
            return None  # there is none
        if "out of bounds" in given.raised.text and ".take_along_dim(" in str(program):
            return None  # PyTorch reads whatever lies there
        if "offsets must not fall" in given.raised.text or "negative integer powers" in given.raised.text:
            return None  # what is meant by the first is not said; the second docs/differences.md has
        return f"raises: statement {given.raised.statement} raised {given.raised}, right is no error"
    wide: list[Any] = []
    case = agreed.Case(program, torch, right)
    if case.call == "unique" and "dim=None" not in case.text and any(np.isnan(x).any() for x in case.operands() if x.dtype.kind == "f"):
        return None  # rows are sorted by comparisons, which nan makes a mess of
    for name in right.values:
        pairs = list(zip(tensors(given.values.get(name)), tensors(right.values[name]), strict=False))
        if len(tensors(given.values.get(name))) != len(tensors(right.values[name])):
            return f"length: {name} has other tensors"
        if not pairs:
            text = programs.differ_values(given.values[name], right.values[name], name)
            if text:
                return text
        for i, (mine, theirs) in enumerate(pairs):
            text = differ(mine, theirs, name if len(pairs) == 1 else f"{name}[{i}]", case, wide, (name, i))
            if text:
                return f"{'grad ' if name == 'g' else ''}{text}"
    return None


def refused(program: programs.Program, right: programs.Observations) -> bool:
    """Whether what PyTorch refuses is worth a finding: not what it has no kernel for on a CPU, or a number in a tensor's place."""
    text = right.raised.text if right.raised else ""
    silent = "not implemented for|invalid combination|must be Tensor|not supported|does not support|unsupported|Expected a|view size"
    silent += "|is not differentiable with|divisible by 2|allocated size|must be contiguous|INTERNAL ASSERT"
    silent += "|input matrix is ill-conditioned|is_contiguous"
    return not re.search(silent, text) and right.raised is not None and right.raised.names[0] != "TypeError"


def differ(mine: Any, theirs: Any, name: str, case: agreed.Case, wide: list[Any], place: tuple[str, int]) -> str | None:
    """How one tensor differs, judged by a run in float64 where it is of a narrower type."""
    if theirs is None or mine is None:
        return None if mine is theirs else f"none: {name} is {mine!r:.40}, right is {theirs!r:.40}"
    for field in ("shape", "dtype", "requires_grad"):
        if getattr(mine, field) != getattr(theirs, field):
            return f"{field}: {name}'s is {getattr(mine, field)}, right is {getattr(theirs, field)}"
    a, b = mine.array, theirs.array
    if b.dtype.kind not in "fc":
        if case.call in TIES:
            return None  # which of equal elements is meant is open
        wrong = (a != b) & ~agreed.marked(case, a, b, *place)
        return (
            f"value: {name}{at(wrong)} is {a[wrong][0]}, right is {b[wrong][0]} ({int(wrong.sum())} of {b.size})" if wrong.any() else None
        )
    eps = max(agreed.EPS[theirs.dtype], *(agreed.EPS.get(t.dtype, 0.0) for t in tensors(case.right.values.get("y")) if t is not None), 0.0)
    if case.call in TIES and place[0] == "g" and agreed.same_pairs(case.at(*place), a, b):
        return None
    with np.errstate(all="ignore"):
        scale = np.abs(b[np.isfinite(b)]).max(initial=0.0)
        tolerance = 1e-9 if eps < 1e-10 else 40 * eps  # gradients have no more digits than the result
        least = 4e-15 if eps < 1e-10 else 1.2e-38 if theirs.dtype != "float16" else 0.0  # what is smaller than normal may be zero
        wrong = ~np.isclose(a, b, rtol=tolerance, atol=tolerance * scale / 10 + least, equal_nan=True)
        if wrong.any():
            wrong &= ~agreed.marked(case, a, b, *place)
        if not wrong.any():
            return None
        if theirs.dtype in ("float32", "float16", "bfloat16", "complex64"):
            if not wide:
                wide.append(programs.run(in_double(case.program), case.torch))
            found = tensors(wide[0].values.get(place[0])) if wide[0].raised is None else []
            true = found[place[1]].array if place[1] < len(found) and found[place[1]] is not None else None
            if true is not None and true.shape == b.shape:
                wrong &= agreed.judged(a, b, true, theirs.dtype, eps * agreed.scale_of(wide[0].values.get("y")))
        if wrong.any() and not re.fullmatch(agreed.CHOOSING, case.call):
            exact, start = (in_double(case.program), wide[0]) if wide else (case.program, case.right)
            far = agreed.moved(exact, case.torch, start, eps / 2, place)
            near = tensors(start.values.get(place[0]))
            if far is not None and far.shape == b.shape:
                true, noise = near[place[1]].array, 16 * np.median(far[far > 0]) if (far > 0).any() else 0.0
                wrong &= ~(np.abs(a - true) <= 16 * far) & ~((np.abs(a) <= noise) & (np.abs(true) <= noise))
        if not wrong.any():
            return None
    return f"value: {name}{at(wrong)} is {a[wrong][0]}, right is {b[wrong][0]} ({int(wrong.sum())} of {b.size} differ)"


def in_double(program: programs.Program) -> programs.Program:
    """The program in float64, from operands that were rounded to their own dtype."""
    texts = ["torch.set_default_dtype(torch.float64)"]
    for text in program.statements:
        for dtype in ("float32", "float16", "bfloat16"):
            text = text.replace(f".to(torch.{dtype})", f".to(torch.{dtype}).double()").replace(
                f"dtype=torch.{dtype}", "dtype=torch.float64"
            )
        text = text.replace(".to(torch.complex64)", ".to(torch.complex64).to(torch.complex128)")
        text = text.replace("dtype=torch.complex64", "dtype=torch.complex128")
        texts.append(text)
    return programs.Program(tuple(texts), program.observe)


def group(program: programs.Program, difference: str) -> str:
    """What findings are gathered by: the operation and the kind of difference."""
    call = next((text for text in program.statements if text.startswith("y = ")), "y = ?(")
    return f"{call[4:].partition('(')[0]} {programs.kind(difference)}"


def at(wrong: np.ndarray) -> str:
    return str([int(i) for i in np.argwhere(wrong)[0]]) if wrong.ndim else ""
