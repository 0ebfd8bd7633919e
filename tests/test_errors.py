"""What errors say: what is wrong, with which operands, and the user's line."""

import copy
import inspect
import io
import os
import pickle
import re
import subprocess
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np
import pytest

import pedigrad as torch


class Refusal:
    """Catches an error that must have these parts in its message, and the line it was raised from."""

    def __init__(self, kind, *parts):
        self.kind, self.parts = kind, parts

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        assert kind is not None, f"no {self.kind.__name__}"
        if not issubclass(kind, self.kind):
            return False
        self.message = str(error)
        for part in self.parts:
            assert part in self.message, self.message
        lines = [frame.lineno for frame in traceback.extract_tb(trace) if frame.filename == __file__]
        assert f"{__file__}:{lines[-1]}" in self.message, self.message
        return True


def leaf(*values):
    return torch.tensor(values, requires_grad=True)


def line_of(function, offset=1):
    """`file:line` of a line of a function, counted from its `def`."""
    return f"{__file__}:{function.__code__.co_firstlineno + offset}"


# Shapes


def test_shapes_that_do_not_broadcast():
    x, y = torch.ones(2, 3), torch.ones(4)
    with Refusal(RuntimeError, "add()", "must match the size", "dimension 1", "float32[2, 3]", "float32[4]"):
        x + y
    with Refusal(RuntimeError, "mul()", "float32[2, 3]"):
        torch.mul(x, y)


def test_shapes_that_do_not_multiply():
    x, y = torch.ones(2, 3), torch.ones(4, 5)
    with Refusal(RuntimeError, "matmul()", "shapes cannot be multiplied", "float32[2, 3]", "float32[4, 5]"):
        x @ y
    with Refusal(RuntimeError, "float32[2, 3]", "float32[4, 5]"):
        torch.nn.functional.linear(x, y)


def test_inplace_result_of_another_shape():
    x = torch.ones(3)
    with Refusal(RuntimeError, "doesn't match the broadcast shape", "[3]", "[2, 3]"):
        x.add_(torch.ones(2, 3))


def test_inplace_result_of_another_dtype():
    x = torch.ones(3, dtype=torch.int64)
    with Refusal(RuntimeError, "result type torch.float32 can't be cast to the desired output type torch.int64"):
        x.add_(1.5)


def test_dimension_out_of_range():
    with Refusal(IndexError, "Dimension out of range (expected to be in range of [-2, 1], but got 5)"):
        torch.ones(2, 3).sum(5)
    with Refusal(IndexError, "[-2, 1]"):
        torch.ones(2, 3).transpose(0, 2)


def test_index_out_of_range():
    with Refusal(IndexError, "5", "3"):
        torch.ones(3)[5]


def test_impossible_reshape():
    with Refusal(RuntimeError, "6"):
        torch.ones(2, 3).reshape(4)


# Arguments


def test_operand_that_is_no_tensor():
    with Refusal(TypeError, "exp(): argument 'input' must be Tensor, not str"):
        torch.exp("three")
    with Refusal(TypeError, "argument 'input' must be Tensor, not list"):
        torch.exp([1.0, 2.0])


def test_unknown_argument():
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        torch.exp(torch.ones(2), speed=3)


def test_unknown_name():
    with pytest.raises(AttributeError, match=r"pedigrad has no torch\.matmull; the nearest it has is torch\.matmul"):
        _ = torch.matmull


def test_mean_of_integers():
    with Refusal(RuntimeError, "mean()", "torch.int64"):
        torch.ones(2, dtype=torch.int64).mean()


def test_other_devices():
    with pytest.raises(RuntimeError, match=r"cuda.*is_available"):
        torch.ones(2, device="cuda")


def test_item_of_many():
    with Refusal(RuntimeError, "a Tensor with 3 elements cannot be converted to Scalar"):
        torch.ones(3).item()


def test_truth_of_many():
    with Refusal(RuntimeError, "Boolean value of Tensor with more than one value is ambiguous"):
        bool(torch.ones(3))


def test_numpy_of_a_tensor_with_history():
    with Refusal(RuntimeError, "Use tensor.detach().numpy() instead"):
        leaf(1.0).numpy()


# Backward


def test_backward_without_anything_to_differentiate():
    with Refusal(RuntimeError, "does not require grad", "nothing it was computed from has requires_grad=True"):
        (torch.ones(1) * 2.0).backward()


def test_backward_of_a_detached_tensor():
    def cut(x):
        return (x * 2.0).detach()

    with Refusal(RuntimeError, "does not require grad", "detached", line_of(cut), "return (x * 2.0).detach()"):
        (cut(leaf(1.0)) * 3.0).backward()


def test_backward_of_what_was_computed_under_no_grad():
    def quiet(x):
        with torch.no_grad():
            return x * 2.0

    with Refusal(RuntimeError, "does not require grad", "mul() under no_grad", line_of(quiet, 2)):
        quiet(leaf(1.0)).backward()


def test_backward_of_integers():
    def chosen(x):
        return x.argmax()

    with Refusal(RuntimeError, "does not require grad", "argmax()", "integers", line_of(chosen)):
        chosen(leaf(1.0, 2.0)).backward()


def test_backward_of_a_comparison():
    def positive(x):
        return x > 0.0

    with Refusal(RuntimeError, "does not require grad", "gt()", "booleans", line_of(positive)):
        positive(leaf(1.0)).float().sum().backward()


def test_grad_of_an_input_that_needs_none():
    x = leaf(1.0)
    with Refusal(RuntimeError, "input 1"):
        torch.autograd.grad(x * 2.0, (x, torch.ones(1)))


def test_backward_of_many_elements():
    with Refusal(RuntimeError, "grad can be implicitly created only for scalar outputs", "(2,)"):
        (leaf(1.0, 2.0) * 2.0).backward()


def test_gradient_of_the_wrong_shape():
    with Refusal(RuntimeError, "(3,)", "(2,)"):
        (leaf(1.0, 2.0) * 2.0).backward(torch.ones(3))


def test_second_backward():
    def first(loss):
        loss.backward()

    def build(x):
        return x.exp().sum()

    loss = build(leaf(1.0, 2.0))
    first(loss)
    with Refusal(RuntimeError, "backward through the graph a second time", "retain_graph=True", line_of(first), line_of(build)):
        loss.backward()


def test_modified_saved_tensor():
    def save(x):
        return x.exp()

    def modify(y):
        y.add_(1.0)

    x = leaf(1.0, 2.0)
    y = save(x)
    z = y * y
    modify(y)
    with Refusal(RuntimeError, "modified by an inplace operation", "MulBackward0", "add_()", line_of(modify), "shape torch.Size([2])"):
        z.sum().backward()


def test_modified_output():
    def save(x):
        return x.exp()

    def modify(y):
        y[0] = 5.0

    y = save(leaf(1.0, 2.0))
    total = y.sum()
    modify(y.detach())
    with Refusal(RuntimeError, "modified by an inplace operation", "ExpBackward0", line_of(save), line_of(modify)):
        total.backward()


def test_modified_by_an_optimizer():
    w = leaf(1.0, 2.0)
    loss = (w * w).sum()
    w.grad = torch.ones(2)
    optimizer = torch.optim.SGD([w], lr=0.1)

    def update():
        optimizer.step()

    update()
    with Refusal(RuntimeError, "modified by an inplace operation", "MulBackward0", line_of(update)):
        loss.backward()


def test_inplace_on_a_leaf():
    x = leaf(1.0, 2.0)
    with Refusal(RuntimeError, "a leaf Variable that requires grad", "in-place operation", "torch.no_grad()"):
        x.add_(1.0)
    with Refusal(RuntimeError, "a leaf Variable that requires grad"):
        x[0] = 5.0
    with Refusal(RuntimeError, "a view of a leaf Variable that requires grad"):
        x[:1].mul_(2.0)
    assert x.tolist() == [1.0, 2.0]


def test_inplace_on_an_expanded_tensor():
    x = torch.ones(1).expand(3)
    with Refusal(RuntimeError, "single memory location"):
        x.add_(1.0)


def test_out_with_gradients():
    with Refusal(RuntimeError, "out=... arguments don't support automatic differentiation"):
        torch.add(torch.ones(2), 1.0, out=leaf(1.0, 2.0))


def test_copying_a_result():
    with pytest.raises(RuntimeError, match="deepcopy"):
        copy.deepcopy(leaf(1.0) * 2.0)


def test_the_line_is_not_inside_the_library():
    model = torch.nn.Linear(3, 2)
    with Refusal(RuntimeError, "float32[5, 4]", "float32[2, 3]") as refusal:
        model(torch.ones(5, 4))
    assert not re.search(r"at .*pedigrad/(nn|ops|dispatch|autograd)", refusal.message)


def test_what_numpy_said_is_kept_and_not_printed():
    with pytest.raises(RuntimeError) as caught:
        torch.ones(2, 3) + torch.ones(4)
    assert isinstance(caught.value.__context__, ValueError) and caught.value.__suppress_context__


# Tracebacks


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU(), torch.nn.Linear(3, 2))

    def forward(self, x):
        return self.encoder(x)


def printed(call):
    """The traceback that `call` ends with, from this file's frames on."""
    try:
        call()
    except Exception:
        return traceback.format_exc()
    raise AssertionError("no error")


def test_a_wrong_layer_prints_one_short_traceback():
    def call():
        model = Net()
        model(torch.ones(2, 8))

    text = printed(call)
    assert text.count("Traceback") == 1 and "another exception" not in text
    frames = [line for line in text.split("\n") if line.startswith("  File ")]
    assert len(frames) == 4 and sum(__file__ in line for line in frames) == 3, text  # this test's two, one `__call__`, Net.forward
    assert len(text.split("\n")) <= 16
    last = text[text.index("RuntimeError: ") :]
    for part in ("(2x4 and 3x2)", "(out_features, in_features) = (2, 3)", "in model.encoder.2 (Linear)", f"at {__file__}"):
        assert part in last, text


def second_backward():
    w = torch.ones(3, requires_grad=True)
    loss = (w * w).sum()
    loss.backward()
    loss.backward()


def changed_in_place():
    h = torch.ones(3, requires_grad=True).exp()
    loss = (h * h).sum()
    h.add_(1)
    torch.autograd.backward(loss)


def with_nan():
    with torch.autograd.set_detect_anomaly(True):
        (torch.zeros(3, requires_grad=True).sqrt() * 0).sum().backward()


def without_history():
    torch.autograd.backward([torch.ones(3).sum()])


def of_several():
    torch.ones(3, requires_grad=True).exp().backward()


def added_to_a_leaf():
    w = torch.ones(3, requires_grad=True)
    w += 1


def set_in_a_leaf():
    torch.ones(3, requires_grad=True)[0] = 1


class Uneven(torch.utils.data.Dataset):
    def __init__(self, sample):
        self.sample = sample

    def __len__(self):
        return 4

    def __getitem__(self, i):
        return self.sample(i)


def loaded(sample):
    return lambda: next(iter(torch.utils.data.DataLoader(Uneven(sample), 2)))


@pytest.mark.parametrize(
    "call",
    [
        second_backward, changed_in_place, with_nan, without_history, of_several, added_to_a_leaf, set_in_a_leaf,
        lambda: torch.ones(3, requires_grad=True).mul_(2), lambda: torch.ones(3, requires_grad=True).sub_(2),
        lambda: torch.ones(3, requires_grad=True).zero_(), lambda: torch.ones(3, requires_grad=True).fill_(2),
        lambda: torch.ones(3, requires_grad=True).copy_(torch.ones(3)),
        loaded(lambda i: torch.ones(i + 1)), loaded(lambda i: {"a": {1, 2}}), loaded(lambda i: [1] * (i + 1)),
    ],
)  # fmt: skip
def test_one_frame_of_ours_is_shown(call):
    for _ in range(2):
        with pytest.raises((RuntimeError, TypeError)) as caught:
            call()
        frames = traceback.extract_tb(caught.value.__traceback__)
    assert sum(frame.filename != __file__ for frame in frames) <= 1 and frames[-2].filename == __file__, frames


class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g @ torch.ones(4, 4)  # where it goes wrong


def test_of_an_error_in_a_users_gradient_its_line_is_shown():
    for call in (Wrong.apply, lambda x: watched(x * 2)):
        with pytest.raises(RuntimeError) as caught:
            call(torch.ones(3, requires_grad=True)).sum().backward()
        frames = traceback.extract_tb(caught.value.__traceback__)
        assert "# where it goes wrong" in frames[-1].line or "# where it goes wrong" in frames[-2].line
        assert sum(frame.filename != __file__ for frame in frames) <= 2


def watched(y):
    y.register_hook(lambda g: g @ torch.ones(4))  # where it goes wrong
    return y


def test_faults_of_others_keep_their_frames():
    def broken(g):
        raise KeyError("mine")

    y = torch.ones(3, requires_grad=True) * 2
    y.register_hook(broken)
    with pytest.raises(KeyError) as caught:
        y.sum().backward()
    assert sum(frame.filename != __file__ for frame in traceback.extract_tb(caught.value.__traceback__)) > 3


def test_a_wrong_operation_prints_the_line_of_its_declaration():
    x = torch.ones(2, 3)
    for _ in range(2):  # the first call generates the code
        text = printed(lambda: x @ x)
        frames = [line for line in text.split("\n") if line.startswith("  File ")]
        assert all(__file__ in frame for frame in frames[:-1]) and "<pedigrad" not in text, text
    assert "matmul.py" in frames[-1] and "def matmul(x, y, /):" in text


def test_all_frames_are_shown_when_asked():
    program = "import pedigrad as torch; torch.ones(2, 3) @ torch.ones(2, 3)"
    for value, count in (("full", 5), ("", 2)):
        environment = os.environ | {"PEDIGRAD_TRACEBACK": value}
        result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
        frames = [line for line in result.stderr.split("\n") if line.startswith("  File ")]
        assert len(frames) >= count if value else len(frames) <= count, result.stderr


def test_the_source_of_an_op_is_its_declaration():
    torch.tanh(torch.ones(2))
    assert inspect.getsource(torch.tanh).startswith("def tanh(x, /):")
    assert "_forward" in torch.tanh.op.source


@pytest.mark.parametrize("name", ["add", "matmul", "sum", "cat"])
def test_errors_of_the_fast_path_have_no_chain(name):
    x, y = torch.ones(2, 3), torch.ones(4)
    calls = {"add": lambda: x + y, "matmul": lambda: x @ y, "sum": lambda: x.sum(5), "cat": lambda: torch.cat([x, y])}
    text = printed(calls[name])
    assert text.count("Traceback") == 1, text


def test_a_users_frame_within_the_library_stays():
    def hook(module, args, out):
        raise KeyError("mine")

    layer = torch.nn.Linear(3, 2)
    layer.register_forward_hook(hook)
    text = printed(lambda: layer(torch.ones(1, 3)))
    assert "in hook" in text and "calling.py" in text  # an error that is not ours keeps all its frames


@pytest.mark.parametrize(
    "layer, given, parts",
    [
        ("nn.Conv2d(3, 8, 3)", "torch.ones(1, 4, 8, 8)", ["weight of size [8, 3, 3, 3]", "to have 3 channels", "got 4", "(Conv2d)"]),
        ("nn.Embedding(10, 3)", "torch.tensor([[1, 12]])", ["index 12 at [0, 1]", "(10, 3)", "0 to 9", "(Embedding)"]),
        ("nn.Embedding(10, 3)", "torch.tensor([-2])", ["index -2 at [0]", "(Embedding)"]),
        ("nn.BatchNorm1d(5)", "torch.ones(4, 3)", ["should contain 3 elements not 5", "3 channels", "5 features", "(BatchNorm1d)"]),
        ("nn.Linear(3, 2)", "torch.ones(4)", ["(1x4 and 3x2)", "(out_features, in_features) = (2, 3)", "(Linear)"]),
    ],
)
def test_layers_say_what_they_take(layer, given, parts):
    names = {"nn": torch.nn, "torch": torch}
    layer, given = eval(layer, names), eval(given, names)
    with Refusal(Exception, *parts, "in layer ("):
        layer(given)


def test_a_target_that_is_no_class():
    scores = torch.zeros(3, 4)
    for loss in (torch.nn.CrossEntropyLoss(), torch.nn.NLLLoss()):
        for wrong in (4, -1):
            with Refusal(IndexError, f"Target {wrong} is out of bounds", "at [1]", "4 classes, 0 to 3", "in loss ("):
                loss(scores, torch.tensor([0, wrong, 2]))


def test_operands_have_the_users_names():
    x, w = torch.ones(4, 3), torch.ones(5, 2)
    with Refusal(RuntimeError, "input = x: float32[4, 3]", "other = w: float32[5, 2]"):
        x @ w
    with Refusal(RuntimeError, "tensors = (x: float32[4, 3], w: float32[5, 2])"):
        torch.cat([x, w])

    class Layer:
        def __init__(self):
            self.w = w

        def __call__(self, x):
            return x @ self.w

    with Refusal(RuntimeError, "input = x: float32[4, 3]", "other = self.w: float32[5, 2]"):
        Layer()(x)


def test_a_module_that_its_caller_does_not_hold():
    class Caller(torch.nn.Module):
        def forward(self, x):
            return torch.nn.Linear(3, 2)(x)

    with Refusal(RuntimeError, "in caller.Linear (Linear)"):
        caller = Caller()
        caller(torch.ones(1, 4))


def test_an_error_in_a_layers_forward_is_at_the_line_that_made_the_call():
    class Layer(torch.nn.Module):
        def __init__(self, act):
            super().__init__()
            self.act = act

        def forward(self, x):
            return self.act(x)

    class Whole(torch.nn.Module):
        def __init__(self, act):
            super().__init__()
            self.layers = torch.nn.ModuleList([Layer(torch.relu), Layer(act)])

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

    convolved = Whole(lambda x: torch.nn.functional.conv2d(x, torch.ones(3, 3, 3, 3)))
    with Refusal(RuntimeError, "in convolved.layers.1 (Layer)", "convolved = Whole(lambda x: torch.nn.functional.conv2d("):
        convolved(torch.ones(2, 3))
    moved = Whole(lambda x: x.cuda())
    with Refusal(RuntimeError, "in moved.layers.1 (Layer)", "moved = Whole(lambda x: x.cuda())"):
        moved(torch.ones(2, 3))
    builtin = Whole(torch.nn.Conv2d(3, 3, 3))  # where the layer is ours, the line is that which called it
    with Refusal(RuntimeError, "in builtin.layers.1.act (Conv2d)", "return self.act(x)"):
        builtin(torch.ones(2, 3))


def test_a_misspelt_layer_can_be_suggested():
    model = Net()
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'encodr'") as caught:
        model.encodr  # noqa: B018
    assert caught.value.name == "encodr" and caught.value.obj is model  # of which Python makes "Did you mean: 'encoder'?"


def test_a_refusal_of_ours_keeps_its_type_whatever_it_says():
    """What NumPy says is translated, and nothing else; not even if it speaks of arrays and broadcasting."""
    from pedigrad.core.declare import composite

    @composite(places="")
    def picky(x, /, how=0):
        if how == 0:
            raise ValueError("broadcast these NumPy arrays with ufunc matmul along axes")
        if how == 1:
            raise TypeError("numpy boolean ufunc")
        return np.reshape(x, (7,))

    with pytest.raises(ValueError, match=r"picky\(\): broadcast"):
        picky(torch.ones(2))
    with pytest.raises(TypeError, match="picky"):
        picky(torch.ones(2), 1)
    with pytest.raises(RuntimeError, match="picky"):
        picky(torch.ones(2), 2)


def test_an_error_can_be_pickled():
    with pytest.raises(RuntimeError) as caught:
        torch.ones(2) + torch.ones(3)
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)


# Calls with `out=`


def test_out_with_a_gradient():
    x = leaf(1.0, 2.0)
    calls = [
        lambda: torch.add(x, 1, out=torch.empty(2)),
        lambda: torch.max(x, 0, out=(torch.empty(()), torch.empty((), dtype=torch.int64))),
        lambda: torch.cat([torch.ones(2), x], out=torch.empty(4)),
        lambda: torch.diff(x, out=torch.empty(1)),
        lambda: torch.add(torch.ones(2), 1, out=x),
    ]
    for call in calls:
        with Refusal(RuntimeError, "functions with out=... arguments don't support automatic differentiation"):
            call()
    with torch.no_grad():
        assert torch.add(x, 1, out=torch.empty(2)).tolist() == [2.0, 3.0]
    assert torch.argmax(x, out=torch.empty((), dtype=torch.int64)) == 1  # it has no gradient anyway


# Numbers from tensors, flags


def test_numbers_from_tensors_of_several_elements():
    for convert in (float, int, complex):
        for x in (torch.ones(3), torch.ones(0), leaf(1.0, 2.0)):
            with Refusal(ValueError, "only one element tensors can be converted to Python scalars"):
                convert(x)
    with Refusal(RuntimeError, "cannot be converted to Scalar"):
        torch.ones(3).item()
    assert float(torch.tensor([2 + 0j])) == 2.0 and complex(torch.tensor([1 + 2j])) == 1 + 2j
    with Refusal(RuntimeError, "without overflow"):
        int(torch.tensor([1 + 2j]))


@pytest.mark.parametrize("value", ["a", 1, 0, None, torch.tensor(True), []])
def test_requires_grad_is_a_bool(value):
    x = torch.ones(2)
    with Refusal(RuntimeError, "requires_grad must be a bool"):
        x.requires_grad = value
    with Refusal(TypeError, "must be bool"):
        x.requires_grad_(value)
    assert not x.requires_grad


# Lists of tensors


def test_joining_nothing():
    with Refusal(ValueError, "expected a non-empty list of Tensors"):
        torch.cat([])
    for join in (torch.stack, torch.hstack, torch.vstack, torch.column_stack):
        with Refusal(RuntimeError, "expects a non-empty TensorList"):
            join([])
    with Refusal(TypeError, "must be Tensor, not NoneType"):
        torch.cat([torch.ones(2), None])
    with Refusal(ValueError, "at least one operand"):
        torch.einsum("i->i")
    assert torch.block_diag().shape == (1, 0)


# Dtypes


@pytest.mark.parametrize(
    "call",
    [
        "c.max()", "c.max(0)", "c.amin(0)", "c.argmax()", "c.sort()", "c.topk(1)", "c.median()", "c.clamp(min=0)", "torch.maximum(c, c)",
        "c.erf()", "c.relu()", "c.round()", "c.softmax(0)", "c.cummax(0)", "F.gelu(c)", "F.elu(c)", "F.layer_norm(c, (2,))",
        "F.max_pool1d(c, 2)", "F.cross_entropy(c, torch.tensor([0, 1]))", "torch.unique(c)", "c.clone().clamp_(0)",
    ],
)  # fmt: skip
def test_complex_numbers_are_not_ordered(call):
    c = torch.tensor([[1 + 2j, 0.5 - 1j], [2 + 0j, 1j]])
    with pytest.raises(RuntimeError, match="complex"):
        eval(call, {"c": c, "torch": torch, "F": torch.nn.functional})


def test_dtypes_of_targets():
    F = torch.nn.functional
    scores, classes = torch.ones(2, 3), torch.tensor([0, 1])
    for loss in (F.cross_entropy, F.nll_loss, F.multi_margin_loss):
        loss(scores, classes)
        with pytest.raises(RuntimeError):
            loss(scores, classes.int())
    assert F.cross_entropy(scores, classes.byte()) == F.cross_entropy(scores, classes)
    for loss in (F.binary_cross_entropy, F.binary_cross_entropy_with_logits, F.kl_div):
        with pytest.raises(RuntimeError):
            loss(scores / 2, torch.ones(2, 3).long(), reduction="sum")
    with pytest.raises(RuntimeError, match="float64"):
        F.binary_cross_entropy(scores / 2, scores.double())


@pytest.mark.parametrize("size", [10, 200_000])  # NumPy's and a native kernel's
def test_probabilities_out_of_range(size):
    good = torch.full((size,), 0.5)
    bad = good.clone()
    bad[7] = 1.5
    assert abs(torch.nn.functional.binary_cross_entropy(good, good) - 0.6931) < 1e-3
    for x in (bad, bad.clone().requires_grad_()):
        with pytest.raises(RuntimeError, match="between 0 and 1"):
            torch.nn.functional.binary_cross_entropy(x, good)


def test_a_device_that_is_not_there_is_guarded_by_its_own_name():
    for name, guard in (("mps", "torch.backends.mps"), ("cuda", "torch.cuda"), ("xpu", "torch.xpu")):
        with pytest.raises(RuntimeError, match=f"Guard it with {guard}.is_available"):
            torch.zeros(2, device=name)


def test_a_gradient_of_a_wrong_shape_is_the_functions_own_mistake():
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return torch.ones(5)

    with pytest.raises(RuntimeError, match=r"got \[5\] but expected shape compatible with \[2\]: its backward\(\) gives another shape"):
        Wrong.apply(torch.ones(2, requires_grad=True)).sum().backward()


def test_the_users_line_is_not_one_of_pythons_own_modules():
    with pytest.raises(RuntimeError, match=r"at .*test_errors\.py:\d+: copy\.deepcopy"):
        copy.deepcopy(leaf(1.0) * 2)


def test_garbage_is_refused_in_one_traceback():
    with pytest.raises(pickle.UnpicklingError) as caught:
        torch.load(io.BytesIO(b"hello"))
    assert "".join(traceback.format_exception(caught.value)).count("Traceback") == 1


# NumPy's warnings


@pytest.mark.parametrize("how", ["always", "error", "strict"])
def test_numpys_warnings_stay_inside(how):
    """Whatever filters the user sets after the import, and where NumPy is told to raise; the user's own NumPy code hears of it all."""
    program = Path(__file__).parent / "support" / "special_values.txt"
    result = subprocess.run([sys.executable, program, how], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
    assert int(result.stdout.split()[0]) > 3000 and not result.stderr, result.stderr


def test_numpys_warnings_stay_inside_with_filters_of_the_command_line():
    program = "import pedigrad as torch; x = torch.zeros(2); print((x / x).isnan().all(), x.log(), (1 / x).mean())"
    result = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True)
    assert result.returncode == 0 and "tensor(True)" in result.stdout, result.stderr


@pytest.mark.parametrize("name", ["inv", "det", "eigvals", "svd", "qr"])
def test_warnings_of_numpys_functions_in_python_stay_inside(name):
    x = torch.eye(3) * (1e-45 if name == "inv" else 1e38 if name != "det" else 1e30)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        getattr(torch.linalg, name)(x * torch.ones(3, 3) if name in ("svd", "qr", "eigvals") else x)
    assert not heard, heard[0].message


def test_modules_have_their_names():
    import pedigrad.core.origin as origin

    assert origin.__name__ == "pedigrad.core.origin" and "pedigrad.core.origin" in repr(origin)
    x = (leaf(1.0) * 2).exp()
    assert type(x.grad_fn).__module__ == "pedigrad.core.graph" and torch.exp.__module__ == "pedigrad"
    assert pickle.loads(pickle.dumps(torch.exp)) is torch.exp
    model = torch.nn.Linear(2, 2)
    assert pickle.loads(pickle.dumps(model)).__class__ is torch.nn.Linear


# Our own warnings; which there are is compared in `tests/conformance/test_warnings.py`


def test_warnings_point_to_the_users_line_however_deep_they_come_from():
    loss = torch.nn.MSELoss()
    calls = [lambda: loss(torch.ones(3), torch.ones(3, 1)), lambda: torch.nn.functional.softmax(torch.ones(2, 2))]
    for call in calls:
        with pytest.warns(UserWarning) as heard:
            call()
        assert [(each.filename, each.lineno) for each in heard] == [(__file__, call.__code__.co_firstlineno)]


def test_all_warnings_go_one_way():
    """A plain `warnings.warn` that names one of our own frames would not be heard."""
    source = Path(torch.__file__).parent
    found = [path for path in source.rglob("*.py") if "warnings.warn(" in path.read_text()]
    assert [path.name for path in found] == ["origin.py"], found


@pytest.mark.parametrize("out", [3, [1], "two"])
def test_out_is_one_tensor(out):
    with pytest.raises(TypeError, match="argument 'out' must be Tensor, not"):
        torch.sin(torch.ones(2), out=out)


def test_out_is_as_many_tensors_as_there_are_results():
    with pytest.raises(TypeError, match="argument 'out' must be tuple of 2 Tensors"):
        torch.sort(torch.ones(2), out=torch.empty(2))
