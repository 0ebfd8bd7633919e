"""Conversions and their histories."""

import pytest

import pedigrad as torch


@pytest.mark.parametrize("convert", [torch.Tensor.long, torch.Tensor.bool, lambda x: x.to(torch.int32), lambda x: x.type(torch.LongTensor)])
def test_integers_have_no_history(convert):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = convert(x * 2)
    assert not y.requires_grad
    assert y.grad_fn is None
    assert y.numpy().shape == (2,)
    with pytest.raises(RuntimeError, match="integers or booleans"):
        y.float().sum().backward()


def test_floats_and_complex_numbers_have():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    for dtype in (torch.float64, torch.bfloat16, torch.complex64):
        assert x.to(dtype).requires_grad
