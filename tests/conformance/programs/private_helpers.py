"""Names with an underscore that programs import all the same: from transformers, optimizers, loaders and checkpoints."""

import math

import torch
import torch.onnx.operators
from torch import nn
from torch.autograd.anomaly_mode import detect_anomaly
from torch.autograd.function import InplaceFunction
from torch.autograd.grad_mode import _DecoratorContextManager, no_grad
from torch.distributions.transforms import ExpTransform, _InverseTransform
from torch.nn.init import _no_grad_normal_, _no_grad_trunc_normal_
from torch.nn.modules.transformer import _get_activation_fn, _get_clones
from torch.optim.optimizer import Optimizer, _get_value, _use_grad_for_differentiable
from torch.utils.checkpoint import check_backward_validity, detach_variable, get_device_states
from torch.utils.data._utils import MP_STATUS_CHECK_INTERVAL
from torch.utils.data._utils.collate import np_str_obj_array_pattern
from torch.utils.data._utils.pin_memory import pin_memory

torch.manual_seed(0)


class Rounded(InplaceFunction):
    @staticmethod
    def forward(ctx, x, inplace=False):
        ctx.inplace = inplace
        if inplace:
            ctx.mark_dirty(x)
            return x.round_()
        return x.round()

    @staticmethod
    def backward(ctx, g):
        return g, None


x = torch.tensor([0.4, 1.6], requires_grad=True)
(Rounded.apply(x) * Rounded.apply(x * 2, True)).sum().backward()
print(x.grad, isinstance(Rounded.apply(x).grad_fn, torch.autograd.graph.Node))


class Halved(_DecoratorContextManager):
    def __enter__(self):
        self.before = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)

    def __exit__(self, *exc):
        torch.set_default_dtype(self.before)


@Halved()
def made():
    return torch.ones(1).dtype


@Halved()
def several():
    yield torch.ones(1).dtype
    yield torch.ones(1).dtype


print(made(), torch.ones(1).dtype, [(kind, torch.ones(1).dtype) for kind in several()])
with Halved():
    print(torch.ones(1).dtype)
with no_grad(), detect_anomaly(check_nan=False):
    print((x * 2).requires_grad)


class Plain(Optimizer):
    def __init__(self, params, lr=0.1, differentiable=False):
        super().__init__(params, {"lr": lr, "differentiable": differentiable})

    @_use_grad_for_differentiable
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                step = self.state[p].setdefault("step", torch.tensor(0.0))
                step += 1
                p.add_(p.grad, alpha=-group["lr"] / math.sqrt(_get_value(step)))
        return torch.is_grad_enabled()


layers = _get_clones(nn.Linear(2, 2), 3)
optimizer = Plain(layers.parameters())
for _ in range(2):
    optimizer.zero_grad()
    y = torch.ones(1, 2)
    for layer in layers:
        y = _get_activation_fn("gelu")(layer(y))
    y.sum().backward()
    print(optimizer.step(), y, type(layers).__name__)
detached = detach_variable((x * 3, x, 3))
print([each.requires_grad and each.is_leaf if torch.is_tensor(each) else each for each in detached], get_device_states(x))
check_backward_validity([x])
print(torch.onnx.operators.shape_as_tensor(torch.ones(2, 3)), MP_STATUS_CHECK_INTERVAL, np_str_obj_array_pattern.search("<U3") is not None)
print(torch.onnx.operators.reshape_from_tensor_shape(torch.ones(2, 3), torch.tensor([3, 2])).shape, pin_memory is not None)
print(_no_grad_normal_(nn.Parameter(torch.empty(2)), 0.0, 1.0), _no_grad_trunc_normal_(torch.empty(2), 0.0, 1.0, -2.0, 2.0))
print(isinstance(ExpTransform().inv, _InverseTransform), torch._VF.relu(torch.tensor([-1.0, 1.0])), torch._C.default_generator.device)
