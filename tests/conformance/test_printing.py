"""The text of tensors against PyTorch's `repr`, and the limits of dtypes against its `finfo` and `iinfo`."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pedigrad.core import dtypes, formatting, limits  # noqa: E402

nan, inf = math.nan, math.inf

FLOATS = ["float16", "bfloat16", "float32", "float64"]
INTEGERS = ["uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"]
COMPLEXES = ["complex64", "complex128"]


@pytest.fixture(autouse=True)
def default_options():
    set_both(profile="default")
    yield
    set_both(profile="default")
    torch.set_default_dtype(torch.float32)


def set_both(**options):
    torch.set_printoptions(**options)
    formatting.set_printoptions(**options)


def array_of(tensor):
    tensor = tensor.detach()
    if tensor.dtype is torch.bfloat16:
        return tensor.float().numpy().astype(dtypes.to_numpy(dtypes.bfloat16))
    return tensor.numpy()


def check(tensor, **keywords):
    name = str(tensor.dtype).removeprefix("torch.")
    assert formatting.tensor_text(array_of(tensor), name, **keywords) == repr(tensor)


def check_values(values, dtype):
    check(torch.tensor(values, dtype=torch.float64).to(getattr(torch, dtype)))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    "values",
    [
        [1.0, 2.0, 3.0],
        [-1.0, 10.0],
        [0.0, 0.0],
        [-0.0, 1.5],
        [1.5, -2.25, 100.0],
        [nan],
        [nan, inf, -inf],
        [1.0, nan],
        [1.5, nan, -inf],
        [0.0, nan, inf],
        [1.0, 1000.0],
        [1.0, 1001.0],
        [1.5, 1500.0],
        [1.5, 1501.0],
        [0.1, 100.0],
        [1e-3, 1.0],
        [1e-4],
        [1e-4, 1e-2],
        [9.9e-5, 1e-2],
        [1e8],
        [1.1e8, 1e8],
        [1e-10, 2e-10],
        [1e-300, 1e300],
        [5e-324],
        [123456.789, 234567.891],
        [[1.0, -2.0], [0.5, 1e5]],
        [[[1.0]], [[2.0]]],
    ],
)
def test_floats_choose_their_notation(values, dtype):
    check_values(values, dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, -3.0, 1.5, 1e-4, 1e-5, 1e8, 3e9, nan, inf, -inf])
def test_scalars(value, dtype):
    check_values(value, dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("exponent", [*range(-12, 13, 2), 30, -40, 200])
@pytest.mark.parametrize("shape", [(7,), (4, 30), (2, 3, 4)])
def test_magnitudes(exponent, shape, dtype):
    rng = np.random.default_rng(exponent + 100)
    check_values(rng.standard_normal(shape) * 10.0**exponent, dtype)
    check_values(np.round(rng.standard_normal(shape) * 10.0**exponent), dtype)
    check_values(rng.standard_normal(shape) * 10.0 ** rng.integers(-2, 3, shape) * 10.0**exponent, dtype)


@pytest.mark.parametrize("dtype", [*INTEGERS, "bool"])
@pytest.mark.parametrize("shape", [(), (1,), (60,), (3, 4), (2, 1, 3), (1001,), (40, 50)])
def test_integers_and_bools(shape, dtype):
    values = np.random.default_rng(0).integers(-100, 100, shape)
    check(torch.tensor(values).to(getattr(torch, dtype)))


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_extreme_integers(dtype):
    bounds = torch.iinfo(getattr(torch, dtype))
    check(torch.tensor([bounds.min, bounds.max], dtype=getattr(torch, dtype)))


@pytest.mark.parametrize("dtype", COMPLEXES)
@pytest.mark.parametrize(
    "values",
    [
        1 + 2j,
        -1.5 - 0.5j,
        [0j],
        [complex(-0.0, -0.0)],
        [1 + 2j, 3 - 4j],
        [1.5 + 2j, -3 - 4.5j],
        [complex(nan, -inf), complex(1, nan)],
        [complex(1.5, nan), complex(inf, 100.25)],
        [1e10 + 2j, 3 + 0j],
        [1.5 - 1e-9j, 100 + 0j],
        [[1j, 2 + 0j], [1e5 + 1j, -1e-5j]],
        np.arange(30) * (1 - 0.5j),
        np.arange(1200).reshape(2, 600) * (1 + 1j),
    ],
)
def test_complex(values, dtype):
    check(torch.tensor(values, dtype=getattr(torch, dtype)))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int8", "bool", "complex64"])
@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0), (2, 0, 1)])
def test_empty(shape, dtype):
    check(torch.zeros(shape, dtype=getattr(torch, dtype)))


@pytest.mark.parametrize("dtype", ["float32", "int64", "float16"])
@pytest.mark.parametrize(
    "shape",
    [
        (1000,),
        (1001,),
        (7, 143),
        (6, 200),
        (200, 6),
        (50, 50),
        (7, 2, 100),
        (8, 8, 8, 8),
        (1, 1, 1, 1100),
        (2, 3, 1, 1, 250),
    ],
)
def test_summaries(shape, dtype):
    check(torch.arange(math.prod(shape)).reshape(shape).to(getattr(torch, dtype)))


def test_hidden_elements_do_not_choose_the_notation():
    values = torch.ones(2000)
    values[1000] = 1e-20
    check(values)


def test_views_of_any_strides():
    base = torch.arange(60.0).reshape(3, 4, 5)
    for view in (base.permute(2, 0, 1), base[:, ::2], base[0].expand(2, 4, 5), base.mT):
        check(view)


@pytest.mark.parametrize("options", [{}, {"linewidth": 20}, {"linewidth": 0}])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
@pytest.mark.parametrize("length", range(1, 14))
def test_notes_wrap(length, dtype, options):
    set_both(**options)
    leaf = torch.ones(length, dtype=getattr(torch, dtype), requires_grad=True)
    check(leaf, requires_grad=True)
    check(leaf * 1, grad_fn="MulBackward0", requires_grad=True)
    matrix = leaf.view(1, length, 1)
    check(matrix, grad_fn="ViewBackward0")
    check(matrix[:0] * 1, grad_fn="MulBackward0")


@pytest.mark.parametrize("default", ["float32", "float64"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "bool", "complex64", "complex128"])
@pytest.mark.parametrize("shape", [(), (2,), (0,), (0, 2)])
def test_default_dtype(shape, dtype, default):
    torch.set_default_dtype(getattr(torch, default))
    default_complex = {"float32": "complex64", "float64": "complex128"}[default]
    tensor = torch.ones(shape, dtype=getattr(torch, dtype))
    check(tensor, default_dtype_name=default, default_complex=default_complex)


@pytest.mark.parametrize(
    "options",
    [
        {"precision": 0},
        {"precision": 2},
        {"precision": 10},
        {"threshold": 0},
        {"threshold": 5, "edgeitems": 1},
        {"threshold": 0, "edgeitems": 0},
        {"edgeitems": 0},
        {"threshold": inf},
        {"linewidth": 1},
        {"linewidth": 40},
        {"linewidth": 200},
        {"sci_mode": True},
        {"sci_mode": False},
        {"sci_mode": True, "precision": 1},
        {"profile": "short"},
        {"profile": "full"},
        {"profile": "short", "precision": 6},
    ],
    ids=repr,
)
def test_options(options):
    set_both(**options)
    rng = np.random.default_rng(3)
    for shape in [(), (1,), (5,), (40,), (6, 7), (3, 4, 5), (3, 400), (0, 2)]:
        values = rng.standard_normal(shape)
        for tensor in (
            torch.tensor(values),
            torch.tensor(values * 1e-6, dtype=torch.float32),
            torch.tensor(np.round(values * 1e4), dtype=torch.float32),
            torch.tensor(values > 0),
            torch.tensor(values * 50).to(torch.int32),
            torch.tensor(values + 1e3j * values[..., None].sum(-1)),
            torch.tensor(np.zeros(shape), dtype=torch.float32),
        ):
            check(tensor)


def test_options_are_kept_and_reset_as_in_pytorch():
    theirs = torch._tensor_str.get_printoptions
    for options in (
        {},
        {"precision": 7, "sci_mode": True},
        {"threshold": 10},
        {"profile": "full", "edgeitems": 5},
        {"linewidth": 100},
        {"profile": "short"},
        {"profile": "default"},
    ):
        set_both(**options)
        assert formatting.get_printoptions() == theirs()


def test_unknown_profile_is_refused():
    with pytest.raises(ValueError, match="profile"):
        formatting.set_printoptions(profile="long")


@pytest.mark.parametrize("seed", range(20))
def test_random_mixtures(seed):
    rng = np.random.default_rng(seed)
    special = [nan, inf, -inf, 0.0, -0.0, 1.0]
    for _ in range(20):
        shape = tuple(rng.integers(1, 6, rng.integers(0, 5)))
        values = rng.standard_normal(shape) * 10.0 ** rng.integers(-6, 7)
        values = np.where(rng.random(shape) < 0.3, rng.choice(special, shape), values)
        values = np.round(values) if rng.random() < 0.3 else values
        check_values(values, str(rng.choice(FLOATS)))
        set_both(linewidth=int(rng.integers(10, 120)), threshold=int(rng.choice([2, 20, 1000])))


def test_prefix_indents():
    text = formatting.tensor_text(np.zeros((2, 2), np.float32), "float32", prefix="MyTensor(", requires_grad=True)
    assert text == "MyTensor([[0., 0.],\n          [0., 0.]], requires_grad=True)"


FINFO_FIELDS = ("bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution", "dtype")


@pytest.mark.parametrize("name", [*FLOATS, *COMPLEXES])
def test_finfo(name):
    ours, theirs = limits.finfo(dtypes.named(name)), torch.finfo(getattr(torch, name))
    assert repr(ours) == repr(theirs)
    assert [getattr(ours, field) for field in FINFO_FIELDS] == [getattr(theirs, field) for field in FINFO_FIELDS]


def test_finfo_of_the_default_dtype():
    assert limits.finfo() == limits.finfo(dtypes.get_default())


@pytest.mark.parametrize("name", INTEGERS)
def test_iinfo(name):
    ours, theirs = limits.iinfo(dtypes.named(name)), torch.iinfo(getattr(torch, name))
    assert repr(ours) == repr(theirs)
    for field in ("bits", "max", "min", "dtype"):
        assert getattr(ours, field) == getattr(theirs, field)


@pytest.mark.parametrize(
    "call",
    [
        lambda: limits.finfo(dtypes.int32),
        lambda: limits.finfo(dtypes.bool_),
        lambda: limits.finfo("float32"),
        lambda: limits.iinfo(dtypes.float32),
        lambda: limits.iinfo(dtypes.bool_),
        lambda: limits.iinfo(),
    ],
)
def test_limits_of_the_wrong_kind(call):
    with pytest.raises(TypeError):
        call()
