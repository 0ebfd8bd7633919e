"""torch.fx: not there; what harmless programs ask is answered."""
