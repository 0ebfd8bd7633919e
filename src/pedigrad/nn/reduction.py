"""What losses do with the values of a batch, in words and in PyTorch's numbers: `torch.nn._reduction`."""


def get_enum(reduction):
    """The number of "none", "mean" or "sum"."""
    known = {"none": 0, "mean": 1, "elementwise_mean": 1, "sum": 2}
    if reduction not in known:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return known[reduction]


def legacy_get_string(size_average, reduce, emit_warning=True):
    """The word for the old arguments `size_average` and `reduce`."""
    if reduce is False:
        return "none"
    return "sum" if size_average is False else "mean"


def legacy_get_enum(size_average, reduce, emit_warning=True):
    """The number for the old arguments `size_average` and `reduce`."""
    return get_enum(legacy_get_string(size_average, reduce, emit_warning))
