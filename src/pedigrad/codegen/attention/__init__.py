"""Attention: the heads of a batch one after the other, their scores a block of rows at a time in a thread's cache."""
