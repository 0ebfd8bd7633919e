"""Every function of nn.init from one seed, gains, and models initialised by recursion."""

import torch
from torch import nn
from torch.nn import init

for name, kw in (
    ("uniform_", dict(a=-1, b=2)),
    ("normal_", dict(mean=1, std=2)),
    ("trunc_normal_", dict(std=0.02)),
    ("trunc_normal_", dict(a=-0.5, b=1.0)),
    ("constant_", dict(val=3)),
    ("ones_", {}),
    ("zeros_", {}),
    ("eye_", {}),
    ("dirac_", {}),
    ("dirac_", dict(groups=2)),
    ("xavier_uniform_", dict(gain=2)),
    ("xavier_normal_", {}),
    ("kaiming_uniform_", dict(a=0.1, mode="fan_out")),
    ("kaiming_normal_", dict(nonlinearity="relu")),
    ("orthogonal_", dict(gain=1.5)),
    ("sparse_", dict(sparsity=0.5)),
):
    torch.manual_seed(0)
    w = torch.empty(4, 2, 3) if "dirac" in name else torch.empty(4, 6)
    r = getattr(init, name)(w, **kw)
    print(name, kw, r is w, w.flatten()[:6], w.sum(), w.std())
print(
    [
        init.calculate_gain(n, p)
        for n, p in (
            ("linear", None),
            ("tanh", None),
            ("relu", None),
            ("leaky_relu", 0.2),
            ("selu", None),
            ("sigmoid", None),
            ("conv2d", None),
        )
    ]
)


def setup(m):
    if isinstance(m, (nn.Linear, nn.Conv2d)):
        init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
        if m.bias is not None:
            init.zeros_(m.bias)
    elif isinstance(m, (nn.BatchNorm2d, nn.LayerNorm)):
        init.ones_(m.weight)
        init.zeros_(m.bias)
    elif isinstance(m, nn.LSTM):
        for n, p in m.named_parameters():
            init.orthogonal_(p) if "weight" in n else init.constant_(p, 0.1)
    elif isinstance(m, nn.Embedding):
        init.normal_(m.weight, 0, 0.02)


torch.manual_seed(1)
net = nn.ModuleDict(
    {
        "c": nn.Conv2d(2, 3, 3),
        "b": nn.BatchNorm2d(3),
        "l": nn.Linear(3, 4),
        "r": nn.LSTM(2, 3),
        "e": nn.Embedding(5, 4),
        "n": nn.LayerNorm(4),
    }
)
net.apply(setup)
print({k: (v.sum().item(), v.double().std(unbiased=False).item()) for k, v in net.state_dict().items()})
for cls, a in (
    (nn.Linear, (3, 2)),
    (nn.Conv1d, (2, 3, 2)),
    (nn.ConvTranspose2d, (2, 3, 2)),
    (nn.Bilinear, (2, 3, 2)),
    (nn.Embedding, (4, 3)),
    (nn.GRU, (2, 3)),
    (nn.MultiheadAttention, (4, 2)),
    (nn.TransformerEncoderLayer, (4, 2, 8)),
    (nn.PReLU, ()),
    (nn.GroupNorm, (2, 4)),
    (nn.LSTMCell, (2, 3)),
    (nn.Transformer, (4, 2, 1, 1, 8)),
):
    torch.manual_seed(2)
    print(cls.__name__, [round(p.sum().item(), 5) for p in cls(*a).parameters()])
for bad in (
    lambda: init.xavier_uniform_(torch.empty(3)),
    lambda: init.eye_(torch.empty(3)),
    lambda: init.dirac_(torch.empty(3, 3)),
    lambda: init.sparse_(torch.empty(2, 2, 2), 0.1),
    lambda: init.calculate_gain("nothing"),
    lambda: init.orthogonal_(torch.empty(3)),
):
    try:
        print(bad())
    except Exception as e:
        print(type(e).__name__)
