"""Errors that programs catch and that nothing here raises."""


class OutOfMemoryError(RuntimeError):
    """A device has no memory left; a CPU raises MemoryError."""


class AcceleratorError(RuntimeError):
    """A device reports a fault."""


for _each in (OutOfMemoryError, AcceleratorError):
    _each.__module__ = "pedigrad"
