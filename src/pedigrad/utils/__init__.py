"""torch.utils: data, checkpoints of activations, hooks, benchmarks."""
