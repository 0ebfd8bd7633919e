"""The compiler: from recorded programs to native kernels."""
