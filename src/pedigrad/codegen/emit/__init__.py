"""From kernels to the text of LLVM IR, and from that to native functions."""
