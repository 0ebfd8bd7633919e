"""`torch.fx.experimental.symbolic_shapes`: sizes are numbers; what asks whether they are is answered."""

from typing import Any

from ...core.refused import refused

globals().update(
    refused(
        __name__,
        "sizes are numbers, and there are no symbols for them",
        classes="ShapeEnv DimDynamic StatelessSymbolicContext GuardOnDataDependentSymNode",
    )
)


def is_symbolic(value: Any) -> bool:
    """False."""
    return False


def guard_or_false(value: Any) -> bool:
    """The value: it is known."""
    return bool(value)


guard_size_oblivious = guard_or_true = definitely_true = statically_known_true = guard_or_false


def guard_int(value: Any) -> int:
    """The value: it is known."""
    return int(value)


def has_free_symbols(value: Any) -> bool:
    """False."""
    return False


free_unbacked_symbols = free_symbols = has_free_unbacked_symbols = has_free_symbols
