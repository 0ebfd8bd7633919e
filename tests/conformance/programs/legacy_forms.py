"""Old constructors and signatures that programs of earlier years have."""

import warnings

import torch
import torch.nn.functional as F
from torch.autograd import Variable

warnings.simplefilter("ignore")
torch.manual_seed(0)
print(
    torch.FloatTensor([1, 2]),
    torch.LongTensor([1]),
    torch.ByteTensor([1]),
    torch.DoubleTensor(2, 2).shape,
    torch.IntTensor(3).zero_(),
    torch.Tensor(2, 3).size(),
    torch.Tensor([3, 4]),
    torch.Tensor().shape,
    torch.BoolTensor([True]),
    torch.HalfTensor([1.5]),
    torch.FloatTensor(torch.Size([2])).shape,
)
x = Variable(torch.ones(2), requires_grad=True)
y = (x * 2).sum()
y.backward()
print(x.grad.data, x.data, type(x).__name__, isinstance(x, Variable))
t = torch.ones(3)
t.add_(2, torch.ones(3))
print(t)
t.sub_(0.5, torch.ones(3))
t.addcmul_(2, torch.ones(3), torch.ones(3))
t.addcdiv_(-1, torch.ones(3), torch.full((3,), 2.0))
print(t)
print(
    torch.add(t, 2, torch.ones(3)),
    torch.addmm(2, torch.ones(1, 1), 3, torch.ones(1, 1), torch.ones(1, 1)),
    torch.baddbmm(torch.ones(1, 1, 1), torch.ones(1, 1, 1), torch.ones(1, 1, 1)),
)
print(
    t.new(2, 2).shape,
    t.new([1, 2]),
    t.new_tensor([1, 2]),
    t.new_zeros(2),
    t.type(),
    t.type("torch.LongTensor"),
    t.type(torch.IntTensor).dtype,
    t.type_as(torch.zeros(1).double()).dtype,
    t.is_cuda,
    t.byte().dtype,
)
print(
    torch.range(0, 3),
    F.sigmoid(t),
    F.tanh(t),
    F.softmax(t),
    F.upsample(torch.ones(1, 1, 2, 2), scale_factor=2).shape,
    F.nll_loss(F.log_softmax(torch.ones(2, 3)), torch.tensor([0, 1]), size_average=False),
    F.mse_loss(t, t * 2, reduce=False),
    F.dropout2d(torch.ones(1, 2, 2, 2), training=False).shape,
)
print(
    torch.nn.CrossEntropyLoss(size_average=False, reduce=True).reduction,
    torch.nn.NLLLoss2d()(torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2).long()),
    torch.nn.Upsample(scale_factor=2, mode="nearest")(torch.ones(1, 1, 1, 1)).shape,
    torch.nn.UpsamplingBilinear2d(scale_factor=2)(torch.ones(1, 1, 2, 2)).shape,
)
print(
    torch.nn.init.xavier_uniform(torch.zeros(2, 2)).shape,
    torch.nn.init.constant(torch.zeros(1), 2),
    torch.nn.utils.clip_grad_norm([x], 1.0),
)
with torch.no_grad():
    print(Variable(torch.ones(1)).requires_grad)
torch.set_default_tensor_type(torch.DoubleTensor)
print(torch.ones(1).dtype)
torch.set_default_tensor_type("torch.FloatTensor")
print(torch.ones(1).dtype)
a = torch.randn(3, 3)
a = a @ a.T + torch.eye(3)
print(
    torch.qr(a)[1].abs().sum(),
    torch.cholesky(a).sum(),
    torch.norm(a, 2, 1),
    a.norm(p=2, dim=0, keepdim=True).shape,
    torch.svd(a)[1],
    torch.ger(a[0], a[1]).shape,
    torch.max(a, 1)[1].shape,
    torch.topk(a, 2)[0].shape,
    torch.logdet(a),
    torch.pinverse(a).sum(),
    torch.lu(a)[1],
)
print(
    torch.masked_select(a, a.byte().bool()).dim(),
    torch.cat((a, a), 1).shape,
    torch.gather(a, 1, torch.LongTensor([[0], [1], [2]])).shape,
    torch.t(a).shape,
    a.transpose(0, 1).contiguous().view(-1).size(0),
    torch.is_tensor(a),
    torch.is_storage(a.storage()),
    torch.numel(a),
    a.ndimension(),
    a.nelement(),
    a.stride(),
    torch.typename(a),
)
print(torch.cuda.is_available(), torch.cuda.device_count(), torch.backends.cudnn.enabled, torch.version.cuda, torch.get_default_dtype())
b = torch.ones(2).cuda() if torch.cuda.is_available() else torch.ones(2)
print(b.cpu().data.numpy(), float(b[0]), int(b[1]), b.tolist(), b.data[0].item())
print(
    torch.unique(torch.tensor([3, 1, 1]), sorted=True, return_inverse=True),
    torch.bincount(torch.tensor([0, 1, 1])),
    torch.histc(torch.arange(4.0), 2),
    torch.cross(torch.eye(3)[0], torch.eye(3)[1]),
    torch.lerp(torch.zeros(1), torch.ones(1), 0.3),
    torch.fmod(torch.tensor(-3.0), 2),
    torch.remainder(torch.tensor(-3.0), 2),
    torch.true_divide(1, torch.tensor(3)),
    torch.floor_divide(torch.tensor(-3), 2),
)
