"""State dicts changed by hand: prefixes taken off, sizes that differ left out, strictness, hooks, buffers, optimizers."""

import io
from collections import OrderedDict

import torch
from torch import nn

torch.manual_seed(0)


def net(classes=3):
    return nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 2, 3), norm=nn.BatchNorm2d(2), flat=nn.Flatten(), head=nn.Linear(8, classes)))


source = net()
source(torch.randn(4, 1, 4, 4))
state = {f"module.{key}": value for key, value in source.state_dict().items()}
state["module.extra"] = torch.ones(1)
target = net(5)
try:
    target.load_state_dict(state)
except RuntimeError as error:
    print(error)
renamed = OrderedDict((key.removeprefix("module."), value) for key, value in state.items())
fitting = {k: v for k, v in renamed.items() if k in target.state_dict() and v.shape == target.state_dict()[k].shape}
result = target.load_state_dict(fitting, strict=False)
print(result, result.missing_keys, result.unexpected_keys)
try:
    target.load_state_dict(renamed, strict=False)
except RuntimeError as error:
    print(error)
print(target.norm.running_mean, target.norm.num_batches_tracked, torch.equal(target.conv.weight, source.conv.weight))
nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "module.")
print(sorted(state))
with torch.no_grad():
    target.head.weight[:3].copy_(source.head.weight)
    target.head.bias[:3] = source.head.bias
print(target(torch.ones(1, 1, 4, 4)).shape, target.state_dict()["head.weight"].requires_grad)


class Versioned(nn.Module):
    _version = 2

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(2))
        self.register_buffer("steps", torch.tensor(0))
        self.register_buffer("cache", torch.zeros(2), persistent=False)

    def _load_from_state_dict(self, state, prefix, metadata, *args):
        if metadata.get("version", 1) < 2:
            state[prefix + "scale"] = state.pop(prefix + "gain")
        super()._load_from_state_dict(state, prefix, metadata, *args)

    def get_extra_state(self):
        return {"name": "v2"}

    def set_extra_state(self, extra):
        print("extra", extra)


v = Versioned()
print(
    v.state_dict(), v.load_state_dict({"gain": torch.tensor([2.0, 3.0]), "steps": torch.tensor(7), "_extra_state": {"name": "v1"}}), v.scale
)
optimizer = torch.optim.Adam(source.parameters(), lr=0.1)
source(torch.randn(4, 1, 4, 4)).sum().backward()
optimizer.step()
saved = optimizer.state_dict()
print(saved["param_groups"], sorted(saved["state"]), saved["state"][0]["step"], saved["state"][5]["exp_avg"])
buffer = io.BytesIO()
torch.save({"model": source.state_dict(), "optimizer": saved, "rng": torch.get_rng_state()}, buffer)
buffer.seek(0)
loaded = torch.load(buffer, map_location="cpu")
other = torch.optim.Adam(source.parameters(), lr=0.5)
other.load_state_dict(loaded["optimizer"])
print(other.param_groups[0]["lr"], type(loaded["model"]).__name__, loaded["rng"].sum())
