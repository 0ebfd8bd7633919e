"""Sequences of different lengths in one tensor: padded, or packed without the padding.

A packed sequence holds the first elements of all sequences, then the second ones of those that have any, and so on.
"""

from collections import namedtuple

import numpy as np

from ...core import absent
from ...core.declare import PLACES
from ...core.tensor import Tensor, constant, wrap
from ...ops.shape.padding import padded_stack

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence", "pad_sequence",
    "unpack_sequence", "unpad_sequence",
]  # fmt: skip

_Fields = namedtuple("_Fields", ("data", "batch_sizes", "sorted_indices", "unsorted_indices"))


class PackedSequence(_Fields):
    """Sequences packed into `data`; `batch_sizes` tells how many have an element at each time.

    Where the sequences had to be sorted by length, `sorted_indices` is the order and `unsorted_indices` leads back.
    """

    __slots__ = ()

    def __new__(cls, data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
        if batch_sizes is None:
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args, **kwargs):
        """The same with `data` converted."""
        data = self.data.to(*args, **kwargs)
        return self if data is self.data else type(self)(data, *self[1:])

    def cpu(self, *args, **kwargs):
        """The same: it is on the CPU."""
        return self

    def cuda(self, *args, **kwargs):
        """RuntimeError: there is no such device."""
        return self.to("cuda")

    def pin_memory(self):
        """The same."""
        return self

    def is_pinned(self):
        """False."""
        return False

    @property
    def is_cuda(self):
        """False."""
        return False


def _converting(name):
    def convert(self):
        return type(self)(getattr(self.data, name)(), *self[1:])

    convert.__name__, convert.__doc__ = name, f"The same with `data.{name}()`."
    return convert


for _name in ("double", "float", "half", "long", "int", "short", "char", "byte"):
    setattr(PackedSequence, _name, _converting(_name))


def invert_permutation(permutation):
    """The permutation that undoes this one; None for None."""
    return None if permutation is None else wrap(np.argsort(permutation.numpy(force=True)))


def _lengths(lengths):
    array = lengths.numpy(force=True) if isinstance(lengths, Tensor) else np.asarray(lengths)
    return array.astype(np.int64)


def pack_padded_sequence(input, lengths, batch_first=False, enforce_sorted=True):
    """The sequences in the padded `input` (time, batch, ...) packed; `lengths` must fall unless `enforce_sorted` is False.

    Args:
        lengths: how long each sequence is, on the CPU.
        batch_first: whether `input` is (N, L, ...) instead of (L, N, ...).
        enforce_sorted: whether the lengths must be falling.

    Shape: (L, N, ...) gives a PackedSequence with data of shape (sum of lengths, ...).

    Raises:
        RuntimeError: a length is 0, or the lengths are not falling.

    >>> torch.nn.utils.rnn.pack_padded_sequence(torch.ones(3, 2), torch.tensor([3, 1])).batch_sizes
    tensor([2, 1, 1])
    """
    lengths = _lengths(lengths)
    order = None
    if not enforce_sorted:
        order = np.argsort(-lengths, kind="stable")
        lengths = lengths[order]
        input = input.index_select(0 if batch_first else 1, wrap(order))
    if input.numel() == 0:
        raise RuntimeError("Cannot pack empty tensors.")
    time, batch = (input.shape[1], input.shape[0]) if batch_first else (input.shape[0], input.shape[1])
    if len(lengths) != batch:
        raise RuntimeError(f"Expected `len(lengths)` to be equal to batch_size, but got {len(lengths)} (batch_size={batch})")
    if (np.diff(lengths) > 0).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you do not need "
            "ONNX exportability."
        )
    if lengths[-1] <= 0:
        raise RuntimeError("Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0")
    if lengths[0] > time:
        raise RuntimeError(f"Expected sequences of at most {time} elements, but lengths has {lengths[0]}")
    there = np.arange(lengths[0])[:, None] < lengths
    rows, columns = np.nonzero(there)
    flat = input.reshape((-1, *input.shape[2:]))
    data = flat.index_select(0, wrap(columns * time + rows if batch_first else rows * batch + columns))
    return PackedSequence(data, wrap(there.sum(1)), None if order is None else wrap(order))


def pad_packed_sequence(sequence, batch_first=False, padding_value=0.0, total_length=None):
    """The packed sequences padded, (time, batch, ...), and their lengths, in the order they had before packing."""
    sizes = sequence.batch_sizes.numpy()
    time, batch = len(sizes), int(sizes[0])
    if total_length is not None:
        if total_length < time:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, but got "
                f"total_length={total_length} and max sequence length being {time}"
            )
        time = total_length
    sizes = np.concatenate([sizes, np.zeros(time - len(sizes), sizes.dtype)])
    there = np.arange(batch) < sizes[:, None]
    lengths = there.sum(0)
    place = np.where(there, np.cumsum(there.ravel()).reshape(there.shape) - 1, 0)
    if sequence.unsorted_indices is not None:
        back = sequence.unsorted_indices.numpy()
        there, place, lengths = there[:, back], place[:, back], lengths[back]
    if batch_first:
        there, place = there.T, place.T
    out = sequence.data.index_select(0, wrap(place.ravel().copy())).reshape((*place.shape, *sequence.data.shape[1:]))
    if not there.all():
        mask = there.reshape(*there.shape, *(1,) * (out.ndim - 2))
        out = PLACES["torch"]["where"](wrap(mask), out, constant(np.asarray(padding_value, out._array.dtype)))
    return out, wrap(np.ascontiguousarray(lengths))


def pad_sequence(sequences, batch_first=False, padding_value=0.0, padding_side="right"):
    """The sequences (length, ...), of several lengths, in one tensor (longest, batch, ...).

    Args:
        sequences: tensors that differ in their first size.
        batch_first: whether the result is (N, L, ...) instead of (L, N, ...).
        padding_value: the number that is added.
        padding_side: "right" or "left".

    Shape: n tensors (l, ...) give (L, n, ...), L being the largest l.

    >>> torch.nn.utils.rnn.pad_sequence([torch.ones(1), torch.ones(2)], batch_first=True)
    tensor([[1., 0.],
            [1., 1.]])
    """
    if padding_side not in ("right", "left"):
        raise ValueError("padding_side should be 'right' or 'left'")
    if isinstance(sequences, Tensor):
        sequences = sequences.unbind(0)
    elif not hasattr(sequences, "__iter__"):
        raise RuntimeError(f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}")
    sequences = tuple(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    return padded_stack(sequences, batch_first, float(padding_value) if sequences[0].is_floating_point() else padding_value, padding_side)


def unpad_sequence(padded_sequences, lengths, batch_first=False):
    """The sequences of these lengths in a padded tensor, as a list."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [sequence[: int(n)] for sequence, n in zip(padded_sequences, _lengths(lengths), strict=True)]


def pack_sequence(sequences, enforce_sorted=True):
    """The sequences (length, ...) packed; they must get shorter unless `enforce_sorted` is False."""
    lengths = [len(sequence) for sequence in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences):
    """The sequences that were packed, as a list."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)


globals().update(absent.handlers(__name__))
