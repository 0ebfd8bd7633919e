"""torch.storage: the memory of tensors as objects."""
