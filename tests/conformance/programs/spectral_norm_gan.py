"""A GAN with spectral norms and the hinge loss on points of a circle; both ways to put a spectral norm."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm


def real(count):
    angle = 2 * math.pi * torch.rand(count)
    return torch.stack((torch.cos(angle), torch.sin(angle)), 1)


torch.manual_seed(0)
G = nn.Sequential(nn.Linear(4, 32), nn.LeakyReLU(0.1), nn.Linear(32, 2))
D = nn.Sequential(
    spectral_norm(nn.Linear(2, 32)), nn.LeakyReLU(0.1), spectral_norm(nn.Linear(32, 32)), nn.LeakyReLU(0.1), spectral_norm(nn.Linear(32, 1))
)
g_opt = torch.optim.Adam(G.parameters(), lr=2e-3, betas=(0.0, 0.9))
d_opt = torch.optim.Adam(D.parameters(), lr=4e-3, betas=(0.0, 0.9))
for step in range(25):
    d_opt.zero_grad()
    loss_d = F.relu(1 - D(real(64))).mean() + F.relu(1 + D(G(torch.randn(64, 4)).detach())).mean()
    loss_d.backward()
    d_opt.step()
    g_opt.zero_grad()
    loss_g = -D(G(torch.randn(64, 4))).mean()
    loss_g.backward()
    g_opt.step()
    if step % 8 == 0:
        print(f"{step} {loss_d.item():.5f} {loss_g.item():.5f}")
D.eval()
print([f"{torch.linalg.matrix_norm(layer.weight, 2).item():.3f}" for layer in D if isinstance(layer, nn.Linear)])
print(D[0], list(D.state_dict()))
old = nn.utils.spectral_norm(nn.Conv2d(2, 3, 3), n_power_iterations=3)
print(old(torch.ones(1, 2, 4, 4)).shape, [(n, tuple(p.shape)) for n, p in old.named_parameters()], [n for n, _ in old.named_buffers()])
nn.utils.remove_spectral_norm(old)
print([n for n, _ in old.named_parameters()], torch.linalg.matrix_norm(old.weight.flatten(1), 2).item())
