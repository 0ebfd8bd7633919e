"""Attention with a mask and causal at once: what comes later is left out, and of the rest what the mask leaves out."""

import math

import pytest

import pedigrad as torch

F = torch.nn.functional
L, S, E = 3, 4, 2


def by_hand(query, key, value, mask):
    """Both restrictions as one mask of booleans or numbers."""
    later = torch.ones(L, S, dtype=torch.bool).triu(1)
    if mask.dtype is torch.bool:
        return F.scaled_dot_product_attention(query, key, value, mask & ~later)
    return F.scaled_dot_product_attention(query, key, value, mask.masked_fill(later, -math.inf))


@pytest.mark.parametrize("lead", [(2,), (1, 2)])
@pytest.mark.parametrize("shape", [(L, S), (1, S), (2, L, S)])
@pytest.mark.parametrize("boolean", [False, True])
def test_causal_with_a_mask(lead, shape, boolean):
    torch.manual_seed(0)
    operands = [torch.randn(*lead, n, E, dtype=torch.float64, requires_grad=True) for n in (L, S, S)]
    mask = torch.randn(shape, dtype=torch.float64)
    mask = mask > -1 if boolean else mask
    results = []
    for attention in (lambda *x: F.scaled_dot_product_attention(*x, is_causal=True), by_hand):
        out = attention(*operands, mask)
        results.append([out, *torch.autograd.grad((out * out).sum(), operands)])
    for one, other in zip(*results, strict=True):
        assert torch.allclose(one, other)


def test_second_derivatives_without_keys():
    query, key = torch.ones(2, 3, 4, requires_grad=True), torch.ones(2, 0, 4, requires_grad=True)
    out = F.scaled_dot_product_attention(query, key, key)
    grads = torch.autograd.grad(out.sum(), [query, key], create_graph=True)
    again = torch.autograd.grad(sum(g.sum() for g in grads), [query, key])
    assert not out.any() and [g.shape for g in again] == [query.shape, key.shape]


def test_a_mask_of_no_batch_with_shared_heads():
    query, key = torch.ones(0, 4, L, E), torch.ones(0, 2, S, E)
    mask = torch.ones(0, 4, L, S, dtype=torch.bool)
    assert F.scaled_dot_product_attention(query, key, key, mask, enable_gqa=True).shape == (0, 4, L, E)
