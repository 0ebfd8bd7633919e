"""Sums of products of strided arrays."""
