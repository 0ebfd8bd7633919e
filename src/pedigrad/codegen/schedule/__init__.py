"""From a program to steps: what is computed in one loop nest, in which order, in what memory."""
