"""What programs, kernels and steps are."""
