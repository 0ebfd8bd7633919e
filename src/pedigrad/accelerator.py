"""torch.accelerator: there is none."""
