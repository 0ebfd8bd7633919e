"""Help reads like a reference: what is returned, of which shape, what each argument is, an example that runs."""

import builtins
import doctest
import inspect
import io
import re
import sys

import pytest

import pedigrad as torch

# The functions that programs use most, of those that compute something here (a count of calls in 56 repositories).
MOST_USED = """
cat zeros randn ones manual_seed tensor stack arange load save nn.functional.relu zeros_like rand nn.functional.softmax from_numpy
randint empty nn.functional.cross_entropy nn.functional.log_softmax exp sum linspace max log where autograd.grad allclose abs
ones_like sigmoid mean eye nn.init.normal_ einsum matmul nn.functional.pad tanh clamp full sqrt norm nn.functional.max_pool2d sin
multinomial topk is_tensor nn.init.zeros_ randn_like nn.init.constant_ isnan randperm all mm nn.utils.clip_grad_norm_ cos min tril
testing.assert_close equal pow nn.functional.mse_loss compile nn.functional.nll_loss nn.functional.softplus nn.functional.one_hot
bmm empty_like nn.functional.dropout rand_like nn.functional.scaled_dot_product_attention full_like nn.functional.interpolate argmax
nn.functional.silu nn.functional.linear diag relu nn.functional.normalize meshgrid any dot gather nn.functional.conv2d sign
unsqueeze nn.init.xavier_uniform_ sort flatten softmax triu as_tensor unique rsqrt nn.functional.avg_pool2d nonzero split mul outer
normal set_default_dtype mv argsort nn.functional.sigmoid nn.functional.gelu repeat_interleave add nn.init.orthogonal_ isfinite eq
nn.init.kaiming_uniform_ transpose nn.init.ones_ nn.init.kaiming_normal_ prod sparse_coo_tensor cumsum
nn.functional.binary_cross_entropy_with_logits linalg.solve is_complex linalg.norm nn.functional.adaptive_avg_pool2d
get_default_dtype reshape nn.functional.binary_cross_entropy nn.init.uniform_ maximum utils._pytree.tree_flatten chunk std
searchsorted tan nn.functional.cosine_similarity cdist testing.assert_allclose nn.functional.logsigmoid is_floating_point var
squeeze div nn.utils.rnn.pad_sequence is_grad_enabled nn.functional.l1_loss nn.utils.rnn.pack_padded_sequence view_as_real isinf
nn.init.xavier_normal_ argmin utils.data.random_split nn.functional.conv1d nn.functional.conv3d
""".split()
OPERANDS = {"input", "other", "tensor", "mat2", "vec2", "vec"}  # what the first sentence and "Shape:" speak of
NO_TENSORS = """manual_seed load save is_tensor compile set_default_dtype get_default_dtype is_complex is_floating_point is_grad_enabled
utils._pytree.tree_flatten utils.data.random_split""".split()
NO_EXAMPLE = {"testing.assert_allclose"}  # it warns


def found(path):
    thing = torch
    for part in path.split("."):
        thing = getattr(thing, part)
    return thing


def unnamed(thing, doc, leaving=()):
    """The parameters that a docstring does not name."""
    names = [name for name in inspect.signature(thing).parameters if not name.startswith("_") and name not in leaving]
    return [name for name in names if not re.search(rf"\b{name}\b", doc)]


def failures(name, thing, doc):
    """What doctest says of a docstring's examples."""
    names = {name: value for name, value in vars(torch).items() if not hasattr(builtins, name)}  # `range` is Python's
    names |= {**vars(sys.modules[thing.__module__]), "torch": torch}
    said = io.StringIO()
    examples = doctest.DocTestParser().get_doctest(doc, names, name, None, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    assert examples.examples, f"{name} has no example"
    runner.run(examples, out=said.write)
    return said.getvalue()


def is_reference(name, thing, doc, leaving=(), shape=True, example=True):
    first = doc.partition("\n")[0]
    assert first.endswith((".", ":")) and len(first) > 15, f"{name}: the first line is no sentence: {first!r}"
    assert unnamed(thing, doc, leaving) == [], f"{name} does not say what these are"
    assert not shape or re.search(r"^Shape: \S", doc, re.MULTILINE), f"{name} has no shapes"
    assert not example or failures(name, thing, doc) == ""


@pytest.mark.parametrize("name", MOST_USED)
def test_a_function_is_described(name):
    thing = found(name)
    is_reference(name, thing, inspect.getdoc(thing) or "", OPERANDS, name not in NO_TENSORS, name not in NO_EXAMPLE)


def test_a_parameter_that_is_common_is_described_once():
    doc = inspect.getdoc(torch.sum)
    assert doc.count("    keepdim:") == doc.count("    out:") == doc.count("Args:") == 1


def test_a_method_is_not_said_to_have_out():
    assert "    out:" in torch.exp.__doc__ and "out:" not in torch.Tensor.exp.__doc__ and "Args:" not in torch.Tensor.exp.__doc__
    assert "    out:" in torch.sum.__doc__ and "out:" not in torch.Tensor.sum.__doc__ and "Args:" in torch.Tensor.sum.__doc__


# Classes


def classes(module, base):
    """The public classes of a module that are of a base, by path."""
    space = found(module)
    names = [n for n in dir(space) if inspect.isclass(getattr(space, n)) and issubclass(getattr(space, n), base)]
    return [f"{module}.{name}" for name in names if not name.startswith("_")]


MODULES = classes("nn", torch.nn.Module)
OPTIMIZERS = classes("optim", torch.optim.Optimizer)
SCHEDULERS = classes("optim.lr_scheduler", torch.optim.lr_scheduler.LRScheduler)
# What holds modules, or is a base, has no shape of its own.
SHAPELESS = "Module ModuleDict ModuleList ParameterDict ParameterList Sequential RNNBase RNNCellBase".split()
BASES = "nn.RNNBase nn.RNNCellBase optim.Optimizer optim.lr_scheduler.LRScheduler".split()
WARNS = ["nn.NLLLoss2d"]


@pytest.mark.parametrize("name", [*MODULES, *OPTIMIZERS, *SCHEDULERS])
def test_a_class_is_described(name):
    thing = found(name)
    shape = name in MODULES and name.partition(".")[2] not in SHAPELESS
    is_reference(name, thing, inspect.cleandoc(thing.__doc__), {"args", "kwargs"}, shape, name not in [*BASES, *WARNS])


@pytest.mark.parametrize("name", [*MODULES, *OPTIMIZERS, *SCHEDULERS])
def test_arguments_that_are_described_are_those_that_there_are(name):
    doc = inspect.cleandoc(found(name).__doc__)
    block = re.search(r"^Args:\n((?: {4}.*\n?)+)", doc, re.MULTILINE)
    lines = re.findall(r"^ {4}(\w[\w, ]*):", block[1], re.MULTILINE) if block else []
    assert {each for line in lines for each in line.split(", ")} <= set(inspect.signature(found(name)).parameters)


@pytest.mark.parametrize("name", [n for n in OPTIMIZERS if "differentiable" in inspect.signature(found(n)).parameters])
def test_an_option_that_is_said_to_be_refused_is_refused(name):
    assert "differentiable: False; True is refused" in found(name).__doc__
    with pytest.raises(NotImplementedError, match="differentiable"):
        found(name)([torch.nn.Parameter(torch.ones(2, 2))], differentiable=True)
