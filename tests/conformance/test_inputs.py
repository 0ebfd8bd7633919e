"""What goes in: any Python object as data, NumPy beside tensors, Python types as dtypes, hooks on gradients; the same as PyTorch."""

import array
import collections
import copy
import decimal
import fractions
import importlib
import types
import warnings

import numpy as np
import pytest
import torch as reference

import pedigrad

DTYPES = ("uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "bool")
DTYPES += ("float16", "bfloat16", "float32", "float64", "complex64", "complex128")


class Floats:
    def __float__(self):
        return 2.5


class Index:
    def __index__(self):
        return 3


class Sequence:
    """What a pandas Series with labels 0, 1, ... looks like to a library that does not know it."""

    labels = (0, 1, 2)
    dtype = np.dtype(np.float64)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, label):
        if label not in self.labels:
            raise KeyError(label) if self.labels != (0, 1, 2) else IndexError(label)
        return np.float64(label + 0.5)

    def __iter__(self):
        return iter([label + 0.5 for label in self.labels])

    def __array__(self, dtype=None, copy=None):
        return np.array(list(self), dtype)


class Labelled(Sequence):
    labels = (5, 6)

    def __iter__(self):
        return iter("ab")  # a DataFrame's: the names of its columns


class OnlyArray:
    __array__ = Sequence.__array__

    def __iter__(self):
        return iter([1.0])


class Exporter:
    def __init__(self):
        self.array = np.arange(3.0)

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def plain(value):
    """What a program gave, in words that are the same for both libraries."""
    if isinstance(value, (pedigrad.Tensor, reference.Tensor)):
        numbers = value.detach().to((reference if isinstance(value, reference.Tensor) else pedigrad).complex128).reshape(-1).tolist()
        return str(value.dtype), tuple(value.shape), [complex(f"{z:.5g}") for z in numbers]
    if isinstance(value, np.ndarray):
        return "array", str(value.dtype), value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return repr(value).replace("pedigrad.core.dtypes", "torch")


def outcome(program, torch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return plain(program(torch))
        except Exception as error:
            names = [kind.__name__ for kind in type(error).__mro__]
            return "error", "TypeError" if "TypeError" in names else names[0]


def agree(program, what=""):
    expected, got = outcome(program, reference), outcome(program, pedigrad)
    assert repr(got) == repr(expected), f"{what}: PyTorch gives {expected}, pedigrad {got}"  # as texts: nan is nan


NAMES = {"np": np, "array": array, "collections": collections, "decimal": decimal, "fractions": fractions, "types": types, "copy": copy}
NAMES |= {each.__name__: each for each in (Floats, Index, Sequence, Labelled, OnlyArray, Exporter)}


def cases(table):
    """The programs of a table."""
    return [each.strip() for line in table.strip().splitlines() for each in line.split(" | ")]


def agree_on(text, **names):
    agree(lambda torch: eval(text, {"torch": torch, **NAMES, **names}), text)


DATA = """
1 | True | 2.5 | 1j | None | 'a' | b'ab' | ['a'] | [1, 'a'] | [None] | [1, None] | object() | float | [float] | {} | [{0: 1}] | {1, 2}
(x for x in [1]) | range(3) | array.array('i', [1, 2]) | memoryview(b'ab') | bytearray(b'ab') | collections.deque([1, 2]) | [[], []]
[[1], 2] | [1, [2]] | [[1, 2], [3]] | [[1], [2, 3]] | [[], [1]] | [[1], []] | [[1, None], [3]] | [] | () | [[[]]] | [True, 2]
[True, 2.5]
2**63 | [2**64] | -2**63 | [-2**63 - 1] | [1, 2**70] | [2**63, 1.5] | [1.5, 2**1100] | [1j, 2**70] | 300 | -1 | -255 | -256
2.7 | -2.7
float('nan') | float('inf') | 1e39 | -1e300 | 70000.0 | 2**40 | 255.5 | 9.3e18 | Floats() | [Floats()] | Index() | [1.0, Index()]
decimal.Decimal('1.5') | [decimal.Decimal('1.5'), 1.0] | fractions.Fraction(1, 2) | collections.OrderedDict(a=1)
types.MappingProxyType({0: 1})
collections.UserList([1, 2]) | collections.UserDict({0: 1}) | Sequence() | [Sequence()] | Labelled() | [Labelled()]
OnlyArray() | [OnlyArray()]
Exporter() | [Exporter()] | torch.Size([2, 3]) | torch.ones(2) | [torch.ones(1)] | [torch.ones(2), torch.ones(2)]
[torch.ones(1, 1), 2]
[torch.tensor(1), 2.5] | (torch.tensor(1., dtype=torch.float64),) | [torch.ones(0)] | [torch.tensor(300)] | [torch.tensor(2.5)]
[torch.tensor(True)] | [[torch.tensor(1j)]] | torch.tensor(300) | torch.tensor([-1.5, 2]) | torch.tensor([1 + 2j])
np.float64(1) | np.float32(2.5) | np.float16(3) | np.int8(-1) | np.uint16(3) | np.uint64(2**63) | np.uint64(3) | np.bool_(1)
np.complex64(1 + 1j)
np.longdouble(1) | np.datetime64(1, 's') | np.str_('a') | [np.float64(1)] | [1.0, np.float64(2)] | [np.float32(1), 2]
[np.float16(1), 1]
[np.uint8(1), np.int8(1)] | [np.uint16(1), np.int32(1)] | [np.uint64(3), 2] | [np.bool_(True), 1] | [np.bool_(True)]
[complex(1), np.float64(2)]
np.array(1.) | [np.array(1.)] | [np.array([1.])] | [np.array([300.5])] | [np.array([1., 2.]), [3, 4]]
[np.array([1, 2]), np.array([3., 4.])]
np.array([300.5]) | np.array(['a']) | np.array([None]) | np.array([1, 2], '>i4') | np.array([1], np.uint16) | np.matrix([[1, 2]])
np.ma.array([1, 2], mask=[0, 1]) | np.zeros(2, [('a', int)]) | np.zeros(2, [('a', int)])[0] | np.arange(6).reshape(2, 3).T
np.eye(3)[::2, 1:]
np.broadcast_to(np.arange(3.), (2, 3)) | np.zeros(2, [('a', 'i1'), ('b', 'f4')])['b'] | np.zeros((0, 3), int) | [np.zeros((0, 3))]
"""
DATA = cases(DATA)
LEGACY = ("Tensor", "FloatTensor", "DoubleTensor", "LongTensor", "ByteTensor", "BoolTensor", "HalfTensor")


@pytest.mark.parametrize("data", DATA)
def test_data(data):
    for call in ("tensor({})", "as_tensor({})", "asarray({})", "asarray({}, copy=False)", "asarray({}, copy=True)", "from_numpy({})"):
        agree_on("torch." + call.format(data))
    for dtype in DTYPES:
        agree_on(f"torch.tensor({data}, dtype=torch.{dtype})")
    sizes = "Index()", "1", "300", "np.int8", "np.uint", "2**", "torch.tensor(300)", "70000", "torch.Size", "-2**"
    if not data.startswith(sizes) and "float('" not in data:  # uninitialised, negative or far too large
        for name in LEGACY:
            agree_on(f"torch.{name}({data})")


LEAVES = (
    lambda torch, rng: int(rng.integers(-300, 300)),
    lambda torch, rng: float(rng.integers(-300, 300)) / 4,
    lambda torch, rng: bool(rng.integers(2)),
    lambda torch, rng: complex(float(rng.integers(9)), 1),
    lambda torch, rng: [float("nan"), float("inf"), -float("inf"), 1e39, 2**40, -(2**33), 2**63, -(2**70), 1e-46][rng.integers(9)],
    lambda torch, rng: np.dtype(rng.choice(["f2", "f4", "f8", "i1", "i4", "i8", "u1", "u2", "?", "c8", "c16"])).type(rng.integers(2)),
    lambda torch, rng: torch.tensor(2.5 if rng.integers(2) else 3),
    lambda torch, rng: [None, "a", Floats(), Index(), {}, np.longdouble(1), decimal.Decimal("2.5")][rng.integers(7)],
)
WEIGHTS = np.array([5, 5, 3, 1, 1, 4, 2, 0.4])


def nested(torch, rng, shape, kinds):
    """Nested sequences of a shape, now and then a ragged one, with arrays and tensors in them."""
    if not shape:
        return LEAVES[rng.choice(kinds)](torch, rng)
    if len(shape) == 1 and rng.random() < 0.1:
        return np.arange(shape[0]).astype(rng.choice(["f4", "f8", "i4", "u1", "?", "f2"]))
    if rng.random() < 0.02:
        return torch.arange(shape[0] * 1.0)
    n = max(shape[0] + (rng.random() < 0.03), 0)
    items = [nested(torch, rng, shape[1:], kinds) for _ in range(n)]
    return [list, tuple, list, collections.deque, collections.UserList][rng.integers(5)](items)


@pytest.mark.parametrize("seed", range(12))
def test_random_nested_data(seed):
    for trial in range(150):
        chooser = np.random.default_rng((seed, trial))
        shape = tuple(chooser.integers(0, 4, chooser.integers(0, 4)) + (chooser.random() < 0.9))
        kinds = chooser.choice(len(LEAVES), chooser.integers(1, 4), p=WEIGHTS / WEIGHTS.sum())
        dtype = str(chooser.choice(DTYPES)) if chooser.random() < 0.5 else None

        def program(torch, shape=shape, kinds=kinds, dtype=dtype, trial=trial):
            data = nested(torch, np.random.default_rng((seed, trial, 1)), shape, kinds)
            return torch.tensor(data, dtype=None if dtype is None else getattr(torch, dtype))

        agree(program, f"seed {seed}, trial {trial}, dtype {dtype}")


@pytest.mark.parametrize("seed", range(4))
def test_random_arrays(seed):
    rng = np.random.default_rng(seed)
    for trial in range(100):
        kind = np.dtype(
            str(rng.choice(["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", "c8", "c16", ">f4", "g", "S1", "O"]))
        )
        array = rng.integers(0, 100, tuple(rng.integers(0, 4, rng.integers(0, 4)))).astype(kind)
        if array.ndim and rng.random() < 0.5:
            array = [array.T, array[..., ::2], array[:, None], np.asfortranarray(array)][rng.integers(4)]
        dtype = str(rng.choice(DTYPES)) if rng.random() < 0.5 else None
        for name in ("tensor", "as_tensor", "asarray"):
            agree(
                lambda torch, array=array, name=name, dtype=dtype: getattr(torch, name)(array, dtype=dtype and getattr(torch, dtype)),
                f"{name} of {array!r}, dtype {dtype}, trial {trial}",
            )
        agree(lambda torch, array=array: (torch.from_numpy(array), 0 in array.shape or torch.from_numpy(array).stride()), repr(array))


BUFFERS = (
    "bytearray(b'abcdefgh')",
    "b'abcdefgh'",
    "array.array('f', [1, 2])",
    "memoryview(b'abcd')",
    "bytearray(b'abc')",
    "bytearray(b'')",
    "3",
    "[1]",
)


@pytest.mark.parametrize("buffer", BUFFERS)
def test_buffers(buffer):
    for options in ("", ", dtype=torch.int32", ", copy=True", ", copy=False, dtype=torch.int16", ", requires_grad=True"):
        agree_on(f"torch.asarray({buffer}{options})")
    for options in ("", ", count=1", ", count=9", ", offset=4", ", offset=9", ", count=0", ", count=1, offset=1", ", offset=-1"):
        agree_on(f"torch.frombuffer({buffer}, dtype=torch.int16{options})")
    agree_on(f"torch.frombuffer({buffer}, dtype=float)")


SIZES = """torch.zeros(True) | torch.zeros(2.5) | torch.zeros('a') | torch.zeros(None) | torch.zeros(2**63)
torch.zeros(2**62) | torch.zeros(2**50)
torch.empty(2**40, 2**40) | torch.zeros(-1) | torch.zeros(np.int64(2)) | torch.zeros((2, torch.tensor(2)))
torch.full((-1,), 2) | torch.full(2, 3)
torch.zeros(torch.tensor(2)) | torch.zeros([2, [3]]) | torch.zeros((np.float64(2),)) | torch.eye(-1) | torch.eye(2**40)
torch.Tensor(2**63)
torch.Tensor(1.5) | torch.Tensor(None) | torch.Tensor('a') | torch.Tensor(2, 'a') | torch.Tensor(1.5, 2)
torch.Tensor([1], [2]) | torch.Tensor(-1)
torch.Tensor(size=(0, 2)) | torch.Tensor(data=[1]) | torch.Tensor(torch.Size([0, 1])) | torch.Tensor()
torch.LongTensor(torch.ones(2))
torch.FloatTensor([300]) | torch.ByteTensor([300]) | torch.LongTensor([float('nan')]) | torch.Tensor(True)
torch.FloatTensor([1], device='cpu')
torch.arange(float('nan')) | torch.arange(0, float('inf')) | torch.arange(0, 1e20)
torch.arange(300, 303, dtype=torch.uint8) | torch.arange(3, 0)
torch.arange(-1, 2, dtype=torch.uint8) | torch.arange(3, dtype=torch.bool) | torch.arange(0, 3, 0) | torch.arange(0, 2, 0.5)
torch.arange(5.5)"""


@pytest.mark.parametrize("text", cases(SIZES))
def test_sizes_and_ranges(text):
    agree_on(text.strip())


VALUES = """300 | -1 | -255 | -256 | 2.7 | -2.7 | -0.5 | float('nan') | float('inf') | 1j | 3 + 0j | True | 2**40 | 2**63
2**64 | -2**63 - 1 | 1e39
7e4 | -1e300 | None | 'a' | [1] | np.float32(3) | np.float64(300) | np.int64(3) | np.int8(-1) | np.bool_(1)
np.uint64(2**63) | np.complex128(3 + 1j)
np.array(3) | np.longdouble(1) | torch.tensor(3.5) | torch.tensor(300) | torch.tensor([3]) | 70000 | 1e308 * 10j | complex('nan')"""
VALUES = cases(VALUES)


@pytest.mark.parametrize("value", VALUES)
def test_fill_values(value):
    agree_on(f"torch.full((2,), {value})")
    agree_on(f"torch.result_type(torch.ones(2, dtype=torch.int8), {value})") if "array" not in value else None
    for dtype in DTYPES:
        agree_on(f"torch.full((2,), {value}, dtype=torch.{dtype})")
        agree_on(f"torch.full_like(torch.zeros(2), {value}, dtype=torch.{dtype})")
        agree_on(f"torch.zeros(2, dtype=torch.{dtype}).fill_({value})")
        agree_on(f"torch.zeros(1, dtype=torch.{dtype}).new_full((2,), {value})")


TYPES = """x.to({0}) | x.to(dtype={0}) | x.to('cpu', {0}) | x.to(x, {0}) | x.type({0}) | x.sum(dtype={0})
torch.prod(x, dtype={0}) | x.cumsum(0, dtype={0})
x.mean(dtype={0}) | i.mean(dtype={0}) | torch.can_cast({0}, torch.float32) | torch.can_cast(torch.int32, {0})
torch.promote_types({0}, torch.int16)
torch.finfo({0}).bits | torch.iinfo({0}).bits | x.view({0}) | i.view({0}) | torch.zeros(2, dtype={0}) | torch.zeros_like(x, dtype={0})
torch.softmax(x, 0, dtype={0}) | torch.nn.functional.log_softmax(x, 0, dtype={0}) | torch.full((2,), 1, dtype={0})
torch.tensor(3, dtype={0})
torch.rand(2, dtype={0}).dtype | torch.as_tensor([1], dtype={0}) | x.new_zeros(2, dtype={0}) | x.norm(dtype={0})
torch.set_default_dtype({0})
torch.nn.Linear(2, 2).to({0}).weight.dtype | torch.eye(2, dtype={0}) | torch.linalg.vector_norm(x, dtype={0})
torch.empty(2, dtype={0}).dtype"""


NOT_MINE = [("'float'", "x.to({0})"), ("bool", "x.cumsum(0, dtype={0})"), ("complex", "x.norm(dtype={0})")]
NOT_MINE += [("complex", "torch.linalg.vector_norm(x, dtype={0})")]


@pytest.mark.parametrize("kind", ["float", "int", "bool", "complex", "str", "object", "np.float32", "'float'", "torch.int16"])
def test_types_as_dtypes(kind):
    for call in cases(TYPES):
        if ("finfo" in call and kind == "bool") or (kind, call) in NOT_MINE:
            continue
        text = call.format(kind)
        agree(lambda torch, text=text: eval(text, {"torch": torch, "np": np, "x": torch.arange(4.0), "i": torch.arange(4)}), text)


SCALARS = (
    "np.float64(5)",
    "np.float32(5)",
    "np.float16(2)",
    "np.int64(2)",
    "np.int8(5)",
    "np.uint8(5)",
    "np.bool_(True)",
    "np.complex128(2+1j)",
    "np.longdouble(3)",
)
ARRAYS = ("np.array(5.)", "np.array(5)", "np.array([1., 2, 3])", "np.array([1, 2, 3])", "np.array([[1], [2]])", "np.array([1, 2, 3], 'f4')")
TENSORS = ("torch.tensor([1., 2, 3])", "torch.tensor([1, 2, 3])", "torch.tensor(2.)", "torch.tensor([1, 2, 3], dtype=torch.uint8)")
TENSORS += ("torch.tensor([1., 2, 3], dtype=torch.float64)", "torch.tensor([1., 2, 3], requires_grad=True)", "torch.tensor(3)")
OPERATORS = ("+", "-", "*", "/", "//", "%", "**", "<", "<=", ">", ">=", "==", "!=", "@")


@pytest.mark.parametrize("scalar", [*SCALARS, "None", "'a'", "[1, 2, 3]", "(1, 2)", "range(3)"])
def test_operators_beside_numpy_scalars(scalar):
    for tensor in TENSORS:
        for sign in OPERATORS:
            agree_on(f"{scalar} {sign} {tensor}")
            agree_on(f"{tensor} {sign} {scalar}")
    for sign in ("&", "|", "<<"):
        agree_on(f"torch.tensor([1, 2, 3]) {sign} {scalar}") if "int" in scalar else None
        agree_on(f"{scalar} {sign} torch.tensor([1, 2, 3])") if "int" in scalar else None


@pytest.mark.parametrize("other", ARRAYS)
def test_operators_beside_arrays(other):
    for tensor in TENSORS:
        if "grad" in tensor:  # PyTorch refuses, here the gradient is followed
            continue
        for sign in ("+", "-", "*", "/", "//", "%", "**", "=="):
            agree_on(f"{tensor} {sign} {other}")
        agree_on(f"{other} / {tensor}")
        agree_on(f"[(x := {tensor}, x.__iadd__({other}))[1]]")

        def assigned(torch, tensor=tensor):
            names = {"torch": torch, "np": np}
            exec(f"x = {tensor}; y = x; x += {other}", names)
            return names["x"], names["y"]

        agree(assigned, f"{tensor} += {other}")
    agree_on(f"np.add(torch.ones(3), {other})")
    agree_on(f"np.maximum({other}, torch.ones(3))")


@pytest.mark.parametrize("name", ["exp", "sqrt", "sign", "floor", "log1p", "cos", "isnan", "square", "rint"])
def test_ufuncs_give_tensors(name):
    for data in ("[1., 2.5]", "[1, 2]", "[1., 2.], dtype=torch.float64"):
        if name != "isnan":  # PyTorch makes uint8 of booleans
            agree_on(f"np.{name}(torch.tensor({data}))")
    assert isinstance(getattr(np, name)(pedigrad.ones(2)), pedigrad.Tensor)


NUMPY = """np.argsort(x) | np.sort(x) | np.cumsum(x) | np.stack([x, x]) | np.concatenate([x, np.ones(2)])
np.dot(np.ones(3), x) | np.where(x > 1, x, 0)
np.where(x > 1) | np.clip(x, 1, 2) | np.linalg.norm(x) | np.array([x, x]) | np.array(i, dtype=np.float32) | np.isclose(x, x)
np.roll(x, 1)
np.arange(5)[i] | np.arange(3.)[x > 1] | np.float32(x[0]) | np.repeat(x, 2) | np.copy(x) | np.round(x) | np.nonzero(i)
np.broadcast_to(x, (2, 3)) | np.split(x, 3) | np.take(x, [0]) | np.trace(m) | np.einsum('i,i', x, x) | np.outer(x, x)
np.transpose(m) | np.squeeze(m)
np.reshape(m, (3, 2)) | np.expand_dims(x, 0) | np.shape(m) | np.unique(i) | np.tile(x, 2) | np.diff(x) | np.median(x)
np.zeros_like(x) | np.interp(x, [0, 4], [0, 8])
x[np.array([0, 1])] | x[np.int64(0)] | m[np.arange(2), np.arange(2)] | m.sum(np.int64(0)) | m.reshape(np.array([3, 2]))
np.linspace(x[1], x[0], 3)"""


@pytest.mark.parametrize("text", cases(NUMPY))
def test_numpy_functions_of_tensors(text):
    def program(torch):
        return eval(text, {"np": np, "x": torch.tensor([3.0, 1, 2]), "i": torch.tensor([2, 0, 1]), "m": torch.arange(6.0).reshape(2, 3)})

    agree(program, text)


# Hooks


def watched(build):
    """What hooks see: the marks that earlier ones left on a gradient, and which earlier gradients are the same object."""

    def program(torch):
        log, kept = [], []

        def see(name, g):
            if g is not None:
                log.append((name, getattr(g, "marks", ()), [i for i, each in enumerate(kept) if each is g]))
                g.marks = (*getattr(g, "marks", ()), name)
                kept.append(g)

        def on(name):
            return lambda g: see(name, g)

        def on_module(name):
            def hook(module, *gradients):
                for part, grads in zip("io", gradients, strict=False):
                    for g in grads:
                        see(name + part, g)

            return hook

        x = torch.ones(1, 2, requires_grad=True)
        x.register_hook(on("x"))
        see("end", build(torch, x, on, on_module))
        return log

    return program


def two_on_one(torch, x, on, on_module):
    y = x * 2
    y.register_hook(on("a"))
    y.register_hook(on("b"))
    y.sum().backward()
    return x.grad


def through_identities(torch, x, on, on_module):
    y = x * 2
    z = y.clone()
    w = (z - torch.ones(2)).view_as(z)
    for name, each in (("y", y), ("z", z), ("w", w)):
        each.register_hook(on(name))
    (w * 3).sum().backward()
    return y.grad_fn and None


def through_modules(torch, x, on, on_module):
    net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU(), torch.nn.Linear(2, 2))
    for i, layer in enumerate(net):
        layer.register_full_backward_hook(on_module(str(i)))
    net.register_full_backward_hook(on_module("net"))
    net[0].register_full_backward_pre_hook(lambda module, grads: on_module("pre")(module, (), grads))
    net(x).sum().backward()


def replaced(torch, x, on, on_module):
    y = x * 2
    y.register_hook(on("a"))
    y.register_hook(lambda g: g * 2)
    y.register_hook(on("b"))
    y.clone().backward(torch.ones(1, 2))


def of_nodes(torch, x, on, on_module):
    y = x.clone()
    y.register_hook(on("y"))
    y.grad_fn.register_prehook(lambda grads: on_module("pre")(None, (), grads))
    y.grad_fn.register_hook(lambda *grads: on_module("node")(None, *grads))
    return torch.autograd.grad((y * 2).sum(), x)[0]


def retained(torch, x, on, on_module):
    y = x * 2
    y.register_hook(on("y"))
    y.retain_grad()
    y.sum().backward()
    return y.grad


def recorded(torch, x, on, on_module):
    y = x.clone()
    y.register_hook(on("y"))
    return torch.autograd.grad((y * 2).sum(), x, create_graph=True)[0]


def the_users_own(torch, x, on, on_module):
    g = torch.ones(1, 2)
    x.clone().backward(g)
    return g


@pytest.mark.parametrize("build", [two_on_one, through_identities, through_modules, replaced, of_nodes, retained, recorded, the_users_own])
def test_a_gradient_keeps_its_identity_between_hooks(build):
    agree(watched(build), build.__name__)


# Other ways in and out


@pytest.mark.parametrize("kind", range(5))
def test_copies_of_views_are_views(kind):
    def program(torch):
        a = torch.arange(6.0)
        others = [a[0:2], a.view(2, 3), a[::2], a.data, a.expand(2, 6)]
        module = torch.nn.Module()
        for name, tensor in (("a", a), ("b", others[kind])):
            module.register_buffer(name, tensor)
        twin, listed = copy.deepcopy(module), copy.deepcopy([others[kind].t() if kind == 1 else others[kind], a, a])
        twin.a[0], listed[1][0] = 100, 50
        return a, *twin.buffers(), twin.b.stride(), twin.b.storage_offset(), *listed, listed[1] is listed[2]

    agree(program)


@pytest.mark.parametrize("leaf", [True, False])
def test_detach_in_place_keeps_the_gradient(leaf):
    def program(torch):
        x = torch.ones(2, requires_grad=True)
        y = x if leaf else x * 2
        y.retain_grad()
        z = (y * 3).sum()
        z.backward(retain_graph=True)
        before = y.grad
        same = y.detach_() is y
        z.backward()
        return same, y.grad is before, y.grad, y.requires_grad, y.requires_grad_().grad

    agree(program)


ELEMENTWISE = """torch.ones(2).apply_(lambda v: v + 1) | torch.ones(2, requires_grad=True).apply_(abs) | torch.ones(2).apply_(3)
torch.arange(3).apply_(lambda v: v + 0.7) | torch.ones(2).map_(torch.arange(2.), lambda a, b: a * 10 + b)
torch.ones(2).map_(torch.arange(2), max)
torch.ones(2, 2).map_(torch.arange(2.), lambda a, b: a * 10 + b) | torch.ones(2).map_(3, max) | torch.ones(2).apply_(lambda v: None)
torch.ones(2).map2_(torch.arange(2.), torch.ones(1), lambda a, b, c: a * 10 + b + c) | torch.ones(2).map_(torch.ones(3), max)
torch.ones(2, dtype=torch.bool).apply_(lambda v: type(v) is bool) | torch.ones(2).half().apply_(lambda v: v * 2)
torch.ones(0).apply_(1)
torch.ones(2, dtype=torch.uint8).apply_(lambda v: 300) | torch.ones(2).apply_(callable=abs) | torch.ones(1).apply_(lambda v: 1 / 0)"""


@pytest.mark.parametrize("text", cases(ELEMENTWISE))
def test_functions_of_each_element(text):
    agree_on(text)


DLPACK = """np.from_dlpack(torch.arange(6.).reshape(2, 3).t()) | torch.from_dlpack(np.arange(6.).reshape(2, 3).T)
torch.from_dlpack(5)
torch.from_dlpack(torch.arange(3).__dlpack__()) | torch.from_dlpack(torch.to_dlpack(torch.ones(2)))
torch.from_dlpack(torch.ones(2, requires_grad=True))
torch.ones(2, requires_grad=True).__dlpack__() | [int(n) for n in torch.ones(2).__dlpack_device__()]
np.from_dlpack(torch.tensor([True]))
torch.ones(2).__dlpack__(stream=1) | torch.from_dlpack(np.array(['a'])) | torch.from_dlpack(Exporter())
torch.from_dlpack(np.zeros(3), copy=True)
[(t := torch.from_dlpack(a := np.zeros(2)), t.fill_(3), a)] | torch.from_dlpack(np.float32(3)) | torch.from_dlpack([1])"""


@pytest.mark.parametrize("text", cases(DLPACK))
def test_dlpack(text):
    agree_on(text)


def test_arrays_of_tensors_that_need_gradients():
    def program(torch):
        p = torch.nn.Parameter(torch.ones(2))
        with torch.no_grad():
            given = p.numpy(), np.asarray(p), np.array(p, dtype=float)
        try:
            p.numpy()
        except RuntimeError:
            return *given, np.shares_memory(given[0], p.detach().numpy())
        return None

    agree(program)


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}, {"dilation": 2}, {"groups": 2}])
def test_gradients_of_convolutions_as_functions(dim, options):
    rng = np.random.default_rng(0)
    x, w = rng.integers(-3, 4, (2, 4, 5, 6, 4)[: 2 + dim]), rng.integers(-3, 4, (6, 4 // options.get("groups", 1), *(2,) * dim))

    def program(torch):
        grad = importlib.import_module(f"{torch.__name__}.nn.grad")
        a, b = torch.tensor(x * 1.0).requires_grad_(), torch.tensor(w * 1.0).requires_grad_()
        y = getattr(torch.nn.functional, f"conv{dim}d")(a, b, **options)
        g = torch.ones_like(y).cumsum(-1)
        of_input = getattr(grad, f"conv{dim}d_input")(a.shape, b, g, **options)
        of_weight = getattr(grad, f"conv{dim}d_weight")(a, b.shape, g, **options)
        wrong = outcome(lambda _: getattr(grad, f"conv{dim}d_weight")(a, b.shape, g[..., :1], **options), torch)
        return of_input, of_weight, torch.autograd.grad(of_input.sum(), b), torch.autograd.grad(of_weight.sum(), a), wrong

    agree(program)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_weights_given_to_recurrent_layers(kind):
    def program(torch):
        torch.manual_seed(0)
        layer, x = getattr(torch.nn, kind)(3, 4, 2, bidirectional=True), torch.ones(5, 2, 3)
        outputs = [layer(x)[0].sum()]
        layer._flat_weights = [w * 0.5 for w in layer._flat_weights]
        outputs.append(layer(x)[0].sum())
        outputs.append(copy.deepcopy(layer.requires_grad_(False)).float()(x)[0].sum())
        layer.weight_hh_l0 = torch.nn.Parameter(layer.weight_hh_l0 * 0)
        outputs.append(layer(x)[0].sum())
        return outputs, layer._flat_weights[0] is layer.weight_ih_l0

    agree(program)


@pytest.mark.parametrize(
    "shared", [(0, 1, 2, 3), (0, 0, 1, 2), (0, 1, 0, 2), (0, 1, 2, 0), (0, 1, 1, 2), (0, 1, 2, 1), (0, 0, 0, 0), (0, 0, 0, 1)]
)
@pytest.mark.parametrize("name", ["batch_norm", "instance_norm"])
def test_running_statistics_that_are_the_weight(name, shared):
    def program(torch):
        tensors = [torch.linspace(0.5, 1.5, 4) + 0.1 * i for i in range(4)]
        mean, variance, weight, bias = (tensors[i] for i in shared)
        x = torch.arange(60.0).reshape(3, 4, 5).sin().requires_grad_()
        y = getattr(torch.nn.functional, name)(x, mean, variance, weight, bias, True, 0.1)
        (y * y * torch.arange(5.0)).sum().backward()
        return [(each.detach() * 100).round() + 0 for each in (y, x.grad, mean, variance, weight, bias)]

    agree(program)
