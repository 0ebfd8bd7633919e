"""Tables of hooks print as ordered dictionaries."""

import torch

model = torch.nn.Linear(2, 2)
print(model._forward_hooks, model._backward_hooks)
handle = model.register_forward_hook(print)
model._forward_hooks[3] = len
print(type(model._forward_hooks).__mro__[-3].__name__, list(model._forward_hooks.values()), repr(model._forward_hooks)[:13])
