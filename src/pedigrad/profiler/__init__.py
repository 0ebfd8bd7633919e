"""torch.profiler: where time and memory go."""
