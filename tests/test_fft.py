"""torch.fft beside its operators' values: where names are, names of nodes, dtypes, no signals."""

import pytest

import pedigrad as torch


def test_names():
    assert {"fft", "irfftn", "ihfft2", "fftfreq", "fftshift"} <= set(torch.fft.__all__)
    x = torch.ones(4, requires_grad=True)
    assert type(torch.fft.rfft(x).grad_fn).__name__ == "FftR2CBackward0"
    assert type(torch.fft.irfft(x).grad_fn).__name__ == "FftC2RBackward0"


def test_precision_stays():
    assert torch.fft.fft(torch.ones(4)).dtype is torch.complex64
    assert torch.fft.irfft(torch.ones(4, dtype=torch.complex128)).dtype is torch.float64
    with pytest.raises(RuntimeError, match="Unsupported dtype Half"):
        torch.fft.fft(torch.ones(4, dtype=torch.float16))


def test_there_and_back():
    x = torch.randn(3, 5, 7, dtype=torch.float64)
    for norm in (None, "forward", "ortho"):
        assert torch.allclose(torch.fft.irfftn(torch.fft.rfftn(x, norm=norm), x.shape, norm=norm), x)
    assert torch.equal(torch.fft.ifftshift(torch.fft.fftshift(x)), x)


def test_no_signals():
    assert torch.fft.fft(torch.ones(0, 3)).shape == (0, 3)
    assert torch.fft.rfft(torch.ones(0, 3)).shape == (0, 2)
    assert torch.fft.irfft(torch.ones(0, 3)).shape == (0, 4)
    assert torch.fft.fftn(torch.ones(2), dim=()).dtype is torch.complex64
