"""A program that meets zeros, infinities and nan in most operations; an error says which one let NumPy's warning out.

`python special_values.py error` makes warnings errors, `always` shows each one, `strict` has NumPy raise.
"""

# ruff: noqa: B023  (what is attempted is called at once)
import sys
import warnings

import numpy as np

import pedigrad as torch
from pedigrad.core.inplace import inplace_form
from pedigrad.core.op import REGISTRY

strict = sys.argv[1] == "strict"
np.seterr(all="raise" if strict else "warn")
warnings.resetwarnings()
warnings.simplefilter("always" if sys.argv[1] == "always" else "error")  # whatever was set at import is gone

REFUSALS = (RuntimeError, ValueError, TypeError, IndexError, AttributeError, AssertionError)
VALUES = [0.0, -0.0, 1.0, -1.0, 3e38, -3e38, 1e-40, float("inf"), -float("inf"), float("nan"), 0.5, -2.0]
leaks, done = [], 0


def attempt(what, call):
    global done
    try:
        with warnings.catch_warnings(record=sys.argv[1] == "always") as shown:
            call()
        done += 1
        heard = [each for each in shown or () if each.category is RuntimeWarning]
        leaks.extend(f"{what}: {each.message} ({each.filename})" for each in heard)
    except (FloatingPointError, Warning) as error:
        if not isinstance(error, UserWarning):  # what PyTorch warns of too
            leaks.append(f"{what}: {type(error).__name__}: {error}")
    except REFUSALS:
        pass


def tensors(dtype, count):
    x = torch.tensor(VALUES).to(dtype)
    return [x, x.flip(0), x.roll(3)][:count]


def run(op, dtype):
    xs = tensors(dtype, len(op.operands))
    attempt(f"{op.name} of {dtype}", lambda: op.function(*xs))
    attempt(f"{op.name} of {dtype}, strided", lambda: op.function(*(x.reshape(3, 4).T for x in xs)))
    if op.inplace:
        write, others = inplace_form(op), [x.reshape(3, 4).T for x in xs[1:]]
        attempt(f"{op.name}_ of {dtype}", lambda: write(xs[0].clone(), *xs[1:]))
        attempt(f"{op.name}_ of {dtype}, strided", lambda: write(xs[0].reshape(3, 4).clone().T, *others))
    if op.rules and dtype.is_floating_point:

        def backward():
            leaves = [x.clone().requires_grad_() for x in xs]
            out = op.function(*leaves)
            out.backward(torch.tensor(VALUES).to(out.dtype).roll(1)[: out.numel()].reshape(out.shape), retain_graph=True)
            (first,) = torch.autograd.grad(out.sum(), leaves[0], create_graph=True)
            first.sum().backward()

        attempt(f"{op.name} of {dtype}, backward", backward)


for op in list(REGISTRY.values()):
    if op.kind in ("elementwise", "reduction", "composite", "kernel") and len(op.operands) <= 3 and not op.variadic:
        for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8):
            run(op, dtype)

x = torch.tensor(VALUES)
for dtype in (torch.int32, torch.uint8, torch.float16, torch.bfloat16, torch.bool, torch.complex64, torch.float64):
    attempt(f"to {dtype}", lambda: x.to(dtype))
    attempt(f"float64 to {dtype}", lambda: (x.double() * 1e200).to(dtype))
    attempt(f"assignment to {dtype}", lambda: torch.zeros(12, dtype=dtype).copy_(x))
    attempt(f"tensor of {dtype}", lambda: torch.tensor([1.0, 250.0], dtype=dtype))
    attempt(f"full of {dtype}", lambda: torch.full((2,), float("inf"), dtype=dtype))
    attempt(f"division by a number of {dtype}", lambda: torch.ones(3, dtype=dtype) / 0)
attempt("full", lambda: torch.full((2,), 1e300))
attempt("tensor", lambda: torch.tensor([1e300, 1e-300]))
attempt("numbers", lambda: (x / 0, 1 / x, x**-1, 2**x, x // 0, x % 0, x.reciprocal(), -x, abs(x), x**0.5))
attempt("linspace", lambda: (torch.linspace(-3e38, 3e38, 5), torch.logspace(-300, 300, 5), torch.arange(0, 1, 0.1)))
attempt("printing", lambda: (repr(x), repr(x.double()), repr(x.half()), str(x[2])))
attempt("indexing", lambda: x.clone().__setitem__(slice(0, 3), 1e300))
attempt("masks", lambda: x.masked_fill(x > 0, float("inf")).nan_to_num())

functional = torch.nn.functional
wide = x.reshape(3, 4)
for name in ("gelu", "silu", "mish", "softplus", "elu", "selu", "logsigmoid", "hardswish", "tanhshrink", "normalize"):
    attempt(name, lambda: getattr(functional, name)(wide))
attempt("softmax", lambda: (wide.softmax(1), wide.log_softmax(1)))
for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div", "poisson_nll_loss", "binary_cross_entropy_with_logits"):
    attempt(name, lambda: getattr(functional, name)(wide.clone().requires_grad_(), wide.flip(0)).backward())
attempt("cross_entropy", lambda: functional.cross_entropy(wide.clone().requires_grad_(), torch.tensor([0, 1, 2])).backward())
attempt(
    "nothing", lambda: (torch.ones(0).mean(), torch.ones(0).var(), torch.ones(1).std(), functional.mse_loss(torch.ones(0), torch.ones(0)))
)
nn = torch.nn
for layer in (
    nn.BatchNorm1d(4),
    nn.LayerNorm(4),
    nn.RMSNorm(4),
    nn.Linear(4, 4),
    nn.GRU(4, 4),
    nn.LSTM(4, 4),
    nn.TransformerEncoderLayer(4, 1, 8),
):
    for given in (wide, wide * 0, torch.full((3, 4), 3e38)):

        def train(layer=layer, given=given):
            out = layer(given)
            (out[0] if isinstance(out, tuple) else out).pow(3).sum().backward()

        attempt(type(layer).__name__, train)
for kind in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "ASGD", "Rprop", "Adafactor"):
    for size in (12, 1200):
        p = torch.nn.Parameter(torch.ones(size // 4, 4))
        p.grad = x.repeat(size // 12).reshape(-1, 4)
        optimizer = getattr(torch.optim, kind)([p], lr=3e38)
        attempt(kind, lambda: [optimizer.step() for _ in range(2)])
p.grad = wide.repeat(100, 1)
attempt("clipping", lambda: (torch.nn.utils.clip_grad_norm_([p], 0.0), torch.nn.utils.clip_grad_value_([p], 1.0)))

# The user's own NumPy code still hears of it, from where it stands.
try:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.ones(2) / np.zeros(2)
except FloatingPointError:
    assert strict
except RuntimeWarning:
    assert not strict
else:
    raise AssertionError("NumPy is silent for the user too")
print(done, "done")
for leak in leaks:
    print(leak)
sys.exit(bool(leaks))
