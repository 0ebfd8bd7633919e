"""From NumPy code, and from programs of Tensors that run, to programs."""
