"""Activation functions as modules."""

from ..ops.creation import full
from ..ops.math.exponential import sigmoid, tanh
from . import functional as F
from .module import Module
from .parameter import Parameter

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]  # fmt: skip


class _MayBeInplace(Module):
    """An activation whose only setting is whether it overwrites its input."""

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class ReLU(_MayBeInplace):
    """`relu` of the input: max(x, 0) of each element.

    Args:
        inplace: whether the result is written to the input itself.

    Shape: any; the result has that of the input.

    >>> torch.nn.ReLU()(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def forward(self, input):
        return F.relu_(input) if self.inplace else F.relu(input)


class SiLU(_MayBeInplace):
    """`silu` of the input: x * sigmoid(x).

    Args:
        inplace: whether the result is written to the input itself.

    Shape: any; the result has that of the input.

    >>> torch.nn.SiLU()(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.2689,  0.0000,  1.7616])
    """

    def forward(self, input):
        return F.silu(input, self.inplace)


class Mish(_MayBeInplace):
    """`mish` of the input: x * tanh(softplus(x)) (Misra 2019).

    Args:
        inplace: whether the result is written to the input itself.

    Shape: any; the result has that of the input.

    >>> torch.nn.Mish()(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.3034,  0.0000,  1.9440])
    """

    def forward(self, input):
        return F.mish(input, self.inplace)


class SELU(_MayBeInplace):
    """`selu` of the input: a scaled `elu` that keeps mean 0 and variance 1 (Klambauer et al. 2017).

    Args:
        inplace: whether the result is written to the input itself.

    Shape: any; the result has that of the input.

    >>> torch.nn.SELU()(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-1.1113,  0.0000,  2.1014])
    """

    def forward(self, input):
        return F.selu(input, self.inplace)


class Hardsigmoid(_MayBeInplace):
    """`hardsigmoid` of the input: x / 6 + 1/2, limited to the range from 0 to 1.

    Args:
        inplace: whether the result is written to the input itself.

    Shape: any; the result has that of the input.

    >>> torch.nn.Hardsigmoid()(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([0.3333, 0.5000, 0.8333])
    """

    def forward(self, input):
        return F.hardsigmoid(input, self.inplace)

    def extra_repr(self):
        return ""


class Hardswish(_MayBeInplace):
    """`hardswish` of the input: x * min(max(x + 3, 0), 6) / 6 (Howard et al. 2019).

    Args:
        inplace: whether the result is written to the input itself.

    Shape: any; the result has that of the input.

    >>> torch.nn.Hardswish()(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.3333,  0.0000,  1.6667])
    """

    def forward(self, input):
        return F.hardswish(input, self.inplace)

    def extra_repr(self):
        return ""


class Hardtanh(Module):
    """`hardtanh` of the input: it is limited to the range from `min_val` to `max_val`.

    Args:
        min_val, max_val: the bounds.
        inplace: whether the result is written to the input itself.
        min_value, max_value: the bounds by their old names.

    Shape: any; the result has that of the input.

    >>> torch.nn.Hardtanh()(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-1.,  0.,  1.])
    """

    def __init__(self, min_val=-1.0, max_val=1.0, inplace=False, min_value=None, max_value=None):
        super().__init__()
        self.min_val = min_val if min_value is None else min_value
        self.max_val = max_val if max_value is None else max_value
        self.inplace = inplace
        if self.min_val > self.max_val:
            raise AssertionError("min_val must not exceed max_val")

    def forward(self, input):
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self):
        return f"min_val={self.min_val}, max_val={self.max_val}" + (", inplace=True" if self.inplace else "")


class ReLU6(Hardtanh):
    """`relu6` of the input: it is limited to the range from 0 to 6.

    Args:
        inplace: whether the result is written to the input itself.

    Shape: any; the result has that of the input.

    >>> torch.nn.ReLU6()(torch.tensor([-1.0, 8.0]))
    tensor([0., 6.])
    """

    def __init__(self, inplace=False):
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class Threshold(Module):
    """The input where it is greater than `threshold`, `value` elsewhere.

    Args:
        threshold: the bound.
        value: what stands in the place of what is not above it.
        inplace: whether the result is written to the input itself.

    Shape: any; the result has that of the input.

    >>> torch.nn.Threshold(0.5, 9.0)(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([9., 9., 2.])
    """

    def __init__(self, threshold, value, inplace=False):
        super().__init__()
        self.threshold, self.value, self.inplace = threshold, value, inplace

    def forward(self, input):
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self):
        return f"threshold={self.threshold}, value={self.value}" + (", inplace=True" if self.inplace else "")


class LeakyReLU(Module):
    """`leaky_relu` of the input: negative elements times `negative_slope`.

    Args:
        negative_slope: the factor of negative elements.
        inplace: whether the result is written to the input itself.

    Shape: any; the result has that of the input.

    >>> torch.nn.LeakyReLU()(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.0100,  0.0000,  2.0000])
    """

    def __init__(self, negative_slope=0.01, inplace=False):
        super().__init__()
        self.negative_slope, self.inplace = negative_slope, inplace

    def forward(self, input):
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self):
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class RReLU(Module):
    """`rrelu` of the input: in training the negative elements are scaled at random.

    Args:
        lower, upper: the bounds of the random slopes; in eval() their mean is the slope (Xu et al. 2015).
        inplace: whether the result is written to the input itself.

    Shape: any; the result has that of the input.

    >>> torch.nn.RReLU().eval()(torch.tensor([-1.0, 2.0]))
    tensor([-0.2292,  2.0000])
    """

    def __init__(self, lower=1.0 / 8, upper=1.0 / 3, inplace=False):
        super().__init__()
        self.lower, self.upper, self.inplace = lower, upper, inplace

    def forward(self, input):
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self):
        return f"lower={self.lower}, upper={self.upper}" + (", inplace=True" if self.inplace else "")


class PReLU(Module):
    """`prelu` of the input, with a learnt slope for negative elements: one for all, or one for each channel.

    Args:
        num_parameters: how many slopes: 1, or the number of channels.
        init: what they begin with.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.

    Shape: (N, C, ...) or any for one slope; the result has that of the input.

    >>> torch.nn.PReLU()(torch.tensor([-1.0, 2.0])).detach()
    tensor([-0.2500,  2.0000])
    """

    def __init__(self, num_parameters=1, init=0.25, device=None, dtype=None):
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(full((num_parameters,), float(init), device=device, dtype=dtype))

    def reset_parameters(self):
        """Set every slope to the initial one."""
        self.weight.data.fill_(self.init)

    def forward(self, input):
        return F.prelu(input, self.weight)

    def extra_repr(self):
        return f"num_parameters={self.num_parameters}"


class ELU(Module):
    """`elu` of the input: alpha * (exp(x) - 1) where it is negative (Clevert et al. 2016).

    Args:
        alpha: what the result goes to for large negative elements, with the opposite sign.
        inplace: whether the result is written to the input itself.

    Shape: any; the result has that of the input.

    >>> torch.nn.ELU()(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.6321,  0.0000,  2.0000])
    """

    def __init__(self, alpha=1.0, inplace=False):
        super().__init__()
        self.alpha, self.inplace = alpha, inplace

    def forward(self, input):
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self):
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class CELU(ELU):
    """`celu` of the input: alpha * (exp(x / alpha) - 1) where it is negative (Barron 2017).

    Args:
        alpha: what the result goes to for large negative elements, with the opposite sign.
        inplace: whether the result is written to the input itself.

    Shape: any; the result has that of the input.

    >>> torch.nn.CELU()(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.6321,  0.0000,  2.0000])
    """

    def forward(self, input):
        return F.celu(input, self.alpha, self.inplace)


class Sigmoid(Module):
    """`sigmoid` of the input: 1 / (1 + exp(-x)).

    Shape: any; the result has that of the input.

    >>> torch.nn.Sigmoid()(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([0.2689, 0.5000, 0.8808])
    """

    def forward(self, input):
        return sigmoid(input)


class Tanh(Module):
    """`tanh` of the input.

    Shape: any; the result has that of the input.

    >>> torch.nn.Tanh()(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.7616,  0.0000,  0.9640])
    """

    def forward(self, input):
        return tanh(input)


class LogSigmoid(Module):
    """`logsigmoid` of the input: -log(1 + exp(-x)).

    Shape: any; the result has that of the input.

    >>> torch.nn.LogSigmoid()(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-1.3133, -0.6931, -0.1269])
    """

    def forward(self, input):
        return F.logsigmoid(input)


class Softsign(Module):
    """`softsign` of the input: x / (1 + |x|).

    Shape: any; the result has that of the input.

    >>> torch.nn.Softsign()(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.5000,  0.0000,  0.6667])
    """

    def forward(self, input):
        return F.softsign(input)


class Tanhshrink(Module):
    """`tanhshrink` of the input: x - tanh(x).

    Shape: any; the result has that of the input.

    >>> torch.nn.Tanhshrink()(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.2384,  0.0000,  1.0360])
    """

    def forward(self, input):
        return F.tanhshrink(input)


class GELU(Module):
    """`gelu` of the input: x times the normal distribution function of x (Hendrycks and Gimpel 2016).

    Args:
        approximate: "none", or "tanh" for an approximation by tanh.

    Shape: any; the result has that of the input.

    >>> torch.nn.GELU()(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.1587,  0.0000,  1.9545])
    """

    def __init__(self, approximate="none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, input):
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self):
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    """`softplus` of the input: log(1 + exp(beta * x)) / beta.

    Args:
        beta: how sharp the bend is.
        threshold: the value of beta * x above which x itself is the result.

    Shape: any; the result has that of the input.

    >>> torch.nn.Softplus()(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([0.3133, 0.6931, 2.1269])
    """

    def __init__(self, beta=1.0, threshold=20.0):
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, input):
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self):
        return f"beta={self.beta}, threshold={self.threshold}"


class Softshrink(Module):
    """`softshrink` of the input: it is moved towards zero by `lambd`.

    Args:
        lambd: by how much; not negative.

    Shape: any; the result has that of the input.

    >>> torch.nn.Softshrink()(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.5000,  0.0000,  1.5000])
    """

    def __init__(self, lambd=0.5):
        super().__init__()
        self.lambd = lambd

    def forward(self, input):
        return F.softshrink(input, self.lambd)

    def extra_repr(self):
        return str(self.lambd)


class Hardshrink(Softshrink):
    """`hardshrink` of the input: zero where its absolute value is at most `lambd`.

    Args:
        lambd: the bound.

    Shape: any; the result has that of the input.

    >>> torch.nn.Hardshrink()(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-1.,  0.,  2.])
    """

    def forward(self, input):
        return F.hardshrink(input, self.lambd)


class GLU(Module):
    """`glu` of the input along `dim`: the first half times the sigmoid of the second.

    Args:
        dim: the dimension that is halved.

    Shape: (..., 2 n, ...) gives (..., n, ...).

    >>> torch.nn.GLU()(torch.ones(2, 4)).shape
    torch.Size([2, 2])
    """

    def __init__(self, dim=-1):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return F.glu(input, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class Softmax(Module):
    """`softmax` of the input along `dim`.

    Args:
        dim: the dimension along which they sum to one.

    Shape: any; the result has that of the input.

    >>> torch.nn.Softmax(dim=-1)(torch.zeros(2, 2))
    tensor([[0.5000, 0.5000],
            [0.5000, 0.5000]])
    """

    def __init__(self, dim=None):
        super().__init__()
        self.dim = dim

    def __setstate__(self, state):
        super().__setstate__(state)
        self.__dict__.setdefault("dim", None)

    def forward(self, input):
        return F.softmax(input, self.dim, _stacklevel=5)

    def extra_repr(self):
        return f"dim={self.dim}"


class Softmin(Softmax):
    """`softmin` of the input along `dim`: the softmax of -x.

    Args:
        dim: the dimension along which they sum to one.

    Shape: any; the result has that of the input.

    >>> torch.nn.Softmin(dim=0)(torch.tensor([0.0, 1.0]))
    tensor([0.7311, 0.2689])
    """

    def forward(self, input):
        return F.softmin(input, self.dim, _stacklevel=5)


class LogSoftmax(Softmax):
    """`log_softmax` of the input along `dim`.

    Args:
        dim: the dimension along which they sum to one.

    Shape: any; the result has that of the input.

    >>> torch.nn.LogSoftmax(dim=-1)(torch.zeros(1, 2))
    tensor([[-0.6931, -0.6931]])
    """

    def forward(self, input):
        return F.log_softmax(input, self.dim, _stacklevel=5)


class Softmax2d(Module):
    """`softmax` along the channels of (N, C, H, W) or (C, H, W).

    Shape: (N, C, H, W) or (C, H, W); the result has that of the input.

    >>> torch.nn.Softmax2d()(torch.zeros(2, 1, 1)).flatten()
    tensor([0.5000, 0.5000])
    """

    def forward(self, input):
        if input.dim() not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead")
        return F.softmax(input, -3, _stacklevel=5)
