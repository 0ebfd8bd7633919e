"""torch.library: custom_op with gradient and fake, define and impl, opcheck-free use inside modules."""

import numpy as np
import torch
from torch import Tensor
from torch.library import custom_op


@custom_op("mylib::numpy_sin", mutates_args=())
def numpy_sin(x: Tensor) -> Tensor:
    return torch.from_numpy(np.sin(x.detach().numpy()))


@numpy_sin.register_fake
def _(x):
    return torch.empty_like(x)


def setup(ctx, inputs, output):
    (x,) = inputs
    ctx.save_for_backward(x)


def backward(ctx, g):
    (x,) = ctx.saved_tensors
    return g * x.cos()


numpy_sin.register_autograd(backward, setup_context=setup)
x = torch.linspace(0, 1, 4, requires_grad=True)
numpy_sin(x).sum().backward()
print(x.grad, torch.ops.mylib.numpy_sin(x).detach(), torch.ops.mylib.numpy_sin.default(x).requires_grad)


@custom_op("mylib::scale_", mutates_args={"x"})
def scale_(x: Tensor, k: float) -> None:
    x.mul_(k)


t = torch.ones(3)
print(scale_(t, 2.0), t)
torch.ops.mylib.scale_(t, k=0.5)
print(t)


@custom_op("mylib::split2", mutates_args=())
def split2(x: Tensor, n: int = 1) -> tuple[Tensor, Tensor]:
    return x[:n].clone(), x[n:].clone()


a, b = split2(torch.arange(4.0), 3)
print(a, b)
lib = torch.library.Library("other", "DEF")
lib.define("axpy(Tensor x, Tensor y, float a=2.0) -> Tensor")


def axpy(x, y, a=2.0):
    return a * x + y


lib.impl("axpy", axpy, "CompositeImplicitAutograd")
print(torch.ops.other.axpy(torch.ones(2), torch.ones(2)), torch.ops.other.axpy(torch.ones(2), torch.ones(2), 3.0))
torch.library.define("third::inc", "(Tensor x) -> Tensor")


@torch.library.impl("third::inc", "cpu")
def inc(x):
    return x + 1


@torch.library.register_fake("third::inc")
def _(x):
    return torch.empty_like(x)


torch.library.register_autograd("third::inc", lambda ctx, g: g * 1)
z = torch.zeros(2, requires_grad=True)
torch.ops.third.inc(z).sum().backward()
print(z.grad)


class M(torch.nn.Module):
    def forward(self, x):
        return torch.ops.mylib.numpy_sin(x) * 2


print(
    M()(torch.tensor([0.5])),
    torch.library.infer_schema(lambda x, y: x, mutates_args=()) if False else "",
    hasattr(torch.ops.mylib, "nothing"),
)


def f(x: Tensor, y: list[Tensor], n: int | None = None, flag: bool = True) -> list[Tensor]: ...


print(torch.library.infer_schema(f, mutates_args=()))
try:
    torch.ops.mylib.missing(x)
except AttributeError:
    print("AttributeError")
try:
    numpy_sin(1.0)
except Exception:
    print("refused")
