"""torch.distributed: one process; what harmless programs ask is answered."""
