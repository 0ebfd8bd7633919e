"""torch.futures: results that come later."""
