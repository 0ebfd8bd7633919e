"""torch.hub: models from repositories; local directories work."""
