"""Whether pedigrad agrees with PyTorch on the samples of an OpInfo entry: values, gradients, in-place and other forms."""

from __future__ import annotations

import dataclasses
import re
import types
import warnings

import numpy as np
import opinfo_list
import torch
from bridge import Missing, Untranslatable, array_of, fresh, named, ours, resolve, translate

import pedigrad

TOLERANCE = {"float32": (1e-4, 2e-5), "complex64": (1e-4, 2e-5), "float64": (1e-7, 1e-8), "complex128": (1e-7, 1e-8)}
Checked = bool | None  # what a check returns: False if there was nothing to compare
ENOUGH = 6  # failures per entry and dtype after which no more samples are tried


@dataclasses.dataclass
class Failure:
    """One disagreement: its kind, the sample, what was seen, and whether pedigrad refused (rather than gave a wrong answer)."""

    kind: str
    sample: str
    message: str
    refused: bool = False

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}  [{self.sample}]"


class Disagreement(Exception):
    """Raised where the two libraries differ; becomes a Failure."""

    def __init__(self, kind: str, message: str, refused: bool = False):
        super().__init__(message)
        self.kind, self.refused = kind, refused


def samples_of(entry, dtype: str, count: int, requires_grad: bool):
    """At most `count` samples (0: all), evenly spread over the entry's own."""
    torch.manual_seed(0)
    everything = list(entry.sample_inputs("cpu", getattr(torch, dtype), requires_grad=requires_grad))
    if not count or len(everything) <= count:
        return everything
    return [everything[i * (len(everything) - 1) // (count - 1)] for i in range(count)]


def dtypes_of(entry) -> list[str]:
    """The dtypes an entry is tested with."""
    supported = entry.supported_dtypes("cpu")
    return [name for name in opinfo_list.DTYPES if getattr(torch, name) in supported]


def failures(entry, dtype: str, count: int = 12, lacking: frozenset[str] = frozenset()) -> list[Failure]:
    """All disagreements on an entry with that dtype that are not known differences."""
    name = opinfo_list.title(entry)
    found: list[Failure] = []
    compared = False
    try:
        function = resolve(entry)
    except Missing as missing:
        return [Failure("missing", "", str(missing))]
    smooth = entry.supports_autograd and getattr(torch, dtype) in entry.supported_backward_dtypes("cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i, sample in enumerate(samples_of(entry, dtype, count, smooth)):
            for check in (check_result, check_method, check_inplace, check_out):
                if check.__name__.removeprefix("check_") in lacking or (check is not check_result and i % 3):
                    continue
                try:
                    compared |= check(entry, function, sample, dtype, lacking) is not False
                except Disagreement as difference:
                    compared = True
                    failure = Failure(difference.kind, text_of(sample), str(difference), difference.refused)
                    if not opinfo_list.known(name, failure.kind, f"{dtype} {failure}"):
                        found.append(failure)
            if len(found) >= ENOUGH:
                break
    if not compared:
        found.append(Failure("untested", "", f"PyTorch has no samples for {dtype} that it accepts itself"))
    return found


def text_of(value) -> str:
    """A sample, or a value in one, in a few words."""
    if isinstance(value, torch.Tensor):
        strided = "" if value.layout is torch.strided and value.is_contiguous() else " strided"
        return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}{strided}"
    if isinstance(value, (tuple, list)):
        return "(" + ", ".join(map(text_of, value)) + ")"
    if hasattr(value, "kwargs"):
        parts = [text_of(value.input), *map(text_of, value.args)]
        return ", ".join(parts + [f"{k}={text_of(v)}" for k, v in value.kwargs.items()])
    return getattr(value, "__name__", None) or repr(value)


# Calling both


def calls(sample):
    """The arguments of a sample twice: for PyTorch (fresh leaves) and for pedigrad."""
    theirs = fresh((sample.input, tuple(sample.args), dict(sample.kwargs)))
    memo: dict = {}
    try:
        mine = ours(theirs, memo)
    except Untranslatable as what:
        raise Disagreement("sample", str(what)) from None
    except Missing as missing:
        raise Disagreement("missing", str(missing)) from None
    return theirs, mine


def theirs_result(function, arguments):
    """PyTorch's result, or None if it refuses its own sample."""
    value, args, kwargs = arguments
    torch.manual_seed(0)
    try:
        return function(value, *args, **kwargs)
    except Exception:
        return None


def our_result(function, arguments, kind="raises"):
    """pedigrad's result; an exception is a disagreement."""
    value, args, kwargs = arguments
    pedigrad.manual_seed(0)
    try:
        return function(value, *args, **kwargs)
    except Exception as error:
        raise disagreement(error, kind) from error


def disagreement(error: Exception, kind: str) -> Disagreement:
    """An exception of pedigrad as a disagreement."""
    if isinstance(error, Disagreement):
        return error
    text = " ".join(str(error).split())[:150]
    absent = isinstance(error, AttributeError) and re.search("pedigrad has no|'Tensor' object has no|module 'pedigrad", text)
    if isinstance(error, (Missing, ModuleNotFoundError)) or absent:
        return Disagreement("missing" if kind == "raises" else kind, text, True)
    return Disagreement(kind, f"{type(error).__name__}: {text}", True)


# Comparing


@dataclasses.dataclass
class How:
    """What of an entry's results is compared: all values, or all but those of one output, or shapes and dtypes alone."""

    values: bool = True
    loose: int | None = None


def how(entry, dtype: str) -> How:
    """How the results of an entry are compared."""
    name = opinfo_list.title(entry)
    ties = opinfo_list.TIES.get(name) if dtype in ("int64", "bool") else None
    return How(name not in opinfo_list.UNDEFINED | opinfo_list.UP_TO_SIGN, ties)


def leaves(value) -> list:
    """The tensors and other values in a result or an argument, in order."""
    if isinstance(value, (tuple, list)):
        return [leaf for each in value for leaf in leaves(each)]
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in leaves(each)]
    return [value]


def tensors_in(value, kind) -> list:
    """The tensors of one library in a value."""
    return [leaf for leaf in leaves(value) if isinstance(leaf, kind)]


def compare(expected, result, kind: str, how: How | None = None) -> None:
    """Disagreement unless two results have equal structure, shapes, dtypes and values."""
    how = how or How()
    expected, result = leaves(expected), leaves(result)
    if len(expected) != len(result):
        raise Disagreement(kind, f"{len(result)} results, expected {len(expected)}")
    for i, (wanted, got) in enumerate(zip(expected, result, strict=True)):
        if isinstance(wanted, torch.Tensor):
            compare_tensors(wanted, got, kind, how.values and i != how.loose)
        elif how.values and repr(wanted) != repr(got) and not _close_numbers(wanted, got):
            raise Disagreement(kind, f"{got!r}, expected {wanted!r}")


def _close_numbers(wanted, got) -> bool:
    if isinstance(wanted, (int, float, complex)) and isinstance(got, (int, float, complex)):
        return bool(np.isclose(wanted, got, rtol=1e-5, equal_nan=True)) and type(wanted) is type(got)
    return False


def compare_tensors(wanted, got, kind: str, values: bool = True) -> None:
    """Disagreement unless two tensors have equal shapes, dtypes and (nearly) equal elements."""
    if not isinstance(got, pedigrad.Tensor):
        raise Disagreement(kind, f"a {type(got).__name__}, expected a Tensor")
    if tuple(wanted.shape) != tuple(got.shape):
        raise Disagreement(kind, f"shape {tuple(got.shape)}, expected {tuple(wanted.shape)}")
    if repr(wanted.dtype) != repr(got.dtype):
        raise Disagreement(kind, f"dtype {got.dtype}, expected {wanted.dtype}")
    if not values:
        return
    try:
        a = array_of(wanted)
    except Untranslatable as what:
        raise Disagreement("sample", str(what)) from None
    b = got.detach().numpy()
    if a.dtype.kind not in "fc":
        if not np.array_equal(a, b):
            raise Disagreement(kind, f"{_first_difference(a, b, a != b)}")
        return
    relative, absolute = TOLERANCE.get(str(a.dtype), (1e-2, 1e-2))
    finite = np.abs(a[np.isfinite(a)])
    scale = max(1.0, float(finite.max())) if finite.size else 1.0
    wrong = ~np.isclose(b, a, rtol=relative, atol=absolute * min(scale, 1e6), equal_nan=True)
    if wrong.any():
        raise Disagreement(kind, _first_difference(a, b, wrong))


def _first_difference(a, b, wrong) -> str:
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    return f"element {list(at)} is {b[at]}, expected {a[at]} ({int(np.sum(wrong))} of {a.size} differ)"


def compare_aliasing(expected, result, theirs, mine) -> None:
    """Disagreement unless a result shares memory with an argument where PyTorch's does, and only there."""
    inputs, our_inputs = tensors_in(theirs, torch.Tensor), tensors_in(mine, pedigrad.Tensor)
    for out, our_out in zip(tensors_in(expected, torch.Tensor), tensors_in(result, pedigrad.Tensor), strict=True):
        if out.numel() == 0 or out.layout is not torch.strided:
            continue
        for x, our_x in zip(inputs, our_inputs, strict=True):
            wanted = x.numel() > 0 and out.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
            got = np.may_share_memory(our_out.detach().numpy(), our_x.detach().numpy())
            if wanted != got and x.layout is torch.strided:
                raise Disagreement("aliasing", "should be a view" if wanted else "shares memory with an operand")


# The checks


def check_result(entry, function, sample, dtype, lacking) -> Checked:
    """Value, aliasing, first and second gradients of the plain call."""
    theirs, mine = calls(sample)
    expected = theirs_result(entry.op, theirs)
    if expected is None:
        return False
    result = our_result(function, mine)
    name = opinfo_list.title(entry)
    undefined, unsigned = name in opinfo_list.UNDEFINED, name in opinfo_list.UP_TO_SIGN
    compare(expected, result, "value", how(entry, dtype))
    if not undefined and not unsigned:
        compare_aliasing(expected, result, theirs, mine)
    process = sample.output_process_fn_grad
    if unsigned or (process is not None and process.__name__ != "<lambda>"):
        expected, result = process(expected), our_result(lambda r, *_: translate(process)(r), (result, (), {}))
        compare(expected, result, "value", How(not undefined))
    if not undefined:
        twice = dtype == "float64" and entry.supports_gradgrad and "gradgrad" not in lacking
        compare_gradients(expected, result, theirs, mine, twice)


def compare_gradients(expected, result, theirs, mine, twice: bool, kind="grad") -> None:
    """Disagreement unless the gradients for the same cotangents are equal, and (`twice`) their gradients too."""
    inputs = [t for t in tensors_in(theirs, torch.Tensor) if t.requires_grad]
    our_inputs = [t for t in tensors_in(mine, pedigrad.Tensor) if t.requires_grad]
    pairs = list(zip(tensors_in(expected, torch.Tensor), tensors_in(result, pedigrad.Tensor), strict=True))
    wrong = [i for i, (out, our_out) in enumerate(pairs) if out.requires_grad != our_out.requires_grad]
    if wrong:
        word = "needs no gradient" if pairs[wrong[0]][0].requires_grad else "needs a gradient, expected none"
        raise Disagreement(kind, f"output {wrong[0]} {word}")
    pairs = [(out, our_out) for out, our_out in pairs if out.requires_grad]
    if not pairs or not inputs or any(out.layout is not torch.strided for out, _ in pairs):
        return
    rng = np.random.default_rng(0)
    cotangents = [cotangent_for(out, rng, twice) for out, _ in pairs]
    our_cotangents = ours(cotangents)
    outs, our_outs = zip(*pairs, strict=True)
    expected = gradients(outs, inputs, cotangents, torch.autograd.grad, twice)
    if isinstance(expected, Exception):
        return
    got = gradients(our_outs, our_inputs, our_cotangents, pedigrad.autograd.grad, False, retain=twice)
    if isinstance(got, Exception):
        raise disagreement(got, kind)
    compare_optional(expected, got, kind)
    if twice:
        got = gradients(our_outs, our_inputs, our_cotangents, pedigrad.autograd.grad, True)
        if isinstance(got, Exception):
            raise disagreement(got, "gradgrad")
        compare_optional(expected, got, "gradgrad")
        compare_second(expected, got, inputs + cotangents, our_inputs + our_cotangents, rng)


def compare_second(first, our_first, inputs, our_inputs, rng) -> None:
    """The gradients of the gradients."""
    pairs = [(g, h) for g, h in zip(first, our_first, strict=True) if g is not None and g.requires_grad]
    if not pairs:
        return
    if any(h is None or not h.requires_grad for _, h in pairs):
        # A gradient that is zero or constant has no history in one of the libraries: then the other's must be zero.
        pairs = [(g, h) for g, h in pairs if h is not None and h.requires_grad]
        if not pairs:
            raise Disagreement("gradgrad", "the gradient has no history")
    cotangents = [cotangent_for(g, rng, False) for g, _ in pairs]
    expected = gradients([g for g, _ in pairs], inputs, cotangents, torch.autograd.grad)
    if isinstance(expected, Exception):
        return
    got = gradients([h for _, h in pairs], our_inputs, ours(cotangents), pedigrad.autograd.grad)
    if isinstance(got, Exception):
        raise disagreement(got, "gradgrad")
    compare_optional(expected, got, "gradgrad")


def cotangent_for(out, rng, requires_grad: bool):
    """A random gradient for an output, the same in every run."""
    values = rng.standard_normal(tuple(out.shape))
    if out.is_complex():
        values = values + 1j * rng.standard_normal(tuple(out.shape))
    return torch.tensor(values, dtype=out.dtype, requires_grad=requires_grad)


def gradients(outputs, inputs, cotangents, grad, create=False, retain=None):
    """The gradients, or the exception that was raised."""
    try:
        return grad(outputs, inputs, cotangents, create_graph=create, retain_graph=retain, allow_unused=True)
    except Exception as error:
        return error


def compare_optional(expected, got, kind: str) -> None:
    """Compare gradients, of which None means zeros."""
    for i, (g, h) in enumerate(zip(expected, got, strict=True)):
        if g is None and h is None:
            continue
        try:
            if g is None:
                zero = not np.any(h.detach().numpy())
            elif h is None:
                zero = not bool(g.detach().ne(0).any())
            else:
                compare_tensors(g.detach(), h, kind)
                continue
            if not zero:
                raise Disagreement(kind, f"is {'missing' if h is None else 'there'}, expected {'none' if g is None else 'one'}")
        except Disagreement as difference:
            raise Disagreement(kind, f"for input {i}: {difference}") from None


def check_method(entry, function, sample, dtype, lacking) -> Checked:
    """The same through `Tensor.<name>`."""
    method = entry.method_variant
    if method is None or not isinstance(sample.input, torch.Tensor) or isinstance(method, types.FunctionType):
        return False
    theirs, mine = calls(sample)
    expected = theirs_result(method, theirs)
    if expected is None:
        return False
    try:
        our_method = named(pedigrad.Tensor, method.__name__)
    except Missing as missing:
        raise Disagreement("method", str(missing), True) from None
    result = our_result(our_method, mine, "method")
    compare(expected, result, "method", how(entry, dtype))


def check_inplace(entry, function, sample, dtype, lacking) -> Checked:
    """The form that writes into its first operand: value, identity and first gradients."""
    method = entry.inplace_variant
    if method is None or not isinstance(sample.input, torch.Tensor) or sample.broadcasts_input:
        return False
    theirs, mine = calls(sample)
    leaf, our_leaf = theirs[0], mine[0]
    theirs, mine = (leaf.clone(), *theirs[1:]), (our_leaf.clone(), *mine[1:])
    expected = theirs_result(method, theirs)
    if expected is None:
        return False
    try:
        our_method = translate(method)
    except Missing as missing:
        raise Disagreement("inplace", str(missing), True) from None
    result = our_result(our_method, mine, "inplace")
    compare(expected, result, "inplace", how(entry, dtype))
    if isinstance(expected, torch.Tensor) and expected is theirs[0] and result is not mine[0]:
        raise Disagreement("inplace", "does not return its first operand")
    compare(theirs[0], mine[0], "inplace", how(entry, dtype))
    if opinfo_list.title(entry) not in opinfo_list.UNDEFINED and entry.supports_inplace_autograd:
        compare_gradients(expected, result, (leaf, *theirs[1:]), (our_leaf, *mine[1:]), False, "inplace")


def check_out(entry, function, sample, dtype, lacking) -> Checked:
    """The form that writes into a tensor given as `out=`."""
    if not entry.supports_out or opinfo_list.title(entry) in opinfo_list.UNDEFINED:
        return False
    with torch.no_grad(), pedigrad.no_grad():
        theirs, mine = calls(sample)
        expected = theirs_result(entry.op, theirs)
        if expected is None or not all(isinstance(leaf, torch.Tensor) for leaf in leaves(expected)):
            return False
        blank = torch.zeros_like(expected) if isinstance(expected, torch.Tensor) else tuple(map(torch.zeros_like, leaves(expected)))
        out = fresh(blank)
        if theirs_result(entry.op, (*theirs[:2], {**theirs[2], "out": out})) is None:
            return False
        target = ours(blank)
        our_result(function, (*mine[:2], {**mine[2], "out": target}), "out")
        compare(out, target, "out", how(entry, dtype))


def error_failures(entry) -> list[Failure]:
    """Disagreements on calls that PyTorch refuses: pedigrad must raise the same type of error."""
    found: list[Failure] = []
    if entry.name.startswith("__"):  # Python itself refuses the arguments of its own descriptors
        return found
    try:
        function = resolve(entry)
    except Missing as missing:
        return [Failure("missing", "", str(missing))]
    for case in entry.error_inputs("cpu"):
        sample = case.sample_input
        try:
            theirs, mine = calls(sample)
        except Disagreement:
            continue
        value, args, kwargs = theirs
        try:
            entry.op(value, *args, **kwargs)
        except Exception as expected:
            wanted = expected
        else:
            continue
        try:
            function(mine[0], *mine[1], **mine[2])
        except Exception as error:
            if not same_kind(wanted, error):
                found.append(Failure("errors", text_of(sample), f"{type(error).__name__}, expected {type(wanted).__name__}: {wanted}"))
        else:
            found.append(Failure("errors", text_of(sample), f"no error, expected {type(wanted).__name__}: {wanted}"))
    name = opinfo_list.title(entry)
    return [f for f in found if not opinfo_list.known(name, f.kind, str(f))]


def same_kind(wanted: Exception, got: Exception) -> bool:
    """Whether programs that catch one error catch the other."""
    return isinstance(got, type(wanted)) or (isinstance(wanted, type(got)) and type(got) is not Exception)
