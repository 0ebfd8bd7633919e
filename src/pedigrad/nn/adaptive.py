"""Softmax over very many classes, the rare ones in clusters with smaller layers."""

from collections import namedtuple

import numpy as np

from ..core.tensor import wrap
from . import functional as F
from .containers import ModuleList, Sequential
from .linear import Linear
from .module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]

_ASMoutput = namedtuple("_ASMoutput", ["output", "loss"])
ASMoutput = _ASMoutput


class AdaptiveLogSoftmaxWithLoss(Module):
    """The log-probabilities of the targets, and their mean with the opposite sign as the loss.

    Classes are sorted by falling frequency: the first `cutoffs[0]` are scored by the head, each further stretch by a cluster
    whose layer is `div_value` times smaller than the one before; the head also scores the clusters.

    Grave et al. 2017.

    Args:
        in_features: the last size of the input.
        n_classes: the number of classes.
        cutoffs: the first class of each cluster, in ascending order.
        div_value: by what the sizes of the clusters' layers fall.
        head_bias: whether the head has a bias.
        device: where its parameters are made: "cpu", or "meta" for none of their memory.
        dtype: the dtype of its parameters.

    Shape: (N, in_features) and classes (N,); log-probabilities (N,) and a loss ().

    Raises:
        ValueError: the cutoffs are not ascending, or not below `n_classes`.

    >>> layer = torch.nn.AdaptiveLogSoftmaxWithLoss(16, 10, [2, 5])
    >>> output, loss = layer(torch.zeros(3, 16), torch.tensor([0, 3, 9]))
    >>> output.shape, loss.shape
    (torch.Size([3]), torch.Size([]))
    """

    def __init__(self, in_features, n_classes, cutoffs, div_value=4.0, head_bias=False, device=None, dtype=None):
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        if cutoffs != sorted(set(cutoffs)) or min(cutoffs) <= 0 or max(cutoffs) > n_classes - 1 or any(int(c) != c for c in cutoffs):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each value is"
                " between 1 and n_classes-1"
            )
        self.in_features, self.n_classes, self.div_value, self.head_bias = in_features, n_classes, div_value, head_bias
        self.cutoffs = [*cutoffs, n_classes]
        self.shortlist_size, self.n_clusters = cutoffs[0], len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, device=device, dtype=dtype)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            inner = int(in_features // div_value ** (i + 1))
            size = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(
                    Linear(in_features, inner, bias=False, device=device, dtype=dtype),
                    Linear(inner, size, bias=False, device=device, dtype=dtype),
                )
            )

    def reset_parameters(self):
        """Draw the initial weights again."""
        self.head.reset_parameters()
        for inner, outer in self.tail:
            inner.reset_parameters()
            outer.reset_parameters()

    def forward(self, input_, target_):
        """(log-probability of each target, mean loss) for `input_` of shape (N, in_features) or (in_features)."""
        if target_.dim() == 0 and input_.dim() == 1:
            out, loss = self(input_.unsqueeze(0), target_.unsqueeze(0))
            return ASMoutput(out.squeeze(0), loss)
        if target_.dim() > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if input_.dim() != target_.dim() + 1 or input_.shape[0] != target_.shape[0]:
            raise RuntimeError("Input and target should have the same size in the batch dimension.")
        classes = target_.numpy()
        if classes.size and not 0 <= classes.min() <= classes.max() < self.n_classes:
            message = f"Target values should be in [0, {self.n_classes - 1}], but values in range"
            raise RuntimeError(f"{message} [{classes.min()}, {classes.max()}] were found. ")
        cluster = np.searchsorted(self.cutoffs, classes, side="right")
        head = F.log_softmax(self.head(input_), 1)
        columns = np.where(cluster == 0, classes, self.shortlist_size + cluster - 1)
        parts = [head[np.arange(classes.size), columns]]
        order = [np.arange(classes.size)]
        for i in range(self.n_clusters):
            rows = np.flatnonzero(cluster == i + 1)
            if rows.size:
                log = F.log_softmax(self.tail[i](input_[rows]), 1)
                parts.append(log[np.arange(rows.size), classes[rows] - self.cutoffs[i]])
                order.append(rows)
        out = parts[0]
        for rows, part in zip(order[1:], parts[1:], strict=True):
            out = out.index_put((wrap(rows),), part, accumulate=True)
        return ASMoutput(out, (-out).mean())

    def log_prob(self, input):
        """The log-probabilities of all classes: (N, n_classes)."""
        head = F.log_softmax(self.head(input), 1)
        parts = [head[:, : self.shortlist_size]]
        for i in range(self.n_clusters):
            log = F.log_softmax(self.tail[i](input), 1)
            parts.append(log + head[:, self.shortlist_size + i].unsqueeze(1))
        return np.concatenate(parts, axis=1)

    def predict(self, input):
        """The most probable class of each row."""
        return self.log_prob(input).argmax(1)
