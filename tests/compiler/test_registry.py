"""Every op in the registry: its forward and its gradient rules, compiled, give what they give as NumPy.

All samples of an op are traced into one program: in float32 as they are, and in float64 with operands that are not contiguous.
The program is traced on other numbers than it is run on, so that no number of the trace can be left in it.
"""

from dataclasses import replace

import numpy as np
import pytest
from op_samples import INTERNAL, NO_DERIVATIVE, cases

import pedigrad.codegen.frontend.rules_index
import pedigrad.nn  # noqa: F401  (its ops enter themselves into the registry)
from pedigrad.autograd.engine import Rules, fitted
from pedigrad.codegen.frontend.trace import Trace
from pedigrad.codegen.ir.instructions import ELEMENTWISE
from pedigrad.codegen.runtime.executable import Executable
from pedigrad.core import dispatch, modes
from pedigrad.core.op import REGISTRY
from pedigrad.eager import native

NAMES = sorted(set(REGISTRY) - INTERNAL)

# What cannot be traced is run by NumPy as a whole, which is right and no great loss for these. "shape": the elements decide the shape
# of an array, so that a program with such an op is not compiled at all.
BOTH = "forward gradient"
UNTRACED = {
    # loops over windows or taps that write in place
    **dict.fromkeys(["conv_forward", "conv_input_grad", "conv_weight_grad", "im2col", "col2im"], BOTH),
    **dict.fromkeys(["window_sum", "window_mean", "window_spread", "adaptive_mean", "adaptive_spread"], BOTH),
    **{
        "window_max": "gradient",
        "resample": "gradient",
        "resample_back": "forward",
        "_ctc_loss": "forward",
        "_ctc_loss_slopes": "forward",
        "padded_stack": "forward",
    },
    # random numbers, which only a recorder can promise to later runs
    **dict.fromkeys(["dropout", "alpha_dropout"], "forward"),
    # a loop along a dimension, each step needing the one before
    **{"recurrence": BOTH, "cumprod": "gradient", "logcumsumexp": "gradient"},
    # sorting, by keys that are bits of the elements
    **dict.fromkeys(["sort", "topk", "kthvalue", "median", "nanmedian", "mode"], "forward"),
    # the memory is looked at in another way, which that of the traced arrays does not allow
    **{"view": "forward", "unfold": "gradient", "complex": "forward", "polar": "forward", "view_as_real": "forward"},
    "view_as_complex": BOTH,
    # a number that is computed decides how often something is done
    **{f"{name}_polynomial_{kind}": "forward" for name in ("chebyshev", "shifted_chebyshev") for kind in "tuvw"},
    **{"hermite_polynomial_h": "forward", "hermite_polynomial_he": "forward", "laguerre_polynomial_l": "forward"},
    **{"legendre_polynomial_p": "forward", "matrix_exp": BOTH},
    # SciPy, which does not ask
    **dict.fromkeys(["fft_c2c", "fft_r2c", "fft_c2r"], BOTH),
    **dict.fromkeys(["linalg_lu_factor", "linalg_ldl_factor_ex"], "forward"),
    # rows that are counted, elements that are picked by a mask
    **{"embedding": "shape", "embedding_dense_backward": "shape", "index_fill": "shape", "masked_scatter": "forward shape"},
}


@pytest.fixture(autouse=True)
def numpy_alone(monkeypatch):
    """What compiled code is compared with is NumPy, for large arrays too."""
    monkeypatch.setattr(native, "_run", lambda *_: None)  # not LARGE, which ops built during a test would keep


class Followed:
    """Samples of one op, traced into one program; `refused` has the parts that could not be traced."""

    def __init__(self, each, dtype):
        self.each, self.dtype = each, np.dtype(dtype)
        self.trace = Trace()
        self.arrays = []  # for the inputs, in order
        self.values = []
        self.strides = {}
        self.expected = []  # what it is, the array, the value that stands for it
        self.refused = {}

    def input(self, array, strided):
        """An input for an array, which is laid out in another way if `strided`; traced on other numbers than those of the array."""
        if strided and array.ndim and array.size:
            array = np.stack([array, array], -1)[..., 0] if len(self.arrays) % 2 else np.array(array, order="F")
        traced = self.trace.input(array * array.dtype.type(0.96875) if array.dtype.kind in "fc" else array)
        self.arrays.append(array)
        self.values.append(traced.value)
        if not array.flags.c_contiguous:
            self.strides[traced.value] = tuple(step // array.itemsize for step in array.strides)
        return traced

    def attempt(self, part, function, plain, traced):
        """What a function gives for arrays and, where it can be traced, for traced arrays."""
        program, guards = self.trace.program, self.trace.guards
        instructions, known = len(program.instructions), len(guards)
        expected = function(*plain)
        try:
            found = function(*traced)
            values = [self.trace.value(x) for x in found]
        except Exception as why:  # what NumPy makes of an Untraceable in its own code, too: the arrays gave no error
            del program.instructions[instructions:], guards[known:]
            self.refused["shape" if isinstance(why, modes.ShapedByValues) else part] = str(why)
            return expected, None
        assert len(expected) == len(values), part
        for i, (array, value) in enumerate(zip(expected, values, strict=True)):
            self.expected.append((f"{part} of {self.each.name}, result {i}", np.asarray(array), value))
        return expected, found

    def follow(self, sample, strided):
        """Trace the forward and the gradient rules on one sample."""
        each = self.each
        arrays = [a if a is None else a.astype(self.dtype_for(a), copy=False) for a in sample.operands]
        attributes = tuple(sample.attributes.get(name, each.defaults.get(name)) for name in each.attributes)
        traced = [None if a is None else self.input(a, strided) for a in arrays]
        results, found = self.attempt("forward", dispatch.Forward(each, attributes), arrays, traced)
        names = each.operands * len(arrays) if each.variadic else each.operands
        owners = [(n, a) for n, a in zip(names, arrays, strict=True) if n in each.differentiable]
        smooth = [a is not None and a.dtype.kind in "fc" and n not in NO_DERIVATIVE.get(each.name, ()) for n, a in owners]
        needs = tuple(True if s else None for s in smooth)
        rng = np.random.default_rng(1)
        visible = results[: len(results) - each.hidden]
        gs = [np.asarray(rng.standard_normal(r.shape)).astype(r.dtype) if r.dtype.kind in "fc" else None for r in visible]
        if not any(needs) or all(g is None for g in gs):
            return
        if found is None:
            found = [self.input(r, False) for r in results]
        traced_gs = [None if g is None else self.input(g, strided) for g in gs]
        if each.outputs is not None and len(visible) == 1:
            (gs,), (traced_gs,) = gs, traced_gs
        rules = Rules(each, needs)

        def gradients(g, operands, results):
            found = rules(g, dispatch._saved(each, needs, tuple(operands), attributes, tuple(results)))
            pairs = zip(found, owners, needs, strict=True)
            return [fitted(d, a.shape, a.dtype) for d, (_, a), needed in pairs if needed and d is not None]

        self.attempt("gradient", gradients, (gs, arrays, results), (traced_gs, traced, found))

    def dtype_for(self, array):
        kind = array.dtype.kind
        return self.dtype if kind == "f" else np.result_type(self.dtype, np.complex64) if kind == "c" else array.dtype

    def check(self, threads):
        """Compile, run and compare."""
        trace = self.trace
        trace.program.outputs = [value for _, _, value in self.expected]
        compiled = Executable(trace.program, trace.constants, threads, trace.guards, None, self.strides)
        arrays = dict(zip(self.values, self.arrays, strict=True))
        results = compiled.run([arrays[value] for value in compiled.inputs])
        for (what, expected, _), result in zip(self.expected, results, strict=True):
            agree(what, expected, result)


def agree(what, expected, result):
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype), what
    if expected.dtype.kind not in "fc":
        assert np.array_equal(expected, result), what
        return
    finite = np.abs(expected[np.isfinite(expected)])
    limit = 2e-5 if expected.real.dtype.itemsize == 4 else 1e-11
    scale = max(finite.max(), 1e-3) if finite.size else 1.0
    assert np.allclose(result, expected, rtol=limit, atol=limit * scale, equal_nan=True), f"{what}: {result}, not {expected}"


def check_small(each):
    """All samples, contiguous in float32 and not contiguous in float64, by one thread; what could not be traced."""
    refused = {}
    for dtype, strided in ((np.float32, False), (np.float64, True)):
        followed = Followed(each, dtype)
        for sample in cases(each):
            followed.follow(sample, strided)
        if followed.expected:
            followed.check(1)
        refused |= followed.refused
    return refused


@pytest.mark.parametrize("name", NAMES)
def test_compiled_as_eager(name):
    refused = check_small(REGISTRY[name])
    assert set(refused) == set(UNTRACED.get(name, "").split()), refused


def test_the_list_of_what_cannot_be_traced_names_ops():
    assert set(UNTRACED) <= set(NAMES)


# Samples made large enough for several threads

LARGE = sorted(n for n in NAMES if REGISTRY[n].kind in ("elementwise", "reduction"))
LARGE += ["softmax", "log_softmax", "logsumexp", "var", "std", "native_layer_norm", "rms_norm_scaled", "native_batch_norm"]


def grown(sample):
    """The sample with every dimension that is not of size one made larger, until the elements are enough for two threads."""
    shapes = [a.shape for a in sample.operands if a is not None]
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        shape = max(shapes, key=np.prod)
    wide = sum(n > 1 for n in shape)
    if not wide or 0 in shape:
        return None
    factor = int(np.ceil((20_000 / np.prod(shape)) ** (1 / wide)))
    rng = np.random.default_rng(2)

    def grow(_, array):
        array = np.tile(array, [factor if n > 1 else 1 for n in array.shape])
        return rng.permuted(array.reshape(-1)).reshape(array.shape)

    return sample.map(grow)


def check_large(each):
    followed = Followed(each, np.float64)
    samples = [s for s in map(grown, cases(each)) if s is not None]
    for number, sample in enumerate(samples[:3]):
        followed.follow(sample, number == 1)
    if followed.expected:
        followed.check(2)


@pytest.mark.parametrize("name", LARGE)
def test_two_threads(name):
    check_large(REGISTRY[name])


# The test itself: wrong code is found


def test_a_wrong_lowering_is_found(monkeypatch):
    monkeypatch.setitem(ELEMENTWISE, "sub", replace(ELEMENTWISE["sub"], real="fadd contract"))
    for check in (check_small, check_large):
        with pytest.raises(AssertionError, match="forward of sub"):
            check(REGISTRY["sub"])


def test_a_number_left_from_the_trace_is_found(monkeypatch):
    def forward(x, /):
        array = getattr(x, "array", x)
        return x + (float(array.max()) if array.size else 0.0)

    monkeypatch.setattr(REGISTRY["exp"], "forward", forward)
    with pytest.raises(AssertionError, match="forward of exp"):
        check_small(REGISTRY["exp"])
