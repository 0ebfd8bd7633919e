"""Which results show their operand's memory: those that do in PyTorch, also where a call has nothing to do."""

import pytest
import torch

import pedigrad

CALLS = """
F.interpolate(x, size=(3, 3))
F.interpolate(x, scale_factor=1.0, mode='bilinear')
F.interpolate(x, size=(3,3), mode='bicubic')
F.interpolate(x, size=(3,3), mode='area')
F.adaptive_avg_pool2d(x, (3,3))
F.adaptive_max_pool2d(x, (3,3))
F.avg_pool2d(x, 1)
F.max_pool2d(x, 1)
F.pad(x, (0,0))
F.pad(x, (0,0,0,0), mode='reflect')
F.pad(x, (0,0,0,0), mode='replicate')
F.pad(x, (0,0,0,0), mode='circular')
F.dropout(x, 0.0)
F.dropout(x, 0.5, False)
F.dropout2d(x, 0.0)
F.alpha_dropout(x, 0.0)
F.feature_alpha_dropout(x, 0.5, False)
F.pixel_shuffle(x, 1)
F.pixel_unshuffle(x, 1)
F.channel_shuffle(x, 1)
F.fold(F.unfold(x,1),(3,3),1)
F.unfold(x, 1)
F.lp_pool2d(x, 1, 1)
F.normalize(x, p=1, eps=1e30)
F.threshold(x, -1e9, 0.)
F.relu6(x)
F.hardtanh(x,-100,100)
x.roll(0, 0)
x.roll(3, 2)
x.flip(())
x.flip(0)
x.repeat(1,1,1,1)
x.tile((1,))
x.tile(())
x.repeat_interleave(1, 0)
x.rot90(0, (2,3))
x.rot90(4, (2,3))
torch.cat([x])
torch.cat([x, torch.zeros(0)])
torch.stack([x])
x.clamp(min=-1e9)
x.to(x.dtype)
x.type(x.dtype)
x.float()
x.contiguous()
x.clone()
x.detach()
x.real
x.conj()
x.conj_physical()
x.resolve_conj()
x.resolve_neg()
x.positive()
+x
x.abs()
x.sum(())
x.sum((), keepdim=True)
x.mean(())
x.cumsum(0)
x.sort(0)[0]
x.unique()
x.tril(100)
x.triu(-100)
x.nan_to_num()
x.round()
x.trunc()
x.floor()
x.masked_fill(torch.zeros(()).bool(), 1.)
torch.where(torch.ones(()).bool(), x, x)
x.index_select(0, torch.tensor([0]))
x.gather(0, torch.zeros(1,1,3,3).long())
x.take_along_dim(torch.zeros(1,1,3,3).long(), 0)
x[torch.tensor([0])]
x[torch.ones(1).bool()]
x[:, torch.tensor([0])]
x[()]
x[...]
x[None][0]
x.narrow_copy(0,0,1)
x.expand_as(x)
x.view_as(x)
x.reshape(x.shape)
x.flatten(0,0)
x.squeeze(2)
x.unflatten(3,(3,))
x.movedim(0,0)
x.permute(0,1,2,3)
x.transpose(0,0)
x.swapaxes(1,1)
x.diagonal(0,2,3)
x.unfold(3,3,1)
x.as_strided((1,1,3,3),(9,9,3,1))
x.split(1)[0]
x.chunk(1)[0]
x.tensor_split(1)[0]
x.unbind(0)[0]
x.hsplit(1)[0]
torch.broadcast_tensors(x)[0]
torch.broadcast_to(x, x.shape)
torch.atleast_1d(x)
torch.atleast_3d(x)
torch.meshgrid(x.flatten(), indexing='ij')[0]
torch.einsum('abcd->abcd', x)
torch.einsum('abcd->bacd', x)
torch.einsum('...->...', x)
torch.linalg.matrix_power(x, 1)
torch.matrix_power(x, 1)
torch.linalg.multi_dot([x[0,0], x[0,0]])
torch.chain_matmul(x[0,0])
torch.kron(x, torch.ones(1,1,1,1))
torch.cartesian_prod(x.flatten())
torch.combinations(x.flatten(), 1)
torch.diff(x, 0)
torch.cumulative_trapezoid(x.flatten())
torch.block_diag(x[0,0])
torch.hstack([x])
torch.dstack([x])
torch.asarray(x)
torch.as_tensor(x)
torch.tensor_split(x, 1)[0]
torch.complex(x, x).real
torch.view_as_real(torch.complex(x,x))
torch.fft.fft(x, 1, 0)
torch.renorm(x, 1, 0, 1e9)
torch.special.multigammaln(x+9, 1)
torch.nan_to_num(x)
torch.addmm(x[0,0], x[0,0], x[0,0], beta=1, alpha=0)
torch.lerp(x, x, 0.)
torch.sub(x, 0)
x.sum_to_size(1,1,3,3)
x.index_fill(0, torch.tensor([]).long(), 1.)
x.index_add(0, torch.tensor([]).long(), torch.zeros(0,1,3,3))
x.scatter(0, torch.zeros(0,0,0,0).long(), 1.)
x.masked_scatter(torch.zeros(1,1,3,3).bool(), x)
x.put(torch.tensor([]).long(), torch.tensor([]))
x.diagonal_scatter(x.diagonal(0,2,3),0,2,3)
x.slice_scatter(x)
x.select_scatter(x[0],0,0)
x.cummax(0)[0]
x.logcumsumexp(0)
x.quantile(torch.tensor([.5]))
x.mode(0)[0]
x.median(0)[0]
x.kthvalue(1,0)[0]
x.topk(1,0)[0]
x.max(0)[0]
x.amax(())
x.msort()
x.prod(0)
x.squeeze()
x.ravel()
x.adjoint()
x.mT
x.softmax(0)
x.cpu()
x.type_as(x)
x.data
x.new_tensor(x)
F.embedding(torch.tensor([[0,1]]), x[0,0])
F.one_hot(torch.tensor([0]))
F.bilinear(x,x,torch.ones(1,3,3))
F.layer_norm(x,(3,))
F.group_norm(x,1)
F.linear(x, torch.eye(3))
nn.Identity()(x)
nn.Flatten(0,0)(x)
nn.Dropout(0.)(x)
nn.Dropout(.5).eval()(x)
nn.Upsample(scale_factor=1)(x)
nn.ZeroPad2d(0)(x)
nn.ReflectionPad2d(0)(x)
nn.ReplicationPad2d(0)(x)
nn.ConstantPad2d(0,1.)(x)
nn.CircularPad2d(0)(x)
nn.AdaptiveAvgPool2d((None,3))(x)
nn.MaxPool2d(1)(x)
nn.Unflatten(3,(3,1))(x)
nn.PixelShuffle(1)(x)
nn.ChannelShuffle(1)(x)
nn.Softmax2d()(x)
nn.Hardtanh(-99,99)(x)
nn.utils.rnn.pad_sequence([x[0,0]])
nn.utils.rnn.pack_sequence([x[0,0]]).data
nn.utils.parameters_to_vector([x])
nn.utils.rnn.pad_packed_sequence(nn.utils.rnn.pack_sequence([x[0,0]]))[0]
torch.einsum('aabc->bca', y)
torch.einsum('...aa->a...', x)
torch.einsum('abcd->abc', x)
"""


def shares(library, call):
    """Whether a result changes with its operand."""
    x, y = library.rand(1, 1, 3, 3) + 1, library.rand(2, 2, 3, 4)
    names = {"torch": library, "F": library.nn.functional, "nn": library.nn, "x": x, "y": y}
    result = eval(call, names)
    before = result.clone()
    with library.no_grad():
        x.data.add_(100.0)
        y.data.add_(100.0)
    return bool((result != before).any())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", CALLS.strip().splitlines())
def test_results_share_memory_as_they_do_in_pytorch(call):
    assert shares(pedigrad, call) == shares(torch, call)


class PassedOn(pedigrad.overrides.TorchFunctionMode):
    """A mode that does what it is given."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", CALLS.strip().splitlines())
def test_a_mode_is_given_what_it_can_call(call):
    x, y = pedigrad.rand(1, 1, 3, 3) + 1, pedigrad.rand(2, 2, 3, 4)
    names = {"torch": pedigrad, "F": pedigrad.nn.functional, "nn": pedigrad.nn, "x": x, "y": y}
    usual = eval(call, names)
    with PassedOn():
        result = eval(call, names)
    assert result.shape == usual.shape and result.stride() == usual.stride() and result.dtype == usual.dtype
    assert pedigrad.equal(result, usual)
