"""Losses written by hand beside those of the library: label smoothing, focal, dice, Huber, InfoNCE, distillation, CTC."""

import torch
import torch.nn as nn
import torch.nn.functional as F


def smoothed(logits, target, eps):
    log_probs = F.log_softmax(logits, dim=-1)
    nll = -log_probs.gather(dim=-1, index=target.unsqueeze(1)).squeeze(1)
    return ((1 - eps) * nll - eps * log_probs.mean(dim=-1)).mean()


class FocalLoss(nn.Module):
    def __init__(self, gamma=2.0, alpha=None):
        super().__init__()
        self.gamma = gamma
        self.register_buffer("alpha", alpha)

    def forward(self, logits, target):
        ce = F.cross_entropy(logits, target, reduction="none", weight=self.alpha)
        return ((1 - torch.exp(-ce)) ** self.gamma * ce).mean()


def dice(logits, target, eps=1.0):
    probs = torch.sigmoid(logits).flatten(1)
    target = target.flatten(1)
    return 1 - ((2 * (probs * target).sum(1) + eps) / (probs.sum(1) + target.sum(1) + eps)).mean()


def told(name, loss, *leaves):
    print(name, loss.item(), [g.norm().item() for g in torch.autograd.grad(loss, leaves)])


torch.manual_seed(0)
logits = torch.randn(16, 5, requires_grad=True)
target = torch.randint(5, (16,))
told("by hand", smoothed(logits, target, 0.1), logits)
told("smoothing", nn.CrossEntropyLoss(label_smoothing=0.1)(logits, target), logits)
told("focal", FocalLoss(alpha=torch.tensor([1.0, 2.0, 0.5, 1.0, 1.0]))(logits, target), logits)
told("soft targets", F.cross_entropy(logits, torch.softmax(torch.randn(16, 5), 1)), logits)
told("ignored", F.cross_entropy(logits, torch.where(target == 0, -100, target)), logits)
told("multi margin", F.multi_margin_loss(logits, target), logits)
masks = torch.randn(4, 1, 6, 6, requires_grad=True)
truth = (torch.rand(4, 1, 6, 6) > 0.6).float()
told("dice", dice(masks, truth), masks)
told("bce", F.binary_cross_entropy_with_logits(masks, truth, pos_weight=torch.tensor(2.0)), masks)
told("soft margin", F.multilabel_soft_margin_loss(masks.flatten(1), truth.flatten(1)), masks)
a, b = torch.randn(8, 3, requires_grad=True), torch.randn(8, 3)
for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"):
    told(name, getattr(F, name)(a, b), a)
told("nll", F.gaussian_nll_loss(a, b, a.exp()), a)
told("poisson", F.poisson_nll_loss(a, b.abs().round()), a)
told("ranking", F.margin_ranking_loss(a[:, 0], a[:, 1], torch.sign(b[:, 0]), margin=0.1), a)
T = 3.0
told("distilled", F.kl_div(F.log_softmax(a / T, 1), F.softmax(b / T, 1), reduction="batchmean") * T * T, a)
z = F.normalize(a, dim=1)
told("info nce", F.cross_entropy(z @ z.t() / 0.1 - 1e9 * torch.eye(8), torch.arange(8).roll(4)), a)
steps = torch.randn(20, 3, 7, requires_grad=True)
told("ctc", F.ctc_loss(steps.log_softmax(2), torch.randint(1, 7, (3, 6)), torch.tensor([20, 18, 15]), torch.tensor([6, 4, 5])), steps)
