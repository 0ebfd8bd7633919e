"""What became of a compiled function, and where its time goes."""
