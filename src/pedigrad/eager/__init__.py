"""Operations on large arrays without compile(): native kernels of forwards, gradient rules and products."""
