"""Every loss in its reductions and options with gradients, CTC, and metrics written with tensors."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
x = torch.randn(4, 5, requires_grad=True)
y = torch.randn(4, 5)
c = torch.tensor([0, 4, 2, 1])
b = (torch.rand(4, 5) > 0.5).float()
pos = torch.rand(4, 5) + 0.1
s = torch.tensor([1.0, -1, 1, -1])
cases = [
    (nn.L1Loss, {}, lambda l: l(x, y)),
    (nn.MSELoss, {}, lambda l: l(x, y)),
    (nn.SmoothL1Loss, dict(beta=0.5), lambda l: l(x, y)),
    (nn.HuberLoss, dict(delta=0.7), lambda l: l(x, y)),
    (nn.CrossEntropyLoss, dict(weight=torch.arange(1.0, 6), label_smoothing=0.1, ignore_index=2), lambda l: l(x, c)),
    (nn.CrossEntropyLoss, {}, lambda l: l(x, y.softmax(1))),
    (nn.NLLLoss, dict(weight=torch.arange(1.0, 6)), lambda l: l(x.log_softmax(1), c)),
    (nn.BCELoss, dict(weight=pos), lambda l: l(x.sigmoid(), b)),
    (nn.BCEWithLogitsLoss, dict(pos_weight=torch.arange(1.0, 6)), lambda l: l(x, b)),
    (nn.KLDivLoss, {}, lambda l: l(x.log_softmax(1), y.softmax(1))),
    (nn.KLDivLoss, dict(log_target=True), lambda l: l(x.log_softmax(1), y.log_softmax(1))),
    (nn.PoissonNLLLoss, dict(full=True), lambda l: l(x, pos * 5)),
    (nn.GaussianNLLLoss, dict(full=True), lambda l: l(x, y, pos)),
    (nn.HingeEmbeddingLoss, dict(margin=0.5), lambda l: l(x, b * 2 - 1)),
    (nn.MarginRankingLoss, dict(margin=0.2), lambda l: l(x[:, 0], x[:, 1], s)),
    (nn.CosineEmbeddingLoss, dict(margin=0.1), lambda l: l(x, y, s)),
    (nn.TripletMarginLoss, dict(swap=True, p=1.5), lambda l: l(x, y, pos)),
    (nn.TripletMarginWithDistanceLoss, dict(distance_function=lambda a, b: 1 - F.cosine_similarity(a, b)), lambda l: l(x, y, pos)),
    (nn.SoftMarginLoss, {}, lambda l: l(x, b * 2 - 1)),
    (nn.MultiMarginLoss, dict(p=2, margin=0.5), lambda l: l(x, c)),
    (nn.MultiLabelMarginLoss, {}, lambda l: l(x, torch.tensor([[3, 0, -1, 1, 2]] * 4))),
    (nn.MultiLabelSoftMarginLoss, {}, lambda l: l(x, b)),
]
for cls, kw, f in cases:
    for red in ("none", "mean", "sum"):
        out = f(cls(reduction=red, **kw))
        (g,) = torch.autograd.grad(out.sum(), x)
        print(cls.__name__, red, tuple(out.shape), out.sum().item(), g.abs().sum().item())
lp = torch.randn(8, 3, 6, requires_grad=True)
t = torch.tensor([[1, 2, 2], [3, 4, 0], [5, 0, 0]])
il, tl = torch.tensor([8, 6, 3]), torch.tensor([3, 2, 1])
for red in ("none", "mean", "sum"):
    l = F.ctc_loss(lp.log_softmax(2), t, il, tl, reduction=red, zero_infinity=True)
    print("ctc", red, l, torch.autograd.grad(l.sum(), lp)[0].abs().sum().item())


def focal(x, y, g=2.0):
    p = x.sigmoid()
    ce = F.binary_cross_entropy_with_logits(x, y, reduction="none")
    return (ce * (1 - (p * y + (1 - p) * (1 - y))) ** g).mean()


def dice(x, y):
    p = x.sigmoid()
    return 1 - (2 * (p * y).sum(1) + 1) / (p.sum(1) + y.sum(1) + 1)


print(
    [v.detach() for v in (focal(x, b), dice(x, b).mean(), F.pairwise_distance(x, y), F.cosine_similarity(x, y), F.pdist(x))],
    torch.cdist(x, y, p=1).sum(),
)
a = nn.AdaptiveLogSoftmaxWithLoss(5, 20, [5, 10])
o = a(x, torch.tensor([0, 7, 19, 4]))
print(o.loss, a.log_prob(x).exp().sum(1), a.predict(x).shape)
scores, labels = torch.rand(20), torch.randint(2, (20,))
order = scores.argsort(descending=True)
tp = labels[order].cumsum(0)
fp = (1 - labels[order]).cumsum(0)
tpr, fpr = tp / tp[-1], fp / fp[-1]
print("auc", torch.trapezoid(torch.cat([torch.zeros(1), tpr]), torch.cat([torch.zeros(1), fpr])))
pred, true = torch.randint(4, (30,)), torch.randint(4, (30,))
cm = torch.bincount(true * 4 + pred, minlength=16).view(4, 4)
prec, rec = cm.diag() / cm.sum(0).clamp(min=1), cm.diag() / cm.sum(1).clamp(min=1)
print(
    cm,
    (2 * prec * rec / (prec + rec).clamp(min=1e-9)).mean(),
    (pred == true).float().mean(),
    torch.topk(x, 2).indices.eq(c[:, None]).any(1).float().mean(),
)
for bad in (
    lambda: F.cross_entropy(x, c[:2]),
    lambda: F.nll_loss(x, torch.tensor([0, 9, 1, 1])),
    lambda: F.binary_cross_entropy(x, b),
    lambda: F.mse_loss(x, y[:, :2]),
    lambda: nn.MSELoss(reduction="avg")(x, y),
    lambda: F.cross_entropy(x, y[:, :3]),
    lambda: F.bce_with_logits(x, b),
    lambda: F.l1_loss(x, [1]),
    lambda: F.gaussian_nll_loss(x, y, -pos),
):
    try:
        print(bad())
    except Exception as e:
        print(type(e).__name__)
