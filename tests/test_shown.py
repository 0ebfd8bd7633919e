"""Tensors in format strings."""

import pytest

import pedigrad as torch


def test_one_number_is_formatted_as_a_number():
    loss = torch.ones(2, requires_grad=True).sum()
    assert f"{loss:.3f}" == "2.000"
    assert f"{loss}" == "2.0"
    assert f"{torch.tensor(3):03d} {torch.tensor(True)}" == "003 True"
    assert str(loss) == "tensor(2., grad_fn=<SumBackward0>)"


def test_other_tensors_take_no_format():
    assert f"{torch.ones(2)}" == "tensor([1., 1.])"
    assert f"{torch.nn.Parameter(torch.tensor(1.5))}".startswith("Parameter containing:")
    with pytest.raises(TypeError, match=r"Tensor\.__format__"):
        f"{torch.ones(2):.2f}"


def test_a_write_through_a_view_prints_as_copy_slices():
    y = torch.ones(2, requires_grad=True) * 1
    y[0] = 5
    assert repr(y) == "tensor([5., 1.], grad_fn=<CopySlices>)"
