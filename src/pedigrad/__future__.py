"""`torch.__future__`: switches of how modules change their parameters; they are kept, and change nothing."""

_overwrite = False
_swap = False


def set_overwrite_module_params_on_conversion(value: bool) -> None:
    """Nothing but that the other function says so: parameters stay the objects they are."""
    global _overwrite
    _overwrite = bool(value)


def get_overwrite_module_params_on_conversion() -> bool:
    """What was set."""
    return _overwrite


def set_swap_module_params_on_conversion(value: bool) -> None:
    """Nothing but that the other function says so: parameters stay the objects they are."""
    global _swap
    _swap = bool(value)


def get_swap_module_params_on_conversion() -> bool:
    """What was set."""
    return _swap
