"""Jacobians of compiled functions, whose backward passes are run for a batch of gradients at once."""

import pytest

import pedigrad as torch


def softmin(x):
    return torch.nn.functional.softmin(x * 2, -1)


def several(x):
    return x.sin() * x.sum(), x.cos()


def samples(x):
    return torch.func.vmap(softmin)(torch.stack([x, x * 0.5])).sum(0)


JACOBIANS = {
    "jacrev": lambda f, x: torch.func.jacrev(f)(x),
    "hessian": lambda f, x: torch.func.hessian(lambda v: sum(y.square().sum() for y in as_tuple(f(v))))(x),
    "jvp of grad": lambda f, x: torch.func.jvp(torch.func.grad(lambda v: as_tuple(f(v))[0].square().sum()), (x,), (x.sin(),))[1],
    "vmap of grad": lambda f, x: torch.func.vmap(torch.func.grad(lambda v: as_tuple(f(v))[0].square().sum()))(torch.stack([x, x * 2])),
    "jacobian": lambda f, x: torch.autograd.functional.jacobian(f, x, vectorize=True),
    "many gradients": lambda f, x: many(f, x.clone().requires_grad_()),
    "samples of gradients": lambda f, x: torch.func.vmap(lambda v: torch.func.vjp(f, x)[1](as_result(f(x), v))[0])(torch.eye(3)),
}


def as_tuple(y):
    return y if isinstance(y, tuple) else (y,)


def as_result(y, v):
    return tuple(v for _ in y) if isinstance(y, tuple) else v


def many(f, x):
    outputs = as_tuple(f(x))
    return torch.autograd.grad(outputs, x, [torch.eye(3)] * len(outputs), is_grads_batched=True)


def flat(value):
    return [each for part in value for each in flat(part)] if isinstance(value, tuple) else [value]


@pytest.mark.parametrize("name", JACOBIANS)
@pytest.mark.parametrize("function", (softmin, several, samples), ids=lambda f: f.__name__)
def test_a_compiled_function_has_the_jacobian_of_the_function(function, name):
    x = torch.tensor([0.3, -0.5, 0.8])
    compiled = torch.compile(function)
    for _ in range(4):
        compiled(x.clone().requires_grad_())
    for _ in range(2):
        pairs = zip(flat(JACOBIANS[name](compiled, x)), flat(JACOBIANS[name](function, x)), strict=True)
        assert all(torch.allclose(one, other, atol=1e-6) for one, other in pairs)


def test_what_an_error_within_vmap_has_left_does_not_keep_functions_from_being_compiled():
    def leave():
        kept = []
        kept.append(kept)  # a cycle

        def wrong(x):
            kept.append(x)
            raise ValueError

        with pytest.raises(ValueError):
            torch.vmap(wrong)(torch.ones(2, 3))

    leave()
    compiled = torch.compile(lambda x: x * 2)
    for _ in range(24):
        compiled(torch.ones(3))
    assert compiled.compiled.runs
