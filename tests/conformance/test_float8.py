"""8-bit floats: casts, bits and limits are PyTorch's."""

import pytest

torch = pytest.importorskip("torch")

import pedigrad  # noqa: E402

NAMES = ["float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu"]
VALUES = [0.1, 1.5, -3.0, 0.0, 500.0, 1000.0, 1e-3, 1e6, 7e4, 449.0, 241.0, -1e-5, 2.0**-9, 2.0**-127, float("inf"), -float("inf")]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("source", ["float32", "float64", "bfloat16", "int32"])
def test_casts(name, source):
    def run(t):
        values = [v for v in VALUES if source != "int32" or (abs(v) < 1e6 and v == int(v))]
        x = t.tensor(values, dtype=getattr(t, source)).to(getattr(t, name))
        back = x.float()
        return x.dtype.itemsize, x.view(t.uint8).tolist() if not back.isnan().any() else None, str(back.tolist()), x.clone()[1:].shape

    assert run(pedigrad) == run(torch)


@pytest.mark.parametrize("name", NAMES)
def test_bits_and_limits(name):
    def run(t):
        kind = getattr(t, name)
        bits = t.arange(256).to(t.uint8).view(kind)
        info = t.finfo(kind)
        limits = [info.max, info.min, info.eps, info.tiny, info.bits]
        return str(bits.float().tolist()), limits, t.zeros(2, dtype=kind).view(t.uint8).tolist() if "e8m0" not in name else None

    assert run(pedigrad) == run(torch)


def test_sums_are_not_of_eight_bits():
    x = pedigrad.ones(64).to(pedigrad.float8_e5m2)
    assert x.sum().item() == 64 and x.mean().item() == 1


def test_names_without_tensors():
    assert str(pedigrad.complex32) == "torch.complex32" and pedigrad.chalf is pedigrad.complex32
    with pytest.raises(TypeError, match="quantize_per_tensor"):
        pedigrad.zeros(2, dtype=pedigrad.qint8)
