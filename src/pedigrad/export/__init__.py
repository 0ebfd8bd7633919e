"""torch.export: not there; what harmless programs ask is answered."""
