"""Scatter and gather as programs that build on DataParallel name them."""

from . import scatter_gather


class Scatter:
    """A tensor cut into parts."""

    @staticmethod
    def apply(target_gpus, chunk_sizes, dim, input):
        """The parts of `input` along `dim`, of the given sizes."""
        return input.chunk(len(target_gpus), dim) if chunk_sizes is None else input.split(list(chunk_sizes), dim)


class Gather:
    """Parts put together."""

    @staticmethod
    def apply(target_device, dim, *inputs):
        """The parts put together along `dim`."""
        return scatter_gather.gather(inputs, target_device, dim)
