"""`torch.ao.nn.quantized.dynamic`: modules of quantized weights that quantize what they are given by its own range."""

from .modules import GRU, LSTM, Linear

__all__ = ["GRU", "LSTM", "Linear"]
