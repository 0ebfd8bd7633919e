"""Contractions against NumPy's einsum and matmul, for every register width."""

from __future__ import annotations

import os
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

import guard_pages
import numpy as np
import pytest

pytest.importorskip("llvmlite")

from pedigrad.codegen.emit import llvm
from pedigrad.codegen.gemm import contraction
from pedigrad.codegen.gemm.contraction import Dimension, Site, gemm

WIDTHS = (128, 256, 512)
DTYPES = ("float32", "float64")
random = np.random.default_rng(0)


def values(*shape: int, dtype: str = "float64") -> np.ndarray:
    """Normal random numbers."""
    return random.standard_normal(shape).astype(dtype)


def close(out: np.ndarray, expected: np.ndarray) -> None:
    """Check equality up to rounding in the result's own dtype."""
    assert out.shape == expected.shape
    tolerance = {4: 1e-5, 8: 1e-13}[out.itemsize] * max(float(np.abs(expected).max(initial=0)), 1) * 10
    np.testing.assert_allclose(out, expected, rtol=0, atol=tolerance)


SHAPES = [
    *((0, 3, 4), (3, 0, 4), (3, 4, 0), (0, 0, 0), (1, 1, 1), (1, 1, 900), (1, 70, 40), (70, 1, 40), (2000, 1, 3), (1, 2000, 3)),
    *((14, 32, 16), (13, 31, 15), (15, 33, 17), (6, 16, 8), (8, 8, 8), (100, 3, 5), (3, 100, 5), (64, 64, 64), (61, 47, 400)),
]


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m, n, k", SHAPES)
def test_shapes(m: int, n: int, k: int, dtype: str, bits: int) -> None:
    a, b = values(m, k, dtype=dtype), values(k, n, dtype=dtype)
    expected = a.astype("float64") @ b.astype("float64")
    once = gemm(a, b, bits=bits)
    close(once, expected)
    for threads in (2, 3):
        np.testing.assert_array_equal(gemm(a, b, threads=threads, bits=bits), once)
    out = values(m, n, dtype=dtype)
    before = out.copy()
    assert gemm(a, b, out, accumulate=True, bits=bits) is out
    close(out, before + expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_more_than_one_block(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contraction, "STEPS", dict.fromkeys((128, 256, 512), 24))
    monkeypatch.setattr(contraction, "CHUNK", 40)
    monkeypatch.setattr(contraction, "resident_bytes", lambda: 4000)
    contraction.product_layout.cache_clear()
    try:
        a, b = values(3, 97, 83, dtype=dtype), values(3, 83, 145, dtype=dtype)
        expected = a.astype("float64") @ b.astype("float64")
        for threads in (1, 2, 5):
            close(gemm(a, b, threads=threads), expected)
            out = np.ones_like(expected, dtype)
            close(gemm(a, b, out, threads=threads, accumulate=True), expected + 1)
    finally:
        contraction.product_layout.cache_clear()


def views(x: np.ndarray) -> list[np.ndarray]:
    """The same matrix, or stack of matrices, with other strides."""
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)[..., ::2]
    wide[...] = x
    transposed = np.ascontiguousarray(np.swapaxes(x, -1, -2)).swapaxes(-1, -2)
    backwards = np.ascontiguousarray(x[..., ::-1, ::-1])[..., ::-1, ::-1]
    return [x, wide, transposed, backwards]


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_strides(dtype: str, bits: int) -> None:
    a, b = values(37, 45, dtype=dtype), values(45, 70, dtype=dtype)
    expected = a @ b
    for x in views(a):
        for y in views(b):
            for out in views(np.zeros_like(expected)):
                close(gemm(x, y, out, bits=bits), expected)
                assert gemm(x, y, out, accumulate=True, threads=2, bits=bits) is out
                close(np.ascontiguousarray(out), 2 * expected)


def test_no_byte_beside_a_strided_result_is_written() -> None:
    a, b = values(20, 9), values(9, 35)
    for make in (lambda x: x[1:-1, 1:-1], lambda x: x[1:-1, 1:-1].T, lambda x: x[1:-1, 1:-1][::-1, ::-1]):
        for shape in ((22, 37), (37, 22)):
            whole = np.full(shape, 7.0)
            inner = make(whole)
            if inner.shape != (20, 35):
                continue
            close(gemm(a, b, inner), a @ b)
            inner[...] = 7
            assert (whole == 7).all()


@pytest.mark.parametrize("shapes", [(5, 5), (1, 5), (5, 1), (5, 0), (0, 5), (1, 1), (1, 0), (200, 200)])
@pytest.mark.parametrize("m, n", [(33, 21), (1, 50), (50, 1), (3, 4)])
def test_batches(shapes: tuple[int, int], m: int, n: int) -> None:
    a, b = (values(*([count] if count else []), *shape) for count, shape in zip(shapes, ((m, 19), (19, n)), strict=True))
    for threads in (1, 2, 3, 7):
        close(gemm(a, b, threads=threads), a @ b)
        for out in views(np.zeros_like(a @ b)):
            close(gemm(a, b, out, threads=threads), a @ b)


def test_empty_and_broadcast_batches() -> None:
    assert gemm(values(0, 3, 4), values(0, 4, 5)).shape == (0, 3, 5)
    assert gemm(values(0, 3, 4), values(4, 5)).shape == (0, 3, 5)
    assert gemm(values(0, 3, 4), values(1, 4, 5)).shape == (0, 3, 5)
    a, b = np.broadcast_to(values(3, 4), (6, 3, 4)), values(6, 4, 5)
    close(gemm(a, b), a @ b)
    close(gemm(a, np.broadcast_to(b[0], (6, 4, 5))), a @ b[0])


def test_a_convolution_is_a_contraction_over_a_sliding_window() -> None:
    x, weight = values(3, 5, 20, 17, dtype="float32"), values(9, 5, 3, 2, dtype="float32")
    (sn, sc, sh, sw), (wo, wc, wh, ww) = ([s // 4 for s in y.strides] for y in (x, weight))
    stride, dilation = (2, 1), (2, 3)
    rows, columns = (20 - 5) // 2 + 1, 17 - 4 + 1
    out = np.empty((3, 9, rows, columns), np.float32)
    on, oc, oh, ow = (s // 4 for s in out.strides)
    plan = contraction.layout(
        batch=(Dimension(3, 0, sn, on),),
        m=(Dimension(9, wo, 0, oc),),
        n=(Dimension(rows, 0, sh * stride[0], oh), Dimension(columns, 0, sw * stride[1], ow)),
        k=(Dimension(5, wc, sc, 0), Dimension(3, wh, sh * dilation[0], 0), Dimension(2, ww, sw * dilation[1], 0)),
        dtype="float32",
    )
    for threads in (1, 2):
        contraction.run(contraction.compiled("float32"), weight, x, out, plan, threads)
        windows = np.lib.stride_tricks.sliding_window_view(x, (5, 4), (2, 3))[:, :, ::2, ::1, ::2, ::3]
        close(out, np.einsum("nchwij,ocij->nohw", windows, weight))


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_of_every_width(dtype: str, bits: int) -> None:
    for width in (1, 2, 3, 5, 7, 8, 14, 15, 17, 28, 31, 33):
        x, a = values(11, 4, width + 2, dtype=dtype), values(9, 11, dtype=dtype)
        out = np.empty((9, 4, width), dtype)
        columns = (Dimension(4, 0, width + 2, width), Dimension(width, 0, 1, 1))
        rows, steps = (Dimension(9, 11, 0, 4 * width),), (Dimension(11, 1, 4 * (width + 2), 0),)
        plan = contraction.layout((), rows, columns, steps, dtype, bits=bits)
        contraction.run(contraction.compiled(dtype, None, bits), a, x, out, plan)
        close(out, np.einsum("mk,khw->mhw", a, x[:, :, :width]))


def test_einsum_over_pairs_of_dimensions() -> None:
    a, b = values(4, 6, 5, 3, 2), values(3, 4, 7, 5, 2)  # b i k l m, l b j k m
    out = np.empty((7, 4, 6))
    (ab, ai, ak, al, am), (bl, bb, bj, bk, bm), (cj, cb, ci) = ([s // 8 for s in x.strides] for x in (a, b, out))
    pairs = (Dimension(5, ak, bk, 0), Dimension(3, al, bl, 0), Dimension(2, am, bm, 0))
    plan = contraction.layout((Dimension(4, ab, bb, cb),), (Dimension(6, ai, 0, ci),), (Dimension(7, 0, bj, cj),), pairs, "float64")
    contraction.run(contraction.compiled("float64"), a, b, out, plan)
    close(out, np.einsum("biklm,lbjkm->jbi", a, b))


def biased_relu(site: Site) -> str:
    """relu(sum + extra[0][n])"""
    body, vector = site.body, site.tile.vector
    bias = site.load(site.pointer(0), site.n)
    total = body.put(f"fadd {vector} {site.value}, {bias}")
    test = body.put(f"fcmp ogt {vector} {total}, zeroinitializer")
    return body.put(f"select <{site.tile.lanes} x i1> {test}, {vector} {total}, {vector} zeroinitializer")


def scaled_residual(site: Site) -> str:
    """sum * extra[0][m] + extra[1] at C's place + extra[2][batch]"""
    body, vector = site.body, site.tile.vector
    scaled = body.put(f"fmul {vector} {site.value}, {site.splat(site.pointer(0), site.m)}")
    added = body.put(f"fadd {vector} {scaled}, {site.like_c(site.pointer(1))}")
    return body.put(f"fadd {vector} {added}, {site.splat(site.pointer(2), site.b)}")


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", [0, 5, 900])
def test_epilogues(dtype: str, bits: int, k: int) -> None:
    a, b = values(3, 37, k, dtype=dtype), values(3, k, 45, dtype=dtype)
    bias, scale, shift = values(45, dtype=dtype), values(37, dtype=dtype), values(3, dtype=dtype)
    for out in views(np.zeros((3, 37, 45), dtype)):
        close(gemm(a, b, out, 2, epilogue=biased_relu, extra=[bias], bits=bits), np.maximum(a @ b + bias, 0))
        residual = values(3, 37, 45, dtype=dtype)
        same = np.lib.stride_tricks.as_strided(np.zeros(3 * 37 * 45 * 2, dtype), out.shape, [abs(s) for s in out.strides])
        if out.strides == same.strides:
            same[...] = residual
            expected = a @ b * scale[:, None] + residual + shift[:, None, None]
            close(gemm(a, b, out, 2, epilogue=scaled_residual, extra=[scale, same, shift], bits=bits), expected)
        out[...] = residual
        gemm(a, b, out, accumulate=True, epilogue=biased_relu, extra=[bias], bits=bits)
        close(np.ascontiguousarray(out), np.maximum(a @ b + residual + bias, 0))


def test_nothing_but_the_operands_reaches_the_result() -> None:
    a, b = values(15, 40), values(40, 33)
    a[14, 3] = np.nan
    b[7, 32] = np.inf
    out = gemm(a, b)
    assert np.isnan(out[14]).all()
    assert np.isfinite(out[:14, :32]).all()
    assert not np.isfinite(out[:, 32]).any()


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_panels_that_are_used_where_they_lie(dtype: str, bits: int) -> None:
    for m, n in ((1, 64), (4, 70), (24, 96), (96, 16), (97, 5), (48, 32)):
        around = np.full((3, 40, m + 2), np.nan, dtype), np.full((3, 40, n + 2), np.nan, dtype)
        a, b = (x[:, 1:-1, 1:-1] for x in around)
        a[...], b[...] = values(*a.shape), values(*b.shape)
        for k in (1, 37):
            left, right = np.swapaxes(a[:, :k], 1, 2), b[:, :k]
            close(gemm(left, right, threads=2, bits=bits), left @ right)
            close(gemm(left[0, :, ::-1], right[0, ::-1], bits=bits), left[0] @ right[0])
            close(gemm(left, right[0], bits=bits), left @ right[0])


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_steps_that_lie_whole_pages_apart(dtype: str, bits: int) -> None:
    for m, n in ((1024, 40), (40, 1024), (1000, 200), (9, 500)):
        a, b = values(21, 1024, dtype=dtype).T[:m], values(21, 1024, dtype=dtype)[:, :n]
        expected = a @ b
        for threads in (1, 3):
            close(gemm(a, b, threads=threads, bits=bits), expected)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_scratch_memory_is_as_large_as_the_layout_says(dtype: str, bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for m, n, k in ((1, 1, 1), (13, 33, 17), (12, 32, 16), (24, 64, 3), (40, 100, 530)):
        for a in (values(m, k, dtype=dtype), values(k, m, dtype=dtype).T):
            for b in (values(k, n, dtype=dtype), values(n, k, dtype=dtype).T):
                memory = np.full(4 << 20, 77, np.uint8)
                start = -contraction.address_of(memory) % 64 + 64
                sizes: list[int] = []

                def scratch(size: int, memory: np.ndarray = memory, start: int = start, sizes: list[int] = sizes) -> int:
                    sizes.append(size)
                    return contraction.address_of(memory) + start

                monkeypatch.setattr(contraction, "scratch", scratch)
                close(gemm(a, b, threads=2, bits=bits), a @ b)
                assert (memory[:start] == 77).all()
                assert (memory[start + sizes[0] :] == 77).all()


def test_one_function_serves_all_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    gemm(values(3, 4), values(4, 5))
    monkeypatch.setattr(llvm, "load", lambda *args, **kwargs: pytest.fail("compiled again"))
    gemm(values(30, 4), values(4, 50).copy("F"), threads=2)


def test_what_is_refused() -> None:
    a, b = values(3, 4), values(4, 5)
    with pytest.raises(TypeError, match="float32 or two float64"):
        gemm(a.astype(np.float32), b)
    with pytest.raises(TypeError, match="float32 or two float64"):
        gemm(a.astype(int), b.astype(int))
    with pytest.raises(ValueError, match="cannot be multiplied"):
        gemm(a, a)
    with pytest.raises(ValueError, match="broadcast"):
        gemm(values(2, 3, 4), values(3, 4, 5))
    with pytest.raises(ValueError, match="out must be"):
        gemm(a, b, np.empty((3, 4)))
    with pytest.raises(ValueError, match="needs out"):
        gemm(a, b, accumulate=True)
    square = values(4, 4)
    with pytest.raises(ValueError, match="overlap"):
        gemm(square, square, square.T)


@pytest.mark.skipif(not guard_pages.SUPPORTED, reason="guard pages are Linux's")
@pytest.mark.parametrize("bits", WIDTHS)
def test_nothing_beyond_the_operands_is_read(bits: int) -> None:
    """Rows that lie side by side and do not fill their last panel, at the end of their memory."""
    code = f"""
import guard_pages
guard_pages.install("end")
import numpy as np
from pedigrad.codegen.gemm.contraction import gemm
for m, n, k in ((37, 70, 45), (5, 5, 5), (13, 9, 3), (70, 37, 45)):
    for a in (np.ones((m, k), np.float32), np.ones((k, m), np.float32).T):
        for b in (np.ones((k, n), np.float32), np.ones((n, k), np.float32).T):
            assert (gemm(a, b, bits={bits}) == k).all()
"""
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)))


def test_unaligned_operands() -> None:
    raw = np.zeros(8 * 12 + 8, np.uint8)
    start = (1 - contraction.address_of(raw)) % 8  # wherever the memory begins
    a = raw[start : start + 8 * 12].view("float64").reshape(3, 4)
    a[...] = values(3, 4)
    b = values(4, 5)
    close(gemm(a, b), a @ b)
    with pytest.raises(ValueError, match="aligned"):
        gemm(values(3, 2), values(2, 4), a)


def test_merged_dimensions() -> None:
    index = (Dimension(2, 60, 0, 60), Dimension(1, 5, 5, 5), Dimension(3, 20, 0, 20), Dimension(4, 5, 0, 5))
    assert contraction.merged(index) == (Dimension(24, 5, 0, 5),)
    assert contraction.merged((Dimension(2, 61, 0, 60), Dimension(3, 20, 0, 20))) == (Dimension(2, 61, 0, 60), Dimension(3, 20, 0, 20))
    assert contraction.merged(()) == (Dimension(1, 0, 0, 0),)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 2, 4, 5])
def test_few_rows_times_columns_that_lie_along_the_sums(rows: int, dtype: str, bits: int) -> None:
    for columns, k, apart in ((1, 7, 7), (3, 1, 1), (37, 100, 100), (70, 33, 40), (64, 64, 64), (5, 0, 3)):
        a, b = values(2, rows, k, dtype=dtype), values(2, columns, apart, dtype=dtype)[:, :, :k].swapaxes(1, 2)
        bias, before = values(columns, dtype=dtype), values(2, rows, columns, dtype=dtype)
        expected = a.astype("float64") @ b.astype("float64")
        once = gemm(a, b, bits=bits)
        close(once, expected)
        np.testing.assert_array_equal(gemm(a, b, threads=3, bits=bits), once)
        close(gemm(a, b[0], bits=bits), a.astype("float64") @ b[0].astype("float64"))
        close(gemm(a, b, epilogue=biased_relu, extra=[bias], bits=bits), np.maximum(expected + bias, 0))
        for out in views(np.zeros_like(before)):
            out[...] = before
            gemm(a, b, out, 2, accumulate=True, bits=bits)
            close(np.ascontiguousarray(out), before + expected)


@pytest.mark.parametrize("rows, is_gemv", [(1, True), (4, True), (5, False)])
def test_few_rows_are_not_packed(rows: int, is_gemv: bool) -> None:
    sizes = (rows, 300), (300, 500), (rows, 500)
    _, plan = contraction.product_layout(sizes, ((1200, 4), (4, 1200), (2000, 4)), "float32")
    assert plan.is_gemv == is_gemv
    _, plan = contraction.product_layout(sizes, ((1200, 4), (2000, 4), (2000, 4)), "float32")
    assert not plan.is_gemv, "its columns do not lie along the sums"


def test_scratch_memory_stays_where_a_call_was_told_it_is() -> None:
    """A signal's handler may want more of it before the call that it interrupts has run."""

    def kept() -> tuple[bool, bool]:
        contraction.scratch(1000)
        before = weakref.ref(contraction._own.memory)
        for size in (1 << 14, 1 << 15, 1 << 16):
            contraction.scratch(size)
        return before() is not None, sum(memory.nbytes for memory in contraction._own.outgrown) <= contraction._own.memory.nbytes

    with ThreadPoolExecutor(1) as another:
        assert another.submit(kept).result() == (True, True)
