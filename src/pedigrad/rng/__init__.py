"""Random numbers: PyTorch's generators and distributions, on arrays."""
