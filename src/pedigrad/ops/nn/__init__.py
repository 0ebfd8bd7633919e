"""Operations of layers and losses."""
