"""Quantized tensors: making them of floats, parts of them, rounding as they do, products of whole numbers."""
