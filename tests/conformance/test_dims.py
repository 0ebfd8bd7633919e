"""A `dim` that a tensor has not is refused as PyTorch refuses it, in every function that takes one; so is one named twice.

Every function with a parameter of that kind is called with dimensions in range, at its ends and just outside, for tensors of 0, 1
and 3 dimensions.
"""

import pytest

torch = pytest.importorskip("torch")

import agreement  # noqa: E402
import signatures  # noqa: E402
import test_signatures as calling  # noqa: E402

DIMS = {"dim", "dims", "dim0", "dim1", "dim2", "start_dim", "end_dim", "source", "destination", "axis", "axis0", "axis1", "dimension"}
SHAPES = [(), (3,), (3, 3, 3)]
LISTS = ("size", "Sequence", "ist[", "uple", "_empty")
# Where a number will do though PyTorch wants a list, where PyTorch fails by accident, and where it does not look at `dim`.
LENIENT = {"flip", "logsumexp", "narrow_copy", "permute", "tile", "unique_consecutive", "vecdot"}


def takes_dim(form):
    return [p for p in form if p.name in DIMS]


CASES = [(space, name) for space, name in calling.CASES if name not in LENIENT and any(map(takes_dim, signatures.forms(space, name)))]


def dims_for(ndim, kind):
    """Values of a `dim`: in range, at its ends, just outside, and lists."""
    single = sorted({0, -1, ndim - 1, ndim, -ndim, -ndim - 1, 1, -2})
    if any(word in kind for word in LISTS):
        yield from [*((d,) for d in single), (0, 0), (0, -ndim), (0, ndim), (0, 1), ()]
    if any(word in kind for word in ("int", "Any", "_empty")):
        yield from single


FILLERS = {"index": 0, "start": 0, "q": 0.5, "reduce": "amax", "sizes": (1, 2), "split_sizes": (1, 2)}
FILLERS |= dict.fromkeys(("indices", "sections", "indices_or_sections", "split_size", "split_size_or_sections", "repeats"), 2)


def filler(parameter, like):
    """An argument beside `dim` that fits a tensor of the shape of `like`."""
    name, kind = parameter.name, parameter.kind
    if parameter.default is signatures.REQUIRED:
        if "ensor" in kind and ("ndex" in name or "indices" in name):
            return torch.zeros(like.shape[:1] if name == "index" and like.ndim > 1 else like.shape, dtype=torch.int64)
        if "ensor" in kind and name == "mask":
            return torch.ones(like.shape, dtype=torch.bool)
        if any(f"{many}[Tensor" in kind for many in ("tuple", "list", "List", "Sequence")):
            return [like.clone(), like.clone()]
        if name in FILLERS:
            return FILLERS[name]
        if "ensor" in kind:
            return like.clone()
    return calling.value_of(parameter, like)


def calls(space, name):
    torch.manual_seed(0)
    for shape in SHAPES:
        like = torch.rand(shape) * 0.5 + 0.25
        for form in signatures.forms(space, name):
            needed = [p for p in calling.parameters_of(space, form) if p.default is signatures.REQUIRED or p.name in DIMS]
            given = {calling.OFFICIAL.get(p.name, p.name): filler(p, like) for p in needed}
            for parameter in takes_dim(form):
                for dim in dims_for(len(shape), parameter.kind):
                    yield [like.clone()] if space == "Tensor" else [], {**given, parameter.name: dim}


@pytest.mark.parametrize("space, name", CASES)
def test_dims_are_checked(space, name):
    for args, kwargs in calls(space, name):
        found = calling.both(space, name, args, kwargs)
        if found is None:
            continue
        expected, error, result, mine = found
        what = calling.text(space, name, args, kwargs)
        assert error is not None or mine is None, f"{what}: {type(mine).__name__}: {mine}"
        assert error is None or mine is not None, f"{what} is taken, in PyTorch {type(error).__name__}: {error}"
        if error is not None and str(error).startswith(("Dimension out", "dim ")):
            assert type(mine) is type(error), f"{what}: {type(mine).__name__}: {mine}"
            assert str(error) in str(mine) or "has no dimensions" in str(mine), f"{what}: {mine}"
        if error is None and name not in calling.OTHER_VALUES:
            try:
                agreement.compare(expected, result, "result")
            except agreement.Disagreement as difference:
                raise AssertionError(f"{what}: {difference}") from None
