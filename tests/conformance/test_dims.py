"""A `dim` that a tensor has not is refused as PyTorch refuses it, in every function that takes one; so is one named twice.

Every function with a parameter of that kind is called with dimensions in and just out of range, for tensors of 0, 1 and 3 dimensions.
"""

import inspect

import pytest

torch = pytest.importorskip("torch")

import agreement  # noqa: E402
import signatures  # noqa: E402
import test_signatures as calling  # noqa: E402

DIMS = ("dim", "dims", "dim0", "dim1", "dim2", "start_dim", "end_dim", "source", "destination", "axis", "axis0", "axis1", "dimension")
SHAPES = [(), (3,), (3, 3, 3)]


def takes_dim(form):
    return [p.name for p in form if p.name in DIMS]


CASES = [(space, name) for space, name in calling.CASES if any(map(takes_dim, signatures.forms(space, name)))]


def dims_for(ndim, kind):
    """Values of a `dim`: in range, at its ends, just outside, and lists of two."""
    single = sorted({0, -1, ndim - 1, ndim, -ndim, -ndim - 1, 1, -2})
    many = [(d,) for d in single] + [(0, 0), (0, -ndim), (0, ndim), (0, 1), ()]
    return (single if "int" in kind or "Any" in kind or "_empty" in kind else []) + (
        many if "size" in kind or "Sequence" in kind or "ist[" in kind or "_empty" in kind or "uple" in kind else []
    )


def filler(parameter, like):
    name = parameter.name
    if "ensor" in parameter.kind and parameter.default is signatures.REQUIRED:
        if "ndex" in name or "indices" in name:
            return torch.zeros(like.shape, dtype=torch.int64)
        if name == "mask":
            return torch.ones(like.shape, dtype=torch.bool)
        if not any(f"{many}[Tensor" in parameter.kind for many in ("tuple", "list", "List", "Sequence")):
            return like.clone()
        return [like.clone(), like.clone()]
    if parameter.default is signatures.REQUIRED and name in ("index", "start"):
        return 0
    if name == "q" and parameter.default is signatures.REQUIRED:
        return 0.5
    if name == "reduce" and parameter.default is signatures.REQUIRED:
        return "amax"
    if name in ("sizes", "split_sizes"):
        return (1, 2)
    if name in (
        "indices",
        "indices_or_sections",
        "sections",
        "tensor_indices_or_sections",
        "repeats",
        "split_size_or_sections",
        "split_size",
    ):
        return 2
    return calling.value_of(parameter, like)


def calls(space, name):
    seen = set()
    for shape in SHAPES:
        like = torch.rand(shape) * 0.5 + 0.25
        for form in signatures.forms(space, name):
            parameters = [p for p in form if p.name != "generator"]
            args = []
            if space == "Tensor":
                parameters = [p for p in parameters if p.name not in ("self", "out")]
                args = [like.clone()]
            given = {
                calling.OFFICIAL.get(p.name, p.name): filler(p, like)
                for p in parameters
                if p.name not in ("out",) and not (p.default is not signatures.REQUIRED and p.name not in DIMS)
            }
            for place in takes_dim(form):
                parameter = next(p for p in form if p.name == place)
                for dim in dims_for(len(shape), parameter.kind):
                    yield args, {**given, place: dim}
