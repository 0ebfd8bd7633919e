"""Scalar mathematics for compiled loops, as expressions of LLVM IR."""
