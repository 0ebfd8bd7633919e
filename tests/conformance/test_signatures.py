"""Every function of pedigrad may be called as PyTorch's: by all its keywords, in the same order, with the same defaults.

Arguments are made from the kind of each parameter, and both libraries are called with them. What PyTorch takes must be taken, with
the same result.
"""

import inspect
import warnings

import pytest

torch = pytest.importorskip("torch")

import agreement  # noqa: E402
import signatures  # noqa: E402
from bridge import Missing, Untranslatable, fresh, named, ours  # noqa: E402

import pedigrad  # noqa: E402

SPACES = {
    "torch": pedigrad, "Tensor": pedigrad.Tensor, "linalg": pedigrad.linalg, "special": pedigrad.special,
    "functional": pedigrad.nn.functional,
}  # fmt: skip
OFFICIAL = {"self": "input", "from_": "from"}  # names that stubs cannot have, or have not
STATE = "compile from_file get_num_threads load manual_seed save seed set_default_device set_default_dtype set_default_tensor_type"
STATE += " get_num_interop_threads set_flush_denormal set_num_interop_threads set_num_threads set_printoptions set_rng_state share_memory_"
STATE += " use_deterministic_algorithms vmap"
UNINITIALISED = {"empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided", "resize_", "resize_as_", "new"}
UP_TO_SIGN = {"eig", "eigh", "pca_lowrank", "svd_lowrank", "svd", "qr"}
# What another branch of the work, or nobody, makes equal; the call itself must be taken.
OTHER_VALUES = UNINITIALISED | UP_TO_SIGN | {"cholesky_ex", "cholesky_solve", "storage_type"}
OTHER_VALUES |= {f"to_sparse{kind}" for kind in ("", "_coo", "_csr", "_csc", "_bsr", "_bsc")}  # no NumPy arrays
ACCELERATORS = {"out_dtype"}  # arguments that PyTorch takes for devices we have not, and refuses on the CPU
CASES = [
    (space, name)
    for space, where in SPACES.items()
    for name in signatures.public(space)
    if hasattr(where, name) and name not in STATE.split()
]


def tensor():
    return torch.rand(4, 4) * 0.5 + 0.25


def subjects():
    """The tensors that functions are tried on."""
    torch.manual_seed(0)
    return [tensor(), torch.rand(2, 4, 4) * 0.5 + 0.25, torch.rand(4) * 0.5 + 0.25, torch.arange(1, 17).reshape(4, 4) * 5 % 17]


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


def parameters_of(space, form):
    """The parameters that are tried: not the method's own tensor, nor random generators."""
    left_out = {"generator", *(("self", "out") if space == "Tensor" else ())}
    return [p for p in form if p.name not in left_out]


def calls(space, name):
    """All ways in which PyTorch's function may be called by keywords: positional arguments (a method's tensor) and the others."""
    for like in subjects():
        for form in signatures.forms(space, name):
            args = [like.clone()] if space == "Tensor" else []
            yield args, {OFFICIAL.get(p.name, p.name): value_of(p, like) for p in parameters_of(space, form)}


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
    words = ("keyword", "invalid combination", "missing", "positional", "multiple values", "argument twice", "takes exactly")
    return isinstance(error, TypeError) and any(word in str(error) for word in words)


def text(space, name, args, kwargs):
    """A call in a few words."""
    given = [*map(agreement.text_of, args), *(f"{k}={agreement.text_of(v)}" for k, v in kwargs.items())]
    return f"{space}.{name}({', '.join(given)})"


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
    if found is None or ACCELERATORS & set(kwargs) or isinstance(found[1], NotImplementedError):
        return False
    expected, error, result, mine = found
    what = text(space, name, args, kwargs)
    assert not of_binding(mine), f"{what}: {mine}"
    assert error is not None or mine is None, f"{what}: {type(mine).__name__}: {mine}"
    if error is None and name not in OTHER_VALUES:
        try:
            agreement.compare(expected, result, "result")
        except agreement.Disagreement as difference:
            raise AssertionError(f"{what}: {difference}") from None
    return error is None


@pytest.mark.parametrize("space, name", CASES)
def test_all_arguments_may_be_named(space, name):
    for args, kwargs in calls(space, name):
        check(space, name, args, kwargs)


@pytest.mark.parametrize("space, name", CASES)
def test_arguments_come_in_the_same_order(space, name):
    for like in subjects():
        for form in signatures.forms(space, name):
            args, kwargs = [like.clone()] if space == "Tensor" else [], {}
            for p in parameters_of(space, form):
                if p.keyword:
                    kwargs[p.name] = value_of(p, like)
                elif p.star:
                    args += value_of(p, like)
                else:
                    args.append(value_of(p, like))
            check(space, name, args, kwargs)


def with_parameter(*names):
    """The functions that take arguments of these names."""
    return [(s, n) for s, n in CASES if any(p.name in names for form in signatures.forms(s, n) for p in parameters_of(s, form))]


@pytest.mark.parametrize("space, name", with_parameter("out"))
def test_results_go_into_out(space, name):
    for args, kwargs in calls(space, name):
        if "out" not in kwargs:
            continue
        theirs = getattr(signatures.SPACES[space], name)
        expected, error = called(theirs, fresh(args), fresh({**kwargs, "out": None}))
        if error is not None or name in OTHER_VALUES or ACCELERATORS & set(kwargs):
            continue
        targets = [torch.empty(0, dtype=t.dtype) for t in agreement.leaves(expected)]
        out = targets[0] if isinstance(expected, torch.Tensor) else type(expected)(targets) if type(expected) in (tuple, list) else targets
        check(space, name, args, {**kwargs, "out": tuple(out) if isinstance(out, list) else out})


@pytest.mark.parametrize("space, name", with_parameter("requires_grad"))
def test_what_is_made_may_require_a_gradient(space, name):
    for args, kwargs in calls(space, name):
        for more in ({"requires_grad": True}, {"requires_grad": True, "dtype": torch.float64}, {"dtype": torch.int64}, {"device": "cpu"}):
            if set(more) <= set(kwargs):
                found = both(space, name, args, {**kwargs, **more})
                if found is not None and found[1] is None:
                    what = text(space, name, args, {**kwargs, **more})
                    assert found[3] is None, f"{what}: {found[3]}"
                    assert found[2].requires_grad == found[0].requires_grad, what
                    assert repr(found[2].dtype) == repr(found[0].dtype), what


OTHER_NAMES = {"input": ("x", "a", "x1"), "other": ("x2",), "dim": ("axis",), "keepdim": ("keepdims",)}
SHORT = {("Tensor", "size"), ("Tensor", "stride"), ("torch", "where")}  # these must be fast, and nobody calls them so


@pytest.mark.parametrize("space, name", [case for case in with_parameter(*OTHER_NAMES) if case[0] != "functional" and case not in SHORT])
def test_numpys_names_are_taken(space, name):
    for args, kwargs in calls(space, name):
        for word, others in OTHER_NAMES.items():
            if word == "other" and space == "Tensor":
                continue  # methods are not slowed down for a name that NumPy's functions have
            for other in others if word in kwargs else ():
                check(space, name, args, {other if k == word else k: v for k, v in kwargs.items()})


# Functions and classes written in Python: what `inspect` says of both


PYTHON = [
    "nn",
    "nn.functional",
    "nn.init",
    "nn.utils",
    "nn.utils.rnn",
    "optim",
    "optim.lr_scheduler",
    "optim.swa_utils",
    "autograd",
    "random",
]
DIFFERENT = {
    "set_to_none": "gradients are set to zero unless it is asked otherwise",
    "return_indices": "these functions return indices whatever it says",
    "iterable": "named tuples",
}


def declared():
    for module in PYTHON:
        theirs, mine = named(torch, module), named(pedigrad, module)
        for name in dir(theirs):
            value = getattr(theirs, name)
            if name.startswith("_") or not hasattr(mine, name) or inspect.isbuiltin(value) or not callable(value):
                continue
            if (getattr(value, "__module__", "") or "").startswith("torch") and not issubclass_of(value, torch.Tensor):
                yield f"{module}.{name}", value, getattr(mine, name)


def issubclass_of(value, kind):
    return inspect.isclass(value) and issubclass(value, kind)


def parameters(function):
    """The parameters of a function by name; None if it says nothing of them."""
    try:
        found = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    plain = [p for p in found if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    return None if len(plain) < len(found) == 2 and not plain else plain


def plain_default(value):
    """A default that can be compared: what is no number, text or container by its name alone."""
    return value if isinstance(value, (int, float, str, tuple, list, type(None))) else getattr(value, "__name__", repr(value))


@pytest.mark.parametrize("path, theirs, mine", [pytest.param(*case, id=case[0]) for case in declared()])
def test_python_signatures_are_the_same(path, theirs, mine):
    pairs = [(path, theirs, mine)]
    if inspect.isclass(theirs):
        methods = [m for m in dir(theirs) if not m.startswith("_") and inspect.isfunction(getattr(theirs, m))]
        pairs += [(f"{path}.{m}", getattr(theirs, m), getattr(mine, m)) for m in methods if inspect.isfunction(getattr(mine, m, None))]
    for what, one, other in pairs:
        wanted, found = parameters(one), parameters(other)
        if wanted is None or found is None:
            continue
        known = {p.name: p for p in found}
        for p in wanted:
            assert p.name in known or p.name in DIFFERENT, f"{what} has no parameter {p.name}"
            if p.name in known and p.name not in DIFFERENT:
                defaults = plain_default(p.default), plain_default(known[p.name].default)
                assert defaults[0] == defaults[1], f"{what}: {p.name} is {defaults[1]!r} by default, in PyTorch {defaults[0]!r}"
        order = [p.name for p in wanted if p.kind is not p.KEYWORD_ONLY and p.name in known]
        assert order == [p.name for p in found][: len(order)], f"{what}: the order of the parameters is {[p.name for p in found]}"
