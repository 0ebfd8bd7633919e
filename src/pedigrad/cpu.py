"""torch.cpu: the device there is."""
