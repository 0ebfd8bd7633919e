"""Products of narrow numbers: of 16-bit floats summed in float32, of bytes in int32, with and without the processor's own instructions."""

import ml_dtypes
import numpy as np
import pytest

import pedigrad as torch
from pedigrad.codegen.emit import llvm
from pedigrad.codegen.gemm import contraction
from pedigrad.codegen.gemm.microkernel import tile_for
from pedigrad.eager import native, product

KINDS = {"bfloat16": np.dtype(ml_dtypes.bfloat16), "float16": np.dtype(np.float16)}
SIZES = [(5, 7, 9), (33, 65, 70), (64, 1500, 50), (100, 31, 2), (1, 300, 77), (200, 64, 200), (3, 2100, 5)]
PROCESSORS = {  # features, and the name of a processor that has them
    "squares": (("amx-bf16", "amx-int8"), "sapphirerapids"),
    "dots": (("avx512bf16", "avx512vnni", "avx512vl"), "znver4"),
    "plain": ((), "generic"),
}


@pytest.fixture(params=PROCESSORS)
def processor(request, monkeypatch):
    """What the kernels that are made next may use; this machine must have it."""
    features, name = PROCESSORS[request.param]
    if not all(map(llvm.has_feature, features)) or (request.param == "squares" and not llvm.may_use_tiles()):
        features, name = PROCESSORS["plain"]  # the others are tried where they are
    real = llvm.host()
    monkeypatch.setattr(llvm, "has_feature", lambda feature: feature in features)
    monkeypatch.setattr("pedigrad.codegen.gemm.microkernel.llvm.host", lambda: (name, real[1]))
    forget()
    yield request.param
    monkeypatch.undo()
    forget()


def forget():
    """Have kernels and layouts made anew."""
    for each in (contraction.compiled, contraction.product_layout):
        each.cache_clear()
    product._signatures.clear()
    product._whole.clear()


def right(got, a, b, bias=0.0):
    """Whether a product is the exact one, summed in float32 and rounded once."""
    exact = a.astype(np.float64) @ b.astype(np.float64) + bias
    sums = np.abs(a.astype(np.float64)) @ np.abs(b.astype(np.float64))
    allowed = np.abs(exact) * float(ml_dtypes.finfo(got.dtype).eps) / 2 + sums * 2.0**-23 * a.shape[-1] ** 0.5 * 2
    return (np.abs(got.astype(np.float64) - exact) <= allowed * 1.01).all()


@pytest.mark.parametrize("name", KINDS)
def test_products_of_16_bit_floats_are_summed_in_float32_and_rounded_once(name, processor):
    rng, kind = np.random.default_rng(0), KINDS[name]
    for m, k, n in SIZES:
        for turned_a in (False, True):
            for turned_b in (False, True):
                a = rng.standard_normal((k, m) if turned_a else (m, k)).astype(kind)
                b = rng.standard_normal((n, k) if turned_b else (k, n)).astype(kind)
                a, b = a.T if turned_a else a, b.T if turned_b else b
                got = product.product(a, b, 1)
                assert got.dtype == kind
                assert right(got, a, b), (m, k, n, turned_a, turned_b)


@pytest.mark.parametrize("name", KINDS)
def test_a_bias_is_added_before_rounding_and_batches_and_strides_are_followed(name, processor):
    rng, kind = np.random.default_rng(1), KINDS[name]
    a, b = rng.standard_normal((4, 30, 82)).astype(kind)[:, :, 1::2], rng.standard_normal((4, 41, 50)).astype(kind)
    assert right(product.product(a, b, 1), a, b)
    bias = rng.standard_normal(50).astype(kind)
    assert right(product.product(a[0], b[0], 1, None, bias), a[0], b[0], bias.astype(np.float64))
    out = np.zeros((30, 100), kind)[:, ::2]
    assert product.product(a[0], b[0], 1, out) is out
    assert right(out, a[0], b[0])


@pytest.mark.parametrize("name", KINDS)
def test_products_of_16_bit_floats_have_the_same_bits_for_any_number_of_threads(name, processor):
    rng, kind = np.random.default_rng(2), KINDS[name]
    for m, k, n in ((150, 1300, 130), (1500, 100, 40)):
        a, b = rng.standard_normal((m, k)).astype(kind), rng.standard_normal((k, n)).astype(kind)
        one, *others = (product.product(a, b, threads).tobytes() for threads in (1, 2, 3, 5))
        assert all(other == one for other in others)


@pytest.mark.parametrize("bits", [128, 256, 512])
def test_kernels_for_other_registers_give_right_products(bits):
    if bits > llvm.vector_bits():
        bits = llvm.vector_bits()
    rng = np.random.default_rng(3)
    for name, kind in KINDS.items():
        for m, k, n in SIZES:
            a, b = rng.standard_normal((m, k)).astype(kind), rng.standard_normal((k, n)).astype(kind)
            out, sums = np.empty((m, n), kind), np.empty((m, n), np.float32)
            strides = (a.strides, b.strides, out.strides)
            swapped, plan = contraction.product_layout((a.shape, b.shape, out.shape), strides, name, bits=bits)
            contraction.run(contraction.compiled(name, None, bits), *((b, a) if swapped else (a, b)), sums, plan, 1, [out])
            assert right(out, a, b)


def test_infinities_and_nan_stay_in_their_rows_and_columns(processor):
    a, b = np.ones((70, 90), KINDS["bfloat16"]), np.ones((90, 70), KINDS["bfloat16"])
    a[3, 5], a[40, 2] = np.inf, np.nan
    got = product.product(a, b, 1).astype(np.float32)
    assert np.isinf(got[3]).all()
    assert np.isnan(got[40]).all()
    assert (np.delete(got, [3, 40], 0) == 90).all()


def test_products_of_bytes_are_exact(processor):
    rng = np.random.default_rng(4)
    for m, k, n in SIZES:
        a, b = rng.integers(0, 256, (m, k), np.uint8), rng.integers(-128, 128, (n, k), np.int8).T
        for threads in (1, 3):
            got = product.whole_product(a, b, threads)
            if processor == "plain":
                assert got is None
                with pytest.raises(NotImplementedError):
                    tile_for("int8", llvm.vector_bits())
            elif got is not None:
                assert (got == a.astype(np.int64) @ b.astype(np.int64)).all()


def test_a_quantized_linear_gives_the_same_with_and_without_products_of_bytes(monkeypatch):
    rng = np.random.default_rng(5)
    layer = torch.nn.Sequential(torch.nn.Linear(300, 200))
    quantized = torch.ao.quantization.quantize_dynamic(layer, {torch.nn.Linear}, dtype=torch.qint8)
    x = torch.tensor(rng.standard_normal((3, 25, 300)).astype(np.float32))
    found = quantized(x)
    monkeypatch.setattr(native, "whole_product", lambda *_: None)
    assert torch.equal(quantized(x), found)


def test_conversions_of_16_bit_floats_round_as_numpy_does():
    rng = np.random.default_rng(6)
    x = rng.integers(0, 2**32, native.LARGE + 5, np.uint32).view(np.float32)
    missing = np.isnan(x)
    for kind in KINDS.values():
        with np.errstate(invalid="ignore", over="ignore"):
            got, wanted = native.converted(x, kind), x.astype(kind)
        assert (got.view(np.uint16) == wanted.view(np.uint16))[~missing].all()
        assert np.isnan(got.astype(np.float32)[missing]).all()
        every = np.resize(np.arange(1 << 16, dtype=np.uint16), native.LARGE + 5).view(kind)
        np.testing.assert_array_equal(native.converted(every, np.dtype(np.float32)), every.astype(np.float32))


NARROW = [torch.bfloat16, torch.float16]


def compiled_gives(function, *args):
    """What a function gives once it runs compiled; where it does not, that is a warning."""
    compiled = torch.compile(function)
    for _ in range(3):
        found = compiled(*args)
    return found


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", NARROW)
def test_compiled_chains_of_16_bit_floats_round_each_result(dtype):
    torch.manual_seed(0)
    x, y = torch.randn(50, 60).to(dtype), torch.randn(60).to(dtype)

    def chain(x, y):
        z = (x * y + 1).exp() - y / 2
        return z.tanh(), z > 0, torch.where(z > 0, z, -y), z.sum(1), z.max(0).values, z.float() * 3, torch.cat([z, x])

    for eager, found in zip(chain(x, y), compiled_gives(chain, x, y), strict=True):
        assert found.dtype == eager.dtype
        difference = (found.float() - eager.float()).abs().max()
        assert difference <= torch.finfo(dtype).eps * eager.float().abs().max()
    first = ((x * y + 1) * y) - x
    assert torch.equal(compiled_gives(lambda x, y: ((x * y + 1) * y) - x, x, y), first)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", NARROW)
def test_compiled_training_under_autocast_gives_what_eager_gives(dtype):
    nn = torch.nn
    torch.manual_seed(0)
    x = torch.randn(40, 64)
    results = []
    for compile in (lambda f: f, torch.compile):
        torch.manual_seed(1)
        model = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.LayerNorm(128), nn.Linear(128, 32))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

        def step(model=model, optimizer=optimizer):
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=dtype):
                loss = model(x).float().square().mean()
            loss.backward()
            optimizer.step()
            return loss.detach()

        run = compile(step)
        results.append([run().item() for _ in range(6)])
    np.testing.assert_allclose(results[1], results[0], rtol=2e-3)


@pytest.mark.filterwarnings("error")
def test_a_compiled_bfloat16_model_gives_what_eager_gives():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 32)).to(torch.bfloat16)
    x = torch.randn(200, 64).bfloat16()
    eager, found = model(x).detach().float(), compiled_gives(model, x).detach().float()
    assert (found - eager).abs().max() <= 2.0**-7 * eager.abs().max()
