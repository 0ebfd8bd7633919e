"""Making tensors: dtypes of data, sizes by name, `out=`."""

import numpy as np
import pytest

import pedigrad as torch


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        ([1, 2.5, True], torch.float32),
        ([np.float64(1)], torch.float64),
        ([1.0, np.float64(2)], torch.float64),
        ([np.float32(1), 2], torch.float32),
        ([np.float16(1), 2.0], torch.float32),
        ([[np.float32(1)], [2]], torch.float32),
        ([np.int64(1), 2.5], torch.float32),
        ([np.complex64(1j), 1.0], torch.complex64),
        ([np.array([1.0, 2.0]), np.array([3.0, 4.0])], torch.float64),
        ([torch.tensor(1.0, dtype=torch.float64), 2], torch.float64),
        ([torch.tensor(1), torch.tensor(2.0)], torch.float32),
        (range(3), torch.int64),
        ([], torch.float32),
        ([[]], torch.float32),
    ],
)
def test_dtype_of_data(data, dtype):
    assert torch.tensor(data).dtype is dtype


def test_data_that_is_no_number():
    with pytest.raises(RuntimeError, match="Could not infer dtype of NoneType"):
        torch.tensor([None])
    with pytest.raises(TypeError, match="invalid data type 'str'"):
        torch.tensor("a")
    for data in (2**63, [2**64]):
        with pytest.raises(ValueError, match="Overflow"):
            torch.tensor(data)
    with pytest.raises(RuntimeError, match="without overflow"):
        torch.tensor([float("nan")], dtype=torch.int64)


def test_negative_numbers_in_unsigned_dtypes():
    assert torch.tensor([-1, 5], dtype=torch.uint8).tolist() == [255, 5]
    with pytest.raises(RuntimeError, match="without overflow"):
        torch.tensor(-256, dtype=torch.uint8)
    with pytest.raises(RuntimeError, match="without overflow"):
        torch.tensor(300, dtype=torch.uint8)


def test_sizes_by_name():
    for make in (torch.zeros, torch.ones, torch.empty, torch.rand, torch.randn):
        assert make(size=(2, 3)).shape == (2, 3)
        with pytest.raises(TypeError, match="'size'"):
            make()
    assert torch.randint(high=5, size=(2,)).shape == (2,)
    assert torch.ones(1).new_zeros(size=(2,)).shape == (2,)
    with pytest.raises(TypeError):
        torch.ones("a")


def test_arange_by_name():
    assert torch.arange(end=3).tolist() == [0, 1, 2]
    assert torch.arange(start=1, end=3).tolist() == [1, 2]
    with pytest.raises(TypeError, match="end"):
        torch.arange()


def test_out_is_written_in_place():
    out = torch.ones(3)
    view, memory = out[:2], out.numpy()
    assert torch.arange(3, out=out) is out
    assert view.tolist() == [0, 1]
    assert memory.tolist() == [0, 1, 2]
    assert torch.zeros(5, out=out).shape == (5,)
    with pytest.raises(RuntimeError, match="out="):
        torch.zeros(3, out=torch.ones(3, requires_grad=True))


def test_new():
    x = torch.ones(1, dtype=torch.float64)
    assert x.new(2, 3).shape == (2, 3)
    assert x.new(2, 3).dtype is torch.float64
    assert x.new([1, 2]).tolist() == [1, 2]
    assert x.new().shape == (0,)


def test_asarray_keeps_requires_grad():
    x = torch.ones(2, requires_grad=True)
    assert torch.asarray(x).requires_grad
    assert not torch.asarray(x, requires_grad=False).requires_grad
