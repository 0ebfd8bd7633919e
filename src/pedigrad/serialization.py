"""torch.serialization: save and load."""
