"""Pruning: random, by size, structured and global; masks in the state, permanence, a method of one's own."""

import torch
import torch.nn.utils.prune as prune
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 6), nn.ReLU(), nn.Linear(6, 2))
conv = model[0]
prune.random_unstructured(conv, name="weight", amount=0.3)
print([n for n, _ in conv.named_parameters()], [n for n, _ in conv.named_buffers()], conv.weight_mask.sum())
prune.l1_unstructured(conv, name="bias", amount=2)
prune.ln_structured(conv, name="weight", amount=0.5, n=2, dim=0)
print(conv.bias, conv.weight.flatten(1).norm(dim=1), list(model.state_dict()))
for hook in conv._forward_pre_hooks.values():
    print(type(hook).__name__, hook._tensor_name)
prune.global_unstructured([(model[3], "weight"), (model[5], "weight")], pruning_method=prune.L1Unstructured, amount=0.4)
for layer in (model[3], model[5]):
    print(f"sparsity {100.0 * (layer.weight == 0).sum().item() / layer.weight.nelement():.2f}%")
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(torch.randn(8, 1, 4, 4)), torch.randint(2, (8,)))
    loss.backward()
    optimizer.step()
    print(loss.item(), (model[3].weight == 0).sum().item(), (model[3].weight_orig.grad == 0).sum().item())


class EveryOther(prune.BasePruningMethod):
    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        mask = default_mask.clone()
        mask.view(-1)[::2] = 0
        return mask


EveryOther.apply(model[5], "bias")
print(model[5].bias, prune.is_pruned(model))
prune.remove(model[3], "weight")
print([n for n, _ in model[3].named_parameters()], (model[3].weight == 0).sum())
