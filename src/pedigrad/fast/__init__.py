"""`pedigrad run --fast`: training steps of unchanged programs are compiled, without being asked."""
