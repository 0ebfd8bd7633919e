"""Layers that learn the size of their input from the first one they get."""

import re

from ..ops.creation import dtypes, tensor
from .convolution import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .linear import Linear
from .normalization import BatchNorm1d, BatchNorm2d, BatchNorm3d, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from .parameter import UninitializedBuffer, UninitializedParameter, is_lazy

__all__ = [
    "LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d", "LazyConv1d", "LazyConv2d", "LazyConv3d", "LazyConvTranspose1d",
    "LazyConvTranspose2d", "LazyConvTranspose3d", "LazyInstanceNorm1d", "LazyInstanceNorm2d", "LazyInstanceNorm3d", "LazyLinear",
]  # fmt: skip


class LazyModuleMixin:
    """The first call runs `initialize_parameters` on its arguments; then the module becomes one of `cls_to_become`."""

    cls_to_become: type | None = None

    def __call__(self, *args, **kwargs):
        if self.has_uninitialized_params():
            self.initialize_parameters(*args, **kwargs)
            if self.has_uninitialized_params():
                raise RuntimeError(f"module {self._get_name()} has not been fully initialized")
        if self.cls_to_become is None:
            return super().__call__(*args, **kwargs)
        self.__class__ = self.cls_to_become
        return self(*args, **kwargs)

    def _infer_parameters(self, module, *args, **kwargs):
        """Nothing: PyTorch's modules have it for a hook, which their pickles name; here the call itself initializes."""

    _lazy_load_hook = _infer_parameters

    def initialize_parameters(self, *args, **kwargs):
        """Give every parameter the shape that follows from the first input; each subclass has its own."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self):
        """Whether the shape of any parameter or buffer is still unknown."""
        return any(is_lazy(value) for kind in (self._parameters, self._buffers) for value in kind.values())

    def _load_from_state_dict(self, state_dict, prefix, *args):
        for kind in (self._parameters, self._buffers):
            for name, value in kind.items():
                given = state_dict.get(prefix + name)
                if is_lazy(value) and given is not None and not is_lazy(given):
                    value.materialize(given.shape)
        super()._load_from_state_dict(state_dict, prefix, *args)


class LazyLinear(LazyModuleMixin, Linear):
    """A `Linear` whose `in_features` is the size of its first input's last dimension.

    Args:
        out_features: the last size of the result.
        bias: whether there is a bias.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.

    Shape: (..., in_features) gives (..., out_features).

    >>> torch.nn.LazyLinear(2)(torch.zeros(3, 4)).shape
    torch.Size([3, 2])
    """

    cls_to_become = Linear

    def __init__(self, out_features, bias=True, device=None, dtype=None):
        super().__init__(0, 0, False)
        self.out_features = out_features
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self):
        """Draw the initial weight and bias, once their shape is known."""
        if self.in_features:
            super().reset_parameters()

    def initialize_parameters(self, input):
        """Take `in_features` from `input`."""
        self.in_features = input.shape[-1]
        self.weight.materialize((self.out_features, self.in_features))
        if self.bias is not None:
            self.bias.materialize((self.out_features,))
        self.reset_parameters()


class _LazyConv(LazyModuleMixin):
    """A convolution whose `in_channels` is the number of channels of its first input."""

    def _wait(self, out_channels, bias, device, dtype):
        self.out_channels = out_channels
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self):
        """Draw the initial weight and bias, once their shape is known."""
        if self.in_channels:
            super().reset_parameters()

    def initialize_parameters(self, input, *args, **kwargs):
        """Take `in_channels` from `input`."""
        spatial = len(self.kernel_size)
        if input.ndim not in (spatial + 1, spatial + 2):
            raise RuntimeError(
                f"Expected {spatial + 1}D (unbatched) or {spatial + 2}D (batched) input to {type(self).__name__}, but got"
                f" input of size: {input.shape}"
            )
        self.in_channels = channels = input.shape[-spatial - 1]
        if channels % self.groups:
            raise ValueError("in_channels must be divisible by groups")
        if self.transposed:
            shape = (channels, self.out_channels // self.groups)
        else:
            shape = (self.out_channels, channels // self.groups)
        self.weight.materialize((*shape, *self.kernel_size))
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))
        self.reset_parameters()


def _lazy_conv(base):
    class LazyConv(_LazyConv, base):
        cls_to_become = base

        def __init__(
            self, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True, padding_mode="zeros",
            device=None, dtype=None,
        ):  # fmt: skip
            super().__init__(0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode, device, dtype)
            self._wait(out_channels, bias, device, dtype)

    return _named(LazyConv, base)


def _lazy_conv_transpose(base):
    class LazyConvTranspose(_LazyConv, base):
        cls_to_become = base

        def __init__(
            self, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True, dilation=1,
            padding_mode="zeros", device=None, dtype=None,
        ):  # fmt: skip
            super().__init__(0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation, padding_mode, device, dtype)
            self._wait(out_channels, bias, device, dtype)

    return _named(LazyConvTranspose, base)


class _LazyNorm(LazyModuleMixin):
    """A normalization whose `num_features` is the number of channels of its first input."""

    def __init__(self, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True, device=None, dtype=None, *, bias=True):
        super().__init__(0, eps, momentum, False, False, device, dtype)
        self.affine, self.track_running_stats = affine, track_running_stats
        if affine:
            self.weight = UninitializedParameter(device=device, dtype=dtype)
            if bias:
                self.bias = UninitializedParameter(device=device, dtype=dtype)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(device=device, dtype=dtype)
            self.running_var = UninitializedBuffer(device=device, dtype=dtype)
            self.num_batches_tracked = tensor(0, dtype=dtypes.int64)

    def reset_parameters(self):
        """Set statistics, weight and bias to their initial values, once their shape is known."""
        if self.num_features:
            super().reset_parameters()

    def initialize_parameters(self, input):
        """Take `num_features` from `input`."""
        self.num_features = input.shape[1]
        for value in (self.weight, self.bias, self.running_mean, self.running_var):
            if value is not None:
                value.materialize((self.num_features,))
        self.reset_parameters()


def _lazy_norm(base):
    return _named(type(base.__name__, (_LazyNorm, base), {"cls_to_become": base}), base)


def _rest(base):
    """What the base's docstring says of arguments, less those that the first input says, and of shapes; with an example."""
    parts = (base.__doc__ or "").split("\n\n")  # none in an optimised Python
    args = next((part for part in parts if part.lstrip().startswith("Args:")), "")
    args = re.sub(r"\n +(num_features|in_channels):.*", "", args)
    shape = next((part for part in parts if part.lstrip().startswith("Shape:")), "")
    given, n = ("", 3) if "Norm" in base.__name__ else ("4, 1", 4)
    sizes = ["5"] * int(base.__name__[-2])
    example = f">>> torch.nn.Lazy{base.__name__}({given})(torch.zeros(2, 3, {', '.join(sizes)})).shape"
    return f"{args}\n\n{shape}\n\n    {example}\n    torch.Size([2, {n}, {', '.join(sizes)}])\n    "


def _named(lazy, base):
    lazy.__name__ = lazy.__qualname__ = "Lazy" + base.__name__
    lazy.__doc__ = f"A `{base.__name__}` that takes the number of channels from its first input.\n\n{_rest(base)}"
    lazy.__module__ = f"{__package__}.lazy"
    return lazy


LazyConv1d, LazyConv2d, LazyConv3d = map(_lazy_conv, (Conv1d, Conv2d, Conv3d))
LazyConvTranspose1d, LazyConvTranspose2d, LazyConvTranspose3d = map(
    _lazy_conv_transpose, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)
)
LazyBatchNorm1d, LazyBatchNorm2d, LazyBatchNorm3d = map(_lazy_norm, (BatchNorm1d, BatchNorm2d, BatchNorm3d))
LazyInstanceNorm1d, LazyInstanceNorm2d, LazyInstanceNorm3d = map(_lazy_norm, (InstanceNorm1d, InstanceNorm2d, InstanceNorm3d))
