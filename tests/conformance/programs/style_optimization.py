"""Inputs that are optimized: style by Gram matrices, adversarial examples (FGSM, PGD), saliency, deep dream, total variation."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
body = nn.Sequential(
    nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(8, 12, 3, padding=1), nn.InstanceNorm2d(12), nn.ReLU()
)
for p in body.parameters():
    p.requires_grad_(False)


def gram(x):
    a, b, c, d = x.size()
    f = x.view(a * b, c * d)
    return torch.mm(f, f.t()).div(a * b * c * d)


content, style = torch.rand(1, 3, 12, 12), torch.rand(1, 3, 12, 12)
image = content.clone().requires_grad_(True)
optimizer = torch.optim.LBFGS([image], max_iter=5)
wanted, kept = gram(body(style)).detach(), body(content).detach()
for step in range(3):

    def closure():
        with torch.no_grad():
            image.clamp_(0, 1)
        optimizer.zero_grad()
        features = body(image)
        loss = 1e3 * F.mse_loss(gram(features), wanted) + F.mse_loss(features, kept)
        loss = loss + 1e-2 * ((image[..., 1:] - image[..., :-1]).abs().mean() + (image[:, :, 1:] - image[:, :, :-1]).abs().mean())
        loss.backward()
        return loss

    print(f"{optimizer.step(closure).item():.4f}")

classifier = nn.Sequential(body, nn.Flatten(), nn.Linear(12 * 36, 4))
x, y = torch.rand(5, 3, 12, 12), torch.randint(4, (5,))
x.requires_grad = True
loss = F.cross_entropy(classifier(x), y)
classifier.zero_grad()
loss.backward()
attacked = torch.clamp(x + 0.05 * x.grad.data.sign(), 0, 1)
print(loss.item(), F.cross_entropy(classifier(attacked), y).item(), x.grad.abs().amax(dim=1).mean().item())
delta = torch.zeros_like(x).uniform_(-0.03, 0.03).requires_grad_()
for _ in range(4):
    F.cross_entropy(classifier(x.detach() + delta), y).backward()
    delta.data = (delta + 0.01 * delta.grad.detach().sign()).clamp(-0.05, 0.05)
    delta.grad.zero_()
print(F.cross_entropy(classifier(x.detach() + delta), y).item())
dream = torch.rand(1, 3, 12, 12, requires_grad=True)
for _ in range(5):
    body(dream).norm().backward()
    with torch.no_grad():
        dream += 0.1 * dream.grad / dream.grad.abs().mean()
        dream.grad.zero_()
print(dream.mean().item(), body(dream).norm().item())
path = [(a * x[:1]).detach().requires_grad_() for a in (0.25, 0.5, 0.75, 1.0)]
integrated = torch.stack([torch.autograd.grad(classifier(point)[0, 0], point)[0] for point in path]).mean(0) * x[:1].detach()
print(integrated.sum().item(), (classifier(x[:1]) - classifier(0 * x[:1]))[0, 0].item())
