"""Where tensors come from: family trees as text, as pictures and as pages."""
