"""Operations along dimensions: sums, extremes, norms, running sums, sorting."""
