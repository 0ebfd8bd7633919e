"""Levels: what `vmap` and forward derivatives do with operations (`core/lifted.py` says what a level is)."""
