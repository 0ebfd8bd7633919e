"""Windows, and signals in frames that overlap."""

import math

import pytest

import pedigrad as torch
from pedigrad.signal import windows


def test_windows_end_where_they_should():
    assert torch.allclose(torch.hann_window(4), torch.tensor([0.0, 0.5, 1.0, 0.5]))
    assert torch.allclose(torch.hamming_window(3, False), torch.tensor([0.08, 1.0, 0.08]))
    assert torch.allclose(torch.hamming_window(3, False, 0.5, 0.4), torch.tensor([0.1, 0.9, 0.1]))
    assert torch.allclose(torch.bartlett_window(5, False), torch.tensor([0.0, 0.5, 1.0, 0.5, 0.0]))
    assert torch.allclose(torch.kaiser_window(3, False, 2.0)[0], 1 / torch.special.i0(torch.tensor(2.0)))
    assert abs(torch.blackman_window(6, dtype=torch.float64)[0].item()) < 1e-12
    for make in (torch.hann_window, torch.kaiser_window):
        assert make(0).shape == (0,) and make(1).tolist() == [1.0]


@pytest.mark.parametrize("name", windows.__all__)
def test_windows_are_symmetric_or_periods(name):
    options = {"a": [0.6, 0.4]} if name == "general_cosine" else {}
    make = getattr(windows, name)
    w = make(7, dtype=torch.float64, **options)
    assert torch.allclose(w, w.flip(0)) and abs(w[3].item() - 1) < 1e-12
    assert torch.allclose(make(6, sym=False, dtype=torch.float64, **options), w[:6])
    assert make(0, **options).shape == (0,) and make(1, **options).tolist() == [1.0]
    with pytest.raises(ValueError, match="expects float32 or float64"):
        make(4, dtype=torch.int64, **options)
    with pytest.raises(ValueError, match="non-negative"):
        make(-1, **options)


def test_refused():
    for wrong in (lambda: windows.kaiser(4, beta=-1), lambda: windows.gaussian(4, std=0), lambda: windows.exponential(4, tau=0)):
        with pytest.raises(ValueError):
            wrong()
    with pytest.raises(RuntimeError, match="hann_window expects floating"):
        torch.hann_window(4, dtype=torch.int64)
    with pytest.raises(RuntimeError, match="return_complex"):
        torch.stft(torch.ones(20), 8, window=torch.ones(8))
    with pytest.raises(RuntimeError, match="win_length"):
        torch.stft(torch.ones(20), 8, win_length=9, return_complex=True)
    with pytest.raises(RuntimeError, match="complex-valued"):
        torch.istft(torch.ones(5, 3), 8, window=torch.ones(8))
    with pytest.raises(RuntimeError, match="window overlap add min"):
        torch.istft(torch.ones(5, 3) + 0j, 8, window=torch.zeros(8))


def test_no_window_is_said():
    with pytest.warns(UserWarning, match="no window"):
        torch.stft(torch.ones(20), 8, return_complex=True)


@pytest.mark.parametrize("hop", [2, 3, 8])
def test_there_and_back(hop):
    x = torch.randn(2, 64, dtype=torch.float64)
    window = torch.hann_window(8, dtype=torch.float64) + 0.1
    there = torch.stft(x, 8, hop, window=window, return_complex=True)
    assert torch.allclose(torch.istft(there, 8, hop, window=window, length=64), x)


def test_frames_start_where_the_window_does():
    x = torch.arange(20.0)
    aligned = torch.stft(x, 8, 2, 4, torch.ones(4), center=False, align_to_window=True, return_complex=True)
    assert aligned.shape == (5, 9)
    assert math.isclose(aligned[0, 0].real.item(), 0 + 1 + 2 + 3, rel_tol=1e-6)
