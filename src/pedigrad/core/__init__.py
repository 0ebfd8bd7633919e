"""What a tensor is and how operations on it run; it knows no operation."""
