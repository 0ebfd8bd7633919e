"""torch.jit: there is no compiler of its own; what harmless programs ask is answered."""
