"""torch.testing: comparing tensors, and making them."""
