"""Tensors and models into files and back."""

import torch
from safetensors.torch import load_file, load_model, safe_open, save_file, save_model

m = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
m[0].weight.data.fill_(0.5)
save_file({k: v for k, v in m.state_dict().items()}, "a.safetensors")
print({k: (v.dtype, v.sum()) for k, v in load_file("a.safetensors").items() if "0.w" in k})
save_model(m, "b.safetensors")
print(load_model(m, "b.safetensors"))
with safe_open("a.safetensors", "pt") as f:
    print(sorted(f.keys()), f.get_tensor("0.weight").shape, f.get_slice("0.weight")[:2].shape)
save_file({"h": torch.ones(2, dtype=torch.bfloat16), "i": torch.arange(3)}, "c.safetensors")
print(load_file("c.safetensors"))
