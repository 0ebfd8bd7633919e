"""Checkpointed blocks give the gradients of ordinary ones, dropout included."""

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint, checkpoint_sequential


class Deep(nn.Module):
    def __init__(self, save):
        super().__init__()
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(16, 16), nn.GELU(), nn.Dropout(0.2)) for _ in range(4))
        self.save = save

    def forward(self, x):
        for block in self.blocks:
            x = x + (checkpoint(block, x, use_reentrant=False) if self.save else block(x))
        return x


for save in (False, True):
    torch.manual_seed(0)
    model = Deep(save)
    x = torch.randn(8, 16, requires_grad=True)
    loss = model(x).pow(2).mean()
    loss.backward()
    print(save, loss.item(), x.grad.sum().item(), [p.grad.norm().item() for p in model.parameters()])

torch.manual_seed(1)
layers = nn.Sequential(*[nn.Sequential(nn.Linear(8, 8), nn.Tanh()) for _ in range(6)])
x = torch.randn(4, 8, requires_grad=True)
out = checkpoint_sequential(layers, 3, x, use_reentrant=False)
out.sum().backward()
print(out.sum().item(), x.grad)
