"""Normalization as modules: along the last dimensions, groups of channels, or the whole batch."""

from ..ops import creation
from . import functional as F
from .module import Module
from .parameter import Parameter

__all__ = [
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "CrossMapLRN2d", "GroupNorm", "InstanceNorm1d", "InstanceNorm2d",
    "InstanceNorm3d", "LayerNorm", "LocalResponseNorm", "RMSNorm", "SyncBatchNorm",
]  # fmt: skip


def _register_affine(module, shape, weight, bias, device, dtype):
    """Give the module a weight of ones and a bias of zeros, or None for either."""
    for name, wanted, make in (("weight", weight, creation.ones), ("bias", bias, creation.zeros)):
        param = Parameter(make(shape, device=device, dtype=dtype)) if wanted else None
        module.register_parameter(name, param)


def _reset_affine(module):
    if module.weight is not None:
        module.weight.data.fill_(1)
    if getattr(module, "bias", None) is not None:
        module.bias.data.fill_(0)


class LayerNorm(Module):
    """The input normalized along its last dimensions, of sizes `normalized_shape`, with a learnt scale and shift.

    (x - mean) / sqrt(variance + eps) * weight + bias, mean and variance (divided by n) over those dimensions (Ba et al. 2016).

    Args:
        normalized_shape: the sizes of the last dimensions, or one size.
        eps: what is added to the variance.
        elementwise_affine: whether there are a learnt scale and shift for each element.
        bias: whether there is a shift, where there is a scale.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.

    Shape: (..., *normalized_shape); the result has that of the input.

    Raises:
        RuntimeError: the last sizes of the input are others.

    >>> torch.nn.LayerNorm(2)(torch.tensor([[1.0, 3.0]]))
    tensor([[-1.0000,  1.0000]], grad_fn=<NativeLayerNormBackward0>)
    """

    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True, bias=True, device=None, dtype=None):
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        _register_affine(self, self.normalized_shape, elementwise_affine, elementwise_affine and bias, device, dtype)

    def reset_parameters(self):
        """Set the weight to ones and the bias to zeros."""
        _reset_affine(self)

    def forward(self, input):
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"


class RMSNorm(Module):
    """The input divided by its root mean square along its last dimensions, of sizes `normalized_shape`, with a learnt weight.

    Zhang and Sennrich 2019.

    Args:
        normalized_shape: the sizes of the last dimensions, or one size.
        eps: what is added to the mean square; None for the dtype's.
        elementwise_affine: whether there is a learnt weight for each element.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.

    Shape: (..., *normalized_shape); the result has that of the input.

    >>> torch.nn.RMSNorm(2)(torch.tensor([[3.0, 3.0]])).detach()
    tensor([[1., 1.]])
    """

    def __init__(self, normalized_shape, eps=None, elementwise_affine=True, device=None, dtype=None):
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        weight = creation.ones(self.normalized_shape, device=device, dtype=dtype) if elementwise_affine else None
        self.register_parameter("weight", weight if weight is None else Parameter(weight))

    def reset_parameters(self):
        """Set the weight to ones."""
        _reset_affine(self)

    def forward(self, x):
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self):
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    """The input normalized along each of `num_groups` groups of its channels, with a learnt weight and bias.

    Wu and He 2018.

    Args:
        num_groups: the number of groups, by which the channels are divided.
        num_channels: the number of channels.
        eps: what is added to the variance.
        affine: whether there are a learnt scale and shift for each channel.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.
        bias: whether there is a shift, where there is a scale.

    Shape: (N, C, ...); the result has that of the input.

    Raises:
        ValueError: `num_groups` does not divide `num_channels`.

    >>> torch.nn.GroupNorm(2, 4)(torch.zeros(3, 4, 5)).shape
    torch.Size([3, 4, 5])
    """

    def __init__(self, num_groups, num_channels, eps=1e-5, affine=True, device=None, dtype=None, *, bias=True):
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        _register_affine(self, num_channels, affine, affine and bias, device, dtype)

    def reset_parameters(self):
        """Set the weight to ones and the bias to zeros."""
        _reset_affine(self)

    def forward(self, input):
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, bias={self.bias is not None}"


class LocalResponseNorm(Module):
    """The input divided by a power of the mean square of the channels around; see `local_response_norm`.

    Krizhevsky et al. 2012.

    Args:
        size: how many channels are looked at.
        alpha: a factor of the mean square.
        beta: the exponent.
        k: what is added.

    Shape: (N, C, ...); the result has that of the input.

    >>> torch.nn.LocalResponseNorm(2)(torch.zeros(1, 4, 5)).shape
    torch.Size([1, 4, 5])
    """

    def __init__(self, size, alpha=0.0001, beta=0.75, k=1.0):
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input):
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self):
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(LocalResponseNorm):
    """`LocalResponseNorm` under its older name.

    Args:
        size: how many channels are looked at.
        alpha: a factor of the mean square.
        beta: the exponent.
        k: what is added.

    Shape: (N, C, H, W); the result has that of the input.

    >>> torch.nn.CrossMapLRN2d(2)(torch.zeros(1, 4, 5, 5)).shape
    torch.Size([1, 4, 5, 5])
    """

    def __init__(self, size, alpha=0.0001, beta=0.75, k=1):
        super().__init__(size, alpha, beta, k)


class _NormBase(Module):
    """Normalization of channels that may learn a weight and bias, and may keep running statistics."""

    _version = 2

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=True,
        track_running_stats=True,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        _register_affine(self, num_features, affine, affine and bias, device, dtype)
        if track_running_stats:
            self.register_buffer("running_mean", creation.zeros(num_features, device=device, dtype=dtype))
            self.register_buffer("running_var", creation.ones(num_features, device=device, dtype=dtype))
            count = creation.tensor(0, dtype=creation.dtypes.int64, device=device)
            self.register_buffer("num_batches_tracked", count)
        else:
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                self.register_buffer(name, None)

    def reset_running_stats(self):
        """Forget the statistics of all batches so far."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self):
        """Forget the statistics, set the weight to ones and the bias to zeros."""
        self.reset_running_stats()
        if self.affine:
            _reset_affine(self)

    def _check_input_dim(self, input):
        raise NotImplementedError

    def extra_repr(self):
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs):
        version = local_metadata.get("version", None)
        key = prefix + "num_batches_tracked"
        if (version is None or version < 2) and self.track_running_stats and key not in state_dict:
            state_dict[key] = self.num_batches_tracked.detach().clone()  # checkpoints of before it was counted
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)


class _BatchNorm(_NormBase):
    """Channels normalized over the batch, in evaluation by the running statistics."""

    def forward(self, input):
        self._check_input_dim(input)
        momentum = 0.0 if self.momentum is None else self.momentum
        training = self.training
        if training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                momentum = 1.0 / float(self.num_batches_tracked)
        keep = not training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if keep else None,  # type: ignore[arg-type]  # the running statistics may be None
            self.running_var if keep else None,  # type: ignore[arg-type]
            self.weight,
            self.bias,
            training or (self.running_mean is None and self.running_var is None),
            momentum,
            self.eps,
        )


def _check_dims(input, *allowed):
    if input._array.ndim not in allowed:
        raise ValueError(f"expected {' or '.join(f'{n}D' for n in allowed)} input (got {input.dim()}D input)")


class BatchNorm1d(_BatchNorm):
    """Each channel of (N, C) or (N, C, L) normalized over the batch.

    `BatchNorm2d` says more.

    Args:
        num_features: the number of channels, C.
        eps: what is added to the variance.
        momentum: the part of a new batch in the running statistics; None for their mean over all batches.
        affine: whether there are a learnt scale and shift for each channel.
        track_running_stats: whether running statistics are kept; eval() normalizes by them.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.
        bias: whether there is a shift, where there is a scale.

    Shape: (N, C) or (N, C, L); the result has that of the input.

    Raises:
        ValueError: the input has another number of dimensions, or one element for each channel while training.

    >>> torch.nn.BatchNorm1d(3)(torch.zeros(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    """

    def _check_input_dim(self, input):
        _check_dims(input, 2, 3)


class BatchNorm2d(_BatchNorm):
    """Each channel of (N, C, H, W) normalized over the batch (Ioffe and Szegedy 2015).

    While training by the batch's own mean and variance (divided by n), of which the running variance takes the one divided by n - 1.

    Args:
        num_features: C.
        eps: what is added to the variance.
        momentum: the part of a new batch in the running statistics; None for their mean over all batches.
        affine: whether there are a learnt scale and shift for each channel.
        track_running_stats: whether running statistics are kept; eval() normalizes by them.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.
        bias: whether there is a shift, where there is a scale.

    Shape: (N, C, H, W); the result has that of the input.

    Raises:
        ValueError: the input has another number of dimensions, or one element for each channel while training.

    >>> torch.nn.BatchNorm2d(3)(torch.zeros(2, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])
    """

    def _check_input_dim(self, input):
        _check_dims(input, 4)


class BatchNorm3d(_BatchNorm):
    """Each channel of (N, C, D, H, W) normalized over the batch.

    `BatchNorm2d` says more.

    Args:
        num_features: the number of channels, C.
        eps: what is added to the variance.
        momentum: the part of a new batch in the running statistics; None for their mean over all batches.
        affine: whether there are a learnt scale and shift for each channel.
        track_running_stats: whether running statistics are kept; eval() normalizes by them.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.
        bias: whether there is a shift, where there is a scale.

    Shape: (N, C, D, H, W); the result has that of the input.

    Raises:
        ValueError: the input has another number of dimensions, or one element for each channel while training.

    >>> torch.nn.BatchNorm3d(3)(torch.zeros(2, 3, 4, 4, 4)).shape
    torch.Size([2, 3, 4, 4, 4])
    """

    def _check_input_dim(self, input):
        _check_dims(input, 5)


class SyncBatchNorm(_BatchNorm):
    """Batch normalization over all processes: as there is one process, over its batch.

    Args:
        num_features: the number of channels, C.
        eps: what is added to the variance.
        momentum: the part of a new batch in the running statistics; None for their mean over all batches.
        affine: whether there are a learnt scale and shift for each channel.
        track_running_stats: whether running statistics are kept; eval() normalizes by them.
        process_group: ignored.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.
        bias: whether there is a shift, where there is a scale.

    Shape: (N, C, ...); the result has that of the input.

    >>> torch.nn.SyncBatchNorm(3)(torch.zeros(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    """

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=True,
        track_running_stats=True,
        process_group=None,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input):
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")

    @classmethod
    def convert_sync_batchnorm(cls, module, process_group=None):
        """`module` with every batch normalization in it replaced by this class, on the same parameters and statistics."""
        converted = module
        if isinstance(module, _BatchNorm):
            converted = cls(
                module.num_features,
                module.eps,
                module.momentum,
                module.affine,
                module.track_running_stats,
                process_group,
                bias=module.bias is not None,
            )
            if module.affine:
                converted.weight, converted.bias = module.weight, module.bias
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                setattr(converted, name, getattr(module, name))
            converted.training = module.training
        for name, child in module.named_children():
            converted.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return converted


class _InstanceNorm(_NormBase):
    """Each channel of each sample normalized by itself."""

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=False,
        track_running_stats=False,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    spatial: int  # how many dimensions follow the channels

    def _check_input_dim(self, input):
        _check_dims(input, self.spatial + 1, self.spatial + 2)

    def forward(self, input):
        self._check_input_dim(input)
        channels = input.shape[-1 - self.spatial]
        if channels != self.num_features and self.affine:
            raise ValueError(
                f"expected input's size at dim={input.dim() - 1 - self.spatial} to match num_features"
                f" ({self.num_features}), but got: {channels}."
            )
        if input.dim() == self.spatial + 1:
            return self._normalized(input.unsqueeze(0)).squeeze(0)
        return self._normalized(input)

    def _normalized(self, input):
        return F.instance_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )


class InstanceNorm1d(_InstanceNorm):
    """Each channel of (N, C, L) or (C, L) normalized by itself.

    Ulyanov et al. 2016.

    Args:
        num_features: the number of channels, C.
        eps: what is added to the variance.
        momentum: the part of a new batch in the running statistics; None for their mean over all batches.
        affine: whether there are a learnt scale and shift for each channel.
        track_running_stats: whether running statistics are kept; eval() normalizes by them.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.
        bias: whether there is a shift, where there is a scale.

    Shape: (N, C, L) or (C, L); the result has that of the input.

    Raises:
        ValueError: the input has another number of dimensions, or one element for each channel while training.

    >>> torch.nn.InstanceNorm1d(3)(torch.zeros(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    """

    spatial = 1


class InstanceNorm2d(_InstanceNorm):
    """Each channel of (N, C, H, W) or (C, H, W) normalized by itself.

    Ulyanov et al. 2016.

    Args:
        num_features: the number of channels, C.
        eps: what is added to the variance.
        momentum: the part of a new batch in the running statistics; None for their mean over all batches.
        affine: whether there are a learnt scale and shift for each channel.
        track_running_stats: whether running statistics are kept; eval() normalizes by them.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.
        bias: whether there is a shift, where there is a scale.

    Shape: (N, C, H, W) or (C, H, W); the result has that of the input.

    Raises:
        ValueError: the input has another number of dimensions, or one element for each channel while training.

    >>> torch.nn.InstanceNorm2d(3)(torch.zeros(2, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])
    """

    spatial = 2


class InstanceNorm3d(_InstanceNorm):
    """Each channel of (N, C, D, H, W) or (C, D, H, W) normalized by itself.

    Ulyanov et al. 2016.

    Args:
        num_features: the number of channels, C.
        eps: what is added to the variance.
        momentum: the part of a new batch in the running statistics; None for their mean over all batches.
        affine: whether there are a learnt scale and shift for each channel.
        track_running_stats: whether running statistics are kept; eval() normalizes by them.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.
        bias: whether there is a shift, where there is a scale.

    Shape: (N, C, D, H, W) or (C, D, H, W); the result has that of the input.

    Raises:
        ValueError: the input has another number of dimensions, or one element for each channel while training.

    >>> torch.nn.InstanceNorm3d(3)(torch.zeros(2, 3, 4, 4, 4)).shape
    torch.Size([2, 3, 4, 4, 4])
    """

    spatial = 3
