"""What runs native code: threads, memory, the cache on disk, executables."""
