"""Every scheduler over a dozen steps, chained, sequential, and their state."""

import warnings

import torch
from torch import nn
from torch.optim import lr_scheduler as S

warnings.simplefilter("ignore")


def opt(**kw):
    return torch.optim.SGD(
        [{"params": [nn.Parameter(torch.ones(1))]}, {"params": [nn.Parameter(torch.ones(1))], "lr": 0.05}], lr=0.1, momentum=0.9, **kw
    )


makers = dict(
    step=lambda o: S.StepLR(o, 3, 0.5),
    multi=lambda o: S.MultiStepLR(o, [2, 5, 5], 0.3),
    exp=lambda o: S.ExponentialLR(o, 0.9),
    cos=lambda o: S.CosineAnnealingLR(o, 6, 1e-3),
    const=lambda o: S.ConstantLR(o, 0.5, 3),
    lin=lambda o: S.LinearLR(o, 0.25, total_iters=4),
    poly=lambda o: S.PolynomialLR(o, 8, 2.0),
    lam=lambda o: S.LambdaLR(o, [lambda e: 0.95**e, lambda e: 1 / (1 + e)]),
    mul=lambda o: S.MultiplicativeLR(o, lambda e: 0.9),
    warm=lambda o: S.CosineAnnealingWarmRestarts(o, 3, 2),
    one=lambda o: S.OneCycleLR(o, [0.5, 0.3], total_steps=14, pct_start=0.4, three_phase=True),
    cyc=lambda o: S.CyclicLR(o, 0.01, 0.1, 3, mode="triangular2"),
    cyc2=lambda o: S.CyclicLR(o, 0.01, 0.1, 2, 4, mode="exp_range", gamma=0.9),
    seq=lambda o: S.SequentialLR(o, [S.LinearLR(o, 0.1, total_iters=3), S.CosineAnnealingLR(o, 6)], [3]),
    chain=lambda o: S.ChainedScheduler([S.ConstantLR(o, 0.1, 2), S.ExponentialLR(o, 0.9)], optimizer=o),
    swa=lambda o: torch.optim.swa_utils.SWALR(o, 0.02, 4, "linear"),
)
for name, make in makers.items():
    o = opt()
    s = make(o)
    rows = []
    for i in range(12):
        o.step()
        s.step()
        rows.append([round(g["lr"], 7) for g in o.param_groups] + [round(o.param_groups[0]["momentum"], 5)])
    print(name, rows, s.get_last_lr(), s.last_epoch if hasattr(s, "last_epoch") else "")
    o2 = opt()
    s2 = make(o2)
    state = s.state_dict()
    print("  ", sorted(k for k in state if not k.startswith("_") or k in ("_last_lr", "_step_count")))
    s2.load_state_dict(state)
    o2.load_state_dict(o.state_dict())
    o.step()
    s.step()
    o2.step()
    s2.step()
    print("  ", [g["lr"] for g in o.param_groups] == [g["lr"] for g in o2.param_groups])
o = opt()
r = S.ReduceLROnPlateau(o, "min", factor=0.5, patience=1, threshold=0.01, cooldown=1, min_lr=[0.01, 0.02])
for v in (1.0, 0.9, 0.95, 0.95, 0.95, 0.95, 0.95, 0.95, 0.2, 0.3, 0.3, 0.3):
    r.step(torch.tensor(v))
    print(r.get_last_lr(), r.num_bad_epochs, r.best)


class Mine(S.LRScheduler):
    def __init__(self, o, k, last_epoch=-1):
        self.k = k
        super().__init__(o, last_epoch)

    def get_lr(self):
        return [b / (1 + self.k * self.last_epoch) for b in self.base_lrs]


o = opt()
m = Mine(o, 0.5)
[(o.step(), m.step()) for _ in range(3)]
print(m.get_last_lr(), m.base_lrs, isinstance(m, S._LRScheduler))
o = torch.optim.Adam([nn.Parameter(torch.ones(1))], lr=torch.tensor(0.1))
s = S.ExponentialLR(o, 0.5)
o.step()
s.step()
print(o.param_groups[0]["lr"], type(s.get_last_lr()[0]).__name__)
for bad in (
    lambda: S.StepLR(3, 1),
    lambda: S.StepLR(opt(), 1, last_epoch=2),
    lambda: S.OneCycleLR(opt(), 0.1),
    lambda: S.LambdaLR(opt(), [lambda e: 1]),
    lambda: S.SequentialLR(opt(), [], []),
    lambda: S.ConstantLR(opt(), 2.0),
    lambda: S.CosineAnnealingWarmRestarts(opt(), 0),
):
    try:
        print(bad())
    except Exception as e:
        print(type(e).__name__)
o = opt()
s = S.CosineAnnealingWarmRestarts(o, 4)
[s.step(e / 3) for e in range(8)]
print(s.get_last_lr(), s.T_cur)
s.step(2)
print(s.get_last_lr())
