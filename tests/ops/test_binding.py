"""How arguments find their parameters: by place, by the names PyTorch gives them, and by other names that are declared."""

import inspect

import pytest

import pedigrad as torch
from pedigrad.core import origin
from pedigrad.core.declare import composite


def vector():
    return torch.tensor([3.0, 1.0, 2.0])


@pytest.fixture
def weighted():
    """An op with names of its own, registered for one test."""
    before = set(torch.core.op.REGISTRY)

    @composite(name="weighted_for_test", places="special", out=True, names="values weights", takes={"w": "weights", "power": "p"})
    def form(x, y, /, p=1, *, beta=1.0):
        """Products of values and powers of weights."""
        return x * y**p * beta

    yield form
    for name in set(torch.core.op.REGISTRY) - before:
        del torch.core.op.REGISTRY[name]
        del torch.core.declare.PLACES["special"][name]


def test_an_op_says_how_its_arguments_are_called(weighted):
    x, out = vector(), torch.empty(3)
    expected = [9.0, 1.0, 4.0]
    assert weighted(x, x).tolist() == weighted(values=x, weights=x).tolist() == weighted(x, w=x).tolist() == expected
    assert weighted(x, x, power=1).tolist() == weighted(w=x, values=x, p=1).tolist() == expected
    assert weighted(x, x, beta=2.0, out=out) is out and out.tolist() == [18.0, 2.0, 8.0]
    shown = inspect.signature(weighted)
    plain = shown.replace(parameters=[p.replace(annotation=p.empty) for p in shown.parameters.values()], return_annotation=shown.empty)
    assert str(plain) == "(values, weights, p=1, *, beta=1.0, out=None)"
    assert shown.parameters["beta"].annotation is float


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda f, x: f(), "missing 1 required positional arguments?: .values"),
        (lambda f, x: f(x), 'missing 1 required positional arguments: "weights"'),
        (lambda f, x: f(weights=x), "missing 1 required positional arguments?: .values"),
        (lambda f, x: f(x, x, w=x), "an argument twice"),
        (lambda f, x: f(x, weights=x, w=x), "an argument twice"),
        (lambda f, x: f(x, x, other=x), "unexpected keyword argument 'other'"),
    ],
)
def test_what_does_not_fit_is_named(weighted, call, message):
    with pytest.raises(TypeError, match=message):
        call(weighted, vector())


@pytest.mark.parametrize(
    "name", ["sin", "neg", "exp", "sign", "cumsum", "sort", "clamp", "where", "mean", "linalg.vector_norm", "special.erf"]
)
def test_what_is_missing_is_a_type_error(name):
    function = torch
    for part in name.split("."):
        function = getattr(function, part)
    with pytest.raises(TypeError):
        function()


def test_numpys_names_of_operands():
    x = vector()
    assert torch.sin(x=x).tolist() == torch.sin(a=x).tolist() == torch.sin(x1=x).tolist() == x.sin().tolist()
    assert torch.mul(x1=x, x2=x).tolist() == torch.add(x1=x, x2=x, alpha=2.0).sub(x, alpha=3.0).add(x * x).tolist() == [9.0, 1.0, 4.0]
    assert torch.linalg.norm(x=x).item() == torch.linalg.norm(A=x).item() == torch.linalg.norm(input=x).item()


def test_old_orders_of_numbers_and_tensors(monkeypatch):
    x, m = vector(), torch.ones(2, 2)
    with pytest.warns(UserWarning, match="deprecated"):
        assert torch.addmm(2, m, 3, m, m).tolist() == m.addmm(2, 3, m, m).tolist() == torch.addmm(m, m, m, beta=2, alpha=3).tolist()
    with pytest.warns(UserWarning, match="deprecated"):
        assert x.clone().addcmul_(2, x, x).tolist() == torch.addcmul(x, 2, x, x).tolist() == [21.0, 3.0, 10.0]
    monkeypatch.setattr(origin, "_warned", set())
    with pytest.warns(UserWarning, match="deprecated"):
        assert x.add(2, x).tolist() == x.clone().add_(2, x).tolist() == x.add(x, alpha=2).tolist()
    with pytest.raises(TypeError):
        torch.addmm(m, m, m, 2, 3, 4)


def test_lists_given_one_by_one():
    x = torch.ones(1, 2, 1)
    assert x.squeeze(0, 2).shape == x.squeeze((0, 2)).shape == (2,) and x.squeeze().shape == (2,) and x.squeeze(()).shape == (1, 2, 1)
    assert x.count_nonzero(0, 1).tolist() == [2] and x.count_nonzero().item() == 2 and x[0].broadcast_to(3, 2, 4).shape == (3, 2, 4)


def test_floats_are_no_whole_numbers():
    x, F = torch.ones(4, 4), torch.nn.functional
    wrong = [
        lambda: x.sum(True), lambda: x.softmax(1.0), lambda: x.narrow(0, 1.5, 1), lambda: x.tril(0.5), lambda: x.roll([1.5], 0),
        lambda: F.max_pool1d(x, 1.5), lambda: F.adaptive_avg_pool1d(x, 1.5), lambda: torch.randperm(3.0),
        lambda: torch.randint(2.5, (2,)), lambda: torch.linspace(0, 1, 2.0), lambda: x.repeat_interleave(1.5),
        lambda: x.round(decimals=0.5),
    ]  # fmt: skip
    for call in wrong:
        with pytest.raises(TypeError):
            call()


def test_rows_of_numbers_need_a_count_and_a_dtype_with_an_order():
    for make in (torch.linspace, torch.logspace):
        with pytest.raises(RuntimeError, match="non-negative"):
            make(0, 1, -1)
        with pytest.raises(NotImplementedError, match="Bool"):
            make(0, 1, 3, dtype=torch.bool)
    with pytest.raises(NotImplementedError, match="Bool"):
        torch.arange(2, dtype=torch.bool)
