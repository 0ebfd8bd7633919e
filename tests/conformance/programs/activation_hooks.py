"""Hooks: activations by layer, gradients by layer, clipping in a hook, Grad-CAM."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 3)
)
activation, gradients, handles = {}, {}, []


def get_activation(name):
    def hook(module, args, output):
        activation[name] = output.detach()

    return hook


def get_gradient(name):
    def hook(module, grad_input, grad_output):
        gradients[name] = [None if g is None else g.norm().item() for g in (*grad_input, *grad_output)]

    return hook


for name, layer in model.named_children():
    handles.append(layer.register_forward_hook(get_activation(name)))
    handles.append(layer.register_full_backward_hook(get_gradient(name)))
x = torch.randn(2, 1, 6, 6)
scores = model(x)
scores[:, 1].sum().backward()
for name, value in activation.items():
    print(name, tuple(value.shape), value.mean().item(), value.std().item())
print(gradients)
for handle in handles:
    handle.remove()

model.zero_grad()
kept = {}
model[3].register_forward_hook(lambda m, a, out: out.register_hook(lambda g: kept.update(gradient=g, value=out)) and None)
scores = model(x)
scores[0, scores[0].argmax()].backward()
weights = kept["gradient"].mean(dim=(2, 3), keepdim=True)
cam = F.relu((weights * kept["value"]).sum(dim=1))
print(cam[0])

for p in model.parameters():
    p.register_hook(lambda g: torch.clamp(g, -0.01, 0.01))
model.zero_grad()
model(x).sum().backward()
print([p.grad.abs().max().item() for p in model.parameters()])
model[0].register_forward_pre_hook(lambda module, args: (args[0] * 0,))
print(model(x))
