"""Operations on sparse tensors: work on places, which has no history, and operations on the values, which has."""
