"""`axis` and `keepdims`, which PyTorch takes for `dim` and `keepdim`."""

import pytest

import pedigrad as torch

ONE = "sum mean prod argmax argmin any all amax amin cumsum cumprod softmax log_softmax logsumexp var std squeeze unsqueeze unbind".split()
TWO = "max min median nanmedian mode sort argsort cummax cummin count_nonzero nansum nanmean diff aminmax logcumsumexp".split()
KEEPING = "sum mean prod argmax any all amax amin logsumexp var std max min median mode aminmax".split()
MORE = {
    "topk": {"k": 2}, "kthvalue": {"k": 1}, "chunk": {"chunks": 2}, "select": {"index": 0}, "narrow": {"start": 0, "length": 1},
    "index_select": {"index": torch.tensor([0, 1])}, "gather": {"index": torch.zeros(2, 3, dtype=torch.int64)}, "quantile": {"q": 0.5},
    "renorm": {"p": 2, "maxnorm": 1.0}, "index_fill": {"index": torch.tensor([0]), "value": 1.0}, "repeat_interleave": {"repeats": 2},
}  # fmt: skip


def same(one, other):
    if isinstance(one, tuple):
        return type(one) is type(other) and all(map(same, one, other))
    return one.dtype == other.dtype and torch.equal(one, other)


def numbers():
    return torch.tensor([[3.0, 1.0, 2.0], [4.0, 6.0, 5.0]])


@pytest.mark.parametrize("name", ONE + TWO + list(MORE))
def test_axis(name):
    x, given = numbers(), MORE.get(name, {})
    expected = getattr(x, name)(dim=1, **given)
    assert same(getattr(x, name)(axis=1, **given), expected)
    assert same(getattr(torch, name)(x, axis=1, **given), expected)
    with pytest.raises(TypeError):
        getattr(x, name)(dim=1, axis=1, **given)
    with pytest.raises(TypeError):
        getattr(x, name)(wrong=1, **given)


@pytest.mark.parametrize("name", KEEPING)
def test_keepdims(name):
    x = numbers()
    expected = getattr(x, name)(dim=1, keepdim=True)
    assert same(getattr(x, name)(axis=1, keepdims=True), expected)
    assert same(getattr(x, name)(dim=1, keepdims=True), expected)


def test_several_and_lists():
    x = numbers().requires_grad_()
    assert torch.sum(x, axis=(0, 1)).shape == () and x.amax(axis=(0, 1), keepdims=True).shape == (1, 1)
    assert torch.cat([x, x], axis=1).shape == (2, 6) and torch.stack([x, x], axis=-1).shape == (2, 3, 2)
    assert torch.linalg.norm(x, axis=1, keepdims=True).shape == (2, 1)
    x.sum(axis=0).sum().backward()
    assert x.grad.tolist() == [[1.0] * 3] * 2
    assert same(numbers().cumsum_(axis=0), numbers().cumsum(0)) and numbers().unsqueeze_(axis=0).shape == (1, 2, 3)


def test_other_words_still_count():
    x, out = numbers(), torch.empty(3)
    assert torch.sum(x, 0, out=out) is out and out.tolist() == [7.0, 7.0, 7.0]
    assert x.sum(0, dtype=torch.float64).dtype is torch.float64 and torch.cat([x, x], out=torch.empty(0)).shape == (4, 3)
    with pytest.raises(TypeError, match="missing"):
        x.cumsum()
    with pytest.raises(TypeError, match="missing"):
        x.cumsum(dtype=torch.float64)
    with pytest.raises(TypeError):
        x.sum(0, axis=0)
