"""Losses as modules."""

from ..core.origin import warn
from ..core.tensor import Tensor
from ..ops.nn.reduction import legacy_reduction
from . import functional as F
from .distance import PairwiseDistance
from .linear import Linear
from .module import Module

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "CTCLoss", "CosineEmbeddingLoss", "CrossEntropyLoss", "GaussianNLLLoss", "HingeEmbeddingLoss",
    "HuberLoss", "KLDivLoss", "L1Loss", "LinearCrossEntropyLoss", "MSELoss", "MarginRankingLoss", "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss", "MultiMarginLoss", "NLLLoss", "NLLLoss2d", "PoissonNLLLoss", "SmoothL1Loss", "SoftMarginLoss",
    "TripletMarginLoss", "TripletMarginWithDistanceLoss",
]  # fmt: skip


class _Loss(Module):
    """A loss that is reduced to its "mean" or "sum", or not ("none")."""

    def __init__(self, size_average=None, reduce=None, reduction="mean"):
        super().__init__()
        if size_average is not None or reduce is not None:
            reduction = legacy_reduction(size_average, reduce)
        self.reduction = reduction


class _WeightedLoss(_Loss):
    """A loss with a weight for each class or element, which is a buffer."""

    def __init__(self, weight=None, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class MSELoss(_Loss):
    """The mean of the squared differences; see `mse_loss`.

    Args:
        size_average: an older way to say `reduction`.
        reduce: an older way to say `reduction`.
        reduction: what becomes of the losses: "mean", "sum", or "none" for a loss each.

    Shape: input and target of one shape; the result is () if reduced.

    >>> torch.nn.MSELoss()(torch.zeros(2), torch.tensor([1.0, 3.0]))
    tensor(5.)
    """

    def forward(self, input, target):
        return F.mse_loss(input, target, None, None, self.reduction)


class L1Loss(_Loss):
    """The mean of the absolute differences; see `l1_loss`.

    Args:
        size_average: an older way to say `reduction`.
        reduce: an older way to say `reduction`.
        reduction: what becomes of the losses: "mean", "sum", or "none" for a loss each.

    Shape: input and target of one shape; the result is () if reduced.

    >>> torch.nn.L1Loss()(torch.zeros(2), torch.tensor([1.0, -3.0]))
    tensor(2.)
    """

    def forward(self, input, target):
        return F.l1_loss(input, target, None, None, self.reduction)


class SmoothL1Loss(_Loss):
    """Absolute differences with a parabola below `beta`; see `smooth_l1_loss`.

    Girshick 2015.

    Args:
        size_average: an older way to say `reduction`.
        reduce: an older way to say `reduction`.
        reduction: what becomes of the losses: "mean", "sum", or "none" for a loss each.
        beta: the difference from which it is linear.

    Shape: input and target of one shape; the result is () if reduced.

    >>> torch.nn.SmoothL1Loss()(torch.zeros(2), torch.tensor([0.5, 3.0]))
    tensor(1.3125)
    """

    def __init__(self, size_average=None, reduce=None, reduction="mean", beta=1.0):
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input, target):
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """Half the squared differences, linear beyond `delta`; see `huber_loss`.

    Huber 1964.

    Args:
        reduction: what becomes of the losses: "mean", "sum", or "none" for a loss each.
        delta: the difference from which it is linear.

    Shape: input and target of one shape; the result is () if reduced.

    Raises:
        RuntimeError: `delta` is not positive.

    >>> torch.nn.HuberLoss()(torch.zeros(2), torch.tensor([0.5, 3.0]))
    tensor(1.3125)
    """

    def __init__(self, reduction="mean", delta=1.0):
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input, target):
        return F.huber_loss(input, target, self.reduction, self.delta)


class CrossEntropyLoss(_WeightedLoss):
    """The cross entropy between the softmax of scores and classes or probabilities; see `cross_entropy`.

    Args:
        weight: a factor for each class, of shape (C,).
        size_average: an older way to say `reduction`.
        ignore_index: the class that does not count.
        reduce: an older way to say `reduction`.
        reduction: what becomes of the losses: "mean", "sum", or "none" for a loss each.
        label_smoothing: the part of the target that is spread evenly over all classes.

    Shape: scores (C), (N, C) or (N, C, d1, ...) and classes without C; the result is () if reduced.

    Raises:
        IndexError: a target is no class.

    >>> torch.nn.CrossEntropyLoss()(torch.zeros(2, 4), torch.tensor([1, 3]))
    tensor(1.3863)
    """

    def __init__(
        self,
        weight=None,
        size_average=None,
        ignore_index=-100,
        reduce=None,
        reduction="mean",
        label_smoothing=0.0,
    ):
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, input, target):
        return F.cross_entropy(input, target, self.weight, None, self.ignore_index, None, self.reduction, self.label_smoothing)


class LinearCrossEntropyLoss(_WeightedLoss):
    """A linear layer and the cross entropy of what it gives; see `linear_cross_entropy`.

    Args:
        in_features: the last size of the input.
        num_classes: the number of classes.
        out_features: further dimensions of the scores.
        bias: whether there is a bias.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.
        reduction: what becomes of the losses: "mean", "sum", or "none" for a loss each.
        weight: a factor for each class, of shape (C,).
        ignore_index: the class that does not count; None for none.
        label_smoothing: the part of the target that is spread evenly over all classes.
        options: how it is computed.

    Shape: (..., in_features) and classes (...); the result is () if reduced.

    >>> torch.nn.LinearCrossEntropyLoss(3, 4)(torch.zeros(2, 3), torch.tensor([0, 1])).shape
    torch.Size([])
    """

    def __init__(
        self,
        in_features,
        num_classes,
        *,
        out_features=(),
        bias=False,
        device=None,
        dtype=None,
        reduction="mean",
        weight=None,
        ignore_index=None,
        label_smoothing=0.0,
        options=None,
    ):
        super().__init__(weight, reduction=reduction)
        self.num_classes, self.out_features = num_classes, tuple(out_features)
        self.ignore_index, self.label_smoothing, self.options = ignore_index, label_smoothing, options
        rows = num_classes
        for n in self.out_features:
            rows *= n
        self.linear = Linear(in_features, rows, bias=bias, device=device, dtype=dtype)

    def forward(self, input, target):
        weight: Tensor = self.linear.weight
        bias: Tensor | None = self.linear.bias
        if self.out_features:
            shape = (self.num_classes, *self.out_features)
            weight = weight.reshape(*shape, weight.shape[-1])
            bias = None if bias is None else bias.reshape(shape)
        return F.linear_cross_entropy(
            input,
            weight,
            target,
            linear_bias=bias,
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self):
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, out_features={self.out_features},"
            f" bias={self.linear.bias is not None}, reduction={self.reduction}, ignore_index={self.ignore_index},"
            f" label_smoothing={self.label_smoothing}, options={self.options}"
        )


class NLLLoss(_WeightedLoss):
    """The negative log-likelihood of classes by log-probabilities; see `nll_loss`.

    Args:
        weight: a factor for each class, of shape (C,).
        size_average: an older way to say `reduction`.
        ignore_index: the class that does not count.
        reduce: an older way to say `reduction`.
        reduction: what becomes of the losses: "mean", "sum", or "none" for a loss each.

    Shape: scores (C), (N, C) or (N, C, d1, ...) and classes without C; the result is () if reduced.

    Raises:
        IndexError: a target is no class.

    >>> torch.nn.NLLLoss()(torch.tensor([[-0.5, -1.0]]), torch.tensor([1]))
    tensor(1.)
    """

    def __init__(self, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input, target):
        return F.nll_loss(input, target, self.weight, None, self.ignore_index, None, self.reduction)


class NLLLoss2d(NLLLoss):
    """The old name of `NLLLoss` for images, which warns.

    Args:
        weight: a factor for each class, of shape (C,).
        size_average: an older way to say `reduction`.
        ignore_index: the class that does not count.
        reduce: an older way to say `reduction`.
        reduction: what becomes of the losses: "mean", "sum", or "none" for a loss each.

    Shape: (N, C, H, W) and classes (N, H, W); the result is () if reduced.
    """

    def __init__(self, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
        warn("`NLLLoss2d` has been deprecated: use `NLLLoss`, which does the same", FutureWarning)
        super().__init__(weight, size_average, ignore_index, reduce, reduction)


class BCELoss(_WeightedLoss):
    """The cross entropy of probabilities of one; see `binary_cross_entropy`.

    Args:
        weight: a factor for each element.
        size_average: an older way to say `reduction`.
        reduce: an older way to say `reduction`.
        reduction: what becomes of the losses: "mean", "sum", or "none" for a loss each.

    Shape: input and target of one shape; the result is () if reduced.

    Raises:
        RuntimeError: an element is not from 0 to 1.

    >>> torch.nn.BCELoss()(torch.tensor([0.5]), torch.tensor([1.0]))
    tensor(0.6931)
    """

    def forward(self, input, target):
        return F.binary_cross_entropy(input, target, self.weight, None, None, self.reduction)


class BCEWithLogitsLoss(_WeightedLoss):
    """The cross entropy of log-odds of one; see `binary_cross_entropy_with_logits`.

    Args:
        weight: a factor for each element.
        size_average: an older way to say `reduction`.
        reduce: an older way to say `reduction`.
        reduction: what becomes of the losses: "mean", "sum", or "none" for a loss each.
        pos_weight: a factor for ones, of each class.

    Shape: input and target of one shape; the result is () if reduced.

    >>> torch.nn.BCEWithLogitsLoss()(torch.zeros(2), torch.tensor([0.0, 1.0]))
    tensor(0.6931)
    """

    def __init__(self, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None):
        super().__init__(weight, size_average, reduce, reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input, target):
        return F.binary_cross_entropy_with_logits(input, target, self.weight, None, None, self.reduction, self.pos_weight)


class KLDivLoss(_Loss):
    """The Kullback-Leibler divergence; see `kl_div`.

    Args:
        size_average: an older way to say `reduction`.
        reduce: an older way to say `reduction`.
        reduction: "mean", "sum", "none", or "batchmean": the sum divided by N, which is the divergence itself.
        log_target: whether the target is a logarithm too.

    Shape: input and target of one shape; the result is () if reduced.

    >>> torch.nn.KLDivLoss(reduction="batchmean")(torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[1.0, 0.0]]))
    tensor(0.6931)
    """

    def __init__(self, size_average=None, reduce=None, reduction="mean", log_target=False):
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input, target):
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class PoissonNLLLoss(_Loss):
    """The negative log-likelihood of counts; see `poisson_nll_loss`.

    Args:
        log_input: whether the input is the logarithm of the rate.
        full: whether terms are added that do not depend on the input.
        size_average: an older way to say `reduction`.
        eps: a small number for the sake of the logarithm.
        reduce: an older way to say `reduction`.
        reduction: what becomes of the losses: "mean", "sum", or "none" for a loss each.

    Shape: input and target of one shape; the result is () if reduced.

    >>> torch.nn.PoissonNLLLoss()(torch.zeros(2), torch.ones(2))
    tensor(1.)
    """

    def __init__(self, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.log_input, self.full, self.eps = log_input, full, eps

    def forward(self, log_input, target):
        return F.poisson_nll_loss(log_input, target, self.log_input, self.full, eps=self.eps, reduction=self.reduction)


class GaussianNLLLoss(_Loss):
    """The negative log-likelihood under normal distributions; see `gaussian_nll_loss`.

    Args:
        full: whether terms are added that do not depend on the input.
        eps: the smallest variance.
        reduction: what becomes of the losses: "mean", "sum", or "none" for a loss each.

    Shape: means, targets and variances that broadcast; the result is () if reduced.

    Raises:
        ValueError: a variance is negative.

    >>> torch.nn.GaussianNLLLoss()(torch.zeros(2), torch.ones(2), torch.ones(2))
    tensor(0.5000)
    """

    def __init__(self, *, full=False, eps=1e-6, reduction="mean"):
        super().__init__(reduction=reduction)
        self.full, self.eps = full, eps

    def forward(self, input, target, var):
        return F.gaussian_nll_loss(input, target, var, self.full, self.eps, self.reduction)


class HingeEmbeddingLoss(_Loss):
    """A loss of distances of pairs that belong together (1) or not (-1); see `hinge_embedding_loss`.

    Args:
        margin: the distance from which pairs that do not belong together cost nothing.
        size_average: an older way to say `reduction`.
        reduce: an older way to say `reduction`.
        reduction: what becomes of the losses: "mean", "sum", or "none" for a loss each.

    Shape: input and target of one shape; the result is () if reduced.

    >>> torch.nn.HingeEmbeddingLoss()(torch.tensor([0.5, 0.5]), torch.tensor([1.0, -1.0]))
    tensor(0.5000)
    """

    def __init__(self, margin=1.0, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input, target):
        return F.hinge_embedding_loss(input, target, self.margin, reduction=self.reduction)


class CosineEmbeddingLoss(_Loss):
    """A loss of angles of pairs that belong together (1) or not (-1); see `cosine_embedding_loss`.

    Args:
        margin: the cosine up to which pairs that do not belong together cost nothing.
        size_average: an older way to say `reduction`.
        reduce: an older way to say `reduction`.
        reduction: what becomes of the losses: "mean", "sum", or "none" for a loss each.

    Shape: (N, D), (N, D) and (N,); the result is () if reduced.

    >>> torch.nn.CosineEmbeddingLoss()(torch.ones(1, 2), torch.ones(1, 2), torch.tensor([1.0]))
    tensor(0.)
    """

    def __init__(self, margin=0.0, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1, input2, target):
        return F.cosine_embedding_loss(input1, input2, target, self.margin, reduction=self.reduction)


class MarginRankingLoss(CosineEmbeddingLoss):
    """A loss of pairs of scores of which the first (1) or the second (-1) is to be higher; see `margin_ranking_loss`.

    Args:
        margin: by how much the scores should differ.
        size_average: an older way to say `reduction`.
        reduce: an older way to say `reduction`.
        reduction: what becomes of the losses: "mean", "sum", or "none" for a loss each.

    Shape: three tensors that broadcast; the result is () if reduced.

    >>> torch.nn.MarginRankingLoss()(torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([1.0]))
    tensor(1.)
    """

    def forward(self, input1, input2, target):
        return F.margin_ranking_loss(input1, input2, target, self.margin, reduction=self.reduction)


class SoftMarginLoss(_Loss):
    """A logistic loss for targets of 1 and -1; see `soft_margin_loss`.

    Args:
        size_average: an older way to say `reduction`.
        reduce: an older way to say `reduction`.
        reduction: what becomes of the losses: "mean", "sum", or "none" for a loss each.

    Shape: input and target of one shape; the result is () if reduced.

    >>> torch.nn.SoftMarginLoss()(torch.zeros(2), torch.tensor([1.0, -1.0]))
    tensor(0.6931)
    """

    def forward(self, input, target):
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class MultiMarginLoss(_WeightedLoss):
    """A hinge loss of class scores; see `multi_margin_loss`.

    Args:
        p: 1 or 2: the exponent.
        margin: by how much the scores should differ.
        weight: a factor for each class, of shape (C,).
        size_average: an older way to say `reduction`.
        reduce: an older way to say `reduction`.
        reduction: what becomes of the losses: "mean", "sum", or "none" for a loss each.

    Shape: (N, C) or (C) and classes without C; the result is () if reduced.

    >>> torch.nn.MultiMarginLoss()(torch.tensor([[0.1, 0.9]]), torch.tensor([1]))
    tensor(0.1000)
    """

    def __init__(self, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"):
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError("only p == 1 and p == 2 supported")
        if weight is not None and weight.dim() != 1:
            raise ValueError(f"MultiMarginLoss: expected weight to be None or 1D tensor, got {weight.dim()}D instead")
        self.p, self.margin = p, margin

    def forward(self, input, target):
        return F.multi_margin_loss(input, target, self.p, self.margin, self.weight, reduction=self.reduction)


class MultiLabelMarginLoss(_Loss):
    """A hinge loss of class scores with several right classes; see `multilabel_margin_loss`.

    Args:
        size_average: an older way to say `reduction`.
        reduce: an older way to say `reduction`.
        reduction: what becomes of the losses: "mean", "sum", or "none" for a loss each.

    Shape: (N, C) or (C) and classes of the same shape, of which those before the first -1 count; the result is () if reduced.

    >>> torch.nn.MultiLabelMarginLoss()(torch.tensor([[0.1, 0.2, 0.4]]), torch.tensor([[2, -1, 0]]))
    tensor(0.5000)
    """

    def forward(self, input, target):
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """The mean cross entropy of a yes or no for each class; see `multilabel_soft_margin_loss`.

    Args:
        weight: a factor for each class, of shape (C,).
        size_average: an older way to say `reduction`.
        reduce: an older way to say `reduction`.
        reduction: what becomes of the losses: "mean", "sum", or "none" for a loss each.

    Shape: (N, C) and targets of 0 and 1 of the same shape; the result is () if reduced.

    >>> torch.nn.MultiLabelSoftMarginLoss()(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]))
    tensor(0.6931)
    """

    def forward(self, input, target):
        return F.multilabel_soft_margin_loss(input, target, self.weight, reduction=self.reduction)


class TripletMarginLoss(_Loss):
    """A loss of distances from an anchor to a positive and a negative example; see `triplet_margin_loss`.

    Args:
        margin: by how much the scores should differ.
        p: the order of the norm.
        eps: what is added to each difference.
        swap: whether the distance of the positive and the negative example counts if it is smaller (Balntas et al. 2016).
        size_average: an older way to say `reduction`.
        reduce: an older way to say `reduction`.
        reduction: what becomes of the losses: "mean", "sum", or "none" for a loss each.

    Shape: three times (N, D); the result is () if reduced.

    >>> torch.nn.TripletMarginLoss()(torch.zeros(1, 2), torch.zeros(1, 2), torch.ones(1, 2))
    tensor(0.)
    """

    def __init__(self, margin=1.0, p=2.0, eps=1e-6, swap=False, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        if margin <= 0:
            raise ValueError(f"TripletMarginLoss: expected margin to be greater than 0, got {margin} instead")
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def forward(self, anchor, positive, negative):
        return F.triplet_margin_loss(anchor, positive, negative, self.margin, self.p, self.eps, self.swap, reduction=self.reduction)


class TripletMarginWithDistanceLoss(_Loss):
    """`TripletMarginLoss` with any function for the distance.

    Args:
        distance_function: of two tensors; `PairwiseDistance` if it is None.
        margin: by how much the scores should differ.
        swap: whether the distance of the positive and the negative example counts if it is smaller.
        reduction: what becomes of the losses: "mean", "sum", or "none" for a loss each.

    Shape: three times (N, D); the result is () if reduced.

    >>> torch.nn.TripletMarginWithDistanceLoss()(torch.zeros(1, 2), torch.zeros(1, 2), torch.ones(1, 2))
    tensor(0.)
    """

    def __init__(self, *, distance_function=None, margin=1.0, swap=False, reduction="mean"):
        super().__init__(reduction=reduction)
        if margin <= 0:
            raise ValueError(f"TripletMarginWithDistanceLoss: expected margin to be greater than 0, got {margin} instead")
        self.distance_function = PairwiseDistance() if distance_function is None else distance_function
        self.margin, self.swap = margin, swap

    def forward(self, anchor, positive, negative):
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


class CTCLoss(_Loss):
    """The loss of sequences that are not aligned with their labels; see `ctc_loss`.

    Graves et al. 2006.

    Args:
        blank: the number of the class for no label.
        reduction: what becomes of the losses: "mean", "sum", or "none" for a loss each.
        zero_infinity: whether losses of labels that are too long are 0.

    Shape: log-probabilities (T, N, C), labels (N, S) or in a row, and the lengths of both (N,); the result is () if reduced.

    >>> scores = torch.zeros(4, 1, 3).log_softmax(2)
    >>> torch.nn.CTCLoss()(scores, torch.tensor([[1, 2]]), torch.tensor([4]), torch.tensor([2]))
    tensor(0.8432)
    """

    def __init__(self, blank=0, reduction="mean", zero_infinity=False):
        super().__init__(reduction=reduction)
        self.blank, self.zero_infinity = blank, zero_infinity

    def forward(self, log_probs, targets, input_lengths, target_lengths):
        return F.ctc_loss(log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity)
