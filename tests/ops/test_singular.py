"""Singular matrices, numbers that leave the range, integers that would wrap: what is right where PyTorch is not, or has no answer."""

import numpy as np
import pytest

import pedigrad as torch
import pedigrad.nn.functional as F

INF, NAN = float("inf"), float("nan")


def test_solutions_and_inverses_of_singular_matrices_are_nan_beside_those_of_others():
    matrices = torch.stack([torch.ones(2, 2), 2 * torch.eye(2)])
    for result, info in (torch.linalg.inv_ex(matrices), torch.linalg.solve_ex(matrices, torch.eye(2).expand(2, 2, 2))):
        assert info.tolist() == [2, 0]
        assert result[0].isnan().all()
        assert torch.equal(result[1], torch.eye(2) / 2)


def test_gradients_pass_solve_ex_beside_a_singular_matrix():
    x = torch.stack([torch.ones(2, 2), 2 * torch.eye(2)]).requires_grad_()
    torch.linalg.solve_ex(x, torch.ones(2, 1))[0][1].sum().backward()
    assert torch.equal(x.grad[1], torch.full((2, 2), -0.25))


@pytest.mark.parametrize("call", ["complex", "view_as_complex"])
def test_what_would_be_complex32_is_refused(call):
    x = torch.ones(3, 2).half()
    with pytest.raises(RuntimeError, match="complex32"):
        torch.complex(x, x) if call == "complex" else torch.view_as_complex(x)


@pytest.mark.parametrize(
    "norm",
    [
        lambda x: F.layer_norm(x, (4,)),
        lambda x: F.group_norm(x, 1),
        lambda x: F.instance_norm(x),
        lambda x: F.batch_norm(x, None, None, training=True),
    ],
)
def test_no_number_comes_of_a_variance_that_overflows(norm):
    x = torch.tensor([[[3e38, -3e38, 1.0, 2.0]]])
    assert norm(x).isnan().all()


def test_integrals_of_small_integers_do_not_wrap():
    y = torch.full((6,), 255, dtype=torch.uint8)
    assert torch.trapezoid(y).item() == 1275
    assert torch.cumulative_trapezoid(y)[-1].item() == 1275
    assert torch.trapezoid(y, torch.arange(6).flip(0).to(torch.uint8)).item() == -1275


def test_what_is_not_included_takes_no_share_of_a_gradient():
    for call in (
        lambda x: torch.scatter_reduce(torch.zeros(2), 0, torch.tensor([0]), x, "amax", include_self=False),
        lambda x: torch.index_reduce(torch.zeros(2), 0, torch.tensor([0]), x, "amin", include_self=False),
    ):
        x = torch.zeros(1, requires_grad=True)
        call(x).sum().backward()
        assert x.grad.item() == 1


def test_gradients_by_frequency_are_divided_by_the_count_of_their_own_row():
    weight = torch.zeros(5, 1, requires_grad=True)
    F.embedding_bag(torch.tensor([[1, 1], [4, 3]]), weight, scale_grad_by_freq=True, mode="sum").sum().backward()
    assert weight.grad.flatten().tolist() == [0, 1, 0, 1, 1]


def test_bags_that_would_end_before_they_begin_are_refused():
    with pytest.raises(RuntimeError, match="offsets must not fall"):
        F.embedding_bag(torch.tensor([0, 1, 2]), torch.ones(3, 1), torch.tensor([0, 2, 1]))


def test_the_slope_of_polar_is_right_where_the_absolute_value_is_negative():
    size = torch.tensor([-2.0], requires_grad=True)
    torch.polar(size, torch.tensor([0.5])).real.sum().backward()
    assert np.isclose(size.grad.item(), np.cos(0.5))


def test_equal_numbers_do_not_deviate():
    x = torch.full((5,), 6.354101966249685, dtype=torch.float64) / 3
    x.requires_grad_()
    out = x.std()
    out.backward()
    assert out.item() == 0
    assert not x.grad.any()


def test_an_infinite_matrix_has_no_singular_values():
    assert torch.tensor([[1.0, INF], [0.0, 1.0]]).norm("nuc").isnan()
    with pytest.raises(torch.linalg.LinAlgError, match="non-finite"):
        torch.linalg.svd(torch.tensor([[1.0, NAN], [0.0, 1.0]]))
