"""Random programs, held against PyTorch or against eager pedigrad; `scripts/fuzz` runs them."""
