"""Gradients of functions of complex numbers, of writes to their parts, and of what has no dimensions, are PyTorch's."""

import pytest

torch = pytest.importorskip("torch")

import pedigrad  # noqa: E402

BASES = (1 + 1j, -2 + 0.5j, 2j, -1.5, 2)


def plain(value):
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    if value.is_complex():
        return [str(value.dtype).split(".")[1], plain(value.real), plain(value.imag)]
    return [str(value.dtype).split(".")[1], [round(v, 8) + 0.0 for v in (value.detach() + 0).reshape(-1).tolist()]]


@pytest.mark.parametrize("base", BASES)
def test_the_gradient_of_a_number_to_the_power_of_a_complex_tensor(base):
    def run(t):
        z = t.tensor([0.3 - 0.4j, -1 + 0.2j], dtype=t.complex128, requires_grad=True)
        y = base**z
        (g,) = t.autograd.grad(y.real.sum() - 2 * y.imag.sum(), z, create_graph=True)
        return y, g, t.autograd.grad((g * g.conj()).real.sum(), z)

    assert plain(run(pedigrad)) == plain(run(torch))


def parts(t):
    z = t.tensor([[0.3, -0.4], [1.0, 0.2]], dtype=t.float64)

    def f(v):
        y = t.view_as_complex(v) * 1
        t.view_as_real(y)[..., 0].sin_()
        y.imag[:1] = y.real[1:] * 2
        return t.view_as_real(y + 0)

    return t.func.jacrev(f)(z), t.func.jacfwd(f)(z), t.func.vmap(f)(t.stack([z, z.cos()]))


def tangents_of_numbers(t):
    z = t.tensor([0.3 - 0.4j, -1 + 0.2j], dtype=t.complex128)

    def f(z):
        x = t.linalg.slogdet(t.outer(z, z) + t.eye(2, dtype=t.float64))[0]
        x = x / (x.abs() + 1)
        y = x.clone()
        y.imag[...] = x.real * 2
        return y

    return t.func.jvp(f, (z,), (z * 1j,))


def deviations_of_one_number(t):
    found = []
    for dtype in (t.float32, t.float64):
        for function in (t.std, t.var):
            x = t.tensor(2.0, dtype=dtype, requires_grad=True)
            y = function(x, dim=-1, correction=0)
            y.backward()
            found += [y, x.grad]
    return found


def products_with_zeros(t):
    x = t.tensor([[[1.0, 0.0], [2.0, 3.0]], [[1.0, 4.0], [2.0, 3.0]], [[0.0, 0.0], [1.0, 2.0]]], dtype=t.float64)
    gradient = t.func.grad(lambda a: a.prod())
    rows = t.func.jacfwd(lambda a: t.func.vmap(lambda row: row.prod())(a))
    return t.func.vmap(gradient)(x), t.func.vmap(t.func.hessian(lambda a: a.prod()))(x), t.func.vmap(rows)(x)


@pytest.mark.parametrize("program", (parts, tangents_of_numbers, deviations_of_one_number, products_with_zeros), ids=lambda p: p.__name__)
def test_a_program_gives_what_pytorch_gives(program):
    assert plain(program(pedigrad)) == plain(program(torch))
