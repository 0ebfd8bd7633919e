"""A range test of learning rates, and a state that is put back after it; schedules printed."""

import copy
import warnings

import torch
from torch import nn, optim

torch.manual_seed(0)
x = torch.randn(256, 10)
y = (x @ torch.randn(10, 1)).sin()
model = nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 1))
start = copy.deepcopy(model.state_dict())
optimizer = optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
schedule = optim.lr_scheduler.ExponentialLR(optimizer, gamma=(1.0 / 1e-4) ** (1 / 40))
rates, losses, best, smooth = [], [], float("inf"), 0.0
for i in range(40):
    rows = torch.randint(256, (32,))
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x[rows]), y[rows])
    loss.backward()
    optimizer.step()
    rates.append(optimizer.param_groups[0]["lr"])
    smooth = 0.9 * smooth + 0.1 * loss.item()
    losses.append(smooth / (1 - 0.9 ** (i + 1)))
    best = min(best, losses[-1])
    if losses[-1] > 4 * best:
        break
    schedule.step()
for rate, value in list(zip(rates, losses, strict=True))[::4]:
    print(f"{rate:.6f} {value:.4f}")
model.load_state_dict(start)
print(nn.functional.mse_loss(model(x), y).item())


def told(make, steps=12):
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = make(optimizer)
    rates = []
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
        rates.append(round(scheduler.get_last_lr()[0], 8))
    return rates


S = optim.lr_scheduler
warnings.simplefilter("ignore")
print(told(lambda o: S.CosineAnnealingWarmRestarts(o, T_0=4, T_mult=2)))
print(told(lambda o: S.CyclicLR(o, 0.01, 0.1, step_size_up=3, mode="triangular2")))
print(told(lambda o: S.OneCycleLR(o, 0.5, total_steps=13)))
print(told(lambda o: S.SequentialLR(o, [S.LinearLR(o, 0.1, total_iters=4), S.CosineAnnealingLR(o, 8)], milestones=[4])))
print(told(lambda o: S.ChainedScheduler([S.ConstantLR(o, 0.5, total_iters=3), S.ExponentialLR(o, 0.9)])))
print(told(lambda o: S.MultiStepLR(o, [2, 5, 9], gamma=0.3)), told(lambda o: S.PolynomialLR(o, total_iters=6, power=2)))
