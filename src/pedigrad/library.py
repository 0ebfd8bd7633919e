"""torch.library: operations that users define."""
