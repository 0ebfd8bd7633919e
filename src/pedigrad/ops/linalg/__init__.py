"""Products of matrices, factorizations and what follows from them."""
