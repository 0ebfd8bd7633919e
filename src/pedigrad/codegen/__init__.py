"""The compiler: programs into machine code."""
