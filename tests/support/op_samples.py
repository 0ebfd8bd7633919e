"""Samples of every op: what the tests that go through the registry run each op on.

Elementwise ops are tried on a few shapes in their `domain`, the others on the samples they declare.
"""

import dataclasses

import numpy as np

from pedigrad.core.tensor import wrap

SHAPES = {1: [((3, 4),), ((),), ((0, 3),)], 2: [((3, 4), (3, 4)), ((3, 1), (1, 4)), ((), (3,)), ((), ()), ((0, 3), (3,))]}
SHAPES[3] = [((3, 4), (3, 4), (3, 4)), ((3, 1), (1, 4), ()), ((0, 3), (3,), (1,))]

RANDOM = ("rand", "empty", "dropout")
# Ops that take other ops for attributes: the tests of writes through views are theirs.
INTERNAL = {"replace_region"}
# PyTorch has no derivative for these either: asking for it is an error. That of _ctc_loss is right behind a log_softmax only,
# and is tested there.
NO_DERIVATIVE = {"igamma": {"x"}, "igammac": {"x"}, "zeta": {"x"}, "_ctc_loss": {"x"}, "_ctc_loss_slopes": {"x"}}


@dataclasses.dataclass
class Sample:
    """Arrays for the operands (None where optional; a list for `*xs`) and the attributes by name."""

    operands: list
    attributes: dict

    def map(self, function):
        """The sample with `function(name_index, array)` in place of each array."""
        return Sample([None if a is None else function(i, a) for i, a in enumerate(self.operands)], self.attributes)

    def __str__(self):
        shapes = ", ".join("None" if a is None else f"{a.dtype}{list(a.shape)}" for a in self.operands)
        return f"({shapes}; {self.attributes})"


def samples_of(each):
    """The samples of an op."""
    found = list(each.samples or ())
    if each.kind == "elementwise" and each.promoted == each.operands and all(name in each.defaults for name in each.attributes):
        found += [shapes[: len(each.operands)] for shapes in SHAPES[len(each.operands)]]
    return [built(each, sample) for sample in found]


def built(each, sample):
    """A Sample from the tuple in which an op declares it."""
    rng = np.random.default_rng(0)
    *values, attributes = sample if sample and isinstance(sample[-1], dict) else (*sample, {})
    count = len(each.operands)
    if each.variadic:
        operands = [array_from(each, spec, rng) for spec in values[0]]
    else:
        operands = [array_from(each, spec, rng, name) for spec, name in zip(values, each.operands, strict=False)]
        operands += [None] * (count - len(operands))
    return Sample(operands, {**dict(zip(each.attributes, values[count:], strict=False)), **attributes})


def array_from(each, spec, rng, name=""):
    """One operand: None, a shape of random floats (booleans for a mask), a function of the generator, or an array as it is."""
    if spec is None or isinstance(spec, np.ndarray):
        return spec
    if callable(spec):
        return np.asarray(spec(rng))
    if isinstance(spec, (bool, int, float)):
        return np.asarray(float(spec))
    if name in ("condition", "mask"):
        return np.asarray(rng.random(spec) < 0.5)
    low, high = each.domain
    return np.asarray(rng.uniform(low, high, spec))


def tensors_of(each, sample, dtype=None, requires_grad=True):
    """Tensors for the operands; floats in `dtype`, leaves where the op is differentiable."""

    def tensor(i, array):
        if dtype is not None and array.dtype.kind in "fc":
            array = array.astype(np.result_type(dtype, np.complex64) if array.dtype.kind == "c" else dtype)
        out = wrap(array.copy())
        name = each.operands[0 if each.variadic else i]
        smooth = array.dtype.kind in "fc" and name in each.differentiable and name not in NO_DERIVATIVE.get(each.name, ())
        return out.requires_grad_(requires_grad and smooth)

    return sample.map(tensor).operands


def call(each, tensors, attributes):
    """The public function's results, as a tuple."""
    if each.variadic:
        result = each.function(list(tensors), **attributes)
    else:
        given = dict(zip(each.public_names, tensors, strict=True))
        first = [given.pop(n) for n in each.public_names if n not in each.defaults]
        optional = {n: t for n, t in zip(each.operands, tensors, strict=True) if n in each.defaults and t is not None}
        result = each.function(*first, **optional, **attributes)
    return result if isinstance(result, (tuple, list)) else (result,)


def _whole(array, kind):
    return np.asarray(np.abs(array) * 3).astype(kind) if array.dtype.kind == "f" else array


def works(each, sample):
    """The sample itself, or, for ops on integers alone, one of the same shapes with integers or booleans."""
    for kind in ("as it is", np.int64, np.bool_):
        tried = sample
        if kind != "as it is":
            tried = sample.map(lambda _, array, kind=kind: _whole(array, kind))
        try:
            call(each, tensors_of(each, tried), tried.attributes)
        except (RuntimeError, TypeError, NotImplementedError):
            if each.rules or each.samples:
                raise
        else:
            return tried
    raise AssertionError(f"{each.name} runs neither on floats nor on integers nor on booleans: {sample}")


def cases(each):
    """The samples that can be run."""
    return [works(each, sample) for sample in samples_of(each)]
