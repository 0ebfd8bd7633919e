"""Single expressions at the edges of what operations take, held against PyTorch: values, dtypes, gradients that are None, refusals."""

import re
import warnings

import numpy as np
import pytest

import pedigrad

torch = pytest.importorskip("torch")

INF, NAN = float("inf"), float("nan")
# What is computed from a leaf `x` of these numbers; then its gradient is too.
GRADIENTS = """
    [1., -2., 0.]: torch.linalg.vector_norm(x, 0)
    [1., 2., 3.]: x * torch.no_grad()(torch.add)(torch.ones(2, 3), 1.0, out=x)
    [[1., 2., 3.], [3., 2., 1.]]: F.linear(torch.arange(6.0).view(2, 3), x, x[:, :2])
    [[1., 2., 3.]]: F.linear(torch.arange(6.0).view(2, 3), x, x[:, :1])
    [[1., 2.], [3., 4.], [5., 6.]]: F.linear(torch.ones(2, 3, 2), x, x[:2, :1] * torch.ones(2, 2, 3))
    [1., INF, -INF]: x.norm(INF)
    [1., NAN, -INF]: x.norm(INF)
    [1., INF, 2.]: torch.nansum(x) * 2
    [1., NAN, 2.]: torch.nansum(x) * INF
    [1., 0., 3.]: torch.xlogy(x, torch.tensor([2, 0, 3], dtype=torch.uint8))
    [1., 0., 3.]: torch.special.xlog1py(x, torch.tensor([2, -1, 3], dtype=torch.int8))
    [[1., 2.], [3., 4.]]: torch.logdet(x)
    [[2., 1.], [3., 4.]]: torch.logdet(x)
    [[1., 2.], [2., 4.]]: torch.slogdet(x)[1]
    [[1., NAN], [2., 4.]]: torch.slogdet(x)[1]
    [[1., NAN], [2., 4.]]: torch.slogdet(x)[0]
    [[1., 2.], [3., 4.]]: torch.cat([torch.zeros(0, dtype=x.dtype), x])
    []: torch.cat([x, torch.ones(2, 2)])
    [0., 1., .5]: F.binary_cross_entropy(torch.tensor([0., 1., .5]), x)
    [0., 1., .5]: F.binary_cross_entropy(torch.tensor([1., 0., .5]), x, reduction="sum")
    [0., 1., .5]: F.binary_cross_entropy(x.double(), torch.tensor([1., 0., .5]).double(), reduction="sum")
    [[[[0.1, 0.2]]]]: F.grid_sample(torch.ones(1, 1, 2, 2), x, mode="nearest", align_corners=False)
    [INF, -INF, NAN, 1.]: F.softsign(x)
    [[NAN, 2.], [3., 4.]]: F.nll_loss(x, torch.tensor([-100, 1]))
    [[NAN, 2.], [3., 4.]]: F.nll_loss(x, torch.tensor([-100, 1]), reduction="none")
    [[NAN, 2.], [3., INF]]: F.nll_loss(x, torch.tensor([0, 1]), ignore_index=0, reduction="sum")
    [[1., 2.], [1., 2.]]: torch.cdist(x, x.detach(), INF)
    [[1., -1.], [2., 2.]]: torch.cdist(x, torch.zeros(1, 2), INF)
    [[1., NAN], [INF, 0.]]: torch.cdist(x, torch.zeros(1, 2), 0.0)
    [[1e30, 2.], [INF, 0.]]: torch.cdist(x, torch.zeros(1, 2), 2.0)
    [NAN, INF, -INF, -0.]: torch.sgn(x)
    [[1., -1.], [2., 2.], [1., NAN]]: F.pdist(x, 0.0)
    [[1., -1.], [2., 2.], [1., -1.]]: F.pdist(x, 2.0)
    [[1., -1.], [2., 2.], [1., -1.]]: F.pdist(x, 1.0)
    [[1., -1.], [2., 2.], [1., 5.]]: F.pdist(x, INF)
    [[1., -1.], [2., 2.], [1., 5.]]: F.pdist(x, 3.0)
    [1e30, -1e30]: x.norm()
    [1e30, -1e30]: torch.dist(x, torch.zeros(2))
    [1e-30, -1e-30]: x.norm()
    [1e30, -1e30]: x.std()
    [1e30, -1e30]: x.var()
    [1e30, -1e30]: x.norm(3)
    [1e-30, 2e-30]: x.norm(3)
    [3e38, 3e38, -3e38]: x.sum()
    [3e38, 3e38, -3e38]: x.mean()
    [3e38, 3e38, 3e38]: x.mean()
    [3e38, 3e38, 3e38]: x.sum()
    [[3e38, 3e38], [3e38, -3e38]]: x.sum(0)
    [[3e38, 3e38], [3e38, -3e38]]: x.mean(0)
    [[1e30, 1e30], [1e-30, 1.]]: x.renorm(2, 0, 1.0)
    [[1e-30, 1e-30], [1e-30, 1.]]: x.renorm(2, 0, 1.0)
    [[1., 2.], [INF, 1.]]: F.conv1d(torch.ones(1, 1, 5), x.reshape(2, 1, 2), padding=1, dilation=2)
    [1., 2., 3., 4., 5.]: F.conv1d(x.reshape(1, 1, 5), torch.tensor([[[1., INF]]]), padding=1, dilation=2)
    [1., 2., 3., 4., 5.]: F.conv1d(x.reshape(1, 1, 5), torch.tensor([[[1., NAN]]]), stride=2)
    [1., 2., 3., 4., 5.]: F.conv_transpose1d(x.reshape(1, 1, 5), torch.tensor([[[1., NAN, 2.]]]), stride=2, padding=1)
    [[1., 2.], [3., 4.]]: torch.scatter(x, 0, torch.tensor([[0, 1]]), torch.ones(2, 2), reduce="multiply")
    [[1., 2.], [3., 4.]]: torch.scatter(x, 0, torch.tensor([[0, 1]]), torch.ones(2, 2), reduce="add")
    [1., INF, 2.]: torch.scatter_reduce(x, 0, torch.tensor([0, 1, 1]), torch.ones(3), "amin")
    [1., INF, 2.]: torch.igamma(torch.tensor([1., NAN, 2.]), x)
    [NAN, 1., 2.]: torch.igamma(torch.tensor([1., NAN, 2.]), torch.tensor([0., 0., 1.]))
    [2., 1., 1.]: torch.median(x)
    [0., 0., 3.]: torch.atan2(x, torch.zeros(3)) * INF
    [1., 2., 3.]: torch.cumprod(x, 0)
    [3., 3., 4.]: torch.logcumsumexp(x, 0)
    [[2., 7.], [1., 3.]]: torch.cholesky_solve(torch.ones(2, 1), x)
    [[2., 7.], [1., 3.]]: torch.cholesky_solve(torch.ones(2, 1), x, upper=True)
    [[NAN, 1.], [2., 3.]]: F.multi_margin_loss(x, torch.tensor([1, 0]), p=2)
    [[1., NAN, -INF], [.1, .2, .3]]: torch.renorm(x, 2, 0, .5)
    [[.1, NAN], [3., 4.]]: torch.renorm(x, 2, 0, 1.)
    [INF, 1.]: torch.cdist(x.reshape(1, 2), torch.zeros(0, 2))
    [-INF, -1.5, 2.]: torch.digamma(x)
    [1., NAN, 3.]: torch.scatter_reduce(torch.zeros(2), 0, torch.tensor([0, 0, 1]), x, "amax", include_self=False)
    [1., NAN, 3.]: torch.index_reduce(torch.zeros(2), 0, torch.tensor([0, 0, 1]), x, "amin", include_self=False)
    [[8., -7.], [6., 5.]]: torch.matrix_exp(x)
    [INF, 1., 2., 3.]: F.grid_sample(x.reshape(1, 1, 2, 2), torch.tensor([[[[2.5, 0.3], [.9, 1.4]]]]), align_corners=False)
    [2.5, .3, .9, 1.4]: F.grid_sample(torch.tensor([[[[INF, 1.], [2., 3.]]]]), x.reshape(1, 1, 2, 2), align_corners=False)
    [.3, .3, .3]: torch.std(x.double())
"""
# What is computed from nothing.
VALUES = """
    torch.lcm(torch.tensor([2**30, -7], dtype=torch.int32), torch.tensor([2**30 - 1, 3], dtype=torch.int32))
    torch.tensor([1, 2]) - torch.tensor([True, False])
    torch.tensor([1, 2]) - True
    torch.tensor([1., 2.]) - True
    torch.tensor([True, False]).sub_(True)
    torch.linalg.lstsq(torch.arange(6.0).view(3, 2) ** 2, torch.arange(3.0).view(3, 1))[1]
    torch.linalg.lstsq(torch.arange(6.0).view(3, 2) ** 2, torch.tensor([[1.0], [0.0], [2.0]]), driver="gels")[1]
    torch.add((x := torch.ones(3)), torch.ones(2, 3), out=x)
    torch.where(torch.ones(2, 3) > 0, (x := torch.ones(3)), x, out=x)
    torch.exp((x := torch.ones(3))[None], out=x)
    torch.exp((x := torch.ones(3))[None], out=x[:2])
    F.linear(torch.ones(1), torch.ones(4, 2, 1, 1))
    F.linear(torch.ones(2, 3), torch.ones(2, 1, 3))
    F.linear(torch.ones(3), torch.ones(2, 3), torch.ones(2, 2))
    F.linear(torch.ones(3), torch.ones(3), torch.ones(2))
    F.linear(torch.ones(4, 2, 3), torch.ones(3), torch.ones(2))
    F.linear(torch.ones(2, 3), torch.ones(2, 3), torch.ones(1, 1, 2))
    torch.tensor([True, False]).sub(1, alpha=2)
    torch.trace(torch.ones(2, 2, dtype=torch.uint8))
    torch.linspace(0, -3, 1, dtype=torch.int64)
    torch.linspace(0, -3, 4, dtype=torch.int64)
    torch.linspace(0.5, 3.7, 4, dtype=torch.int64)
    torch.linspace(-0.5, -3.7, 5, dtype=torch.int32)
    torch.linspace(0.5, 3.7, 1, dtype=torch.int64)
    torch.linspace(1, 5.9, 3, dtype=torch.uint8)
    torch.arange(1.0, 5.000001, 2.0, dtype=torch.int64)
    torch.arange(0.5, 5.2, 1.5, dtype=torch.int64)
    torch.arange(5.5, 0, -1.5, dtype=torch.int32)
    torch.tensor([True, False]) - 1
    1 - torch.tensor([True, False])
    torch.tensor([True, False]) - 1.5
    torch.tensor([True]) - True
    torch.tensor([True]) - torch.tensor([True])
    torch.rsub(torch.tensor([True]), 1)
    torch.tensor([1, 2]) + 2**70
    torch.tensor([1., 2.]) * -2**63
    torch.tensor([1, 2]) * 2**63
    torch.tensor([1, 2]).cumsum(0, dtype=torch.bool)
    torch.tensor([1, 0, 2]).cumprod(0, dtype=torch.bool)
    torch.tensor([1, 0, 2]).sum(dtype=torch.bool)
    torch.tensor([1, 0, 2]).prod(dtype=torch.bool)
    torch.tril_indices(3, 3, dtype=torch.float32)
    torch.triu_indices(3, 3, dtype=torch.bool)
    torch.tensor([1, 2], dtype=torch.uint8).clamp(max=300)
    torch.tensor([1, 2], dtype=torch.uint8).clamp(-1, 5)
    torch.where(torch.tensor([True, False]), torch.tensor([1, 2], dtype=torch.uint8), 300)
    torch.where(torch.tensor([True, False]), torch.tensor([1, 2], dtype=torch.uint8), -1)
    torch.tensor([1, 2], dtype=torch.uint8).masked_fill(torch.tensor([True, False]), 300)
    torch.tensor([1, 2], dtype=torch.uint8).masked_fill(torch.tensor([True, False]), -1)
    torch.tensor([1, 2], dtype=torch.uint8).fill_(-1)
    torch.tensor([1, 2], dtype=torch.uint8).index_fill(0, torch.tensor([0]), 300)
    torch.tensor([1, 2], dtype=torch.uint8).__setitem__(0, 300)
    torch.tensor([1, 2], dtype=torch.uint8).__setitem__(0, -1)
    torch.tensor([1, 2], dtype=torch.uint8).__setitem__(slice(None), -1)
    torch.nn.MultiheadAttention(4, 2)(*[torch.ones(3, 0, 4)] * 3)
    torch.nn.MultiheadAttention(4, 2, add_zero_attn=True)(torch.ones(3, 0, 4), *[torch.ones(5, 0, 4)] * 2)
    torch.softmax(torch.ones(2, 0), 1)
    torch.softmax(torch.ones(0, 2), 1)
    torch.log_softmax(torch.ones(2, 0), 1)
    torch.softmax(torch.ones(2, 0), 0)
    torch.ones(2, 0).roll(1, 1)
    torch.ones(2, 0).roll(3)
    torch.ones(0, 2).roll((1, 2), (0, 1))
    torch.ones(2, 0).cummax(1)
    torch.ones(2, 0).cummax(0)
    torch.ones(0).cummin(0)
    torch.unique_consecutive(torch.ones(0, 2), dim=0)
    torch.unique_consecutive(torch.ones(0, 2), dim=1)
    torch.unique_consecutive(torch.ones(0), dim=0, return_inverse=True, return_counts=True)
    torch.unique(torch.ones(0, 2), dim=0)
    torch.slogdet(torch.full((2, 2), NAN))
    torch.linalg.slogdet(torch.full((2, 2), INF))
    torch.sum(torch.ones(3, dtype=torch.bfloat16), 0, out=torch.zeros((), dtype=torch.float32))
    torch.sum(torch.ones(3), 0, out=torch.zeros((), dtype=torch.float64))
    torch.mean(torch.ones(3), 0, out=torch.zeros((), dtype=torch.float64))
    torch.sum(torch.ones(3, dtype=torch.float64), 0, out=torch.zeros((), dtype=torch.float32))
    torch.sum(torch.ones(3, dtype=torch.int32), 0, out=torch.zeros((), dtype=torch.int32))
    torch.cumsum(torch.ones(3), 0, out=torch.zeros(3, dtype=torch.float64))
    F.batch_norm(torch.ones(2, 3, dtype=torch.bfloat16), torch.zeros(3), torch.ones(3))
    F.batch_norm(torch.ones(2, 3, dtype=torch.float64), torch.zeros(3), torch.ones(3))
    F.batch_norm(torch.ones(2, 3), torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64))
    F.batch_norm(torch.ones(2, 3), torch.zeros(3), torch.ones(3), torch.ones(3, dtype=torch.float64), training=True)
    F.batch_norm(torch.ones(2, 3, dtype=torch.bfloat16), torch.zeros(3), torch.ones(3), torch.ones(3, dtype=torch.bfloat16), training=True)
    F.batch_norm(torch.ones(2, 3, dtype=torch.bfloat16), torch.zeros(3).bfloat16(), torch.ones(3), training=True)
    F.batch_norm(torch.ones(2, 3), torch.zeros(3, requires_grad=True), torch.ones(3), training=True)
    F.instance_norm(torch.ones(2, 3, 4), torch.zeros(3, requires_grad=True), torch.ones(3))
    torch.nn.GRU(2, 3, dtype=torch.bfloat16)(torch.ones(4, 1, 2, dtype=torch.bfloat16))[0].dtype
    torch.nn.LSTM(2, 3, dtype=torch.bfloat16)(torch.ones(4, 1, 2, dtype=torch.bfloat16))[0].dtype
    torch.nn.RNN(2, 3, dtype=torch.float16)(torch.ones(4, 1, 2, dtype=torch.float16))[1].dtype
    F.local_response_norm(torch.full((1, 2, 3), 5), 2)
    F.embedding_bag(torch.arange(6.).reshape(3, 2), torch.tensor([[0, 1]]))
    torch.repeat_interleave(torch.arange(3), torch.tensor([1, 2, 3]), output_size=5)
    torch.repeat_interleave(torch.arange(3), torch.tensor([1, 2, 3]), output_size=6)
    torch.repeat_interleave(torch.arange(3), 2, output_size=5)
    torch.view_as_complex(torch.arange(9.)[1:9].reshape(4, 2))
    torch.view_as_complex(torch.arange(9.)[0:8].reshape(4, 2))
    F.binary_cross_entropy(torch.tensor([.5]), torch.tensor([2.]))
    F.soft_margin_loss(torch.ones(2), torch.ones(2, requires_grad=True))
    torch.special.hermite_polynomial_h(torch.tensor([2, 3]), torch.tensor([3, 2]))
    torch.special.shifted_chebyshev_polynomial_w(torch.tensor([2, 3], dtype=torch.uint8), torch.tensor(2))
    torch.special.hermite_polynomial_h(torch.tensor([2.]), torch.tensor([1e15]))
    torch.special.chebyshev_polynomial_v(torch.tensor([2., .5, 1.]), torch.tensor([INF, 1e30, NAN]))
    torch.special.chebyshev_polynomial_t(torch.tensor([-1.1, INF, 5.]), torch.tensor([255., 0., 3.]))
    torch.special.legendre_polynomial_p(torch.tensor([-1., 1., 5.]), torch.tensor([2**30 + 1., 2**30, 3.]))
    torch.special.laguerre_polynomial_l(torch.tensor([0., 1e30, 5.]), torch.tensor([2.**30, 12, -3.]))
    torch.ones(2, 5, 3).mT.reshape(2, 15).view(2, 3, 5).stride()
    torch.arange(8.).reshape(4, 2, 1).swapdims(0, 2)[:, [0, 0, 0]].is_contiguous()
    torch.arange(24.).reshape(4, 3, 2).permute(2, 1, 0)[:1, [0, 0]].is_contiguous()
    torch.arange(24.).reshape(4, 3, 2).permute(2, 1, 0)[:, [0, 0]].stride()
    torch.arange(24.).reshape(4, 3, 2).permute(2, 1, 0)[:, [[0]], [[1], [1]]].stride()
    torch.arange(24.).reshape(4, 3, 2).permute(2, 1, 0)[:, :, [0, 2]][..., :1].stride()
    torch.arange(24.).reshape(4, 3, 2).permute(2, 1, 0)[:1, torch.tensor([True, False, True])].is_contiguous()
    torch.arange(24.).reshape(4, 1, 3, 2).permute(3, 2, 0, 1)[:1, [0, 0], [[1, 0], [2, 2]]].is_contiguous()
    torch.tensor([[-0., -0.], [-0., 1.]]).cumsum(0).rsqrt()
    torch.tensor([-0., -0.]).cumsum(0).reciprocal()
    torch.full((2, 40000), -0.).cumsum(1).reciprocal()[:, ::9999]
    torch.native_batch_norm(torch.tensor([[-3.], [6e4]]).half(), None, None, None, None, True, .5, 1e-5)[2]
    torch.native_layer_norm(torch.tensor([[-3., 6e4]]).half(), [2], None, None, 1e-5)
    torch.native_group_norm(torch.tensor([[[-3., 6e4]]]).half(), None, None, 1, 1, 2, 1, 1e-5)
    torch.masked.cumsum(torch.tensor([100, 0, 200]).byte(), 0)
    torch.masked.cumprod(torch.tensor([2, 3]).int(), 0, mask=torch.tensor([True, False]))
    torch.masked.cumsum(torch.tensor([True, False]), 0)
    torch._softmax_backward_data(torch.ones(2).bfloat16(), torch.ones(2).bfloat16(), 0, torch.float32)
    torch._log_softmax_backward_data(torch.ones(2), torch.ones(2), 0, torch.bfloat16)
    torch._softmax_backward_data(torch.ones(2), torch.ones(2).double(), 0, torch.float32)
    torch.tensor([2, 3], dtype=torch.uint8) ** -1
    torch.tensor([2, 3], dtype=torch.uint8).pow_(-2)
    torch.tensor([2, 3], dtype=torch.int8) ** -1
    torch.tensor([True, False]) ** -1
    torch.tensor([2, 3], dtype=torch.uint8) ** -1.
    torch.tensor([2, 3], dtype=torch.uint8) ** 7
    torch.pow(2, torch.tensor([-1, 3]))
    F.bilinear(torch.ones(4, 2), torch.ones(1, 3), torch.ones(2, 2, 3))
    F.bilinear(torch.ones(2), torch.ones(4, 3), torch.ones(2, 2, 3))
    F.bilinear(torch.ones(4, 1), torch.ones(4, 3), torch.ones(2, 2, 3))
    F.bilinear(torch.ones(4, 2), torch.ones(4, 3), torch.ones(2, 3))
    F.bilinear(torch.ones(2), torch.ones(3), torch.ones(2, 2, 3))
    torch.nn.Bilinear(2, 3, 2)(torch.ones(4, 2), torch.ones(1, 3))
    torch.histogram(torch.tensor([1., 2., 3.]), torch.tensor([3., 1., 2.]))
    torch.histogram(torch.tensor([1., 2., 3., 2.5]), torch.tensor([1., 3., 2., 4.]))
    torch.histogram(torch.tensor([1., 2., 3.]), torch.tensor([0., NAN, 2.]))
    torch.histogram(torch.tensor([NAN, 2., 3.]), torch.tensor([0., 5.]), density=True)
    torch.histogram(torch.tensor([2., 2.]), 4)
    torch.histogram(torch.tensor([]), 4)
    torch.histogram(torch.tensor([INF, 1.]), 4)
    torch.histogram(torch.tensor([-3e38, 3e38]), 4)
    torch.histogram(torch.tensor([1., 2.]), 0)
    torch.histogram(torch.tensor([1., 2.]), 4, range=(3., 1.))
    torch.histogram(torch.tensor([1., 2.]), torch.tensor([1., 2.]).double())
    torch.histogram(torch.tensor([1., 2.]), 2, weight=torch.tensor([1.]))
    torch.histogram(torch.tensor([1.]), 2, weight=torch.tensor([INF]))
    torch.histc(torch.tensor([NAN, 1.]), 4)
    torch.histc(torch.tensor([NAN, 1.]), 4, min=0, max=2)
    torch.histc(torch.tensor([1., 2.]), 4, min=3, max=3)
    torch.histc(torch.tensor([500001.0, 500000.5, 499999.97, 500003.9]), 100)
    torch.linalg.svdvals(torch.tensor([[1., INF], [0., 1.]]))
    torch.linalg.pinv(torch.tensor([[1., INF], [0., 1.]]))
    torch.linalg.cond(torch.ones(2, 2), 1)
    torch.linalg.cond(torch.stack([torch.ones(2, 2), 2 * torch.eye(2)]), 1)
    torch.linalg.cond(torch.tensor([[1., NAN], [0., 1.]]), 1)
    torch.linalg.pinv(torch.ones(1, 1, 3, 0), torch.ones(1, 1, 3, 0))
    torch.linalg.pinv(torch.ones(2, 50, 0), torch.ones(2, 50, 0))
    torch.linalg.solve_ex(torch.ones(2, 2), torch.ones(2, 2)).info
    torch.linalg.solve_ex(torch.stack([torch.ones(2, 2), 2 * torch.eye(2)]), torch.ones(2, 2))
    torch.linalg.inv_ex(torch.stack([torch.ones(2, 2), 2 * torch.eye(2), torch.zeros(2, 2)])).info
    torch.linalg.lu_factor_ex(torch.tensor([[1., 2.], [2., 4.]]))
    torch.linalg.lu_factor_ex(torch.zeros(3, 2)).info
    torch.linalg.lu_factor(torch.zeros(2, 2))
    torch.linalg.solve_triangular(torch.tensor([[1., 0.], [2., 0.]]), torch.ones(2, 1), upper=False)
    torch.linalg.lu_solve(torch.tensor([[4., 2.], [.25, 3.]]), torch.tensor([2, 2]).int(), torch.ones(2, 2))
    torch.linalg.lu_solve(torch.tensor([[4., 2.], [.25, 3.]]), torch.tensor([2, 2]).int(), torch.ones(2, 2), left=False)
    torch.linalg.lu_solve(torch.tensor([[4., 2.], [.25, 3.]]), torch.tensor([2, 2]).int(), torch.ones(2, 2), adjoint=True)
    torch.linalg.lu_solve(torch.tensor([[4., 2.], [.25, 3.]]), torch.tensor([2, 2]).int(), torch.eye(2), left=False, adjoint=True)
    torch.matrix_exp(torch.tensor([[8., -7.], [6., 5.]]))
    torch.matrix_exp(torch.tensor([[[8., -7.], [6., 5.]], [[INF, 1.], [0., 1.]], [[.1, .2], [.3, .4]]]))[::2]
    torch.index_fill(torch.ones(2), 0, torch.tensor([0]).int(), 1.)
    torch.index_copy(torch.ones(2), 0, torch.tensor([0]).int(), torch.ones(1))
    F.grid_sample(torch.arange(4.).reshape(1, 1, 2, 2), torch.tensor([[[[INF, 0.], [NAN, 0.], [1e30, 0.]]]]), align_corners=False)
    F.grid_sample(torch.ones(1, 1, 2, 2), torch.tensor([[[[INF, 0.], [NAN, 0.]]]]), padding_mode="border", align_corners=False)
    F.grid_sample(torch.ones(1, 1, 2, 2), torch.tensor([[[[INF, 0.], [NAN, 0.]]]]), padding_mode="reflection", align_corners=False)
    F.grid_sample(torch.ones(1, 1, 2, 2).bfloat16(), torch.ones(1, 1, 1, 2).bfloat16(), padding_mode="border", align_corners=False)
    torch.lgamma(torch.tensor([-INF, INF, -1.]).double())
    torch.mvlgamma(torch.tensor([-INF, INF]), 3)
    torch.sgn(torch.tensor([NAN, -2.]).bfloat16())
    torch.sign(torch.tensor([NAN, -2.]).bfloat16())
    torch.signbit(torch.tensor([-0., 0., -1.]).bfloat16())
    torch.isclose(torch.tensor([NAN]).bfloat16(), torch.tensor([NAN]).bfloat16(), equal_nan=True)
    torch.rsub(torch.tensor([1, 2]).byte(), torch.tensor([1, 2]).byte(), alpha=-3)
    torch.add(torch.tensor([1, 2]).byte(), torch.tensor([1, 2]).byte(), alpha=300)
    torch.addcmul(torch.tensor([1]).byte(), torch.tensor([1]).byte(), torch.tensor([2]).byte(), value=-1)
    torch.quantile(torch.tensor([1., 2.]), torch.tensor([NAN, .5]))
    torch.tensor([3e38]).norm()
    torch.dist(torch.tensor([3e38]), torch.zeros(1))
    torch.tensor([[3e38], [1.]]).norm(dim=1)
    torch.std(torch.full((7,), .1).double() + .2)
    F.embedding_bag(torch.tensor([1, 0]), torch.tensor([[NAN], [1.]]).bfloat16(), torch.tensor([0]), mode="max")
    torch.linalg.solve_triangular(torch.tensor([[0., 1.], [0., 2.]]), torch.ones(1, 2), upper=True, left=False)
"""
UNARY = "elu celu selu silu mish softplus logsigmoid leaky_relu hardswish hardsigmoid gelu softsign tanhshrink softshrink hardshrink"
UNARY += " relu6 hardtanh threshold prelu glu rrelu relu"


def lines(text):
    return [line.strip() for line in text.strip().splitlines()]


def outcome(library, text):
    """The result of an expression as tensors' arrays and dtypes, or the error's kind."""
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always" if library is pedigrad else "ignore")
            for module in (r"pedigrad\.", r"numpy\._core\.numeric"):  # as the library has it
                warnings.filterwarnings("ignore", category=RuntimeWarning, module=module)
            found = eval(text, {"torch": library, "F": library.nn.functional, "INF": INF, "NAN": NAN})
        assert not any(issubclass(w.category, RuntimeWarning) for w in caught), f"{text} warns {caught[0].message}"
    except (RuntimeError, IndexError, ValueError, TypeError, NotImplementedError, OverflowError) as error:
        return type(error)
    return [seen(t) for t in (found if type(found) is not type(torch.Size(())) and isinstance(found, (tuple, list)) else [found])]


def seen(value):
    if isinstance(value, (torch.Tensor, pedigrad.Tensor)):
        wide = value.detach().double() if not (value.is_complex() or value.dtype in (torch.int64, pedigrad.int64)) else value.detach()
        return str(value.dtype), tuple(value.shape), wide.numpy()
    return str(value).replace("pedigrad.", "torch."), (), np.zeros(())


def gradient(library, text):
    """The result and the gradient of a line of GRADIENTS."""
    numbers, _, text = text.partition(": ")
    found = {"torch": library, "F": library.nn.functional, "INF": INF, "NAN": NAN, "x": None}
    x = found["x"] = library.tensor(eval(numbers, found), requires_grad=True)
    try:
        y = eval(text, found)
        if y.requires_grad:
            y.backward(library.ones_like(y))
    except (RuntimeError, IndexError, ValueError, TypeError, NotImplementedError, OverflowError, np.linalg.LinAlgError) as error:
        return type(error)
    return [seen(y), seen(x.grad)]


def agree(given, right, text):
    if isinstance(right, type) or isinstance(given, type):
        assert isinstance(given, type) and isinstance(right, type) and issubclass(given, right), f"{text}: {given}, right is {right}"
        return
    assert len(given) == len(right)
    for mine, theirs in zip(given, right, strict=True):
        assert mine[:2] == theirs[:2], f"{text}: {mine}, right is {theirs}"
        np.testing.assert_allclose(mine[2], theirs[2], rtol=2e-5, atol=0, err_msg=text)


@pytest.mark.parametrize("text", lines(VALUES))
def test_an_expression_gives_what_pytorch_gives(text):
    agree(outcome(pedigrad, text), outcome(torch, text), text)


@pytest.mark.parametrize("text", lines(GRADIENTS))
def test_its_gradient_is_that_of_pytorch(text):
    agree(gradient(pedigrad, text), gradient(torch, text), text)


@pytest.mark.parametrize("name", UNARY.split())
def test_integers_are_refused_by_what_pytorch_has_for_floats_alone(name):
    more = {"threshold": ", 1, 1", "prelu": ", torch.ones(1)"}.get(name, "")
    for dtype in ("int64", "uint8", "bool", "int32"):
        text = f"F.{name}(torch.ones(2, 2, dtype=torch.{dtype}){more})"
        agree(outcome(pedigrad, text), outcome(torch, text), text)


# What gradients are computed from in PyTorch, though they do not depend on it: they require a gradient again.
CONNECTED = """
    F.layer_norm(x, (4,), torch.ones(4), b)
    F.conv1d(x, torch.ones(4, 3, 2, requires_grad=True), b)
    F.conv_transpose1d(x, torch.ones(3, 4, 2, requires_grad=True), b)
    F.pad(x, (1, 2), "reflect")
    F.pad(x, (1, 2), "replicate")
    F.pad(x, (1, 2), "circular")
    F.pad(x, (1, 2))
    F.avg_pool1d(x, 2)
    F.leaky_relu(x)
    torch.cdist(x, x.detach(), 0.0)
    torch.cdist(x, x.detach(), 1.0)
    torch.nansum(x)
    x.norm(1)
    x.norm(INF)
    F.linear(x, torch.ones(4, 4), b)
    F.prelu(x, torch.ones(3))
"""


@pytest.mark.parametrize("text", lines(CONNECTED))
def test_a_gradient_requires_one_again_where_that_of_pytorch_does(text):
    found = []
    for library in (torch, pedigrad):
        x, b = library.arange(24.0).reshape(2, 3, 4).requires_grad_(), library.ones(4, requires_grad=True)
        y = eval(text, {"torch": library, "F": library.nn.functional, "INF": INF, "x": x, "b": b})
        grads = library.autograd.grad(y.sum(), [x, b], create_graph=True, allow_unused=True)
        found.append([None if g is None else g.requires_grad for g in grads])
    assert found[1] == found[0]


# What PyTorch says in its first line, which is a part of what we say; `x` is of shape (3, 4), `m` a mask of 2 elements.
SAID = """
    x[1, 2, 0]
    x[:, 1, 0]
    x[1.0]
    x[{}]
    x[m]
    x[:, m]
    x[0, m]
    x[None, m]
    x[torch.ones(3, 5) > 0]
    x[torch.ones(2, 2, 2) > 0]
    x.__setitem__(m, 1)
    x.__setitem__((slice(None), m), 1)
    x.__setitem__((1, 2, 3), 1)
    x.__setitem__(5, 1)
    x.reshape(-1, -1)
    x.view(-1, -1)
    x.view(5, 5)
    torch.zeros(0).view(0, -1)
    x.expand(2, 4)
    x.expand(-1, 5, 4)
    F.one_hot(torch.tensor([5]), 3)
    F.conv2d(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 3, 3))
    torch.zeros(5).split(0)
    torch.device("cuda:x")
    F.adaptive_avg_pool2d(torch.zeros(3), 2)
"""


@pytest.mark.parametrize("text", lines(SAID))
def test_a_mistake_is_told_in_pytorchs_words(text):
    found = []
    for library in (torch, pedigrad):
        names = {"torch": library, "F": library.nn.functional, "x": library.zeros(3, 4), "m": library.tensor([True, False])}
        with pytest.raises((RuntimeError, IndexError)) as caught:
            eval(text, names)
        found.append((caught.type, str(caught.value).partition("\n")[0]))
    assert found[1][0] is found[0][0] and found[0][1] in found[1][1]
    assert not re.search(r"\b(conv_forward|one_hot_rows)\b|axis", found[1][1])


# What both refuse with a TypeError, and what is to be read in ours.
KINDS = {
    "torch.nn.Linear(28 * 28 / 2, 10)": "sizes must be integers, but got 392.0, a float: use //",
    "torch.zeros(2.0, 3)": "got 2.0, a float",
    "torch.nn.Conv2d(1, 2, '3')": "got '3', a str",
    "torch.arange('5')": r"arange\(\): argument 'end' must be Number, not str",
}


@pytest.mark.parametrize("text", KINDS)
def test_what_is_no_number_is_named(text):
    with pytest.raises(TypeError):
        eval(text, {"torch": torch})
    with pytest.raises(TypeError, match=KINDS[text]):
        eval(text, {"torch": pedigrad})
