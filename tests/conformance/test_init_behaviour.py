"""nn.init against PyTorch's: the same numbers for the same seed, and the same errors."""

import pytest

reference = pytest.importorskip("torch")

from two_libraries import agree  # noqa: E402

import pedigrad  # noqa: E402
from pedigrad.nn import init  # noqa: E402

PROGRAMS = []


def program(function):
    PROGRAMS.append(function)
    return function


@program
def errors_of_init(torch, nn, log):
    i = nn.init
    for name in (
        "linear",
        "conv2d",
        "conv_transpose3d",
        "sigmoid",
        "tanh",
        "relu",
        "leaky_relu",
        "selu",
        "nothing",
    ):
        log.attempt(i.calculate_gain, name)
    for slope in (0.3, 2, True, "a"):
        log.attempt(i.calculate_gain, "leaky_relu", slope)
    log.attempts(
        lambda: i.eye_(torch.ones(3)),
        lambda: i.dirac_(torch.ones(3)),
        lambda: i.dirac_(torch.ones(3, 3, 3), 2),
        lambda: i.orthogonal_(torch.ones(3)),
        lambda: i.orthogonal_(torch.ones(0, 3)).shape,
        lambda: i.sparse_(torch.ones(3), 0.1),
        lambda: i.xavier_uniform_(torch.ones(3)),
        lambda: i.xavier_normal_(torch.ones(0, 0)),
        lambda: i.kaiming_uniform_(torch.ones(3)),
        lambda: i.kaiming_normal_(torch.ones(3, 3), mode="x"),
        lambda: i.kaiming_normal_(torch.ones(3, 3), nonlinearity="x"),
        lambda: i.kaiming_uniform_(torch.ones(3, 0)).shape,
        lambda: i._calculate_fan_in_and_fan_out(torch.ones(3, 4, 5)),
        lambda: i.constant(torch.ones(2), 3.0),
        lambda: i.xavier_normal(torch.ones(2, 2)).shape,
        lambda: i.trunc_normal_(torch.ones(2), 3.0).shape,
        lambda: i.ones_(nn.Parameter(torch.zeros(2))),
    )


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_same_behaviour(program):
    agree(program)


SHAPES = [(3, 5), (5, 3), (4, 4), (4, 3, 2), (6, 2, 3, 3), (40, 30)]
FILLS = {
    "uniform_": ({}, {"a": -2.0, "b": 3.0}),
    "normal_": ({}, {"mean": 1.0, "std": 0.5}),
    "trunc_normal_": (
        {},
        {"std": 0.02},
        {"mean": 1.0, "std": 0.5, "a": -1.0, "b": 1.2},
        {"a": 0.5},
        {"a": 1.0, "b": 2.0},
        {"a": -0.1, "b": 0.1},
    ),
    "constant_": ({"val": 0.3},),
    "ones_": ({},),
    "zeros_": ({},),
    "xavier_uniform_": ({}, {"gain": 2.0}),
    "xavier_normal_": ({}, {"gain": 2.0}),
    "kaiming_uniform_": ({}, {"a": 0.2}, {"mode": "fan_out", "nonlinearity": "relu"}),
    "kaiming_normal_": ({}, {"a": 0.2}, {"mode": "fan_out", "nonlinearity": "tanh"}),
    "orthogonal_": ({}, {"gain": 2.0}),
}


def filled(torch, init, name, shape, dtype, options, own_generator=False):
    torch.manual_seed(5)
    generator = {"generator": torch.Generator().manual_seed(3)} if own_generator else {}
    tensor = torch.ones(shape, dtype=getattr(torch, dtype))
    assert getattr(init, name)(tensor, **options, **generator) is tensor
    return tensor.double().numpy(), torch.rand(3).double().numpy()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(FILLS))
def test_same_numbers(name, dtype):
    loose = 2e-6 if dtype == "float32" else 1e-12
    for options in FILLS[name]:
        for shape in SHAPES:
            for own in (False, True) if name not in ("constant_", "ones_", "zeros_") else (False,):
                case = (name, shape, dtype, options, own)
                expected, after = filled(reference, reference.nn.init, *case)
                got, after_got = filled(pedigrad, init, *case)
                assert abs(got - expected).max() <= loose * max(1, abs(expected).max()), case
                assert (after == after_got).all(), case


@pytest.mark.parametrize("name, shape, options", [
    ("eye_", (3, 3), {}), ("eye_", (2, 4), {}), ("dirac_", (4, 2, 3), {"groups": 2}), ("dirac_", (3, 5, 3, 4), {}),
    ("dirac_", (6, 2, 2, 3, 5), {"groups": 3}), ("sparse_", (6, 4), {"sparsity": 0.4}),
    ("sparse_", (5, 3), {"sparsity": 0.5, "std": 2.0}),
])  # fmt: skip
def test_same_patterns(name, shape, options):
    expected, after = filled(reference, reference.nn.init, name, shape, "float32", options)
    got, after_got = filled(pedigrad, init, name, shape, "float32", options)
    assert abs(got - expected).max() < 1e-6
    assert (after == after_got).all()
