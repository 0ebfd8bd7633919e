"""Functions with gradients of their own: exp, a constant factor, straight-through rounding, gradient reversal, two outputs."""

import torch
from torch.autograd import Function, gradcheck


class Exp(Function):
    @staticmethod
    def forward(ctx, i):
        result = i.exp()
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx, grad_output):
        (result,) = ctx.saved_tensors
        return grad_output * result


class MulConstant(Function):
    @staticmethod
    def forward(tensor, constant):
        return tensor * constant

    @staticmethod
    def setup_context(ctx, inputs, output):
        _tensor, constant = inputs
        ctx.constant = constant
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx, grad_output):
        if grad_output is None:
            return None, None
        return grad_output * ctx.constant, None


class LinearFunction(Function):
    @staticmethod
    def forward(ctx, input, weight, bias=None):
        ctx.save_for_backward(input, weight, bias)
        output = input.mm(weight.t())
        if bias is not None:
            output += bias.unsqueeze(0).expand_as(output)
        return output

    @staticmethod
    def backward(ctx, grad_output):
        input, weight, bias = ctx.saved_tensors
        grad_input = grad_weight = grad_bias = None
        if ctx.needs_input_grad[0]:
            grad_input = grad_output.mm(weight)
        if ctx.needs_input_grad[1]:
            grad_weight = grad_output.t().mm(input)
        if bias is not None and ctx.needs_input_grad[2]:
            grad_bias = grad_output.sum(0)
        return grad_input, grad_weight, grad_bias


class RoundSTE(Function):
    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, g):
        return g


class Reversal(Function):
    @staticmethod
    def forward(ctx, x, alpha):
        ctx.alpha = alpha
        return x.view_as(x)

    @staticmethod
    def backward(ctx, g):
        return g.neg() * ctx.alpha, None


class MinMax(Function):
    @staticmethod
    def forward(ctx, x):
        low, high = x.min(), x.max()
        ctx.save_for_backward(x)
        ctx.low, ctx.high = low.item(), high.item()
        return low, high

    @staticmethod
    def backward(ctx, g_low, g_high):
        (x,) = ctx.saved_tensors
        return g_low * (x == ctx.low) + g_high * (x == ctx.high)


torch.manual_seed(0)
x = torch.randn(4, 3, dtype=torch.double, requires_grad=True)
w = torch.randn(5, 3, dtype=torch.double, requires_grad=True)
b = torch.randn(5, dtype=torch.double, requires_grad=True)
print(gradcheck(Exp.apply, (x,)), gradcheck(LinearFunction.apply, (x, w, b)), gradcheck(lambda t: MulConstant.apply(t, 5.5), (x,)))
low, high = MinMax.apply(x)
out = LinearFunction.apply(Exp.apply(x), w, b).sum() + MulConstant.apply(x, 2.5).sum() + RoundSTE.apply(3 * x).sum() + low + 2 * high
(out + Reversal.apply(x, 0.5).pow(2).sum()).backward()
print(out.item(), x.grad, w.grad, b.grad)
y = Exp.apply(x)
print(type(y.grad_fn).__name__, y.grad_fn.saved_tensors[0].sum().item(), torch.autograd.grad(y.sum(), x, create_graph=True)[0].sum())
print(MulConstant.apply(x, 2).grad_fn.name())
