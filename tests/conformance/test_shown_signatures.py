"""What `inspect.signature` and `help()` say of a public function is true, and is what PyTorch takes."""

import importlib
import inspect

import pytest

torch = pytest.importorskip("torch")

import signatures  # noqa: E402
from bridge import named  # noqa: E402

import pedigrad  # noqa: E402
from pedigrad.core.refused import why_refused  # noqa: E402

SPACES = {
    "torch": pedigrad, "Tensor": pedigrad.Tensor, "linalg": pedigrad.linalg, "special": pedigrad.special,
    "functional": pedigrad.nn.functional,
}  # fmt: skip
FUNCTIONS = [(s, n) for s, where in SPACES.items() for n in signatures.public(s) if inspect.isfunction(getattr(where, n, None))]
CLASSES = ["nn", "optim", "optim.lr_scheduler", "autograd", "random"]
STAR, MORE = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
# PyTorch's stubs and schemas have other names than its documentation, or others for each overload; ours are the documentation's.
DOCUMENTED = "broadcast_shapes compile dsplit einsum hsplit vsplit tensor_split split unsafe_split split_copy tile one_hot lstsq"
DOCUMENTED += " tensorsolve airy_ai scaled_modified_bessel_k0 scaled_modified_bessel_k1 spherical_bessel_j0 fractional_max_pool2d"
DOCUMENTED += " fractional_max_pool3d orgqr ormqr result_type new set_num_threads set_num_interop_threads"
DOCUMENTED += " requires_grad_ resize_ view expand repeat permute flip tile reshape block_diag meshgrid"


def shown(space, name):
    return inspect.signature(getattr(SPACES[space], name))


@pytest.mark.parametrize("space, name", FUNCTIONS)
def test_a_function_is_known_by_the_name_it_is_found_by(space, name):
    function = getattr(SPACES[space], name)
    assert function.__name__ == name
    assert function.__qualname__ == (f"Tensor.{name}" if space == "Tensor" else name)


@pytest.mark.parametrize("space, name", FUNCTIONS)
def test_a_signature_names_all_parameters(space, name):
    signature = shown(space, name)
    kinds = {p.kind for p in signature.parameters.values()}
    stars = any(p.star for form in signatures.forms(space, name) for p in form)
    theirs = getattr(signatures.SPACES.get(space, torch.Tensor), name)
    python = signatures.of_python(theirs) if inspect.isfunction(theirs) else None
    stars = stars or any(p.star for p in python or ())
    assert MORE not in kinds or (inspect.isfunction(theirs) and MORE in {p.kind for p in inspect.signature(theirs).parameters.values()})
    assert STAR not in kinds or stars or space == "Tensor" or name in ("tile", "has_torch_function_variadic"), signature


@pytest.mark.parametrize("space, name", FUNCTIONS)
def test_a_signature_has_annotations(space, name):
    signature = shown(space, name)
    parameters = list(signature.parameters.values())[space == "Tensor" :]
    assert [p.name for p in parameters if p.annotation is inspect.Parameter.empty or isinstance(p.annotation, str)] == []
    assert signature.return_annotation is not inspect.Signature.empty and not isinstance(signature.return_annotation, str)


@pytest.mark.parametrize("name", [n for s, n in FUNCTIONS if s == "Tensor"])
def test_a_method_has_self_and_no_out(name):
    parameters = list(shown("Tensor", name).parameters)
    assert parameters[0] == "self" and "out" not in parameters


def test_signatures_are_there_before_the_first_call_and_stay_after_it():
    before = str(inspect.signature(pedigrad.special.bessel_j1))
    pedigrad.special.bessel_j1(pedigrad.ones(2))
    assert str(inspect.signature(pedigrad.special.bessel_j1)) == before


def test_a_bound_method_has_no_self():
    assert list(inspect.signature(pedigrad.ones(2).softmax).parameters) == ["dim", "dtype"]


def test_signatures_of_classes_name_all_parameters():
    wrong = []
    for module in CLASSES:
        theirs, ours = named(torch, module), named(pedigrad, module)
        for name in dir(theirs):
            one, other = getattr(theirs, name), getattr(ours, name, None)
            if name.startswith("_") or not inspect.isclass(one) or not inspect.isclass(other):
                continue
            known = signatures.of_python(one)
            if known and not all(p.star for p in known) and any(p.kind is MORE for p in inspect.signature(other).parameters.values()):
                wrong.append(f"{module}.{name}{inspect.signature(other)}")
    assert wrong == []


def test_recurrent_layers_say_their_sizes():
    for kind in (pedigrad.nn.RNN, pedigrad.nn.GRU, pedigrad.nn.LSTM):
        signature = inspect.signature(kind)
        assert list(signature.parameters)[:3] == ["input_size", "hidden_size", "num_layers"]
        assert signature.return_annotation in (None, inspect.Signature.empty)


# Public modules whose names do something here. Those of devices and exporters (cuda, jit, ...) are only there to be asked.
WORKING = "nn nn.functional nn.init nn.parameter nn.attention nn.utils nn.utils.rnn nn.utils.parametrize nn.utils.parametrizations"
WORKING += " nn.utils.prune optim optim.lr_scheduler optim.swa_utils linalg special fft autograd autograd.functional func Tensor amp random"
WORKING += " sparse signal.windows masked utils.data utils.checkpoint distributions overrides library testing hub futures profiler"
ANYTHING = {  # what takes anything, and PyTorch's own signature cannot be asked
    "autograd.Function.forward": "the user writes it",
    "SymBool": "a class that nothing is an instance of",
    "SymInt": "a class that nothing is an instance of",
    "SymFloat": "a class that nothing is an instance of",
    "Event": "there is no device with streams",
    "Stream": "there is no device with streams",
    "ScriptModule": "a Module, whose constructor is its subclass's",
}


def takes_anything(thing):
    """Whether a signature is `(*args, **kwargs)` and says nothing."""
    try:
        parameters = inspect.signature(thing).parameters.values()
    except (ValueError, TypeError):
        return False
    return {p.kind for p in parameters if p.name not in ("self", "cls")} == {STAR, MORE}


def imported(library, path):
    """The module or class at a dotted path below a library."""
    try:
        return importlib.import_module(f"{library.__name__}.{path}".rstrip("."))
    except ModuleNotFoundError:
        return named(library, path)


def callables(path):
    """The public functions and classes of ours under a module's name, and methods of the classes, each with PyTorch's, if it has one."""
    theirs, ours = (imported(library, path) for library in (torch, pedigrad))
    inside = inspect.isclass(ours)
    for name in dir(ours):
        if (name.startswith("_") and not inside) or name in ("__class__", "__init_subclass__", "__subclasshook__"):
            continue
        thing = getattr(ours, name)
        if not callable(thing) or not hasattr(theirs, name) or not str(getattr(thing, "__module__", "")).startswith("pedigrad"):
            continue
        yield f"{path}.{name}".strip("."), thing, getattr(theirs, name)
        if inspect.isclass(thing) and not inside:
            for method, function in vars(thing).items():
                if inspect.isfunction(function) and (method in ("__init__", "__call__") or method[0] != "_"):
                    yield f"{path}.{name}.{method}".strip("."), function, getattr(getattr(theirs, name), method, None)


@pytest.mark.parametrize("path", ["", *WORKING.split()])
def test_no_signature_is_args_and_kwargs_where_pytorchs_is_not(path):
    found = list(callables(path))
    assert found
    loose = [(name, thing, theirs) for name, thing, theirs in found if takes_anything(thing) and why_refused(thing) is None]
    assert [name for name, _, theirs in loose if not takes_anything(theirs) and name not in ANYTHING] == []


@pytest.mark.parametrize("space, name", FUNCTIONS)
def test_a_signature_has_the_parameters_of_pytorch(space, name):
    """Those of one of its overloads at least."""
    forms = signatures.forms(space, name)
    ours = [name.rstrip("_") for name in shown(space, name).parameters]
    wanted = [[p.name.rstrip("_") for p in form if p.name not in ("self", "out", "generator")] for form in forms]
    if space == "Tensor":
        wanted = [[n for n in form if n != "input"] for form in wanted]
    ours += ["input"] * ("A" in ours)
    if name in DOCUMENTED.split():
        return
    assert not wanted or any(set(form) <= set(ours) for form in wanted), f"{name}{shown(space, name)}: PyTorch has {wanted}"
