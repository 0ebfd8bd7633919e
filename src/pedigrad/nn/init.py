"""Ways to fill a tensor in place before training: each returns the tensor; none is recorded for gradients."""

import functools
import math

import numpy as np

from .. import random
from ..core import absent, modes, override
from ..core.origin import warn
from ..core.tensor import wrap

__all__ = [
    "calculate_gain", "constant", "constant_", "dirac", "dirac_", "eye", "eye_", "kaiming_normal",
    "kaiming_normal_", "kaiming_uniform", "kaiming_uniform_", "normal", "normal_", "ones_",
    "orthogonal", "orthogonal_", "sparse", "sparse_", "trunc_normal_", "uniform", "uniform_",
    "xavier_normal", "xavier_normal_", "xavier_uniform", "xavier_uniform_", "zeros_",
]  # fmt: skip

_GAINS = dict.fromkeys(
    [
        "linear",
        "conv1d",
        "conv2d",
        "conv3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
        "sigmoid",
    ],
    1,
) | {"tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}


def calculate_gain(nonlinearity, param=None):
    """The factor that keeps the variance of activations through this nonlinearity.

    `param` is the negative slope of "leaky_relu", 0.01 by default.
    """
    if nonlinearity in _GAINS:
        return _GAINS[nonlinearity]
    if nonlinearity != "leaky_relu":
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    if param is None:
        slope = 0.01
    elif isinstance(param, (int, float)) and not isinstance(param, bool):
        slope = param
    else:
        raise ValueError(f"negative_slope {param} not a valid number")
    return math.sqrt(2 / (1 + slope**2))


@modes.no_grad()
def uniform_(tensor, a=0.0, b=1.0, generator=None):
    """The tensor, filled from the uniform distribution on [a, b).

    Args:
        tensor: any tensor; no gradient is recorded.
        a: the lower bound.
        b: the upper bound.
        generator: where the random numbers come from; the default generator if it is None.

    Shape: that of `tensor`.

    >>> w = torch.nn.init.uniform_(torch.empty(100), 2, 3)
    >>> torch.all((w >= 2) & (w < 3))
    tensor(True)
    """
    return tensor.uniform_(a, b, generator=generator)


@modes.no_grad()
def normal_(tensor, mean=0.0, std=1.0, generator=None):
    """The tensor, filled from the normal distribution.

    Args:
        tensor: any tensor; no gradient is recorded.
        mean: of the distribution.
        std: its standard deviation.
        generator: where the random numbers come from; the default generator if it is None.

    Shape: that of `tensor`.

    >>> torch.nn.init.normal_(torch.empty(2, 3), std=0.02).shape
    torch.Size([2, 3])
    """
    return tensor.normal_(mean, std, generator=generator)


@modes.no_grad()
def trunc_normal_(tensor, mean=0.0, std=1.0, a=-2.0, b=2.0, generator=None):
    """The tensor, filled from the normal distribution restricted to [a, b]."""
    if mean < a - 2 * std or mean > b + 2 * std:
        warn("mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be incorrect.")
    lower, upper = (math.erf((bound - mean) / std / math.sqrt(2)) / 2 for bound in (a, b))
    if upper - lower > 0.3:
        return _redraw_normal(tensor, mean, std, a, b, generator)
    return _accept_uniform(tensor, mean, std, a, b, generator)


def _redraw_normal(tensor, mean, std, a, b, generator):
    """Normal numbers; where they lie outside of [a, b] they are drawn again until none does."""
    lowest, highest = (wrap(np.array(bound)).to(tensor.dtype).item() for bound in (a, b))
    values = tensor.normal_(mean, std, generator=generator).numpy(force=True)
    drawn = values.copy()
    while (outside := (drawn < lowest) | (drawn > highest)).any():
        fresh = tensor.new_empty(tensor.shape).normal_(mean, std, generator=generator).numpy()
        drawn[outside] = fresh[outside]
    return _fill(tensor, drawn)


def _accept_uniform(tensor, mean, std, a, b, generator):
    """Uniform numbers in [a, b], accepted with their density relative to the largest there."""
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2
    drawn = tensor.new_empty(tensor.shape).numpy()
    pending = np.ones(drawn.shape, bool)
    while pending.any():
        fresh = tensor.new_empty(tensor.shape).uniform_(a, b, generator=generator).numpy()
        drawn[pending] = fresh[pending]
        log_density = (((fresh - mean) / std) ** 2) * -0.5 - peak
        with np.errstate(divide="ignore"):
            chance = np.log(tensor.new_empty(tensor.shape).uniform_(generator=generator).numpy())
        pending &= chance > log_density
    return _fill(tensor, drawn)


@modes.no_grad()
def constant_(tensor, val):
    """The tensor, filled with `val`.

    Args:
        tensor: any tensor; no gradient is recorded.
        val: the number.

    Shape: that of `tensor`.

    >>> torch.nn.init.constant_(torch.empty(2), 0.5)
    tensor([0.5000, 0.5000])
    """
    return tensor.fill_(val)


@modes.no_grad()
def ones_(tensor):
    """The tensor, filled with 1.

    Args:
        tensor: any tensor; no gradient is recorded.

    Shape: that of `tensor`.

    >>> torch.nn.init.ones_(torch.empty(2))
    tensor([1., 1.])
    """
    return tensor.fill_(1.0)


@modes.no_grad()
def zeros_(tensor):
    """The tensor, filled with 0.

    Args:
        tensor: any tensor; no gradient is recorded.

    Shape: that of `tensor`.

    >>> torch.nn.init.zeros_(torch.empty(2))
    tensor([0., 0.])
    """
    return tensor.zero_()


@modes.no_grad()
def eye_(tensor):
    """The 2-d tensor, filled with the identity matrix."""
    if tensor.dim() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return _fill(tensor, np.eye(*tensor.shape))


@modes.no_grad()
def dirac_(tensor, groups=1):
    """The 3-, 4- or 5-d tensor, filled so that a convolution with it returns its input."""
    if tensor.dim() not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    n_out, n_in, *kernel = tensor.shape
    if n_out % groups:
        raise ValueError("dim 0 must be divisible by groups")
    values = np.zeros(tuple(tensor.shape))
    per_group = n_out // groups
    centre = tuple(size // 2 for size in kernel)
    for group in range(groups):
        for channel in range(min(per_group, n_in)):
            values[(group * per_group + channel, channel, *centre)] = 1
    return _fill(tensor, values)


def _calculate_fan_in_and_fan_out(tensor):
    """How many inputs each output of this weight depends on, and how many outputs each input reaches."""
    if tensor.dim() < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    n_out, n_in, *kernel = tensor.shape
    field = math.prod(kernel)
    return n_in * field, n_out * field


def _calculate_correct_fan(tensor, mode):
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return fan_in if mode == "fan_in" else fan_out


def xavier_uniform_(tensor, gain=1.0, generator=None):
    """The tensor, filled uniformly with variance gain^2 * 2 / (fan_in + fan_out).

    fan_in and fan_out are the numbers of inputs and outputs of a unit (Glorot and Bengio 2010).

    Args:
        tensor: a tensor of two dimensions or more: (out, in, ...).
        gain: a factor of the activation, `calculate_gain` has them.
        generator: where the random numbers come from; the default generator if it is None.

    Shape: that of `tensor`.

    Raises:
        ValueError: the tensor has fewer than two dimensions.

    >>> w = torch.nn.init.xavier_uniform_(torch.empty(3, 5))
    >>> w.abs().max() <= (6 / (3 + 5)) ** 0.5
    tensor(True)
    """
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor, gain=1.0, generator=None):
    """The tensor, filled normally with variance gain^2 * 2 / (fan_in + fan_out).

    fan_in and fan_out are the numbers of inputs and outputs of a unit (Glorot and Bengio 2010).

    Args:
        tensor: a tensor of two dimensions or more: (out, in, ...).
        gain: a factor of the activation, `calculate_gain` has them.
        generator: where the random numbers come from; the default generator if it is None.

    Shape: that of `tensor`.

    Raises:
        ValueError: the tensor has fewer than two dimensions.

    >>> torch.nn.init.xavier_normal_(torch.empty(3, 5)).shape
    torch.Size([3, 5])
    """
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


def _xavier_std(tensor, gain):
    return gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor))))


def kaiming_uniform_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """The tensor, filled uniformly with variance gain^2 / fan; `a` is the negative slope of "leaky_relu".

    He et al. 2015.

    Args:
        tensor: a tensor of two dimensions or more: (out, in, ...).
        a: the negative slope of "leaky_relu".
        mode: "fan_in" keeps the variance of what goes forward, "fan_out" that of gradients.
        nonlinearity: the activation that follows, as `calculate_gain` names it.
        generator: where the random numbers come from; the default generator if it is None.

    Shape: that of `tensor`.

    Raises:
        ValueError: the tensor has fewer than two dimensions.

    >>> w = torch.nn.init.kaiming_uniform_(torch.empty(8, 6), nonlinearity="relu")
    >>> w.abs().max() <= 1
    tensor(True)
    """
    if 0 in tensor.shape:
        return _untouched(tensor)
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """The tensor, filled normally with variance gain^2 / fan; `a` is the negative slope of "leaky_relu".

    He et al. 2015.

    Args:
        tensor: a tensor of two dimensions or more: (out, in, ...).
        a: the negative slope of "leaky_relu".
        mode: "fan_in" keeps the variance of what goes forward, "fan_out" that of gradients.
        nonlinearity: the activation that follows, as `calculate_gain` names it.
        generator: where the random numbers come from; the default generator if it is None.

    Shape: that of `tensor`.

    Raises:
        ValueError: the tensor has fewer than two dimensions.

    >>> torch.nn.init.kaiming_normal_(torch.empty(8, 6)).shape
    torch.Size([8, 6])
    """
    if 0 in tensor.shape:
        return _untouched(tensor)
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def _kaiming_std(tensor, a, mode, nonlinearity):
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def _untouched(tensor):
    warn("Initializing zero-element tensors is a no-op")
    return tensor


@modes.no_grad()
def orthogonal_(tensor, gain=1, generator=None):
    """The tensor, filled so that its rows or columns, whichever are fewer, are orthogonal and `gain` long.

    Dimensions after the first are taken together.

    Saxe et al. 2014.

    Args:
        tensor: a tensor of two dimensions or more: (out, in, ...).
        gain: the length.
        generator: where the random numbers come from; the default generator if it is None.

    Shape: that of `tensor`.

    Raises:
        ValueError: the tensor has fewer than two dimensions.

    >>> w = torch.nn.init.orthogonal_(torch.empty(2, 5))
    >>> torch.allclose(w @ w.T, torch.eye(2), atol=1e-5)
    True
    """
    if tensor.dim() < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    drawn = tensor.new_empty((rows, columns)).normal_(0, 1, generator=generator).numpy()
    q, r = np.linalg.qr(drawn.T if rows < columns else drawn)
    q = q * np.sign(np.diag(r))  # the signs that make the distribution uniform
    return _fill(tensor, (q.T if rows < columns else q).reshape(tensor.shape)).mul_(gain)


@modes.no_grad()
def sparse_(tensor, sparsity, std=0.01, generator=None):
    """The 2-d tensor, filled normally, with a fraction `sparsity` of each column set to zero."""
    if tensor.dim() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    values = tensor.normal_(0, std, generator=generator).numpy(force=True).copy()
    for column in range(columns):
        values[random.randperm(rows).numpy()[:zeros], column] = 0
    return _fill(tensor, values)


def _fill(tensor, values):
    return tensor.copy_(wrap(np.ascontiguousarray(values)))


def _no_grad_fill_(tensor, val):
    """The tensor, filled with a number."""
    return constant_(tensor, val)


def _no_grad_zero_(tensor):
    """The tensor, filled with zeros."""
    return zeros_(tensor)


_no_grad_uniform_, _no_grad_normal_, _no_grad_trunc_normal_ = uniform_, normal_, trunc_normal_


def _deprecated(function):
    """The name without underscore that a function had once."""
    name, old = function.__name__, function.__name__[:-1]

    @functools.wraps(function)
    def warned(*args, **kwargs):
        warn(f"`nn.init.{old}` is now deprecated in favor of `nn.init.{name}`.", FutureWarning)
        return function(*args, **kwargs)

    warned.__name__ = old
    warned.__doc__ = f"The old name of `{name}`."
    return warned


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)

globals().update(absent.handlers(__name__))

override.tell_also(uniform_, normal_, constant_, kaiming_uniform_)
