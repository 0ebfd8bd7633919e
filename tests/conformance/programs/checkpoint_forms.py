"""Checkpoints in every form: dictionaries, whole modules, optimizers, BytesIO, shared storages, map_location, mmap."""

import collections
import io
import os
import pickle

import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(4))
net(torch.randn(2, 1, 6, 6))
opt = torch.optim.AdamW(net.parameters(), lr=1e-2, amsgrad=True)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, 0.1, total_steps=20)
for _ in range(3):
    opt.zero_grad()
    net(torch.randn(2, 1, 6, 6)).square().mean().backward()
    opt.step()
    sched.step()
torch.save(
    {"epoch": 3, "model": net.state_dict(), "opt": opt.state_dict(), "sched": sched.state_dict(), "rng": torch.get_rng_state()}, "ck.pt"
)
ck = torch.load("ck.pt")
print(list(ck), list(ck["model"]), ck["opt"]["param_groups"][0].keys(), type(ck["model"]).__name__)
print(ck["sched"]["last_epoch"], ck["sched"]["_last_lr"], ck["rng"].shape, ck["rng"].dtype, ck["model"]["1.num_batches_tracked"])
other = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(4))
print(other.load_state_dict(ck["model"]), type(other[4]).__name__)
o2 = torch.optim.AdamW(other.parameters(), lr=5.0, amsgrad=True)
o2.load_state_dict(ck["opt"])
print(o2.param_groups[0]["lr"], o2.state[o2.param_groups[0]["params"][0]].keys())
x = torch.randn(2, 1, 6, 6)
for m, o in ((net, opt), (other, o2)):
    o.zero_grad()
    m(x).square().mean().backward()
    o.step()
print(all(torch.equal(a, b) for a, b in zip(net.parameters(), other.parameters(), strict=False)))

torch.save(net, "net.pt")
try:
    torch.load("net.pt")
except pickle.UnpicklingError as e:
    print("UnpicklingError", "weights_only" in str(e), "Sequential" in str(e))
whole = torch.load("net.pt", weights_only=False)
print(type(whole).__name__, torch.equal(whole(x), net(x)))
with torch.serialization.safe_globals([nn.Sequential, nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Flatten, nn.Linear]):
    print(nn.Flatten in torch.serialization.get_safe_globals())
buffer = io.BytesIO()
base = torch.arange(10.0)
torch.save(
    [
        base[2:5],
        base[::3],
        base,
        nn.Parameter(torch.ones(2)),
        torch.tensor(3, dtype=torch.int8),
        torch.ones(2, dtype=torch.bfloat16),
        torch.tensor([1 + 2j]),
    ],
    buffer,
)
buffer.seek(0)
a, b, c, p, i8, h, z = torch.load(buffer)
a.fill_(-1)
print(c, b, p, p.requires_grad, i8, h, z, type(p).__name__, b.stride(), a.storage_offset())
print(os.path.getsize("ck.pt") > 1000, torch.serialization.get_default_load_endianness())
m = torch.load("ck.pt", mmap=True)["model"]["0.weight"]
print(m.shape, m.sum())
print(
    torch.load("ck.pt", map_location="cpu")["epoch"],
    torch.load("ck.pt", map_location=torch.device("cpu"))["epoch"],
    torch.load("ck.pt", map_location=lambda storage, loc: storage)["epoch"],
    torch.load("ck.pt", map_location={"cuda:0": "cpu"})["epoch"],
)
meta = torch.load("ck.pt", map_location="meta")["model"]["0.weight"]
print(meta.device, meta.shape)
torch.save(base, "old.pt", _use_new_zipfile_serialization=False)
print(torch.load("old.pt"))
print(pickle.loads(pickle.dumps({"a": base, "net": net}))["a"])


class Config:
    def __init__(self, **kw):
        self.__dict__.update(kw)


torch.save({"cfg": Config(a=1), "t": base}, "cfg.pt")
try:
    torch.load("cfg.pt", weights_only=True)
except pickle.UnpicklingError as e:
    print("refused", "Config" in str(e))
torch.serialization.add_safe_globals([Config])
print(torch.load("cfg.pt")["cfg"].__dict__)
torch.serialization.clear_safe_globals()
sd = net.state_dict()
sd.pop("0.bias")
sd["extra"] = torch.ones(1)
print(net.load_state_dict(sd, strict=False))
try:
    net.load_state_dict(sd)
except RuntimeError as e:
    print(str(e))
sd = collections.OrderedDict((k.replace("module.", ""), v) for k, v in nn.DataParallel(net).state_dict().items())
print(list(sd)[:2], nn.DataParallel(net).module is net)
try:
    net.load_state_dict({**net.state_dict(), "0.weight": torch.ones(2, 2)})
except RuntimeError as e:
    print(str(e))
for name in ("missing.pt",):
    try:
        torch.load(name)
    except FileNotFoundError as e:
        print(e)
try:
    torch.load(io.BytesIO(b""))
except EOFError:
    print("EOFError")
torch.save(
    {
        "set": {1, 2},
        "t": (1, None, 2.5, "x", b"y", True),
        "od": collections.OrderedDict(a=1),
        "size": base.shape,
        "dtype": torch.float16,
        "dev": torch.device("cpu"),
        "counter": collections.Counter("aab"),
        "slice": 3,
    },
    "misc.pt",
)
print(torch.load("misc.pt"))
