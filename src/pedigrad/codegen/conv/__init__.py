"""Direct convolutions: kernels that never build a matrix of windows."""
