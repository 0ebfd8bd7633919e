"""Every op in the registry: its forward and its gradient rules, compiled, give what they give as NumPy.

All samples of an op are traced into one program, in float32 as they are and in float64 with operands that are not contiguous.
"""

import numpy as np
import pytest
from op_samples import INTERNAL, RANDOM, cases, samples_of

import pedigrad.nn  # noqa: F401  (its ops register themselves)
from pedigrad import gate
from pedigrad.autograd.engine import Rules, fitted
import pedigrad.compiler.vocabulary  # noqa: F401  (what NumPy functions become)
from pedigrad.compiler.executable import Executable
from pedigrad.compiler.trace import Tracer, Untraceable
from pedigrad.op import REGISTRY

NAMES = sorted(set(REGISTRY) - INTERNAL)
TOLERANCE = {"f": {4: 2e-5, 8: 1e-11}, "c": {8: 2e-5, 16: 1e-11}}


class Followed:
    """The samples of one op, traced into one program; `refused` has what could not be traced and why."""

    def __init__(self, each, dtype, strided):
        self.each, self.dtype, self.strided = each, dtype, strided
        self.tracer = Tracer()
        self.arrays = []  # for the inputs, in order
        self.values = []  # the inputs
        self.strides = {}
        self.expected = []  # (what it is, the array, its Traced)
        self.refused = {}

    def input(self, array):
        """A Traced input for an array, which may be laid out in another way."""
        if self.strided and array.ndim and array.size:
            array = np.stack([array, array], -1)[..., 0] if len(self.arrays) % 2 else np.array(array, order="F")
        traced = self.tracer.input(array)
        self.arrays.append(array)
        self.values.append(traced.value)
        if not array.flags.c_contiguous:
            self.strides[traced.value] = tuple(step // array.itemsize for step in array.strides)
        return traced

    def attempt(self, what, function, plain, traced):
        """Run on arrays and on traced arrays; returns both results."""
        program = self.tracer.program
        before = len(program.instructions), len(self.tracer.guards)
        expected = function(*plain)
        try:
            found = function(*traced)
            for x in found:
                self.tracer.value(x)
        except Exception as why:  # what NumPy makes of Untraceable within its own code, too
            del program.instructions[before[0] :], self.tracer.guards[before[1] :]
            self.refused[what] = str(why)
            return expected, None
        return expected, found

    def follow(self, sample):
        """Trace the forward and the rules on one sample."""
        each = self.each
        arrays = [a if a is None or a.dtype.kind not in "fc" else a.astype(np.result_type(self.dtype, a.dtype.kind + "8") if a.dtype.kind == "c" else self.dtype)
                  for a in sample.operands]
        attributes = tuple(sample.attributes.get(n, each.defaults.get(n)) for n in each.attributes)
        traced = [None if a is None else self.input(a) for a in arrays]
        expected, found = self.attempt("forward", gate.Forward(each, attributes), arrays, traced)
        if found is not None:
            self.note(f"{each.name}{sample}", expected, found)
        if not each.rules:
            return
        names = each.operands * len(arrays) if each.variadic else each.operands
        needs = tuple(True if a is not None and a.dtype.kind in "fc" else None
                      for n, a in zip(names, arrays, strict=True) if n in each.differentiable)
        visible = expected[: len(expected) - each.hidden]
        rng = np.random.default_rng(1)
        gs = [np.asarray(rng.standard_normal(r.shape)).astype(r.dtype) if r.dtype.kind in "fc" else None for r in visible]
        if not any(needs) or not any(g is not None for g in gs):
            return
        if found is None:
            found = [self.input(r) for r in expected]
        single = each.outputs is not None and len(visible) == 1
        rules = Rules(each, needs)
        owners = [a for n, a in zip(names, arrays, strict=True) if n in each.differentiable]

        def gradients(g, arrays, results):
            saved = gate._saved(each, needs, tuple(arrays), attributes, tuple(results))
            found = rules(g, saved)
            return [fitted(d, a.shape, a.dtype) for d, a, n in zip(found, owners, needs, strict=True) if n and d is not None]

        tgs = [None if g is None else self.input(g) for g in gs]
        expected, found = self.attempt("gradient", gradients, (gs[0] if single else gs, arrays, expected), (tgs[0] if single else tgs, traced, found))
        if found is not None:
            self.note(f"the gradient of {each.name}{sample}", expected, found)

    def note(self, what, expected, found):
        assert len(expected) == len(found)
        for i, (e, f) in enumerate(zip(expected, found, strict=True)):
            self.expected.append((f"{what}, result {i}", np.asarray(e), self.tracer.value(f)))

    def check(self, threads=1):
        """Compile, run, compare."""
        tracer = self.tracer
        tracer.program.outputs = [value for _, _, value in self.expected]
        compiled = Executable(tracer.program, tracer.constants, threads, tracer.guards, None, self.strides)
        known = dict(zip(self.values, self.arrays, strict=True))
        results = compiled.run([known[v] for v in compiled.inputs])
        for (what, expected, _), result in zip(self.expected, results, strict=True):
            agrees(what, expected, result)


def agrees(what, expected, result):
    assert result.shape == expected.shape and result.dtype == expected.dtype, f"{what}: {result.dtype}{result.shape}, not {expected.dtype}{expected.shape}"
    if expected.dtype.kind not in "fc":
        assert np.array_equal(expected, result), f"{what}: {result}, not {expected}"
        return
    finite = np.abs(expected[np.isfinite(expected)])
    limit = TOLERANCE[expected.dtype.kind][expected.dtype.itemsize]
    scale = max(finite.max(), 1e-3) if finite.size else 1.0
    assert np.allclose(result, expected, rtol=limit, atol=limit * scale, equal_nan=True), f"{what}: {result}, not {expected}"
