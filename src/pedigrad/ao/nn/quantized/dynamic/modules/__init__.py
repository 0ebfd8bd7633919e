"""The modules of `torch.ao.nn.quantized.dynamic`, under the names that PyTorch files them by."""

from .linear import Linear
from .rnn import GRU, LSTM

__all__ = ["GRU", "LSTM", "Linear"]
