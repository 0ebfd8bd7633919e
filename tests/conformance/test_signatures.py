"""Every function of pedigrad may be called as PyTorch's: by all its keywords, in the same order, with the same defaults.

Arguments are made from the kind of each parameter, and both libraries are called with all of them by name. What PyTorch takes must
be taken, with the same result; what PyTorch does not like the values of must be refused for the same reason.
"""

import inspect
import warnings

import pytest

torch = pytest.importorskip("torch")

import agreement  # noqa: E402
import signatures  # noqa: E402
from bridge import Missing, Untranslatable, fresh, ours  # noqa: E402

import pedigrad  # noqa: E402

SPACES = {
    "torch": pedigrad, "Tensor": pedigrad.Tensor, "linalg": pedigrad.linalg, "special": pedigrad.special,
    "functional": pedigrad.nn.functional,
}  # fmt: skip
STATE = "compile from_file load manual_seed save seed set_default_device set_default_dtype set_default_tensor_type set_flush_denormal"
STATE += " set_num_interop_threads set_num_threads set_printoptions set_rng_state share_memory_ use_deterministic_algorithms vmap"
OFFICIAL = {"self": "input", "from_": "from"}  # names that stubs cannot have, or have not
UNINITIALISED = {"empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided", "resize_", "new"}
CASES = [
    (space, name)
    for space, where in SPACES.items()
    for name in signatures.public(space)
    if hasattr(where, name) and name not in STATE.split()
]


def tensor():
    return torch.rand(4, 4, dtype=torch.float32) * 0.5 + 0.25


def value_of(parameter, like):
    """An argument for that parameter: its default, or something of its kind."""
    name, kind = parameter.name, parameter.kind
    if name in ("self", "input") and "ensor" in kind:
        return like.clone()
    if parameter.default is not signatures.REQUIRED and parameter.default != "...":
        return parameter.default
    if name == "reduction":
        return "mean"
    if "dtype" in kind:
        return torch.float32
    if any(f"{many}[Tensor" in kind for many in ("tuple", "list", "List", "Sequence")):
        return [tensor(), tensor()]
    if "ensor" in kind or "_empty" in kind or kind == "Any":
        if "index" in name or "indices" in name:
            return torch.zeros(4, 4, dtype=torch.int64)
        return torch.ones(4, 4, dtype=torch.bool) if name in ("mask", "condition") else tensor()
    if "Sequence" in kind or "size" in kind or "ist[int]" in kind or parameter.star:
        return (0, 1) if name in ("dim", "dims") else (2, 2)
    if "int" in kind:
        return 0 if name in ("dim", "dim0", "axis0") else 1
    if "bool" in kind or "Literal" in kind:
        return False
    return 1.0 if "umber" in kind or "loat" in kind else "sum"


def calls(space, name, **given):
    """All ways in which PyTorch's function may be called by keywords: positional arguments (a method's tensor) and the others."""
    for like in (tensor(), torch.rand(2, 4, 4) * 0.5 + 0.25, torch.rand(4) * 0.5 + 0.25, torch.arange(1, 17).reshape(4, 4) * 5 % 17):
        for form in signatures.forms(space, name):
            parameters = [p for p in form if p.name != "generator"]
            args = []
            if space == "Tensor":
                parameters = [p for p in parameters if p.name not in ("self", "out")]
                args = [like.clone()]
            yield args, {OFFICIAL.get(p.name, p.name): value_of(p, like) for p in parameters}


def called(function, args, kwargs):
    """The result of a call, or the error."""
    torch.manual_seed(0), pedigrad.manual_seed(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args, **kwargs), None
    except Exception as error:
        return None, error


def of_binding(error):
    """Whether an error says that a function does not take these arguments."""
    words = ("keyword", "invalid combination", "missing", "positional", "multiple values", "argument twice", "invalid keyword")
    return isinstance(error, TypeError) and any(word in str(error) for word in words)


def text(space, name, kwargs):
    return f"{space}.{name}({', '.join(f'{k}={agreement.text_of(v)}' for k, v in kwargs.items())})"


def both(space, name, args, kwargs):
    """What the two libraries give for a call that PyTorch takes; None if it does not take it."""
    theirs = getattr(torch.Tensor if space == "Tensor" else signatures.SPACES[space], name)
    expected, error = called(theirs, fresh(args), fresh(kwargs))
    if of_binding(error):
        return None
    try:
        args, kwargs = ours(args), ours(kwargs)
    except (Missing, Untranslatable):
        return None
    result, mine = called(getattr(SPACES[space], name), args, kwargs)
    return expected, error, result, mine


def check(space, name, args, kwargs):
    """Whether PyTorch takes the call; AssertionError if pedigrad does not take it too, or gives something else."""
    found = both(space, name, args, kwargs)
    if found is None:
        return False
    expected, error, result, mine = found
    what = text(space, name, kwargs)
    assert not of_binding(mine), f"{what}: {mine}"
    assert error is not None or mine is None, f"{what}: {type(mine).__name__}: {mine}"
    assert error is None or mine is not None, f"{what} is not refused: {type(error).__name__}: {error}"
    if error is None and name not in UNINITIALISED:
        try:
            agreement.compare(expected, result, "result")
        except agreement.Disagreement as difference:
            raise AssertionError(f"{what}: {difference}") from None
    return True


@pytest.mark.parametrize("space, name", CASES)
def test_all_by_keyword(space, name):
    for args, kwargs in calls(space, name):
        check(space, name, args, kwargs)
