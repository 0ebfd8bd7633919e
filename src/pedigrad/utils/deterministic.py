"""`torch.utils.deterministic`: whether memory that nobody has written to is filled where results must be deterministic."""

fill_uninitialized_memory = True
