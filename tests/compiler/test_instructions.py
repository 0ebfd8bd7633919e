"""The table of elementwise instructions: each row means one thing to NumPy, to the interpreter and to compiled code."""

import numpy as np
import pytest
from scipy import special

from pedigrad.codegen.emit.scalar_ir import ScalarIR
from pedigrad.codegen.ir.instructions import ELEMENTWISE, UFUNCS
from pedigrad.codegen.ir.interpreter import interpreted
from pedigrad.codegen.ir.program import Program
from pedigrad.codegen.runtime.executable import Executable

VALUES = {
    "f": [0.25, -0.75, 1.5, -2.0, 3.0, 0.0, -0.5, 1.0],
    "i": [3, -2, 1, 5, 0, 7, -6, 2],
    "u": [3, 2, 1, 5, 0, 7, 6, 2],
    "b": [True, False, True, True, False, False, True, False],
}


def ufunc_of(name):
    return getattr(np, name, None) or getattr(special, name)


def operands_of(name, dtype):
    """Arrays of the dtypes that a ufunc computes in for operands of `dtype`; None where none becomes an instruction."""
    row, function = UFUNCS[name], ufunc_of(name)
    try:
        *types, _ = function.resolve_dtypes((dtype,) * function.nin + (None,))
    except TypeError:
        return None  # there is no such function of these
    if types[0].kind in row.refuses or types[0] == np.float16 or (name.startswith("logical") and dtype.kind != "b"):
        return None
    arrays = [np.resize(VALUES[dtype.kind][i:], 8).astype(each) for i, each in enumerate(types)]
    return [arrays[0], abs(arrays[1])] if row.name in ("shl", "shr") else arrays


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint8", "bool"])
def test_instructions_compiled_give_what_the_interpreter_and_numpy_give(dtype):
    p, known, expected = Program(), {}, {}
    for name, row in UFUNCS.items():
        arrays = operands_of(name, np.dtype(dtype))
        if arrays is None:
            continue
        values = [p.input(a.shape, a.dtype) for a in arrays]
        known |= dict(zip(values, arrays, strict=True))
        with np.errstate(all="ignore"):
            expected[name] = ufunc_of(name)(*arrays)
        p.outputs.append(p.emit(row.name, values, (8,), expected[name].dtype))
    assert len(expected) > 20
    meant, compiled = interpreted(p, known), Executable(p, {})
    results = compiled.run([known[value] for value in compiled.inputs])
    for (name, wanted), value, found in zip(expected.items(), p.outputs, results, strict=True):
        assert meant[value].dtype == found.dtype == wanted.dtype, name
        np.testing.assert_array_equal(meant[value], wanted, name)
        np.testing.assert_allclose(found, wanted, 1e-6 if wanted.dtype == np.float32 else 1e-14, err_msg=name)


@pytest.mark.parametrize("name", sorted(set(ELEMENTWISE) - {"cast", "where"}))
def test_an_instruction_has_code_in_one_way(name):
    row = ELEMENTWISE[name]
    ways = row.code is not None, row.compare is not None, hasattr(ScalarIR, f"emit_{name}"), bool(row.real or row.formula or row.whole)
    assert sum(ways) == 1 and not (row.real and row.formula)
